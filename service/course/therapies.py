"""The courses of therapy as bars, and the days that the rules count from."""

from __future__ import annotations

from collections.abc import Iterator

from cds_cards.record import MedicationOrder
from cds_cards.timeline import When, instant
from service.course.basis import Basis
from service.course.model import Bar, Moment, moved
from service.course.words import plain

_RESCUE = ("pmx-hemoperfusion", "plasmapheresis")
_GIVEN = frozenset({"in-progress", "completed", "stopped"})
"""FHIR procedure statuses of what was done, wholly or in part."""


def bars(basis: Basis) -> tuple[Bar, ...]:
    """The courses by their earliest start, agent by agent: on record, drafted, ordered for later, and apheresis."""
    found = [*_courses(basis), *_planned(basis), *_procedures(basis)]
    first: dict[str, float] = {}
    for bar in found:
        first[bar.agent] = min(first.get(bar.agent, _begun(bar)), _begun(bar))
    return tuple(sorted(found, key=lambda bar: (first[bar.agent], bar.agent, _begun(bar), bar.status, _over(bar))))


def _begun(bar: Bar) -> float:
    """A running course of unknown start stands first, a draft last."""
    if bar.since is not None:
        return bar.since.start.timestamp()
    return float("-inf" if bar.status in ("active", "past") else "inf")


def _over(bar: Bar) -> float:
    return bar.until.end.timestamp() if bar.until is not None else float("inf")


def moments(basis: Basis) -> tuple[Moment, ...]:
    """Start of the combination, of its last new agent, the first day on which response is judged, and now."""
    therapy, policy = basis.assessment.therapy, basis.guideline.policy
    since, assessed = therapy.combination_since, therapy.assessed_since
    found = []
    if since is not None:
        found.append(Moment("combination", "combination since", since))
    if assessed is not None:
        if since is None or (assessed.start, assessed.end) != (since.start, since.end):
            found.append(Moment("last-step", "last new agent since", assessed))
        day = policy.assess_from_day
        found.append(Moment("assess-from", f"day {day:g}", moved(assessed, int(day), basis.zone)))
    return (*found, Moment("now", "now", instant(basis.assessment.as_of)))


def _courses(basis: Basis) -> Iterator[Bar]:
    for course in basis.assessment.therapy.courses:
        label = basis.guideline.agents[course.agent].name
        yield Bar(course.agent, label, course.status, course.since, course.end, course.by_text)


def _planned(basis: Basis) -> Iterator[Bar]:
    """Active orders that begin later."""
    for order in basis.known.orders:
        if order.agent in basis.assessment.therapy.planned and _begins_later(order, basis):
            label = basis.guideline.agents[order.agent].name
            yield Bar(order.agent, label, "planned", order.start, order.end, order.by_text)


def _begins_later(order: MedicationOrder, basis: Basis) -> bool:
    return order.status == "active" and not order.prohibited and basis.late(order.start)


def _procedures(basis: Basis) -> Iterator[Bar]:
    """Apheresis given, each session a bar of its own."""
    for procedure in basis.known.procedures:
        for concept in _RESCUE:
            if concept in procedure.concepts and procedure.status in _GIVEN:
                label = plain(basis.guideline.procedures[concept].label, 40)
                running = procedure.status == "in-progress" and procedure.end is None
                end: When | None = None if running else procedure.end or procedure.start
                if procedure.start is not None or end is not None:
                    yield Bar(concept, label, "active" if running else "past", procedure.start or end, end)
