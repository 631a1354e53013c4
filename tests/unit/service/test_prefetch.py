"""The prefetch templates: what an EHR is asked for, and that it can be asked."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, unquote

import pytest

from cds_cards.coding import LOINC, Code
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from service.discovery import discovery
from service.prefetch import KEYS, REQUIRED_KEYS, SEARCHED, prefetch_templates
from tests.contract.conformance import check_discovery


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    """The guideline with the policy that comes with it."""
    return load_guideline()


def codes(guideline: Guideline) -> list[str]:
    """The codes that the Observation template asks for."""
    _, _, search = prefetch_templates(guideline)["observations"].partition("?")
    return parse_qs(search)["code"][0].split(",")


def test_the_keys_of_the_contract() -> None:
    required = ("patient", "observations", "medications", "conditions")
    assert required == REQUIRED_KEYS
    assert (*required, "allergies", "procedures", "referrals", "administrations") == KEYS


def test_every_key_has_its_template(guideline: Guideline) -> None:
    templates = prefetch_templates(guideline)
    assert tuple(templates) == KEYS
    assert templates.pop("patient") == "Patient/{{context.patientId}}"
    for key, template in templates.items():
        assert template.startswith(f"{SEARCHED[key]}?patient={{{{context.patientId}}}}")


def test_every_known_loinc_code_is_asked_for_once(guideline: Guideline) -> None:
    asked = codes(guideline)
    known = {code.code for concept in guideline.observations.values() for code in concept.codes if code.system == LOINC}
    assert known
    assert known <= set(asked)
    assert len(asked) == len(set(asked))
    assert {"respiratory-symptoms", "imaging", "clinician-impression"} <= set(asked)


def test_newest_observations_first_and_paged(guideline: Guideline) -> None:
    template = prefetch_templates(guideline)["observations"]
    assert template.endswith("&_sort=-date&_count=500")


def test_local_codes_of_the_site_are_asked_for_too(guideline: Guideline) -> None:
    local = {"anti-mda5": (Code("urn:oid:1.2.3", "MDA5,IgG|x $", "anti-MDA5 IgG"),)}
    site = replace(guideline, policy=replace(guideline.policy, local_codes=local))
    template = prefetch_templates(site)["observations"]
    assert r"MDA5\,IgG\|x \$" in unquote(template)
    assert " " not in template
    assert check_discovery(discovery(site)) == []


def test_discovery_lists_the_three_services(guideline: Guideline) -> None:
    body = discovery(guideline)
    assert check_discovery(body) == []
    services = body["services"]
    assert isinstance(services, list)
    assert [(service["id"], service["hook"]) for service in services] == [
        ("mda5-rpild-patient-view", "patient-view"),
        ("mda5-rpild-order-select", "order-select"),
        ("mda5-rpild-order-sign", "order-sign"),
    ]
    assert {service["version"] for service in services} == {"3.0.0"}
    assert {service["hookVersion"] for service in services} == {"1.0"}
