"""Keeping feedback: each entry once, all of a batch or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Literal

from service.store.insert import insert_if_new
from service.store.store import Store
from service.store.tables import feedback

ROWS_IN_A_STATEMENT = 100


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """One entry of feedback; instants with their zone.

    `card`: the card's uuid as text, lower case, at most some hundred characters · `suggestions`: ids of those accepted
    · `timestamp_doubtful`: `outcome_at` is not believable.
    """

    received_at: datetime
    client: str
    service: str
    card: str
    outcome: Literal["accepted", "overridden"]
    outcome_at: datetime
    timestamp_doubtful: bool = False
    suggestions: tuple[str, ...] = ()
    reason_code: str | None = None
    reason_system: str | None = None
    reason_display: str | None = None
    user_comment: str | None = None

    @property
    def digest(self) -> str:
        """What makes the entry the same when it is sent again: all that the client said, not when it arrived."""
        said = (
            *(self.client, self.service, self.card, self.outcome, self.outcome_at.astimezone(UTC).isoformat()),
            *(sorted(set(self.suggestions)), self.reason_code, self.reason_system, self.user_comment),
        )
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """How many entries of a batch were new, and how many were there already."""

    stored: int
    known: int


def keep_feedback(store: Store, rows: Sequence[FeedbackRow]) -> Kept:
    """Stores the entries that are new, all or none; durable when it returns. Raises StoreLost."""
    if not rows:
        return Kept(0, 0)
    # each once, and all processes in the same order: two batches with the same entries cannot lock each other out
    batch = sorted({row.digest: row for row in rows}.items(), key=itemgetter(0))
    with store.begin() as connection:
        statement = insert_if_new(connection, feedback).returning(feedback.c.digest)
        # PostgreSQL takes longer for one statement of a thousand rows than for ten of a hundred
        statement = statement.execution_options(insertmanyvalues_page_size=ROWS_IN_A_STATEMENT)
        stored = len(connection.execute(statement, [_columns(digest, row) for digest, row in batch]).all())
    return Kept(stored, len(rows) - stored)


def _columns(digest: str, row: FeedbackRow) -> Mapping[str, object]:
    return {
        "digest": digest,
        "received_at": row.received_at,
        "client": row.client,
        "service": row.service,
        "card": row.card,
        "outcome": row.outcome,
        "outcome_at": row.outcome_at,
        "timestamp_doubtful": row.timestamp_doubtful,
        "suggestions": json.dumps(row.suggestions),
        "reason_code": row.reason_code,
        "reason_system": row.reason_system,
        "reason_display": row.reason_display,
        "user_comment": row.user_comment,
    }
