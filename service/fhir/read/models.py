"""The gate: each resource on its own against its FHIR R4 model, before it counts. The only user of `fhir.resources`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

from service.fhir.read.fitting import Fitted
from service.fhir.read.remembered import Answers
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


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a resource is no valid R4: the way to the member, and the kind of fault by the model's own name."""

    path: tuple[str | int, ...]
    kind: str


_verdicts: Answers[tuple[str, str], tuple[Fault, ...]] = Answers()
"""By resource type and form: FHIR's names of elements, and nothing of what they hold."""
_LONGEST_FORM = 1_000


def validated(resource_type: str, fitted: Fitted, side: frozenset[str] = frozenset()) -> dict[str, object]:
    """The fitted resource, valid FHIR R4. Faulty elements of `side` are left out; any other fault is Unreadable."""
    content = fitted.content
    found = verdict(resource_type, fitted)
    for _ in range(len(side) + 1):
        if not found:
            return content
        places = frozenset(str(fault.path[0]) for fault in found if fault.path)
        if not places or not places <= side:
            named = ", ".join(sorted(places - side))
            raise Unreadable(f"{named} is not valid FHIR" if named else "it is not valid FHIR")
        content = {name: value for name, value in content.items() if name not in places}
        found = faults(resource_type, content)
    raise Unreadable("it is not valid FHIR")


def verdict(resource_type: str, fitted: Fitted) -> tuple[Fault, ...]:
    """What is wrong with the resource; asked of the model once for all resources of one form."""
    if fitted.form is None or len(fitted.form) > _LONGEST_FORM:
        return faults(resource_type, fitted.content)
    known = _verdicts.get((resource_type, fitted.form))
    if known is not None:
        return known
    return _verdicts.keep((resource_type, fitted.form), faults(resource_type, fitted.content))


def faults(resource_type: str, content: Mapping[str, object]) -> tuple[Fault, ...]:
    """What is wrong with the resource by its R4 model; a fault without a path concerns all of it."""
    try:
        _MODELS[resource_type].model_validate(dict(content))
    except ValidationError as error:
        # only the places are kept: the messages quote patient data
        return tuple(Fault(fault["loc"], fault["type"]) for fault in error.errors(include_input=False))
    except (KeyError, ValueError, TypeError, RecursionError, ArithmeticError, AttributeError):
        return (Fault((), "unknown"),)
    return ()
