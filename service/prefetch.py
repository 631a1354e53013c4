"""The prefetch keys, and the templates that ask an EHR for them: derived from the knowledge, nothing typed twice.

Templates keep to the specification's "prefetch query restrictions": read, search by reference, token equality,
`_sort`, `_count`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from cds_cards.coding import LOINC
from cds_cards.guideline import Guideline

PATIENT_KEY = "patient"
OBSERVATIONS_KEY = "observations"
REQUIRED_KEYS = (PATIENT_KEY, OBSERVATIONS_KEY, "medications", "conditions")
SEARCHED: Mapping[str, str] = {
    OBSERVATIONS_KEY: "Observation",
    "medications": "MedicationRequest",
    "conditions": "Condition",
    "allergies": "AllergyIntolerance",
    "procedures": "Procedure",
    "referrals": "ServiceRequest",
    "administrations": "MedicationAdministration",
}
"""What each search key returns."""
KEYS = (PATIENT_KEY, *SEARCHED)

# the clinician's own judgements are Observations too; their codes are ours
CRITERION_CODES = ("respiratory-symptoms", "imaging", "clinician-impression")
OBSERVATIONS_PER_PAGE = 500

PATIENT_ID = "{{context.patientId}}"


def prefetch_templates(guideline: Guideline) -> dict[str, str]:
    """One FHIR query per key, newest Observations first."""
    templates = {PATIENT_KEY: f"Patient/{PATIENT_ID}"}
    templates |= {key: f"{resource}?patient={PATIENT_ID}" for key, resource in SEARCHED.items()}
    codes = ",".join(dict.fromkeys(map(_token, _observation_codes(guideline))))
    templates[OBSERVATIONS_KEY] += f"&code={codes}&_sort=-date&_count={OBSERVATIONS_PER_PAGE}"
    return templates


def _observation_codes(guideline: Guideline) -> Iterator[str]:
    for concept in guideline.observations.values():
        yield from (code.code for code in concept.codes if code.system == LOINC)
    yield from CRITERION_CODES
    for local in guideline.policy.local_codes.values():
        yield from (code.code for code in local)


def _token(code: str) -> str:
    """A bare code as a search token: FHIR's own escapes first, then those of a URL."""
    for special in ("\\", ",", "$", "|"):
        code = code.replace(special, "\\" + special)
    return quote(code, safe="")
