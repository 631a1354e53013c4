"""Body size and the reported dose ranges."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_cards.disease import Population
from cds_cards.dosing import BodySize, DoseRange, body_size, dose_range, rounded_down
from cds_cards.guideline import Guideline, Regimen
from cds_cards.knowledge import load_guideline
from cds_cards.record import PatientRecord
from tests.unit.build import AS_OF, Date, person, rec, res, unread

UNKNOWN_SIZE = BodySize(None, None, None, ())


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def ago(days: float) -> Date:
    return AS_OF - timedelta(days=days)


def measure(record: PatientRecord, guideline: Guideline, age: tuple[int, int] | None = (55, 55)) -> BodySize:
    return body_size(record, Population("in", "", age), guideline, AS_OF)


def sized(guideline: Guideline, kg: float = 60, cm: float = 165) -> BodySize:
    return measure(rec(res("weight", kg, ago(2)), res("height", cm, "2010-05-05")), guideline)


def regimen(guideline: Guideline, name: str) -> Regimen:
    return next(item for agent in guideline.agents.values() for item in agent.regimens if item.id == name)


def test_mosteller(guideline: Guideline) -> None:
    size = sized(guideline, 80, 180)
    assert size.bsa == pytest.approx(2.0)
    assert size.gaps == ()
    assert "80 kg of 2026-02-27" in size.basis
    assert "180 cm of 2010-05-05" in size.basis


@pytest.mark.parametrize(
    ("facts", "kg"),
    [
        ([], None),
        ([res("weight", 60, ago(90))], 60),
        ([res("weight", 60, ago(90.01))], None),
        ([res("weight", 60, "2025")], None),
        ([res("weight", 60, "2026-02")], 60),
        ([res("weight", 60, ago(9)), res("weight", 57, ago(2))], 57),
        ([res("weight", 60, ago(2)), res("weight", 57, ago(2))], 57),
        ([res("weight", 60, "2026-02"), res("weight", 57, "2026-02-10")], None),
        ([res("weight", 60, ago(9)), res("weight", 57, ago(2), preliminary=True)], 60),
        ([res("weight", 200, ago(2), comparator=">")], None),
        ([res("weight", 0, ago(2))], None),
        ([res("weight", 0.5, ago(2))], 0.5),
        ([res("weight", None, ago(2))], None),
        ([unread("observations", "weight", when=ago(1))], None),
        ([unread("observations", "weight", when=ago(1)), res("weight", 60, ago(9))], 60),
    ],
)
def test_weight(facts: list[Any], kg: float | None, guideline: Guideline) -> None:
    for order in (facts, facts[::-1]):
        size = measure(rec(*order), guideline)
        assert (size.weight.value if size.weight else None) == kg
        assert ("weight" in dict(size.gaps)) is (kg is None)
        assert "height" in dict(size.gaps)
        assert size.bsa is None


@pytest.mark.parametrize(
    ("born", "facts", "cm"),
    [
        ("1970-05-04", [res("height", 165, "1988-05-04")], 165),
        ("1970-05-04", [res("height", 165, "1988-05-03")], None),
        ("1970", [res("height", 165, "1988-06-01")], None),
        ("1970", [res("height", 165, "1989-01-01")], 165),
        ("1970-05-04", [res("height", 165, "1988")], None),
        (None, [res("height", 165, "2020-01-01")], None),
        ("1970-05-04", [res("height", 165, "1999-01-01"), res("height", 163, "2019-01-01")], 163),
        ("1970-05-04", [res("height", 120, "1979-01-01"), res("height", 163, "2019-01-01")], 163),
        ("1970-05-04", [res("height", 163, "2019-01-01"), res("height", 160, "2020-01-01", preliminary=True)], 163),
        ("1970-05-04", [res("height", 163, "2019"), res("height", 165, "2019-06-01")], None),
        # of two heights of one moment the lower one: it gives the lower dose
        ("1970-05-04", [res("height", 165, "2019-01-01"), res("height", 160, "2019-01-01")], 160),
        ("1970-05-04", [res("height", 160, "2019-01-01"), res("height", 165, "2019-01-01")], 160),
        ("1970-05-04", [], None),
    ],
)
def test_height_counts_ever_as_an_adult(
    born: Date | None, facts: list[Any], cm: float | None, guideline: Guideline
) -> None:
    size = measure(rec(*facts, who=person(born=born)), guideline)
    assert (size.height.value if size.height else None) == cm
    assert ("height" in dict(size.gaps)) is (cm is None)


def test_an_unknown_age_computes_no_dose(guideline: Guideline) -> None:
    facts = (res("weight", 60, ago(2)), res("height", 165, "2010-05-05"))
    size = measure(rec(*facts, who=person(born=None)), guideline, age=None)
    assert [gap for gap, _ in size.gaps] == ["age"]
    for name in ("tacrolimus", "cyclophosphamide-iv"):
        found = dose_range(regimen(guideline, name), size)
        assert (found.low, found.high, found.missing) == (None, None, "age")


@pytest.mark.parametrize(
    ("name", "low", "high", "unit"),
    [
        ("prednisone-oral", 30, 60, "mg/day"),
        ("prednisolone-oral", 30, 60, "mg/day"),
        ("methylprednisolone-pulse", 500, 1000, "mg/day"),
        ("cyclosporine", 120, 300, "mg/day"),
        ("tacrolimus", 3.6, 4.5, "mg/day"),
        ("cyclophosphamide-iv", 829.156, 1658.312, "mg"),
        ("mycophenolate", 1000, 3000, "mg/day"),
        ("rituximab-weekly", 580.409, 621.867, "mg"),
        ("rituximab-two-doses", 1000, 1000, "mg"),
        ("basiliximab", 20, 20, "mg"),
        ("ivig", 24000, 24000, "mg/day"),
        ("tofacitinib", 10, 10, "mg/day"),
        ("azathioprine", 120, 180, "mg/day"),
        ("leflunomide", 10, 20, "mg/day"),
        ("methotrexate", 0, 25, "mg/week"),
        ("infliximab", 300, 300, "mg"),
        ("pirfenidone", 801, 801, "mg/day"),
    ],
)
def test_the_regimens_of_table_2_at_60_kg_and_165_cm(
    name: str, low: float, high: float, unit: str, guideline: Guideline
) -> None:
    found = dose_range(regimen(guideline, name), sized(guideline))
    assert (found.low, found.high) == (pytest.approx(low, abs=0.001), pytest.approx(high, abs=0.001))
    assert (found.regimen, found.unit) == (name, unit)
    assert found.missing == ""


@pytest.mark.parametrize(
    ("name", "facts", "missing"),
    [
        ("tacrolimus", [], "weight"),
        ("tacrolimus", [res("height", 165, 9)], "weight"),
        ("cyclophosphamide-iv", [], "weight and height"),
        ("cyclophosphamide-iv", [res("weight", 60, 9)], "height"),
        ("cyclophosphamide-iv", [res("height", 165, 9)], "weight"),
        ("mycophenolate", [], ""),
    ],
)
def test_a_missing_size_is_named(name: str, facts: list[Any], missing: str, guideline: Guideline) -> None:
    item = regimen(guideline, name)
    found = dose_range(item, measure(rec(*facts), guideline))
    assert found.missing == missing
    assert (found.low is None) is (found.shown_high is None) is bool(missing)
    assert item.text in found.text


@settings(max_examples=200)
@given(
    kg=st.floats(30, 200),
    cm=st.floats(130, 210),
    name=st.sampled_from(["prednisone-oral", "cyclosporine", "tacrolimus", "cyclophosphamide-iv", "rituximab-weekly"]),
)
def test_rounding_never_moves_a_bound_outward(guideline: Guideline, kg: float, cm: float, name: str) -> None:
    found = dose_range(regimen(guideline, name), sized(guideline, kg, cm))
    assert found.low is not None
    assert found.high is not None
    assert found.shown_low is not None
    assert found.shown_high is not None
    assert found.low - 1e-6 <= found.shown_low <= found.shown_high <= found.high + 1e-6


def test_rounding_is_inward_and_keeps_whole_steps(guideline: Guideline) -> None:
    found = dose_range(regimen(guideline, "tacrolimus"), sized(guideline, 61.7))
    assert (found.shown_low, found.shown_high) == (3.8, 4.6)
    assert found.text.startswith("3.8–4.6 mg/day")
    found = dose_range(regimen(guideline, "cyclophosphamide-iv"), sized(guideline))
    assert (found.shown_low, found.shown_high) == (830, 1650)


def test_a_narrow_range_without_a_step_inside_stays_exact() -> None:
    narrow = Regimen("x", 1.001, 1.009, "mg/kg", ("iv",), "daily", "narrow")
    weight = res("weight", 100, 1)
    found = dose_range(narrow, replace(UNKNOWN_SIZE, weight=weight))
    assert (found.shown_low, found.shown_high) == (100.1, 100.9)


def test_the_weights_age_is_the_policys(guideline: Guideline) -> None:
    moved = replace(guideline, policy=replace(guideline.policy, weight_days=91))
    record = rec(res("weight", 60, ago(90.5)))
    assert measure(record, guideline).weight is None
    assert measure(record, moved).weight is not None


@pytest.mark.parametrize(
    ("facts", "name", "why"),
    [
        ([], "weight", "no usable weight on record"),
        ([unread("observations", "weight")], "weight", "the weight on record could not be read"),
        ([unread("observations")], "weight", "no usable weight on record"),
        ([res("weight", 60, ago(91))], "weight", "the latest, of 2025-11-30, is not surely within 90 days"),
        (
            [res("weight", 60, "2026-02"), res("weight", 57, "2026-02-10")],
            "weight",
            "several weights of dates that do not tell which is the newest",
        ),
        ([], "height", "no usable adult height on record"),
        ([unread("observations", "height")], "height", "the adult height on record could not be read"),
        (
            [res("height", 150, "1984")],
            "height",
            "no height that was surely measured at 18 years or later",
        ),
        (
            [res("height", 165, "2026-02"), res("height", 160, "2026-02-10")],
            "height",
            "several heights of dates that do not tell which is the newest",
        ),
    ],
)
def test_why_a_size_is_not_known(facts: list[Any], name: str, why: str, guideline: Guideline) -> None:
    assert dict(measure(rec(*facts), guideline).gaps)[name] == why


def test_sizes_in_words(guideline: Guideline) -> None:
    assert sized(guideline, 60.5, 165).basis == "60.5 kg of 2026-02-27, 165 cm of 2010-05-05"
    assert measure(rec(res("weight", 60, ago(2))), guideline).basis == "60 kg of 2026-02-27"
    unknown = measure(rec(res("weight", 60, ago(2))), guideline, None)
    assert unknown == BodySize(None, None, None, (("age", "age unknown: no dose is computed"),))


def test_a_fixed_dose_is_shown_as_reported(guideline: Guideline) -> None:
    plain = Regimen(**{**regimen_fields(guideline), "unit": "mg/day", "low": 7.5, "high": 1003})
    found = dose_range(plain, UNKNOWN_SIZE)
    assert (found.low, found.high, found.shown_low, found.shown_high) == (7.5, 1003, 7.5, 1003)
    assert (found.unit, found.text, found.missing) == ("mg/day", plain.text, "")


def regimen_fields(guideline: Guideline) -> dict[str, Any]:
    some = next(iter(item for agent in guideline.agents.values() for item in agent.regimens))
    return {name: getattr(some, name) for name in some.__dataclass_fields__}


@pytest.mark.parametrize(
    ("amount", "increment", "given"),
    [
        (9.99, None, 9.9),
        (10, None, 10),
        (10.9, None, 10),
        (99.9, None, 99),
        (100, None, 100),
        (104.9, None, 100),
        (999, None, 995),
        (1000, None, 1000),
        (1009, None, 1000),
        (0.3, None, 0.3),  # 0.3 / 0.1 is 2.9999999999999996
        (1999, 500, 1500),
        (2000, 500, 2000),
        (499, 500, 0),
    ],
)
def test_an_amount_is_rounded_down(amount: float, increment: float | None, given: float) -> None:
    assert rounded_down(amount, increment) == given


@pytest.mark.parametrize(
    ("low", "high", "kg", "shown"),
    [
        (0.5, 1, 60, (30, 60)),
        (0.05, 0.1, 61, (3.1, 6.1)),
        (0.11, 0.16, 62, (6.9, 9.9)),
        (1.1, 1.7, 57, (63, 96)),
        (2, 5, 57, (115, 285)),
        (11, 19, 57, (630, 1080)),
    ],
)
def test_a_range_is_rounded_by_its_upper_bound(
    low: float, high: float, kg: float, shown: tuple[float, float], guideline: Guideline
) -> None:
    fields = regimen_fields(guideline) | {"unit": "mg/kg/day", "low": low, "high": high, "text": "as reported"}
    found = dose_range(Regimen(**fields), sized(guideline, kg))
    assert (found.shown_low, found.shown_high) == shown
    assert found.text == f"{shown[0]:g}–{shown[1]:g} mg/day for this patient ({kg:g} kg); reported: as reported"
    assert (found.low, found.high) == (pytest.approx(low * kg), pytest.approx(high * kg))


def test_the_days_of_a_size_are_those_of_the_hospitals_zone(guideline: Guideline) -> None:
    """Three in the morning (UTC) belongs to the day before in Los Angeles."""
    pacific = replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))
    facts = (res("weight", 60, "2026-02-20T03:00:00Z"), res("height", 165, "2019-02-20T03:00:00Z"))
    assert measure(rec(*facts), pacific).basis == "60 kg of 2026-02-19, 165 cm of 2019-02-19"
    old = measure(rec(res("weight", 60, "2025-02-20T03:00:00Z")), pacific)
    assert dict(old.gaps)["weight"] == "the latest, of 2025-02-19, is not surely within 90 days"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cyclophosphamide-iv", "830–1650 mg for this patient (1.66 m², Mosteller); reported: 0.5–1 g/m² IV"),
        ("tacrolimus", "3.6–4.5 mg/day for this patient (60 kg); reported: 0.06–0.075 mg/kg/day by mouth"),
        ("mycophenolate", "1–3 g/day by mouth"),
    ],
)
def test_a_dose_names_the_size_that_it_is_computed_from(name: str, text: str, guideline: Guideline) -> None:
    assert dose_range(regimen(guideline, name), sized(guideline)).text == text


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (9.02, 9.95, (9.1, 9.9)),
        (9.55, 10, (10, 10)),
        (9.2, 10.5, (10, 10)),
        (90.2, 99.5, (91, 99)),
        (95.2, 100, (100, 100)),
        (96.2, 100.5, (100, 100)),
        (991, 999.5, (995, 995)),
        (991, 1000, (1000, 1000)),
        (991, 1000.5, (1000, 1000)),
    ],
)
def test_the_steps_change_at_ten_a_hundred_and_a_thousand(low: float, high: float, shown: tuple[float, float]) -> None:
    item = Regimen("x", low, high, "mg/kg/day", ("iv",), "daily", "as reported")
    found = dose_range(item, replace(UNKNOWN_SIZE, weight=res("weight", 1, 1)))
    assert (found.shown_low, found.shown_high) == shown
    amount = f"{shown[0]:g}" if shown[0] == shown[1] else f"{shown[0]:g}–{shown[1]:g}"
    assert found.text == f"{amount} mg/day for this patient (1 kg); reported: as reported"


def test_a_weight_without_a_number_is_no_size() -> None:
    item = Regimen("x", 1, 2, "mg/kg/day", ("iv",), "daily", "as reported")
    with pytest.raises(ValueError, match="weight without a number"):
        dose_range(item, replace(UNKNOWN_SIZE, weight=res("weight", None, 1)))


def test_what_is_left_of_the_unit_once_the_size_is_known(guideline: Guideline) -> None:
    per_m2, per_kg = regimen(guideline, "cyclophosphamide-iv"), regimen(guideline, "tacrolimus")
    assert dose_range(per_m2, sized(guideline)).unit == "mg"
    assert dose_range(per_kg, sized(guideline)).unit == "mg/day"
    assert dose_range(per_m2, UNKNOWN_SIZE) == DoseRange(per_m2.id, None, None, "mg", per_m2.text, "weight and height")
    assert dose_range(per_kg, UNKNOWN_SIZE) == DoseRange(per_kg.id, None, None, "mg/day", per_kg.text, "weight")
