"""What the monitoring of deploy/kubernetes/ asks for is what the service tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.fhir.access import Outcome
from service.prefetch import KEYS
from service.telemetry.metrics import Metrics
from tests.deploy.manifests import KUBERNETES, Object
from tests.pages import first_column

# not again under the second Python: what is looked at here does not depend on it
pytestmark = pytest.mark.load


def rules() -> list[Object]:
    said = yaml.safe_load((KUBERNETES / "monitoring" / "alerts.yaml").read_text(encoding="utf-8"))
    return [rule for group in said["spec"]["groups"] for rule in group["rules"]]


def samples() -> dict[str, set[str]]:
    """Every sample that the service tells, with its labels."""
    metrics = Metrics()
    metrics.call("mda5-rpild-patient-view", "https://ehr.example.org", 200, 0.02)
    metrics.refused(401, "BadToken")
    metrics.card("rec-2", "warning", "live")
    metrics.prefetch("https://ehr.example.org", "patient", "given")
    metrics.fhir_fetch("patient", "ok", 0.02)
    metrics.feedback("accepted")
    families = text_string_to_metric_families(metrics.exposition()[0].decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


SERVICES = ("mda5-rpild-patient-view", "mda5-rpild-order-select", "mda5-rpild-order-sign")
VALUES = {
    "service": SERVICES,
    "outcome": get_args(Outcome),
    "status": ("200", "401", "403", "412", "500", "503"),
    "key": KEYS,
}


def flaws(expression: str) -> Iterator[str]:
    """What an expression names that the service does not tell."""
    told = samples()
    for name, matchers in re.findall(r"(mda5_cds_\w+)(?:\{([^}]*)\})?", expression):
        if name not in told:
            yield f"there is no {name}"
        for label, how, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', matchers):
            if label not in told.get(name, set()):
                yield f"{name} has no {label}"
            alternatives = value.split("|") if "~" in how else [re.escape(value)]
            if not all(any(re.fullmatch(each, known) for known in VALUES.get(label, ())) for each in alternatives):
                yield f"{label} is never {value}"
    labels = {label for found in told.values() for label in found}
    for group in re.findall(r"\b(?:by|without) ?\(([^)]*)\)", expression):
        yield from (f"nothing has {label}" for label in re.split(r",\s*", group) if label not in labels)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_the_service_tells(rule: Object) -> None:
    assert "mda5_cds_" in rule["expr"]
    assert list(flaws(rule["expr"])) == []
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]


@pytest.mark.parametrize(
    "expression",
    [
        "mda5_cds_store_gone == 1",
        'mda5_cds_calls_total{code="500"}',
        'mda5_cds_fhir_fetch_seconds_count{outcome!="given"}',
        'mda5_cds_calls_total{service=~"mda5-rpld.*"}',
        "sum by (pod_name) (mda5_cds_store_lost)",
    ],
)
def test_an_alert_that_asks_for_something_else_is_noticed(expression: str) -> None:
    assert list(flaws(expression))


def test_every_alert_is_explained() -> None:
    assert first_column("deploy.md", "What to watch") == [rule["alert"] for rule in rules()]


def test_the_service_monitor_is_one_by_its_operators_description() -> None:
    """No schema of Kubernetes knows it: its members by hand."""
    said = yaml.safe_load((KUBERNETES / "monitoring" / "service-monitor.yaml").read_text(encoding="utf-8"))
    assert said["apiVersion"] == "monitoring.coreos.com/v1"
    assert said["spec"].keys() == {"jobLabel", "selector", "endpoints"}
    assert said["spec"]["selector"].keys() == {"matchLabels"}
    (endpoint,) = said["spec"]["endpoints"]
    assert endpoint.keys() == {"port", "path", "interval", "scrapeTimeout"}
    assert int(endpoint["scrapeTimeout"].rstrip("s")) < int(endpoint["interval"].rstrip("s"))
