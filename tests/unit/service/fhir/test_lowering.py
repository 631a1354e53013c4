"""A lowered dose: in its own units, rounded down, and what the words say of it; all else as it was."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_cards.proposals import Reduce
from service.fhir.gather import gather, with_drafts
from service.fhir.lowering import lowered
from service.fhir.write import reduced_resource
from tests.unit.service.fhir.chart import prefetch
from tests.unit.service.fhir.test_drafts import draft
from tests.unit.service.fhir.test_repair import MADRID

Json = dict[str, Any]
TIMING = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}


def quantity(value: float, unit: str = "mg") -> Json:
    return {"value": value, "unit": unit}


def instruction(dose: Json, **more: Any) -> Json:
    return {"timing": TIMING, "doseAndRate": [dose], **more}


@pytest.mark.parametrize(
    ("dose", "factor", "stands"),
    [
        ({"doseQuantity": quantity(2000)}, "3/4", {"doseQuantity": quantity(1500)}),
        ({"doseQuantity": quantity(2, "g")}, "3/4", {"doseQuantity": quantity(1.5, "g")}),
        ({"doseQuantity": quantity(4, "tablet")}, "3/4", {"doseQuantity": quantity(3, "tablet")}),
        ({"doseQuantity": quantity(1, "g/m2")}, "2/3", {"doseQuantity": quantity(0.666666, "g/m2")}),
        (
            {"doseRange": {"low": quantity(500), "high": quantity(2000)}},
            "3/4",
            {"doseRange": {"low": quantity(500), "high": quantity(1500)}},
        ),
        (
            {"doseRange": {"low": quantity(1800), "high": quantity(2000)}},
            "3/4",
            {"doseRange": {"low": quantity(1500), "high": quantity(1500)}},
        ),
        ({"doseRange": {"high": quantity(2000)}}, "3/4", {"doseRange": {"high": quantity(1500)}}),
        (
            {"doseQuantity": quantity(2000), "rateQuantity": quantity(100, "mL/h")},
            "3/4",
            {"doseQuantity": quantity(1500), "rateQuantity": quantity(100, "mL/h")},
        ),
        ({"rateQuantity": quantity(100, "mg/h")}, "1/2", {"rateQuantity": quantity(50, "mg/h")}),
        ({"rateRange": {"high": quantity(100, "mg/h")}}, "1/2", {"rateRange": {"high": quantity(50, "mg/h")}}),
        (
            {"rateRatio": {"numerator": quantity(100), "denominator": quantity(1, "h")}},
            "1/2",
            {"rateRatio": {"numerator": quantity(50), "denominator": quantity(1, "h")}},
        ),
        ({"type": {"text": "ordered"}}, "1/2", {"type": {"text": "ordered"}}),
    ],
)
def test_each_form(dose: Json, factor: str, stands: Json) -> None:
    before = {"id": "d1", "dosageInstruction": [instruction(dose, route={"text": "oral"})]}
    kept = copy.deepcopy(before)
    after = lowered(before, Fraction(factor))
    assert after == {"id": "d1", "dosageInstruction": [instruction(stands, route={"text": "oral"})]}
    assert before == kept


@pytest.mark.parametrize(
    ("text", "dose", "stands"),
    [
        ("2000 mg twice a day", quantity(2000), "1500 mg twice a day"),
        ("2,000 mg twice a day", quantity(2000), "1500 mg twice a day"),
        ("2.000 MG dos veces al día", quantity(2000), "1500 MG dos veces al día"),
        ("take 2 g at 20 h", quantity(2, "g"), "take 1.5 g at 20 h"),
        ("4 tablets twice daily for 14 days", quantity(4, "tablet"), "3 tablets twice daily for 14 days"),
        ("12000 mg", quantity(2000), "12000 mg [dose lowered to 1500 mg]"),
        ("two tablets at night", quantity(2, "tablet"), "two tablets at night [dose lowered to 1.5 tablet]"),
        ("with food", quantity(2000), "with food"),
    ],
)
def test_the_words_do_not_contradict(text: str, dose: Json, stands: str) -> None:
    order = {"dosageInstruction": [instruction({"doseQuantity": dose}, text=text, patientInstruction=text)]}
    (after,) = lowered(order, Fraction(3, 4))["dosageInstruction"]
    assert (after["text"], after["patientInstruction"]) == (stands, stands)


amounts = st.decimals(min_value="0.001", max_value="100000", places=3, allow_nan=False).map(float)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(value=amounts, once=amounts, part=st.integers(1, 999))
def test_it_never_exceeds_the_bound(value: float, once: float, part: int) -> None:
    factor = Fraction(str(once * part / 1000)) / Fraction(str(once))
    order = {"dosageInstruction": [instruction({"doseQuantity": quantity(value)})]}
    after = lowered(order, factor)["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"]
    assert Fraction(str(after)) <= Fraction(str(value)) * factor
    assert Fraction(str(value)) * factor - Fraction(str(after)) < Fraction(1, 999_999)


def reduced(to: float, once: float, **more: Any) -> Json:
    resource = draft("199058", **more)
    context = {"draftOrders": {"entry": [{"resource": resource}]}}
    call = with_drafts(gather(prefetch()), "order-sign", context)
    return reduced_resource(call, Reduce("MedicationRequest/d1", to), once, MADRID)


def test_the_whole_draft_comes_back() -> None:
    whole = {
        "meta": {"versionId": "4"},
        "category": [{"coding": [{"code": "inpatient"}]}],
        "dosageInstruction": [instruction({"doseQuantity": quantity(8, "capsule")}, text="8 capsules, with food")],
        "dispenseRequest": {"numberOfRepeatsAllowed": 2},
        "extension": [{"url": "https://ehr.example.org/basket", "valueInteger": 7}],
    }
    lower = instruction({"doseQuantity": quantity(6, "capsule")}, text="6 capsules, with food")
    assert reduced(1500, 2000, **whole) == draft("199058", **{**whole, "dosageInstruction": [lower]})


def test_a_draft_gets_what_r4_needs_and_no_more() -> None:
    sent = {"status": ..., "intent": ..., "dosageInstruction": [{"doseQuantity": quantity(2000), "timing": TIMING}]}
    stands = draft("199058", dosageInstruction=[instruction({"doseQuantity": quantity(1500)})])
    assert reduced(1500, 2000, **sent) == stands


def test_the_noise_of_binary_fractions_takes_no_tablet_away() -> None:
    # 3 × 0.7 is 2.0999999999999996, and 3 × 1.1 is 3.3000000000000003
    for strength, once in ((0.7, 3 * 0.7), (1.1, 3 * 1.1)):
        sent = {"dosageInstruction": [instruction({"doseQuantity": quantity(3, "capsule")})]}
        (lower,) = reduced(2 * strength, once, **sent)["dosageInstruction"]
        assert lower["doseAndRate"] == [{"doseQuantity": quantity(2, "capsule")}]


def test_an_update_of_no_draft_is_an_error() -> None:
    call = with_drafts(gather(prefetch()), "order-sign", {"draftOrders": {"entry": []}})
    with pytest.raises(KeyError):
        reduced_resource(call, Reduce("MedicationRequest/d1", 1.0), 2.0, MADRID)
