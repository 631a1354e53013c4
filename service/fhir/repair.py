"""A resource as an EHR sent it → the same resource, valid R4: its harmless deviations put right, the rest as it was.

Reading looks at what decides and no more; here everything stays that can, for the EHR stores what it gets back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from service.fhir.read.dates import with_zone
from service.fhir.read.models import Fault, faults, is_fhir_type
from service.fhir.read.r4 import as_r4, of_one_medication, without_empty
from service.fhir.read.remembered import Answers, digest
from service.fhir.read.unreadable import Unreadable

Json = dict[str, Any]
_DECIDING = frozenset({"status", "intent", "subject", "medicationCodeableConcept", "medicationReference"})
"""What an order must not lose, or it would be another order."""
_ROUNDS = 40
"""Each round mends the faults of one depth, or takes them out; FHIR resources are not deeper."""
_BOOLEANS = {"true": True, "false": False}
_faultless: Final[Answers[bytes, bool]] = Answers()
"""Digests of valid orders: the same one comes with every change in a dialogue, and is not validated again."""


def repaired(resource: Mapping[str, Any], zone: tzinfo) -> Json:
    """The whole MedicationRequest, valid R4. Unreadable when what decides in it is at fault.

    Put right: another shape of list and object, null and empty members, R5's and older places, dates without a zone.
    A vendor's member, or one that stays faulty, is left out; ids are the EHR's and stay as they are.
    """
    # nothing in it is the EHR's own object: without_empty builds all of it anew
    content = of_one_medication(as_r4(without_empty(resource)))
    own_id = content.pop("id", None)
    content["contained"] = [each for each in _listed(content.get("contained")) if _is_resource(each)]
    if not content["contained"]:
        del content["contained"]
    for _ in range(_ROUNDS):
        found = [fault for fault in _faults(content) if not _is_an_id(fault)]
        if not found:
            return {"resourceType": "MedicationRequest", **({"id": str(own_id)} if own_id else {}), **content}
        for fault in found:
            _mend(content, fault, zone)
        content = without_empty(content)
    raise Unreadable("it is not valid FHIR")


def _faults(content: Json) -> tuple[Fault, ...]:
    key = digest(content)
    if key in _faultless:
        return ()
    found = faults("MedicationRequest", content)
    if key is not None and not found:
        _faultless.keep(key, True)
    return found


def _is_an_id(fault: Fault) -> bool:
    """Longer ids, and ids with `_`: the EHR finds its resource by them."""
    return bool(fault.path) and fault.path[-1] == "id" and fault.kind.startswith("string_")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_resource(value: Any) -> bool:
    return isinstance(value, dict) and is_fhir_type(value.get("resourceType"))


def _mend(content: Json, fault: Fault, zone: tzinfo) -> None:
    """Puts the faulty member right, or takes it out."""
    *way, name = fault.path or [None]
    holder = _at(content, way)
    if holder is None:
        return  # an earlier fault of this round took it out
    value = _member(holder, name)
    better = None if value is None else _better(value, fault, zone)
    if better is not None:
        holder[name] = better
    elif value is not None:
        _take_out(content, fault.path)
    else:
        _take_out(content, fault.path[:-1])  # a member that must be there is missing


def _better(value: Any, fault: Fault, zone: tzinfo) -> Any:
    """The value in the right shape; None when there is none."""
    if fault.kind == "list_type":
        return None if isinstance(value, list) else [value]
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, str):
        better = _BOOLEANS.get(value.strip()) if fault.kind.startswith("bool") else with_zone(value.strip(), zone)
        return better if better != value else None
    if isinstance(value, int | float) and not isinstance(value, bool) and fault.kind == "string_type":
        return str(value)
    return None


def _take_out(content: Json, path: Sequence[str | int]) -> None:
    if not path or (len(path) == 1 and path[0] in _DECIDING):
        raise Unreadable(f"{path[0] if path else 'it'} is not valid FHIR")
    holder = _at(content, path[:-1])
    if isinstance(holder, dict):
        holder.pop(str(path[-1]), None)
    elif isinstance(holder, list) and isinstance(path[-1], int) and path[-1] < len(holder):
        holder[path[-1]] = None  # taken out when all faults of this round are seen: the others keep their places


def _at(content: Any, path: Sequence[str | int | None]) -> Any:
    for name in path:
        content = _member(content, name)
    return content


def _member(holder: Any, name: str | int | None) -> Any:
    if isinstance(holder, dict):
        return holder.get(name)
    return holder[name] if isinstance(holder, list) and isinstance(name, int) and name < len(holder) else None
