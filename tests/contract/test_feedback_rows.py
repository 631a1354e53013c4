"""CDS Hooks, feedback: the rows F1 to F8 of the checklist, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.discovery import SERVICES
from service.settings import Settings
from tests.conftest import NOW
from tests.contract.conformance import check_error

VIEW = "/cds-services/mda5-rpild-patient-view/feedback"
CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
AT = "2026-03-01T09:00:00Z"
ACCEPTED = {"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}], "outcomeTimestamp": AT}
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT}
CODING = {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}


@pytest.fixture
def client() -> FlaskClient:
    """A service that has heard nothing yet."""
    return create_app(Settings(), clock=lambda: NOW).test_client()


def outcome_of(client: FlaskClient, *entries: Any) -> list[tuple[str, str]]:
    """Severity and words of each issue of the 200 that the entries get."""
    answer = client.post(VIEW, json={"feedback": entries})
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    # an OperationOutcome is judged alike, whatever its status
    assert check_error(400, answer.headers, answer.data) == []
    return [(issue["severity"], issue["diagnostics"]) for issue in body["issue"]]


def refusal_of(client: FlaskClient, body: Any, status: int = 400, url: str = VIEW) -> str:
    answer = client.post(url, json=body)
    assert answer.status_code == status
    assert check_error(status, answer.headers, answer.data) == []
    return str(answer.get_json()["issue"][0]["diagnostics"])


def without(entry: dict[str, Any], field: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != field}


@pytest.mark.parametrize("service", SERVICES)
def test_f1_each_service_takes_feedback(client: FlaskClient, service: str) -> None:
    url = f"/cds-services/{service}/feedback"
    assert client.post(url, json={"feedback": [ACCEPTED]}).status_code == 200
    refused = client.get(url)
    assert (refused.status_code, "POST" in refused.headers["Allow"]) == (405, True)


@pytest.mark.parametrize("service", ["another", "mda5-rpild-patient-view%20"])
def test_f1_an_unknown_service_is_not_found(client: FlaskClient, service: str) -> None:
    refusal_of(client, {"feedback": [ACCEPTED]}, 404, f"/cds-services/{service}/feedback")
    refusal_of(client, {}, 404, f"/cds-services/{service}/feedback")


@pytest.mark.parametrize("body", [{}, ACCEPTED, {"feedback": ACCEPTED}, {"feedback": None}, {"feedback": []}])
def test_f2_the_body_holds_an_array(client: FlaskClient, body: Any) -> None:
    assert refusal_of(client, body).startswith("feedback ")


@pytest.mark.parametrize("field", ["card", "outcome", "outcomeTimestamp"])
def test_f3_an_entry_that_lacks_a_field_is_rejected_and_the_others_kept(client: FlaskClient, field: str) -> None:
    assert outcome_of(client, without(ACCEPTED, field), OVERRIDDEN) == [
        ("information", "1 entry stored"),
        ("error", f"feedback[0].{field} is required"),
    ]


@pytest.mark.parametrize("outcome", ["ignored", "ACCEPTED", "", 1])
def test_f4_there_are_two_outcomes(client: FlaskClient, outcome: Any) -> None:
    assert refusal_of(client, {"feedback": [ACCEPTED | {"outcome": outcome}]}).startswith("feedback[0].outcome ")


@pytest.mark.parametrize("given", [None, [], [{}], [{"id": ""}], ["s1"]])
def test_f5_accepting_says_what(client: FlaskClient, given: Any) -> None:
    told = refusal_of(client, {"feedback": [ACCEPTED | {"acceptedSuggestions": given}]})
    assert told.startswith("feedback[0].acceptedSuggestions")


@pytest.mark.parametrize(
    "reason",
    [
        {},
        {"overrideReason": {"reason": CODING}},
        {"overrideReason": {"userComment": "The patient refuses."}},
        {"overrideReason": {"reason": CODING, "userComment": "The patient refuses."}},
        {"overrideReasons": [{"reason": CODING}]},
    ],
)
def test_f6_a_reason_a_comment_both_or_neither(client: FlaskClient, reason: dict[str, Any]) -> None:
    assert outcome_of(client, OVERRIDDEN | reason) == [("information", "1 entry stored")]


def test_f6_a_reason_without_either_is_none(client: FlaskClient) -> None:
    told = refusal_of(client, {"feedback": [OVERRIDDEN | {"overrideReason": {"code": None, "other": 1}}]})
    assert told == "feedback[0].overrideReason needs reason or userComment"


@pytest.mark.parametrize("at", ["2026-03-01T09:00:00", "2026-03-01", "1 March 2026", 1772355600])
def test_f7_the_timestamp_is_rfc_3339(client: FlaskClient, at: Any) -> None:
    told = refusal_of(client, {"feedback": [ACCEPTED | {"outcomeTimestamp": at}]})
    assert told.startswith("feedback[0].outcomeTimestamp ")


@pytest.mark.parametrize("at", ["2036-03-01T09:00:00Z", "1996-03-01T09:00:00Z"])
def test_f7_the_future_and_the_ancient_are_flagged(client: FlaskClient, at: str) -> None:
    told = outcome_of(client, ACCEPTED | {"outcomeTimestamp": at})
    assert [severity for severity, _ in told] == ["information", "warning"]


def test_f8_a_replayed_batch_counts_nothing_twice(client: FlaskClient) -> None:
    batch = (OVERRIDDEN, ACCEPTED | {"outcomeTimestamp": "2026-03-01T09:05:00Z"}, ACCEPTED | {"card": "another"})
    assert outcome_of(client, *batch) == [("information", "3 entries stored")]
    assert outcome_of(client, *batch) == [("information", "0 entries stored, 3 already known")]
