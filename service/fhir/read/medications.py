"""MedicationRequest and MedicationAdministration → orders and administrations of our agents, by a systemic route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from math import isfinite
from typing import Final

from cds_cards.record import Administration, Dose, MedicationOrder, SetAside
from cds_cards.timeline import When
from service.fhir.read.amounts import Strength
from service.fhir.read.codes import members
from service.fhir.read.context import Context, Fact
from service.fhir.read.courses import course
from service.fhir.read.dates import spanning
from service.fhir.read.dosage import read_dose
from service.fhir.read.drugs import Drug, drug
from service.fhir.read.models import validated
from service.fhir.read.routes import LOCAL, directions_are_local, stated_route
from service.fhir.read.shapes import (
    MEDICATION,
    MEDICATION_ADMINISTRATION,
    MEDICATION_REQUEST,
    MEDICATION_REQUEST_WITHOUT_DOSE,
    Raw,
)
from service.fhir.read.statuses import status
from service.fhir.read.timing_words import daily_in_words
from service.fhir.read.unreadable import Unreadable

_ORDER: Final = frozenset(
    {"active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"}
)
_ADMINISTRATION: Final = frozenset(
    {"in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"}
)
_NO_THERAPY: Final = frozenset({"draft", "cancelled"})
_NO_THERAPY_INTENTS: Final = frozenset({"proposal", "plan"})
_UNRESOLVED: Final = "its medication reference cannot be resolved"


def named(resource: Raw, context: Context) -> frozenset[str] | None:
    """The agents that it names; empty when the drug cannot be told; None when it is not ours, or a local form."""
    found = _drug(resource, context)
    if not found.agents:
        return frozenset() if found.unclear else None
    agents = frozenset(agent for agent in found.agents if _route(resource, found, agent, context) != LOCAL)
    return agents or None


def read_order(resource: Raw, source: str, context: Context, *, drafted: bool = False) -> Iterator[Fact]:
    """The orders in one MedicationRequest (two agents: two). Of a drafted one, every status and intent counts."""
    stated = status(resource, _ORDER)
    if stated == "entered-in-error":
        yield SetAside(source, "its status is entered-in-error")
    if stated == "entered-in-error" or (stated in _NO_THERAPY and not drafted):
        return
    if stated == "unknown" and not drafted:
        raise Unreadable("its status is unknown")
    found = _drug(resource, context)
    if found.unclear:
        raise Unreadable(found.unclear)
    valid, dose_is_valid = _valid_order(_as_r4(resource), context)
    prohibited = valid.get("doNotPerform") is True
    intent = str(valid["intent"])
    if intent in _NO_THERAPY_INTENTS and not prohibited and not drafted:
        yield SetAside(source, f"its intent is {intent}: no therapy")
        return
    authored = _authored(valid, context)
    start, end = course(valid, authored, context)
    dose = _dose(valid, found, start, end) if dose_is_valid else Dose(unread="its dosage is not valid FHIR")
    for agent in sorted(found.agents):
        route = _route(resource, found, agent, context)
        if route == LOCAL:
            continue
        yield MedicationOrder(
            source=source,
            agent=agent,
            status=stated,
            start=start,
            end=end,
            authored=authored,
            intent=intent,
            route=route,
            prohibited=prohibited,
            by_text=found.by_text,
            dose=dose,
            label=found.label or context.guideline.agents[agent].name,
        )


def read_administration(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The administrations in one MedicationAdministration. Unreadable without a date: a dose counts from its day."""
    stated = status(resource, _ADMINISTRATION)
    if stated == "entered-in-error":
        yield SetAside(source, "its status is entered-in-error")
        return
    if stated == "unknown":
        raise Unreadable("its status is unknown")
    found = _drug(resource, context)
    if found.unclear:
        raise Unreadable(found.unclear)
    valid = validated(
        "MedicationAdministration", context.fit(_as_r4(resource), MEDICATION_ADMINISTRATION), frozenset({"dosage"})
    )
    if "effectiveDateTime" in valid:
        date = context.date(valid["effectiveDateTime"], "effectiveDateTime")
    else:
        begun, ended = context.period(valid.get("effectivePeriod"), "effectivePeriod")
        if begun is None and ended is None:
            raise Unreadable("it states no date (effective[x])")
        date = spanning(each for each in (begun, ended) if each is not None)
    for agent in sorted(found.agents):
        if _route(resource, found, agent, context) != LOCAL:
            yield Administration(source, agent, stated, date)


def _as_r4(resource: Raw) -> Raw:
    """R5's `medication`, and the dose of older messages, in R4's places; an order without intent is an order."""
    moved = dict(resource)
    for both in members(resource.get("medication")):
        moved.setdefault("medicationCodeableConcept", both.get("concept"))
        moved.setdefault("medicationReference", both.get("reference"))
    if not isinstance(moved.get("intent"), str) or not str(moved["intent"]).strip():
        moved["intent"] = "order"
    if "dosageInstruction" in moved:
        moved["dosageInstruction"] = [_dosage_as_r4(each) for each in members(moved["dosageInstruction"])]
    return moved


