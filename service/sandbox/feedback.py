"""What is stored of the feedback on a card, for the page to show that it was kept."""

from __future__ import annotations

from datetime import UTC, datetime

from service.errors import MissingField, Unavailable
from service.feedback.answer import RETRY_SECONDS
from service.store import FeedbackRow, Store, StoreLost
from service.store.stored import stored_feedback
from service.wire_assessment import pruned

Json = dict[str, object]


def feedback_json(store: Store, client: str, card: str | None) -> Json:
    """The entries for one card, newest first. Raises MissingField, or Unavailable while the store is lost."""
    if not card:
        raise MissingField("card is required: the uuid of a card")
    try:
        rows = stored_feedback(store, client, card.lower())
    except StoreLost:
        raise Unavailable("what is stored cannot be read at the moment", RETRY_SECONDS) from None
    return {"entries": [_entry(row) for row in rows]}


def _entry(row: FeedbackRow) -> Json:
    reason = {"code": row.reason_code, "system": row.reason_system, "display": row.reason_display}
    stored = pruned(
        {
            "receivedAt": _instant(row.received_at),
            "outcome": row.outcome,
            "outcomeTimestamp": _instant(row.outcome_at),
            "reason": reason,
            "comment": row.user_comment,
        }
    )
    return {**stored, "suggestions": list(row.suggestions)}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
