"""Feedback calls on each kind of database: what clients may send is what it can hold."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from service.feedback.answer import feedback_answer
from service.feedback.entries import MAX_ENTRIES
from service.security.caller import Caller
from service.store import Store
from service.store.report import report
from service.store.tables import feedback
from tests.unit.service.store.rows import NOON, count

VIEW = "mda5-rpild-patient-view"
ENTRY = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-03-01T11:00:00Z"}


def send(store: Store, *entries: dict[str, Any]) -> str:
    """What a call with these entries is told first."""
    outcome, status = feedback_answer({"feedback": list(entries)}, VIEW, Caller(), store, NOON)
    assert status == 200
    issues: Any = outcome["issue"]
    return str(issues[0]["diagnostics"])


def test_replays_and_repeats_are_known(store: Store) -> None:
    assert send(store, ENTRY, ENTRY) == "1 entry stored, 1 already known"
    assert send(store, ENTRY) == "0 entries stored, 1 already known"
    assert count(store, feedback) == 1


def test_texts_that_a_database_cannot_hold_as_they_are(store: Store) -> None:
    reason = {"reason": {"code": "\U0001f600", "display": "a\0b"}, "userComment": "line\nline\0\u202e'; --"}
    assert send(store, {**ENTRY, "overrideReason": reason}) == "1 entry stored"
    with store.begin(reading=True) as connection:
        row = connection.execute(select(feedback)).one()
    assert (row.reason_code, row.reason_display) == ("\U0001f600", "a\ufffdb")
    assert row.user_comment == "line\nline\ufffd\u202e'; --"


def test_the_first_and_the_last_year_of_the_calendar(store: Store) -> None:
    years = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
    assert send(store, *({**ENTRY, "outcomeTimestamp": at} for at in years)) == "2 entries stored"


def test_the_largest_batch(store: Store) -> None:
    batch = [{**ENTRY, "card": f"c{number}"} for number in range(MAX_ENTRIES)]
    assert send(store, *batch) == f"{MAX_ENTRIES} entries stored"
    assert report(store).orphans == MAX_ENTRIES
