"""The bounds of a regimen, and what a dose is told beside them, in a patient of 60 kg and 2 m²."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.dose_bounds import Bound, Comparison, bounds, compare, too_often
from cds_cards.dosing import BodySize
from cds_cards.guideline import Regimen
from cds_cards.record import Dose
from tests.unit.build import res

SIZE = BodySize(res("weight", 60, 1), res("height", 165, 100), 2.0, (), "60 kg, 165 cm")


def regimen(high: float, unit: str, **more: Any) -> Regimen:
    schedule = "daily" if unit.endswith("/day") else "pulse"
    return Regimen("x", 0, high, unit, ("iv",), **({"schedule": schedule, "text": "as reported"} | more))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (regimen(10, "mg/day"), [Bound("day", 10, "absolute")]),
        (regimen(1, "mg/kg/day"), [Bound("day", 1, "per-kg")]),
        (regimen(25, "mg/week", days_apart=7), [Bound("week", 25, "absolute")]),
        (regimen(25, "mg/week", days_apart=14), [Bound("week", 25, "absolute")]),
        (regimen(20, "mg"), [Bound("administration", 20, "absolute")]),
        (regimen(20, "mg", days_apart=6), [Bound("administration", 20, "absolute")]),
        (regimen(5, "mg/m2", days_apart=7), [Bound("administration", 5, "per-m2"), Bound("week", 5, "per-m2")]),
        (
            regimen(5, "mg/kg", days_apart=8, course=3),
            [
                Bound("administration", 5, "per-kg"),
                Bound("week", 5, "per-kg"),
                Bound("interval", 5, "per-kg"),
                Bound("course", 15, "per-kg"),
            ],
        ),
    ],
)
def test_the_bounds_of_a_regimen(item: Regimen, expected: list[Bound]) -> None:
    assert list(bounds(item)) == expected


def test_every_span_that_is_exceeded_is_named() -> None:
    item = regimen(1000, "mg", days_apart=14, course=2)
    dose = Dose(1000, 1000, 2000, 3000, daily=False, every_days=7)
    assert compare(dose, item, SIZE, 5) == Comparison(
        item,
        Verdict.MET,
        "2000 mg a week drafted, reported up to 1000 mg a week; "
        "2000 mg in 14 days drafted, reported up to 1000 mg in 14 days; "
        "3000 mg a course drafted, reported up to 2000 mg a course",
    )


@pytest.mark.parametrize(
    ("dose", "item", "missing"),
    [
        (Dose(10), regimen(20, "mg/day"), "its timing is not stated"),
        (Dose(10), regimen(20, "mg/week", days_apart=7), "its timing is not stated"),
        (Dose(10, 10, 40, daily=False), regimen(20, "mg/day"), "it is not a daily order"),
        (Dose(10, daily=False), regimen(20, "mg/day"), "the amount a day cannot be computed from the order"),
        (Dose(), regimen(20, "mg/week"), "the amount a week cannot be computed from the order"),
        (Dose(), regimen(20, "mg"), "the amount per administration cannot be computed from the order"),
        (
            Dose(2, 2, 14, daily=True),
            regimen(20, "mg", days_apart=7),
            "it is a daily order, and Table 2 reports single doses days apart",
        ),
    ],
)
def test_a_dose_that_may_be_more_than_it_shows_is_unknown_and_why(dose: Dose, item: Regimen, missing: str) -> None:
    assert compare(dose, item, SIZE, 5) == Comparison(item, Verdict.UNKNOWN, missing=missing)


@pytest.mark.parametrize(
    ("dose", "item", "verdict", "text", "ratio"),
    [
        (
            Dose(140, 140, 140, daily=False),
            regimen(10, "mg/day"),
            Verdict.MET,
            "20 mg a day on average drafted, reported up to 10 mg a day",
            0.5,
        ),
        (
            Dose(20, 20, 140, daily=True),
            regimen(10, "mg/day"),
            Verdict.MET,
            "20 mg a day drafted, reported up to 10 mg a day",
            0.5,
        ),
        # a single dose is not a mean of days
        (
            Dose(20, 20, 20, daily=False),
            regimen(10, "mg", days_apart=7),
            Verdict.MET,
            "20 mg per administration drafted, reported up to 10 mg per administration",
            0.5,
        ),
        (
            Dose(10, 10, 70, daily=True),
            regimen(10, "mg/day"),
            Verdict.NOT_MET,
            "10 mg a day drafted, reported up to 10 mg a day",
            None,
        ),
    ],
)
def test_both_amounts_in_words(dose: Dose, item: Regimen, verdict: Verdict, text: str, ratio: float | None) -> None:
    assert compare(dose, item, SIZE, 5) == Comparison(item, verdict, text, "", ratio)


@pytest.mark.parametrize(
    ("per_kg", "shown"),
    [
        (0.16646, "9.988 mg a day (0.166 mg/kg a day at 60 kg, 165 cm)"),
        (0.17077, "10.2 mg a day (0.171 mg/kg a day at 60 kg, 165 cm)"),
        (0.20577, "12.3 mg a day (0.206 mg/kg a day at 60 kg, 165 cm)"),
    ],
)
def test_a_computed_bound_of_ten_or_more_is_shown_to_one_decimal(per_kg: float, shown: str) -> None:
    dose = Dose(5, 5, 35, daily=True)
    assert compare(dose, regimen(per_kg, "mg/kg/day"), SIZE, 5).text == f"5 mg a day drafted, reported up to {shown}"


@pytest.mark.parametrize(("apart", "sooner"), [(None, False), (1, False), (2, True), (7, True)])
def test_a_daily_order_stands_against_doses_that_lie_days_apart(apart: float | None, sooner: bool) -> None:
    item = regimen(100, "mg", days_apart=apart)
    assert too_often(Dose(50, 50, 350, daily=True), item) is sooner
    assert not too_often(Dose(50, None, None, daily=False), item)


def test_without_a_size_a_regimen_by_size_is_not_compared() -> None:
    item, nobody = regimen(5, "mg/kg", days_apart=7), BodySize(None, None, None, ())
    assert compare(Dose(400, None, None, daily=False), item, nobody, 5) == Comparison(
        item, Verdict.UNKNOWN, missing="weight not known"
    )


def test_a_course_of_fewer_doses_brings_no_more_than_the_course_in_the_days_between_two() -> None:
    """Every third day would bring 2,000 mg in 14 days; the course is 900 mg in all."""
    item = regimen(1000, "mg", days_apart=14)
    exceeded = compare(Dose(500, None, None, None, daily=False, every_days=3), item, SIZE, 5)
    assert exceeded.text.endswith("in 14 days drafted, reported up to 1000 mg in 14 days")
    assert compare(Dose(500, None, None, 900, daily=False, every_days=3), item, SIZE, 5).exceeded is Verdict.NOT_MET