def _dosage_as_r4(instruction: Raw) -> Raw:
    older = {name: instruction[name] for name in ("doseQuantity", "doseRange") if name in instruction}
    return {**instruction, "doseAndRate": [older]} if older and not instruction.get("doseAndRate") else instruction


def _drug(resource: Raw, context: Context) -> Drug:
    """The drug: a concept, else the Medication referred to, else the reference's display (low confidence)."""
    moved = _as_r4(resource)
    codes = context.vocabulary.drugs
    concepts = list(members(moved.get("medicationCodeableConcept")))
    found = drug(concepts, codes) if concepts else Drug(unclear="it names no drug")
    if found.agents or not found.unclear:
        return found
    for reference in members(moved.get("medicationReference")):
        display = reference.get("display")
        shown = {"text": display} if isinstance(display, str) and display.strip() else None
        medication = context.references.medication(resource, reference)
        found = _of_medication(medication, context) if medication is not None else Drug(unclear=_UNRESOLVED)
        if found.unclear and not found.agents and shown is not None:
            found = drug([shown], codes)
    return found


def _of_medication(medication: Raw, context: Context) -> Drug:
    fitted = context.fit(medication, MEDICATION)
    concepts = [fitted.get("code")] if "code" in fitted else []
    for ingredient in members(fitted.get("ingredient", [])):
        concepts += list(members(ingredient.get("itemCodeableConcept", [])))
        for reference in members(ingredient.get("itemReference", [])):
            substance = context.references.medication(medication, reference)
            concepts += [substance.get("code") if substance else {"text": reference.get("display")}]
    if not concepts:
        return Drug(unclear="its Medication names no drug")
    return drug(concepts, context.vocabulary.drugs, fitted.get("form"))


def _route(resource: Raw, found: Drug, agent: str, context: Context) -> str | None:
    """The route stated in the order; else the product's; None when neither is told."""
    instructions = [*members(resource.get("dosageInstruction", [])), *members(resource.get("dosage", []))]
    stated = {route for each in instructions if (route := stated_route(each.get("route"))) is not None}
    if stated:
        systemic = stated - {LOCAL}
        route = (systemic.pop() if len(systemic) == 1 else None) if systemic else LOCAL
    elif found.route is not None:
        route = found.route or None
    else:
        route = LOCAL if directions_are_local(_directions(instructions)) else None
    # of the immunoglobulins only the intravenous are the guideline's
    if context.guideline.agents[agent].agent_class == "immunoglobulin" and route not in (None, "iv"):
        return LOCAL
    return route


def _valid_order(resource: Raw, context: Context) -> tuple[dict[str, object], bool]:
    """The valid order, and whether its dosage is; an invalid one must still say when the course runs."""
    try:
        return validated("MedicationRequest", context.fit(resource, MEDICATION_REQUEST)), True
    except Unreadable:
        return validated("MedicationRequest", context.fit(resource, MEDICATION_REQUEST_WITHOUT_DOSE)), False


def _dose(order: Raw, found: Drug, start: When | None, end: When | None) -> Dose:
    """The dose; an order that brings a single administration is not daily, whatever its timing repeats."""
    instructions = tuple(members(order.get("dosageInstruction", [])))
    try:
        dose = read_dose(instructions, _strength(found))
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        dose = Dose(unread="its dosage cannot be computed")
    amounts = (dose.per_administration, dose.per_day, dose.per_week, dose.per_cycle)
    if not all(isfinite(amount) for amount in amounts if amount is not None):
        dose = Dose(daily=dose.daily, unread="its dosage is beyond any that is given")
    if dose.daily is None:
        return replace(dose, daily=daily_in_words(_directions(instructions)))
    one_day = start is not None and end is not None and end.end - start.start <= timedelta(days=1)
    once = dose.per_administration is not None and dose.per_cycle == dose.per_administration
    return replace(dose, daily=False) if dose.daily and (one_day or once) else dose


def _strength(found: Drug) -> Strength:
    product = found.product
    if product is None:
        return Strength()
    return Strength(mg_per_ml=product.strength_mg) if product.per_ml else Strength(mg=product.strength_mg)


def _directions(instructions: Iterable[Raw]) -> list[str]:
    stated = [each.get(name) for each in instructions for name in ("text", "patientInstruction")]
    return [text for text in stated if isinstance(text, str)]


def _authored(order: Raw, context: Context) -> When | None:
    return context.date(order["authoredOn"], "authoredOn") if "authoredOn" in order else None
