"""Builders of FHIR resources as an EHR sends them, and of the record that is read from them."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from cds_cards.coding import LOINC, RXNORM, SNOMED
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Key, PatientRecord, SetAside, Unread
from service.fhir.gather import gather
from service.fhir.read import read_record
from service.wire import PrefetchAnswer

CANONICAL = "https://mda5-cds.example.org"
UCUM = "http://unitsofmeasure.org"
KEYS: dict[str, Key] = {
    "Observation": "observations",
    "MedicationRequest": "medications",
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Procedure": "procedures",
    "ServiceRequest": "referrals",
    "MedicationAdministration": "administrations",
}
Json = dict[str, Any]
FactT = TypeVar("FactT")
ME = {"reference": "Patient/p1"}
PATIENT: Json = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-05-05"}
FERRITIN, CRP, MDA5 = "2276-4", "1988-5", "82424-3"
PREDNISONE, TACROLIMUS, CYCLOPHOSPHAMIDE, MMF = "8640", "42316", "3002", "68149"


@cache
def guideline() -> Guideline:
    return load_guideline()


def concept(code: str | None, system: str = LOINC, **more: Any) -> Json:
    """A CodeableConcept of one coding; `display` is the coding's, all else the concept's."""
    shown = {"display": more.pop("display")} if "display" in more else {}
    return {"coding": [{"system": system, "code": code, **shown}], **more} if code else more


def quantity(value: Any, unit: str | None = None, **more: Any) -> Json:
    coded = {"unit": unit, "system": UCUM, "code": unit} if unit else {}
    return {"value": value, **coded, **more}


def without_none(resource: Json) -> Json:
    return {name: value for name, value in resource.items() if value is not ...}


def obs(code: Any = FERRITIN, /, **more: Any) -> Json:
    """A final Observation of 1 March 2026; `...` takes a default away."""
    resource: Json = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept(code) if isinstance(code, str) else code,
        "subject": ME,
        "effectiveDateTime": "2026-03-01T10:00:00Z",
    }
    return without_none({**resource, **more})


def order(drug: Any = TACROLIMUS, /, **more: Any) -> Json:
    """An active MedicationRequest, written on 1 February 2026."""
    resource: Json = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept(drug, RXNORM) if isinstance(drug, str) else drug,
        "subject": ME,
        "authoredOn": "2026-02-01",
    }
    return without_none({**resource, **more})


def given(drug: str = CYCLOPHOSPHAMIDE, /, **more: Any) -> Json:
    resource: Json = {
        "resourceType": "MedicationAdministration",
        "id": "a1",
        "status": "completed",
        "medicationCodeableConcept": concept(drug, RXNORM),
        "subject": ME,
        "effectiveDateTime": "2026-02-10T09:00:00Z",
    }
    return without_none({**resource, **more})


def condition(code: Any = "233703007", /, **more: Any) -> Json:
    """An active, confirmed interstitial lung disease."""
    resource: Json = {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": concept(code, SNOMED) if isinstance(code, str) else code,
        "subject": ME,
        "onsetDateTime": "2026-02-01",
        "recordedDate": "2026-02-10",
    }
    return without_none({**resource, **more})


def allergy(code: Any = TACROLIMUS, /, **more: Any) -> Json:
    resource: Json = {
        "resourceType": "AllergyIntolerance",
        "id": "y1",
        "code": concept(code, RXNORM) if isinstance(code, str) else code,
        "patient": ME,
    }
    return without_none({**resource, **more})


def procedure(code: Any = "233573008", /, **more: Any) -> Json:
    """A completed ECMO."""
    resource: Json = {
        "resourceType": "Procedure",
        "id": "r1",
        "status": "completed",
        "code": concept(code, SNOMED) if isinstance(code, str) else code,
        "subject": ME,
        "performedDateTime": "2026-02-20",
    }
    return without_none({**resource, **more})


def service(code: Any = "306316000", /, **more: Any) -> Json:
    """An active referral to a transplant surgeon."""
    resource: Json = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "active",
        "intent": "order",
        "code": concept(code, SNOMED) if isinstance(code, str) else code,
        "subject": ME,
        "authoredOn": "2026-02-20",
    }
    return without_none({**resource, **more})


def bundle(*resources: Any, **more: Any) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources], **more}


def prefetch(*resources: Any, patient: Any = PATIENT, **keys: Any) -> dict[str, PrefetchAnswer]:
    """Every key answered: the resources under theirs, nothing under the others; `keys` replace whole answers."""
    sorted_out: dict[str, list[Json]] = {}
    for resource in resources:
        sorted_out.setdefault(KEYS[resource["resourceType"]], []).append(resource)
    answers: dict[str, PrefetchAnswer] = {key: PrefetchAnswer("empty") for key in KEYS.values()}
    answers |= {key: PrefetchAnswer("given", bundle(*each)) for key, each in sorted_out.items()}
    answers["patient"] = PrefetchAnswer("given", patient)
    for key, value in keys.items():
        answers[key] = value if isinstance(value, PrefetchAnswer) else PrefetchAnswer("given", value)
    return answers


def read(*resources: Any, site: Guideline | None = None, patient: Any = PATIENT, **keys: Any) -> PatientRecord:
    return read_record(gather(prefetch(*resources, patient=patient, **keys)), "p1", site or guideline(), CANONICAL)


def one(facts: tuple[FactT, ...]) -> FactT:
    (fact,) = facts
    return fact


def unread(*resources: Any, **keys: Any) -> Unread:
    """The one thing that could not be read."""
    return one(read(*resources, **keys).unread)


def aside(*resources: Any, **keys: Any) -> SetAside:
    """The one thing that was set aside, when nothing is unread."""
    record = read(*resources, **keys)
    assert record.unread == ()
    return one(record.set_aside)
