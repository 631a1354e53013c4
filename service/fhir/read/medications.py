"""MedicationRequest and MedicationAdministration → orders and administrations of our agents, by a systemic route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from math import isfinite
from typing import Final

from cds_cards.record import Administration, Dose, MedicationOrder, SetAside
from cds_cards.timeline import When
from service.fhir.read.codes import members
from service.fhir.read.context import Context, Fact
from service.fhir.read.courses import course
from service.fhir.read.dates import spanning
from service.fhir.read.dosage import read_dose
from service.fhir.read.drugs import Drug
from service.fhir.read.models import validated
from service.fhir.read.products import ordered_product
from service.fhir.read.r4 import as_r4, of_one_medication
from service.fhir.read.routes import LOCAL, directions_are_local, stated_route
from service.fhir.read.shapes import (
    MEDICATION_ADMINISTRATION,
    MEDICATION_REQUEST,
    MEDICATION_REQUEST_WITHOUT_DOSE,
    Raw,
)
from service.fhir.read.statuses import status
from service.fhir.read.strengths import is_counted
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


def named(resource: Raw, context: Context) -> frozenset[str] | None:
    """The agents that it names; empty when the drug cannot be told; None when it is not ours, or a local form."""
    found = ordered_product(resource, context)
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
    found = ordered_product(resource, context)
    if found.unclear:
        raise Unreadable(found.unclear)
    valid, dose_is_valid = _valid_order(of_one_medication(as_r4(resource)), context)
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


def product_increment(resource: Raw, context: Context) -> float | None:
    """mg in one unit of what is ordered, when it is given in whole units (tablets, capsules, counted vials)."""
    found = ordered_product(resource, context)
    whole = found.solid or is_counted(members(as_r4(resource).get("dosageInstruction")))
    return found.strength.mg if whole else None


def read_administration(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The administrations in one MedicationAdministration. Unreadable without a date: a dose counts from its day."""
    stated = status(resource, _ADMINISTRATION)
    if stated == "entered-in-error":
        yield SetAside(source, "its status is entered-in-error")
        return
    if stated == "unknown":
        raise Unreadable("its status is unknown")
    found = ordered_product(resource, context)
    if found.unclear:
        raise Unreadable(found.unclear)
    fitted = context.fit(of_one_medication(as_r4(resource)), MEDICATION_ADMINISTRATION)
    valid = validated("MedicationAdministration", fitted, frozenset({"dosage"}))
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
        dose = read_dose(instructions, found.strength)
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


def _directions(instructions: Iterable[Raw]) -> list[str]:
    stated = [each.get(name) for each in instructions for name in ("text", "patientInstruction")]
    return [text for text in stated if isinstance(text, str)]


def _authored(order: Raw, context: Context) -> When | None:
    return context.date(order["authoredOn"], "authoredOn") if "authoredOn" in order else None
