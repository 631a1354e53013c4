"""Proposals → draft FHIR R4 resources, and changes of resources that are on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_cards.guideline import Code
from cds_cards.proposals import MedicationProposal, ServiceProposal
from service.fhir.gather import PatientBundle
from service.fhir.read.models import validated
from service.fhir.read.references import source_of

Json = dict[str, Any]
_EMPTY: tuple[object, ...] = (None, "", {}, [])
_LISTS = frozenset(
    {"category", "dosageInstruction", "identifier", "insurance", "note", "reasonCode", "reasonReference", "basedOn"}
)
"""Elements of MedicationRequest that are lists, and that older messages send as one object."""
_DECIDING = frozenset(
    {"id", "status", "intent", "subject", "medicationCodeableConcept", "medicationReference", "dosageInstruction"}
)


def draft_resource(proposal: MedicationProposal | ServiceProposal, patient_id: str, encounter_id: str | None) -> Json:
    """A MedicationRequest or ServiceRequest, status `draft`, intent `order`, for the patient; no id, no date: the EHR gives them."""
    resource: Json = (
        _medication_request(proposal) if isinstance(proposal, MedicationProposal) else _service_request(proposal)
    )
    resource["subject"] = {"reference": f"Patient/{patient_id}"}
    if encounter_id:
        resource["encounter"] = {"reference": f"Encounter/{encounter_id.removeprefix('Encounter/')}"}
    resource["reasonCode"] = [{"text": proposal.reason}]
    return resource


def stopped_resource(bundle: PatientBundle, target: str) -> Json:
    """The whole MedicationRequest `target` as it was sent, put right where it was no valid R4, with status `stopped`."""
    return {**valid_order(on_record(bundle, target)), "status": "stopped"}


def on_record(bundle: PatientBundle, target: str) -> Mapping[str, Any]:
    """The MedicationRequest that came under the name `target`. KeyError when none did."""
    for entry in bundle.entries.get("medications", ()):
        if isinstance(entry.resource, dict) and source_of(entry.resource, entry.full_url) == target:
            return entry.resource
    raise KeyError(target)


def valid_order(resource: Mapping[str, Any]) -> Json:
    """A MedicationRequest with everything it says, made valid R4: an EHR's harmless deviations put right, as when reading.

    A side element that is still faulty is left out. Raises Unreadable when what decides is at fault.
    """
    content: Json = {
        name: [value] if name in _LISTS and isinstance(value, dict) else value
        for name, value in without_empty(resource).items()
    }
    content.pop("resourceType", None)
    valid = validated("MedicationRequest", content, frozenset(content.keys() - _DECIDING))
    return {"resourceType": "MedicationRequest", **valid}


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


def _medication_request(proposal: MedicationProposal) -> Json:
    dosage: Json = {"text": proposal.dose_text}
    if proposal.route:
        dosage["route"] = {"text": proposal.route}
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": _concept(proposal.codes, proposal.name),
        "dosageInstruction": [dosage],
    }


def _service_request(proposal: ServiceProposal) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": _concept(proposal.codes, proposal.text),
    }


def _concept(codes: Sequence[Code], text: str) -> Json:
    codings = [{"system": code.system, "code": code.code, "display": code.display} for code in codes]
    return {"coding": codings, "text": text} if codings else {"text": text}
