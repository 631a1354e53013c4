"""CDS Hooks feedback JSON → entries, each on its own: a bad one is refused by name, the others are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from service.errors import InvalidField, MissingField, ServiceError
from service.feedback.fields import Json, identifier, listed
from service.feedback.override import OverrideReason, override_reasons

Outcome = Literal["accepted", "overridden"]

MAX_ENTRIES = 10_000
CLOCK_SKEW = timedelta(minutes=5)
LONG_AGO = timedelta(days=365)
# RFC 3339, its leap second included; what `fromisoformat` reads beyond it is no instant that the specification knows
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LEAP_SECOND = re.compile(r"(?<=:\d\d:)60")


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """What a clinician did with one card, at one moment (UTC). `doubtful`: that moment cannot be right.

    `card` is the uuid of the card in lower case; `suggestions` the ids of the accepted ones. `where` is the entry's
    place in the body, `cut` the places of texts that were too long to be kept in full.
    """

    where: str
    card: str
    outcome: Outcome
    outcome_at: datetime
    doubtful: bool
    suggestions: tuple[str, ...] = ()
    reasons: tuple[OverrideReason, ...] = ()
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodedFeedback:
    """The entries that can be kept, and why each of the others cannot."""

    entries: tuple[FeedbackEntry, ...]
    refused: tuple[ServiceError, ...]


def decode_feedback(body: Json, now: datetime) -> DecodedFeedback:
    """The entries of a call received at `now`; MissingField or InvalidField when it brings no array of them."""
    entries, refused = [], []
    for number, entry in enumerate(_array(body)):
        try:
            entries.append(_entry(entry, f"feedback[{number}]", now))
        except (MissingField, InvalidField) as error:
            refused.append(error)
    return DecodedFeedback(tuple(entries), tuple(refused))


def _array(body: Json) -> list[object]:
    given = body.get("feedback")
    if given is None or given == []:
        raise MissingField("feedback is required: an array with at least one entry")
    if not isinstance(given, list):
        raise InvalidField("feedback must be an array of entries")
    if len(given) > MAX_ENTRIES:
        raise InvalidField(f"feedback has more than {MAX_ENTRIES} entries: send them in several calls")
    return given


def _entry(source: object, where: str, now: datetime) -> FeedbackEntry:
    if not isinstance(source, Mapping):
        raise InvalidField(f"{where} must be an object")
    card, outcome = _card(source, where), _outcome(source, where)
    at = _instant(source, "outcomeTimestamp", where)
    cut: list[str] = []
    return FeedbackEntry(
        where=where,
        card=card,
        outcome=outcome,
        outcome_at=at,
        doubtful=at > now + CLOCK_SKEW or at < now - LONG_AGO,
        suggestions=_suggestions(source, where) if outcome == "accepted" else (),
        reasons=override_reasons(source, where, cut) if outcome == "overridden" else (),
        cut=tuple(cut),
    )


def _card(source: Json, where: str) -> str:
    card = identifier(source, "card", where).lower().removeprefix("urn:uuid:")
    if not card:
        raise InvalidField(f"{where}.card must be the uuid of a card")
    return card


def _outcome(source: Json, where: str) -> Outcome:
    match source.get("outcome"):
        case "accepted":
            return "accepted"
        case "overridden":
            return "overridden"
        case None | "":
            raise MissingField(f"{where}.outcome is required")
        case _:
            raise InvalidField(f"{where}.outcome must be accepted or overridden")


def _instant(source: Json, key: str, where: str) -> datetime:
    text = identifier(source, key, where)
    try:
        if _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(_LEAP_SECOND.sub("59", text).upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        # the month 13, or a zone that leads out of the calendar
        pass
    raise InvalidField(f"{where}.{key} must be an RFC 3339 instant with its zone, such as 1985-04-12T23:20:50Z")


def _suggestions(source: Json, where: str) -> tuple[str, ...]:
    given = listed(source, "acceptedSuggestions", where)
    if not given:
        raise MissingField(f"{where}.acceptedSuggestions is required when the outcome is accepted")
    return tuple(identifier(suggestion, "id", place) for place, suggestion in given)
