"""Dosage instructions → `Dose`: how often, and mg per day where that is plain arithmetic.

Read here: one instruction with a dose in mg or g, or in tablets of a coded product, at a stated frequency. All else is
named unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import floor

from cds_cards.guideline import Product
from cds_cards.record import Dose
from service.fhir.read.codes import codings, members, texts
from service.fhir.read.numbers import decimal, quantity
from service.fhir.read.shapes import Raw
from service.fhir.read.words import Phrases, plain

_DAYS = {"s": 1 / 86400, "min": 1 / 1440, "h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}
_MG = {"mg": Decimal(1), "g": Decimal(1000)}
_PIECES = frozenset(
    {
        *("tablet", "tablets", "tab", "tabs", "tbl", "capsule", "capsules", "cap", "caps", "pill", "pills"),
        *("comprimido", "comprimidos", "capsula", "capsulas"),
    }
)
_TIMES_A_DAY = {
    # HL7 GTS abbreviations
    **dict.fromkeys(("QD", "AM", "PM", "BED"), 1),
    **dict.fromkeys(("BID",), 2),
    **dict.fromkeys(("TID", "Q8H"), 3),
    **dict.fromkeys(("QID", "Q6H"), 4),
    **dict.fromkeys(("Q4H",), 6),
}
_RARER_CODES = frozenset({"QOD", "WK", "MO"})
_TEXT_TIMING = Phrases(
    {
        "daily": (
            *(
                "daily",
                "every day",
                "each day",
                "once a day",
                "twice a day",
                "a day",
                "per day",
                "qd",
                "bid",
                "tid",
                "qid",
            ),
            *("diario", "diaria", "diariamente", "cada dia", "al dia", "por dia", "every morning", "every night"),
            *("every 24 hours", "every 12 hours", "every 8 hours", "every 6 hours", "cada 24 horas", "cada 12 horas"),
            *("cada 8 horas", "q24h", "q12h", "q8h", "q6h", "cada 24 h", "cada 12 h", "cada 8 h"),
        ),
        "rarer": (
            *("weekly", "week", "weeks", "monthly", "month", "months", "semana", "semanas", "semanal", "mes", "meses"),
            *(
                "mensual",
                "once only",
                "single dose",
                "dosis unica",
                "every other day",
                "dias alternos",
                "alternate days",
            ),
            *("days", "dias", "qod", "one time"),
        ),
    }
)


def dose(instructions: Sequence[Raw], product: Product | None) -> Dose:
    """The dose that the instructions of one order state."""
    if not instructions:
        return Dose(unread="it states no dosage")
    daily = _any_daily([_is_daily(each) for each in instructions])
    as_needed = any(each.get("asNeededBoolean") is True or "asNeededCodeableConcept" in each for each in instructions)
    if len(instructions) > 1:
        return Dose(daily=daily, as_needed=as_needed, unread="it has several dosage instructions")
    each_time = _mg(instructions[0], product)
    if isinstance(each_time, str):
        return Dose(daily=daily, as_needed=as_needed, unread=each_time)
    a_day = _times_a_day(instructions[0])
    if a_day is None:
        return Dose(float(each_time), daily=daily, as_needed=as_needed, unread="it does not say how often")
    return Dose(float(each_time), float(each_time * a_day), daily=daily, as_needed=as_needed)


def _any_daily(each: Sequence[bool | None]) -> bool | None:
    if True in each:
        return True
    return None if None in each else False


def _is_daily(instruction: Raw) -> bool | None:
    """True at least once a day, False rarer or once, None when the timing does not say."""
    timing = instruction.get("timing")
    if not isinstance(timing, dict):
        return _daily_in_text(instruction)
    repeat = timing.get("repeat")
    if isinstance(repeat, dict):
        stated = _daily_repeat(repeat)
        if stated is not None:
            return stated
    for _, code in codings(timing.get("code")):
        if code.upper() in _TIMES_A_DAY or code.upper() in _RARER_CODES:
            return code.upper() in _TIMES_A_DAY
    if timing.get("event"):
        return False
    in_code = [_timing_in(text) for text in texts(timing.get("code"))]
    return next((found for found in in_code if found is not None), _daily_in_text(instruction))


def _daily_repeat(repeat: Raw) -> bool | None:
    if repeat.get("count") == 1 and "countMax" not in repeat:
        return False
    weekdays = repeat.get("dayOfWeek")
    if isinstance(weekdays, list):
        return len(set(map(str, weekdays))) == _DAYS["wk"]
    period, unit = decimal(repeat.get("period")), repeat.get("periodUnit")
    if period is not None and isinstance(unit, str) and unit in _DAYS:
        frequency = decimal(repeat.get("frequency", 1)) or Decimal(1)
        return float(frequency) >= float(period) * _DAYS[unit]
    return True if repeat.get("when") or repeat.get("timeOfDay") else None


def _daily_in_text(instruction: Raw) -> bool | None:
    text = instruction.get("text")
    return _timing_in(text) if isinstance(text, str) else None


def _timing_in(text: str) -> bool | None:
    """What a text says of the timing; None when it says nothing, or both ("daily for three days")."""
    found = _TEXT_TIMING.named_in(text)
    return found == {"daily"} if len(found) == 1 else None


def _mg(instruction: Raw, product: Product | None) -> Decimal | str:
    """mg of one administration (of a range the upper end), or why it cannot be told."""
    stated = [found for each in members(instruction.get("doseAndRate")) for found in _quantities(each)]
    if len(stated) != 1:
        return "it states no dose" if not stated else "it states several doses"
    read = quantity(stated[0])
    if read is None or read.comparator is not None or read.number <= 0:
        return "its dose is no plain number"
    unit = read.code or read.unit or ""
    if unit in _MG:
        return read.number * _MG[unit]
    is_piece = any(plain(label) in _PIECES for label in (read.code, read.unit) if label)
    if is_piece and product is not None and product.strength_mg and not product.per_ml:
        return read.number * Decimal(str(product.strength_mg))
    return "its dose is in no unit that could be turned into mg"


def _quantities(dose_and_rate: Raw) -> list[Mapping[str, object]]:
    dose_range = dose_and_rate.get("doseRange")
    high = dose_range.get("high") if isinstance(dose_range, dict) else None
    return [each for each in (dose_and_rate.get("doseQuantity"), high) if isinstance(each, dict)]


def _times_a_day(instruction: Raw) -> Decimal | None:
    """The most administrations that a day brings."""
    timing = instruction.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    if isinstance(repeat, dict):
        period, unit = decimal(repeat.get("period")), repeat.get("periodUnit")
        frequency = decimal(repeat.get("frequencyMax", repeat.get("frequency", 1)))
        if period is not None and frequency is not None and isinstance(unit, str) and unit in _DAYS and period > 0:
            days = float(period) * _DAYS[unit]
            if days <= 1:
                return Decimal(floor(float(frequency) / days + 1e-9)) if days < 1 else frequency
            return Decimal(1) if frequency == 1 else None
    coded = codings(timing.get("code")) if isinstance(timing, dict) else ()
    known = {_TIMES_A_DAY[code.upper()] for _, code in coded if code.upper() in _TIMES_A_DAY}
    return Decimal(known.pop()) if len(known) == 1 else None
