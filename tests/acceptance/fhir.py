"""Plain FHIR as an EHR sends it, typed by hand for the acceptance tests, and the call that carries it.

Nothing here is taken from the project's own code: what the tests send and read is the contract's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient

Json = dict[str, Any]

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM, ATC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://www.whocc.no/atc"
UCUM = "http://unitsofmeasure.org"
CANONICAL = "https://mda5-cds.example.org"
SERVICE = "/cds-services/mda5-rpild-"
ME = {"reference": "Patient/p1"}
KEYS = {
    "Observation": "observations",
    "MedicationRequest": "medications",
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Procedure": "procedures",
    "ServiceRequest": "referrals",
    "MedicationAdministration": "administrations",
}
FERRITIN, CRP, MDA5 = "2276-4", "1988-5", "82424-3"
PAO2, PACO2, FIO2, PF, SPO2, GRADIENT = "2703-7", "2019-8", "3150-0", "50984-4", "59408-5", "19991-9"
PREDNISONE, METHYLPREDNISOLONE, TACROLIMUS, CYCLOSPORINE = "8640", "6902", "42316", "3008"
CYCLOPHOSPHAMIDE, MYCOPHENOLATE, RITUXIMAB, TOFACITINIB, IVIG = "3002", "68149", "121191", "1357536", "42386"
ILD, DM = "233703007", "396230008"
RPILD_TEXT = "Rapidly progressive interstitial lung disease"
_numbers = itertools.count(1)


def ago(days: float = 0, hours: float = 0, minutes: float = 0) -> str:
    """The instant so long before NOW, as FHIR writes it."""
    return (NOW - timedelta(days=days, hours=hours, minutes=minutes)).isoformat().replace("+00:00", "Z")


def day(days: int) -> str:
    """The calendar day so many days before NOW."""
    return (NOW - timedelta(days=days)).date().isoformat()


def coded(code: str, system: str = LOINC, **more: Any) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}], **more}


def quantity(value: Any, unit: str | None = None, **more: Any) -> Json:
    """A Quantity; the unit is UCUM unless `more` says otherwise."""
    return {"value": value, **({"unit": unit, "system": UCUM, "code": unit} if unit else {}), **more}


def _resource(kind: str, resource: Json, more: Json) -> Json:
    named = {"resourceType": kind, "id": f"{kind[:3].lower()}{next(_numbers)}", **resource, **more}
    return {name: value for name, value in named.items() if value is not ...}


def patient(**more: Any) -> Json:
    """A living woman of 55; `...` takes an element away."""
    return _resource("Patient", {"id": "p1", "gender": "female", "birthDate": "1970-05-04"}, more)


def obs(code: Any, value: Any = ..., unit: str | None = None, /, **more: Any) -> Json:
    """A final Observation of yesterday; a number becomes a Quantity, a text a valueString."""
    if isinstance(value, str):
        told: Json = {"valueString": value}
    else:
        told = {} if value is ... else {"valueQuantity": quantity(value, unit)}
    what = coded(code) if isinstance(code, str) else code
    base = {"status": "final", "code": what, "subject": ME, "effectiveDateTime": ago(1)}
    return _resource("Observation", {**base, **told}, more)


def order(drug: Any, /, **more: Any) -> Json:
    """An active MedicationRequest written ten days ago; a text is an RxNorm code."""
    what = coded(drug, RXNORM) if isinstance(drug, str) else drug
    base = {"status": "active", "intent": "order", "medicationCodeableConcept": what, "subject": ME}
    return _resource("MedicationRequest", {**base, "authoredOn": day(10)}, more)


def condition(what: Any, /, **more: Any) -> Json:
    """An active, confirmed Condition recorded 20 days ago; digits are a SNOMED CT code, other texts words."""
    if isinstance(what, str):
        what = coded(what, SNOMED) if what.isdigit() else {"text": what}
    base = {"clinicalStatus": coded("active", "http://terminology.hl7.org/CodeSystem/condition-clinical")}
    base |= {"verificationStatus": coded("confirmed", "http://terminology.hl7.org/CodeSystem/condition-ver-status")}
    return _resource("Condition", {**base, "code": what, "subject": ME, "recordedDate": day(20)}, more)


def procedure(what: Any, /, **more: Any) -> Json:
    """A completed Procedure of yesterday."""
    if isinstance(what, str):
        what = coded(what, SNOMED) if what.isdigit() else {"text": what}
    base = {"status": "completed", "code": what, "subject": ME, "performedDateTime": ago(1)}
    return _resource("Procedure", base, more)


def service(what: Any, /, **more: Any) -> Json:
    """An active ServiceRequest of yesterday."""
    if isinstance(what, str):
        what = coded(what, SNOMED) if what.isdigit() else {"text": what}
    base = {"status": "active", "intent": "order", "code": what, "subject": ME, "authoredOn": ago(1)}
    return _resource("ServiceRequest", base, more)


def allergy(drug: Any, /, **more: Any) -> Json:
    """An AllergyIntolerance; a text is an RxNorm code."""
    what = coded(drug, RXNORM) if isinstance(drug, str) else drug
    return _resource("AllergyIntolerance", {"code": what, "patient": ME}, more)


def given(drug: Any, /, **more: Any) -> Json:
    """A completed MedicationAdministration of yesterday."""
    what = coded(drug, RXNORM) if isinstance(drug, str) else drug
    base = {"status": "completed", "medicationCodeableConcept": what, "subject": ME, "effectiveDateTime": ago(1)}
    return _resource("MedicationAdministration", base, more)


def positive(**more: Any) -> Json:
    """A positive anti-MDA5 test."""
    return obs(MDA5, **{"valueCodeableConcept": coded("10828004", SNOMED), "effectiveDateTime": ago(15), **more})


def rpild(**more: Any) -> Json:
    """RPILD, recorded in words."""
    return condition(RPILD_TEXT, **more)


def bundle(*resources: Any, **more: Any) -> Json:
    """A searchset of the resources."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources], **more}


