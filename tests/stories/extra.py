"""Single resources to add to a story's request."""

from __future__ import annotations

import copy
from typing import Any

from fixtures.building import KEYS
from tests.stories.answers import Json

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"


def code(system: str, code: str, display: str) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def ferritin(**changes: Any) -> Json:
    """A ferritin of this morning, 9,000 ng/mL; a member changed to None is left out."""
    value = {"value": 9000, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"}
    result = {
        "resourceType": "Observation",
        "status": "final",
        "code": code(LOINC, "2276-4", "Ferritin"),
        "effectiveDateTime": "2026-03-01T07:00:00Z",
        "valueQuantity": value,
    }
    return {name: member for name, member in (result | changes).items() if member is not None}


def order(code: Json | None, **changes: Any) -> Json:
    """An active order of two days ago."""
    written = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-02-27T09:00:00Z",
        "medicationCodeableConcept": code,
    }
    return {name: member for name, member in (written | changes).items() if member is not None}


def condition(code: Json | None, **changes: Any) -> Json:
    """A Condition that began two days ago."""
    recorded = {"resourceType": "Condition", "code": code, "onsetDateTime": "2026-02-27"}
    return {name: member for name, member in (recorded | changes).items() if member is not None}


RPILD = {"text": "Rapidly progressive interstitial lung disease"}
MDA5_AB = code(LOINC, "82424-3", "MDA5 Ab")
TACROLIMUS = code(RXNORM, "42316", "tacrolimus")


def with_added(request: Json, added: list[Json]) -> Json:
    """The request with more resources of the same patient."""
    changed = copy.deepcopy(request)
    prefetch, key_of = changed["prefetch"], {resource: key for key, resource in KEYS.items()}
    for number, resource in enumerate(added):
        member = "patient" if resource["resourceType"] == "AllergyIntolerance" else "subject"
        whole = {
            "id": f"added-{number}",
            member: {"reference": f"Patient/{request['context']['patientId']}"},
        } | resource
        key = key_of[resource["resourceType"]]
        prefetch[key] = prefetch[key] or {"resourceType": "Bundle", "type": "searchset", "entry": []}
        prefetch[key]["entry"].append({"resource": whole})
        prefetch[key]["total"] = len(prefetch[key]["entry"])
    return changed
