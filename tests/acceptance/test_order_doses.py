"""Contract §4, row `dose`: what is above Table 2, what is not checked, and what an `update` proposes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    IVIG,
    METHYLPREDNISOLONE,
    MYCOPHENOLATE,
    PREDNISONE,
    RITUXIMAB,
    RXNORM,
    SNOMED,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    ago,
    coded,
    obs,
    patient,
    quantity,
    ref,
)
from tests.acceptance.test_orders import SICK, draft, on, ordering, topics

BASILIXIMAB, MYCOPHENOLIC_ACID, METHOTREXATE, PREDNISOLONE = "196102", "7145", "6851", "8638"
WEIGHT, HEIGHT = "29463-7", "8302-2"
KG, CM = 80.0, 180.0
M2 = math.sqrt(KG * CM / 3600)  # 2.0
SIZED = [*SICK, obs(WEIGHT, KG, "kg"), obs(HEIGHT, CM, "cm")]
ROUTES = {"oral": "26643006", "iv": "47625008", "sc": "34206005"}
DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}
TWICE = {**DAILY, "frequency": 2}
WEEKLY = {"frequency": 1, "period": 1, "periodUnit": "wk"}


def told(value: float, unit: str = "mg", repeat: Json | None = None, route: str = "", **more: Any) -> Json:
    """One dosage instruction."""
    return {
        "doseAndRate": [{"doseQuantity": quantity(value, unit)}],
        **({"timing": {"repeat": repeat}} if repeat else {}),
        **({"route": coded(ROUTES[route], SNOMED)} if route else {}),
        **more,
    }


def stating(*doses: Json, by: str = "doseQuantity") -> Json:
    """An instruction for twice a day with these doses."""
    return {"timing": {"repeat": TWICE}, "doseAndRate": [{by: each} for each in doses]}


def of(drug: Any, *instructions: Json, **more: Any) -> Json:
    return draft(drug, dosageInstruction=list(instructions), **more)


def judged(client: FlaskClient, one: Json, *chart: Json, base: list[Json] = SIZED, **more: Any) -> str:
    """`above`, `silent` or `unchecked` (a data gap that names the draft)."""
    body = ordering(client, [*base, *chart], one, **more)
    gaps = [gap for gap in body["extension"]["mda5-cds.assessment"].get("dataGaps", ()) if gap["id"] == "dose"]
    about = [card for card in body["cards"] if ref(one) in card["detail"]]
    if "dose" in topics(body):
        assert topics(body)["dose"] == "warning"
        assert not gaps
        return "above"
    if any(ref(one) in gap["why"] for gap in gaps):
        assert all("not checked" in card["detail"] for card in about)
        return "unchecked"
    return "silent"


# ── the bounds, inclusive, with 5 % tolerance: (drug, bound, unit, timing, route) ──

BOUNDS = [
    (PREDNISONE, 1 * KG, DAILY, "oral"),
    (PREDNISOLONE, 1 * KG, DAILY, "oral"),
    (PREDNISONE, KG / 2, TWICE, "oral"),
    (METHYLPREDNISOLONE, 1000, DAILY, "iv"),
    (CYCLOSPORINE, 2.5 * KG, TWICE, "oral"),
    (CYCLOSPORINE, 2.5 * KG, TWICE, "iv"),
    (TACROLIMUS, 0.0375 * KG, TWICE, "oral"),
    (CYCLOPHOSPHAMIDE, 1000 * M2, {"frequency": 1, "period": 2, "periodUnit": "wk"}, "iv"),
    (MYCOPHENOLATE, 1500, TWICE, "oral"),
    (BASILIXIMAB, 20, WEEKLY, "iv"),
    (TOFACITINIB, 5, TWICE, "oral"),
    (IVIG, 400 * KG, {**DAILY, "boundsDuration": quantity(5, "d")}, "iv"),
    (METHOTREXATE, 25, WEEKLY, "oral"),
    (METHOTREXATE, 25, WEEKLY, "sc"),
]


@pytest.mark.parametrize("route", ["stated", "none"])
@pytest.mark.parametrize(("drug", "bound", "repeat", "stated"), BOUNDS)
def test_above_only_beyond_the_tolerance(
    client: FlaskClient, drug: str, bound: float, repeat: Json, stated: str, route: str
) -> None:
    by = stated if route == "stated" else ""
    for factor, expected in ((0.5, "silent"), (1.0, "silent"), (1.05, "silent"), (1.051, "above"), (2.0, "above")):
        if drug == METHYLPREDNISOLONE and factor == 0.5:
            continue
        assert judged(client, of(drug, told(round(bound * factor, 6), "mg", repeat, by))) == expected, factor


@pytest.mark.parametrize(
    ("drug", "instruction", "expected"),
    [
        # per kg and per m², as written
        (PREDNISONE, told(1, "mg/kg", DAILY), "silent"),
        (PREDNISONE, told(1.1, "mg/kg", DAILY), "above"),
        (PREDNISONE, told(1.1, "mg/kg/d"), "above"),
        (CYCLOPHOSPHAMIDE, told(1, "g/m2", WEEKLY | {"period": 4}), "silent"),
        (CYCLOPHOSPHAMIDE, told(1.1, "g/m2", WEEKLY | {"period": 4}), "above"),
        (CYCLOPHOSPHAMIDE, told(1, "g/m2", WEEKLY | {"period": 2}), "silent"),
        (CYCLOPHOSPHAMIDE, told(1, "g/m2", WEEKLY), "above"),
        (CYCLOPHOSPHAMIDE, told(0.5, "g/m2", WEEKLY), "silent"),
        (CYCLOPHOSPHAMIDE, told(1, "g/m2", WEEKLY | {"count": 1}), "silent"),
        (CYCLOPHOSPHAMIDE, told(1, "g/m2", DAILY | {"count": 3}, "iv"), "above"),
        (IVIG, told(0.4, "g/kg", {**DAILY, "count": 5}), "silent"),
        (IVIG, told(0.4, "g/kg", {**DAILY, "count": 6}), "above"),
        (IVIG, told(2, "g/kg", {"count": 1}), "above"),
        (METHYLPREDNISOLONE, told(1, "g", {**DAILY, "count": 3}, "iv"), "silent"),
        (METHYLPREDNISOLONE, told(1, "g", {**DAILY, "count": 5}, "iv"), "above"),
        (METHYLPREDNISOLONE, told(1.2, "g", {**DAILY, "count": 3}, "iv"), "above"),
        # rituximab: by schedule, and above 1 g always
        (RITUXIMAB, told(375, "mg/m2", {**WEEKLY, "count": 4}, "iv"), "silent"),
        (RITUXIMAB, told(400, "mg/m2", {**WEEKLY, "count": 4}, "iv"), "above"),
        (RITUXIMAB, told(375, "mg/m2", {**WEEKLY, "count": 5}, "iv"), "above"),
        (RITUXIMAB, told(1, "g", {**WEEKLY, "period": 2, "count": 2}, "iv"), "silent"),
        (RITUXIMAB, told(1001, "mg", {**WEEKLY, "period": 2, "count": 2}, "iv"), "above"),
        (RITUXIMAB, told(1, "g", {**WEEKLY, "period": 2, "count": 3}, "iv"), "above"),
        (RITUXIMAB, told(1001, "mg", {"count": 1}), "above"),
        (RITUXIMAB, told(1.04, "g"), "above"),
        (BASILIXIMAB, told(20, "mg", {**WEEKLY, "count": 2}, "iv"), "silent"),
        (BASILIXIMAB, told(20, "mg", {**WEEKLY, "count": 3}, "iv"), "above"),
        (BASILIXIMAB, told(40, "mg", {"count": 1}, "iv"), "above"),
        # the forms of FHIR
        (TOFACITINIB, told(10, "mg", DAILY), "silent"),
        (TOFACITINIB, told(11, "mg", DAILY), "above"),
        (MYCOPHENOLATE, told(1, "g", {"frequency": 1, "period": 8, "periodUnit": "h"}), "silent"),
        (MYCOPHENOLATE, told(1, "g", {"frequency": 1, "period": 6, "periodUnit": "h"}), "above"),
        (MYCOPHENOLATE, told(1, "g", {"frequency": 2, "frequencyMax": 4, "period": 1, "periodUnit": "d"}), "above"),
        (MYCOPHENOLATE, told(2, "g", {"timeOfDay": ["08:00:00", "20:00:00"], **DAILY}), "above"),
        (MYCOPHENOLATE, told(2, "g", {"when": ["MORN", "EVE"], **DAILY}), "above"),
        (MYCOPHENOLATE, {**told(2, "g"), "timing": {"code": {"coding": [{"code": "BID"}]}}}, "above"),
        (MYCOPHENOLATE, {**told(2, "g"), "timing": {"code": {"text": "BID"}}}, "above"),
        (MYCOPHENOLATE, {**told(1, "g"), "timing": {"code": {"text": "b.i.d."}}}, "silent"),
        (MYCOPHENOLATE, {**told(2, "g"), "timing": {"code": {"text": "Q12H"}}}, "above"),
        (MYCOPHENOLATE, {**told(2, "g"), "timing": {"code": {"text": "as told"}}}, "unchecked"),
        (MYCOPHENOLATE, {**told(2, "g", TWICE), "asNeededBoolean": True}, "above"),
        (
            MYCOPHENOLATE,
            told(2, "g", TWICE, maxDosePerPeriod={"numerator": quantity(3, "g"), "denominator": quantity(1, "d")}),
            "silent",
        ),
        (MYCOPHENOLATE, stating({"low": quantity(1, "g"), "high": quantity(2, "g")}, by="doseRange"), "above"),
        (MYCOPHENOLATE, stating({"low": quantity(1, "g"), "high": quantity(1.5, "g")}, by="doseRange"), "silent"),
        (
            CYCLOSPORINE,
            {
                "doseAndRate": [{"rateQuantity": quantity(20, "mg/h")}],
                "timing": {"repeat": {**DAILY, "duration": 24, "durationUnit": "h"}},
                "route": coded(ROUTES["iv"], SNOMED),
            },
            "above",
        ),
        (MYCOPHENOLATE, told(4, "g"), "above"),
        (METHOTREXATE, told(10, "mg", DAILY, "oral"), "above"),
        (BASILIXIMAB, told(20, "mg", DAILY, "iv"), "above"),
        (MYCOPHENOLATE, told(4_000_000, "ug", DAILY), "above"),
    ],
)
def test_the_forms_a_dose_takes(client: FlaskClient, drug: str, instruction: Json, expected: str) -> None:
    assert judged(client, of(drug, instruction)) == expected


MG500 = coded("200060", RXNORM, text="mycophenolate mofetil 500 MG Oral Tablet")


@pytest.mark.parametrize(
    ("drug", "count", "unit", "expected"),
    [
        (MG500, 3, "{tablet}", "silent"),
        (MG500, 4, "{tablet}", "above"),
        ({"text": "mycophenolate mofetil 250 mg capsule"}, 7, "{capsule}", "above"),
        ({"text": "mycophenolate mofetil"}, 7, "{capsule}", "unchecked"),
    ],
)
def test_a_count_of_a_product(client: FlaskClient, drug: Json, count: int, unit: str, expected: str) -> None:
    assert judged(client, of(drug, told(count, unit, TWICE))) == expected


def test_instructions_add_up_or_follow_each_other(client: FlaskClient) -> None:
    morning, evening = told(2, "g", {**DAILY, "when": ["MORN"]}), told(2, "g", {**DAILY, "when": ["EVE"]})
    assert judged(client, of(MYCOPHENOLATE, morning, evening)) == "above"
    assert judged(client, of(MYCOPHENOLATE, {**morning, "sequence": 1}, {**evening, "sequence": 2})) == "silent"
    assert judged(client, of(MYCOPHENOLATE, {**morning, "sequence": 1}, {**evening, "sequence": 1})) == "above"


# ── not checked, and said so ──


@pytest.mark.parametrize(
    ("one", "base", "chart"),
    [
        (of(CYCLOPHOSPHAMIDE, told(150, "mg", DAILY, "oral")), SIZED, ()),
        (of(CYCLOPHOSPHAMIDE, told(5000, "mg", DAILY, "oral")), SIZED, ()),
        (of(MYCOPHENOLIC_ACID, told(5000, "mg", DAILY, "oral")), SIZED, ()),
        (of(METHYLPREDNISOLONE, told(249, "mg", DAILY, "oral")), SIZED, ()),
        (of(METHYLPREDNISOLONE, told(249, "mg", DAILY, "iv")), SIZED, ()),
        (of(TACROLIMUS, told(50, "mg", DAILY, "iv")), SIZED, ()),
        (of(RITUXIMAB, told(1400, "mg", WEEKLY, "oral")), SIZED, ()),
        (of(PREDNISONE, told(500, "mg", DAILY)), SICK, ()),
        (of(TACROLIMUS, told(50, "mg", DAILY)), SICK, (obs(WEIGHT, KG, "kg", effectiveDateTime=ago(90, minutes=1)),)),
        (of(CYCLOPHOSPHAMIDE, told(5, "g", {"count": 1}, "iv")), SICK, (obs(WEIGHT, KG, "kg"),)),
        (of(TACROLIMUS, told(50, "mg", DAILY)), SIZED, (obs("11253-2", 12, "ng/mL"),)),
        (of(MYCOPHENOLATE, {"text": "as told"}), SIZED, ()),
        (of(MYCOPHENOLATE, told(9, "mmol", DAILY)), SIZED, ()),
        (of(MYCOPHENOLATE, told(9, "mL", DAILY)), SIZED, ()),
        (of(MYCOPHENOLATE), SIZED, ()),
        (of(MYCOPHENOLATE, {**told(9, "g"), "doseAndRate": [{"doseQuantity": {"value": 9000}}]}), SIZED, ()),
        (of(MYCOPHENOLATE, stating(quantity(1, "g", comparator=">"))), SIZED, ()),
        (of(MYCOPHENOLATE, told(-1, "g", DAILY)), SIZED, ()),
        (of(CYCLOPHOSPHAMIDE, told(150, "mg", DAILY)), SIZED, ()),
        (of(CYCLOPHOSPHAMIDE, told(400, "mg", DAILY)), SIZED, ()),
        (of("3264", told(400, "mg", DAILY, "oral")), SIZED, ()),
    ],
)
def test_not_checked(client: FlaskClient, one: Json, base: list[Json], chart: tuple[Json, ...]) -> None:
    assert judged(client, one, *chart, base=base) == "unchecked"


@pytest.mark.parametrize(
    ("one", "base", "chart"),
    [
        (of(TACROLIMUS, told(50, "mg", DAILY)), SICK, (obs(WEIGHT, KG, "kg", effectiveDateTime=ago(90)),)),
        (of(TACROLIMUS, told(50, "mg", DAILY)), SICK, (obs(WEIGHT, 176, "[lb_av]"),)),
        (of(TACROLIMUS, told(50, "mg", DAILY)), SIZED, (obs("3520-4", 900, "ng/mL"),)),
        (of(TACROLIMUS, told(50, "mg", DAILY)), SIZED, (obs("11253-2", 12, "ng/mL", status="entered-in-error"),)),
        (of(CYCLOPHOSPHAMIDE, told(5, "g", {"count": 1}, "iv")), SIZED, ()),
        (of(CYCLOPHOSPHAMIDE, told(3000, "mg", DAILY)), SIZED, ()),
        (of(PREDNISONE, told(1.2, "mg/kg", DAILY)), SICK, ()),
        (of(RITUXIMAB, told(1.2, "g", WEEKLY)), SICK, ()),
        (of(MYCOPHENOLATE, told(4, "g", DAILY)), SICK, ()),
        (of(METHYLPREDNISOLONE, told(1500, "mg", DAILY, "iv")), SICK, ()),
    ],
)
def test_checked_all_the_same(client: FlaskClient, one: Json, base: list[Json], chart: tuple[Json, ...]) -> None:
    assert judged(client, one, *chart, base=base) == "above"


@pytest.mark.parametrize(("since", "expected"), [(27, "above"), (28, "above"), (29, "unchecked"), (80, "unchecked")])
def test_glucocorticoids_until_day_28(client: FlaskClient, since: int, expected: str) -> None:
    assert (
        judged(client, of(PREDNISONE, told(200, "mg", DAILY)), *on(PREDNISOLONE, TACROLIMUS, since=since)) == expected
    )


@pytest.mark.parametrize(
    ("value", "expected"), [(249, "unchecked"), (250, "silent"), (1000, "silent"), (1051, "above")]
)
def test_methylprednisolone_from_250(client: FlaskClient, value: float, expected: str) -> None:
    assert judged(client, of(METHYLPREDNISOLONE, told(value, "mg", DAILY, "iv"))) == expected


def test_unknown_age_makes_no_dose_card(client: FlaskClient) -> None:
    nobody = patient(birthDate=...)
    assert judged(client, of(MYCOPHENOLATE, told(9, "g", DAILY)), who=nobody) == "unchecked"
