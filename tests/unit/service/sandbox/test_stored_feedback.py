"""What is stored on a card, as the page shows it; on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from service.errors import MissingField, Unavailable
from service.sandbox.feedback import feedback_json
from service.store import FeedbackRow, Store, keep_feedback
from service.store.stored import MOST_ROWS, stored_feedback
from tests.unit.service.store.rows import FEEDBACK, NOON

ACCEPTED = replace(FEEDBACK, outcome="accepted", suggestions=("s-2", "s-1"), received_at=NOON + timedelta(minutes=1))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store on each kind of database."""
    store = Store(database_url)
    yield store
    store.close()


def found(store: Store, card: str = FEEDBACK.card, client: str = FEEDBACK.client) -> tuple[FeedbackRow, ...]:
    return stored_feedback(store, client, card)


def test_what_was_kept_comes_back_newest_first(store: Store) -> None:
    full = replace(
        FEEDBACK,
        reason_code="patient-refuses",
        reason_system="https://example.org/reasons",
        reason_display="Patient refuses",
        user_comment="not today",
        timestamp_doubtful=True,
    )
    keep_feedback(store, [full, ACCEPTED])
    assert found(store) == (ACCEPTED, full)


def test_of_this_card_and_this_client_alone(store: Store) -> None:
    keep_feedback(store, [FEEDBACK, replace(ACCEPTED, card="another"), replace(ACCEPTED, client="another")])
    assert found(store) == (FEEDBACK,)
    assert found(store, card="another", client="another") == ()


def test_not_without_end(store: Store) -> None:
    later = [replace(FEEDBACK, outcome_at=NOON + timedelta(seconds=number)) for number in range(MOST_ROWS + 5)]
    keep_feedback(store, later)
    rows = found(store)
    assert [row.outcome_at for row in rows] == [NOON + timedelta(seconds=MOST_ROWS + 4 - n) for n in range(MOST_ROWS)]


def test_the_page_gets_nothing_null(store: Store) -> None:
    keep_feedback(store, [replace(FEEDBACK, reason_code="patient-refuses"), ACCEPTED])
    assert feedback_json(store, FEEDBACK.client, FEEDBACK.card.upper()) == {
        "entries": [
            {
                "receivedAt": "2026-03-01T12:01:00Z",
                "outcome": "accepted",
                "outcomeTimestamp": "2026-03-01T11:59:00Z",
                "suggestions": ["s-2", "s-1"],
            },
            {
                "receivedAt": "2026-03-01T12:00:00Z",
                "outcome": "overridden",
                "outcomeTimestamp": "2026-03-01T11:59:00Z",
                "suggestions": [],
                "reason": {"code": "patient-refuses"},
            },
        ]
    }


@pytest.mark.parametrize("card", [None, ""])
def test_a_card_has_to_be_named(store: Store, card: str | None) -> None:
    with pytest.raises(MissingField, match="card"):
        feedback_json(store, "", card)


def test_a_lost_store_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("lost") / "file"
    file.write_text("")
    store = Store(f"sqlite:///{file}/cds.sqlite3")
    with pytest.raises(Unavailable, match="cannot be read") as caught:
        feedback_json(store, "", "card")
    assert int(caught.value.headers["Retry-After"]) > 0
    store.close()
