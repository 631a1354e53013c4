"""End to end, what docs/safety.md fears: another patient's data, wrong units, hidden orders, values out of date."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from flask.testing import FlaskClient

import fixtures
from tests.conftest import NOW
from tests.stories.answers import ASSESSMENT, SERVICES, Json, answer, proposed, topics
from tests.stories.extra import ATC, LOINC, RXNORM, SNOMED, TACROLIMUS, code, condition, ferritin, order, with_added

OTHER = {"reference": "Patient/somebody-else"}
UCUM = "http://unitsofmeasure.org"


def _story(name: str) -> Json:
    return fixtures.story(name).render(NOW)


def _assessment(body: Json) -> Json:
    found: Json = body["extension"][ASSESSMENT]
    return found


def _ignored(body: Json) -> set[str]:
    return {item["reference"] for item in _assessment(body).get("ignored", ())}


def _factors(body: Json) -> dict[str, str]:
    return {factor["id"]: factor["status"] for factor in _assessment(body)["risk"]["factors"]}


def _agents(body: Json) -> set[str]:
    return {agent["agent"] for agent in _assessment(body)["therapy"].get("agents", ())}


# -- H-01: another patient --


@pytest.mark.parametrize(
    "foreign",
    [
        ferritin(subject=OTHER),
        ferritin(subject={"reference": "https://ehr.example.org/fhir/Patient/somebody-else"}),
        order(TACROLIMUS, subject=OTHER),
        condition(code(SNOMED, "161672008", "History of being lung transplant recipient"), subject=OTHER),
        {"resourceType": "AllergyIntolerance", "code": TACROLIMUS, "patient": OTHER},
    ],
)
def test_another_patients_resource_tells_nothing(foreign: Json, client: FlaskClient) -> None:
    request = _story("untreated")
    before, after = answer(client, request), answer(client, with_added(request, [foreign]))
    assert _ignored(after) == {f"{foreign['resourceType']}/added-0"}
    assert after["cards"] == before["cards"]
    named, unnamed = _assessment(after), _assessment(before)
    del named["ignored"]
    assert named == unnamed


def test_a_resource_without_a_subject_leaves_its_question_open(client: FlaskClient) -> None:
    request = _story("glucocorticoid-only")
    assert _factors(answer(client, request))["ferritin-over-500"] == "absent"
    lost = with_added(request, [ferritin(subject={"display": "somebody"})])
    body = answer(client, lost)
    assert _ignored(body) == {"Observation/added-0"}
    assert _factors(body)["ferritin-over-500"] == "unknown"


def test_another_patient_in_the_prefetch_is_refused(client: FlaskClient) -> None:
    request = _story("untreated")
    request["prefetch"]["patient"]["id"] = "somebody-else"
    response = client.post(SERVICES["patient-view"], json=request)
    assert response.status_code == 400
    assert response.get_json()["resourceType"] == "OperationOutcome"


def test_calls_leave_nothing_behind(client: FlaskClient) -> None:
    first = answer(client, _story("refractory"))
    answer(client, _story("untreated"))
    assert answer(client, _story("refractory")) == first


# -- H-02: units --


@pytest.mark.parametrize(
    ("value", "unit", "present"),
    [
        (1001, {"unit": "ng/mL", "code": "ng/mL"}, "present"),
        (1001, {"unit": "µg/L", "code": "ug/L"}, "present"),
        (1001, {"unit": "mcg/L", "code": None}, "present"),
        (1.001, {"unit": "mg/L", "code": "mg/L"}, "present"),
        (2250, {"unit": "pmol/L", "code": "pmol/L"}, "present"),
        (2240, {"unit": "pmol/L", "code": "pmol/L"}, "absent"),
        (1000, {"unit": "ng/mL", "code": "ng/mL"}, "absent"),
        (1001, {"unit": "U/L", "code": "U/L"}, "unknown"),
        (1001, {"unit": None, "code": None}, "unknown"),
    ],
)
def test_one_ferritin_in_many_units(value: float, unit: Json, present: str, client: FlaskClient) -> None:
    quantity = {"value": value, "system": UCUM if unit["code"] else None, **unit}
    quantity = {name: member for name, member in quantity.items() if member is not None}
    body = answer(client, with_added(_story("glucocorticoid-only"), [ferritin(valueQuantity=quantity)]))
    assert _factors(body)["ferritin-over-1000"] == present
    assert ("Observation/added-0" in _ignored(body)) is (present == "unknown")


def test_crp_is_compared_in_one_unit(client: FlaskClient) -> None:
    quantity = {"value": 1.1, "unit": "mg/dL", "system": UCUM, "code": "mg/dL"}
    crp = ferritin(code=code(LOINC, "1988-5", "CRP"), valueQuantity=quantity)
    factors = _assessment(answer(client, with_added(_story("glucocorticoid-only"), [crp])))["risk"]["factors"]
    found = next(factor for factor in factors if factor["id"] == "crp-over-1")
    assert (found["status"], found["value"], found["unit"]) == ("present", pytest.approx(11), "mg/L")


# -- H-03, H-13: orders --


def test_an_unreadable_order_is_not_no_therapy(client: FlaskClient) -> None:
    hidden = order(None, medicationReference={"reference": "Medication/not-sent"})
    body = answer(client, with_added(_story("untreated"), [hidden]))
    assert _assessment(body)["therapy"]["stage"] == "unknown"
    assert "data-gap" in topics(body)
    assert not {"rec-2", "rec-3", "rec-4", "rec-5"} & set(topics(body))


def test_missing_pages_are_not_no_therapy(client: FlaskClient) -> None:
    request = _story("untreated")
    request["prefetch"]["medications"]["link"].append(
        {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}
    )
    body = answer(client, request)
    assert _assessment(body)["therapy"]["stage"] == "unknown"
    assert not {"rec-2", "rec-3"} & set(topics(body))


@pytest.mark.parametrize(
    "drug",
    [
        TACROLIMUS,
        code(RXNORM, "198377", "tacrolimus 1 MG Oral Capsule"),
        code(RXNORM, "108513", "tacrolimus 1 MG Oral Capsule [Prograf]"),
        code(ATC, "L04AD02", "tacrolimus"),
        code(ATC, "L04AA05", "tacrolimus"),
        {"text": "Prograf 1 mg capsules"},
        {"text": "tacrolimus cápsulas duras"},
        {"coding": [{"system": "urn:local", "code": "4711"}, {"system": RXNORM, "code": "42316"}]},
    ],
    ids=lambda drug: str(drug.get("text")),
)
def test_a_running_drug_is_recognised_and_not_suggested_again(drug: Json, client: FlaskClient) -> None:
    body = answer(client, with_added(_story("untreated"), [order(drug)]))
    assert "tacrolimus" in _agents(body)
    for card in body["cards"]:
        for suggestion in card.get("suggestions", ()):
            assert not proposed(suggestion) & {"tacrolimus", "cyclosporine"}


@pytest.mark.parametrize(
    "drug",
    [
        code(RXNORM, "313189", "tacrolimus 0.03 % Topical Ointment"),
        code(ATC, "D11AH01", "tacrolimus"),
        code(RXNORM, "351291", "cycloSPORINE 0.05 % Ophthalmic Emulsion"),
        {"text": "Tacrolimus 0,1 % ointment"},
    ],
    ids=lambda drug: str(drug["text"]),
)
def test_an_ointment_is_no_therapy(drug: Json, client: FlaskClient) -> None:
    request = _story("untreated")
    body = answer(client, with_added(request, [order(drug)]))
    assert _assessment(body)["therapy"]["stage"] == "untreated"
    assert topics(body) == topics(answer(client, request))


# -- H-04: values out of date, and statuses that never count --


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"effectiveDateTime": "2026-01-30T10:00:00Z"}, "present"),
        ({"effectiveDateTime": "2026-01-30T09:59:00Z"}, "unknown"),
        ({"effectiveDateTime": "2026"}, "unknown"),
        ({"status": "entered-in-error"}, "unknown"),
        ({"status": "cancelled"}, "unknown"),
        ({"status": "preliminary"}, "present"),
    ],
    ids=str,
)
def test_what_counts_as_current(changes: Json, level: str, client: FlaskClient) -> None:
    """On a chart whose own ferritin is out of date."""
    body = answer(client, with_added(_story("stale-ferritin"), [ferritin(**changes)]))
    assert _factors(body)["ferritin-over-1000"] == level


# -- H-05: searches that were not answered --


@pytest.mark.parametrize("key", ["allergies", "procedures", "referrals", "administrations"])
@pytest.mark.parametrize("how", ["missing", "failed"])
def test_a_search_without_an_answer_is_not_an_empty_one(key: str, how: str, client: FlaskClient) -> None:
    request = _story("untreated")
    outcome: Any = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    if how == "missing":
        del request["prefetch"][key]
    else:
        request["prefetch"][key] = outcome
    assessment = _assessment(answer(client, request))
    gaps = {gap["id"] for gap in assessment.get("dataGaps", ())}
    if key != "administrations":
        assert key in gaps
    failure = assessment["respiratoryFailure"]["lifeThreatening"]
    assert failure == ("unknown" if key == "procedures" else "no")


@pytest.mark.parametrize("key", ["patient", "observations", "medications", "conditions"])
def test_a_required_search_without_an_answer_is_412(key: str, client: FlaskClient) -> None:
    request = copy.deepcopy(_story("untreated"))
    del request["prefetch"][key]
    response = client.post(SERVICES["patient-view"], json=request)
    assert response.status_code == 412
    assert key in response.text
