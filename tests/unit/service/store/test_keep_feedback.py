"""Feedback is kept once, and a batch whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from service.store import FeedbackRow, Kept, Store, StoreLost, keep_feedback
from service.store.tables import feedback
from tests.unit.service.store.rows import FEEDBACK, NOON, count

ACCEPTED = replace(FEEDBACK, outcome="accepted", suggestions=("a", "b"))


def test_what_is_kept_is_what_was_said(store: Store) -> None:
    row = replace(
        ACCEPTED,
        timestamp_doubtful=True,
        reason_code="patient-refused",
        reason_system="https://example.org/reasons",
        reason_display="Refused",
        user_comment="Grüße – 例",
    )
    assert keep_feedback(store, [row]) == Kept(1, 0)
    with store.begin() as connection:
        kept = connection.execute(select(feedback)).mappings().one()
    assert dict(kept) == {
        "digest": row.digest,
        **{name: getattr(row, name) for name in FeedbackRow.__slots__},
        "suggestions": '["a", "b"]',
    }


@pytest.mark.parametrize(
    "again",
    [
        FEEDBACK,
        replace(FEEDBACK, received_at=NOON + timedelta(days=1)),
        replace(FEEDBACK, timestamp_doubtful=True),
        replace(FEEDBACK, outcome_at=FEEDBACK.outcome_at.astimezone(timezone(timedelta(hours=2)))),
    ],
    ids=["the same", "received later", "doubted later", "in another zone"],
)
def test_an_entry_that_comes_again_changes_nothing(store: Store, again: FeedbackRow) -> None:
    assert keep_feedback(store, [FEEDBACK]) == Kept(1, 0)
    assert keep_feedback(store, [again, again]) == Kept(0, 2)
    assert count(store, feedback) == 1


def test_suggestions_are_a_set(store: Store) -> None:
    assert keep_feedback(store, [ACCEPTED, replace(ACCEPTED, suggestions=("b", "a", "b"))]) == Kept(1, 1)


@pytest.mark.parametrize(
    "other",
    [
        replace(FEEDBACK, client="another"),
        replace(FEEDBACK, service="another"),
        replace(FEEDBACK, card="another"),
        replace(FEEDBACK, outcome="accepted"),
        replace(FEEDBACK, outcome_at=NOON),
        replace(FEEDBACK, suggestions=("a",)),
        replace(FEEDBACK, reason_code="a"),
        replace(FEEDBACK, reason_system="a"),
        replace(FEEDBACK, user_comment="a"),
    ],
)
def test_what_differs_is_another_entry(store: Store, other: FeedbackRow) -> None:
    assert keep_feedback(store, [FEEDBACK, other]) == Kept(2, 0)


def test_text_that_one_database_cannot_hold_is_kept_in_both(store: Store) -> None:
    keep_feedback(store, [replace(FEEDBACK, user_comment="a\0b\ud800c")])
    with store.begin() as connection:
        assert connection.execute(select(feedback.c.user_comment)).scalar_one() == "a\ufffdb\ufffdc"


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    bad = replace(FEEDBACK, card="bad", received_at=NOON.replace(tzinfo=None))
    with pytest.raises(SQLAlchemyError):
        keep_feedback(store, [replace(FEEDBACK, card=str(number)) for number in range(500)] + [bad])
    assert count(store, feedback) == 0


def test_a_large_batch(store: Store) -> None:
    rows = [replace(FEEDBACK, card=str(number)) for number in range(1500)]
    assert keep_feedback(store, rows) == Kept(1500, 0)
    assert keep_feedback(store, rows) == Kept(0, 1500)


def test_an_empty_batch_needs_no_store() -> None:
    assert keep_feedback(Store("sqlite:////proc/no-such-folder/store.sqlite3"), []) == Kept(0, 0)


def test_a_lost_store_keeps_nothing_and_says_so() -> None:
    with pytest.raises(StoreLost):
        keep_feedback(Store("sqlite:////proc/no-such-folder/store.sqlite3"), [FEEDBACK])
