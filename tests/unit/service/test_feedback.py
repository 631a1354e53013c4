"""One feedback call: what is kept before it is acknowledged, and what the client is told of each entry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Row, select

from service.errors import InvalidField, MissingField, ServiceError, Unavailable, UnknownService, operation_outcome
from service.feedback.answer import feedback_answer
from service.feedback.fields import MAX_WORDS
from service.security.caller import Caller
from service.store import Store
from service.store.tables import feedback

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
VIEW = "mda5-rpild-patient-view"
SITE = Caller("https://ehr.example.org", "north")
GOOD = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}],
    "outcomeTimestamp": "2026-03-01T09:00:00Z",
}
OVERRIDE = {key: value for key, value in GOOD.items() if key != "acceptedSuggestions"} | {"outcome": "overridden"}


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty database in memory."""
    with closing(Store("sqlite://")) as opened:
        yield opened


def send(store: Store, *entries: Any, caller: Caller = SITE, now: datetime = NOW) -> tuple[dict[str, Any], int]:
    outcome, status = feedback_answer({"feedback": list(entries)}, VIEW, caller, store, now)
    OperationOutcome.model_validate(outcome)
    return outcome, status


def issues(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue["severity"], issue["diagnostics"]) for issue in outcome["issue"]]


def kept(store: Store) -> list[Row[Any]]:
    with store.begin(reading=True) as connection:
        return list(connection.execute(select(feedback).order_by(feedback.c.card, feedback.c.reason_code)))


def test_an_entry_is_kept_as_it_was_said(store: Store) -> None:
    reason = {"reason": {"code": "x", "system": "urn:s", "display": "X"}, "userComment": "not now"}
    send(store, GOOD, {**OVERRIDE, "card": "OTHER", "overrideReason": reason})
    accepted, overridden = kept(store)
    assert (accepted.client, accepted.service, accepted.received_at) == ("https://ehr.example.org|north", VIEW, NOW)
    assert (accepted.card, accepted.outcome, accepted.suggestions) == (GOOD["card"], "accepted", '["s1", "s2"]')
    assert (accepted.outcome_at, accepted.timestamp_doubtful) == (NOW - timedelta(hours=1), False)
    assert (overridden.card, overridden.outcome, overridden.suggestions) == ("other", "overridden", "[]")
    assert (overridden.reason_code, overridden.reason_system, overridden.reason_display) == ("x", "urn:s", "X")
    assert overridden.user_comment == "not now"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ((GOOD,), "1 entry stored"),
        ((GOOD, OVERRIDE), "2 entries stored"),
        ((GOOD, GOOD), "1 entry stored, 1 already known"),
        ((GOOD, {**GOOD, "card": str(GOOD["card"]).upper()}), "1 entry stored, 1 already known"),
        ((GOOD, {**GOOD, "outcomeTimestamp": "2026-03-01T10:00:00+01:00"}), "1 entry stored, 1 already known"),
        ((GOOD, {**GOOD, "outcomeTimestamp": "2026-03-01T09:00:01Z"}), "2 entries stored"),
    ],
)
def test_the_answer_counts_what_became_of_the_entries(store: Store, entries: tuple[Any, ...], told: str) -> None:
    outcome, status = send(store, *entries)
    assert (issues(outcome), status) == ([("information", told)], 200)


def test_a_batch_sent_again_changes_nothing(store: Store) -> None:
    send(store, GOOD, OVERRIDE)
    before = kept(store)
    outcome, status = send(store, OVERRIDE, GOOD, now=NOW + timedelta(days=400))
    assert status == 200
    assert issues(outcome)[0] == ("information", "0 entries stored, 2 already known")
    assert kept(store) == before


def test_another_client_says_something_else(store: Store) -> None:
    send(store, GOOD)
    outcome, _ = send(store, GOOD, caller=Caller("https://other.example.org"))
    assert issues(outcome) == [("information", "1 entry stored")]


def test_a_bad_entry_is_refused_by_name_and_the_others_are_kept(store: Store) -> None:
    outcome, status = send(store, {**GOOD, "outcome": "SECRET"}, GOOD, {**GOOD, "card": None})
    assert status == 200
    assert issues(outcome) == [
        ("information", "1 entry stored"),
        ("error", "feedback[0].outcome must be accepted or overridden"),
        ("error", "feedback[2].card is required"),
    ]
    assert len(kept(store)) == 1


def test_without_a_good_entry_the_call_is_refused(store: Store) -> None:
    outcome, status = send(store, {**GOOD, "outcome": "SECRET"}, 7)
    assert status == 400
    assert [severity for severity, _ in issues(outcome)] == ["error", "error"]
    assert "SECRET" not in str(outcome)
    assert kept(store) == []


