"""The product that an order or administration names: by concept, by the Medication referred to, or by its display."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from service.fhir.read.codes import DrugCodes, members, texts
from service.fhir.read.context import Context
from service.fhir.read.drugs import Drug, drug
from service.fhir.read.r4 import as_r4
from service.fhir.read.remembered import digest
from service.fhir.read.shapes import MEDICATION, Raw
from service.fhir.read.strengths import is_solid, product_strength

_UNRESOLVED: Final = "its medication reference cannot be resolved"


def ordered_product(resource: Raw, context: Context) -> Drug:
    """The drug: a concept, else the Medication referred to, else the reference's display (low confidence)."""
    concept = resource.get("medicationCodeableConcept")
    found = _by_concept(concept, context.vocabulary.drugs) if concept and isinstance(concept, dict) else None
    if found is not None and (found.agents or not found.unclear):
        return found
    return _by_any(resource, context)


def _by_concept(concept: Raw, codes: DrugCodes) -> Drug:
    """The drug of one concept, as R4 has it; what the concept calls it is not remembered."""
    key = digest(concept)
    found = codes.ordered.get(key) if key is not None else None
    if found is None:
        found = _told(drug([concept], codes), [concept])
        if key is not None:
            codes.ordered.keep(key, found.called(""))
    return found.called(next(iter(texts(concept)), "")) if found.agents else found


def _by_any(resource: Raw, context: Context) -> Drug:
    """The same, wherever the order says it."""
    moved = as_r4(resource)
    codes = context.vocabulary.drugs
    concepts = list(members(moved.get("medicationCodeableConcept")))
    found = _told(drug(concepts, codes), concepts) if concepts else Drug(unclear="it names no drug")
    if found.agents or not found.unclear:
        return found
    for reference in members(moved.get("medicationReference")):
        medication = context.references.medication(resource, reference)
        found = _of_medication(medication, context) if medication is not None else Drug(unclear=_UNRESOLVED)
        shown = {"text": reference.get("display")}
        if found.unclear and not found.agents and texts(shown):
            found = _told(drug([shown], codes), [shown])
    return found


def _of_medication(medication: Raw, context: Context) -> Drug:
    fitted = context.fit(medication, MEDICATION).content
    ingredients = list(members(fitted.get("ingredient", [])))
    substances = [(each, list(_substances(each, medication, context))) for each in ingredients]
    concepts = [*([fitted["code"]] if "code" in fitted else []), *(each for _, named in substances for each in named)]
    if not concepts:
        return Drug(unclear="its Medication names no drug")
    codes = context.vocabulary.drugs
    found = drug(concepts, codes, fitted.get("form"))
    # of a mixture, the strength of the agent's own part
    own = [each for each, named in substances if len(ingredients) == 1 or drug(named, codes).agents & found.agents]
    return _told(found, [fitted.get("code"), fitted.get("form")], own)


def _substances(ingredient: Raw, medication: Raw, context: Context) -> Iterator[object]:
    yield from members(ingredient.get("itemCodeableConcept", []))
    references = list(members(ingredient.get("itemReference", [])))
    for both in members(ingredient.get("item", [])):
        yield from members(both.get("concept", []))
        references += members(both.get("reference", []))
    for reference in references:
        substance = context.references.medication(medication, reference)
        yield substance.get("code") if substance else {"text": reference.get("display")}


def _told(found: Drug, concepts: Sequence[object], ingredients: Sequence[Raw] = ()) -> Drug:
    """The drug with what its codes, names and ingredients tell of its strength."""
    names = [text for concept in concepts for text in texts(concept)]
    return replace(
        found,
        strength=product_strength(found.product, names, ingredients),
        solid=is_solid(found.product, names),
    )
