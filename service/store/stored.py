"""What is stored of the feedback on one card."""

from __future__ import annotations

import json

from sqlalchemy import select

from service.store.feedback import FeedbackRow
from service.store.store import Store
from service.store.tables import feedback

MOST_ROWS = 100


def stored_feedback(store: Store, client: str, card: str) -> tuple[FeedbackRow, ...]:
    """The feedback of one client on one card (its uuid in lower case), newest first, at most `MOST_ROWS`.

    An override with several reasons is a row for each. Raises StoreLost.
    """
    rows = select(feedback).where(feedback.c.client == client, feedback.c.card == card)
    # the digest makes the order of what arrived together the same each time
    newest = rows.order_by(feedback.c.received_at.desc(), feedback.c.outcome_at.desc(), feedback.c.digest)
    with store.begin(reading=True) as connection:
        found = connection.execute(newest.limit(MOST_ROWS)).mappings().all()
    return tuple(_row(dict(columns)) for columns in found)


def _row(columns: dict[str, object]) -> FeedbackRow:
    del columns["digest"]
    suggestions = tuple(json.loads(str(columns.pop("suggestions"))))
    return FeedbackRow(**columns, suggestions=suggestions)  # type: ignore[arg-type]  # the table's own columns
