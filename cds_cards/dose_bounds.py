"""A drafted dose against one regimen of Table 2: the amounts that have an upper bound, in one common size basis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cds_cards.criteria import Verdict
from cds_cards.dosing import BodySize
from cds_cards.guideline import Regimen
from cds_cards.record import Dose
from cds_cards.series import above, figure

Basis = Literal["absolute", "per-kg", "per-m2"]
Span = Literal["administration", "day", "week", "interval", "course"]

UNITS: dict[Basis, str] = {"absolute": "mg", "per-kg": "mg/kg", "per-m2": "mg/m²"}
_SPANS: dict[Span, str] = {
    "administration": "per administration",
    "day": "a day",
    "week": "a week",
    "interval": "an interval",
    "course": "a course",
}
_WEEK = 7
_DECIMALS = 9  # what lies below is the arithmetic's, not the dose's


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a regimen reports for one span, in the regimen's own basis; the first of a regimen is its dose."""

    span: Span
    most: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class Comparison:
    """A dose against a regimen: `exceeded` unknown when something is `missing`; `text` names both amounts.

    `ratio`: by how much the dose had to shrink to keep the regimen's dose (None where that is not exceeded).
    """

    regimen: Regimen
    exceeded: Verdict
    text: str = ""
    missing: str = ""
    ratio: float | None = None


def bounds(regimen: Regimen) -> Iterator[Bound]:
    """The bounds of a regimen: its dose; its course, where reported; one dose a week and in each reported interval.

    A week where the doses lie a week or more apart, the interval where it is longer than that.
    """
    basis = basis_of(regimen)
    time = regimen.unit.rsplit("/", 1)[-1]
    span: Span = "day" if time == "day" else "week" if time == "week" else "administration"
    yield Bound(span, regimen.high, basis)
    if span == "administration" and regimen.days_apart and regimen.days_apart >= _WEEK:
        yield Bound("week", regimen.high, basis)
        if regimen.days_apart > _WEEK:
            yield Bound("interval", regimen.high, basis)
    if regimen.course is not None:
        yield Bound("course", regimen.high * regimen.course, basis)


def basis_of(regimen: Regimen) -> Basis:
    """Whether the regimen is reported per kg, per m² or as it is."""
    parts = regimen.unit.split("/")
    return "per-kg" if "kg" in parts else "per-m2" if "m2" in parts else "absolute"


def compare(dose: Dose, regimen: Regimen, size: BodySize, tolerance: float) -> Comparison:
    """Exceeded when any bound surely is, by more than `tolerance` (percent); not so when its dose surely is not."""
    main, *others = (_against(dose, bound, regimen, size, tolerance) for bound in bounds(regimen))
    if main.exceeded is Verdict.MET:
        return main
    exceeded = [item.text for item in others if item.exceeded is Verdict.MET]
    return Comparison(regimen, Verdict.MET, "; ".join(exceeded)) if exceeded else main


def amount_mg(dose: Dose, size: BodySize) -> float | None:
    """The most one administration brings, in mg for this patient; None where a size or the amount is not known."""
    factor = factor_of(dose.basis, size)
    given = dose.per_administration
    return None if factor is None or given is None else round(given * factor, _DECIMALS)


def factor_of(basis: Basis, size: BodySize) -> float | None:
    """What an amount of this basis is multiplied by to give mg; None when the size is not known."""
    if basis == "absolute":
        return 1.0
    if basis == "per-m2":
        return size.bsa
    return size.weight.value if size.weight is not None else None


