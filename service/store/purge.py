"""Forgetting what is old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, delete, except_, literal_column, select

from service.store.report import STATEMENT_SECONDS
from service.store.store import Store
from service.store.tables import calls, feedback, shown_cards, used_tokens

GROUP = 10_000
"""Rows deleted in one transaction: who writes while a purge runs does not wait for all of it."""

_NOTHING: ColumnElement[int] = literal_column("0")


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows were deleted."""

    calls: int
    cards: int
    feedback: int
    tokens: int


def purge(store: Store, before: datetime) -> Purged:
    """Deletes what is older than `before`: feedback by its arrival, tokens by their expiry, calls with their cards.

    A call stays as long as younger feedback on one of its cards does, which would become an orphan. Raises StoreLost.
    """
    entries = _delete(store, select(feedback.c.digest).where(feedback.c.received_at < before))
    tokens = _delete(store, select(used_tokens.c.digest).where(used_tokens.c.expires_at < before))
    old = select(calls.c.id).where(calls.c.answered_at < before)
    # the old feedback is gone by now: what is there keeps its call
    answered = select(shown_cards.c.call_id).select_from(
        calls.join(shown_cards).join(
            feedback, and_(feedback.c.client == calls.c.client, feedback.c.card == shown_cards.c.uuid)
        )
    )
    cards = _delete(store, except_(old, answered), calls.c.card_count)
    return Purged(len(cards), sum(cards), len(entries), len(tokens))


def _delete(
    store: Store, keys: Select[str] | CompoundSelect[str], told: ColumnElement[int] = _NOTHING
) -> Sequence[int]:
    """Deletes rows by their keys, in groups, cards with their call; gives what is `told` of each row."""
    key = keys.selected_columns[0]
    some = keys.limit(GROUP)
    gone: list[int] = []
    while True:
        with store.begin(seconds=STATEMENT_SECONDS) as connection:
            group = connection.execute(delete(key.table).where(key.in_(some)).returning(told)).scalars().all()
        if not group:
            return gone
        gone += group
