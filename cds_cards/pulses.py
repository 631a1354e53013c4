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
            for dose in (*_ordered(own, clock), *_given(given, tablets, clock)):
                yield _run(agent, dose, own, length, clock)


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


def _run(agent: str, dose: _Dose, orders: Sequence[MedicationOrder], length: timedelta, clock: Clock) -> Run:
    covered = (dose.late if clock.widest else dose.early) + length
    stop = None if dose.active else _stop(dose, orders, length, clock)
    running = stop is None and covered >= clock.today
    last = max(min(covered, clock.today, stop or clock.today), dose.first)
    # the next dose continues the course when it leaves no day uncovered
    reach = covered + timedelta(days=1)
    return Run(agent, dose.first, last, reach, running, dose.source, dose.start, by_text=dose.by_text)


def _stop(dose: _Dose, orders: Sequence[MedicationOrder], length: timedelta, clock: Clock) -> date | None:
    """The day from which a stopped order ends this dose: one written later, or the one under which it was given.

    An order that is still active keeps it running; a newer completed order begins anew.
    """
    stops = [order for order in orders if order.status == "stopped"]
    if dose.start is None or (not clock.widest and any(order.start is None for order in stops)):
        return None if clock.widest or not stops else dose.first
    at = _moment(dose.start, clock, late=clock.widest)
    dated = [(order.status, when) for order in orders if (when := _written(order, clock)) is not None]
    if any(status == "active" and when <= at for status, when in dated):
        return None
    ends = [when for status, when in dated if status == "stopped" and when >= at]
    under = (when for status, when in dated if status == "stopped" and when < at <= when + length)
    if not dose.ordered and any(
        not any(status == "completed" and stop < when <= at for status, when in dated) for stop in under
    ):
        return dose.first
    return max(min(ends).astimezone(clock.zone).date(), dose.first) if ends else None


def _written(order: MedicationOrder, clock: Clock) -> datetime | None:
    """The moment of an order that has begun; a stop of partial date ends as little as the reading allows."""
    if order.start is None or begun(order, clock) is None:
        return None
    return _moment(order.start, clock, late=not clock.widest and order.status == "stopped")


def _moment(when: When, clock: Clock, late: bool) -> datetime:
    """Two facts of one day are told apart by their times; a longer interval is read by one of its bounds."""
    partial = clock.early(when) != clock.late(when)
    return when.until(clock.as_of).end if late and partial else when.start
