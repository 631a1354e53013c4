"""Response: the clock, the five criteria, what they add up to; early worsening."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.failure import CRITERIA
from cds_cards.follow_up import reaches
from cds_cards.gas import gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Result
from cds_cards.refractoriness import CriterionResult, RefractorinessAssessment, refractoriness, status_of
from cds_cards.therapy import therapy
from cds_cards.timeline import When
from tests.unit.build import AS_OF, Date, Fact, at, draft, order, rec, res, unread

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
START = AS_OF.date() - timedelta(days=20)  # day 0 of most tests; AS_OF is its day 20, ten o'clock


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def on(day: float) -> datetime:
    """Ten o'clock on a day of therapy."""
    return datetime(START.year, START.month, START.day, 10, tzinfo=UTC) + timedelta(days=day)


def combination(days: Date = 20) -> tuple[Fact, Fact]:
    return order("prednisone", days), order("tacrolimus", days)


def assess(guideline: Guideline, *facts: Fact, start: Date = 20, **answers: Any) -> RefractorinessAssessment:
    record = rec(*combination(start), *facts, **answers)
    breath = gases(record, (55, 55), guideline.policy, AS_OF)
    treatment = therapy(record, breath, guideline, AS_OF)
    return refractoriness(record, breath, treatment, guideline, AS_OF)


def verdict(result: RefractorinessAssessment, name: str) -> Verdict:
    return next(item.verdict for item in result.criteria if item.id == name)


def criterion(result: RefractorinessAssessment, name: str) -> CriterionResult:
    return next(item for item in result.criteria if item.id == name)


def flag(name: str, value: bool | None, when: Date, **more: Any) -> Result:
    return res(name, None, when, flag=value, **more)


# --- the count ---


def oracle(verdicts: tuple[str, ...]) -> str:
    """The contract's count, typed from its text; y, n and ? for symptoms, gradient, imaging, ferritin, impression."""
    yes, no = verdicts.count("y"), verdicts.count("n")
    if yes == 5:
        return "refractory"
    if yes >= 2 and yes > no and "y" in verdicts[:3]:
        return "probable"
    if yes >= 1:
        return "possible"
    return "not-refractory" if no >= 1 else "not-assessable"


@pytest.mark.parametrize("verdicts", list(product("yn?", repeat=5)), ids="".join)
def test_the_count_of_the_criteria(guideline: Guideline, verdicts: tuple[str, ...]) -> None:
    meaning = {"y": MET, "n": NOT_MET, "?": UNKNOWN}
    found = [CriterionResult(name, meaning[v], "") for name, v in zip(CRITERIA, verdicts, strict=True)]
    assert status_of(found, guideline.policy) == oracle(verdicts)


@pytest.mark.parametrize("verdicts", ["yyyyy", "y??y?", "???yy", "n????", "?????", "nnyyy", "ynnny"])
def test_the_count_from_the_record(guideline: Guideline, verdicts: str) -> None:
    """The same, from observations."""
    clinical = {"respiratory-symptoms": verdicts[0], "imaging": verdicts[2], "clinician-impression": verdicts[4]}
    facts: list[Fact] = [flag(name, v == "y", on(15)) for name, v in clinical.items() if v != "?"]
    if verdicts[1] != "?":
        facts += [res("a-a-gradient", 100, on(-1)), res("a-a-gradient", 120 if verdicts[1] == "y" else 90, on(15))]
    if verdicts[3] != "?":
        facts += [res("ferritin", 1000, on(-1)), res("ferritin", 1500 if verdicts[3] == "y" else 700, on(15))]
    result = assess(guideline, *facts)
    assert result.status == oracle(tuple(verdicts))
    assert [item.id for item in result.criteria] == list(CRITERIA)
    assert "not refractory" not in result.why
    assert ("no sign of failure in the data at hand" in result.why) is (result.status == "not-refractory")


