"""Dosage instructions → what an order amounts to a day, a week and a course, in mg.

Every form FHIR allows is read or refused by name; nothing that cannot be computed is taken to be in range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from cds_cards.record import Dose
from service.fhir.read.amounts import DAYS, NO_STRENGTH, Amount, Strength, UnreadDose, mass, stated_amount
from service.fhir.read.timing import UnreadTiming, schedule

Json = Mapping[str, Any]


def read_dose(dosages: Sequence[Json], strength: Strength = NO_STRENGTH) -> Dose:
    """The dose of an order: instructions of one sequence number add up, those that follow each other do not."""
    if not dosages:
        return Dose(unread="no dosage instruction")
    parts: list[tuple[object, Dose]] = []
    for number, dosage in enumerate(dosages):
        try:
            parts.append((_turn(dosage, number, dosages), _one(dosage, strength)))
        except (UnreadDose, UnreadTiming) as error:
            daily = _daily_of(dosages)
            return Dose(unread=str(error), daily=daily, as_needed=any(_as_needed(item) for item in dosages))
    if len({dose.basis for _, dose in parts}) > 1:
        return Dose(unread="the instructions mix amounts with and without body size", daily=_daily_of(dosages))
    turns: dict[object, list[Dose]] = {}
    for turn, dose in parts:
        turns.setdefault(turn, []).append(dose)
    # what runs at the same time adds up; of what follows each other a day or week brings the highest
    return _joined([_joined(doses, _sum) for doses in turns.values()], _largest)


def _turn(dosage: Json, number: int, dosages: Sequence[Json]) -> object:
    """What groups instructions that run at the same time: the sequence number, else distinct bounds, else all."""
    if any(item.get("sequence") is not None for item in dosages):
        return ("sequence", dosage.get("sequence", number))
    periods = [_period(item) for item in dosages]
    if all(periods) and _apart([period for period in periods if period]):
        return ("period", number)
    return "together"


def _period(dosage: Json) -> tuple[str, str] | None:
    period = ((dosage.get("timing") or {}).get("repeat") or {}).get("boundsPeriod") or {}
    start, end = str(period.get("start", "")), str(period.get("end", ""))
    return (start[:10], end[:10]) if len(start) >= 10 and len(end) >= 10 else None


def _apart(periods: list[tuple[str, str]]) -> bool:
    ordered = sorted(periods)
    return all(earlier[1] <= later[0] for earlier, later in pairwise(ordered))


def _one(dosage: Json, strength: Strength) -> Dose:
    times = schedule(dosage.get("timing"))
    amount = stated_amount(dosage, times, strength)
    as_needed = _as_needed(dosage)
    if amount is None:
        limit = _limit(dosage)
        if limit is None:
            raise UnreadDose("the dose is in words only" if dosage.get("text") else "no dose is stated")
        return Dose(per_day=limit.mg, basis=limit.basis, daily=times.daily, as_needed=as_needed)
    if amount.per_days is not None:
        per_day = amount.mg / amount.per_days
        return Dose(per_day=per_day, per_week=per_day * 7, basis=amount.basis, daily=True, as_needed=as_needed)
    dose = Dose(
        per_administration=amount.mg,
        per_day=_times(amount.mg, times.per_day),
        per_week=_times(amount.mg, times.per_week),
        per_cycle=_times(amount.mg, times.in_all),
        basis=amount.basis,
        daily=times.daily,
        as_needed=as_needed,
        every_days=times.every_days,
    )
    return _limited(dose, _limit(dosage))


def _limited(dose: Dose, limit: Amount | None) -> Dose:
    """An "as needed" order, or any other, never brings more than its stated maximum per day."""
    if limit is None or limit.basis != dose.basis:
        return dose
    if dose.per_day is not None and dose.per_day <= limit.mg:
        return dose
    # the maximum decides what a day brings: the single amount no longer does
    return replace(dose, per_day=limit.mg, uniform=False)


def _joined(doses: list[Dose], in_a_span: Callable[[Iterable[float | None]], float | None]) -> Dose:
    """Several doses as one; `in_a_span` says what they bring in a day or a week."""
    if len(doses) == 1:
        return doses[0]
    return Dose(
        per_administration=_largest(dose.per_administration for dose in doses),
        per_day=in_a_span(dose.per_day for dose in doses),
        per_week=in_a_span(dose.per_week for dose in doses),
        per_cycle=_sum(dose.per_cycle for dose in doses),
        basis=doses[0].basis,
        daily=_any(dose.daily for dose in doses),
        as_needed=any(dose.as_needed for dose in doses),
        every_days=_least(dose.every_days for dose in doses),
        uniform=_uniform(doses),
    )


def _limit(dosage: Json) -> Amount | None:
    """maxDosePerPeriod as an amount per day, when it can be read so."""
    stated = dosage.get("maxDosePerPeriod")
    ratio = stated[0] if isinstance(stated, list) and stated else stated
    if not isinstance(ratio, Mapping):
        return None
    denominator = ratio.get("denominator") or {}
    unit = str(denominator.get("code") or denominator.get("unit") or "").lower()
    try:
        # "at most 3 g a day" is what a maximum says of itself
        amount = mass({**(ratio.get("numerator") or {}), "comparator": None}, Strength())
    except UnreadDose:
        return None
    days = DAYS.get(unit, 0.0) * float(denominator.get("value", 1))
    return replace(amount, mg=amount.mg / days) if days == 1 and amount.per_days is None else None


def _as_needed(dosage: Json) -> bool:
    return bool(dosage.get("asNeededBoolean") or dosage.get("asNeededCodeableConcept") or dosage.get("asNeeded"))


def _daily_of(dosages: Sequence[Json]) -> bool | None:
    """Whether any instruction is given daily, for what an unreadable amount still tells."""
    found: list[bool | None] = []
    for dosage in dosages:
        try:
            found.append(schedule(dosage.get("timing")).daily)
        except UnreadTiming:
            found.append(None)
    return _any(found)


def _times(amount: float, count: float | None) -> float | None:
    return None if count is None else amount * count


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return sum(value for value in known if value is not None) if all(value is not None for value in known) else None


def _largest(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return max(value for value in known if value is not None) if all(value is not None for value in known) else None


def _least(values: Iterable[float | None]) -> float | None:
    """The least, when all are known: instructions that add up may fall on days of their own."""
    known = list(values)
    return min(value for value in known if value is not None) if all(value is not None for value in known) else None


def _uniform(doses: Sequence[Dose]) -> bool:
    return len({dose.per_administration for dose in doses}) == 1 and all(dose.uniform for dose in doses)


def _any(values: Iterable[bool | None]) -> bool | None:
    seen = set(values)
    if True in seen:
        return True
    return None if None in seen else False
