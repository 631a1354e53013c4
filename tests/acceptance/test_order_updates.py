"""Contract §4, row `dose`: what an `update` proposes, and where none is proposed."""

from __future__ import annotations

import copy

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    IVIG,
    METHYLPREDNISOLONE,
    MYCOPHENOLATE,
    PREDNISONE,
    RITUXIMAB,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    allergy,
    cards,
    coded,
    day,
    quantity,
)
from tests.acceptance.test_order_doses import (
    BASILIXIMAB,
    DAILY,
    METHOTREXATE,
    MG500,
    SIZED,
    TWICE,
    WEEKLY,
    judged,
    of,
    told,
)
from tests.acceptance.test_orders import ordering, topics


def update_of(client: FlaskClient, one: Json, *chart: Json) -> Json | None:
    """The resource that the dose card proposes."""
    card = cards(ordering(client, [*SIZED, *chart], one))["dose"]
    actions = [action for each in card.get("suggestions", ()) for action in each["actions"]]
    assert {action["type"] for action in actions} <= {"update"}
    if not actions:
        return None
    found: Json = actions[0]["resource"]
    get_fhir_model_class("MedicationRequest").model_validate(found)
    return found


def amount(resource: Json | None) -> float:
    assert resource is not None
    return float(resource["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"])


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (of(MYCOPHENOLATE, told(2000, "mg", TWICE)), 1500),
        (of(MYCOPHENOLATE, told(2, "g", TWICE)), 1.5),
        (of(MG500, told(4, "{tablet}", TWICE)), 3),
        (of({"text": "mycophenolate mofetil 250 mg capsule"}, told(9, "{capsule}", TWICE)), 6),
        (of(MG500, told(8, "{tablet}", {**DAILY, "frequency": 4})), 1),
        (of(TOFACITINIB, told(10, "mg", TWICE)), 5),
        (of(CYCLOPHOSPHAMIDE, told(3000, "mg", {"count": 1}, "iv")), 2000),
        (of(CYCLOPHOSPHAMIDE, told(1.5, "g/m2", {"count": 1}, "iv")), 1),
        (of(RITUXIMAB, told(1.5, "g", {**WEEKLY, "period": 2, "count": 2}, "iv")), 1),
        (of(BASILIXIMAB, told(40, "mg", {"count": 1}, "iv")), 20),
        (of(IVIG, told(1, "g/kg", {**DAILY, "count": 5}, "iv")), 0.4),
    ],
)
def test_an_update_is_the_whole_draft_lowered_to_the_bound(client: FlaskClient, one: Json, expected: float) -> None:
    found = update_of(client, one)
    assert amount(found) == pytest.approx(expected)
    wanted = copy.deepcopy(one)
    wanted["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = amount(found)
    assert found == wanted
    assert judged(client, found or {}) == "silent"


@pytest.mark.parametrize(
    "one",
    [
        of(PREDNISONE, told(200, "mg", DAILY)),
        of(METHYLPREDNISOLONE, told(2, "g", DAILY, "iv")),
        of(TACROLIMUS, told(50, "mg", DAILY)),
        of(CYCLOSPORINE, told(900, "mg", DAILY)),
        of(METHOTREXATE, told(10, "mg", DAILY)),
        of(CYCLOPHOSPHAMIDE, told(3000, "mg", WEEKLY, "iv")),
        of(MYCOPHENOLATE, told(2000, "mg", TWICE), id=...),
    ],
)
def test_no_update(client: FlaskClient, one: Json) -> None:
    assert "id" not in one or update_of(client, one) is None
    assert "suggestions" not in cards(ordering(client, SIZED, one))["dose"]


def test_no_update_of_what_the_patient_is_allergic_to(client: FlaskClient) -> None:
    one = of(MYCOPHENOLATE, told(2000, "mg", TWICE))
    assert update_of(client, one, allergy(MYCOPHENOLATE)) is None


def test_what_was_calculated_beside_the_ordered_dose_stays(client: FlaskClient) -> None:
    kinds = ("calculated", "ordered")
    doses = [{"type": coded(kind, "http://terminology.hl7.org/CodeSystem/dose-rate-type")} for kind in kinds]
    doses = [{**dose, "doseQuantity": quantity(grams, "g")} for dose, grams in zip(doses, (1, 2), strict=True)]
    found = update_of(client, of(MYCOPHENOLATE, {"timing": {"repeat": TWICE}, "doseAndRate": doses}))
    assert found is not None
    kept = found["dosageInstruction"][0]["doseAndRate"]
    assert [each["doseQuantity"]["value"] for each in kept] == [1, 1.5]


def test_two_drafts_in_range_that_are_above_together(client: FlaskClient) -> None:
    one, two = of(MYCOPHENOLATE, told(1, "g", TWICE)), of(MYCOPHENOLATE, told(1.5, "g", DAILY))
    assert topics(ordering(client, SIZED, one)).get("dose") is None
    assert topics(ordering(client, SIZED, one, two))["dose"] == "warning"


def test_the_range_and_the_formula_are_named(client: FlaskClient) -> None:
    card = cards(ordering(client, SIZED, of(CYCLOPHOSPHAMIDE, told(3, "g", {"count": 1}, "iv"))))["dose"]
    assert "Mosteller" in card["detail"]
    assert "Table 2" in card["detail"]
    assert day(1) in card["detail"]