def test_what_the_count_says_in_words(guideline: Guideline) -> None:
    signs = [flag("imaging", True, on(15)), flag("clinician-impression", False, on(15))]
    opening = "met: imaging; not met: clinician-impression; not known: respiratory-symptoms, a-a-gradient, ferritin"
    assert assess(guideline, *signs).why == f"signs of failure ({opening})"
    no_sign = assess(guideline, signs[1]).why
    assert no_sign.startswith("no sign of failure in the data at hand (not met: clinician-impression; not known: ")
    assert assess(guideline).why.startswith("none of the five criteria is known (not known: respiratory-symptoms, ")


# --- the clock ---


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (6, "began on 2026-02-23, day 6: response is judged from day 7"),
        (91, "began on 2025-11-30, day 91: after day 90 worsening is a relapse rather than a missing response"),
        (
            "2026-02",
            "began on 2026-02: the date is not exact enough (day 1 to 28) to tell whether the response can be judged, "
            "from day 7 to day 90",
        ),
    ],
)
def test_outside_the_days_of_assessment_it_is_said_why(guideline: Guideline, start: Date, why: str) -> None:
    assert assess(guideline, start=start).why == f"the combination or its last new agent {why}"


@pytest.mark.parametrize("start", [3, "2026-02"])
def test_triple_is_passed_on_outside_the_days_too(guideline: Guideline, start: Date) -> None:
    assert assess(guideline, order("cyclophosphamide", start), start=start).triple


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (0, "too-early"),
        (6, "too-early"),
        (7, "not-assessable"),  # nothing known
        (8, "not-assessable"),
        (90, "not-assessable"),
        (91, "not-assessable"),
    ],
)
def test_the_days_of_assessment(guideline: Guideline, start: int, status: str) -> None:
    empty = assess(guideline, start=start)
    assert empty.status == status
    assert len(empty.criteria) == 5
    seen = assess(guideline, flag("imaging", True, 0), start=start)
    assert seen.status == {6: "too-early", 0: "too-early", 91: "not-assessable"}.get(start, "possible")
    assert ("relapse" in seen.why) is (start == 91)


@pytest.mark.parametrize("start", ["2026-02", "2025-12", "2025"])
def test_a_start_that_straddles_a_limit_is_not_assessable(guideline: Guideline, start: str) -> None:
    result = assess(guideline, flag("imaging", True, 0), start=start)
    assert result.status == ("possible" if start == "2025-12" else "not-assessable")  # December: day 60 to 90
    assert start == "2025-12" or "not exact enough" in result.why


def test_without_a_combination_there_is_nothing_to_assess(guideline: Guideline) -> None:
    record = rec(order("prednisone", 20), draft("tacrolimus"), flag("imaging", True, 0))
    breath = gases(record, None, guideline.policy, AS_OF)
    result = refractoriness(record, breath, therapy(record, breath, guideline, AS_OF), guideline, AS_OF)
    assert (result.status, result.criteria) == ("not-on-combination", ())
    assert result.why == "no combination runs (stage glucocorticoid-only)"


@pytest.mark.parametrize(
    ("agents", "stage"),
    [((), "untreated"), (("prednisone",), "glucocorticoid-only"), (("tacrolimus",), "incomplete")],
)
def test_less_than_a_combination_is_not_judged(guideline: Guideline, agents: tuple[str, ...], stage: str) -> None:
    record = rec(*(order(agent, 20) for agent in agents), flag("imaging", True, 0))
    breath = gases(record, None, guideline.policy, AS_OF)
    result = refractoriness(record, breath, therapy(record, breath, guideline, AS_OF), guideline, AS_OF)
    assert (result.status, result.criteria, result.triple) == ("not-on-combination", (), False)
    assert result.why == f"no combination runs (stage {stage})"


def test_unread_orders_and_unknown_starts_are_not_assessable(guideline: Guideline) -> None:
    sign = flag("imaging", True, 0)
    unread_order = "not every medication order could be read, so that a combination may be running"
    no_start = "the start of the combination or of its last new agent is not known"
    for facts, why in (
        ([order("prednisone", 20), unread("medications")], unread_order),
        ([*combination(None)], no_start),
    ):
        record = rec(*facts, sign)
        breath = gases(record, None, guideline.policy, AS_OF)
        result = refractoriness(record, breath, therapy(record, breath, guideline, AS_OF), guideline, AS_OF)
        assert result.status == "not-assessable"
        assert [(item.id, item.verdict, item.why) for item in result.criteria] == [
            (name, UNKNOWN, why) for name in CRITERIA
        ]
        assert result.why == why


