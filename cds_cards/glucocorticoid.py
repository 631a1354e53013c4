"""The glucocorticoid dose of the first days of a combination ("high-dose" in rec-2; the limit is site policy)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cds_cards.courses import Clock, Run
from cds_cards.guideline import Guideline
from cds_cards.kinship import GLUCOCORTICOID
from cds_cards.pulses import GIVEN
from cds_cards.record import MedicationOrder, PatientRecord
from cds_cards.series import current, figure

PULSED = "methylprednisolone"


@dataclass(frozen=True, slots=True)
class _Daily:
    """An order's daily dose as prednisone (mg/day, or mg/kg/day where `per_kg`); None where it cannot be computed."""

    run: Run
    prednisone: float | None
    per_kg: bool


def low_glucocorticoid(
    record: PatientRecord,
    orders: Sequence[MedicationOrder],
    runs: Sequence[Run],
    since: date,
    guideline: Guideline,
    clock: Clock,
) -> str:
    """A sentence when all doses of the first days are known, below the policy's, and no pulse was given; else "".

    `runs` and `since` of the running combination; the weight is the newest within the policy's days.
    """
    policy = guideline.policy
    until = min(since + timedelta(days=policy.high_dose_days), clock.today)
    window = _daily(orders, runs, since, until, guideline)
    weight = _weight(record, guideline, clock.as_of)
    if not window or weight is None or _pulse_given(record, since, until, clock):
        return ""
    known: list[float] = []
    for day in _days(since, until):
        dose = _on_day(day, window, weight)
        if dose is None or dose >= policy.high_dose_glucocorticoid:
            return ""
        known.append(dose)
    limit = figure(policy.high_dose_glucocorticoid, None)
    return (
        f"glucocorticoid of the first {policy.high_dose_days:g} days of the combination at most "
        f"{figure(max(known), None)} mg/kg/day prednisone equivalent (weight {figure(weight, 'kg')}), "
        f"below {limit} mg/kg/day (site policy), without a pulse on record"
    )


def _daily(
    orders: Sequence[MedicationOrder], runs: Sequence[Run], since: date, until: date, guideline: Guideline
) -> list[_Daily]:
    by_source = {order.source: order for order in orders}
    found = []
    for run in runs:
        agent = guideline.agents[run.agent]
        if agent.agent_class != GLUCOCORTICOID or run.last < since or run.first > until:
            continue
        dose = by_source[run.source].dose
        factor = agent.prednisone_equivalent
        known = factor is not None and dose.basis != "per-m2" and not dose.as_needed
        amount = dose.per_day * factor.value if known and factor and dose.per_day is not None else None
        found.append(_Daily(run, amount, dose.basis == "per-kg"))
    return found


def _pulse_given(record: PatientRecord, since: date, until: date, clock: Clock) -> bool:
    """Methylprednisolone given in these days, in a dose that is not known. (An ordered pulse shows in its dose.)"""
    given = (item for item in record.administrations if item.agent == PULSED and item.status in GIVEN)
    return any(clock.early(item.when) <= until and clock.late(item.when) >= since for item in given)


def _on_day(day: date, window: Sequence[_Daily], weight: float) -> float | None:
    """What all orders of a day amount to, in mg/kg prednisone."""
    total = 0.0
    for item in window:
        if item.run.first <= day <= item.run.last:
            if item.prednisone is None:
                return None
            total += item.prednisone if item.per_kg else item.prednisone / weight
    return total


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _weight(record: PatientRecord, guideline: Guideline, as_of: datetime) -> float | None:
    usable = [result for result in record.results_of("weight") if result.value and result.comparator is None]
    sure = current(usable, as_of, timedelta(days=guideline.policy.weight_days)).surely
    return sure[0].value if len(sure) == 1 else None