def _against(dose: Dose, bound: Bound, regimen: Regimen, size: BodySize, tolerance: float) -> Comparison:
    amount, at_least = _amount(dose, bound.span, regimen)
    if amount is None:
        return Comparison(regimen, Verdict.UNKNOWN, missing=_no_amount(bound.span))
    most, missing = _most(bound, dose.basis, size)
    if most is None:
        return Comparison(regimen, Verdict.UNKNOWN, missing=missing)
    over = above(amount, None, most * (1 + tolerance / 100))
    if over is Verdict.NOT_MET and at_least:
        return Comparison(regimen, Verdict.UNKNOWN, missing=at_least)
    per, unit = _per(bound.span, regimen), UNITS[dose.basis]
    mean = " on average" if regimen.schedule == "daily" and dose.daily is False else ""
    sized = bound.basis != dose.basis
    basis = f" ({figure(bound.most, UNITS[bound.basis])} {per} at {size.basis})" if sized else ""
    text = f"{figure(amount, unit)} {per}{mean} drafted, reported up to {figure(_shown(most), unit)} {per}{basis}"
    ratio = most / amount if over is Verdict.MET else None
    return Comparison(regimen, over, text, "", ratio)


def _shown(most: float) -> float:
    """A computed bound for a sentence: one decimal where it is large."""
    return round(most, 1) if most >= 10 else most


def _amount(dose: Dose, span: Span, regimen: Regimen) -> tuple[float | None, str]:
    """The amount of the span; where it is only the least that the order brings, why it shows no dose in range."""
    once = dose.per_administration
    if span == "course":
        return dose.per_cycle, ""
    if span == "interval":
        return _in_interval(dose, regimen), ""
    if span == "week":
        return _or_once(dose.per_week, once, "its timing is not stated")
    if regimen.schedule == "daily":
        if dose.daily is False:
            # an order that is not daily may bring more on its day than a daily one; over the week it may not
            mean = None if dose.per_week is None else dose.per_week / _WEEK
            return mean, "it is not a daily order"
        return _or_once(dose.per_day, once, "its timing is not stated")
    repeated = too_often(dose, regimen)
    amount = dose.per_day if dose.per_day is not None else once
    return amount, "it is a daily order, and Table 2 reports single doses days apart" if repeated else ""


def too_often(dose: Dose, regimen: Regimen) -> bool:
    """Whether a daily order stands against single doses that lie days apart."""
    return dose.daily is True and regimen.days_apart is not None and regimen.days_apart > 1


def repeats_sooner(dose: Dose, regimen: Regimen) -> bool:
    """Whether the order repeats the dose sooner than the regimen does."""
    apart, every = regimen.days_apart, dose.every_days
    return too_often(dose, regimen) or (apart is not None and every is not None and every < apart)


def _in_interval(dose: Dose, regimen: Regimen) -> float | None:
    """What the order brings on average in the days that lie between two doses of the regimen; None where unknown."""
    once, every = dose.per_administration, dose.every_days
    if once is None or not every or regimen.days_apart is None:
        return None
    amount = once * max(1.0, regimen.days_apart / every)
    return amount if dose.per_cycle is None else min(amount, dose.per_cycle)


def _per(span: Span, regimen: Regimen) -> str:
    return f"in {regimen.days_apart:g} days" if span == "interval" else _SPANS[span]


def _or_once(stated: float | None, once: float | None, why: str) -> tuple[float | None, str]:
    return (stated, "") if stated is not None else (once, why)


def _no_amount(span: Span) -> str:
    return f"the amount {_SPANS[span]} cannot be computed from the order"


def _most(bound: Bound, basis: Basis, size: BodySize) -> tuple[float | None, str]:
    """The bound in the basis in which the order is written, or what is missing for it."""
    if bound.basis == basis:
        return bound.most, ""
    factors = factor_of(bound.basis, size), factor_of(basis, size)
    if factors[0] is None or factors[1] is None:
        needed = {"per-kg": ("weight",), "per-m2": ("weight", "height"), "absolute": ()}
        names = {*needed[bound.basis], *needed[basis]}
        known = {"weight": size.weight is not None, "height": size.height is not None}
        lacking = sorted((name for name in names if not known[name]), reverse=True)
        return None, f"{' and '.join(lacking)} not known"
    return round(bound.most * factors[0] / factors[1], _DECIMALS), ""
