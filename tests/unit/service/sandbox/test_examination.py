"""Why: the page is told what the service answered to the same request, and nothing else."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import fixtures
from cds_cards.plan import ORDER_ENTRY
from service.app import create_app
from service.discovery import SERVICE_OF_HOOK
from service.parts import PARTS
from service.respond import examine
from service.sandbox.examination import examination_json, explanation_json
from service.settings import Settings
from service.wire import decode_request
from tests.conftest import NOW
from tests.stories.answers import ASSESSMENT, answer, topics

Json = dict[str, Any]
ASKED = "/sandbox/examination"


@pytest.fixture(scope="module")
def sandbox() -> Flask:
    return create_app(Settings(sandbox=True, topics_off=frozenset({"rec-7"})), clock=lambda: NOW)


@pytest.fixture
def page(sandbox: Flask) -> FlaskClient:
    return sandbox.test_client()


def story(name: str, **changes: Any) -> Json:
    return fixtures.story(name).render(NOW) | changes


def nulls(value: Any) -> Iterator[Any]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    yield from (member for member in members if member is None)
    for member in members:
        yield from nulls(member)


@pytest.mark.parametrize("name", fixtures.names())
def test_a_story_is_explained_as_it_was_answered(page: FlaskClient, sandbox: Flask, name: str) -> None:
    body, parts = story(name), sandbox.extensions[PARTS]
    response = answer(page, body)
    extension = response["extension"][ASSESSMENT]
    seen = examine(decode_request(body, SERVICE_OF_HOOK[body["hook"]], parts.settings), parts)
    told: Any = explanation_json(seen.plan, parts.settings.topics_off)
    assert told["asOf"] == extension["asOf"]
    said = [{key: item[key] for key in ("id", "grades", "status", "why")} for item in told["recommendations"]]
    assert said == extension["recommendations"]
    assert len(said) == 13
    for item in told["recommendations"]:
        verdicts = {finding["verdict"] for finding in item["findings"]}
        assert (item["status"] == "applies") == (verdicts == {"met"})
    speaking = {each["topic"]: each["indicator"] for each in told["topics"] if each["speaks"]}
    shown = {each["topic"] for each in told["topics"] if each["speaks"] and "switchedOff" not in each}
    assert shown == set(topics(response))
    assert all(speaking[card["source"]["topic"]["code"]] == card["indicator"] for card in response["cards"])
    assert [{"id": gap["id"], "why": gap["why"]} for gap in told["missing"]] == extension.get("dataGaps", [])
    assert told["ignored"] == extension.get("ignored", [])
    assert not list(nulls(told))


def test_the_whole_answer(page: FlaskClient) -> None:
    told = page.post(ASKED, json=story("refractory")).get_json()
    assert set(told) == {"asOf", "recommendations", "topics", "missing", "ignored", "course", "pictures"}
    assert [each["topic"] for each in told["topics"] if each.get("switchedOff")] == ["rec-7"]
    finding = told["recommendations"][0]["findings"][0]
    assert set(finding) == {"criterion", "label", "verdict", "because", "evidence", "needs"}
    assert not list(nulls(told))
    assert {panel["id"] for panel in told["course"]["panels"]} >= {"ferritin", "crp"}
    for theme in ("light", "dark"):
        assert ET.fromstring(told["pictures"][theme]).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert told["pictures"]["light"] != told["pictures"]["dark"]


def test_another_moment(page: FlaskClient) -> None:
    late = NOW + timedelta(days=400)
    told = page.post(ASKED, query_string={"asOf": late.isoformat()}, json=story("refractory")).get_json()
    assert told["asOf"] == "2027-04-05T10:00:00Z"
    assert {item["status"] for item in told["recommendations"][:2]} == {"does-not-apply"}
    assert any(finding["criterion"] == "induction" and finding["verdict"] == "not-met" for finding in findings(told))


def findings(told: Json) -> Iterator[Json]:
    for item in told["recommendations"]:
        yield from item["findings"]


def test_what_would_settle_what_is_unknown(page: FlaskClient) -> None:
    body = story("refractory")
    body["prefetch"]["observations"] = None
    told = page.post(ASKED, json=body).get_json()
    gaps = {gap["id"]: gap for gap in told["missing"]}
    assert gaps["anti-mda5"]["settles"] == [r["id"] for r in told["recommendations"] if r["status"] == "unknown"]
    assert gaps["anti-mda5"]["bearsOn"] == ["diagnosis"]
    assert any(finding["needs"] == ["anti-mda5"] for finding in findings(told))


def test_the_hook_of_the_body_chooses_the_service(page: FlaskClient) -> None:
    told = page.post(ASKED, json=story("refractory", hook="order-sign")).get_json()
    assert [each["topic"] for each in told["topics"]] == list(dict.fromkeys(rule.topic for rule in ORDER_ENTRY))


@pytest.mark.parametrize("changes", [{"hook": "patient-view", "prefetch": {}}, {"context": {}}, {"hookInstance": ""}])
def test_it_refuses_what_the_service_refuses_in_the_same_words(page: FlaskClient, changes: Json) -> None:
    body = story("refractory", **changes)
    refused = page.post("/cds-services/mda5-rpild-patient-view", json=body)
    here = page.post(ASKED, json=body)
    assert refused.status_code in (400, 412)
    assert (here.status_code, here.get_json()) == (refused.status_code, refused.get_json())


@pytest.mark.parametrize(
    ("query", "changes", "words"),
    [
        ({}, {"hook": "patient-open"}, "hook must be one of patient-view, order-select, order-sign"),
        ({}, {"hook": ["patient-view"]}, "hook must be one of"),
        ({"asOf": "2026-03-01"}, {}, "asOf must be"),
        ({"asOf": "SECRET"}, {}, "asOf must be"),
        ({"asOf": "2026-03-01T10:00:00"}, {}, "with its zone"),
    ],
)
def test_what_it_refuses_by_itself(page: FlaskClient, query: Json, changes: Json, words: str) -> None:
    answered = page.post(ASKED, query_string=query, json=story("refractory", **changes))
    assert answered.status_code == 400
    assert words in answered.get_json()["issue"][0]["diagnostics"]
    assert "SECRET" not in answered.text


def test_the_service_s_own_answer_is_the_same_afterwards(page: FlaskClient, sandbox: Flask) -> None:
    """Explaining changes nothing: no state is kept between calls."""
    body, parts = story("refractory"), sandbox.extensions[PARTS]
    before = answer(page, body)
    examination_json(story("untreated"), "", None, parts)
    assert answer(page, body) == before
