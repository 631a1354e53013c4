"""UCUM → the canonical unit of a concept, or the reason why not. A unit is never assumed.

Factors are facts of unit algebra unless a row says which molar mass they rest on (sources: LHNCBC molecular weights and
equivalence classes, MIRACUM loinc-conversion, PubChem). Amounts are decimal: 1 mg/dL is exactly 10 mg/L.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from functools import lru_cache
from math import isfinite

UCUM = ("http://unitsofmeasure.org", "https://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8")
_ROUND_TRIP = 15
"""Significant digits that a double keeps."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A value in the canonical unit; `assumption` when the conversion is not unit algebra."""

    value: float
    unit: str
    assumption: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a number cannot be compared."""

    why: str


@dataclass(frozen=True, slots=True)
class _Factor:
    factor: Decimal
    assumption: str | None = None


def _row(factor: str, assumption: str | None = None) -> _Factor:
    return _Factor(Decimal(factor), assumption)


_KPA = "7.500615758"  # 1 mm[Hg] = 0.133322387415 kPa
_PRESSURE = {"mm[Hg]": _row("1"), "kPa": _row(_KPA)}
_CANONICAL = {
    "ferritin": "ng/mL",
    "crp": "mg/L",
    "kl-6": "U/mL",
    "a-a-gradient": "mm[Hg]",
    "pao2": "mm[Hg]",
    "paco2": "mm[Hg]",
    "pf-ratio": "mm[Hg]",
    "fio2": "1",
    "spo2": "%",
    "weight": "kg",
    "height": "cm",
    "egfr": "mL/min/{1.73_m2}",
    "tacrolimus-level": "ng/mL",
    "cyclosporine-level": "ng/mL",
    "hcg": "m[IU]/mL",
    "beta-d-glucan": "pg/mL",
}
_FACTORS: Mapping[str, Mapping[str, _Factor]] = {
    "ferritin": {
        "ng/mL": _row("1"),
        "ug/L": _row("1"),
        "mg/L": _row("1000"),
        "ug/dL": _row("10"),
        "pmol/L": _row("0.445", "converted from pmol/L with an assumed molar mass of 445 kDa"),
    },
    "crp": {
        "mg/L": _row("1"),
        "mg/dL": _row("10"),
        "ug/mL": _row("1"),
        "nmol/L": _row("0.105", "converted from nmol/L with an assumed molar mass of 105 kDa"),
    },
    # arbitrary units without an international standard: one and the same unit under several names
    "kl-6": dict.fromkeys(("U/mL", "kU/L", "[IU]/mL", "k[IU]/L", "[arb'U]/mL"), _row("1")),
    "a-a-gradient": _PRESSURE,
    "pao2": _PRESSURE,
    "paco2": _PRESSURE,
    "pf-ratio": _PRESSURE,
    "fio2": {"1": _row("1"), "{fraction}": _row("1"), "%": _row("0.01")},
    "spo2": {"%": _row("1"), "1": _row("100")},
    "weight": {"kg": _row("1"), "g": _row("0.001"), "[lb_av]": _row("0.45359237")},
    "height": {"cm": _row("1"), "m": _row("100"), "[in_i]": _row("2.54")},
    "egfr": {"mL/min/{1.73_m2}": _row("1"), "mL/min/1.73.m2": _row("1")},
    "tacrolimus-level": {
        "ng/mL": _row("1"),
        "ug/L": _row("1"),
        "nmol/L": _row("0.804018", "converted from nmol/L with the molar mass of anhydrous tacrolimus, 804.02 g/mol"),
    },
    "cyclosporine-level": {
        "ng/mL": _row("1"),
        "ug/L": _row("1"),
        "ug/mL": _row("1000"),
        "nmol/L": _row("1.20261", "converted from nmol/L with a molar mass of 1202.61 g/mol"),
        "umol/L": _row("1202.61", "converted from umol/L with a molar mass of 1202.61 g/mol"),
    },
    "hcg": {"m[IU]/mL": _row("1"), "[IU]/L": _row("1"), "[IU]/mL": _row("1000")},
    "beta-d-glucan": {"pg/mL": _row("1"), "ng/mL": _row("1000")},
}
_ALIASES = {
    # what real feeds write for a UCUM unit, in `unit` or `code`; without spaces and case
    "mmhg": "mm[hg]",
    "torr": "mm[hg]",
    "percent": "%",
    "iu/ml": "[iu]/ml",
    "iu/l": "[iu]/l",
    "miu/ml": "m[iu]/ml",
    "kiu/l": "k[iu]/l",
    "units/ml": "u/ml",
    "unit/ml": "u/ml",
    "kgs": "kg",
    "lb": "[lb_av]",
    "lbs": "[lb_av]",
    "in": "[in_i]",
    "inch": "[in_i]",
    "inches": "[in_i]",
    **dict.fromkeys(
        (
            *("ml/min/1.73m2", "ml/min/1.73m^2", "ml/min/1.73sqm", "ml/min/{1.73m2}", "ml/min/{1.73m^2}"),
            *("ml/min/(1.73m2)", "ml/min/1.73_m2", "ml/min/{1.73sqm}"),
        ),
        "ml/min/{1.73_m2}",
    ),
}
_SPELLED = {concept: {unit.casefold(): unit for unit in units} for concept, units in _FACTORS.items()}
_MAY_BE_NEGATIVE = frozenset({"a-a-gradient"})
_ABOVE_ZERO = frozenset({"pao2", "paco2", "pf-ratio", "spo2", "weight", "height"})
_FIO2_FRACTION = (Decimal("0.21"), Decimal(1))
_FIO2_PERCENT = (Decimal(21), Decimal(100))
_LEAST_PF = Decimal(10)
"""No living patient has less; a ratio computed with FiO2 in percent is a hundred times too small (at most about 7)."""


def amount(concept: str, value: Decimal, code: str | None, unit: str | None) -> Amount | Unusable:
    """`value` in the canonical unit of `concept`. `code` is a UCUM code (or stands for one), `unit` the text."""
    if not value.is_finite():
        return Unusable("it is not a finite number")
    if not code and not unit:
        return _bare_fraction(value) if concept == "fio2" else Unusable("it is a number without a unit")
    written = len(code or "") + len(unit or "")
    found = (_known_factor if written <= _LONGEST_KNOWN else _factor)(concept, code, unit)
    if isinstance(found, Unusable):
        return found
    used, factor = found
    impossible = _impossible(concept, value, used)
    if impossible is not None:
        return Unusable(impossible)
    try:
        converted = float(f"{value * factor.factor:.{_ROUND_TRIP}g}")
    except DecimalException:
        return Unusable("it is beyond any measurement")
    if not isfinite(converted):
        return Unusable("it is beyond any measurement")
    return Amount(converted, _CANONICAL[concept], factor.assumption)


def same_unit(first: str, second: str) -> bool:
    """Whether two texts write the same unit."""
    return _spelled(first) == _spelled(second)


def _factor(concept: str, code: str | None, unit: str | None) -> tuple[str, _Factor] | Unusable:
    by_code, by_text = _known(concept, code), _known(concept, unit)
    if by_code and by_text and _FACTORS[concept][by_code].factor != _FACTORS[concept][by_text].factor:
        return Unusable(f"its unit code says {by_code} and its unit text {by_text}")
    # a code that is there and means nothing here is not outvoted by the text beside it
    used = by_code if code else by_text
    if used is None:
        return Unusable(_unknown_unit(concept, code or unit or ""))
    return used, _FACTORS[concept][used]


_LONGEST_KNOWN = 60
"""Characters of a unit; what is longer is prose."""
_known_factor = lru_cache(maxsize=2000)(_factor)


def _known(concept: str, label: str | None) -> str | None:
    return _SPELLED[concept].get(_spelled(label)) if label else None


def _spelled(label: str) -> str:
    bare = "".join(label.split()).casefold().replace("μ", "u").replace("µ", "u").replace("²", "2").replace("mcg", "ug")
    return _ALIASES.get(bare, bare)


def _unknown_unit(concept: str, label: str) -> str:
    if concept == "egfr" and _spelled(label) == "ml/min":
        return "mL/min without body surface is a clearance and no eGFR"
    shown = f"the unit {label}" if len(label) <= _ROUND_TRIP else "its unit"
    return f"{shown} cannot be converted to {_CANONICAL[concept]}"


def _bare_fraction(value: Decimal) -> Amount | Unusable:
    if _FIO2_FRACTION[0] <= value <= _FIO2_FRACTION[1]:
        return Amount(float(value), "1")
    if _FIO2_PERCENT[0] <= value <= _FIO2_PERCENT[1]:
        return Amount(float(value / 100), "1")
    return Unusable("it is neither a fraction of 0.21 to 1 nor 21 to 100 %")


def _impossible(concept: str, value: Decimal, unit: str) -> str | None:
    """Why a number in this unit is no measurement of this kind."""
    if value < 0 and concept not in _MAY_BE_NEGATIVE:
        return "it is negative"
    if value == 0 and concept in _ABOVE_ZERO:
        return "it is zero"
    if concept == "fio2":
        low, high = _FIO2_PERCENT if unit == "%" else _FIO2_FRACTION
        return None if low <= value <= high else "it is neither a fraction of 0.21 to 1 nor 21 to 100 %"
    if concept == "spo2" and not (value <= 1 if unit == "1" else 1 < value <= 100):
        return "it is neither a percentage nor a fraction of saturation"
    if concept == "pf-ratio" and value * _FACTORS[concept][unit].factor < _LEAST_PF:
        return "it is too small for a ratio with FiO2 as a fraction"
    return None
