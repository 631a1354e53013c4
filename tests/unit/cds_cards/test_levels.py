"""Calcineurin inhibitor levels: due, judged, shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from cds_cards.criteria import Verdict
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.levels import CniLevel, levels
from cds_cards.record import Answer
from cds_cards.therapy import Course, Therapy
from cds_cards.timeline import When
from tests.unit.build import AS_OF, Date, at, maybe, rec, res, unread

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
Phase = Literal["induction", "maintenance"]
# A start that leaves open whether the first 28 days are over: day 20 to 40.
STRADDLING = When(AS_OF - timedelta(days=40), AS_OF - timedelta(days=20), "about the turn of January")


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def ago(days: float) -> Date:
    return AS_OF - timedelta(days=days)


def on(agent: str, since: Date | None, phase: Phase = "induction", status: Any = "active") -> Therapy:
    course = Course(agent, "calcineurin-inhibitor", maybe(since), None, status, (f"MedicationRequest/{agent}",))
    return Therapy("combination", phase, "", True, (course,), frozenset({agent}))


def one(facts: list[Any], therapy: Therapy, guideline: Guideline, observations: Answer = "complete") -> CniLevel:
    (found,) = levels(rec(*facts, observations=observations), therapy, guideline, AS_OF)
    return found


def tac(value: float | None, days: float = 1, variant: str = "trough", **more: Any) -> Any:
    return res("tacrolimus-level", value, ago(days), variant=variant, **more)


def csa(value: float | None, days: float = 1, variant: str = "peak", **more: Any) -> Any:
    return res("cyclosporine-level", value, ago(days), variant=variant, **more)


@pytest.mark.parametrize(
    ("since", "facts", "due"),
    [
        (6, [], NOT_MET),
        (7, [], MET),
        (8, [], MET),
        (20, [tac(12, 7)], NOT_MET),
        (20, [tac(12, 7.01)], MET),
        (28, [tac(12, 8)], MET),
        (29, [tac(12, 8)], NOT_MET),
        (60, [tac(12, 35)], NOT_MET),
        (60, [tac(12, 35.01)], MET),
        (60, [tac(12, 90), tac(11, 20)], NOT_MET),
        (6, [tac(12, 40)], NOT_MET),
        (20, [tac(12, 2, "serum")], NOT_MET),
        (20, [tac(None, 2, words=("not detected",))], NOT_MET),
        (20, [csa(900, 2)], MET),
        ("2026-02", [], UNKNOWN),
        ("2026-02", [tac(12, 3)], NOT_MET),
        (STRADDLING, [tac(12, 8)], UNKNOWN),
        (STRADDLING, [tac(12, 36)], MET),
        (STRADDLING, [tac(12, 7)], NOT_MET),
        (None, [], UNKNOWN),
        (None, [tac(12, 36)], UNKNOWN),
        (None, [tac(12, 6)], NOT_MET),
        (20, [res("tacrolimus-level", 12, "2026-02", variant="trough")], UNKNOWN),
        (20, [unread("observations", "tacrolimus-level")], UNKNOWN),
        (20, [unread("observations", "tacrolimus-level", when=ago(3))], UNKNOWN),
        (20, [unread("observations", "tacrolimus-level", when=ago(9))], MET),
        (20, [unread("observations", "ferritin")], MET),
    ],
)
def test_due(since: Date | None, facts: list[Any], due: Verdict, guideline: Guideline) -> None:
    found = one(facts, on("tacrolimus", since), guideline)
    assert found.due is due, found.due_why
    assert found.due_why.startswith("tacrolimus: ")


@pytest.mark.parametrize("answer", ["partial", "missing"])
def test_absence_is_not_called_on_unfetched_results(answer: Answer, guideline: Guideline) -> None:
    assert one([], on("tacrolimus", 20), guideline, answer).due is UNKNOWN
    assert one([], on("tacrolimus", 5), guideline, answer).due is NOT_MET
    assert one([tac(12, 3)], on("tacrolimus", 20), guideline, answer).due is NOT_MET


@pytest.mark.parametrize(
    ("facts", "phase", "judged"),
    [
        ([tac(15.1)], "induction", "above"),
        ([tac(15)], "induction", "in"),
        ([tac(10)], "induction", "in"),
        ([tac(9.9)], "induction", "below"),
        ([tac(9.9)], "maintenance", "in"),
        ([tac(15.1)], "maintenance", "above"),
        ([tac(17, variant="untimed")], "induction", "above"),
        ([tac(17, variant="serum")], "induction", "not-judged"),
        ([tac(17, variant="peak")], "induction", "not-judged"),
        ([tac(17, variant="")], "induction", "not-judged"),
        ([tac(30, comparator=">")], "induction", "above"),
        ([tac(12, comparator=">")], "induction", "not-judged"),
        ([tac(2, comparator="<")], "induction", "below"),
        ([tac(2, comparator="<")], "maintenance", "in"),
        ([tac(17, 7)], "induction", "above"),
        ([tac(17, 7.01)], "induction", "not-judged"),
        ([tac(17, 5), tac(12, 1)], "induction", "in"),
        ([tac(12, 5), tac(17, 1, preliminary=True)], "induction", "in"),
        ([tac(17, 1, preliminary=True)], "induction", "above"),
        ([tac(17, 3), tac(5, 1, "serum")], "induction", "above"),
        ([tac(None, 1, words=("high",))], "induction", "not-judged"),
        ([], "induction", "not-judged"),
    ],
)
def test_tacrolimus_is_judged(facts: list[Any], phase: Phase, judged: str, guideline: Guideline) -> None:
    found = one(facts, on("tacrolimus", 20, phase), guideline)
    assert found.judged == judged, found.judged_why
    assert (found.judged_on is None) is (judged == "not-judged")


@pytest.mark.parametrize(
    ("fact", "judged"),
    [
        (csa(800), "in"),
        (csa(799), "below"),
        (csa(1200), "in"),
        (csa(1201), "above"),
        (csa(180, variant="trough"), "not-judged"),
        (csa(2000, variant="trough"), "not-judged"),
        (csa(1500, variant="untimed"), "not-judged"),
        (csa(1500, variant="other-time"), "not-judged"),
        (csa(1500, variant="metabolites"), "not-judged"),
        (csa(1500, variant="serum"), "not-judged"),
        (csa(1500, 8), "not-judged"),
    ],
)
def test_cyclosporine_is_judged_by_its_peak_only(fact: Any, judged: str, guideline: Guideline) -> None:
    found = one([fact], on("cyclosporine", 20), guideline)
    assert found.judged == judged
    assert bool(found.shown) is (fact.variant != "peak")
    assert found.newest == fact


def test_an_unknown_day_judges_by_the_shorter_interval(guideline: Guideline) -> None:
    assert one([tac(17, 8)], on("tacrolimus", None), guideline).judged == "not-judged"
    assert one([tac(17, 6)], on("tacrolimus", None), guideline).judged == "above"
    assert one([tac(17, 30)], on("tacrolimus", 60), guideline).judged == "above"


def test_a_level_of_an_earlier_course_is_not_judged(guideline: Guideline) -> None:
    assert one([tac(17, 5)], on("tacrolimus", 3), guideline).judged == "not-judged"
    assert one([tac(17, 3)], on("tacrolimus", 3), guideline).judged == "above"


def test_each_running_cni_has_its_entry_and_drafts_none(guideline: Guideline) -> None:
    both = replace(on("tacrolimus", 20), courses=on("tacrolimus", 20).courses + on("cyclosporine", 3).courses)
    assert [item.agent for item in levels(rec(), both, guideline, AS_OF)] == ["cyclosporine", "tacrolimus"]
    assert levels(rec(), on("tacrolimus", 0, status="draft"), guideline, AS_OF) == ()
    assert levels(rec(), on("tacrolimus", 90, status="past"), guideline, AS_OF) == ()
    assert levels(rec(), on("prednisone", 20), guideline, AS_OF) == ()


def test_order_of_results_does_not_matter(guideline: Guideline) -> None:
    facts = [tac(17, 5), tac(12, 2), tac(8, 2, id="other"), tac(30, 1, "serum"), csa(900, 2)]
    assert one(facts, on("tacrolimus", at(20)), guideline) == one(facts[::-1], on("tacrolimus", at(20)), guideline)


@pytest.mark.parametrize(
    ("field", "value", "facts", "since", "attribute", "expected"),
    [
        ("level_first_day", 8, [], 7, "due", NOT_MET),
        ("level_early_days", 8, [tac(12, 7.5)], 20, "due", NOT_MET),
        ("level_early_until_day", 29, [tac(12, 8)], 29, "due", MET),
        ("level_late_days", 36, [tac(12, 35.5)], 60, "due", NOT_MET),
        ("tacrolimus_level_high", 16, [tac(15.5)], 20, "judged", "in"),
        ("tacrolimus_level_low", 9, [tac(9.5)], 20, "judged", "in"),
        ("cyclosporine_peak_low", 799, [csa(799.5)], 20, "judged", "in"),
        ("cyclosporine_peak_high", 1201, [csa(1200.5)], 20, "judged", "in"),
    ],
)
def test_every_number_is_the_policys(
    field: str, value: float, facts: list[Any], since: Date, attribute: str, expected: object, guideline: Guideline
) -> None:
    agent = "cyclosporine" if field.startswith("cyclosporine") else "tacrolimus"
    moved = replace(guideline, policy=replace(guideline.policy, **{field: value}))
    assert getattr(one(facts, on(agent, since), guideline), attribute) != expected
    assert getattr(one(facts, on(agent, since), moved), attribute) == expected


TACROLIMUS_RULE = "one every 7 days, from day 7 (site policy)"


@pytest.mark.parametrize(
    ("since", "facts", "answer", "why"),
    [
        (20, [], "complete", f"tacrolimus: day 20; no level on record; {TACROLIMUS_RULE}"),
        (20, [tac(12, 9)], "complete", f"tacrolimus: day 20; last level 2026-02-20; {TACROLIMUS_RULE}"),
        (
            20,
            [tac(12, 9)],
            "partial",
            f"tacrolimus: day 20; last level 2026-02-20; not all results could be read; {TACROLIMUS_RULE}",
        ),
        (
            20,
            [unread("observations", "tacrolimus-level")],
            "complete",
            f"tacrolimus: day 20; no level on record; not all results could be read; {TACROLIMUS_RULE}",
        ),
        (
            20,
            [unread("observations", "ferritin")],
            "complete",
            f"tacrolimus: day 20; no level on record; {TACROLIMUS_RULE}",
        ),
        (
            60,
            [],
            "complete",
            "tacrolimus: day 60; no level on record; one every 35 days, from day 7 (site policy)",
        ),
        (
            "2026-02",
            [],
            "complete",
            f"tacrolimus: day 1 to 28; no level on record; {TACROLIMUS_RULE}",
        ),
        (
            None,
            [],
            "complete",
            "tacrolimus: start unknown; no level on record; one every 7 or 35 days, from day 7 (site policy)",
        ),
        (
            STRADDLING,
            [],
            "complete",
            "tacrolimus: day 20 to 40; no level on record; one every 7 or 35 days, from day 7 (site policy)",
        ),
    ],
)
def test_when_a_level_is_due_in_words(
    since: Any, facts: list[Any], answer: Answer, why: str, guideline: Guideline
) -> None:
    assert one(facts, on("tacrolimus", since), guideline, answer).due_why == why


@pytest.mark.parametrize(
    ("facts", "phase", "judged", "why"),
    [
        (
            [tac(16)],
            "induction",
            "above",
            "tacrolimus: 16 ng/mL (trough) of 2026-02-28: above the range, 10 to 15 ng/mL (site policy)",
        ),
        (
            [tac(9)],
            "induction",
            "below",
            "tacrolimus: 9 ng/mL (trough) of 2026-02-28: below the range, 10 to 15 ng/mL (site policy)",
        ),
        (
            [tac(12)],
            "induction",
            "in",
            "tacrolimus: 12 ng/mL (trough) of 2026-02-28: within the range, 10 to 15 ng/mL (site policy)",
        ),
        (
            [tac(9)],
            "maintenance",
            "in",
            "tacrolimus: 9 ng/mL (trough) of 2026-02-28: within the range, not above 15 ng/mL (site policy)",
        ),
        (
            [tac(12, comparator="<", preliminary=True)],
            "induction",
            "not-judged",
            "tacrolimus: <12 ng/mL (trough; preliminary) of 2026-02-28: cannot be placed against 10 to 15 ng/mL "
            "(site policy)",
        ),
        (
            [tac(16, assumption="804 g/mol")],
            "induction",
            "above",
            "tacrolimus: 16 ng/mL (trough; 804 g/mol) of 2026-02-28: above the range, 10 to 15 ng/mL (site policy)",
        ),
        (
            [],
            "induction",
            "not-judged",
            "tacrolimus: no whole-blood level surely within 7 days",
        ),
        (
            [tac(16, 8)],
            "induction",
            "not-judged",
            "tacrolimus: no whole-blood level surely within 7 days, the last of 2026-02-21",
        ),
    ],
)
def test_a_level_judged_in_words(facts: list[Any], phase: Phase, judged: str, why: str, guideline: Guideline) -> None:
    found = one(facts, on("tacrolimus", 20, phase), guideline)
    assert (found.judged, found.judged_why) == (judged, why)
    decided = judged != "not-judged"
    assert found.judged_on == (facts[0] if decided else None)


def test_the_peak_of_cyclosporine_in_words(guideline: Guideline) -> None:
    none = one([], on("cyclosporine", 20), guideline)
    assert none.judged_why == "cyclosporine A: no 2-hour or peak level surely within 7 days"
    trough = one(
        [csa(180, variant="trough"), csa(None, 2, "", words=("low",), recorded="low")],
        on("cyclosporine", 20),
        guideline,
    )
    assert trough.shown == (
        "cyclosporine A low (specimen and timing not stated) of 2026-02-27: shown, not judged",
        "cyclosporine A 180 ng/mL (trough) of 2026-02-28: shown, not judged",
    )


def test_of_each_kind_the_newest_is_shown(guideline: Guideline) -> None:
    facts = [csa(180, 3, "trough"), csa(170, 1, "trough"), csa(90, 2, "serum")]
    for order in (facts, facts[::-1]):
        shown = one(order, on("cyclosporine", 20), guideline).shown
        assert [text.partition(" (")[0] for text in shown] == ["cyclosporine A 90 ng/mL", "cyclosporine A 170 ng/mL"]


def test_the_first_of_two_starts_of_one_drug_is_its_clock(guideline: Guideline) -> None:
    therapy = on("tacrolimus", 60)
    twice = replace(therapy, courses=(*therapy.courses, replace(therapy.courses[0], since=maybe(9))))
    assert one([], twice, guideline).due_why.startswith("tacrolimus: day 60; ")
    undated = replace(therapy, courses=(*therapy.courses, replace(therapy.courses[0], since=None)))
    assert one([], undated, guideline).due_why.startswith("tacrolimus: start unknown; ")


@pytest.mark.parametrize(
    ("morning", "noon", "judged", "why"),
    [
        (17, 12, "not-judged", "cannot be placed against 10 to 15 ng/mL (site policy)"),
        (9, 12, "not-judged", "cannot be placed against 10 to 15 ng/mL (site policy)"),
        (17, 18, "above", "above the range, 10 to 15 ng/mL (site policy)"),
        (8, 9, "below", "below the range, 10 to 15 ng/mL (site policy)"),
        (11, 12, "in", "within the range, 10 to 15 ng/mL (site policy)"),
    ],
)
def test_two_levels_that_may_be_the_newest_are_judged_when_they_agree(
    morning: float, noon: float, judged: str, why: str, guideline: Guideline
) -> None:
    """Of one only the day is known."""
    facts = [
        res("tacrolimus-level", morning, "2026-02-28", variant="trough"),
        res("tacrolimus-level", noon, "2026-02-28T12:00:00Z", variant="trough"),
    ]
    for order in (facts, facts[::-1]):
        found = one(order, on("tacrolimus", 20), guideline)
        both = f"{morning} ng/mL (trough) of 2026-02-28; {noon} ng/mL (trough) of 2026-02-28"
        assert (found.judged, found.judged_why) == (judged, f"tacrolimus: {both}: {why}")
        assert found.judged_on == (None if judged == "not-judged" else facts[1])


@pytest.fixture(scope="module")
def new_york(guideline: Guideline) -> Guideline:
    """A site where at three in the morning, UTC, it still is the evening before."""
    return replace(guideline, policy=replace(guideline.policy, zone="America/New_York"))


@pytest.mark.parametrize(("hour", "judged"), [("03", "not-judged"), ("06", "above")])
def test_a_level_of_the_day_before_the_course_where_the_site_is_is_not_judged(
    hour: str, judged: str, new_york: Guideline
) -> None:
    level = res("tacrolimus-level", 17, f"2026-02-25T{hour}:00:00Z", variant="trough")
    assert one([level], on("tacrolimus", "2026-02-25T15:00:00Z"), new_york).judged == judged


def test_the_days_in_words_are_those_of_the_site(new_york: Guideline) -> None:
    night = "2026-02-28T03:00:00Z"
    levels_ = [res("tacrolimus-level", 16, night, variant="trough"), res("tacrolimus-level", 9, night, variant="serum")]
    found = one(levels_, on("tacrolimus", "2026-02-20T03:00:00Z"), new_york)
    assert found.due_why == "tacrolimus: day 10; last level 2026-02-27; one every 7 days, from day 7 (site policy)"
    assert found.judged_why == (
        "tacrolimus: 16 ng/mL (trough) of 2026-02-27: above the range, 10 to 15 ng/mL (site policy)"
    )
    assert found.shown == ("tacrolimus 9 ng/mL (serum) of 2026-02-27: shown, not judged",)
    old = one([res("tacrolimus-level", 16, "2026-02-20T03:00:00Z", variant="trough")], on("tacrolimus", 20), new_york)
    assert old.judged_why == "tacrolimus: no whole-blood level surely within 7 days, the last of 2026-02-19"


@pytest.mark.parametrize(("start", "due"), [("2026-02-22T03:00:00Z", MET), ("2026-02-22T06:00:00Z", NOT_MET)])
def test_the_first_level_is_due_on_day_7_where_the_site_is(start: str, due: Verdict, new_york: Guideline) -> None:
    policy = replace(new_york.policy, level_first_day=8)
    assert one([], on("tacrolimus", start), replace(new_york, policy=policy)).due is due
