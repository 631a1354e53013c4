"""Pulses: how long a dose of cyclophosphamide, rituximab or basiliximab runs is the policy's interval, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cds_cards.courses import PULSE, Clock, Run, begun, is_pulse
from cds_cards.guideline import Guideline, Policy
from cds_cards.record import Administration, MedicationOrder
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
    """The moments of an agent's orders that have begun, by status."""

    active: tuple[datetime, ...]
    completed: tuple[datetime, ...]
    stopped: tuple[datetime, ...]
    undated_stop: bool

    @classmethod
    def of(cls, orders: Sequence[MedicationOrder], clock: Clock) -> _Written:
        """A stop of partial date ends as little as the reading allows."""
        moments: dict[str, list[datetime]] = {"active": [], "completed": [], "stopped": []}
        for order in orders:
            if order.start is not None and order.status in moments and begun(order, clock) is not None:
                late = not clock.widest and order.status == "stopped"
                moments[order.status].append(_moment(order.start, clock, late))
        undated = any(order.status == "stopped" and order.start is None for order in orders)
        return cls(tuple(moments["active"]), tuple(moments["completed"]), tuple(moments["stopped"]), undated)


def interval(agent: str, policy: Policy) -> timedelta:
    """How long a dose of the agent runs."""
    days = {
        "cyclophosphamide": policy.interval_cyclophosphamide_days,
        "rituximab": policy.interval_rituximab_days,
        "basiliximab": policy.interval_basiliximab_days,
    }
    return timedelta(days=days[agent])


def pulse_runs(
    orders: Sequence[MedicationOrder],
    administrations: Sequence[Administration],
    daily: Sequence[Run],
    guideline: Guideline,
    clock: Clock,
) -> Iterator[Run]:
    """The runs of all pulses. `daily` are the runs of ordinary orders: a dose of such an order is no pulse."""
    pulses = [order for order in orders if is_pulse(order, guideline)]
    for agent in sorted({order.agent for order in pulses} | {item.agent for item in administrations}):
        if PULSE in guideline.agents[agent].roles:
            own = [order for order in pulses if order.agent == agent]
            given = [item for item in administrations if item.agent == agent and item.status in GIVEN]
            tablets = [run for run in daily if run.agent == agent]
            length = interval(agent, clock.policy)
            doses = (*_ordered(own, clock), *_given(given, tablets, clock))
            written = _Written.of(own, clock)
            for dose in doses:
                yield _run(agent, dose, written, length, clock)


def _ordered(orders: Sequence[MedicationOrder], clock: Clock) -> Iterator[_Dose]:
    for order in orders:
        active = order.status == "active"
        if order.status not in ORDERED:
            continue
        if order.start is None:
            # begun some day; without any date only an active order surely runs
            first = date.min if clock.widest else clock.today
            if active or clock.widest:
                yield _Dose(first, clock.today, clock.today, order.source, None, True, active, order.by_text)
        elif (first_day := begun(order, clock)) is not None:
            yield _dose(first_day, order.start, order.source, clock, True, active, order.by_text)


def _given(administrations: Sequence[Administration], tablets: Sequence[Run], clock: Clock) -> Iterator[_Dose]:
    for item in administrations:
        first = clock.begin(item.when.until(clock.as_of))
        if first is not None and not any(run.first <= first <= run.last for run in tablets):
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
    if any(active <= at for active in written.active):
        return None
    under = (stop for stop in written.stopped if stop < at <= stop + length)
    if not dose.ordered and any(not any(stop < anew <= at for anew in written.completed) for stop in under):
        return dose.first
    ends = [stop for stop in written.stopped if stop >= at]
    return max(min(ends).astimezone(clock.zone).date(), dose.first) if ends else None


def _moment(when: When, clock: Clock, late: bool) -> datetime:
    """Two facts of one day are told apart by their times; a longer interval is read by one of its bounds."""
    partial = clock.early(when) != clock.late(when)
    return when.until(clock.as_of).end if late and partial else when.start
