"""The trend of ferritin against its baseline at the step of therapy, and the newest KL-6."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.risk import ferritin_trend, newest_kl6
from cds_cards.timeline import instant
from tests.unit.cds_cards.facts import AS_OF, ago, at, record, result


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


STEP = AS_OF - timedelta(days=20)


def after(days: float):
    """The instant so many days after the step of therapy."""
    return instant(STEP + timedelta(days=days))


@pytest.mark.parametrize(
    ("baselines", "expected"),
    [
        ([-14], -14),
        ([-15], None),
        ([-14, -3], -3),
        ([-3, 2], 2),
        ([2], 2),
        ([-3, 3], -3),
        ([3], 3),
        ([3, 5], 3),
        ([5], 5),
        ([6], None),
        ([], None),
    ],
)
def test_the_baseline_of_a_step(guideline, baselines, expected):
    facts = [result("ferritin", 2000 + day, after(day)) for day in baselines]
    facts.append(result("ferritin", 1500, ago(1)))
    for order in permutations(facts):
        found = ferritin_trend(record(*order), instant(STEP), guideline, AS_OF)
        assert found.newest is not None
        assert found.newest.value == 1500
        assert (found.baseline and found.baseline.value) == (None if expected is None else 2000 + expected)
        assert found.below_baseline is (None if expected is None else True)


@pytest.mark.parametrize(
    ("newest", "base", "below"),
    [
        ((1499, None), (1500, None), True),
        ((1500, None), (1500, None), False),
        ((1501, None), (1500, None), False),
        ((1500, "<"), (1500, None), True),
        ((1600, "<"), (1500, None), None),
        ((1500, ">"), (1500, None), False),
        ((1400, None), (1400, ">"), True),
        ((1500, None), (1400, ">"), None),
        ((1500, None), (1500, "<"), False),
        ((1400, "<"), (1500, ">"), True),
        ((1400, "<"), (1300, "<"), None),
        ((1400, ">"), (1300, ">"), None),
        ((1500, "<="), (1500, None), None),
        ((1499, "<="), (1500, None), True),
        ((1400, "<="), (1500, ">"), True),
        ((1400, "<="), (1400, ">"), True),
        ((1400, "<="), (1400, ">="), None),
        ((1400, "<="), (1400, "<"), None),
        ((1400, ">="), (1300, "<"), None),
        ((1500, ">="), (1500, None), False),
    ],
)
def test_below_the_baseline(guideline, newest, base, below):
    facts = [
        result("ferritin", newest[0], ago(1), comparator=newest[1]),
        result("ferritin", base[0], after(-1), comparator=base[1]),
    ]
    assert ferritin_trend(record(*facts), instant(STEP), guideline, AS_OF).below_baseline is below


def test_baseline_and_newest_are_never_the_same_value(guideline):
    only = result("ferritin", 1500, after(1))
    earlier = result("ferritin", 1800, after(-1))
    found = ferritin_trend(record(only, earlier), instant(STEP), guideline, AS_OF)
    assert (found.newest, found.baseline, found.below_baseline) == (only, None, None)


def test_dates_that_leave_the_baseline_open(guideline):
    facts = [result("ferritin", 1000, ago(1)), result("ferritin", 1500, after(-2))]
    month = result("ferritin", 900, at("2026-01"))  # the 28th to the 31st would be within the window, but is earlier
    assert ferritin_trend(record(*facts, month), instant(STEP), guideline, AS_OF).below_baseline is True
    open_ = result("ferritin", 900, at("2026-02"))
    assert ferritin_trend(record(*facts, open_), instant(STEP), guideline, AS_OF).below_baseline is None
    assert ferritin_trend(record(facts[0], month), instant(STEP), guideline, AS_OF).baseline is None


def test_without_a_step_the_value_before_is_the_baseline(guideline):
    facts = [result("ferritin", value, ago(days)) for value, days in ((1000, 1), (1500, 9), (400, 60))]
    for order in permutations(facts):
        found = ferritin_trend(record(*order), None, guideline, AS_OF)
        assert (found.newest, found.baseline, found.below_baseline) == (facts[0], facts[1], True)
    assert ferritin_trend(record(facts[0]), None, guideline, AS_OF).below_baseline is None
    assert ferritin_trend(record(), None, guideline, AS_OF).newest is None


def test_a_preliminary_value_is_no_baseline_of_a_final_one(guideline):
    final, early = result("ferritin", 1000, ago(1)), result("ferritin", 1800, after(0), preliminary=True)
    last = result("ferritin", 1000, ago(1), preliminary=True)
    older = result("ferritin", 1800, ago(40), preliminary=True)
    assert ferritin_trend(record(final, early), instant(STEP), guideline, AS_OF).baseline is None
    assert ferritin_trend(record(final, older), None, guideline, AS_OF).baseline is None
    assert ferritin_trend(record(last, older), None, guideline, AS_OF).baseline is older


def test_values_in_two_units_are_not_compared(guideline):
    newest, base = result("ferritin", 1000, ago(1)), result("ferritin", 1500, after(0), unit="pmol/L")
    found = ferritin_trend(record(newest, base), instant(STEP), guideline, AS_OF)
    assert (found.newest, found.baseline, found.below_baseline) == (newest, None, None)


def test_several_that_may_be_the_one_before_are_none(guideline):
    newest, day = result("ferritin", 1000, ago(1)), result("ferritin", 1500, at("2026-02-20"))
    hour, same = result("ferritin", 1400, at("2026-02-20T08:00")), result("ferritin", 1300, at("2026-02-28"))
    assert ferritin_trend(record(newest, day), None, guideline, AS_OF).baseline is day
    assert ferritin_trend(record(newest, day, hour), None, guideline, AS_OF).baseline is None
    # the day of the newest value: before it or after it
    assert ferritin_trend(record(newest, same), None, guideline, AS_OF).below_baseline is None


@pytest.mark.parametrize(
    ("later", "known"), [("2026-02-12", True), ("2026-02-13", True), ("2026-02-12T12:00", False), ("2026-02", False)]
)
def test_the_first_value_after_the_step_must_be_the_first_for_sure(guideline, later, known):
    """The step was on the 9th: no value around it, one on its third day. Of one date the worse counts."""
    first, newest = result("ferritin", 1500, at("2026-02-12")), result("ferritin", 900, ago(1))
    other = result("ferritin", 1200, at(later), id="other")
    found = ferritin_trend(record(first, other, newest), instant(STEP), guideline, AS_OF)
    assert (found.baseline is first) is known


def test_a_stale_newest_value_leaves_the_trend_unknown(guideline):
    facts = [result("ferritin", 1000, ago(31)), result("ferritin", 1500, ago(40))]
    found = ferritin_trend(record(*facts), None, guideline, AS_OF)
    assert (found.newest, found.baseline, found.below_baseline) == (facts[0], facts[1], None)


def test_kl6_is_the_newest_however_old():
    facts = [result("kl-6", 900, ago(400)), result("kl-6", 1200, ago(300)), result("kl-6", 9, ago(1), preliminary=True)]
    for order in permutations(facts):
        assert newest_kl6(record(*order), AS_OF) is facts[1]
    assert newest_kl6(record(facts[2]), AS_OF) is facts[2]
    assert newest_kl6(record(result("kl-6", None)), AS_OF) is None
    now, later = result("kl-6", 800, ago(0)), result("kl-6", 700, ago(-0.01))
    assert newest_kl6(record(facts[1], now, later), AS_OF) is now
    overlapping = result("kl-6", 500, at("2026-02")), result("kl-6", 600, at("2026-02-10"))
    assert newest_kl6(record(*overlapping), AS_OF) is overlapping[1]


@pytest.mark.parametrize(("when", "baseline"), [("2026-01-26T02:00", None), ("2026-01-26T09:00", 1500)])
def test_the_days_before_the_step_are_the_sites(guideline, when, baseline):
    """In California the evening of the fifteenth day before the step of the 9th, and the first hour of the next."""
    site = replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))
    facts = [result("ferritin", 1500, at(when)), result("ferritin", 1000, ago(1))]
    found = ferritin_trend(record(*facts), instant(STEP), site, AS_OF)
    assert (found.baseline and found.baseline.value) == baseline


def test_the_day_of_the_step_is_the_sites(guideline):
    """In California the step of two o'clock UTC was on the 8th, fourteen days after the 25th of January."""
    site = replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))
    facts = [result("ferritin", 1500, at("2026-01-25T12:00")), result("ferritin", 1000, ago(1))]
    assert ferritin_trend(record(*facts), at("2026-02-09T02:00"), site, AS_OF).baseline is facts[0]
    assert ferritin_trend(record(*facts), at("2026-02-09T09:00"), site, AS_OF).baseline is None


def test_a_value_of_the_same_day_may_be_the_first_after_the_step(guideline):
    """One at midnight, the other at any time of that day."""
    midnight, day = result("ferritin", 1500, at("2026-02-12T00:00")), result("ferritin", 1200, at("2026-02-12"))
    for order in permutations((midnight, day, result("ferritin", 900, ago(1)))):
        assert ferritin_trend(record(*order), instant(STEP), guideline, AS_OF).baseline is None
