"""A starting dose of glucocorticoid below the policy's: named only where all of it is known."""

from __future__ import annotations

import pytest

from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Administration, Dose
from cds_cards.therapy import Therapy, therapy
from tests.unit.build import AS_OF, Fact, given, order, rec, res

NO_GASES = Gases((), (), (), ())


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def treat(guideline: Guideline, *facts: Fact) -> Therapy:
    return therapy(rec(*facts), NO_GASES, guideline, AS_OF)


T = order("tacrolimus", 30)
WEIGHT = res("weight", 60, 5)


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ([order("prednisone", 10, dose=Dose(per_day=29.9)), WEIGHT], True),
        ([order("prednisone", 10, dose=Dose(per_day=30)), WEIGHT], False),  # 0.5 mg/kg/day
        ([order("methylprednisolone", 10, dose=Dose(per_day=24)), WEIGHT], False),  # 30 mg prednisone
        ([order("prednisone", 10, dose=Dose(per_day=0.4, basis="per-kg")), WEIGHT], True),
        ([order("prednisone", 10, dose=Dose(per_day=15)), WEIGHT], True),
        (
            [order("prednisone", 10, dose=Dose(per_day=15)), order("prednisolone", 9, dose=Dose(per_day=15)), WEIGHT],
            False,
        ),
        ([order("prednisone", 10, dose=Dose(per_day=15))], False),  # weight not known
        ([order("prednisone", 10, dose=Dose(per_day=15)), res("weight", 60, "2025-12-01T10:00:00Z")], True),
        ([order("prednisone", 10, dose=Dose(per_day=15)), res("weight", 60, "2025-12-01T09:59:00Z")], False),
        ([order("prednisone", 10, dose=Dose(per_day=15, basis="per-m2")), WEIGHT], False),
        ([order("prednisone", 10, dose=Dose(per_day=15, as_needed=True)), WEIGHT], False),
        ([order("prednisone", 10), WEIGHT], False),  # dose not known
        (
            [
                order("prednisone", 10, dose=Dose(per_day=15)),
                order("methylprednisolone", 10, 8, dose=Dose(per_day=500)),
                WEIGHT,
            ],
            False,
        ),
        ([order("prednisone", 10, dose=Dose(per_day=15)), given("methylprednisolone", 9), WEIGHT], False),
        (
            [order("prednisone", 40, 15, dose=Dose(per_day=60)), order("prednisone", 14, dose=Dose(per_day=5)), WEIGHT],
            True,
        ),  # the taper before the combination does not count
    ],
)
def test_a_low_starting_dose_is_named(guideline: Guideline, facts: list[Fact], named: bool) -> None:
    sentence = treat(guideline, order("tacrolimus", 10), *facts).low_glucocorticoid
    assert bool(sentence) is named
    assert not named or ("mg/kg/day" in sentence and "60 kg" in sentence)


@pytest.mark.parametrize(("from_start", "named"), [(14, False), (15, True)])
def test_only_the_first_days_count(guideline: Guideline, from_start: int, named: bool) -> None:
    low = order("prednisone", 30, dose=Dose(per_day=10))
    more = order("prednisolone", 30 - from_start, dose=Dose(per_day=60))
    assert bool(treat(guideline, T, low, more, WEIGHT).low_glucocorticoid) is named


LOW = order("prednisone", 30, dose=Dose(per_day=15))


def test_the_sentence_names_the_greatest_dose_of_these_days_the_weight_and_the_limit(guideline: Guideline) -> None:
    for first, greatest in ((15, "0.25"), (20, "0.333")):
        by_day = [order("prednisone", 30, 26, dose=Dose(per_day=first)), order("prednisone", 25, dose=Dose(per_day=15))]
        assert treat(guideline, T, *by_day, WEIGHT).low_glucocorticoid == (
            "glucocorticoid of the first 14 days of the combination at most "
            f"{greatest} mg/kg/day prednisone equivalent (weight 60 kg), "
            "below 0.5 mg/kg/day (site policy), without a pulse on record"
        )