def call(
    *resources: Json, who: Any = None, hook: str = "patient-view", context: Json | None = None, **keys: Any
) -> Json:
    """A hook call: the resources under their keys, every other key `null`; `keys` replace, `...` takes a key away."""
    prefetch: Json = {"patient": patient() if who is None else who}
    for kind, key in KEYS.items():
        found = [each for each in resources if each["resourceType"] == kind]
        prefetch[key] = bundle(*found) if found else None
    return {
        "hook": hook,
        "hookInstance": "acceptance-1",
        "context": {"patientId": "p1", "userId": "Practitioner/d1", **(context or {})},
        "prefetch": {key: value for key, value in {**prefetch, **keys}.items() if value is not ...},
    }


def post(client: FlaskClient, body: Json) -> Any:
    """The response to a call of the service of the body's hook."""
    return client.post(f"{SERVICE}{body['hook']}", json=body)


def answer(client: FlaskClient, *resources: Json, **more: Any) -> Json:
    """The body of the 200 that these resources get."""
    response = post(client, call(*resources, **more))
    assert response.status_code == 200, response.text
    body: Json = response.get_json()
    assert not list(empty_members({**body, "cards": body["cards"] or "none"})), "null or empty members"
    return body


def empty_members(value: Any, where: str = "") -> Iterator[str]:
    """The places of null and empty members."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        if member is None or (isinstance(member, str | list | dict) and not member):
            yield f"{where}.{name}"
        yield from empty_members(member, f"{where}.{name}")


def assess(client: FlaskClient, *resources: Json, **more: Any) -> Json:
    """The assessment that these resources get."""
    found: Json = answer(client, *resources, **more)["extension"]["mda5-cds.assessment"]
    return found


def cards(body: Json) -> dict[str, Json]:
    """The cards by topic."""
    return {card["source"]["topic"]["code"]: card for card in body["cards"]}


def gap_ids(assessment: Json) -> set[str]:
    """The ids of the data gaps."""
    return {gap["id"] for gap in assessment.get("dataGaps", ())}


def ignored(assessment: Json) -> dict[str, str]:
    """Why each ignored resource was left out."""
    return {item["reference"]: item["why"] for item in assessment.get("ignored", ())}


def ref(resource: Json) -> str:
    """`Type/id`."""
    return f"{resource['resourceType']}/{resource['id']}"
