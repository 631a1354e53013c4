"""Proposals → draft FHIR R4 resources, and changes of resources that are on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from fractions import Fraction
from typing import Any

from cds_cards.guideline import Code
from cds_cards.proposals import MedicationProposal, Reduce, ServiceProposal
from service.fhir.gather import PatientBundle
from service.fhir.lowering import lowered
from service.fhir.read.drafts import draft_source
from service.fhir.read.references import source_of
from service.fhir.repair import repaired

Json = dict[str, Any]
_DECIMALS = 9


def draft_resource(proposal: MedicationProposal | ServiceProposal, patient_id: str, encounter_id: str | None) -> Json:
    """A MedicationRequest or ServiceRequest, status `draft`, intent `order`, for the patient.

    It has neither id nor date: the EHR gives them.
    """
    resource: Json = (
        _medication_request(proposal) if isinstance(proposal, MedicationProposal) else _service_request(proposal)
    )
    resource["subject"] = {"reference": f"Patient/{patient_id.removeprefix('Patient/')}"}
    if encounter_id:
        resource["encounter"] = {"reference": f"Encounter/{encounter_id.removeprefix('Encounter/')}"}
    resource["reasonCode"] = [{"text": proposal.reason}]
    return resource


def stopped_resource(bundle: PatientBundle, target: str, zone: tzinfo) -> Json:
    """The whole MedicationRequest `target` on record, with status `stopped`. Unreadable when it cannot be made R4."""
    return {**repaired(on_record(bundle, target), zone), "status": "stopped"}


def reduced_resource(bundle: PatientBundle, change: Reduce, once: float, zone: tzinfo) -> Json:
    """The whole drafted MedicationRequest, only its dose lowered, in the units in which it is written.

    `once`: what one administration of the draft brings, in the amount and basis of `change`. Unreadable when the draft
    cannot be made R4.
    """
    order = repaired(drafted(bundle, change.target), zone)
    order.setdefault("id", change.target.rpartition("/")[2])
    return lowered(order, _exact(change.per_administration) / _exact(once))


def _exact(amount: float) -> Fraction:
    """The decimal number that is meant, without the noise of binary arithmetic."""
    return Fraction(str(round(amount, _DECIMALS)))


def on_record(bundle: PatientBundle, target: str) -> Mapping[str, Any]:
    """The MedicationRequest that came under the name `target`. KeyError when none did."""
    for entry in bundle.entries.get("medications", ()):
        if isinstance(entry.resource, dict) and source_of(entry.resource, entry.full_url) == target:
            return entry.resource
    raise KeyError(target)


def drafted(bundle: PatientBundle, target: str) -> Mapping[str, Any]:
    """The drafted MedicationRequest of the name `target`, with a status. KeyError when there is none."""
    for entry in bundle.drafts:
        if isinstance(entry.resource, dict) and draft_source(entry) == target:
            return entry.resource if entry.resource.get("status") else {**entry.resource, "status": "draft"}
    raise KeyError(target)


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
