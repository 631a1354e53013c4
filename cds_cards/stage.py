"""The stage of the regimen, and the rescue given on it (contract §3, table of `therapy.stage`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

from cds_cards.combination import ADD_ON, Reading, Readings
from cds_cards.courses import Clock
from cds_cards.guideline import Guideline
from cds_cards.kinship import GLUCOCORTICOID, IMMUNOGLOBULIN, immunoglobulins
from cds_cards.pulses import GIVEN, ORDERED
from cds_cards.record import PatientRecord

Stage = Literal["untreated", "glucocorticoid-only", "incomplete", "combination", "escalated", "rescue", "unknown"]

APHERESIS = ("pmx-hemoperfusion", "plasmapheresis")
# beside a combination these are an escalation whenever they began
ALWAYS_ESCALATING = frozenset({"basiliximab", "tofacitinib"})

Days = tuple[date, date]
"""A day as (earliest, latest)."""


def stage(readings: Readings, rescued: bool, complete: bool, guideline: Guideline) -> Stage:
    """The stage of what surely runs; unknown when what is not settled could make a combination.

    `complete`: all orders could be read. `rescued`: rescue since the combination was complete.
    """
    sure = readings.narrowest
    if sure.since is None:
        possible = not complete or readings.widest.since is not None
        return "unknown" if possible else _without_combination(sure, guideline)
    if rescued:
        return "rescue"
    return "escalated" if _escalated(readings, sure.since, guideline) else "combination"


def _without_combination(reading: Reading, guideline: Guideline) -> Stage:
    agents = [guideline.agents[name] for name in reading.running]
    if any("immunosuppressant" in agent.roles for agent in agents):
        return "incomplete"
    return "glucocorticoid-only" if any(agent.agent_class == GLUCOCORTICOID for agent in agents) else "untreated"


def _escalated(readings: Readings, complete_since: date, guideline: Guideline) -> bool:
    running = readings.narrowest.running
    from_day = complete_since + timedelta(days=guideline.policy.escalation_from_day)
    added = (agent for agent in running if ADD_ON in guideline.agents[agent].roles)
    return bool(running & ALWAYS_ESCALATING) or any(readings.widest.steps[agent] >= from_day for agent in added)


def combined_since(readings: Readings) -> Days | None:
    """First day of the running combination; None when none surely runs."""
    if readings.narrowest.since is None or readings.widest.since is None:
        return None
    return readings.widest.since, readings.narrowest.since


def rescued(record: PatientRecord, readings: Readings, guideline: Guideline, clock: Clock) -> bool:
    """Whether apheresis was given since the combination was complete, or immunoglobulin first after the policy's days.

    What dates leave open is no rescue.
    """
    since = combined_since(readings)
    if since is None:
        return False
    if any(last[0] >= since[1] for name in APHERESIS for last in _sessions(record, name, clock)):
        return True
    doses = [dose for dose in _doses(record, readings, guideline, clock) if dose[1] >= since[0]]
    first_rescue = since[1] + timedelta(days=guideline.policy.escalation_from_day)
    return bool(doses) and all(dose[0] >= first_rescue for dose in doses)


def rescue_given(
    record: PatientRecord, readings: Readings, running: frozenset[str], guideline: Guideline, clock: Clock
) -> frozenset[str]:
    """Of apheresis and immunoglobulin those that run, or may have been given since the combination was complete."""
    since = combined_since(readings)
    first = clock.today if since is None else since[0]
    given = {name for name in APHERESIS if any(last[1] >= first for last in _sessions(record, name, clock))}
    doses = _doses(record, readings, guideline, clock) if since is not None else ()
    if running & immunoglobulins(guideline) or any(dose[1] >= first for dose in doses):
        given.add(IMMUNOGLOBULIN)
    return frozenset(given)


def _sessions(record: PatientRecord, concept: str, clock: Clock) -> Iterator[Days]:
    """The last day of each procedure on record; one in progress lasts until today."""
    for procedure in record.procedures:
        if concept not in procedure.concepts or procedure.status not in GIVEN:
            continue
        last = procedure.end or procedure.start
        if procedure.status == "in-progress" and procedure.end is None:
            yield clock.today, clock.today
        elif last is not None:
            yield min(clock.early(last), clock.today), min(clock.late(last), clock.today)


def _doses(record: PatientRecord, readings: Readings, guideline: Guideline, clock: Clock) -> Iterator[Days]:
    """The days of immunoglobulin: each order that was not stopped by its start, each dose given by its own."""
    wanted = immunoglobulins(guideline)
    for order, first in ((item.order, item.first) for item in readings.widest.orders):
        if order.agent in wanted and order.status in ORDERED:
            if order.start is None:
                yield date.min, clock.today
            elif first is not None:
                yield clock.early(order.start), min(clock.late(order.start), clock.today)
    for item in record.administrations:
        if item.agent in wanted and item.status in GIVEN:
            yield clock.early(item.when), min(clock.late(item.when), clock.today)
