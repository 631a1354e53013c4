"""The criteria of failing therapy in words, with the values that were compared; the signs before day 7."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.failure import CriterionResult, Point
from cds_cards.gas import gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.refractoriness import RefractorinessAssessment, refractoriness
from cds_cards.therapy import therapy
from tests.unit.build import AS_OF, Date, Fact, at, order, rec, res, unread

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
BASELINE, LATER = datetime(2026, 2, 8, 10, tzinfo=UTC), datetime(2026, 2, 24, 10, tzinfo=UTC)
"""The day before the step of therapy, and its fifteenth day."""
FERRITIN_RULE = "a rise of at least 30 % to more than 200 ng/mL counts"


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def assess(guideline: Guideline, *facts: Fact, start: Date = 20, **answers: Any) -> RefractorinessAssessment:
    record = rec(order("prednisone", start), order("tacrolimus", start), *facts, **answers)
    breath = gases(record, (55, 55), guideline.policy, AS_OF)
    treatment = therapy(record, breath, guideline, AS_OF)
    return refractoriness(record, breath, treatment, guideline, AS_OF)


def criterion(guideline: Guideline, name: str, *facts: Fact, **rest: Any) -> CriterionResult:
    return next(item for item in assess(guideline, *facts, **rest).criteria if item.id == name)


def ferritin(value: float, when: Date, **more: Any) -> Fact:
    return res("ferritin", value, when, **more)


@pytest.mark.parametrize(
    ("facts", "answers", "verdict", "why"),
    [
        (
            [ferritin(500, BASELINE), ferritin(900, LATER)],
            {},
            MET,
            f"ferritin 500 ng/mL on 2026-02-08, then 900 ng/mL on 2026-02-24; {FERRITIN_RULE}",
        ),
        (
            [ferritin(500, BASELINE, assumption="445 kDa"), ferritin(600, LATER)],
            {},
            NOT_MET,
            f"ferritin 500 ng/mL (445 kDa) on 2026-02-08, then 600 ng/mL on 2026-02-24; {FERRITIN_RULE}",
        ),
        (
            [ferritin(500, BASELINE), ferritin(600, LATER, comparator=">")],
            {},
            UNKNOWN,
            "ferritin 500 ng/mL on 2026-02-08, then >600 ng/mL on 2026-02-24: this does not settle it; "
            + FERRITIN_RULE,
        ),
        (
            [ferritin(500, BASELINE), ferritin(600, LATER)],
            {"observations": "partial"},
            UNKNOWN,
            f"ferritin 500 ng/mL on 2026-02-08, then 600 ng/mL on 2026-02-24; {FERRITIN_RULE}; "
            "not all observations could be fetched, so that this is not called unchanged",
        ),
        (
            [
                ferritin(500, BASELINE),
                ferritin(600, LATER),
                unread("observations", "ferritin", when=BASELINE, id="b"),
                unread("observations", id="a"),
                unread("observations", "ferritin", when=BASELINE - timedelta(minutes=1), id="before"),
                unread("observations", "crp", id="other"),
            ],
            {},
            UNKNOWN,
            f"ferritin 500 ng/mL on 2026-02-08, then 600 ng/mL on 2026-02-24; {FERRITIN_RULE}; "
            "could not be read and may tell otherwise: Observation/a, Observation/b",
        ),
        (
            [ferritin(500, BASELINE)],
            {},
            UNKNOWN,
            "ferritin: no follow-up at least 7 days after the step of therapy, at least 4 days after the baseline "
            f"(500 ng/mL on 2026-02-08) and at most 14 days old; {FERRITIN_RULE}",
        ),
        (
            [ferritin(900, LATER)],
            {},
            UNKNOWN,
            "ferritin: no baseline from 14 days before to 5 days after the step of therapy "
            f"(newest 900 ng/mL on 2026-02-24); {FERRITIN_RULE}",
        ),
        (
            [],
            {},
            UNKNOWN,
            f"ferritin: no baseline from 14 days before to 5 days after the step of therapy; {FERRITIN_RULE}",
        ),
    ],
)
def test_ferritin_in_words(
    guideline: Guideline, facts: list[Fact], answers: dict[str, Any], verdict: Verdict, why: str
) -> None:
    found = criterion(guideline, "ferritin", *facts, **answers)
    assert (found.verdict, found.why) == (verdict, why)


def test_the_values_compared_are_told(guideline: Guideline) -> None:
    found = criterion(guideline, "ferritin", ferritin(500, BASELINE, id="b"), ferritin(900, LATER, id="f"))
    assert found.baseline == Point(500, "ng/mL", at(BASELINE), "Observation/b", False, ("Observation/b",))
    assert found.follow_up == Point(900, "ng/mL", at(LATER), "Observation/f", False, ("Observation/f",))
    for alone in (ferritin(500, BASELINE), ferritin(900, LATER)):
        lonely = criterion(guideline, "ferritin", alone)
        assert (lonely.baseline, lonely.follow_up) == (None, None)


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [(100, 200, NOT_MET), (100, 200.1, MET), (500, 650, MET), (500, 649.9, NOT_MET)]
)
def test_a_rise_counts_above_the_floor(guideline: Guideline, before: float, after: float, verdict: Verdict) -> None:
    assert criterion(guideline, "ferritin", ferritin(before, BASELINE), ferritin(after, LATER)).verdict is verdict


def gas(when: datetime, pao2: float, fio2: float, paco2: float | None = 40) -> list[Fact]:
    values = {"pao2": pao2, "fio2": fio2, "paco2": paco2}
    return [res(name, value, when) for name, value in values.items() if value is not None]


def test_gradients_in_words(guideline: Guideline) -> None:
    reported = [res("a-a-gradient", 60, BASELINE), res("a-a-gradient", 80, LATER)]
    assert criterion(guideline, "a-a-gradient", *reported).why == (
        "A-aDO2 60 mmHg on 2026-02-08, then 80 mmHg on 2026-02-24; a rise of at least 15 mmHg counts"
    )
    derived = criterion(guideline, "a-a-gradient", *gas(BASELINE, 70, 0.21), *gas(LATER, 70, 0.21))
    assert derived.why == (
        "A-aDO2 29.7 mmHg (derived) on 2026-02-08, then 29.7 mmHg (derived) on 2026-02-24; "
        "a rise of at least 15 mmHg counts; derived for sea level (760 mmHg, site policy)"
    )
    half = criterion(guideline, "a-a-gradient", reported[0], *gas(LATER, 70, 0.21))
    assert half.why.endswith("; derived for sea level (760 mmHg, site policy)")
    assert half.follow_up is not None
    assert half.follow_up.derived


def test_ratios_in_words(guideline: Guideline) -> None:
    counts = "so PaO2/FiO2 is compared; a fall of at least 20 % counts"
    without = criterion(guideline, "a-a-gradient", res("pf-ratio", 300, BASELINE), res("pf-ratio", 200, LATER))
    assert without.why == (
        f"PaO2/FiO2 300 mmHg on 2026-02-08, then 200 mmHg on 2026-02-24; no A-aDO2 at both times, {counts}"
    )
    more_oxygen = criterion(guideline, "a-a-gradient", *gas(BASELINE, 70, 0.28), *gas(LATER, 70, 0.5))
    assert (more_oxygen.verdict, more_oxygen.oxygen_differed) == (MET, True)
    assert more_oxygen.why == (
        "PaO2/FiO2 250 mmHg (derived) on 2026-02-08, then 140 mmHg (derived) on 2026-02-24; "
        f"FiO2 differed between the two times, {counts}"
    )


def test_unread_gases_leave_the_gradient_open(guideline: Guideline) -> None:
    facts = [res("a-a-gradient", 60, BASELINE), res("a-a-gradient", 61, LATER)]
    for concept in ("pao2", "paco2", "fio2", "pf-ratio", "a-a-gradient"):
        doubt = unread("observations", concept, when=LATER, id="u")
        found = criterion(guideline, "a-a-gradient", *facts, doubt)
        assert found.verdict is UNKNOWN
        assert found.why.endswith("; could not be read and may tell otherwise: Observation/u")
    doubt = unread("observations", "spo2", when=LATER)
    assert criterion(guideline, "a-a-gradient", *facts, doubt).verdict is NOT_MET


IMAGING = "new or expanding ground-glass opacity or consolidation"


@pytest.mark.parametrize(
    ("facts", "answers", "why"),
    [
        ([], {}, f"{IMAGING}: nothing recorded from day 7 of the step of therapy and within 14 days"),
        ([res("imaging", None, LATER, flag=True)], {}, f"{IMAGING}: yes on 2026-02-24"),
        ([res("imaging", None, LATER, flag=False)], {}, f"{IMAGING}: no on 2026-02-24"),
        (
            [res("imaging", None, LATER, flag=False)],
            {"observations": "partial"},
            f"{IMAGING}: no on 2026-02-24; not all observations could be fetched, so that this is not called unchanged",
        ),
        (
            [res("imaging", None, "2026-02", flag=True)],
            {},
            f"{IMAGING}: yes on 2026-02; its date leaves open whether it counts, or another value of that time differs",
        ),
    ],
)
def test_a_sign_in_words(guideline: Guideline, facts: list[Fact], answers: dict[str, Any], why: str) -> None:
    found = criterion(guideline, "imaging", *facts, **answers)
    assert found.why == why
    assert found.baseline is None
    assert (found.follow_up is None) is (not facts)


def test_a_sign_is_no_number(guideline: Guideline) -> None:
    found = criterion(guideline, "imaging", res("imaging", None, LATER, flag=True, id="i"))
    assert found.follow_up == Point(None, None, at(LATER), "Observation/i", False, ("Observation/i",))


def test_before_day_seven_signs_count_from_the_start(guideline: Guideline) -> None:
    nothing = criterion(guideline, "imaging", start=6)
    assert nothing.why == f"{IMAGING}: nothing recorded from day 0 of the step of therapy and within 14 days"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((60, None), (75, "<"), NOT_MET),
        ((60, None), (80, "<"), UNKNOWN),
        ((60, None), (75, ">"), MET),
        ((60, None), (70, ">"), UNKNOWN),
        ((60, "<"), (75, None), MET),
        ((60, "<"), (70, None), UNKNOWN),
        ((60, ">"), (75, None), NOT_MET),
        ((60, ">"), (80, None), UNKNOWN),
    ],
)
def test_censored_gradients(
    guideline: Guideline, before: tuple[float, str | None], after: tuple[float, str | None], verdict: Verdict
) -> None:
    """A rise by 15 mmHg counts."""
    facts = [
        res("a-a-gradient", value, when, comparator=comparator)
        for when, (value, comparator) in ((BASELINE, before), (LATER, after))
    ]
    assert criterion(guideline, "a-a-gradient", *facts).verdict is verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("<", 239, UNKNOWN),
        ("<", 240, NOT_MET),
        (">", 240, MET),
        (">", 250, UNKNOWN),
    ],
)
def test_a_ratio_against_a_censored_baseline(guideline: Guideline, before: str, after: float, verdict: Verdict) -> None:
    """300 at the baseline, or less, or more; a fall to 80 % of it counts."""
    base = res("pf-ratio", 300, BASELINE, comparator=before)
    assert criterion(guideline, "a-a-gradient", base, res("pf-ratio", after, LATER)).verdict is verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [("<", 650, MET), ("<", 600, UNKNOWN), (">", 650, NOT_MET), (">", 700, UNKNOWN)]
)
def test_ferritin_against_a_censored_baseline(
    guideline: Guideline, before: str, after: float, verdict: Verdict
) -> None:
    base = ferritin(500, BASELINE, comparator=before)
    found = criterion(guideline, "ferritin", base, ferritin(after, LATER))
    assert (found.verdict, found.oxygen_differed) == (verdict, False)


def test_oxygen_that_may_have_differed_leaves_the_ratio_open(guideline: Guideline) -> None:
    """Of the last day one gradient was drawn on room air at eight, another at no stated hour on half oxygen."""
    eight = datetime(2026, 2, 24, 8, tzinfo=UTC)
    facts = [
        *(res("a-a-gradient", 60, BASELINE, id="b"), res("fio2", 0.21, BASELINE, id="b")),
        *(res("a-a-gradient", 90, eight, id="air"), res("fio2", 0.21, eight, id="air")),
        *(res("a-a-gradient", 90, "2026-02-24", id="more"), res("fio2", 0.5, "2026-02-24", id="more")),
        *(res("pf-ratio", 300, BASELINE, id="first"), res("pf-ratio", 200, LATER, id="last")),
    ]
    found = criterion(guideline, "a-a-gradient", *facts)
    assert (found.verdict, found.oxygen_differed) == (UNKNOWN, True)
    assert found.why == (
        "PaO2/FiO2 300 mmHg on 2026-02-08, then 200 mmHg on 2026-02-24: this does not settle it; FiO2 differed between "
        "the two times, so PaO2/FiO2 is compared; a fall of at least 20 % counts"
    )
    assert (found.baseline and found.baseline.source) == "Observation/first"
    assert (found.follow_up and found.follow_up.source) == "Observation/last"
