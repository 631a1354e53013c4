"""The Medications that orders refer to, that did not come with the call, and that decide which drug was ordered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.fhir.gather import Entry
from service.fhir.read.codes import members
from service.fhir.read.context import Context
from service.fhir.read.drugs import drug
from service.fhir.read.r4 import as_r4
from service.fhir.read.references import normalised
from service.fhir.read.shapes import MEDICATION, Raw

_REFERRING = frozenset({"MedicationRequest", "MedicationAdministration"})
_ELEMENTS = ("medicationReference", "medication")
_NEVER_COUNTS = frozenset({"entered-in-error"})
_NO_THERAPY = _NEVER_COUNTS | {"draft", "cancelled"}
_PAST = frozenset({"completed", "stopped", "not-done"})
_FOLDER = "/Medication/"


def may_refer(entries: Iterable[Entry]) -> bool:
    """Whether one of them may name its drug by reference: a cheap look."""
    return any(
        isinstance(entry.resource, dict) and any(name in entry.resource for name in _ELEMENTS) for entry in entries
    )


def undecided_medications(
    drafts: Iterable[Entry], recorded: Iterable[Entry], context: Context, base: str
) -> tuple[str, ...]:
    """The ids of Medications to be read from the server at `base`, those of drafts and running orders first."""
    drafted = [entry for entry in drafts if _counts(entry, _NEVER_COUNTS, context)]
    counting = [entry for entry in recorded if _counts(entry, _NO_THERAPY, context)]
    running_first = sorted(counting, key=lambda entry: _status(entry) in _PAST)
    found: dict[str, None] = {}
    for entry in (*drafted, *running_first):
        found.update(dict.fromkeys(_undecided(entry, context, base)))
    return tuple(found)


def _status(entry: Entry) -> str:
    stated = entry.resource.get("status") if isinstance(entry.resource, dict) else None
    return stated.strip() if isinstance(stated, str) else ""


def _counts(entry: Entry, not_counting: frozenset[str], context: Context) -> bool:
    resource = entry.resource
    if not isinstance(resource, dict) or resource.get("resourceType") not in _REFERRING:
        return False
    subject = context.references.subject(resource, "subject")
    return _status(entry) not in not_counting and subject in (None, context.references.patient)


def _undecided(entry: Entry, context: Context, base: str) -> Iterator[str]:
    resource = entry.resource
    if not isinstance(resource, dict) or not any(name in resource for name in _ELEMENTS):
        return
    moved = as_r4(resource)
    if _is_told(moved.get("medicationCodeableConcept"), context):
        return
    homes = _homes(entry, resource, base)
    for reference in members(moved.get("medicationReference")):
        medication = context.references.medication(resource, reference)
        if medication is None:
            yield from _readable(reference, homes)
        elif not _names_agents(medication, context):
            yield from _ingredients(medication, context, homes)


def _is_told(concept: object, context: Context) -> bool:
    """Whether a concept says which drug it is: one of ours, or surely another."""
    concepts = list(members(concept))
    if not concepts:
        return False
    found = drug(concepts, context.vocabulary.drugs)
    return bool(found.agents) or not found.unclear


def _names_agents(medication: Raw, context: Context) -> bool:
    """Whether its own code names one of our agents: then its ingredients tell nothing more."""
    return bool(drug(list(members(medication.get("code"))), context.vocabulary.drugs).agents)


def _ingredients(medication: Raw, context: Context, homes: frozenset[str]) -> Iterator[str]:
    for ingredient in members(context.fit(medication, MEDICATION).content.get("ingredient", [])):
        both = [each.get("reference") for each in members(ingredient.get("item", []))]
        for reference in (
            *members(ingredient.get("itemReference", [])),
            *(each for ref in both for each in members(ref)),
        ):
            if context.references.medication(medication, reference) is None:
                yield from _readable(reference, homes)


def _readable(reference: Raw, homes: frozenset[str]) -> Iterator[str]:
    """The id, when it is a Medication's on our server: another server's may have the same id and be another drug."""
    stated = reference.get("reference")
    relative = normalised(stated) if isinstance(stated, str) else None
    if relative is None or not relative.startswith(_FOLDER[1:]) or not isinstance(stated, str):
        return
    home, folder, _ = f"/{stated.strip()}".rpartition(_FOLDER)
    if folder and home.removeprefix("/").lower() in homes:
        yield relative.removeprefix(_FOLDER[1:])


def _homes(entry: Entry, resource: Raw, base: str) -> frozenset[str]:
    """What absolute references to our server begin with: its base, or what it calls itself in this very entry."""
    names = {"", base.lower()}
    if entry.full_url is not None:
        names.add(_home(entry.full_url, str(resource.get("resourceType"))))
    for subject in members(resource.get("subject")):
        names.add(_home(str(subject.get("reference")), "Patient"))
    return frozenset(names)


def _home(url: str, resource_type: str) -> str:
    return url.strip().rpartition(f"/{resource_type}/")[0].lower() if "://" in url else ""
