"""What an EHR adds to the facts of a chart: narrative, versions, identifiers, performers, codes of its own."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from fixtures.vocabulary import coding

Json = dict[str, Any]

_PROFILES = "http://hl7.org/fhir/us/core/StructureDefinition/us-core"
_PROFILE = {
    "Condition": f"{_PROFILES}-condition-problems-health-concerns",
    "MedicationRequest": f"{_PROFILES}-medicationrequest",
    "Observation": f"{_PROFILES}-observation-clinical-result",
    "Patient": f"{_PROFILES}-patient",
}
_WARDS = ("Rheumatology", "Pneumology", "Intensive care", "Internal medicine")
_LABORATORIES = ("Central laboratory", "Emergency laboratory", "Blood gas analyser, ward 4")


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """Of one patient's EHR; `chance` decides what differs from resource to resource."""

    patient: str
    chance: Random

    def add_to(self, resource: Json) -> None:
        """Dresses one resource as an EHR sends it; what it says stays the same."""
        kind = resource["resourceType"]
        if kind in _PROFILE:
            resource["meta"]["profile"] = [_PROFILE[kind]]
        resource["identifier"] = [self._identifier(kind.lower())]
        if kind == "Patient":
            resource |= self._of_the_person()
        else:
            resource["subject" if kind != "AllergyIntolerance" else "patient"] |= {"display": "Story"}
        if kind in _ADDED:
            resource |= _ADDED[kind](self, resource)
        resource["text"] = {"status": "generated", "div": _narrative(resource)}

    def _number(self, digits: int) -> str:
        return str(self.chance.randrange(10 ** (digits - 1), 10**digits))

    def _identifier(self, kind: str) -> Json:
        return {
            "use": "official",
            "system": f"urn:oid:1.2.840.114350.1.13.0.1.7.2.{self._number(6)}.{kind}",
            "value": self._number(9),
        }

    def _who(self, kind: str, name: str) -> Json:
        return {"reference": f"{kind}/e{self._number(8)}", "display": name}

    def _encounter(self) -> Json:
        return {"reference": f"Encounter/{self.patient}-encounter", "display": "Inpatient stay"}

    def _of_the_person(self) -> Json:
        return {
            "extension": [{"url": f"{_PROFILES}-sex", "valueCode": "248152002"}],
            "telecom": [{"system": "phone", "value": f"555-01{self._number(2)}", "use": "home"}],
            "address": [{"use": "home", "city": "Example City", "postalCode": self._number(5), "country": "XX"}],
            "communication": [{"language": {"coding": [coding("urn:ietf:bcp:47", "en", "English")]}}],
            "generalPractitioner": [self._who("Practitioner", "Family practice")],
            "managingOrganization": self._who("Organization", "Example Hospital"),
        }

    def _one_in(self, many: int) -> bool:
        return self.chance.randrange(many) == 0

    def _of_a_result(self, resource: Json) -> Json:
        """A local code beside LOINC, who ordered and who measured, and the specimen; not the same of all results."""
        text = resource["code"].get("text", "")
        local = coding(f"urn:oid:1.2.840.114350.1.13.0.1.7.2.{768282}", str(sum(map(ord, text)) + 1230000), text)
        resource["code"]["coding"].append(local)
        if self._one_in(5):
            del local["display"]
        for limits in resource.get("referenceRange", ()) if not self._one_in(6) else ():
            limits |= _of_the_limits(limits)
        if _flag(resource) == "N" and self._one_in(3):
            del resource["interpretation"]
        if self._one_in(8):
            resource["note"] = [{"text": f"Checked by hand, {self._number(4)}"}]
        if self._one_in(10):
            resource["method"] = {"text": "Automated"}
        laboratory = self.chance.choice(_LABORATORIES)
        return {
            "basedOn": [self._who("ServiceRequest", f"{text}, ordered by {self.chance.choice(_WARDS)}")],
            "encounter": self._encounter(),
            "performer": [self._who("Organization", laboratory), self._who("Practitioner", "Laboratory physician")],
            "specimen": self._who("Specimen", "Blood specimen"),
        }

    def _of_an_order(self, resource: Json) -> Json:
        ward = self.chance.choice(_WARDS)
        return {
            "reportedBoolean": False,
            "encounter": self._encounter(),
            "requester": self._who("Practitioner", ward),
            "recorder": self._who("Practitioner", ward),
            "dispenseRequest": {"numberOfRepeatsAllowed": 0},
            "substitution": {"allowedBoolean": True},
        }

    def _of_a_condition(self, _: Json) -> Json:
        return {
            "encounter": self._encounter(),
            "recorder": self._who("Practitioner", self.chance.choice(_WARDS)),
            "asserter": self._who("Practitioner", self.chance.choice(_WARDS)),
        }


_ADDED = {
    "Observation": Bookkeeping._of_a_result,
    "MedicationRequest": Bookkeeping._of_an_order,
    "Condition": Bookkeeping._of_a_condition,
}


def _flag(result: Json) -> str:
    """The code of the result's interpretation; "" without one."""
    flags = result.get("interpretation", ())
    return str(flags[0]["coding"][0]["code"]) if flags else ""


def _of_the_limits(limits: Json) -> Json:
    ends = [f"{limits[side]['value']}" for side in ("low", "high") if side in limits]
    return {"text": f"{' - '.join(ends)} {limits['high' if 'high' in limits else 'low']['unit']}"}


def _narrative(resource: Json) -> str:
    """The resource as a table of words, as EHRs generate it."""
    rows = "".join(f"<tr><td><b>{name}</b></td><td>{value}</td></tr>" for name, value in _rows(resource))
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>Generated</p><table>{rows}</table></div>'


def _rows(resource: Json) -> list[tuple[str, str]]:
    rows = []
    for name in ("code", "medicationCodeableConcept"):
        if name in resource:
            rows.append(("What", resource[name].get("text", "").replace("<", "&lt;")))
    if "valueQuantity" in resource:
        rows.append(("Value", f"{resource['valueQuantity']['value']} {resource['valueQuantity']['unit']}"))
    names = ("status", "birthDate", "gender", "effectiveDateTime", "issued", "authoredOn", "onsetDateTime")
    rows += [(name, resource[name]) for name in names if name in resource]
    rows += [("Instruction", each["text"]) for each in resource.get("dosageInstruction", ()) if "text" in each]
    return rows
