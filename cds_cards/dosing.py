"""Reported regimens (Table 2) for this patient's weight and body surface area."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cds_cards.disease import Population
from cds_cards.guideline import Guideline, Regimen
from cds_cards.policy import Policy
from cds_cards.record import PatientRecord, Result
from cds_cards.series import current, figure, lower_is_worse, newest
from cds_cards.timeline import When, whole_years

_MOSTELLER = 3600.0  # cm·kg for one m⁴: BSA = √(height × weight / 3600)
_DECIMALS = 9  # what lies below is the arithmetic's, not the dose's


@dataclass(frozen=True, slots=True)
class BodySize:
    """Current weight (kg), adult height (cm), BSA (m², Mosteller), None when unknown; `gaps` says why (id, reason).

    `basis` names the values used, with their dates. Without an age nothing is known: no dose is computed.
    """

    weight: Result | None
    height: Result | None
    bsa: float | None
    gaps: tuple[tuple[str, str], ...]
    basis: str = ""


@dataclass(frozen=True, slots=True)
class DoseRange:
    """A regimen's reported range for this patient, in `unit`; None when a size is missing: `missing` says which.

    `low`/`high` are exact; `shown_low`/`shown_high` are rounded inwards to a sensible step, never past a bound.
    """

    regimen: str
    low: float | None
    high: float | None
    unit: str
    text: str
    missing: str = ""
    shown_low: float | None = None
    shown_high: float | None = None


def body_size(record: PatientRecord, population: Population, guideline: Guideline, as_of: datetime) -> BodySize:
    """Weight within the policy's days, the newest height measured as an adult, and the BSA of both."""
    if population.age is None:
        return BodySize(None, None, None, (("age", "age unknown: no dose is computed"),))
    policy, zone = guideline.policy, ZoneInfo(guideline.policy.zone)
    weight, no_weight = _weight(record, policy, as_of)
    height, no_height = _height(record, policy)
    gaps = tuple(gap for gap in (no_weight, no_height) if gap is not None)
    bsa = math.sqrt(_number(height) * _number(weight) / _MOSTELLER) if weight and height else None
    used = [f"{figure(_number(item), item.unit)} of {item.when.day(zone)}" for item in (weight, height) if item]
    return BodySize(weight, height, bsa, gaps, ", ".join(used))


def dose_range(regimen: Regimen, size: BodySize) -> DoseRange:
    """The regimen's range for this size; `mg/kg` and `mg/m2` need a weight, a weight and a height."""
    per, unit = _per_size(regimen.unit)
    factor, missing = _factor(per, size)
    if factor is None:
        return DoseRange(regimen.id, None, None, unit, regimen.text, missing)
    low, high = round(regimen.low * factor, _DECIMALS), round(regimen.high * factor, _DECIMALS)
    if unit == regimen.unit:
        # A fixed dose: nothing was computed, so nothing is rounded.
        return DoseRange(regimen.id, low, high, unit, regimen.text, "", low, high)
    shown_low, shown_high = _inwards(low, high)
    amount = f"{shown_low:g}" if shown_low == shown_high else f"{shown_low:g}–{shown_high:g}"
    text = f"{amount} {unit} for this patient ({_of(per, size)}); reported: {regimen.text}"
    return DoseRange(regimen.id, low, high, unit, text, "", shown_low, shown_high)


@lru_cache
def _per_size(unit: str) -> tuple[tuple[str, ...], str]:
    """What a reported amount is per (`mg/kg/day`: kg, day), and the unit that is left once the size is known."""
    mass, *per = unit.split("/")
    return tuple(per), "/".join([mass, *(part for part in per if part not in ("kg", "m2"))])


def rounded_down(amount: float, increment: float | None = None) -> float:
    """An amount in mg down to a multiple of what a product gives (`increment`, mg), else to a step that suits it."""
    step = increment or _step(amount)
    return round(math.floor(round(amount / step, _DECIMALS)) * step, _DECIMALS)


def _weight(record: PatientRecord, policy: Policy, as_of: datetime) -> tuple[Result | None, tuple[str, str] | None]:
    usable = _measured(record.results_of("weight"))
    # Of two weights of one moment the lower one: it gives the lower dose.
    found = current(usable, as_of, timedelta(days=policy.weight_days), lower_is_worse)
    if len({result.value for result in found.surely}) == 1:
        return found.surely[-1], None
    if found.surely:
        return None, ("weight", "several weights of dates that do not tell which is the newest")
    if found.stale is not None:
        day = found.stale.when.day(ZoneInfo(policy.zone))
        return None, ("weight", f"the latest, of {day}, is not surely within {policy.weight_days:g} days")
    return None, ("weight", _none(record, "weight", "weight"))


def _height(record: PatientRecord, policy: Policy) -> tuple[Result | None, tuple[str, str] | None]:
    usable = _measured(record.results_of("height"))
    adult = [result for result in usable if _adult_at(result.when, record.person.born, policy)]
    final = [result for result in adult if not result.preliminary]
    last = newest(final or adult, lower_is_worse)
    if len({result.value for result in last}) == 1:
        return last[-1], None
    if last:
        return None, ("height", "several heights of dates that do not tell which is the newest")
    if usable:
        return None, ("height", f"no height that was surely measured at {policy.adult_age:g} years or later")
    return None, ("height", _none(record, "height", "adult height"))


def _measured(results: Iterable[Result]) -> tuple[Result, ...]:
    """Those with a plain number above zero: a censored one gives no dose."""
    return tuple(r for r in results if r.value is not None and r.value > 0 and r.comparator is None)


def _adult_at(when: When, born: When | None, policy: Policy) -> bool:
    """Whether the patient was surely an adult."""
    age = None if born is None else whole_years(born, when.start, ZoneInfo(policy.zone))
    return age is not None and age[0] >= policy.adult_age


def _none(record: PatientRecord, concept: str, name: str) -> str:
    if any(concept in item.concepts for item in record.unread_of("observations", concept)):
        return f"the {name} on record could not be read"
    return f"no usable {name} on record"


def _factor(per: tuple[str, ...], size: BodySize) -> tuple[float | None, str]:
    if "kg" not in per and "m2" not in per:
        return 1.0, ""
    if any(gap == "age" for gap, _ in size.gaps):
        return None, "age"
    if "kg" in per:
        return (None, "weight") if size.weight is None else (_number(size.weight), "")
    lacking = [name for name, value in (("weight", size.weight), ("height", size.height)) if value is None]
    return size.bsa, " and ".join(lacking)


def _inwards(low: float, high: float) -> tuple[float, float]:
    """The low bound up and the high one down to a step that suits the amount; exact where that would cross them."""
    step = _step(high)
    up = round(math.ceil(round(low / step, _DECIMALS)) * step, _DECIMALS)
    down = round(math.floor(round(high / step, _DECIMALS)) * step, _DECIMALS)
    return (up, down) if up <= down else (low, high)


def _step(amount: float) -> float:
    """For display: 0.1 below 10 mg, 1 below 100, 5 below 1,000, then 10."""
    for limit, step in ((10.0, 0.1), (100.0, 1.0), (1000.0, 5.0)):
        if amount < limit:
            return step
    return 10.0


def _of(per: tuple[str, ...], size: BodySize) -> str:
    if "kg" in per and size.weight is not None:
        return f"{figure(_number(size.weight), 'kg')}"
    return f"{size.bsa:.2f} m², Mosteller"


def _number(result: Result) -> float:
    if result.value is None:
        raise ValueError(f"{result.concept} without a number")
    return result.value
