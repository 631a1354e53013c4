"""Which value is the baseline of a step of therapy and which the follow-up, where dates, bounds or copies differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.failure import CriterionResult
from cds_cards.follow_up import Step, of_flags, of_results
from cds_cards.gas import gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Result
from cds_cards.refractoriness import RefractorinessAssessment, refractoriness
from cds_cards.therapy import therapy
from cds_cards.timeline import When, instant
from tests.unit.build import AS_OF, Date, Fact, order, rec, res, unread

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
START = datetime(2026, 2, 9, 12, tzinfo=UTC)
"""Noon of day 0; AS_OF is ten o'clock of day 20."""


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.fixture(scope="module")
def californian(guideline: Guideline) -> Guideline:
    """Of a site whose calendar day begins at eight o'clock UTC."""
    return replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))


def on(day: float) -> datetime:
    return START + timedelta(days=day)


def assess(guideline: Guideline, *facts: Fact, start: Date = START, **answers: Any) -> RefractorinessAssessment:
    record = rec(order("prednisone", start), order("tacrolimus", start), *facts, **answers)
    breath = gases(record, (55, 55), guideline.policy, AS_OF)
    treatment = therapy(record, breath, guideline, AS_OF)
    return refractoriness(record, breath, treatment, guideline, AS_OF)


def criterion(guideline: Guideline, name: str, *facts: Fact, **rest: Any) -> CriterionResult:
    return next(item for item in assess(guideline, *facts, **rest).criteria if item.id == name)


def ferritin(value: float, when: Date, **more: Any) -> Result:
    return res("ferritin", value, when, **more)


# --- the calendar day is the site's ---

BEFORE = datetime(2026, 2, 8, 2, tzinfo=UTC)
"""In California the evening of the 7th."""
EVE, SEVENTH = datetime(2026, 2, 16, 2, tzinfo=UTC), datetime(2026, 2, 16, 9, tzinfo=UTC)
"""In California the evening of day 6, and the first hour of day 7."""
FERRITIN_RULE = "a rise of at least 30 % to more than 200 ng/mL counts"
WORSE: dict[str, tuple[str, float, float]] = {
    "ferritin": ("ferritin", 500, 900),
    "gradient": ("a-a-gradient", 60, 90),
    "ratio": ("pf-ratio", 300, 200),
}


@pytest.mark.parametrize("kind", WORSE)
@pytest.mark.parametrize(("when", "day", "verdict"), [(EVE, None, UNKNOWN), (SEVENTH, "2026-02-16", MET)])
def test_a_follow_up_counts_from_the_sites_day_seven(
    californian: Guideline, kind: str, when: datetime, day: str | None, verdict: Verdict
) -> None:
    concept, before, after = WORSE[kind]
    name = "ferritin" if kind == "ferritin" else "a-a-gradient"
    found = criterion(californian, name, res(concept, before, BEFORE), res(concept, after, when))
    assert found.verdict is verdict
    assert (found.follow_up is not None) is (day is not None)
    assert day is None or f"on 2026-02-07, then {after} " in found.why
    assert day is None or f" on {day}; " in found.why


@pytest.mark.parametrize(("when", "verdict"), [(EVE, UNKNOWN), (SEVENTH, MET)])
def test_a_clinical_sign_counts_from_the_sites_day_seven(
    californian: Guideline, when: datetime, verdict: Verdict
) -> None:
    found = criterion(californian, "imaging", res("imaging", None, when, flag=True))
    assert found.verdict is verdict
    assert ("yes on 2026-02-16" in found.why) is (verdict is MET)


def test_the_day_of_a_clinical_sign_is_the_sites(californian: Guideline) -> None:
    evening = datetime(2026, 2, 24, 2, tzinfo=UTC)
    assert criterion(californian, "imaging", res("imaging", None, evening, flag=True)).why.endswith(
        ": yes on 2026-02-23"
    )


# --- the baseline ---


def test_a_value_that_may_be_the_baseline_leaves_a_late_one_in_doubt(guideline: Guideline) -> None:
    """January reaches into the days before the step: it, or the value of day 4, may be the baseline."""
    month, late, risen = ferritin(500, "2026-01"), ferritin(500, on(4)), ferritin(900, on(15))
    assert criterion(guideline, "ferritin", late, risen).verdict is MET
    for facts in permutations((month, late, risen)):
        assert criterion(guideline, "ferritin", *facts).verdict is UNKNOWN


