"""Pulses: how long a dose of cyclophosphamide, rituximab or basiliximab runs is the policy's interval, nothing else."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import TypeVar

from cds_cards.courses import PULSE, Begun, Clock, Run, is_pulse
from cds_cards.guideline import Guideline, Policy
from cds_cards.record import Administration
from cds_cards.timeline import When

# FHIR medication-admin-status of a dose that was, or is being, given.
GIVEN = frozenset({"in-progress", "completed"})
ORDERED = frozenset({"active", "completed"})


@dataclass(frozen=True, slots=True)
class _Dose:
    """A dose given or ordered, by the reading of the clock. `early`: by the other bound of its date."""

    first: date
    early: date
    late: date
    source: str
    start: When | None
    ordered: bool
    active: bool = False
    by_text: bool = False


@dataclass(frozen=True, slots=True)
class _Written:
    """The moments of an agent's orders that have begun, by status, oldest first."""

    active: tuple[datetime, ...]
    completed: tuple[datetime, ...]
    stopped: tuple[datetime, ...]
    undated_stop: bool

    @classmethod
    def of(cls, orders: Sequence[Begun], clock: Clock) -> _Written:
        """A stop of partial date ends as little as the reading allows."""
        moments: dict[str, list[datetime]] = {"active": [], "completed": [], "stopped": []}
        for order, first in ((item.order, item.first) for item in orders):
            if order.start is not None and order.status in moments and first is not None:
                late = not clock.widest and order.status == "stopped"
                moments[order.status].append(_moment(order.start, clock, late))
        undated = any(item.order.status == "stopped" and item.order.start is None for item in orders)
        active, completed, stopped = (tuple(sorted(found)) for found in moments.values())
        return cls(active, completed, stopped, undated)


def interval(agent: str, policy: Policy) -> timedelta:
    """How long a dose of the agent runs."""
    days = {
        "cyclophosphamide": policy.interval_cyclophosphamide_days,
        "rituximab": policy.interval_rituximab_days,
        "basiliximab": policy.interval_basiliximab_days,
    }
    return timedelta(days=days[agent])


def pulse_runs(
    orders: Sequence[Begun],
    administrations: Sequence[Administration],
    daily: Sequence[Run],
    guideline: Guideline,
    clock: Clock,
) -> Iterator[Run]:
    """The runs of all pulses. `daily` are the runs of ordinary orders: a dose of such an order is no pulse."""
    pulses = _by_agent(orders, lambda item: item.order.agent)
    given = _by_agent((item for item in administrations if item.status in GIVEN), lambda item: item.agent)
    tablets = _by_agent(daily, lambda run: run.agent)
    for agent in sorted(pulses.keys() | given.keys()):
        if PULSE in guideline.agents[agent].roles:
            own = [item for item in pulses.get(agent, ()) if is_pulse(item.order, guideline)]
            length = interval(agent, clock.policy)
            doses = (*_ordered(own, clock), *_given(given.get(agent, ()), tablets.get(agent, ()), clock))
            written = _Written.of(own, clock)
            for dose in doses:
                yield _run(agent, dose, written, length, clock)


_Of = TypeVar("_Of")


def _by_agent(items: Iterable[_Of], agent: Callable[[_Of], str]) -> dict[str, list[_Of]]:
    found: dict[str, list[_Of]] = {}
    for item in items:
        found.setdefault(agent(item), []).append(item)
    return found


def _ordered(orders: Sequence[Begun], clock: Clock) -> Iterator[_Dose]:
    for item in orders:
        order = item.order
        active = order.status == "active"
        if order.status not in ORDERED:
            continue
        if order.start is None:
            # begun some day; without any date only an active order surely runs
            first = date.min if clock.widest else clock.today
            if active or clock.widest:
                yield _Dose(first, clock.today, clock.today, order.source, None, True, active, order.by_text)
        elif item.first is not None:
            yield _dose(item.first, order.start, order.source, clock, True, active, order.by_text)


def _given(administrations: Sequence[Administration], tablets: Sequence[Run], clock: Clock) -> Iterator[_Dose]:
    by_start = sorted(tablets, key=lambda run: run.first)
    starts, reached = [run.first for run in by_start], list(accumulate((run.last for run in by_start), max))
    for item in administrations:
        first = clock.begin(item.when.until(clock.as_of))
        if first is None:
            continue
        # a dose on a day on which tablets ran is one of them
        before = bisect_right(starts, first)
        if not before or reached[before - 1] < first:
            yield _dose(first, item.when, item.source, clock, False)


def _dose(
    first: date, when: When, source: str, clock: Clock, ordered: bool, active: bool = False, by_text: bool = False
) -> _Dose:
    late = min(clock.late(when), clock.today)
    return _Dose(first, clock.early(when), late, source, when, ordered, active, by_text)


def _run(agent: str, dose: _Dose, written: _Written, length: timedelta, clock: Clock) -> Run:
    covered = (dose.late if clock.widest else dose.early) + length
    stop = None if dose.active else _stop(dose, written, length, clock)
    running = stop is None and covered >= clock.today
    last = max(min(covered, clock.today, stop or clock.today), dose.first)
    # the next dose continues the course when it leaves no day uncovered
    reach = covered + timedelta(days=1)
    return Run(
        agent, dose.first, last, reach, running, dose.source, dose.start, by_text=dose.by_text, in_force=dose.active
    )


def _stop(dose: _Dose, written: _Written, length: timedelta, clock: Clock) -> date | None:
    """The day from which a stopped order ends this dose: one written later, or the one under which it was given.

    An order that is still active keeps it running; a newer completed order begins anew.
    """
    if dose.start is None or (not clock.widest and written.undated_stop):
        return None if clock.widest or not (written.stopped or written.undated_stop) else dose.first
    at = _moment(dose.start, clock, late=clock.widest)
    if written.active and written.active[0] <= at:
        return None
    following = bisect_left(written.stopped, at)
    if not dose.ordered and following and _under(written.stopped[following - 1], at, written, length):
        return dose.first
    ends = written.stopped[following : following + 1]
    return max(ends[0].astimezone(clock.zone).date(), dose.first) if ends else None


def _under(stop: datetime, at: datetime, written: _Written, length: timedelta) -> bool:
    """Whether a dose was given under the stopped order: within its interval, and none completed since."""
    completed = bisect_right(written.completed, at)
    return at <= stop + length and not (completed and written.completed[completed - 1] > stop)


def _moment(when: When, clock: Clock, late: bool) -> datetime:
    """Two facts of one day are told apart by their times; a longer interval is read by one of its bounds."""
    partial = clock.early(when) != clock.late(when)
    return when.until(clock.as_of).end if late and partial else when.start
