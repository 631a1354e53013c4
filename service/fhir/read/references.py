"""References, normalised to `Type/id`: whose resource it is, and which Medication an order names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.fhir.gather import Entry
from service.fhir.read.codes import members
from service.fhir.read.shapes import Raw

_TYPE_AND_ID = re.compile(r"(?:^|.*/)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#|\s]+)(?:/_history/[^/\s]+)?/?")
_URN = re.compile(r"urn:(?:uuid|oid):(?P<id>\S+)", re.IGNORECASE)

_REFERRED_TO = ("Patient", "Medication")
"""What a reference is resolved to."""


def normalised(reference: str) -> str | None:
    """`https://ehr/fhir/Patient/1/_history/2` → `Patient/1`; None when it is no such reference."""
    match = _TYPE_AND_ID.fullmatch(reference.strip())
    return f"{match['type']}/{match['id']}" if match else None


def source_of(resource: Raw, full_url: str | None) -> str:
    """How a sentence or `ignored` names the resource: `Type/id`, else its fullUrl."""
    kind, own_id = resource.get("resourceType"), resource.get("id")
    if own_id.strip() if isinstance(own_id, str) else isinstance(own_id, int) and not isinstance(own_id, bool):
        return f"{kind}/{own_id}"
    return full_url or f"{kind} without an id"


@dataclass(frozen=True, slots=True)
class References:
    """What the references within one call can be resolved to.

    `patient` is `Patient/id`; `patient_urls` its fullUrls and this name itself, `other_urls` the fullUrls of other
    Patients; `medications` by `Type/id` and by fullUrl.
    """

    patient: str
    patient_urls: frozenset[str] = frozenset()
    other_urls: Mapping[str, str] = field(default_factory=dict)
    medications: Mapping[str, Raw] = field(default_factory=dict)

    def subject(self, resource: Raw, element: str) -> str | None:
        """Whose resource this is, as `Type/id`; None when that cannot be read."""
        holder = resource.get(element)
        if not isinstance(holder, dict):
            held = members(holder)
            holder = held[0] if len(held) == 1 else {}
        stated = holder.get("reference")
        if not isinstance(stated, str):
            return None
        stated = stated.strip()
        if stated in self.patient_urls:
            return self.patient
        if stated in self.other_urls:
            return self.other_urls[stated]
        if stated.startswith("#"):
            return self.patient if self._is_contained_patient(resource, stated[1:]) else None
        urn = _URN.fullmatch(stated)
        if urn is not None:
            return self.patient if f"Patient/{urn['id']}" == self.patient else None
        return normalised(stated)

    def medication(self, resource: Raw, reference: Raw) -> Raw | None:
        """The Medication that a reference means: contained, or an entry by `Type/id`, fullUrl or absolute URL."""
        stated = reference.get("reference")
        if not isinstance(stated, str):
            return None
        stated = stated.strip()
        if stated.startswith("#"):
            return next((held for held in members(resource.get("contained")) if held.get("id") == stated[1:]), None)
        found = self.medications.get(stated)
        if found is None and (relative := normalised(stated)) is not None:
            found = self.medications.get(relative)
        return found

    def _is_contained_patient(self, resource: Raw, contained_id: str) -> bool:
        """A contained Patient is this one only when it carries its id."""
        held = [each for each in members(resource.get("contained")) if each.get("id") == contained_id]
        return len(held) == 1 and held[0].get("resourceType") == "Patient" and f"Patient/{contained_id}" == self.patient


def references(patient_id: str, entries: Iterable[Entry]) -> References:
    """The index over everything that came with a call, the Patient's own entry included."""
    patient = f"Patient/{patient_id}"
    ours: set[str] = set()
    others: dict[str, str] = {}
    medications: dict[str, Raw] = {}
    for entry in entries:
        resource = entry.resource
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind not in _REFERRED_TO or not isinstance(resource, dict):
            continue
        own = source_of(resource, entry.full_url)
        if kind == "Medication":
            medications[own] = resource
            if entry.full_url:
                medications[entry.full_url] = resource
        elif entry.full_url:
            if own == patient:
                ours.add(entry.full_url)
            else:
                others[entry.full_url] = own
    others = {url: name for url, name in others.items() if url not in ours}
    if patient not in others and normalised(patient) == patient:
        ours.add(patient)  # as nearly all references say it: no need to take it apart each time
    return References(patient, frozenset(ours), others, medications)