def test_triple_is_passed_on_without_a_start_too(guideline: Guideline) -> None:
    result = assess(guideline, order("cyclophosphamide", None), start=None)  # type: ignore[arg-type]
    assert (result.status, result.triple) == ("not-assessable", True)


def test_a_start_of_day_90_at_the_latest_is_not_exact_enough(guideline: Guideline) -> None:
    result = assess(guideline, start=When(at("2025-11-20").start, at("2025-12-01").end, "about the 1st of December"))
    assert result.status == "not-assessable"
    assert "the date is not exact enough (day 90 to 101)" in result.why


def test_the_last_new_agent_restarts_the_clock(guideline: Guideline) -> None:
    """A responder to the last step must not look refractory."""
    rise = [res("ferritin", 500, on(-1)), res("ferritin", 3000, on(9)), res("ferritin", 1500, on(19))]
    assert verdict(assess(guideline, *rise), "ferritin") is MET
    restarted = assess(guideline, *rise, order("rituximab", 10))
    assert verdict(restarted, "ferritin") is NOT_MET
    assert (
        criterion(restarted, "ferritin").baseline
        == criterion(assess(guideline, *rise, order("rituximab", 10)), "ferritin").baseline
    )


def test_triple_is_passed_on(guideline: Guideline) -> None:
    assert assess(guideline, order("cyclophosphamide", 20)).triple
    assert not assess(guideline).triple


# --- ferritin ---


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (500, 649.9, NOT_MET),
        (500, 650, MET),  # equal to the smallest rise
        (500, 650.1, MET),
        (700.7, 910.91, MET),  # equal, in numbers a computer cannot hold exactly
        (100, 200, NOT_MET),  # doubled, and not above 200
        (100, 200.1, MET),
        (153.8, 200, NOT_MET),
        (1000, 700, NOT_MET),
        (1000, 1000, NOT_MET),
    ],
)
def test_the_smallest_rise_of_ferritin(guideline: Guideline, before: float, after: float, expected: Verdict) -> None:
    result = assess(guideline, res("ferritin", before, on(0)), res("ferritin", after, on(15)))
    found = criterion(result, "ferritin")
    assert found.verdict is expected
    assert found.baseline is not None
    assert found.follow_up is not None
    assert (found.baseline.value, found.follow_up.value, found.follow_up.unit) == (before, after, "ng/mL")
    assert "2026-02-09" in found.why
    assert "2026-02-24" in found.why


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((">", 1000), (None, 1500), UNKNOWN),
        ((">", 1000), (None, 1300), NOT_MET),  # surely less than 30 % more
        ((">=", 1000), (None, 1300), UNKNOWN),
        ((">", 1000), (None, 900), NOT_MET),
        (("<", 100), (None, 250), MET),
        (("<", 1000), (None, 1300), MET),
        (("<", 1000), (None, 1200), UNKNOWN),
        (("<", 50), (None, 100), NOT_MET),  # not above 200, however it rose
        ((None, 1000), (">", 1300), MET),
        ((None, 1000), (">", 1200), UNKNOWN),
        ((None, 1000), ("<", 1300), NOT_MET),
        ((None, 1000), ("<=", 1300), UNKNOWN),
        ((None, 1000), ("<", 1400), UNKNOWN),
        ((None, 50), (">", 200), MET),
        ((None, 50), (">=", 200), UNKNOWN),
        ((">", 1650), (">", 1650), UNKNOWN),
    ],
)
def test_censored_values_decide_only_what_they_can(
    guideline: Guideline, before: tuple[str | None, float], after: tuple[str | None, float], expected: Verdict
) -> None:
    result = assess(
        guideline,
        res("ferritin", before[1], on(0), comparator=before[0]),
        res("ferritin", after[1], on(15), comparator=after[0]),
    )
    assert verdict(result, "ferritin") is expected


