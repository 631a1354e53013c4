"""FHIR R4 → `PatientRecord`: tolerance, references, codes, dates and units, each resource valid before it counts.

Nothing unreadable disappears: it is an `Unread`, and what it might have told is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast
from zoneinfo import ZoneInfo

from cds_cards.guideline import Guideline
from cds_cards.record import (
    Administration,
    Allergy,
    Diagnosis,
    DraftOrder,
    Key,
    MedicationOrder,
    PatientRecord,
    Person,
    Procedure,
    Result,
    ServiceOrder,
    SetAside,
    Unread,
)
from service.errors import DataUnobtainable
from service.fhir.gather import Entry, PatientBundle
from service.fhir.memory import ClientMemory
from service.fhir.read import allergies, conditions, medications, observations
from service.fhir.read.alike import read_alike
from service.fhir.read.codes import Vocabulary, vocabulary
from service.fhir.read.context import Context, Fact
from service.fhir.read.drafts import read_drafts
from service.fhir.read.kinds import Kind, read_entries
from service.fhir.read.patient import read_person, the_patient
from service.fhir.read.recall import recalled_or_read
from service.fhir.read.references import references
from service.fhir.read.shapes import Raw
from service.fhir.read.unresolved import may_refer, undecided_medications

__all__ = ["bare_id", "judge_patient", "medications_to_read", "names_by_reference", "read_record"]

_KINDS: Mapping[Key, Kind] = {
    "observations": Kind("Observation", observations.named, observations.read, read_alike=read_alike),
    "medications": Kind("MedicationRequest", medications.named, medications.read_order, refers=True),
    "conditions": Kind("Condition", conditions.named_conditions, conditions.read_condition),
    "allergies": Kind("AllergyIntolerance", allergies.named, allergies.read, subject="patient"),
    "procedures": Kind("Procedure", conditions.named_procedures, conditions.read_procedure),
    "referrals": Kind("ServiceRequest", conditions.named_services, conditions.read_service),
    "administrations": Kind(
        "MedicationAdministration", medications.named, medications.read_administration, refers=True
    ),
}
_FactT = TypeVar("_FactT", bound=Fact)


def read_record(
    bundle: PatientBundle, patient_id: str, guideline: Guideline, canonical: str, memory: ClientMemory | None = None
) -> PatientRecord:
    """The record of the patient of this call; `canonical` is the base of our own code systems.

    What `memory` holds of the same content is not read again; drafts always are. Raises NotAPatient (422), WrongPatient
    (400, by the Patient or by a draft), then DataUnobtainable (412) for required keys without an answer.
    """
    patient_id = bare_id(patient_id)
    patient = the_patient(bundle.patient.resource, patient_id)
    context = _context(bundle, patient_id, guideline, canonical)
    # by reference, an order names its drug; whatever else is read is read without the Medications
    apart = replace(context, references=replace(context.references, medications={}))
    person, unread_person = _person(bundle.patient, patient, apart, memory)
    drafted = read_drafts(bundle.drafts, bundle.selections, _among_drafts(bundle, context))
    if bundle.unobtainable:
        raise DataUnobtainable(bundle.unobtainable, bundle.why)
    context, apart = replace(context, born=person.born), replace(apart, born=person.born)
    facts: dict[type[object], list[Fact]] = {Unread: [*unread_person]}
    for key, kind in _KINDS.items():
        for fact in _facts(key, kind, bundle.entries.get(key, ()), context if kind.refers else apart, memory):
            facts.setdefault(type(fact), []).append(fact)
    return PatientRecord(
        person=person,
        results=_of(facts, Result),
        orders=_of(facts, MedicationOrder),
        administrations=_of(facts, Administration),
        diagnoses=_of(facts, Diagnosis),
        allergies=_of(facts, Allergy),
        procedures=_of(facts, Procedure),
        services=_of(facts, ServiceOrder),
        drafts=tuple(fact for fact in drafted if isinstance(fact, DraftOrder)),
        draft_services=tuple(fact for fact in drafted if isinstance(fact, ServiceOrder)),
        unread=(*_of(facts, Unread), *(fact for fact in drafted if isinstance(fact, Unread))),
        set_aside=(*_of(facts, SetAside), *(fact for fact in drafted if isinstance(fact, SetAside))),
        answers=bundle.answers,
    )


def judge_patient(bundle: PatientBundle, patient_id: str, guideline: Guideline, canonical: str) -> None:
    """Raises what `read_record` raises of the Patient and of whose the drafts are; for calls that fetch first."""
    patient_id = bare_id(patient_id)
    patient = the_patient(bundle.patient.resource, patient_id)
    context = _context(bundle, patient_id, guideline, canonical)
    read_person(patient, f"Patient/{patient_id}", context)
    read_drafts(bundle.drafts, bundle.selections, _among_drafts(bundle, context))


def names_by_reference(bundle: PatientBundle) -> bool:
    """Whether any order, draft or administration may name its drug by reference: a cheap look."""
    return any(map(may_refer, (bundle.drafts, bundle.entries["medications"], bundle.entries["administrations"])))


def medications_to_read(
    bundle: PatientBundle, patient_id: str, guideline: Guideline, canonical: str, base: str
) -> tuple[str, ...]:
    """The ids of Medications that decide which drugs the patient's orders mean and that the server at `base` holds."""
    if not names_by_reference(bundle):
        return ()
    recorded = [*bundle.entries["medications"], *bundle.entries["administrations"]]
    context = _context(bundle, bare_id(patient_id), guideline, canonical)
    return undecided_medications(bundle.drafts, recorded, context, base)


