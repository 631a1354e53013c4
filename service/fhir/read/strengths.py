"""What one unit of an ordered product holds: by its code, by its Medication's ingredient, or by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_cards.guideline import Product
from service.fhir.read.amounts import NO_STRENGTH, Strength, UnreadDose, counted, mass
from service.fhir.read.codes import members
from service.fhir.read.words import Phrases

_NUMBER = r"(?<![\w.,])(\d+(?:[.,]\d+)?)"
_STATED = re.compile(
    rf"{_NUMBER}\s*(mg|milligrams?|g|gm|grams?|mcg|µg|μg|ug)\b(?:\s*(?:/|per)\s*(\d+(?:[.,]\d+)?)?\s*([a-z][\w²]*))?",
    re.IGNORECASE,
)
"""`250 MG`, `10 MG/ML`, `200 mg/5 mL`, `1 g`."""
_VOLUME = re.compile(r"(?<![\w.,/])(?<!/ )(\d+(?:[.,]\d+)?)\s*ml\b", re.IGNORECASE)
"""The size of a vial in a product's name: `50 ML rituximab 10 MG/ML`."""
_ONE = frozenset({"tablet", "tab", "capsule", "cap", "pill", "vial", "comprimido", "capsula"})
_MG = {"mg": 1.0, "milligram": 1.0, "g": 1e3, "gm": 1e3, "gram": 1e3, "mcg": 1e-3, "µg": 1e-3, "μg": 1e-3, "ug": 1e-3}
_THOUSANDS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
"""`1,000` and `1.000` are a thousand for some and one for others."""
_SOLID = Phrases(
    {
        "solid": (
            *("tablet", "tablets", "tab", "tabs", "capsule", "capsules", "cap", "caps", "pill", "pills"),
            *("comprimido", "comprimidos", "capsula", "capsulas"),
        )
    }
)


def product_strength(product: Product | None, names: Iterable[str], ingredients: Iterable[object]) -> Strength:
    """The strength by the first of these that states one; none where a code and its name state different ones.

    `product`: the coded one; `ingredients`: those of the Medication ordered that are the agent; `names`: its texts.
    """
    named = _one(_in_name(name) for name in names)
    coded = _of_product(product)
    if coded is not None and named is not None and not _agree(coded, named):
        return NO_STRENGTH
    stated = _one(_of_ingredient(each) for each in ingredients)
    return coded or stated or named or NO_STRENGTH


def is_solid(product: Product | None, names: Iterable[str]) -> bool:
    """Whether the product is given in whole tablets or capsules."""
    form = (product.form, product.name) if product is not None else ()
    return any(text in _SOLID for text in (*form, *names))


def is_counted(instructions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any dose is written as a number of tablets, vials or the like."""
    for instruction in instructions:
        for stated in members(instruction.get("doseAndRate", [])):
            high = stated.get("doseRange")
            for quantity in (stated.get("doseQuantity"), high.get("high") if isinstance(high, dict) else None):
                if isinstance(quantity, dict) and counted(quantity):
                    return True
    return False


def _of_product(product: Product | None) -> Strength | None:
    if product is None or product.strength_mg is None:
        return None
    if not product.per_ml:
        return Strength(mg=product.strength_mg)
    return Strength(mg=_vial(product.name, product.strength_mg), mg_per_ml=product.strength_mg)


def _vial(name: str, mg_per_ml: float) -> float | None:
    """mg in a vial whose volume its name states; None when it states none, or several."""
    # "10 MG/ML" states no volume
    volumes = {text for text in _VOLUME.findall(name) if not _THOUSANDS.fullmatch(text)}
    return float(volumes.pop().replace(",", ".")) * mg_per_ml if len(volumes) == 1 else None


def _of_ingredient(ingredient: object) -> Strength | None:
    """R4's Ratio, or R5's strengthRatio and strengthQuantity: 250 mg in 1 capsule, 200 mg in 5 mL."""
    if not isinstance(ingredient, dict):
        return None
    ratio = ingredient.get("strength") or ingredient.get("strengthRatio")
    holds = ratio.get("numerator") if isinstance(ratio, dict) else ingredient.get("strengthQuantity")
    per = ratio.get("denominator") if isinstance(ratio, dict) else None
    try:
        amount = mass(holds, NO_STRENGTH) if isinstance(holds, dict) else None
        number = float((per or {}).get("value", 1))
    except (UnreadDose, TypeError, ValueError, AttributeError):
        return None
    if (
        amount is None
        or amount.basis != "absolute"
        or amount.per_days is not None
        or not amount.mg > 0
        or not number > 0
    ):
        return None
    unit = str((per or {}).get("code") or (per or {}).get("unit") or "").strip().casefold()
    if unit == "ml":
        return Strength(mg_per_ml=amount.mg / number)
    return Strength(mg=amount.mg / number) if not unit or counted(per or {}) else None


def _in_name(name: str) -> Strength | None:
    """The one strength that a product's name states; None when it states none, or several."""
    found = set(_stated(name))
    return found.pop() if len(found) == 1 else None


def _stated(name: str) -> Iterator[Strength | None]:
    for number, unit, count, per in _STATED.findall(name):
        amount, of = _number(number), _number(count) if count else 1.0
        singular = per.casefold().rstrip("s")
        if amount is None or not of:
            yield None
            continue
        mg = amount * _MG[unit.casefold().rstrip("s")] / of
        if singular == "ml":
            yield Strength(mg=_vial(name, mg), mg_per_ml=mg)
        else:
            yield Strength(mg=mg) if not per or singular in _ONE else None


def _number(text: str) -> float | None:
    if _THOUSANDS.fullmatch(text):
        return None
    return float(text.replace(",", ".")) or None


def _one(strengths: Iterable[Strength | None]) -> Strength | None:
    found = {strength for strength in strengths if strength is not None}
    return found.pop() if len(found) == 1 else None


def _agree(one: Strength, other: Strength) -> bool:
    pairs = ((one.mg, other.mg), (one.mg_per_ml, other.mg_per_ml))
    return all(a is None or b is None or abs(a - b) < 1e-9 for a, b in pairs)
