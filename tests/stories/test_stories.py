"""Each story of fixtures/: the assessment and the cards are what its author expects, at any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import fixtures
from service.app import create_app
from service.settings import Settings
from tests.contract.conformance import check_response
from tests.stories.answers import (
    ASSESSMENT,
    RECOMMENDATIONS,
    SERVICES,
    additions,
    answer,
    dose_of,
    lowered,
    proposed,
    removed,
    stops,
    topics,
    words,
)

NAMES = fixtures.names()
URGENCY = ("critical", "warning", "info")
GRADE_WORDS = {
    **dict.fromkeys(("rec-2", "rec-3"), "case series"),
    **dict.fromkeys(("rec-2b", "rec-6", "rec-7", "rec-8", "rec-9", "rec-10"), "consensus"),
}
# what no card may say, whatever the patient
FORBIDDEN = (
    "wait until day 7",
    "refractory by the guideline",
    "dose below guideline",
    "stop azathioprine",
    "contraindicated",
    "low risk",
    "100 ml/h",
    "0.4 mg/kg",
)
# two leap days, both sides of midnight, a change of summer time
MOMENTS = (
    datetime(2024, 2, 29, 0, 1, tzinfo=UTC),
    datetime(2025, 3, 30, 1, 30, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 59, tzinfo=UTC),
)


def _story_client(now: datetime, **settings: Any) -> FlaskClient:
    return create_app(Settings(**settings), clock=lambda: now).test_client()


@pytest.fixture(scope="module")
def answers(app: Flask) -> dict[str, dict[str, Any]]:
    """The answer to each story that was asked for so far."""
    return {}


@pytest.fixture
def told(request: pytest.FixtureRequest, client: FlaskClient, now: datetime, answers: dict[str, Any]) -> Any:
    """One story and the service's answer to it."""
    story = fixtures.story(request.param)
    if story.name not in answers:
        answers[story.name] = answer(client, story.render(now))
    return story, answers[story.name]


every_story = pytest.mark.parametrize("told", NAMES, indirect=True)


@every_story
def test_population_and_disease(told: Any) -> None:
    story, body = told
    assessment, expected = body["extension"][ASSESSMENT], story.expected
    assert assessment["population"]["status"] == expected["population"]
    for key in ("antiMda5", "lungDisease"):
        if key in expected:
            assert assessment[key]["status"] == expected[key], assessment[key]
    if "certainty" in expected:
        assert assessment["lungDisease"]["certainty"] == expected["certainty"]


@every_story
def test_risk(told: Any) -> None:
    story, body = told
    if "risk" not in story.expected:
        return
    risk = body["extension"][ASSESSMENT]["risk"]
    status = {factor["id"]: factor["status"] for factor in risk["factors"]}
    assert risk["level"] == story.expected["risk"], risk
    assert {name for name, value in status.items() if value == "present"} == set(story.expected["factorsPresent"])
    assert {name for name, value in status.items() if value == "unknown"} == set(
        story.expected.get("factorsUnknown", ())
    )


@every_story
def test_therapy_and_response(told: Any) -> None:
    story, body = told
    assessment, expected = body["extension"][ASSESSMENT], story.expected
    if "stage" not in expected:
        return
    therapy, response = assessment["therapy"], assessment["refractoriness"]
    assert therapy["stage"] == expected["stage"], therapy
    assert therapy["phase"] == expected["phase"], therapy
    assert therapy["complete"] is expected.get("complete", True)
    assert response["status"] == expected["refractoriness"], response
    if "criteriaMet" in expected:
        met = {criterion["id"] for criterion in response["criteria"] if criterion["status"] == "met"}
        assert met == set(expected["criteriaMet"]), response
    assert assessment["respiratoryFailure"]["lifeThreatening"] == expected["lifeThreatening"]
    assert assessment["infection"]["status"] == expected.get("infection", "not-recorded")


@every_story
def test_recommendations(told: Any) -> None:
    story, body = told
    listed = body["extension"][ASSESSMENT]["recommendations"]
    status = {item["id"]: item["status"] for item in listed}
    assert tuple(status) == RECOMMENDATIONS
    expected = dict.fromkeys(RECOMMENDATIONS, "does-not-apply")
    expected |= dict.fromkeys(story.expected["applies"], "applies")
    expected |= dict.fromkeys(story.expected.get("unknown", ()), "unknown")
    for name in story.expected.get("open", ()):
        del expected[name]
    assert {name: status[name] for name in expected} == expected