def test_a_late_value_that_may_be_too_late_is_no_sure_baseline(guideline: Guideline) -> None:
    """Of a step some day in January the 4th of February is day 4 to 34."""
    facts = [ferritin(500, "2026-02-04"), ferritin(900, on(15))]
    assert criterion(guideline, "ferritin", *facts, start="2026-01").verdict is UNKNOWN


def test_each_value_that_may_be_the_baseline_is_compared(guideline: Guideline) -> None:
    """The gradient of January was drawn on room air, that of day 4 on oxygen."""
    facts = [
        *(res("a-a-gradient", 60, "2026-01", id="j"), res("fio2", 0.21, "2026-01", id="j")),
        *(res("a-a-gradient", 60, on(4), id="l"), res("fio2", 0.5, on(4), id="l")),
        *(res("a-a-gradient", 90, on(15), id="f"), res("fio2", 0.21, on(15), id="f")),
    ]
    found = criterion(guideline, "a-a-gradient", *facts)
    assert (found.verdict, found.oxygen_differed) == (UNKNOWN, True)


def test_the_late_days_begin_with_the_step_itself(guideline: Guideline) -> None:
    """A value of day 0 to 4 is surely among them, so that a later one is not the first."""
    step = Step(instant(START), guideline.policy, AS_OF)
    span, later = When(on(0), on(4), "the first days"), instant(on(5))
    values = of_results((ferritin(500, span, id="a"), ferritin(700, later, id="b")), step.zone)
    assert {value.value for value in step.baseline(values).values} == {500}


# --- the follow-up ---


def test_one_value_recorded_twice_is_not_baseline_and_follow_up(guideline: Guideline) -> None:
    policy = replace(guideline.policy, baseline_after_days=9, follow_up_after_baseline_days=0)
    value = ferritin(300, on(8), id="same")
    found = criterion(replace(guideline, policy=policy), "ferritin", value, replace(value))
    assert (found.verdict, found.follow_up) == (UNKNOWN, None)


def test_a_number_and_its_bound_of_one_resource_count_in_any_order(guideline: Guideline) -> None:
    """600 is no rise by 30 %, more than 600 may be one."""
    number, bound = ferritin(600, on(15), id="f"), ferritin(600, on(15), id="f", comparator=">")
    for facts in permutations((ferritin(500, on(0)), number, bound)):
        assert criterion(guideline, "ferritin", *facts).verdict is UNKNOWN


@pytest.mark.parametrize(("high", "low"), [("a", "b"), ("b", "a")])
def test_of_two_ferritin_values_of_one_instant_the_higher_counts(guideline: Guideline, high: str, low: str) -> None:
    """Whatever their names."""
    values = (ferritin(500, on(0)), ferritin(900, on(15), id=high), ferritin(400, on(15), id=low))
    for facts in permutations(values):
        assert criterion(guideline, "ferritin", *facts).verdict is MET


def test_the_value_compared_is_told_not_an_older_final_one(guideline: Guideline) -> None:
    """The final value of day 10 is too old by now; the preliminary one of yesterday is what was compared."""
    begin = AS_OF - timedelta(days=30)
    base, old = ferritin(500, begin), ferritin(700, begin + timedelta(days=10))
    new = ferritin(800, AS_OF - timedelta(days=1), preliminary=True)
    found = criterion(guideline, "ferritin", base, old, new, start=begin)
    assert found.verdict is MET
    assert found.follow_up is not None
    assert (found.follow_up.value, found.follow_up.source) == (800, new.source)
    assert "then 800 ng/mL on 2026-02-28" in found.why


@pytest.mark.parametrize(("high", "low"), [("a", "b"), ("b", "a")])
def test_of_two_values_of_one_day_the_worse_counts(guideline: Guideline, high: str, low: str) -> None:
    """Whatever their names: a reported value, and one derived from a panel, both of which tell only the day."""
    day = "2026-02-24"
    ratios = [res("pf-ratio", 300, on(0)), res("pf-ratio", 250, day, id=high)]
    panel = [res("pao2", 60, day, id=low), res("fio2", 0.3, day, id=low)]
    found = criterion(guideline, "a-a-gradient", *ratios, *panel)
    assert (found.verdict, found.follow_up and found.follow_up.value) == (MET, 200)
    gradients = [res("a-a-gradient", 30, on(0)), res("a-a-gradient", 90, day, id=high)]
    air = [res("pao2", 70, day, id=low), res("fio2", 0.21, day, id=low), res("paco2", 40, day, id=low)]
    found = criterion(guideline, "a-a-gradient", *gradients, *air)
    assert (found.verdict, found.follow_up and found.follow_up.value) == (MET, 90)


