"""Patient → the person, and what about them cannot be read."""

from __future__ import annotations

from typing import Final, Literal, cast

from cds_cards.record import Person, Unread
from service.errors import NotAPatient, WrongPatient
from service.fhir.read.context import Context
from service.fhir.read.dates import when
from service.fhir.read.models import validated
from service.fhir.read.shapes import PATIENT, Raw
from service.fhir.read.unreadable import Unreadable

Sex = Literal["female", "male", "other", "unknown"]
_SEXES: Final = frozenset({"female", "male", "other", "unknown"})
_ELEMENTS: Final = frozenset(PATIENT.members)


def the_patient(resource: object, patient_id: str) -> Raw:
    """The Patient resource of this call. NotAPatient: it is none; WrongPatient: it is not `patient_id`'s."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        raise NotAPatient("prefetch.patient is not a FHIR Patient")
    own_id = resource.get("id")
    if own_id is not None and not isinstance(own_id, str):
        raise NotAPatient("prefetch.patient is not a FHIR Patient: id")
    if not own_id or own_id.strip() != patient_id:
        raise WrongPatient("prefetch.patient is not the patient of context.patientId")
    return resource


def read_person(resource: Raw, source: str, context: Context) -> tuple[Person, tuple[Unread, ...]]:
    """Age, sex, and whether they live. What is there and cannot be read is unknown, not absent."""
    try:
        elements = context.fit(resource, PATIENT)
        if "deceasedDateTime" in elements.content:  # a date of death in any form says it
            told = {name: value for name, value in resource.items() if name != "deceasedBoolean"}
            elements = context.fit(told, PATIENT)
        fitted = elements.content
        valid = validated("Patient", elements, _ELEMENTS)
    except Unreadable as error:
        raise NotAPatient(f"prefetch.patient is not a FHIR Patient: {error.why}") from None
    born = when(valid.get("birthDate"), context.zone)
    deceased: bool | None = False
    if "deceasedDateTime" in fitted or "deceasedBoolean" in fitted:
        deceased = True if "deceasedDateTime" in fitted else cast(bool | None, valid.get("deceasedBoolean"))
    sex = valid.get("gender")
    died = when(fitted.get("deceasedDateTime"), context.zone)
    person = Person(source, cast(Sex, sex) if sex in _SEXES else None, born, deceased, died)
    broken = _unread(source, "birthDate" in fitted and born is None, deceased is None)
    return person, broken


def _unread(source: str, birth: bool, death: bool) -> tuple[Unread, ...]:
    faults = []
    if birth:
        faults.append(Unread("patient", source, "its birthDate is no date", frozenset({"birthDate"})))
    if death:
        faults.append(Unread("patient", source, "whether the patient has died cannot be read", frozenset({"deceased"})))
    return tuple(faults)