@pytest.mark.parametrize("body", [{}, {"feedback": None}, {"feedback": []}, {"feedback": GOOD}, GOOD])
def test_a_body_that_is_no_feedback_is_refused(store: Store, body: dict[str, Any]) -> None:
    with pytest.raises((MissingField, InvalidField), match="feedback"):
        feedback_answer(body, VIEW, SITE, store, NOW)


def test_an_unknown_service_comes_first(store: Store) -> None:
    with pytest.raises(UnknownService):
        feedback_answer({}, "another", SITE, store, NOW)


@pytest.mark.parametrize("at", ["2026-03-01T10:05:01Z", "2025-03-01T09:59:59Z"])
def test_a_doubtful_timestamp_is_kept_and_said(store: Store, at: str) -> None:
    outcome, status = send(store, {**GOOD, "outcomeTimestamp": at})
    assert status == 200
    assert [severity for severity, _ in issues(outcome)] == ["information", "warning"]
    assert issues(outcome)[1][1].startswith("feedback[0].outcomeTimestamp")
    assert kept(store)[0].timestamp_doubtful


def test_a_comment_that_is_too_long_is_cut_and_said(store: Store) -> None:
    outcome, _ = send(store, {**OVERRIDE, "overrideReason": {"userComment": "x" * (MAX_WORDS + 1)}})
    assert issues(outcome)[1][1].startswith("feedback[0].overrideReason.userComment: the first")
    assert kept(store)[0].user_comment == "x" * MAX_WORDS


def test_several_reasons_of_an_entry_are_all_kept_and_count_as_one_entry(store: Store) -> None:
    entry = {**OVERRIDE, "overrideReasons": [{"reason": {"code": code, "system": "s"}} for code in ("a", "b", "c")]}
    outcome, _ = send(store, GOOD, entry)
    assert issues(outcome) == [("information", "2 entries stored")]
    assert {row.reason_code for row in kept(store)} == {None, "a", "b", "c"}
    outcome, _ = send(store, entry)
    assert issues(outcome) == [("information", "0 entries stored, 1 already known")]


@pytest.mark.parametrize(
    "entries", [(GOOD,), (GOOD, 7), ({**OVERRIDE, "overrideReasons": [{"code": "a"}, {"code": "b"}]},)]
)
def test_a_lost_store_acknowledges_nothing(tmp_path: Path, entries: tuple[Any, ...]) -> None:
    (tmp_path / "file").write_text("no folder")
    with closing(Store(f"sqlite:///{tmp_path}/file/store.sqlite3")) as lost:
        with pytest.raises(Unavailable) as refused:
            send(lost, *entries)
        assert refused.value.status == 503
        assert int(refused.value.headers["Retry-After"]) > 0
        # what would be refused anyway needs no store
        assert send(lost, 7)[1] == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("card", "outcome", "outcomeTimestamp", "acceptedSuggestions", "overrideReason", "overrideReasons")
INNER = ("reason", "userComment", "extension", "code", "system", "display", "id")
reasons = st.dictionaries(st.sampled_from(INNER), json_values | st.dictionaries(st.sampled_from(INNER), json_values))
# whole entries, and good ones in which one member is anything
garbage = (
    json_values
    | st.dictionaries(st.sampled_from(NAMES), json_values | reasons | st.lists(reasons, max_size=2))
    | st.builds(
        lambda base, changes: {**base, **changes},
        st.sampled_from([GOOD, OVERRIDE]),
        st.dictionaries(
            st.sampled_from(NAMES),
            json_values | reasons | st.lists(reasons, max_size=2),
            max_size=1,
        ),
    )
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    """One database for all examples."""
    with closing(Store("sqlite://")) as opened:
        yield opened


def answered(body: dict[str, Any], store: Store) -> tuple[dict[str, Any], int]:
    """The answer, a refusal of the whole body included."""
    try:
        return feedback_answer(body, VIEW, SITE, store, NOW)
    except ServiceError as error:
        return operation_outcome(error.issue_code, error.diagnostics), error.status


@given(body=st.dictionaries(st.sampled_from(["feedback", "x"]), json_values | st.lists(garbage, max_size=4)))
def test_whatever_is_sent_is_answered_with_an_operation_outcome(shared: Store, body: dict[str, Any]) -> None:
    before = len(kept(shared))
    outcome, status = answered(body, shared)
    OperationOutcome.model_validate(outcome)
    severity, told = issues(outcome)[0]
    assert (status, severity) in {(200, "information"), (400, "error")}
    assert status == 400 or int(told.split()[0]) <= len(kept(shared)) - before


@given(before=st.lists(garbage, max_size=4), after=st.lists(garbage, max_size=4), card=st.uuids())
def test_a_good_entry_among_garbage_is_always_kept(
    shared: Store, before: list[Any], after: list[Any], card: UUID
) -> None:
    _, status = send(shared, *before, {**GOOD, "card": str(card)}, *after)
    assert status == 200
    assert str(card) in {row.card for row in kept(shared)}