@pytest.mark.parametrize("comparator", [None, "<", "<=", ">", ">="])
@pytest.mark.parametrize("bound", [None, "<", "<=", ">", ">="])
def test_reaches_agrees_with_all_that_the_values_may_be(comparator: str | None, bound: str | None) -> None:
    meant = {None: (0,), "<": (-1, -2), "<=": (0, -1), ">": (1, 2), ">=": (0, 1)}
    for value, limit in ((4, 5), (5, 5), (6, 5), (5, 9), (9, 5)):
        # far and near ends of what each may be
        far = {"<": (-9,), "<=": (-9,), ">": (9,), ">=": (9,)}
        mine = [value + step * 0.1 for step in meant[comparator]] + [value + x for x in far.get(comparator or "", ())]
        other = [limit + step * 0.1 for step in meant[bound]] + [limit + x for x in far.get(bound or "", ())]
        truths = {one >= two for one in mine for two in other}
        expected = UNKNOWN if len(truths) == 2 else Verdict.of(truths.pop())
        assert reaches(value, comparator, limit, bound) is expected


BASELINES = [
    pytest.param([-15], None, id="older than 14 days"),
    pytest.param([-14], -14, id="14 days before"),
    pytest.param([-14, -3], -3, id="the last before"),
    pytest.param([-3, 2], 2, id="up to two days after"),
    pytest.param([-3, 3], -3, id="three days after is no baseline where there is an earlier one"),
    pytest.param([3], 3, id="the first within five days"),
    pytest.param([4, 5], 4, id="the first, not the last"),
    pytest.param([5], 5, id="five days after"),
    pytest.param([6], None, id="six days after"),
    pytest.param([-15, 5], 5, id="too old beside late"),
]


@pytest.mark.parametrize(("days", "chosen"), BASELINES)
def test_the_baseline(guideline: Guideline, days: list[int], chosen: int | None) -> None:
    values = [res("ferritin", 300 + day, on(day)) for day in days]
    found = criterion(assess(guideline, *values, res("ferritin", 900, on(15))), "ferritin")
    assert (found.baseline and found.baseline.value) == (None if chosen is None else 300 + chosen)
    assert found.verdict is (UNKNOWN if chosen is None else MET)


@pytest.mark.parametrize(
    ("start", "days", "chosen"),
    [
        pytest.param(20, [6], None, id="day 6"),
        pytest.param(20, [7], 7, id="day 7"),
        pytest.param(20, [7, 12], 12, id="the newest"),
        pytest.param(20, [12, 5.9], 12, id="in any order"),
        pytest.param(20, [6.0 - 1 / 24], None, id="fourteen days and an hour old, day 5"),
        pytest.param(30, [6], None, id="24 days old"),
        pytest.param(30, [15], None, id="15 days old"),
        pytest.param(30, [16], 16, id="14 days old"),
        pytest.param(30, [16 - 1 / 24], None, id="14 days and an hour old"),
    ],
)
def test_the_follow_up(guideline: Guideline, start: int, days: list[float], chosen: float | None) -> None:
    begin = AS_OF - timedelta(days=start)
    values = [res("ferritin", 900 + day, begin + timedelta(days=day)) for day in days]
    result = assess(guideline, res("ferritin", 300, begin - timedelta(days=1)), *values, start=start)
    found = criterion(result, "ferritin")
    assert (found.follow_up and found.follow_up.value) == (None if chosen is None else 900 + chosen)
    assert found.verdict is (UNKNOWN if chosen is None else MET)


@pytest.mark.parametrize(("later", "expected"), [(7, UNKNOWN), (8, UNKNOWN), (9, MET)])
def test_baseline_and_follow_up_lie_four_days_apart(guideline: Guideline, later: int, expected: Verdict) -> None:
    result = assess(guideline, res("ferritin", 300, on(5)), res("ferritin", 900, on(later)))
    assert verdict(result, "ferritin") is expected


def test_one_value_is_never_both(guideline: Guideline) -> None:
    policy = replace(guideline.policy, baseline_after_days=9, follow_up_after_baseline_days=0)
    result = assess(replace(guideline, policy=policy), res("ferritin", 300, on(8)))
    assert verdict(result, "ferritin") is UNKNOWN


