"""Numbers, titres and limits as they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from service.fhir.read.shapes import Raw
from service.fhir.units import UCUM

COMPARATORS = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "≤": "<=", "≥": ">="}
_SIGN = r"(?P<comparator><=|>=|[<>≤≥])?\s*"
_DIGITS = r"\d+(?:[.,]\d+)?"
_NUMBER = re.compile(rf"\s*{_SIGN}(?P<number>-?{_DIGITS})\s*(?P<unit>[^\d\s].*?)?\s*")
_TITRE = re.compile(rf"\s*{_SIGN}1\s*[:/]\s*(?P<steps>\d+)\s*")
_BETWEEN = re.compile(rf"\s*(?P<low>{_DIGITS})\s*(?:-|–|to)\s*(?P<high>{_DIGITS})\s*(?P<unit>[^\d\s].*?)?\s*")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}")
"""`1,000` and `1.000` are a thousand for some and one for others."""


_NUMBER_OR_TEXT = (int, float, str)
_LONGEST = 60
"""Characters of a number with its unit; longer texts are prose."""


@dataclass(frozen=True, slots=True)
class Written:
    """A number with its comparator and unit as recorded; `code` the UCUM code, `unit` the text."""

    number: Decimal
    comparator: str | None = None
    code: str | None = None
    unit: str | None = None

    @property
    def shown(self) -> str:
        """For a sentence: `> 1000 ng/mL`."""
        return self.showing(self.number)

    def showing(self, number: Decimal) -> str:
        """Another number, shown in the same way."""
        return " ".join(filter(None, (self.comparator, f"{number:f}", self.unit or self.code)))


def decimal(value: object) -> Decimal | None:
    """A JSON number, or its digits in a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, _NUMBER_OR_TEXT):
        return None
    if isinstance(value, str) and len(value) > _LONGEST:
        return None
    try:
        read = Decimal(str(value).strip())
    except DecimalException:
        return None
    return read if read.is_finite() and abs(read.adjusted()) < 100 else None


def quantity(element: Raw) -> Written | None:
    """A Quantity's number; None when it has none, or a comparator that is not FHIR's."""
    number = decimal(element.get("value"))
    comparator = element.get("comparator")
    if number is None or (comparator is not None and comparator not in COMPARATORS):
        return None
    unit, code = _text(element.get("unit")), _text(element.get("code"))
    stated_system = element.get("system")
    if code and isinstance(stated_system, str) and stated_system.rstrip("/") not in UCUM:
        # a code of another system is no unit that could be converted; the text may be
        unit, code = unit or code, None
    return Written(number, COMPARATORS[str(comparator)] if comparator else None, code, unit)


def written(text: str) -> Written | None:
    """`< 10 ng/mL` → its parts; None when it is anything else, or can be read in two ways."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or _THOUSANDS.fullmatch(match["number"]):
        return None
    return Written(
        Decimal(match["number"].replace(",", ".")), COMPARATORS.get(match["comparator"]), None, match["unit"]
    )


def titre(text: str) -> tuple[float, str | None] | None:
    """`1:320` → (320, None), `≥1:640` → (640, ">=")."""
    match = _TITRE.fullmatch(text) if len(text) <= _LONGEST else None
    return (float(match["steps"]), COMPARATORS.get(match["comparator"])) if match else None


def limits_in(text: str) -> tuple[Written | None, Written | None] | None:
    """(low, high) in the text of a reference range, such as `< 20 U/mL` or `0 - 20`; None when it is anything else.

    A high limit keeps its comparator: the value at `< 20` is already above.
    """
    between = _BETWEEN.fullmatch(text) if len(text) <= _LONGEST else None
    if between is not None:
        if _THOUSANDS.fullmatch(between["low"]) or _THOUSANDS.fullmatch(between["high"]):
            return None
        low, high = (Decimal(between[name].replace(",", ".")) for name in ("low", "high"))
        return Written(low, unit=between["unit"]), Written(high, unit=between["unit"])
    one = written(text)
    if one is None or one.comparator is None:
        return None
    return (None, one) if one.comparator in ("<", "<=") else (one, None)


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
