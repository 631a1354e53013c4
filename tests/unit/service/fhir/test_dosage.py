"""The truth table of the dose reader: every form a dosage instruction may take, and what cannot be computed."""

from __future__ import annotations

from typing import Any

import pytest

from service.fhir.read.amounts import Strength
from service.fhir.read.dosage import read_dose

UCUM = "http://unitsofmeasure.org"


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def every(frequency: float, period: float, unit: str, **more: object) -> dict[str, Any]:
    return {"timing": {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit, **more}}}


def give(value: float, unit: str, timing: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": quantity(value, unit)}], **(timing or {}), **more}


DAILY = every(1, 1, "d")
TWICE = every(2, 1, "d")


@pytest.mark.parametrize(
    ("dosage", "per_administration", "per_day", "per_week", "daily"),
    [
        (give(5, "mg", TWICE), 5, 10, 70, True),
        (give(1, "g", TWICE), 1000, 2000, 14000, True),
        (give(500, "ug", DAILY), 0.5, 0.5, 3.5, True),
        (give(500, "mcg", DAILY), 0.5, 0.5, 3.5, True),
        (give(5, "mg", every(1, 12, "h")), 5, 10, 70, True),
        (give(5, "mg", every(1, 2, "d")), 5, 5, 20, False),
        (give(15, "mg", every(1, 1, "wk")), 15, 15, 15, False),
        (give(15, "mg", every(2, 1, "wk")), 15, 15, 30, False),
        (give(750, "mg", every(1, 4, "wk")), 750, 750, 750, False),
        (give(750, "mg", every(1, 1, "mo")), 750, 750, 750, False),
        # the most frequent reading of a range counts
        (give(5, "mg", every(1, 1, "d", frequencyMax=3)), 5, 15, 105, True),
        (give(5, "mg", {"timing": {"repeat": {"period": 1, "periodUnit": "d"}}}), 5, 5, 35, True),
        (give(5, "mg", {"timing": {"repeat": {"timeOfDay": ["08:00:00", "20:00:00"]}}}), 5, 10, 70, True),
        (give(5, "mg", {"timing": {"repeat": {"when": ["MORN", "NIGHT"]}}}), 5, 10, 70, True),
        (give(5, "mg", {"timing": {"repeat": {"when": ["PC"]}}}), 5, 15, 105, True),
        (give(5, "mg", {"timing": {"repeat": {"dayOfWeek": ["mon", "thu"]}}}), 5, 5, 10, False),
        (give(5, "mg", {"timing": {"code": {"coding": [{"code": "BID"}]}}}), 5, 10, 70, True),
        (give(5, "mg", {"timing": {"code": {"coding": [{"code": "QOD"}]}}}), 5, 5, 20, False),
        (give(5, "mg", {"timing": {"event": ["2026-03-01", "2026-03-15"]}}), 5, 5, 5, False),
        (give(5, "mg", {"timing": {"event": ["2026-03-01", "2026-03-03"]}}), 5, 5, 10, False),
        (give(5, "mg", {"timing": {"repeat": {"count": 1}}}), 5, 5, 5, False),
        # no timing: the single amount is known, no more
        (give(750, "mg"), 750, None, None, None),
        # the older shape, dose directly in the instruction
        ({"doseQuantity": quantity(5, "mg"), **TWICE}, 5, 10, 70, True),
        # a range counts by its upper bound
        (
            {"doseAndRate": [{"doseRange": {"low": quantity(5, "mg"), "high": quantity(10, "mg")}}], **DAILY},
            10,
            10,
            70,
            True,
        ),
        # rates
        ({"doseAndRate": [{"rateQuantity": quantity(100, "mg/d")}]}, None, 100, 700, True),
        (
            {"doseAndRate": [{"rateQuantity": quantity(10, "mg/h")}], **every(1, 1, "d", duration=3, durationUnit="h")},
            30,
            30,
            210,
            True,
        ),
        (
            {"doseAndRate": [{"rateRatio": {"numerator": quantity(240, "mg"), "denominator": quantity(24, "h")}}]},
            None,
            240,
            1680,
            True,
        ),
        # the dose wins over the speed it is given with
        (
            {"doseAndRate": [{"doseQuantity": quantity(750, "mg"), "rateQuantity": quantity(100, "mL/h")}]},
            750,
            None,
            None,
            None,
        ),
        # "as needed" never brings more than its stated maximum
        (
            give(
                5,
                "mg",
                every(1, 4, "h"),
                asNeededBoolean=True,
                maxDosePerPeriod={"numerator": quantity(20, "mg"), "denominator": quantity(1, "d")},
            ),
            5,
            20,
            210,
            True,
        ),
    ],
)
def test_one_instruction(
    dosage: dict[str, Any],
    per_administration: float | None,
    per_day: float | None,
    per_week: float | None,
    daily: bool | None,
) -> None:
    dose = read_dose([dosage])
    assert (dose.per_administration, dose.per_day, dose.per_week, dose.daily, dose.unread) == (
        per_administration,
        pytest.approx(per_day) if per_day is not None else None,
        pytest.approx(per_week) if per_week is not None else None,
        daily,
        None,
    )


@pytest.mark.parametrize(
    ("unit", "amount", "basis"),
    [
        ("mg/kg", 0.07, "per-kg"),
        ("mg/kg/d", None, "per-kg"),
        ("g/kg", 70, "per-kg"),
        ("mg/m2", 0.07, "per-m2"),
        ("mg/m²", 0.07, "per-m2"),
        ("g/m2", 70, "per-m2"),
    ],
)
def test_amounts_per_body_size(unit: str, amount: float | None, basis: str) -> None:
    dose = read_dose([give(0.07, unit, DAILY)])
    assert dose.basis == basis
    assert dose.per_administration == (pytest.approx(amount) if amount is not None else None)
    assert dose.per_day == pytest.approx(amount if amount is not None else 0.07)


@pytest.mark.parametrize("unit", ["tablet", "TAB", "capsules", "{capsule}", "Capsule", "1"])
def test_counts_take_the_strength_of_the_product(unit: str) -> None:
    assert read_dose([give(2, unit, TWICE)], Strength(mg=250)).per_day == 1000
    assert read_dose([give(2, unit, TWICE)]).unread == "the dose is a count of units whose strength is not known"


def test_volumes_take_the_concentration_of_the_product() -> None:
    assert read_dose([give(5, "mL", TWICE)], Strength(mg_per_ml=200)).per_day == 2000
    assert (
        read_dose([give(5, "mL", TWICE)], Strength(mg=500)).unread == "the dose is a volume whose strength is not known"
    )


def test_instructions_without_order_or_dates_add_up() -> None:
    dose = read_dose([give(3, "mg", DAILY), give(2, "mg", DAILY)])
    assert (dose.per_day, dose.per_administration) == (5, 3)


def test_instructions_of_one_sequence_add_up_and_of_several_follow_each_other() -> None:
    dose = read_dose(
        [give(3, "mg", DAILY, sequence=1), give(2, "mg", DAILY, sequence=1), give(4, "mg", DAILY, sequence=2)]
    )
    assert dose.per_day == 5


def test_instructions_of_separate_periods_follow_each_other() -> None:
    first = every(1, 1, "d", boundsPeriod={"start": "2026-03-01", "end": "2026-03-07"})
    second = every(1, 1, "d", boundsPeriod={"start": "2026-03-08", "end": "2026-03-14"})
    overlapping = every(1, 1, "d", boundsPeriod={"start": "2026-03-05", "end": "2026-03-14"})
    assert read_dose([give(60, "mg", first), give(40, "mg", second)]).per_day == 60
    assert read_dose([give(60, "mg", first), give(40, "mg", overlapping)]).per_day == 100


@pytest.mark.parametrize(
    ("timing", "in_all"),
    [
        (every(1, 1, "d", boundsDuration={"value": 3, "unit": "d", "code": "d"}), 3000),
        (every(1, 1, "d", count=3), 3000),
        (every(1, 1, "wk", boundsDuration={"value": 4, "unit": "wk", "code": "wk"}), 4000),
        (every(1, 2, "wk", count=2), 2000),
        ({"timing": {"event": ["2026-03-01", "2026-03-02", "2026-03-03"]}}, 3000),
        (every(1, 1, "d"), None),
    ],
)
def test_a_course_with_an_end_has_a_total(timing: dict[str, Any], in_all: float | None) -> None:
    assert read_dose([give(1000, "mg", timing)]).per_cycle == in_all


@pytest.mark.parametrize(
    ("dosages", "why"),
    [
        ([], "no dosage instruction"),
        ([{"text": "two capsules twice daily"}], "the dose is in words only"),
        ([{**DAILY}], "no dose is stated"),
        ([{"doseAndRate": [{"doseQuantity": {"unit": "mg"}}]}], "the dose has no number"),
        ([give(-5, "mg", DAILY)], "the dose is negative"),
        ([{"doseAndRate": [{"doseQuantity": {"value": 5}}]}], "the dose has no unit"),
        ([give(5, "[iU]", DAILY)], "the dose's unit is no mass"),
        ([give(5, "mg/furlong", DAILY)], "the dose's unit cannot be read"),
        ([give(5, "mg", {"timing": {"repeat": {"frequency": 2}}})], "the timing states a frequency without a period"),
        ([give(5, "mg", {"timing": {"code": {"text": "twice daily"}}})], "the timing is in words only"),
        ([give(5, "mg", every(1, 0, "d"))], "the timing's period cannot be read"),
        ([give(5, "mg", {"timing": {"event": ["2026-03"]}})], "the timing's dates are partial"),
        ([{"doseAndRate": [{"doseRange": {"low": quantity(5, "mg")}}]}], "the dose range has no upper bound"),
        ([{"doseAndRate": [{"rateQuantity": quantity(10, "mg/h")}]}], "the rate does not say how long it runs"),
        ([{"doseAndRate": [{"rateQuantity": quantity(10, "mg")}]}], "the rate has no time unit"),
        (
            [{"doseAndRate": [{"rateRatio": {"numerator": quantity(10, "mg"), "denominator": quantity(0, "h")}}]}],
            "the rate's time cannot be read",
        ),
        (
            [{"doseAndRate": [{"doseQuantity": quantity(5, "mg")}, {"doseQuantity": quantity(7, "mg")}]}],
            "one instruction states several doses",
        ),
        ([give(5, "mg", DAILY), give(1, "mg/kg", DAILY)], "the instructions mix amounts with and without body size"),
        ([give(5, "mg", DAILY), {"text": "more if needed"}], "the dose is in words only"),
    ],
)
def test_what_cannot_be_computed_is_named(dosages: list[dict[str, Any]], why: str) -> None:
    dose = read_dose(dosages)
    assert dose.unread == why
    assert (dose.per_administration, dose.per_day, dose.per_week, dose.per_cycle) == (None, None, None, None)


def test_an_unread_amount_still_tells_its_timing() -> None:
    assert read_dose([{"text": "as written", **DAILY}]).daily is True
    assert read_dose([{"text": "as written", **every(1, 4, "wk")}]).daily is False
    assert read_dose([{"text": "as written"}]).daily is None


def test_the_ordered_dose_counts_beside_a_calculated_one() -> None:
    def kind(code: str) -> dict[str, Any]:
        return {"coding": [{"code": code}]}

    both = [
        {"type": kind("calculated"), "doseQuantity": quantity(4.2, "mg")},
        {"type": kind("ordered"), "doseQuantity": quantity(0.06, "mg/kg")},
    ]
    dose = read_dose([{"doseAndRate": both, **DAILY}])
    assert (dose.per_day, dose.basis) == (0.06, "per-kg")


@pytest.mark.parametrize(
    ("timing", "every_days"),
    [
        (DAILY, None),
        (every(1, 2, "d"), 2),
        (every(1, 1, "wk"), 7),
        (every(2, 1, "wk"), 3.5),
        (every(1, 4, "wk"), 28),
        ({"timing": {"repeat": {"dayOfWeek": ["mon", "thu"]}}}, 3),
        ({"timing": {"repeat": {"dayOfWeek": ["sat", "mon"]}}}, 2),
        ({"timing": {"code": {"coding": [{"code": "QOD"}]}}}, 2),
        ({"timing": {"event": ["2026-03-01", "2026-03-15", "2026-03-22"]}}, 7),
        ({"timing": {"event": ["2026-03-01"]}}, None),
        ({"timing": {"repeat": {"count": 1}}}, None),
        (None, None),
    ],
)
def test_days_from_one_administration_to_the_next(timing: dict[str, Any] | None, every_days: float | None) -> None:
    assert read_dose([give(100, "mg", timing)]).every_days == every_days


def period(start: str, end: str) -> dict[str, Any]:
    return {"boundsPeriod": {"start": start, "end": end}}


@pytest.mark.parametrize(
    ("timing", "administrations"),
    [
        (every(1, 1, "d", **period("2026-03-01", "2026-03-03")), 3),
        (every(2, 1, "d", **period("2026-03-01", "2026-03-03")), 6),
        (every(1, 1, "d", **period("2026-03-01T08:00:00Z", "2026-03-04T08:00:00Z")), 3),
        (every(1, 1, "d", **period("2026-03-01T08:00:00Z", "2026-03-03")), 3),
        (every(1, 1, "wk", **period("2026-03-01", "2026-03-28")), 4),
        (every(1, 2, "wk", **period("2026-03-01", "2026-03-28")), 2),
        (every(1, 2, "wk", **period("2026-03-01", "2026-03-15")), 2),
        (every(1, 2, "d", **period("2026-03-01", "2026-03-10")), 5),
        ({"timing": {"repeat": {"dayOfWeek": ["mon", "thu"], **period("2026-03-02", "2026-03-29")}}}, 8),
        (every(1, 1, "d", **period("2026-03-01", "2026-03-01")), 1),
        (every(1, 1, "d", **period("2026-03", "2026-03-03")), None),
        (every(1, 1, "d", boundsPeriod={"start": "2026-03-01"}), None),
        # a stated count goes before the period
        (every(1, 1, "d", count=2, **period("2026-03-01", "2026-03-09")), 2),
    ],
)
def test_a_period_counts_its_administrations(timing: dict[str, Any], administrations: float | None) -> None:
    expected = None if administrations is None else administrations * 1000
    assert read_dose([give(1000, "mg", timing)]).per_cycle == expected


def a_day(mg: float) -> dict[str, Any]:
    return {"numerator": quantity(mg, "mg"), "denominator": quantity(1, "d")}


@pytest.mark.parametrize(
    ("dosages", "uniform"),
    [
        ([give(5, "mg", TWICE)], True),
        ([give(5, "mg", DAILY), give(5, "mg", DAILY)], True),
        ([give(3, "mg", DAILY), give(2, "mg", DAILY)], False),
        ([give(60, "mg", DAILY, sequence=1), give(40, "mg", DAILY, sequence=2)], False),
        # the maximum, not the single amount, says what a day brings
        ([give(5, "mg", TWICE, maxDosePerPeriod=a_day(8))], False),
        ([give(5, "mg", TWICE, maxDosePerPeriod=a_day(20))], True),
    ],
)
def test_whether_every_administration_brings_the_same(dosages: list[dict[str, Any]], uniform: bool) -> None:
    assert read_dose(dosages).uniform is uniform


@pytest.mark.parametrize(
    ("stated", "mg"),
    [
        ({"value": 2, "code": "C48480", "system": "urn:oid:2.16.840.1.113883.3.26.1.1", "unit": "Capsule"}, 500),
        ({"value": 500, "code": "258684004", "system": "http://snomed.info/sct", "unit": "mg"}, 500),
        ({"value": 500, "code": "mg", "system": "http://unitsofmeasure.org", "unit": "milligramos"}, 500),
        ({"value": 500, "unit": "MG"}, 500),
        ({"value": 2, "code": "CAP", "system": "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"}, 500),
        ({"value": 2, "unit": "cápsulas"}, 500),
        ({"value": 500, "unit": "mg/dose"}, 500),
        ({"value": 258684004, "code": "258684004", "system": "http://snomed.info/sct"}, None),
    ],
)  # fmt: skip
def test_units_of_other_systems_are_read_by_their_text(stated: dict[str, Any], mg: float | None) -> None:
    dose = read_dose([{"doseAndRate": [{"doseQuantity": stated}]}], Strength(mg=250))
    assert dose.per_administration == mg


def test_a_day_of_the_week_that_is_none() -> None:
    timing = {"timing": {"repeat": {"dayOfWeek": ["mon", "someday"]}}}
    assert read_dose([give(5, "mg", timing)]).unread == "the timing's days of the week cannot be read"
