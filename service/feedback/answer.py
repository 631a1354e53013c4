"""One feedback call: decoded, kept for good, answered with an OperationOutcome that says what became of each entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from service.discovery import SERVICES
from service.errors import InvalidField, Unavailable, UnknownService
from service.feedback.entries import FeedbackEntry, decode_feedback
from service.feedback.fields import MAX_WORDS
from service.feedback.override import OverrideReason
from service.security.caller import Caller
from service.store import FeedbackRow, Kept, Store, StoreLost, keep_feedback

Json = dict[str, object]
RETRY_SECONDS = 5


def _uncounted(outcome: str) -> None:
    """Nobody counts."""


def feedback_answer(
    body: Mapping[str, object],
    service_id: str,
    caller: Caller,
    store: Store,
    now: datetime,
    count: Callable[[str], None] = _uncounted,
) -> tuple[Json, int]:
    """The answer and its status: 200 when an entry was kept, 400 when none could be.

    `count` hears of each entry that was answered: accepted, overridden or refused.
    Raises UnknownService, MissingField or InvalidField for a body that is none, and Unavailable when nothing was kept
    though it should have been.
    """
    if service_id not in SERVICES:
        raise UnknownService("there is no CDS service with this id")
    decoded = decode_feedback(body, now)
    refused = [_issue("error", error.issue_code, error.diagnostics) for error in decoded.refused]
    kept = _keep(decoded.entries, service_id, caller, store, now) if decoded.entries else None
    for outcome in (*(entry.outcome for entry in decoded.entries), *("refused" for _ in refused)):
        count(outcome)
    if kept is None:
        return _outcome(refused), InvalidField.status
    return _outcome([_told(kept), *_doubts(decoded.entries), *refused]), 200


def _keep(entries: Sequence[FeedbackEntry], service: str, caller: Caller, store: Store, now: datetime) -> Kept:
    rows = [tuple(_rows(entry, service, caller, now)) for entry in entries]
    try:
        # an entry is its first row, and stands only when its further reasons do: a batch that breaks off between the
        # two is not acknowledged, and what it left is known when the batch comes again
        keep_feedback(store, [row for first, *more in rows for row in more])
        return keep_feedback(store, [first for first, *_ in rows])
    except StoreLost:
        raise Unavailable("feedback cannot be stored at the moment: nothing is acknowledged", RETRY_SECONDS) from None


def _rows(entry: FeedbackEntry, service: str, caller: Caller, now: datetime) -> Iterator[FeedbackRow]:
    """One row for each reason of the entry; one without when there is none."""
    for reason in entry.reasons or (OverrideReason(),):
        yield FeedbackRow(
            received_at=now,
            client=caller.client,
            service=service,
            card=entry.card,
            outcome=entry.outcome,
            outcome_at=entry.outcome_at,
            timestamp_doubtful=entry.doubtful,
            suggestions=entry.suggestions,
            reason_code=reason.code,
            reason_system=reason.system,
            reason_display=reason.display,
            user_comment=reason.comment,
        )


def _told(kept: Kept) -> Json:
    entries = "entry" if kept.stored == 1 else "entries"
    known = f", {kept.known} already known" if kept.known else ""
    return _issue("information", "informational", f"{kept.stored} {entries} stored{known}")


def _doubts(entries: Sequence[FeedbackEntry]) -> Iterator[Json]:
    """What was kept, and not as it came."""
    for entry in entries:
        if entry.doubtful:
            what = "is in the future or long ago; kept, and marked as doubtful"
            yield _issue("warning", "business-rule", f"{entry.where}.outcomeTimestamp {what}")
        for place in entry.cut:
            yield _issue("warning", "too-long", f"{place}: the first {MAX_WORDS} characters were kept")


def _issue(severity: str, code: str, diagnostics: str) -> Json:
    return {"severity": severity, "code": code, "diagnostics": diagnostics}


def _outcome(issues: Sequence[Json]) -> Json:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}