@pytest.mark.parametrize(("day", "newest"), [(6, ""), (7, " (newest 900 ng/mL on 2026-02-16)")])
def test_without_a_baseline_the_newest_value_from_day_seven_is_named(
    guideline: Guideline, day: int, newest: str
) -> None:
    found = criterion(guideline, "ferritin", ferritin(900, on(day)))
    assert (found.verdict, found.why) == (
        UNKNOWN,
        f"ferritin: no baseline from 14 days before to 5 days after the step of therapy{newest}; {FERRITIN_RULE}",
    )


def test_a_value_that_is_too_old_is_no_follow_up(guideline: Guideline) -> None:
    begin = AS_OF - timedelta(days=30)
    found = criterion(
        guideline, "ferritin", ferritin(500, begin), ferritin(900, begin + timedelta(days=10)), start=begin
    )
    assert (found.verdict, found.why) == (
        UNKNOWN,
        "ferritin: no follow-up at least 7 days after the step of therapy, at least 4 days after the baseline "
        f"(500 ng/mL on 2026-01-30) and at most 14 days old; {FERRITIN_RULE}",
    )


# --- clinical signs ---


def flag(value: bool, when: Date, **more: Any) -> Result:
    return res("imaging", None, when, flag=value, **more)


@pytest.mark.parametrize(("yes", "no"), [("a", "b"), ("b", "a")])
def test_of_two_answers_of_one_instant_yes_counts(guideline: Guideline, yes: str, no: str) -> None:
    facts = [flag(True, on(15), id=yes), flag(False, on(15), id=no)]
    assert criterion(guideline, "imaging", *facts).verdict is MET
    assert criterion(guideline, "imaging", *reversed(facts)).verdict is MET


@pytest.mark.parametrize(("answer", "verdict"), [(True, MET), (False, NOT_MET)])
def test_a_corrected_answer_replaces_the_first(guideline: Guideline, answer: bool, verdict: Verdict) -> None:
    first, corrected = flag(not answer, on(15), issued=on(15), id="z"), flag(answer, on(15), issued=on(16), id="a")
    assert criterion(guideline, "imaging", first, corrected).verdict is verdict
    assert criterion(guideline, "imaging", corrected, first).verdict is verdict


def test_a_preliminary_answer_counts_only_alone(guideline: Guideline) -> None:
    preliminary, final = flag(True, on(18), preliminary=True), flag(False, on(15))
    assert criterion(guideline, "imaging", preliminary).verdict is MET
    assert criterion(guideline, "imaging", preliminary, final).verdict is NOT_MET


def test_an_answer_is_a_value_without_a_unit(guideline: Guideline) -> None:
    (value,) = of_flags(
        (flag(True, on(15)), res("imaging", None, on(16))), Step(instant(START), guideline.policy, AS_OF).zone
    )
    assert (value.value, value.unit, value.comparator, value.flag) == (1, None, None, True)


@pytest.mark.parametrize(
    ("day", "verdict"),
    [(None, UNKNOWN), (14.9, NOT_MET), (15, UNKNOWN), (16, UNKNOWN)],
    ids=["undated", "before", "of the same time", "after"],
)
def test_an_answer_that_could_not_be_read_leaves_a_no_open_and_no_yes(
    guideline: Guideline, day: float | None, verdict: Verdict
) -> None:
    lost = unread("observations", "imaging", when=None if day is None else on(day))
    assert criterion(guideline, "imaging", flag(False, on(15)), lost).verdict is verdict
    assert criterion(guideline, "imaging", flag(True, on(15)), lost).verdict is MET


@pytest.mark.parametrize("answer", ["partial", "missing"])
def test_a_yes_stands_though_not_all_was_fetched(guideline: Guideline, answer: str) -> None:
    found = criterion(guideline, "imaging", flag(True, on(15)), observations=answer)
    assert (found.verdict, found.why) == (
        MET,
        "new or expanding ground-glass opacity or consolidation: yes on 2026-02-24",
    )
    assert criterion(guideline, "imaging", flag(False, on(15)), observations=answer).verdict is UNKNOWN
