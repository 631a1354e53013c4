"""What the course is drawn from: the whole record, the record as of the call, and what was decided on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cds_cards.assessment import Assessment
from cds_cards.facts import Result
from cds_cards.failure import CriterionResult, Point
from cds_cards.guideline import Guideline
from cds_cards.record import PatientRecord, Unread
from cds_cards.timeline import When
from service.course.model import Role, Value
from service.course.words import plain

LATE = "dated after the time of this call"
_ROLES: dict[Role, str] = {
    "baseline": "baseline of the response",
    "follow-up": "follow-up of the response",
    "newest": "newest value that counts",
    "before": "the value before it",
}


@dataclass(frozen=True, slots=True)
class Basis:
    """`record` is the whole one; `known` what was known at the time of the call, which alone was judged."""

    record: PatientRecord
    known: PatientRecord
    assessment: Assessment
    guideline: Guideline

    @classmethod
    def of(cls, record: PatientRecord, assessment: Assessment, guideline: Guideline) -> Basis:
        """From the record, before anything was set aside for its date."""
        known = record.until(assessment.as_of, guideline.policy.skew)
        return cls(record, known, assessment, guideline)

    @property
    def zone(self) -> ZoneInfo:
        """The site's zone."""
        return ZoneInfo(self.guideline.policy.zone)

    def late(self, when: When | None) -> bool:
        """Whether it is dated after the call (a clock skew is granted)."""
        return when is not None and when.start > self.assessment.as_of + self.guideline.policy.skew

    def results(self, *concepts: str) -> tuple[list[Result], list[Result]]:
        """The results of these concepts: those known at the call, and those dated after it."""
        known = self.known.results_of(*concepts)
        seen = set(known)
        return list(known), [result for result in self.record.results_of(*concepts) if result not in seen]

    def criterion(self, name: str) -> CriterionResult | None:
        """One of the five criteria, where they were judged."""
        return next((item for item in self.assessment.refractoriness.criteria if item.id == name), None)

    def unreadable(self, *concepts: str) -> Iterator[Value]:
        """What may have told of one of these concepts and could not be read: a date at most, and why."""
        for item in self.record.unread:
            if item.key == "observations" and item.concepts & set(concepts):
                yield _without_value(item, late=self.late(item.when))


def _without_value(item: Unread, *, late: bool) -> Value:
    why = plain(f"{item.why}; {LATE}" if late else item.why, 160)
    return Value(item.when, "no usable value", "no usable value", "measured", False, why, (item.source,))


def points_of(criterion: CriterionResult | None) -> Iterator[tuple[Role, Point]]:
    """Baseline and follow-up of a criterion, where it has them."""
    if criterion is not None and criterion.baseline is not None:
        yield "baseline", criterion.baseline
    if criterion is not None and criterion.follow_up is not None:
        yield "follow-up", criterion.follow_up


def counted(roles: Iterable[Role], *more: str | None) -> str:
    """Why a value that counts does: `counted; baseline of the response`."""
    return plain("; ".join(("counted", *(_ROLES[role] for role in roles), *(note for note in more if note))), 160)


def by_date(values: Iterable[Value]) -> tuple[Value, ...]:
    """Oldest first, undated ones last."""

    def dated(value: Value) -> tuple[bool, float, float, tuple[str, ...], str]:
        when = value.when
        start, end = (when.start.timestamp(), when.end.timestamp()) if when else (0.0, 0.0)
        return when is None, start, end, value.sources, value.said

    return tuple(sorted(values, key=dated))