@every_story
def test_gaps_and_ignored(told: Any) -> None:
    story, body = told
    assessment = body["extension"][ASSESSMENT]
    gaps = {gap["id"] for gap in assessment.get("dataGaps", ())}
    assert set(story.expected.get("gaps", ())) <= gaps
    assert {item["reference"] for item in assessment.get("ignored", ())} == set(story.expected.get("ignored", ()))


@every_story
def test_cards(told: Any) -> None:
    story, body = told
    shown = {card["source"]["topic"]["code"]: card["indicator"] for card in body["cards"]}
    for topic in story.expected.get("may", ()):
        shown.pop(topic, None)
    assert shown == {card["topic"]: card["indicator"] for card in story.expected["cards"]}


@every_story
def test_what_cards_say_and_propose(told: Any) -> None:
    story, body = told
    cards = {card["source"]["topic"]["code"]: card for card in body["cards"]}
    for expected in story.expected["cards"]:
        card = cards[expected["topic"]]
        for phrase in expected.get("says", ()):
            assert phrase.lower() in words(card), f"{expected['topic']} says {phrase}"
        for phrase in expected.get("never", ()):
            assert phrase.lower() not in words(card), f"{expected['topic']} never says {phrase}"
        if "adds" in expected:
            assert additions(card) == {frozenset(agents) for agents in expected["adds"]}, expected["topic"]
        if "offers" in expected:
            offered = frozenset().union(*(proposed(suggestion) for suggestion in card.get("suggestions", ())))
            assert offered == set(expected["offers"]), expected["topic"]
        if "deletes" in expected:
            drafts = {f"MedicationRequest/{story.name}-draft-{drug}-1" for drug in expected["deletes"]}
            assert removed(card) == drafts, expected["topic"]
        if "lowers" in expected:
            doses = {f"{story.name}-draft-{drug}-1": value for drug, value in expected["lowers"].items()}
            assert {order["id"]: dose_of(order) for order in lowered(card)} == doses, expected["topic"]
        if "switch" in expected:
            assert any(stops(suggestion) and proposed(suggestion) for suggestion in card["suggestions"])


@every_story
def test_what_is_withheld(told: Any) -> None:
    story, body = told
    for card in body["cards"]:
        for suggestion in card.get("suggestions", ()):
            assert not proposed(suggestion) & set(story.expected.get("withheld", ())), suggestion["label"]


@every_story
def test_every_card_keeps_the_rules(told: Any) -> None:
    _, body = told
    assert len(set(topics(body))) == len(body["cards"])
    urgency = [URGENCY.index(card["indicator"]) for card in body["cards"]]
    assert urgency == sorted(urgency)
    for card in body["cards"]:
        topic, text = card["source"]["topic"]["code"], words(card)
        assert "2018" in text, f"{topic} says when the search for evidence ended"
        assert "10.1016/j.semarthrit.2020.03.007" in card["source"]["url"]
        assert GRADE_WORDS.get(topic, "") in text, f"{topic} gives its grade in words"
        assert [phrase for phrase in FORBIDDEN if phrase in text] == []


@every_story
def test_response_conforms(told: Any, client: FlaskClient, now: datetime) -> None:
    story, _ = told
    request = story.render(now)
    response = client.post(SERVICES[story.hook], json=request)
    assert check_response(response.status_code, response.headers, response.data, request) == []
    assert client.post(SERVICES[story.hook], json=request).data == response.data


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_stories_never_age(moment: datetime) -> None:
    client = _story_client(moment)
    for name in NAMES:
        story = fixtures.story(name)
        body = answer(client, story.render(moment))
        assert set(topics(body)) - set(story.expected.get("may", ())) == {
            c["topic"] for c in story.expected["cards"]
        }, name


def test_a_day_changes_the_age_of_a_story(now: datetime) -> None:
    """The opposite: a request kept for 40 days is judged by its dates, and its laboratory values are out of date."""
    request = fixtures.story("untreated").render(now)
    body = answer(_story_client(now + timedelta(days=40)), request)
    assert body["extension"][ASSESSMENT]["risk"]["level"] == "indeterminate"
