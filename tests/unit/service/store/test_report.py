"""The report and the purge: what is counted once, what is counted twice, and what has to stay."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from sqlalchemy import bindparam, func, insert, select, text

from service.store import FeedbackRow, Store, UsedTokens, keep_feedback
from service.store.purge import GROUP, Purged, purge
from service.store.report import Report, TopicReport, report
from service.store.tables import UtcInstant, calls, feedback, shown_cards, used_tokens

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
HOSPITAL, OTHER = "https://ehr.example.org", "https://other.example.org"
EMPTY: tuple[int, int, int, int] = (0, 0, 0, 0)
Mode = Literal["live", "silent"]
numbers = itertools.count(1)


def show(
    store: Store, *cards: tuple[str, str], client: str = HOSPITAL, mode: Mode = "live", at: datetime = NOW
) -> None:
    """One call that showed cards: topic and uuid."""
    call = {
        "id": f"call-{next(numbers)}",
        "answered_at": at,
        "service": "mda5-rpild-patient-view",
        "hook": "patient-view",
        "client": client,
        "mode": mode,
        "milliseconds": 20,
        "knowledge_version": "1",
        "card_count": len(cards),
    }
    rows = [{"call_id": call["id"], "uuid": uuid, "topic": topic, "indicator": "info"} for topic, uuid in cards]
    with store.begin() as connection:
        connection.execute(insert(calls), call)
        if rows:
            connection.execute(insert(shown_cards), rows)


ACCEPTED = FeedbackRow(NOW, HOSPITAL, "mda5-rpild-patient-view", "c1", "accepted", NOW, suggestions=("s1",))
OVERRIDDEN = replace(ACCEPTED, outcome="overridden", suggestions=())


def counts(store: Store, topic: str = "rec-2", mode: Mode = "live") -> tuple[int, int, int, int]:
    """Shown, accepted, overridden and unanswered cards of a topic."""
    for found in report(store, mode).topics:
        if found.topic == topic:
            return found.shown, found.accepted, found.overridden, found.no_answer
    return EMPTY


def reasons(store: Store) -> dict[str, int]:
    return dict(report(store).topics[0].reasons)


def test_nothing_stored_is_an_empty_report(store: Store) -> None:
    assert report(store) == Report("live", (), 0)


def test_the_contracts_example(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    keep_feedback(store, [ACCEPTED])
    assert report(store) == Report("live", (TopicReport("rec-2", 1, 1, 0, 0),), 0)


def test_a_card_counts_once_however_often_it_is_shown_and_answered(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    show(store, ("rec-2", "c1"))
    keep_feedback(store, [ACCEPTED, replace(ACCEPTED, outcome_at=NOW + timedelta(minutes=1))])
    assert counts(store) == (1, 1, 0, 0)


def test_overridden_then_accepted_are_two_facts_of_one_card(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    keep_feedback(store, [OVERRIDDEN, replace(ACCEPTED, outcome_at=NOW + timedelta(minutes=1))])
    assert counts(store) == (1, 1, 1, 0)


def test_the_same_uuid_of_another_client_is_another_card(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    show(store, ("rec-2", "c1"), client=OTHER)
    keep_feedback(store, [replace(ACCEPTED, client=OTHER)])
    assert counts(store) == (2, 1, 0, 1)
    assert report(store).orphans == 0


def test_topics_are_counted_apart_and_stand_in_order(store: Store) -> None:
    show(store, *((topic, topic) for topic in ("rec-10", "rec-2b", "risk", "rec-2", "dose", "rec-3")))
    keep_feedback(store, [replace(OVERRIDDEN, card="rec-10")])
    assert [topic.topic for topic in report(store).topics] == ["dose", "rec-2", "rec-2b", "rec-3", "rec-10", "risk"]
    assert counts(store, "rec-10") == (1, 0, 1, 0)
    assert counts(store, "rec-2") == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{}], {}),
        ([{"reason_code": "x"}], {"x": 1}),
        ([{"reason_code": "x", "user_comment": "words"}], {"x": 1}),
        ([{"user_comment": "words"}], {"comment": 1}),
        ([{"reason_code": "x"}, {"reason_code": "y"}], {"x": 1, "y": 1}),
        ([{"reason_code": "x", "reason_system": "a"}, {"reason_code": "x", "reason_system": "b"}], {"x": 1}),
        ([{"user_comment": "words"}, {"user_comment": "other words"}, {}], {"comment": 1}),
    ],
)
def test_a_reason_counts_each_card_once(store: Store, given: list[dict[str, str]], expected: dict[str, int]) -> None:
    show(store, ("rec-2", "c1"))
    keep_feedback(store, [replace(OVERRIDDEN, **one) for one in given])  # type: ignore[arg-type]
    assert reasons(store) == expected


def test_the_most_frequent_reason_comes_first(store: Store) -> None:
    show(store, ("rec-2", "c1"), ("rec-2", "c2"), ("rec-2", "c3"))
    given = [("c1", "b"), ("c2", "b"), ("c2", "a"), ("c3", "c"), ("c1", "c")]
    keep_feedback(store, [replace(OVERRIDDEN, card=card, reason_code=code) for card, code in given])
    assert report(store).topics[0].reasons == (("b", 2), ("c", 2), ("a", 1))


def test_a_reason_that_came_with_an_acceptance_is_none(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    keep_feedback(store, [replace(ACCEPTED, reason_code="x")])
    assert reasons(store) == {}


def test_feedback_for_a_card_never_shown_is_an_orphan(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    others = [replace(ACCEPTED, card="c9"), replace(OVERRIDDEN, card="c9"), replace(ACCEPTED, client=OTHER)]
    keep_feedback(store, [ACCEPTED, *others])
    assert report(store).orphans == 3
    assert counts(store) == (1, 1, 0, 0)


def test_an_orphan_with_several_reasons_is_one_entry(store: Store) -> None:
    keep_feedback(store, [replace(OVERRIDDEN, reason_code=code) for code in ("x", "y")])
    assert report(store).orphans == 1


def test_what_a_silent_call_composed_was_never_shown(store: Store) -> None:
    show(store, ("rec-2", "c1"), mode="silent")
    keep_feedback(store, [ACCEPTED])
    assert report(store) == Report("live", (), 1)
    assert report(store, "silent") == Report("silent", (TopicReport("rec-2", 1, 1, 0, 0),), 1)


def test_a_card_of_both_modes_was_shown(store: Store) -> None:
    show(store, ("rec-2", "c1"), mode="silent")
    show(store, ("rec-2", "c1"))
    keep_feedback(store, [ACCEPTED])
    assert (counts(store), counts(store, mode="silent"), report(store).orphans) == ((1, 1, 0, 0), (1, 1, 0, 0), 0)


def rows_left(store: Store) -> tuple[int, ...]:
    with store.begin(reading=True) as connection:
        return tuple(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (calls, shown_cards, feedback, used_tokens)
        )


LIMIT = NOW - timedelta(days=30)
BEFORE = LIMIT - timedelta(seconds=1)


@pytest.mark.parametrize(("at", "left"), [(BEFORE, 0), (LIMIT, 1), (LIMIT + timedelta(seconds=1), 1)])
def test_what_is_older_than_the_limit_is_deleted(store: Store, at: datetime, left: int) -> None:
    show(store, ("rec-2", "c1"), at=at)
    keep_feedback(store, [replace(ACCEPTED, received_at=at)])
    UsedTokens(store).first_use(HOSPITAL, "jti", at)
    assert purge(store, LIMIT) == Purged(*(4 * [1 - left]))
    assert rows_left(store) == (left, left, left, left)


def test_a_call_stays_while_younger_feedback_on_its_card_does(store: Store) -> None:
    show(store, ("rec-2", "c1"), ("rec-7", "c2"), at=BEFORE)
    show(store, ("rec-2", "c1"), client=OTHER, at=BEFORE)
    show(store, at=BEFORE)
    keep_feedback(store, [replace(ACCEPTED, received_at=LIMIT), replace(OVERRIDDEN, received_at=BEFORE)])
    assert purge(store, LIMIT) == Purged(calls=2, cards=1, feedback=1, tokens=0)
    assert report(store).orphans == 0
    assert counts(store) == (1, 1, 0, 0)
    assert purge(store, LIMIT + timedelta(seconds=1)) == Purged(calls=1, cards=2, feedback=1, tokens=0)


def test_a_purge_that_finds_nothing_deletes_nothing(store: Store) -> None:
    show(store, ("rec-2", "c1"))
    assert purge(store, LIMIT) == Purged(0, 0, 0, 0)
    assert rows_left(store) == (1, 1, 0, 0)


# words that both databases know
FILL = (
    "INSERT INTO calls (id, answered_at, service, hook, client, mode, milliseconds, knowledge_version, card_count) "
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :size - 1) "
    "SELECT CAST(i AS TEXT), :at, 's', 'patient-view', 'site', 'live', 20, '1', 1 FROM n",
    "INSERT INTO shown_cards (call_id, uuid, topic, indicator) "
    "SELECT id, 'c' || id, 't' || (CAST(id AS INTEGER) % 5), 'info' FROM calls",
    "INSERT INTO feedback (digest, received_at, client, service, card, outcome, outcome_at, timestamp_doubtful, "
    "suggestions, reason_code) "
    "SELECT id, :at, 'site', 's', 'c' || id, 'overridden', :at, false, '[]', 'x' FROM calls "
    "WHERE CAST(id AS INTEGER) % 2 = 0",
)


def fill(store: Store, size: int, at: datetime) -> None:
    """`size` calls with one card each, in five topics, every second one overridden."""
    with store.begin(seconds=60) as connection:
        for statement in FILL:
            typed = [bindparam(name, type_=UtcInstant) for name in ("at",) if ":at" in statement]
            values = {"size": size, "at": at}
            given = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement).bindparams(*typed), given)


def test_more_than_one_group_is_purged_whole(store: Store) -> None:
    size = 2 * GROUP + 1
    fill(store, size, BEFORE)
    assert purge(store, LIMIT) == Purged(size, size, GROUP + 1, 0)


def test_a_hundred_thousand_cards_are_counted_in_the_database(store: Store) -> None:
    fill(store, 100_000, NOW)
    topics: Sequence[TopicReport] = report(store).topics
    assert [(topic.shown, topic.overridden, topic.no_answer) for topic in topics] == [(20_000, 10_000, 10_000)] * 5
    assert {topic.reasons for topic in topics} == {(("x", 10_000),)}
