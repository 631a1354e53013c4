"""The manifests of deploy/kubernetes/: valid, of one mind with code and image, different only where they should be."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.deploy import cluster_checks, pod_checks
from tests.deploy.manifests import OVERLAYS, ROOT, Manifests, Problems, render

# not again under the second Python: what is looked at here does not depend on it
pytestmark = pytest.mark.load

Check = Callable[[Manifests], Problems]
CHECKS: tuple[Check, ...] = (
    pod_checks.schemas,
    pod_checks.ports,
    pod_checks.routes,
    pod_checks.settings,
    pod_checks.database,
    pod_checks.commands,
    pod_checks.restricted,
    pod_checks.volumes,
    pod_checks.secrets,
    cluster_checks.stopping,
    cluster_checks.availability,
    cluster_checks.sizes,
    cluster_checks.ingress,
    cluster_checks.network,
    cluster_checks.selectors,
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifests]:
    return {overlay: render(overlay, tmp_path_factory.mktemp(overlay)) for overlay in OVERLAYS}


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_must_hold(check: Check, overlay: str, rendered: dict[str, Manifests]) -> None:
    assert list(check(rendered[overlay])) == []


# ── each check can fail ──


def pod(*path: str | int, to: object) -> Callable[[Manifests], None]:
    """Sets something of the pod; None takes it away."""
    return lambda manifests: _set(manifests.pod, path, to)


def of(kind: str, *path: str | int, to: object, name: str = "") -> Callable[[Manifests], None]:
    return lambda manifests: _set(manifests.one(kind, name), path, to)


def setting(name: str, to: str | None) -> Callable[[Manifests], None]:
    return of("ConfigMap", "data", f"MDA5_CDS_{name}", to=to, name="mda5-cds-settings")


def _set(found: Any, path: tuple[str | int, ...], to: object) -> None:
    *way, last = path
    for step in way:
        found = found[step]
    if to is None:
        del found[last]
    else:
        found[last] = to


CONTAINER = ("containers", 0)
VERIFIED = "sslmode=verify-full&sslrootcert=/etc/mda5-cds/database-ca.pem"
OTHERS = {"matchLabels": {"app": "mda5-cds"}}
MUTATIONS: tuple[tuple[Check, Callable[[Manifests], None]], ...] = (
    (pod_checks.schemas, pod("hostNetwrok", to=True)),
    (pod_checks.schemas, pod(*CONTAINER, "resources", "limits", "memory", to=[])),
    (pod_checks.schemas, of("PodDisruptionBudget", "apiVersion", to="policy/v1beta1")),
    (pod_checks.ports, pod(*CONTAINER, "ports", 0, "containerPort", to=8080)),
    (pod_checks.ports, pod(*CONTAINER, "livenessProbe", "httpGet", "port", to="web")),
    (pod_checks.ports, of("Service", "spec", "ports", 0, "targetPort", to="web")),
    (pod_checks.ports, of("Service", "spec", "ports", 0, "name", to="web")),
    (pod_checks.ports, of("ServiceMonitor", "spec", "endpoints", 0, "port", to="web")),
    (pod_checks.routes, pod(*CONTAINER, "readinessProbe", "httpGet", "path", to="/health")),
    (pod_checks.routes, pod(*CONTAINER, "livenessProbe", "httpGet", "path", to="/health/ready")),
    (pod_checks.routes, of("ServiceMonitor", "spec", "endpoints", 0, "path", to="/metric")),
    (pod_checks.routes, of("Ingress", "spec", "rules", 0, "http", "paths", 0, "path", to="/")),
    (pod_checks.settings, setting("FHIR_SERVER", "https://ehr.example.org")),
    (pod_checks.settings, setting("MODE", "loud")),
    (pod_checks.settings, setting("PUBLIC_URL", None)),
    (pod_checks.settings, setting("TRUSTED_CLIENTS", "/etc/mda5-cds/clients.json")),
    (pod_checks.settings, setting("HASH_KEY_FILE", "/run/secrets/hash-key")),
    (pod_checks.settings, setting("INSECURE", "true")),
    (pod_checks.settings, of("ConfigMap", "data", "policy.toml", to="zona = 'UTC'", name="mda5-cds-site")),
    (pod_checks.settings, of("ConfigMap", "data", "trusted-clients.json", to='{"clients": []}', name="mda5-cds-site")),
    (pod_checks.settings, pod("enableServiceLinks", to=None)),
    (pod_checks.database, setting("DATABASE_URL", "sqlite:////var/lib/mda5-cds/mda5-cds.sqlite3")),
    (pod_checks.database, setting("DATABASE_URL", f"postgresql://u:secret@db/x?service=s&{VERIFIED}")),
    (pod_checks.database, setting("DATABASE_URL", "postgresql://u@db/x?service=mda5-cds")),
    (pod_checks.database, setting("DATABASE_URL", "postgresql://u@db/x?service=s&sslmode=verify-full&sslrootcert=/ca")),
    (pod_checks.database, pod(*CONTAINER, "env", 0, "value", to="/run/secrets/mda5-cds/services")),
    (pod_checks.database, pod("initContainers", 0, "env", to=None)),
    (pod_checks.database, pod("initContainers", 0, "volumeMounts", 2, to=None)),
    (pod_checks.commands, pod(*CONTAINER, "args", to=["serve"])),
    (pod_checks.commands, pod("initContainers", 0, "command", to=["mda5-cds", "upgrade"])),
    (pod_checks.commands, pod("initContainers", 0, "command", to=["mda5-cds", "migrate"])),
    (pod_checks.commands, pod("initContainers", 0, "image", to="mda5-cds:0.0.9")),
    (pod_checks.restricted, pod("securityContext", "runAsUser", to=1000)),
    (pod_checks.restricted, pod("securityContext", "runAsNonRoot", to=None)),
    (pod_checks.restricted, pod("securityContext", "seccompProfile", to=None)),
    (pod_checks.restricted, pod(*CONTAINER, "securityContext", "readOnlyRootFilesystem", to=False)),
    (pod_checks.restricted, pod("initContainers", 0, "securityContext", "capabilities", to={"drop": ["NET_RAW"]})),
    (pod_checks.restricted, pod("automountServiceAccountToken", to=True)),
    (pod_checks.restricted, pod("hostNetwork", to=True)),
    (pod_checks.volumes, pod("volumes", 0, "name", to="temporary")),
    (pod_checks.volumes, pod("volumes", 1, "emptyDir", "sizeLimit", to=None)),
    (pod_checks.volumes, pod("volumes", 3, "secret", "defaultMode", to=0o444)),
    (pod_checks.volumes, pod("volumes", 2, "configMap", "name", to="mda5-cds-site")),
    (pod_checks.volumes, pod(*CONTAINER, "volumeMounts", 0, "mountPath", to="/var/lib/mda5-cds")),
    (pod_checks.secrets, pod(*CONTAINER, "env", 0, to={"name": "PGPASSWORD", "value": "secret"})),
    (pod_checks.secrets, pod("volumes", 3, "secret", "items", 0, "key", to="database-url")),
    (pod_checks.secrets, pod("volumes", 3, "secret", "secretName", to="mda5-cds-hash")),
    (pod_checks.secrets, lambda manifests: manifests.objects.append({"kind": "Secret", "metadata": {"name": "x"}})),
    (cluster_checks.stopping, pod("terminationGracePeriodSeconds", to=29)),
    (cluster_checks.stopping, setting("FHIR_BUDGET_SECONDS", "20")),
    (cluster_checks.stopping, pod(*CONTAINER, "lifecycle", "preStop", "sleep", "seconds", to=0)),
    (cluster_checks.availability, of("Deployment", "spec", "strategy", "rollingUpdate", "maxUnavailable", to=1)),
    (cluster_checks.availability, of("Deployment", "spec", "replicas", to=1)),
    (cluster_checks.availability, of("HorizontalPodAutoscaler", "spec", "minReplicas", to=1)),
    (cluster_checks.availability, of("HorizontalPodAutoscaler", "spec", "scaleTargetRef", "name", to="cds")),
    (cluster_checks.availability, of("PodDisruptionBudget", "spec", "maxUnavailable", to=2)),
    (cluster_checks.availability, pod("topologySpreadConstraints", 0, "whenUnsatisfiable", to="ScheduleAnyway")),
    (cluster_checks.sizes, pod(*CONTAINER, "resources", "limits", "memory", to="2Gi")),
    (cluster_checks.sizes, pod(*CONTAINER, "resources", "requests", "memory", to="128Mi")),
    (cluster_checks.sizes, pod(*CONTAINER, "resources", "limits", "cpu", to=None)),
    (cluster_checks.sizes, of("HorizontalPodAutoscaler", "spec", "maxReplicas", to=4)),
    (cluster_checks.ingress, setting("PUBLIC_URL", "https://elsewhere.example.org")),
    (cluster_checks.ingress, of("Ingress", "spec", "tls", to=None)),
    (cluster_checks.ingress, setting("MAX_BODY_BYTES", "33554432")),
    (cluster_checks.network, of("NetworkPolicy", "spec", "policyTypes", to=["Ingress"], name="default")),
    (cluster_checks.network, of("NetworkPolicy", "spec", "ingress", 0, "from", to=None, name="mda5-cds-from")),
    (cluster_checks.network, of("NetworkPolicy", "spec", "egress", 0, "to", to=None, name="mda5-cds-to-ehr")),
    (cluster_checks.network, of("NetworkPolicy", "spec", "egress", 0, "ports", to=None, name="mda5-cds-to-database")),
    (
        cluster_checks.network,
        of("NetworkPolicy", "spec", "egress", 0, "to", 0, "ipBlock", "cidr", to="0.0.0.0/0", name="mda5-cds-to-ehr"),
    ),
    (cluster_checks.selectors, of("Service", "spec", "selector", to={"app": "mda5-cds"})),
    (cluster_checks.selectors, of("ServiceMonitor", "spec", "selector", "matchLabels", to={"app": "mda5-cds"})),
    (cluster_checks.selectors, of("NetworkPolicy", "spec", "podSelector", to=OTHERS, name="mda5-cds-to-dns")),
    (cluster_checks.selectors, of("HorizontalPodAutoscaler", "metadata", "labels", to=None)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("check", "mutate"), MUTATIONS, ids=[f"{check.__name__}-{n}" for n, (check, _) in enumerate(MUTATIONS)]
)
def test_each_check_can_fail(check: Check, mutate: Callable[[Manifests], None], rendered: dict[str, Manifests]) -> None:
    mutant = Manifests(copy.deepcopy(rendered["production"].objects))
    mutate(mutant)
    assert list(check(mutant))


def test_every_check_was_seen_to_fail() -> None:
    assert {check for check, _ in MUTATIONS} == set(CHECKS)


# ── the overlays ──

DIFFERENCES = {
    "metadata.namespace",
    "Namespace.metadata.name",
    "ConfigMap/mda5-cds-settings.metadata.name",
    "ConfigMap/mda5-cds-settings.data.MDA5_CDS_PUBLIC_URL",
    "ConfigMap/mda5-cds-settings.data.MDA5_CDS_FHIR_SERVERS",
    "ConfigMap/mda5-cds-settings.data.MDA5_CDS_DATABASE_URL",
    "ConfigMap/mda5-cds-settings.data.MDA5_CDS_MODE",
    "ConfigMap/mda5-cds-settings.data.MDA5_CDS_ALLOW_AS_OF",
    "ConfigMap/mda5-cds-site.metadata.name",
    "ConfigMap/mda5-cds-site.data.trusted-clients.json",
    "Deployment/mda5-cds.spec.template.spec.initContainers.0.image",
    "Deployment/mda5-cds.spec.template.spec.containers.0.image",
    "Deployment/mda5-cds.spec.template.spec.initContainers.0.envFrom.0.configMapRef.name",
    "Deployment/mda5-cds.spec.template.spec.containers.0.envFrom.0.configMapRef.name",
    "Deployment/mda5-cds.spec.template.spec.volumes.2.configMap.name",
    "Ingress/mda5-cds.spec.rules.0.host",
    "Ingress/mda5-cds.spec.tls.0.hosts.0",
    "NetworkPolicy/mda5-cds-to-ehr.spec.egress.0.to.0.ipBlock.cidr",
    "NetworkPolicy/mda5-cds-to-database.spec.egress.0.to.0.ipBlock.cidr",
}


def differences(one: Manifests, other: Manifests) -> set[str]:
    """Where two overlays differ, the kinds that only one of them has left out."""
    shared = {each["kind"] for each in one.objects} & {each["kind"] for each in other.objects}
    first, second = (dict(_flat(each, shared)) for each in (one, other))
    return {
        re.sub(r".*\.metadata\.namespace", "metadata.namespace", path)
        for path in first.keys() | second.keys()
        if first.get(path) != second.get(path)
    }


def _flat(manifests: Manifests, kinds: set[str]) -> Iterator[tuple[str, object]]:
    for each in manifests.objects:
        if each["kind"] in kinds:
            name = re.sub(r"-(?=\w*\d)\w{10}$", "", each["metadata"]["name"])
            yield from _leaves("Namespace" if each["kind"] == "Namespace" else f"{each['kind']}/{name}", each)


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if below is None:
        yield path, value
        return
    for step, each in below:
        yield from _leaves(f"{path}.{step}", each)


def test_the_overlays_differ_only_where_they_should(rendered: dict[str, Manifests]) -> None:
    assert differences(rendered["test"], rendered["production"]) == DIFFERENCES
    mutant = Manifests(copy.deepcopy(rendered["test"].objects))
    pod("securityContext", "runAsUser", to=0)(mutant)
    found = differences(mutant, rendered["production"]) - DIFFERENCES
    assert found == {"Deployment/mda5-cds.spec.template.spec.securityContext.runAsUser"}


def test_only_production_asks_for_the_prometheus_operator(rendered: dict[str, Manifests]) -> None:
    kinds = {overlay: {each["kind"] for each in rendered[overlay].objects} for overlay in OVERLAYS}
    assert kinds["production"] - kinds["test"] == pod_checks.UNKNOWN_KINDS
    assert kinds["test"] <= kinds["production"]


def test_production_runs_an_image_by_digest_and_test_this_version(rendered: dict[str, Manifests]) -> None:
    assert re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", rendered["production"].container["image"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert rendered["test"].container["image"].endswith(f"/mda5-cds:{version}")


def test_production_begins_silent_and_at_its_own_time(rendered: dict[str, Manifests]) -> None:
    said = rendered["production"].settings
    assert said["MDA5_CDS_MODE"] == "silent"
    assert "MDA5_CDS_ALLOW_AS_OF" not in said