@pytest.mark.parametrize(("per_kg", "named"), [(0.499, True), (0.5, False), (0.501, False), (1.0, False)])
def test_a_dose_per_kilogram_is_not_divided_by_the_weight(guideline: Guideline, per_kg: float, named: bool) -> None:
    sentence = treat(
        guideline, T, order("prednisone", 30, dose=Dose(per_day=per_kg, basis="per-kg")), WEIGHT
    ).low_glucocorticoid
    assert bool(sentence) is named
    assert not named or f"at most {per_kg} mg/kg/day" in sentence


@pytest.mark.parametrize(("ended", "named"), [(32, True), (31, True), (30, False), (29, False)])
def test_a_high_dose_that_ended_on_the_first_day_counts(guideline: Guideline, ended: int, named: bool) -> None:
    """Given before the combination it does not."""
    high = order("methylprednisolone", 40, ended, dose=Dose(per_day=500))
    assert bool(treat(guideline, T, LOW, high, WEIGHT).low_glucocorticoid) is named


@pytest.mark.parametrize(
    ("dose", "named"),
    [
        (given("methylprednisolone", 31), True),  # the day before the combination
        (given("methylprednisolone", 30), False),
        (given("methylprednisolone", 16), False),  # its day 14
        (given("methylprednisolone", 15), True),
        (given("methylprednisolone", "2026-02"), False),  # may have been one of these days
        (given("methylprednisolone", "2025-12"), True),
        (given("methylprednisolone", 20, "in-progress"), False),
        (given("methylprednisolone", 20, "not-done"), True),
        (given("methylprednisolone", 20, "entered-in-error"), True),
        (given("rituximab", 20), True),  # no glucocorticoid
        (given("prednisone", 20), True),  # a tablet of the order
    ],
)
def test_only_a_pulse_given_in_these_days_silences(guideline: Guideline, dose: Administration, named: bool) -> None:
    assert bool(treat(guideline, T, LOW, WEIGHT, dose).low_glucocorticoid) is named


@pytest.mark.parametrize(("start", "named"), [("2026-02-09", True), ("2026-02", False), (None, False)])
def test_nothing_is_said_of_days_that_are_not_known(guideline: Guideline, start: str | None, named: bool) -> None:
    assert bool(treat(guideline, order("tacrolimus", start), LOW, WEIGHT).low_glucocorticoid) is named


@pytest.mark.parametrize(
    ("weights", "named"),
    [
        ([res("weight", 60, 5)], True),
        ([res("weight", 60, 5, comparator=">")], False),
        ([res("weight", 60, "2026-02-20"), res("weight", 61, "2026-02-20T12:00:00Z")], False),  # which is the newest?
        ([res("weight", 20, 9), res("weight", 60, 5)], True),
        ([res("weight", 60, 9), res("weight", 20, 5)], False),
    ],
)
def test_the_weight_is_the_newest_and_sure(guideline: Guideline, weights: list[Fact], named: bool) -> None:
    assert bool(treat(guideline, T, LOW, *weights).low_glucocorticoid) is named


@pytest.mark.parametrize("unknown", [Dose(), Dose(per_day=5, as_needed=True), Dose(per_day=5, basis="per-m2")])
def test_one_dose_that_cannot_be_computed_leaves_the_sum_open(guideline: Guideline, unknown: Dose) -> None:
    beside = order("hydrocortisone", 25, 20, dose=unknown)
    assert treat(guideline, T, LOW, beside, WEIGHT).low_glucocorticoid == ""
    before = order("hydrocortisone", 50, 40, dose=unknown)
    assert treat(guideline, T, LOW, before, WEIGHT).low_glucocorticoid != ""


@pytest.mark.parametrize(("again", "named"), [(16, True), (15, False)])
def test_days_without_any_glucocorticoid_are_no_low_dose(guideline: Guideline, again: int, named: bool) -> None:
    """A gap in its course, in which the combination was complete: of its first days nothing is known."""
    before = order("prednisone", 60, 40, dose=Dose(per_day=15))
    after = order("prednisone", again, dose=Dose(per_day=15))
    assert bool(treat(guideline, T, before, after, WEIGHT).low_glucocorticoid) is named
