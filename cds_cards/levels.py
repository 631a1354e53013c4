"""Calcineurin inhibitor levels: due, judged, or shown only (rec-2b)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict, all_of, unanimous
from cds_cards.guideline import Guideline
from cds_cards.kinship import CNI
from cds_cards.policy import Policy
from cds_cards.record import PatientRecord, Result
from cds_cards.series import above, below, current, figure, newest
from cds_cards.therapy import Course, Therapy
from cds_cards.timeline import aged_at_most, days_at_least, days_between, instant

Standing = Literal["above", "below", "in", "not-judged"]
Side = Literal["above", "below", "in"]


@dataclass(frozen=True, slots=True)
class CniLevel:
    """The level of one running CNI: whether one is due and how the newest judged one stands; `shown` are not judged.

    `newest` is the newest level of any kind; `judged_on` the one that was judged.
    """

    agent: str
    due: Verdict
    due_why: str
    judged: Standing
    judged_why: str
    newest: Result | None = None
    shown: tuple[str, ...] = ()
    judged_on: Result | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    """The judged range in ng/mL of the variants it is meant for. `low` None: the lower limit does not apply."""

    variants: frozenset[str]
    low: float | None
    high: float
    kind: str


@dataclass(frozen=True, slots=True)
class _Clock:
    """Least and greatest day of the CNI (None: start unknown) and the intervals in days that may hold."""

    days: tuple[int, int] | None
    intervals: tuple[float, ...]


def levels(record: PatientRecord, therapy: Therapy, guideline: Guideline, as_of: datetime) -> tuple[CniLevel, ...]:
    """One entry for each calcineurin inhibitor that runs (drafts do not), in the order of their names."""
    running = [
        course
        for course in therapy.courses
        if course.status == "active" and guideline.agents[course.agent].agent_class == CNI
    ]
    agents = sorted({course.agent for course in running})
    return tuple(
        _level(agent, [course for course in running if course.agent == agent], record, therapy, guideline, as_of)
        for agent in agents
    )


def _level(
    agent: str, courses: list[Course], record: PatientRecord, therapy: Therapy, guideline: Guideline, as_of: datetime
) -> CniLevel:
    policy, name = guideline.policy, guideline.agents[agent].name
    clock = _clock(courses, policy, as_of)
    results = record.results_of(f"{agent}-level")
    due, due_why = _due(record, f"{agent}-level", results, clock, policy, as_of)
    judgeable = _range(agent, therapy, policy)
    candidates = tuple(r for r in results if r.variant in judgeable.variants and r.value is not None)
    candidates = _of_this_course(candidates, courses, ZoneInfo(policy.zone))
    judged, judged_why, judged_on = _judge(candidates, judgeable, clock, policy, as_of)
    last = newest(results)
    return CniLevel(
        agent=agent,
        due=due,
        due_why=f"{name}: {due_why}",
        judged=judged,
        judged_why=f"{name}: {judged_why}",
        newest=last[-1] if last else None,
        shown=_shown(results, judgeable, name, ZoneInfo(policy.zone)),
        judged_on=judged_on,
    )


def _clock(courses: list[Course], policy: Policy, as_of: datetime) -> _Clock:
    starts = [course.since for course in courses]
    early, late = policy.level_early_days, policy.level_late_days
    known = [start for start in starts if start is not None]
    if len(known) < len(starts):
        return _Clock(None, (early, late))
    first = min(known, key=lambda start: (start.start, start.end))
    days = days_between(first, instant(as_of), ZoneInfo(policy.zone))
    intervals = {early if day <= policy.level_early_until_day else late for day in days}
    return _Clock(days, tuple(sorted(intervals)))


def _of_this_course(results: tuple[Result, ...], courses: list[Course], zone: ZoneInfo) -> tuple[Result, ...]:
    """Without those that surely precede the drug's present course: they tell of another dose."""
    starts = [course.since for course in courses]
    return tuple(
        result
        for result in results
        if any(start is None or days_at_least(start, result.when, 0, zone) is not Verdict.NOT_MET for start in starts)
    )


