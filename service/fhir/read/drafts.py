"""context.draftOrders → the drafted orders of our agents, the drafted services, and what could not be read among them.

A draft is read like an order on record, with more patience: it is new, so its dates decide nothing, and what it is for
is not chosen yet when the first call comes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cds_cards.record import Dose, DraftOrder, Key, MedicationOrder, ServiceOrder, SetAside, Unread
from service.errors import WrongPatient
from service.fhir.gather import Entry
from service.fhir.read.codes import members
from service.fhir.read.conditions import named_services, read_service
from service.fhir.read.context import Context, Fact
from service.fhir.read.medications import named, product_increment, read_order
from service.fhir.read.models import is_fhir_type
from service.fhir.read.r4 import without_empty
from service.fhir.read.references import normalised, source_of
from service.fhir.read.shapes import Raw
from service.fhir.read.unreadable import Unreadable

DraftFact = DraftOrder | ServiceOrder | Unread | SetAside
_KEY: Final[Key] = "drafts"
_CHOSEN: Final[Mapping[str, tuple[str, ...]]] = {
    "MedicationRequest": ("medicationCodeableConcept", "medicationReference", "medication"),
    "ServiceRequest": ("code", "orderDetail"),
}
"""The elements that say what is ordered: an order without them fires before anything is chosen."""
_ORDERS: Final = ("Request", "Order", "Prescription")
"""How FHIR ends the names of the resources that order something."""
_OF_COURSE: Final = frozenset({"authoredOn", "dispenseRequest", "occurrenceDateTime", "occurrencePeriod"})
"""When a draft was begun, and when it is to be dispensed: it would run from its signing."""
_BOOKKEEPING: Final = frozenset({"meta", "text"})
_IDENTIFIED: Final = "/"
"""In the name of what has an id or a fullUrl."""


def draft_source(entry: Entry) -> str:
    """How cards and `ignored` name a draft: `Type/id`, by its own id, else by its fullUrl; else words."""
    resource = _members(entry)
    own = source_of(resource, None)
    if resource.get("id") or entry.full_url is None:
        return own
    relative = normalised(entry.full_url)
    of_type = relative is not None and relative.startswith(f"{resource.get('resourceType')}/")
    return relative if relative is not None and of_type else entry.full_url


def read_drafts(entries: Sequence[Entry], selections: Collection[str] | None, context: Context) -> list[DraftFact]:
    """The drafts of one call. `selections` None: every draft is selected. WrongPatient: one is another patient's."""
    for entry in entries:
        _must_be_ours(entry, context)
    facts: list[DraftFact] = []
    for entry in entries:
        if not isinstance(entry.resource, dict) or not is_fhir_type(entry.resource.get("resourceType")):
            facts.append(Unread(_KEY, entry.full_url or "an entry of draftOrders", "it is no FHIR resource"))
    for source, entry in _once([entry for entry in entries if _type(entry) in _CHOSEN and not _is_open(entry)]):
        facts += _read(entry, source, selections is None or _is_selected(entry, selections), context)
    return facts


def _once(entries: Sequence[Entry]) -> Iterator[tuple[str, Entry]]:
    """Each draft under its name, the same content once.

    Several that differ under one id all count, but none can be deleted or changed by it: the name says so.
    """
    found: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        said = {name: value for name, value in _members(entry).items() if name not in _BOOKKEEPING}
        found.setdefault(draft_source(entry), {}).setdefault(json.dumps(said, sort_keys=True), entry)
    for source, versions in found.items():
        shared = len(versions) > 1 and _IDENTIFIED in source
        for entry in versions.values():
            yield (f"{source} (one of several drafts with this id)" if shared else source), entry


def _members(entry: Entry) -> Raw:
    return entry.resource if isinstance(entry.resource, dict) else {}


def _type(entry: Entry) -> str:
    return str(_members(entry).get("resourceType", ""))


def _must_be_ours(entry: Entry, context: Context) -> None:
    """A draft order for another Patient refuses the call: the wrong chart is open."""
    if not _type(entry).endswith(_ORDERS):
        return
    for element in ("subject", "patient"):
        subject = context.references.subject(_members(entry), element)
        if subject is not None and subject.startswith("Patient/") and subject != context.references.patient:
            raise WrongPatient("context.draftOrders holds an order for another patient than context.patientId")


def _is_open(entry: Entry) -> bool:
    """Whether nothing was chosen yet."""
    return not without_empty({name: _members(entry).get(name) for name in _CHOSEN[_type(entry)]})


def _is_selected(entry: Entry, selections: Collection[str]) -> bool:
    """By `Type/id` (relative, absolute or versioned), by fullUrl, or by the bare id."""
    source = draft_source(entry)
    names = {source, source.rpartition("/")[2]} | ({entry.full_url} if entry.full_url else set())
    return any(each.strip() in names or normalised(each) == source for each in selections)


def _read(entry: Entry, source: str, selected: bool, context: Context) -> Iterator[DraftFact]:
    resource = _members(entry)
    subject = context.references.subject(resource, "subject")
    if subject != context.references.patient:
        yield Unread(
            _KEY, source, "it states no subject that can be read" if subject is None else f"subject is {subject}"
        )
        return
    is_medication = _type(entry) == "MedicationRequest"
    concepts = (named if is_medication else named_services)(resource, context)
    if concepts is None:
        return
    try:
        if resource.get("modifierExtension"):
            raise Unreadable("a modifierExtension, which may change its meaning, is not understood")
        draft = _as_draft(resource)
        yield from _orders(draft, source, selected, context) if is_medication else _services(draft, source, context)
    except Unreadable as error:
        yield Unread(_KEY, source, error.why, concepts)


def _as_draft(resource: Raw) -> Raw:
    """Where it stands tells its status, if it tells none itself; dates of its writing decide nothing."""
    stated = resource.get("status") not in (None, "")
    draft = {name: value for name, value in resource.items() if name not in _OF_COURSE}
    return draft if stated else {**draft, "status": "draft"}


def _orders(draft: Raw, source: str, selected: bool, context: Context) -> Iterator[DraftFact]:
    try:
        facts = list(read_order(draft, source, context, drafted=True))
    except Unreadable as error:
        # which drug it is, and by which route, still counts; how much of it does not
        facts = [_undosed(fact, error.why) for fact in read_order(_without_dose(draft), source, context, drafted=True)]
    increment = product_increment(draft, context)
    for fact in facts:
        if isinstance(fact, MedicationOrder):
            yield DraftOrder(fact, selected, increment)
        elif isinstance(fact, Unread | SetAside):
            yield fact


def _without_dose(draft: Raw) -> Raw:
    kept = ("text", "patientInstruction", "route")
    stated = [{name: each[name] for name in kept if name in each} for each in members(draft.get("dosageInstruction"))]
    return {**draft, "dosageInstruction": stated}


def _undosed(fact: Fact, why: str) -> Fact:
    return replace(fact, dose=Dose(unread=why)) if isinstance(fact, MedicationOrder) else fact


def _services(draft: Raw, source: str, context: Context) -> Iterator[DraftFact]:
    for fact in read_service(draft, source, context):
        if isinstance(fact, ServiceOrder | Unread | SetAside):
            yield fact
