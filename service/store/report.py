"""What became of the cards, counted by the database."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Subquery, and_, case, exists, func, select

from service.store.store import Store
from service.store.tables import calls, feedback, shown_cards

Mode = Literal["live", "silent"]
Reasons = tuple[tuple[str, int], ...]
ONLY_WORDS = "comment"
"""What an override counts under whose reason is no code but words."""
STATEMENT_SECONDS = 120.0
"""How long one statement may take: of years of calls, longer than a call's may."""


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The cards of one topic, each counted once however often it was shown or answered.

    A card that was overridden and later accepted counts as both. `reasons`: by code, how many cards were overridden
    for it; an override may have several reasons, or none.
    """

    topic: str
    shown: int
    accepted: int
    overridden: int
    no_answer: int
    reasons: Reasons = ()


@dataclass(frozen=True, slots=True)
class Report:
    """By topic, what became of the cards of live calls, or of those that silent calls composed and nobody saw.

    `orphans`: feedback entries for cards that no live call showed to that client, whatever the mode of the report.
    """

    mode: Mode
    topics: tuple[TopicReport, ...]
    orphans: int


def report(store: Store, mode: Mode = "live") -> Report:
    """The report of all that is stored. Raises StoreLost."""
    with store.begin(reading=True, seconds=STATEMENT_SECONDS) as connection:
        reasons = _reasons(connection, mode)
        topics = [
            TopicReport(*row, reasons=reasons.get(row.topic, ())) for row in connection.execute(_counts(mode)).all()
        ]
        orphans = connection.execute(_orphans()).scalar_one()
    return Report(mode, tuple(sorted(topics, key=_order)), orphans)


def _counts(mode: Mode) -> Select[str, int, int, int, int]:
    cards, answers = _cards(mode), _answers()
    return (
        select(
            cards.c.topic,
            func.count(),
            func.coalesce(func.sum(answers.c.accepted), 0),
            func.coalesce(func.sum(answers.c.overridden), 0),
            func.sum(case((answers.c.card.is_(None), 1), else_=0)),
        )
        .select_from(cards.outerjoin(answers, _same_card(cards, answers)))
        .group_by(cards.c.topic)
    )


def _reasons(connection: Connection, mode: Mode) -> Mapping[str, Reasons]:
    """Per topic the reasons, the most frequent first."""
    cards = _cards(mode)
    words = case((feedback.c.user_comment.is_not(None), ONLY_WORDS))
    given = (
        select(
            cards.c.topic, cards.c.client, cards.c.uuid, func.coalesce(feedback.c.reason_code, words).label("reason")
        )
        .select_from(cards.join(feedback, _same_card(cards, feedback)))
        .where(feedback.c.outcome == "overridden")
        .distinct()
        .subquery()
    )
    counted = select(given.c.topic, given.c.reason, func.count()).where(given.c.reason.is_not(None))
    found = defaultdict(list)
    for topic, reason, number in connection.execute(counted.group_by(given.c.topic, given.c.reason)):
        found[topic].append((reason, number))
    return {topic: tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))) for topic, pairs in found.items()}


def _orphans() -> Select[int]:
    shown = select(shown_cards.c.uuid).join(calls).where(calls.c.mode == "live", _is_of(feedback))
    # an entry with several reasons has several rows
    entries = select(feedback.c.client, feedback.c.card, feedback.c.outcome, feedback.c.outcome_at).distinct()
    return select(func.count()).select_from(entries.where(~exists(shown)).subquery())


def _cards(mode: Mode) -> Subquery:
    """The cards of calls in this mode, each once."""
    cards = select(shown_cards.c.topic, calls.c.client, shown_cards.c.uuid).join(calls)
    return cards.where(calls.c.mode == mode).distinct().subquery()


def _answers() -> Subquery:
    """For each card that got an answer, whether it was ever accepted and ever overridden (0 or 1)."""
    columns = (
        func.max(case((feedback.c.outcome == outcome, 1), else_=0)).label(outcome)
        for outcome in ("accepted", "overridden")
    )
    answers = select(feedback.c.client, feedback.c.card, *columns)
    return answers.group_by(feedback.c.client, feedback.c.card).subquery()


def _same_card(cards: FromClause, answers: FromClause) -> ColumnElement[bool]:
    return and_(answers.c.client == cards.c.client, answers.c.card == cards.c.uuid)


def _is_of(answers: FromClause) -> ColumnElement[bool]:
    return and_(answers.c.client == calls.c.client, answers.c.card == shown_cards.c.uuid)


def _order(topic: TopicReport) -> list[tuple[int, str]]:
    """rec-2 before rec-2b before rec-10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", topic.topic)]
