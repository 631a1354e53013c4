"""The amount one dosage instruction states: quantities, ranges and rates in mg, by strength and body size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.fhir.read.timing import Schedule
from service.fhir.units import UCUM

Json = Mapping[str, Any]
Basis = Literal["absolute", "per-kg", "per-m2"]

_MASS = {"kg": 1e6, "g": 1e3, "mg": 1.0, "ug": 1e-3, "ng": 1e-6}
"""mg in a UCUM mass unit."""
_MASS_WORDS = {
    "mcg": "ug",
    "µg": "ug",
    "μg": "ug",
    "gram": "g",
    "grams": "g",
    "milligram": "mg",
    "milligrams": "mg",
    "gm": "g",
}
_PER_BODY: Mapping[str, Basis] = {"kg": "per-kg", "m2": "per-m2", "m^2": "per-m2", "m²": "per-m2"}
DAYS = {
    "d": 1.0,
    "day": 1.0,
    "24h": 1.0,
    "h": 1 / 24,
    "hr": 1 / 24,
    "hour": 1 / 24,
    "min": 1 / 1440,
    "wk": 7.0,
    "week": 7.0,
}
_COUNTED = {
    "tablet", "tablets", "tab", "tabs", "tbl", "capsule", "capsules", "cap", "caps", "pill", "pills",
    "unit dose", "each", "vial", "vials", "tablet(s)", "capsule(s)", "1", "dose", "doses",
    "comprimido", "comprimidos", "cápsula", "cápsulas", "capsula", "capsulas", "vial(es)", "viales",
}  # fmt: skip
_ORDERABLE = {"TAB", "CAP", "TABLET", "ORTAB", "ORCAP", "ERTAB", "ERCAP", "PILL", "VIAL"}
_STATED = ("doseQuantity", "doseRange", "rateQuantity", "rateRange", "rateRatio")
_EACH_TIME = {"dose", "dosis"}
"""`mg/kg/dose`: once per administration, which is what an amount without a time means anyway."""


class UnreadDose(ValueError):
    """The amount cannot be computed; the text says why."""


@dataclass(frozen=True, slots=True)
class Amount:
    """`mg` (per kg or m² by `basis`) for one administration, or in `per_days` days when that is set."""

    mg: float
    basis: Basis = "absolute"
    per_days: float | None = None


@dataclass(frozen=True, slots=True)
class Strength:
    """What one unit of the ordered product holds: mg a tablet, capsule or vial, or mg a millilitre."""

    mg: float | None = None
    mg_per_ml: float | None = None


NO_STRENGTH = Strength()


def stated_amount(dosage: Json, times: Schedule, strength: Strength) -> Amount | None:
    """The highest amount the instruction states; None when it states none. Raises UnreadDose."""
    stated = _ordered(dosage)
    if stated is None:
        return None
    if "doseQuantity" in stated:
        return mass(stated["doseQuantity"], strength)
    if "doseRange" in stated:
        upper = stated["doseRange"].get("high")
        if not upper:
            raise UnreadDose("the dose range has no upper bound")
        return mass(upper, strength)
    if "rateRatio" in stated:
        return _rate_ratio(stated["rateRatio"], times, strength)
    rate = stated.get("rateQuantity") or (stated.get("rateRange") or {}).get("high")
    return None if rate is None else _rate(rate, times, strength)


def _ordered(dosage: Json) -> Json | None:
    """The dose that was ordered: under doseAndRate, or directly in the instruction as older messages have it."""
    chosen = ordered_doses(dosage.get("doseAndRate") or [])
    if not chosen:
        direct = {name: dosage[name] for name in _STATED if name in dosage}
        return direct or None
    if len(chosen) > 1:
        raise UnreadDose("one instruction states several doses")
    found: Json = chosen[0]
    return found


def ordered_doses(stated: Sequence[Json]) -> list[Json]:
    """Of the doses that one instruction states those of type *ordered*, where any is; else all."""
    doses = [item for item in stated if any(name in item for name in _STATED)]
    return [item for item in doses if _type(item) == "ordered"] or doses


def _type(item: Json) -> str:
    codings = (item.get("type") or {}).get("coding") or []
    return next((str(coding.get("code", "")).lower() for coding in codings), "")


def mass(quantity: Json, strength: Strength) -> Amount:
    """A Quantity in mg, by the product's strength where it counts units or millilitres. Raises UnreadDose."""
    value = quantity.get("value")
    if value is None or isinstance(value, bool):
        raise UnreadDose("the dose has no number")
    if float(value) < 0:
        raise UnreadDose("the dose is negative")
    if quantity.get("comparator"):
        raise UnreadDose("the dose is no plain number: it states a comparator")
    unit = _unit(quantity)
    if counted(quantity):
        if strength.mg is None:
            raise UnreadDose("the dose is a count of units whose strength is not known")
        return Amount(float(value) * strength.mg)
    if unit.lower() in ("ml", "l"):
        if strength.mg_per_ml is None:
            raise UnreadDose("the dose is a volume whose strength is not known")
        return Amount(float(value) * strength.mg_per_ml * (1000 if unit.lower() == "l" else 1))
    return _of_unit(float(value), unit)


