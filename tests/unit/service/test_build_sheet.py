"""The build sheet: what an EHR team types is what the code uses, to the letter."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from flask import Flask
from flask.testing import FlaskClient

import fixtures
from cds_cards.card import Topic
from cds_cards.coding import Code
from cds_cards.knowledge import load_guideline
from cds_cards.reasons import override_reasons
from service.build_sheet import WITHOUT, build_sheet, build_sheet_json
from service.discovery import SERVICES, discovery
from service.prefetch import KEYS, REQUIRED_KEYS, SEARCHED, prefetch_templates
from service.settings import Settings
from tests.conftest import NOW

GUIDELINE = load_guideline()
PUBLIC = "https://cds.example.org/mda5"
SETTINGS = Settings(auth="jwt", public_url=PUBLIC, fhir_servers=("https://ehr.example.org/fhir",))
SHEET = build_sheet_json(SETTINGS, GUIDELINE)
TEXT = build_sheet(SETTINGS, GUIDELINE)
LINES = TEXT.splitlines()


def test_each_query_stands_whole_on_its_line() -> None:
    templates = prefetch_templates(GUIDELINE)
    assert {item["key"]: item["query"] for item in SHEET["prefetch"]} == templates
    assert [line for line in LINES if line in templates.values()] == list(templates.values())
    assert tuple(item["key"] for item in SHEET["prefetch"]) == KEYS


def test_it_says_what_discovery_says() -> None:
    for told, service in zip(discovery(GUIDELINE)["services"], SHEET["services"], strict=True):  # type: ignore[call-overload]
        assert told["prefetch"] == {item["key"]: item["query"] for item in SHEET["prefetch"]}
        assert {name: told[name] for name in ("id", "hook", "title")} == {
            name: service[name] for name in ("id", "hook", "title")
        }


def test_the_local_codes_of_the_site_are_in_the_query() -> None:
    policy = replace(GUIDELINE.policy, local_codes={"ferritin": (Code("https://lab.example.org", "FERR-LOCAL", ""),)})
    sheet = build_sheet(SETTINGS, replace(GUIDELINE, policy=policy))
    assert "FERR-LOCAL" in sheet
    assert "FERR-LOCAL" not in TEXT


def test_required_keys_are_told_apart() -> None:
    assert tuple(item["key"] for item in SHEET["prefetch"] if item["required"]) == REQUIRED_KEYS
    for key in KEYS:
        assert f"  {key} ({'required' if key in REQUIRED_KEYS else 'optional'})" in LINES
    assert tuple(WITHOUT) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_without_a_key_what_the_sheet_says_is_what_happens(client: FlaskClient, key: str) -> None:
    body = fixtures.story("untreated").render(NOW)
    del body["prefetch"][key]
    answer = client.post("/cds-services/mda5-rpild-patient-view", json=body)
    assert (answer.status_code == 412) is (key in REQUIRED_KEYS)
    if answer.status_code == 200:
        whole = fixtures.story("untreated").render(NOW)
        unknown = gaps(answer) - gaps(client.post("/cds-services/mda5-rpild-patient-view", json=whole))
        assert unknown == set(WITHOUT[key][0])


def gaps(answer: Any) -> set[str]:
    found = answer.get_json()["extension"]["mda5-cds.assessment"].get("dataGaps", ())
    return {gap["id"] for gap in found}


def test_the_urls_are_those_that_answer(app: Flask) -> None:
    router = app.url_map.bind("localhost")
    for service in SHEET["services"]:
        path = service["url"].removeprefix(PUBLIC)
        _, arguments = router.match(path, "POST")
        assert arguments["service_id"] in SERVICES
        assert service["feedbackUrl"] == f"{service['url']}/feedback"
    assert SHEET["identity"]["audiences"] == [
        SHEET["discoveryUrl"],
        *(url for service in SHEET["services"] for url in (service["url"], service["feedbackUrl"])),
    ]
    for url in SHEET["identity"]["audiences"]:
        assert f"      {url}" in LINES


def test_without_a_public_url_a_placeholder_stands() -> None:
    text = build_sheet(Settings(), GUIDELINE)
    assert "{base}/cds-services/mda5-rpild-patient-view/feedback" in text
    assert "MDA5_CDS_PUBLIC_URL" in text
    assert "{base}" not in TEXT


def test_the_rights_are_those_of_the_searches_and_of_medications() -> None:
    rights = {item["resource"]: (item["smartV1"], item["smartV2"]) for item in SHEET["permissions"]}
    assert list(rights) == ["Patient", *SEARCHED.values(), "Medication"]
    assert rights["Patient"] == ("patient/Patient.read", "patient/Patient.r")
    assert rights["Observation"] == ("patient/Observation.read", "patient/Observation.rs")
    for v1, v2 in rights.values():
        assert re.search(rf"^  {re.escape(v2)} +{re.escape(v1)} ", TEXT, re.MULTILINE)


def test_every_topic_and_reason_is_there_unbroken() -> None:
    listed = {item["code"]: item["overrideReasons"] for item in SHEET["topics"]["codes"]}
    assert listed == {topic: [reason.code for reason in override_reasons(topic)] for topic in get_args(Topic)}
    told = {reason["code"] for reason in SHEET["topics"]["overrideReasons"]}
    assert told == {code for codes in listed.values() for code in codes}
    words = set(re.split(r"[\s,]+", TEXT))
    assert words >= told | set(listed)


def test_a_topic_that_is_off_is_marked() -> None:
    assert "(switched off here)" not in TEXT
    off = build_sheet(replace(SETTINGS, topics_off=frozenset({"rec-7"})), GUIDELINE)
    assert len([line for line in off.splitlines() if "(switched off here)" in line]) == 1


def test_what_the_configuration_changes_is_said() -> None:
    assert "IDENTITY: callers are identified" in LINES
    assert "MDA5_CDS_AUTH=off" in build_sheet(replace(SETTINGS, auth="off"), GUIDELINE)
    assert "  https://ehr.example.org/fhir" in LINES
    assert "none: what the prefetch does not bring is not fetched" in build_sheet(Settings(), GUIDELINE)
    assert " 12345 bytes" in build_sheet(replace(SETTINGS, max_body_bytes=12345), GUIDELINE)
    assert " 2.5 s" in build_sheet(replace(SETTINGS, fhir_budget_seconds=2.5), GUIDELINE)


def test_it_can_be_printed_and_compared() -> None:
    queries = set(prefetch_templates(GUIDELINE).values())
    assert [line for line in LINES if len(line) > 100 and line not in queries] == []
    assert [line for line in LINES if line != line.rstrip()] == []
    assert LINES[-1]
    assert TEXT.endswith("\n")
    assert build_sheet(SETTINGS, load_guideline()) == TEXT
    assert json.loads(json.dumps(SHEET)) == SHEET
