"""An order in R4's shape: what R5 and older messages say elsewhere, in its R4 place; nothing null or empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.fhir.read.codes import codings, members, texts
from service.fhir.read.shapes import Raw

Json = dict[str, Any]
_EMPTY: tuple[object, ...] = (None, "", {}, [])
_OLDER_DOSE = frozenset({"doseQuantity", "doseRange", "rateQuantity", "rateRange", "rateRatio"})
"""Members of an instruction that R4 holds under doseAndRate."""


def as_r4(resource: Raw) -> Json:
    """R5's `medication`, and the dose of older messages, in R4's places; an order without intent is an order."""
    moved: Json = {name: value for name, value in resource.items() if name != "medication"}
    for both in members(resource.get("medication")):
        for name, part in (("medicationCodeableConcept", "concept"), ("medicationReference", "reference")):
            if moved.get(name) in _EMPTY and both.get(part) not in _EMPTY:
                moved[name] = both[part]
    if not isinstance(moved.get("intent"), str) or not str(moved["intent"]).strip():
        moved["intent"] = "order"
    if "dosageInstruction" in moved:
        moved["dosageInstruction"] = [_dosage_as_r4(each) for each in members(moved["dosageInstruction"])]
    return moved


def of_one_medication(order: Mapping[str, Any]) -> Json:
    """R4 has a concept or a reference, and R5 may have both: the concept stays when it says anything."""
    if "medicationReference" not in order or "medicationCodeableConcept" not in order:
        return dict(order)
    concept = order["medicationCodeableConcept"]
    told = bool(codings(concept) or texts(concept))
    dropped = "medicationReference" if told else "medicationCodeableConcept"
    return {name: value for name, value in order.items() if name != dropped}


def _dosage_as_r4(instruction: Raw) -> Raw:
    if _OLDER_DOSE.isdisjoint(instruction):
        return instruction
    older = {name: instruction[name] for name in _OLDER_DOSE if instruction.get(name) not in _EMPTY}
    kept: Json = {name: value for name, value in instruction.items() if name not in _OLDER_DOSE}
    return {**kept, "doseAndRate": [older]} if older and not instruction.get("doseAndRate") else kept


def without_empty(resource: Mapping[str, Any]) -> Json:
    """The resource without null and empty members, at every depth."""
    kept = {name: _without_empty(value) for name, value in resource.items()}
    return {name: value for name, value in kept.items() if value not in _EMPTY}


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return without_empty(value)
    if isinstance(value, list):
        return [kept for member in value if (kept := _without_empty(member)) not in _EMPTY]
    return value