def test_two_values_of_one_instant(guideline: Guideline) -> None:
    """The later issued counts, else the worse."""
    base = res("ferritin", 500, on(0))
    low, high = res("ferritin", 400, on(15)), res("ferritin", 800, on(15))
    assert verdict(assess(guideline, base, low, high), "ferritin") is MET
    corrected = replace(low, issued=on(16))
    assert verdict(assess(guideline, base, corrected, replace(high, issued=on(15))), "ferritin") is NOT_MET


def test_a_preliminary_value_counts_only_alone(guideline: Guideline) -> None:
    base, final = res("ferritin", 500, on(0)), res("ferritin", 400, on(12))
    preliminary = res("ferritin", 900, on(18), preliminary=True)
    assert verdict(assess(guideline, base, preliminary), "ferritin") is MET
    assert verdict(assess(guideline, base, preliminary, final), "ferritin") is NOT_MET


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([("2026-02", 900)], UNKNOWN),  # before the week is over, or after it
        ([(on(15), 900), ("2026-02-24", 700)], MET),  # whichever is the newer
        ([(on(15), 900), ("2026-02-24", 600)], UNKNOWN),
        ([(on(15), 900), ("2026-02", 400)], UNKNOWN),
        ([(on(15), 900), ("2026-01", 400)], UNKNOWN),  # may be the baseline of day 0, or be too old
        ([(on(15), 900), ("2025", 400)], MET),
    ],
)
def test_partial_dates_of_values(guideline: Guideline, values: list[tuple[Date, float]], expected: Verdict) -> None:
    facts = [res("ferritin", value, when) for when, value in values]
    if not any(fact.when.text == "2026-01" for fact in facts):
        facts.append(res("ferritin", 500, on(0)))
    assert verdict(assess(guideline, *facts), "ferritin") is expected


@pytest.mark.parametrize(
    ("doubt", "answers", "expected"),
    [
        (None, {}, NOT_MET),
        (unread("observations", "ferritin"), {}, UNKNOWN),
        (unread("observations", "ferritin", when=1), {}, UNKNOWN),
        (unread("observations", "ferritin", when=30), {}, NOT_MET),  # older than the baseline
        (unread("observations", "crp"), {}, NOT_MET),
        (unread("observations"), {}, UNKNOWN),
        (None, {"observations": "partial"}, UNKNOWN),
        (None, {"observations": "missing"}, UNKNOWN),
    ],
)
def test_what_could_not_be_read_is_never_a_no(
    guideline: Guideline, doubt: Fact | None, answers: dict[str, Any], expected: Verdict
) -> None:
    base, more = res("ferritin", 500, on(0)), [doubt] if doubt else []
    assert verdict(assess(guideline, base, res("ferritin", 400, on(15)), *more, **answers), "ferritin") is expected
    risen = assess(guideline, base, res("ferritin", 900, on(15)), *more, **answers)
    assert verdict(risen, "ferritin") is MET
    seen = assess(guideline, flag("imaging", False, on(15)), *more, **answers)
    lost = answers or (doubt and not doubt.concepts)  # type: ignore[union-attr]
    assert verdict(seen, "imaging") is (UNKNOWN if lost else NOT_MET)


# --- the gradient ---


def gas(day: float, pao2: float, fio2: float | None, paco2: float | None = 40) -> list[Result]:
    values = [("pao2", pao2), ("fio2", fio2), ("paco2", paco2)]
    return [res(name, value, on(day)) for name, value in values if value is not None]


@pytest.mark.parametrize(("rise", "expected"), [(14.9, NOT_MET), (15, MET), (15.1, MET), (-20, NOT_MET)])
def test_the_smallest_rise_of_the_gradient(guideline: Guideline, rise: float, expected: Verdict) -> None:
    result = assess(guideline, res("a-a-gradient", 60.3, on(0)), res("a-a-gradient", 60.3 + rise, on(15)))
    assert verdict(result, "a-a-gradient") is expected
    assert not criterion(result, "a-a-gradient").oxygen_differed


