"""A whole order, valid R4: harmless deviations put right, what the EHR stores kept, what decides never guessed."""

from __future__ import annotations

import copy
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest

from service.fhir import repair
from service.fhir.read.unreadable import Unreadable
from service.fhir.repair import repaired

MADRID = ZoneInfo("Europe/Madrid")
Json = dict[str, Any]
VALID: Json = {
    "resourceType": "MedicationRequest",
    "id": "d1",
    "meta": {"versionId": "3"},
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": {"text": "mycophenolate mofetil"},
    "contained": [{"resourceType": "Practitioner", "id": "who"}],
    "note": [{"text": "as agreed"}],
    "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1000, "unit": "mg"}}]}],
    "extension": [{"url": "https://ehr.example.org/x", "valueString": "kept"}],
}


def test_a_valid_order_stays_as_it_is() -> None:
    before = copy.deepcopy(VALID)
    assert repaired(VALID, MADRID) == VALID
    assert before == VALID


@pytest.mark.parametrize(
    ("sent", "stands"),
    [
        ({"category": {"coding": {"code": "community"}}}, {"category": [{"coding": [{"code": "community"}]}]}),
        ({"note": {"text": "one"}}, {"note": [{"text": "one"}]}),
        ({"priority": ["routine"]}, {"priority": "routine"}),
        ({"authoredOn": "2026-03-01T10:00"}, {"authoredOn": "2026-03-01T10:00:00+01:00"}),
        ({"encounter": None, "reasonCode": [], "note": [{"text": ""}]}, {"encounter": ..., "note": ...}),
        ({"vendorField": {"a": 1}}, {}),
        ({"substitution": {"allowedBoolean": True, "house": 1}}, {"substitution": {"allowedBoolean": True}}),
        ({"doNotPerform": "false"}, {"doNotPerform": "false"}),
        ({"intent": None}, {"intent": "order"}),
        ({"contained": {"resourceType": "Practitioner", "id": "who"}}, {}),
        ({"contained": [{"resourceType": "Basket", "id": "b"}]}, {"contained": ...}),
        ({"id": "draft_1"}, {"id": "draft_1"}),
        ({"id": 17}, {"id": "17"}),
        ({"authoredOn": "soon"}, {}),
        ({"text": {"status": "generated"}}, {}),
        (
            {"medication": {"concept": {"text": "tacrolimus"}}, "medicationCodeableConcept": ...},
            {"medicationCodeableConcept": {"text": "tacrolimus"}},
        ),
        (
            {"medication": {"reference": {"reference": "Medication/1"}}, "medicationCodeableConcept": ...},
            {"medicationReference": {"reference": "Medication/1"}, "medicationCodeableConcept": ...},
        ),
        ({"medicationReference": {"reference": "Medication/1"}}, {}),
        (
            {"dosageInstruction": {"doseQuantity": {"value": 1, "unit": "g"}, "text": "one gram"}},
            {"dosageInstruction": [{"text": "one gram", "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "g"}}]}]},
        ),
        (
            {"dosageInstruction": [{"timing": {"repeat": {"frequency": "two", "period": 1, "periodUnit": "d"}}}]},
            {"dosageInstruction": [{"timing": {"repeat": {"period": 1, "periodUnit": "d"}}}]},
        ),
    ],
)
def test_deviations(sent: Json, stands: Json) -> None:
    order = {name: value for name, value in {**VALID, **sent}.items() if value is not ...}
    expected = {name: value for name, value in {**VALID, **stands}.items() if value is not ...}
    assert repaired(order, MADRID) == expected


def test_an_id_within_stays_where_it_is_referred_to() -> None:
    order = {
        **VALID,
        "contained": [{"resourceType": "Medication", "id": "m_1", "code": {"coding": {"code": "68149"}}}],
        "medicationReference": {"reference": "#m_1"},
    }
    del order["medicationCodeableConcept"]
    mended = repaired(order, MADRID)
    assert mended["contained"][0] == {
        "resourceType": "Medication",
        "id": "m_1",
        "code": {"coding": [{"code": "68149"}]},
    }
    assert mended["medicationReference"] == {"reference": "#m_1"}


@pytest.mark.parametrize(
    "broken",
    [{"status": None}, {"status": {"code": "draft"}}, {"subject": "p1"}, {"medicationCodeableConcept": "tacrolimus"}],
)
def test_what_decides_is_never_guessed(broken: Json) -> None:
    with pytest.raises(Unreadable):
        repaired({**VALID, **broken}, MADRID)


@pytest.mark.parametrize("name", ["note", "dosageInstruction", "category", "dispenseRequest", "authoredOn", "meta"])
@pytest.mark.parametrize("junk", [5, "x", True, [[]], [{"a": [1, {"b": 2}]}], {"a": {"b": {"c": 1}}}, [None, 3]])
def test_whatever_stands_in_a_side_element_the_rest_is_valid(name: str, junk: Any) -> None:
    mended = repaired({**VALID, name: junk}, MADRID)
    MedicationRequest.model_validate(mended)
    assert {key: mended[key] for key in ("id", "status", "subject")} == {
        key: VALID[key] for key in ("id", "status", "subject")
    }


def test_a_valid_order_is_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    order = {**VALID, "note": [{"text": "validated once"}]}
    expected = repaired(order, MADRID)
    monkeypatch.setattr(repair, "faults", None)
    again = repaired({**order, "id": "another"}, MADRID)
    assert again == {**expected, "id": "another"}
    again["note"][0]["text"] = "changed by whoever got it"
    assert repaired(order, MADRID) == expected == order


@pytest.mark.parametrize("change", [{"note": [{"text": 5}]}, {"vendorField": 1}, {"priority": ["routine"]}], ids=repr)
def test_an_order_that_is_put_right_comes_out_the_same_each_time(change: Json) -> None:
    order = {**VALID, **change}
    first, second = repaired(order, MADRID), repaired(order, MADRID)
    assert first == second != order
    MedicationRequest.model_validate(second)