def counted(quantity: Json) -> bool:
    """Whether the quantity is a number of tablets, capsules, vials or the like."""
    orderable = str(quantity.get("system", "")).endswith("v3-orderableDrugForm")
    if orderable and str(quantity.get("code", "")).upper() in _ORDERABLE:
        return True
    names = {str(quantity.get(name) or "").strip().lower().strip("{} ") for name in ("code", "unit")}
    return bool(names & _COUNTED)


def _unit(quantity: Json) -> str:
    """The UCUM code; of another system's code the text, for the code itself is no unit."""
    system, code, text = (str(quantity.get(name) or "").strip() for name in ("system", "code", "unit"))
    if code and (not system or system.rstrip("/") in UCUM):
        return code
    return text or code


def _of_unit(value: float, unit: str) -> Amount:
    """`mg`, `mg/kg`, `g/m2`, `mg/d`, `mg/kg/d`…: mass, then body size, then time."""
    if not unit:
        raise UnreadDose("the dose has no unit")
    first, *rest = [part.strip() for part in unit.replace("per", "/").replace(".", "/").split("/")]
    mass = _MASS.get(_MASS_WORDS.get(first.lower(), first.lower()))
    if mass is None:
        raise UnreadDose("the dose's unit is no mass")
    basis: Basis = "absolute"
    per_days = None
    for part in rest:
        if part.lower() in _EACH_TIME:
            continue
        if part in _PER_BODY and basis == "absolute":
            basis = _PER_BODY[part]
        elif part.lower() in DAYS and per_days is None:
            per_days = DAYS[part.lower()]
        else:
            raise UnreadDose("the dose's unit cannot be read")
    return Amount(value * mass, basis, per_days)


def _rate(quantity: Json, times: Schedule, strength: Strength) -> Amount:
    amount = mass(quantity, strength)
    if amount.per_days is None:
        raise UnreadDose("the rate has no time unit")
    return _infused(amount, times)


def _rate_ratio(ratio: Json, times: Schedule, strength: Strength) -> Amount:
    numerator, denominator = ratio.get("numerator") or {}, ratio.get("denominator") or {}
    amount = mass(numerator, strength)
    span, unit = denominator.get("value", 1), str(denominator.get("code") or denominator.get("unit") or "").lower()
    if amount.per_days is not None or unit not in DAYS or not span or float(span) <= 0:
        raise UnreadDose("the rate's time cannot be read")
    return _infused(Amount(amount.mg, amount.basis, DAYS[unit] * float(span)), times)


def _infused(amount: Amount, times: Schedule) -> Amount:
    """A rate per day or week stands as it is; a faster one needs to know how long it runs."""
    assert amount.per_days is not None  # noqa: S101  (the callers checked)
    if amount.per_days >= 1:
        return amount
    if times.duration_hours is None:
        raise UnreadDose("the rate does not say how long it runs")
    return Amount(amount.mg * times.duration_hours / 24 / amount.per_days, amount.basis)