@pytest.mark.parametrize(
    ("fio2", "differed", "expected"),
    [
        (0.21, False, NOT_MET),
        (0.26, False, MET),  # a difference of 0.05: the gradient counts, and it is much wider
        (0.27, True, NOT_MET),  # P/F 333 to 311
        (0.40, True, MET),  # P/F 333 to 210
    ],
)
def test_more_oxygen_turns_to_the_ratio(guideline: Guideline, fio2: float, differed: bool, expected: Verdict) -> None:
    """PaO2 70 on room air, then 70 (or 84) on more."""
    result = assess(guideline, *gas(0, 70, 0.21), *gas(15, 70 if fio2 < 0.27 else 84, fio2))
    found = criterion(result, "a-a-gradient")
    assert (found.oxygen_differed, found.verdict) == (differed, expected)
    assert ("FiO2 differed" in found.why) is differed
    assert found.baseline is not None
    assert found.baseline.derived
    assert len(found.baseline.sources) == (2 if differed else 3)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(300, 240.1, NOT_MET), (300, 240, MET), (300, 239, MET), (301.3, 241.04, MET), (300, 350, NOT_MET)],
)
def test_without_a_gradient_the_ratio(guideline: Guideline, before: float, after: float, expected: Verdict) -> None:
    result = assess(guideline, res("pf-ratio", before, on(0)), res("pf-ratio", after, on(15)))
    found = criterion(result, "a-a-gradient")
    assert (found.verdict, found.oxygen_differed) == (expected, False)
    assert "no A-aDO2 at both times" in found.why


def test_a_gradient_at_one_time_only(guideline: Guideline) -> None:
    one = res("a-a-gradient", 60, on(0))
    assert verdict(assess(guideline, one, *gas(15, 50, 0.5, None), *gas(0, 70, 0.21, None)), "a-a-gradient") is MET
    assert verdict(assess(guideline, one), "a-a-gradient") is UNKNOWN


def test_unknown_oxygen_does_not_silence_the_gradient(guideline: Guideline) -> None:
    result = assess(
        guideline, res("a-a-gradient", 60, on(0)), res("a-a-gradient", 90, on(15)), res("fio2", 0.5, on(15))
    )
    found = criterion(result, "a-a-gradient")
    assert (found.verdict, found.oxygen_differed) == (MET, False)


def test_oxygen_differed_and_no_ratio(guideline: Guideline) -> None:
    facts = [
        res("a-a-gradient", 60, on(0)),
        res("fio2", 0.21, on(0)),
        res("a-a-gradient", 90, on(15)),
        res("fio2", 0.5, on(15)),
    ]
    found = criterion(assess(guideline, *facts), "a-a-gradient")
    assert (found.verdict, found.oxygen_differed) == (UNKNOWN, True)


@pytest.mark.parametrize(
    ("comparator", "after", "expected"),
    [("<", 240, MET), ("<", 250, UNKNOWN), (">", 240, NOT_MET), (">", 230, UNKNOWN), (">=", 240, UNKNOWN)],
)
def test_censored_ratios(guideline: Guideline, comparator: str, after: float, expected: Verdict) -> None:
    result = assess(guideline, res("pf-ratio", 300, on(0)), res("pf-ratio", after, on(15), comparator=comparator))
    assert verdict(result, "a-a-gradient") is expected


# --- clinical criteria ---


@pytest.mark.parametrize("name", ["respiratory-symptoms", "imaging", "clinician-impression"])
@pytest.mark.parametrize(
    ("start", "flags", "expected"),
    [
        (20, [(13, True)], MET),
        (20, [(14, False)], NOT_MET),
        (20, [(7, True)], MET),
        (20, [(6, True)], UNKNOWN),  # day 6 (and its age is 14 days)
        (30, [(16, True)], MET),  # 14 days old
        (30, [(15.9, True)], UNKNOWN),
        (20, [(8, True), (15, False)], NOT_MET),
        (20, [(8, False), (15, True)], MET),
        (20, [(15, None)], UNKNOWN),
        (20, [(15, True), (15, False)], MET),  # of one instant the worse
        (20, [], UNKNOWN),
        (6, [(0, True)], MET),  # before day 7 those since the start are listed
        (6, [(-1, True)], UNKNOWN),
        (6, [(2, True), (5, False)], NOT_MET),
    ],
)
def test_clinical_criteria(
    guideline: Guideline, name: str, start: int, flags: list[tuple[float, bool | None]], expected: Verdict
) -> None:
    begin = AS_OF - timedelta(days=start)
    facts = [flag(name, value, begin + timedelta(days=day), id=f"{day}-{value}") for day, value in flags]
    result = assess(guideline, *facts, start=start)
    assert verdict(result, name) is expected
    assert {item.verdict for item in result.criteria if item.id != name} == {UNKNOWN}


