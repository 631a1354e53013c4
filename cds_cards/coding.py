"""Codings and the systems they stand in."""

from __future__ import annotations

from dataclasses import dataclass

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
JLAC10 = "urn:oid:1.2.392.200119.4.1005"


@dataclass(frozen=True, slots=True)
class Code:
    """A coding: full system URI, code, display as published. `variant` qualifies the concept (arterial, trough…)."""

    system: str
    code: str
    display: str
    variant: str = ""
