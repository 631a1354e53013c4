"""A valid order with its dose lowered by a factor, in its own units, and what its words say of that dose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any

from service.fhir.read.amounts import ordered_doses

Json = dict[str, Any]
_FINEST = 1_000_000
"""Parts of a unit; what lies below is the arithmetic's, not the dose's."""
_NUMBERS = re.compile(
    r"\d|\b(?:half|one|two|three|four|five|six|media|medio|una?|dos|tres|cuatro|cinco|seis)\b", re.IGNORECASE
)


def lowered(order: Mapping[str, Any], factor: Fraction) -> Json:
    """The order with every dose of its instructions multiplied by `factor` (below 1) and rounded down."""
    instructions = [_instruction(each, factor) for each in order.get("dosageInstruction", ())]
    return {**order, "dosageInstruction": instructions}


def _instruction(instruction: Mapping[str, Any], factor: Fraction) -> Json:
    stated = instruction.get("doseAndRate", [])
    ordered = ordered_doses(stated)
    # what was calculated may stand beside the dose that is ordered: that has not changed
    doses = [_dose(each, factor) if each in ordered else dict(each) for each in stated]
    changed: Json = {**instruction, "doseAndRate": doses}
    for before, after in zip(stated, doses, strict=True):
        for name in ("text", "patientInstruction"):
            if isinstance(changed.get(name), str):
                changed[name] = _words(changed[name], _amount(before), _amount(after))
    return changed


def _dose(stated: Mapping[str, Any], factor: Fraction) -> Json:
    """The dose; a rate only where there is no other dose: it tells how fast, not how much."""
    if "doseQuantity" in stated:
        return {**stated, "doseQuantity": _times(stated["doseQuantity"], factor)}
    if "doseRange" in stated:
        return {**stated, "doseRange": _range(stated["doseRange"], factor)}
    if "rateQuantity" in stated:
        return {**stated, "rateQuantity": _times(stated["rateQuantity"], factor)}
    if "rateRange" in stated:
        return {**stated, "rateRange": _range(stated["rateRange"], factor)}
    if "rateRatio" in stated:
        ratio = stated["rateRatio"]
        return {**stated, "rateRatio": {**ratio, "numerator": _times(ratio["numerator"], factor)}}
    return dict(stated)


def _range(stated: Mapping[str, Any], factor: Fraction) -> Json:
    """The upper end lowered, the lower one only where it would lie above."""
    high = _times(stated["high"], factor)
    low = stated.get("low")
    if low is None or _number(low) <= _number(high):
        return {**stated, "high": high}
    return {**stated, "low": {**low, "value": high["value"]}, "high": high}


def _times(quantity: Mapping[str, Any], factor: Fraction) -> Json:
    value = Fraction(floor(_number(quantity) * factor * _FINEST), _FINEST)
    return {**quantity, "value": int(value) if value.denominator == 1 else float(value)}


def _number(quantity: Mapping[str, Any]) -> Fraction:
    return Fraction(str(quantity["value"]))


def _amount(stated: Mapping[str, Any]) -> Mapping[str, Any] | None:
    dose = stated.get("doseQuantity") or stated.get("doseRange", {}).get("high")
    return dose if isinstance(dose, Mapping) else None


def _words(text: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    """The old amount replaced; directions that may state it in another way say that it changed."""
    if before is None or after is None:
        return text
    unit = str(after.get("unit") or after.get("code") or "").strip("{}")
    old, new = f"{float(_number(before)):.15g}", f"{float(_number(after)):.15g}"
    if old == new:
        return text
    pattern = rf"(?<![\d.,]){_grouped(old)}(?=\s*{re.escape(unit)})"
    replaced, times = re.subn(pattern, new, text, flags=re.IGNORECASE)
    if times:
        return replaced
    return f"{text} [dose lowered to {new} {unit}]" if _NUMBERS.search(text) else text


def _grouped(number: str) -> str:
    """A pattern for the number with or without a separator between thousands, and with either decimal sign."""
    whole, _, part = number.partition(".")
    reverse = re.findall(r"\d{1,3}", whole[::-1])
    grouped = "[,. \u00a0\u202f]?".join(group[::-1] for group in reversed(reverse))
    return grouped + (rf"[.,]{part}" if part else r"(?:[.,]0+)?")