def bare_id(patient_id: str) -> str:
    """The id of context.patientId, which some callers write as a reference."""
    return patient_id.strip().removeprefix("Patient/")


def _person(
    entry: Entry, patient: Raw, context: Context, memory: ClientMemory | None
) -> tuple[Person, tuple[Unread, ...]]:
    def read() -> tuple[tuple[Person, tuple[Unread, ...]]]:
        return (read_person(patient, context.references.patient, context),)

    return recalled_or_read(memory, "patient", (entry,), context, read)[0]


def _facts(
    key: Key, kind: Kind, entries: Sequence[Entry], context: Context, memory: ClientMemory | None
) -> tuple[Fact, ...]:
    return recalled_or_read(memory, key, entries, context, lambda: tuple(read_entries(key, kind, entries, context)))


def _of(facts: Mapping[type[object], list[Fact]], kind: type[_FactT]) -> tuple[_FactT, ...]:
    return cast(tuple[_FactT, ...], tuple(facts.get(kind, ())))


def _context(bundle: PatientBundle, patient_id: str, guideline: Guideline, canonical: str) -> Context:
    return Context(
        guideline=guideline,
        vocabulary=_vocabulary(guideline, canonical),
        zone=ZoneInfo(guideline.policy.zone),
        references=references(patient_id, [*bundle.drafts, *_on_record(bundle)]),
    )


def _among_drafts(bundle: PatientBundle, context: Context) -> Context:
    """The same, but a draft means the Medication beside it, should another of that id be on record."""
    if not bundle.drafts:
        return context
    patient_id = context.references.patient.removeprefix("Patient/")
    return replace(context, references=references(patient_id, [*_on_record(bundle), *bundle.drafts]))


def _on_record(bundle: PatientBundle) -> list[Entry]:
    return [bundle.patient, *(entry for entries in bundle.entries.values() for entry in entries)]


_built: tuple[Guideline, str, Vocabulary] | None = None
"""The vocabulary of the guideline in use: a service has one, and building it takes longer than reading a chart."""


def _vocabulary(guideline: Guideline, canonical: str) -> Vocabulary:
    global _built
    if _built is None or _built[0] is not guideline or _built[1] != canonical:
        _built = (guideline, canonical, vocabulary(guideline, canonical))
    return _built[2]