def test_a_sign_of_partial_date(guideline: Guideline) -> None:
    assert verdict(assess(guideline, flag("imaging", True, "2026-02")), "imaging") is UNKNOWN
    assert verdict(assess(guideline, flag("imaging", True, "2026-02-20")), "imaging") is MET
    both = [flag("imaging", True, "2026-02-20"), flag("imaging", False, "2026-02-20T08:00:00Z")]
    assert verdict(assess(guideline, *both), "imaging") is UNKNOWN  # which is the newer?


# --- early worsening: start six days ago, AS_OF is its day 6 ---


def early(guideline: Guideline, *facts: Fact) -> tuple[str, ...]:
    result = assess(guideline, *facts, start=6)
    assert result.status == "too-early"
    return result.worsening


def pf(day: float, value: float) -> Result:
    return res("pf-ratio", value, AS_OF - timedelta(days=6) + timedelta(days=day))


@pytest.mark.parametrize(
    ("ratios", "worse"),
    [
        ([(-1, 400), (3, 320)], True),  # down by 20 %
        ([(-1, 400), (3, 321)], False),
        ([(-14, 400), (3, 320)], True),
        ([(-15, 400), (3, 320)], False),  # too old, and one value since
        ([(-10, 500), (-1, 400), (3, 350)], False),  # the last before, not the best
        ([(1, 400), (3, 320)], True),  # else the first after it
        ([(0, 400), (1, 310), (3, 390)], False),  # the newest counts
        ([(-1, 400)], False),
        ([(3, 310)], False),
        ([], False),
    ],
)
def test_a_fall_before_day_7(guideline: Guideline, ratios: list[tuple[float, float]], worse: bool) -> None:
    said = early(guideline, *(pf(day, value) for day, value in ratios))
    assert any(sentence.startswith("PaO2/FiO2 fell") for sentence in said) is worse


@pytest.mark.parametrize(
    ("days", "new"),
    [([3], True), ([0], True), ([-1, 3], False), ([-14, 3], False), ([-15, 3], True), ([-1], False)],
)
def test_new_hypoxaemia(guideline: Guideline, days: list[int], new: bool) -> None:
    said = early(guideline, *(pf(day, 250) for day in days))
    assert any(sentence.startswith("new hypoxaemia") for sentence in said) is new


@pytest.mark.parametrize("name", ["respiratory-symptoms", "imaging", "clinician-impression"])
def test_a_clinical_sign_before_day_7(guideline: Guideline, name: str) -> None:
    assert early(guideline, flag(name, True, 2)) != ()
    assert early(guideline, flag(name, False, 2)) == ()
    assert early(guideline, flag(name, True, 7)) == ()  # the day before the start


def test_later_there_is_no_early_worsening(guideline: Guideline) -> None:
    assert assess(guideline, res("pf-ratio", 400, on(-1)), res("pf-ratio", 250, on(3)), start=20).worsening == ()


def test_the_order_of_the_facts_changes_nothing(guideline: Guideline) -> None:
    facts = [
        *(res("ferritin", 300 + day * day, on(day)) for day in (-3, 1, 4, 9, 15)),
        *gas(0, 70, 0.21),
        *gas(12, 70, 0.4),
        flag("imaging", True, on(15), id="a"),
        flag("imaging", False, on(15), id="b"),
    ]
    assert assess(guideline, *facts) == assess(guideline, *reversed(facts))


def test_dates_are_whole_days(guideline: Guideline) -> None:
    """A date without a time, on day 7."""
    seventh = (START + timedelta(days=7)).isoformat()
    assert verdict(assess(guideline, flag("imaging", True, at(seventh))), "imaging") is MET
