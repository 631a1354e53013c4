"""The gate: each resource on its own against its FHIR R4 model, before it counts. The only user of `fhir.resources`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir.resources.R4B import fhirtypes
from fhir.resources.R4B.allergyintolerance import AllergyIntolerance
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.medication import Medication
from fhir.resources.R4B.medicationadministration import MedicationAdministration
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.procedure import Procedure
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError

from service.fhir.read.unreadable import Unreadable

_MODELS: dict[str, Any] = {
    "AllergyIntolerance": AllergyIntolerance,
    "Condition": Condition,
    "Medication": Medication,
    "MedicationAdministration": MedicationAdministration,
    "MedicationRequest": MedicationRequest,
    "Observation": Observation,
    "Patient": Patient,
    "Procedure": Procedure,
    "ServiceRequest": ServiceRequest,
}


def is_fhir_type(name: object) -> bool:
    """Whether FHIR has a type of this name."""
    return isinstance(name, str) and name.isalpha() and hasattr(fhirtypes, f"{name}Type")


def validated(
    resource_type: str, fitted: Mapping[str, object], side: frozenset[str] = frozenset()
) -> dict[str, object]:
    """The fitted resource, valid FHIR R4. Faulty elements of `side` are left out; any other fault is Unreadable."""
    content = dict(fitted)
    for _ in range(len(side) + 1):
        faults = _faults(resource_type, content)
        if faults is None:
            return content
        if not faults or not faults <= side:
            named = ", ".join(sorted(faults - side))
            raise Unreadable(f"{named} is not valid FHIR" if named else "it is not valid FHIR")
        content = {name: value for name, value in content.items() if name not in faults}
    raise Unreadable("it is not valid FHIR")


def _faults(resource_type: str, content: Mapping[str, object]) -> frozenset[str] | None:
    """The top-level elements that are at fault (none: the resource as a whole); None when it is valid."""
    try:
        _MODELS[resource_type].model_validate(dict(content))
    except ValidationError as error:
        # only the places are kept: the messages quote patient data
        return frozenset(str(fault["loc"][0]) for fault in error.errors(include_input=False) if fault["loc"])
    except (KeyError, ValueError, TypeError, RecursionError, ArithmeticError, AttributeError):
        return frozenset()
    return None