def _due(
    record: PatientRecord, concept: str, results: tuple[Result, ...], clock: _Clock, policy: Policy, as_of: datetime
) -> tuple[Verdict, str]:
    """Due when no level lies within the interval, and not before the policy's first day."""
    if clock.days is None:
        begun, day = Verdict.UNKNOWN, "start unknown"
    else:
        least, most = clock.days
        begun = unanimous(Verdict.of(count >= policy.level_first_day) for count in clock.days)
        day = f"day {least}" if least == most else f"day {least} to {most}"
    older = unanimous(_older(record, concept, results, interval, as_of) for interval in clock.intervals)
    last = newest(results)
    when = f"last level {last[-1].when.day(ZoneInfo(policy.zone))}" if last else "no level on record"
    unread = "" if record.read_in_full("observations", concept) else "; not all results could be read"
    every = " or ".join(f"{interval:g}" for interval in clock.intervals)
    rule = f"one every {every} days, from day {policy.level_first_day} (site policy)"
    return all_of((begun, older)), f"{day}; {when}{unread}; {rule}"


def _older(record: PatientRecord, concept: str, results: Iterable[Result], days: float, as_of: datetime) -> Verdict:
    """Whether no level lies within the interval; one that could not be read, or a page not fetched, leaves it open."""
    limit = timedelta(days=days)
    within = {aged_at_most(result.when, as_of, limit) for result in results}
    if Verdict.MET in within:
        return Verdict.NOT_MET
    unread = {
        Verdict.UNKNOWN if item.when is None else aged_at_most(item.when, as_of, limit)
        for item in record.unread_of("observations", concept)
    }
    in_full = record.answers.get("observations", "missing") == "complete"
    return Verdict.MET if in_full and within | unread <= {Verdict.NOT_MET} else Verdict.UNKNOWN


def _range(agent: str, therapy: Therapy, policy: Policy) -> _Range:
    if agent == "tacrolimus":
        low = policy.tacrolimus_level_low if therapy.phase == "induction" else None
        return _Range(frozenset({"trough", "untimed"}), low, policy.tacrolimus_level_high, "whole-blood")
    return _Range(frozenset({"peak"}), policy.cyclosporine_peak_low, policy.cyclosporine_peak_high, "2-hour or peak")


def _judge(
    results: tuple[Result, ...], judgeable: _Range, clock: _Clock, policy: Policy, as_of: datetime
) -> tuple[Standing, str, Result | None]:
    """The newest level of the judged kind against its range, unless it is older than its interval."""
    days = min(clock.intervals)
    found = current(results, as_of, timedelta(days=days))
    values = found.surely
    if not values:
        old = f", the last of {found.stale.when.day(ZoneInfo(policy.zone))}" if found.stale else ""
        return "not-judged", f"no {judgeable.kind} level surely within {days:g} days{old}", None
    sides = {_side(result, judgeable) for result in values}
    text = "; ".join(_text(result, ZoneInfo(policy.zone)) for result in values)
    bounds = f"not above {judgeable.high:g}" if judgeable.low is None else f"{judgeable.low:g} to {judgeable.high:g}"
    side = sides.pop() if len(sides) == 1 else None
    if side is None:
        return "not-judged", f"{text}: cannot be placed against {bounds} ng/mL (site policy)", None
    word = {"above": "above", "below": "below", "in": "within"}[side]
    return side, f"{text}: {word} the range, {bounds} ng/mL (site policy)", values[-1]


def _side(result: Result, judgeable: _Range) -> Side | None:
    if result.value is None:
        return None
    high = above(result.value, result.comparator, judgeable.high)
    low = Verdict.NOT_MET
    if judgeable.low is not None:
        low = below(result.value, result.comparator, judgeable.low)
    if high is Verdict.MET:
        return "above"
    if low is Verdict.MET:
        return "below"
    return "in" if high is low is Verdict.NOT_MET else None


def _shown(results: Iterable[Result], judgeable: _Range, name: str, zone: ZoneInfo) -> tuple[str, ...]:
    """The newest level of each kind that is not judged."""
    kinds: dict[str, list[Result]] = {}
    for result in results:
        if result.variant not in judgeable.variants:
            kinds.setdefault(result.variant, []).append(result)
    last = [result for _, group in sorted(kinds.items()) for result in newest(group)]
    return tuple(f"{name} {_text(result, zone)}: shown, not judged" for result in last)


def _text(result: Result, zone: ZoneInfo) -> str:
    value = result.recorded if result.value is None else figure(result.value, result.unit, result.comparator)
    kind = result.variant or "specimen and timing not stated"
    assumed = f"; {result.assumption}" if result.assumption else ""
    unsure = "; preliminary" if result.preliminary else ""
    return f"{value} ({kind}{unsure}{assumed}) of {result.when.day(zone)}"
