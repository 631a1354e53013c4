"""Starts, phase, what runs and what is planned: at the limits, and with what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.hypoxaemia import HypoxaemiaEvent
from cds_cards.knowledge import load_guideline
from cds_cards.record import MedicationOrder
from cds_cards.therapy import Course, Therapy, therapy
from cds_cards.timeline import When
from tests.unit.build import AS_OF, Date, Fact, at, draft, dx, given, order, rec, unread


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def gases(*hypoxaemia: When) -> Gases:
    return Gases((), (), (), tuple(HypoxaemiaEvent(when, "SpO2 85 %", ("Observation/s",)) for when in hypoxaemia))


def treat(guideline: Guideline, *facts: Fact, **answers: Any) -> Therapy:
    return therapy(rec(*facts, **answers), gases(), guideline, AS_OF)


def both(days: Date = 30, cni: str = "tacrolimus") -> tuple[MedicationOrder, MedicationOrder]:
    """A combination that is complete since so many days."""
    return order("prednisone", days), order(cni, days)


P, T = order("prednisone", 30), order("tacrolimus", 30)


@pytest.mark.parametrize(
    ("facts", "answer", "stage"),
    [
        ([], "complete", "unknown"),
        ([P], "complete", "unknown"),
        ([T], "complete", "unknown"),
        ([P, T], "complete", "combination"),
        ([P, T, order("rituximab", 3)], "complete", "escalated"),
    ],
)
def test_an_unreadable_order_is_never_no_therapy(
    guideline: Guideline, facts: list[Fact], answer: str, stage: str
) -> None:
    broken = unread("medications", id="x", why="its drug could not be read")
    result = treat(guideline, *facts, broken)
    assert (result.stage, result.complete) == (stage, False)
    assert result.unread == ("MedicationRequest/x (its drug could not be read)",)
    for missing in ("partial", "missing"):
        result = treat(guideline, *facts, medications=missing)
        assert (result.stage, result.complete) == (stage, False)
        assert len(result.unread) == 1


def test_what_is_unreadable_elsewhere_does_not_matter(guideline: Guideline) -> None:
    result = treat(guideline, P, unread("administrations"), unread("observations"), administrations="missing")
    assert (result.stage, result.complete) == ("glucocorticoid-only", True)


@pytest.mark.parametrize(
    ("facts", "since", "assessed"),
    [
        ([order("prednisone", 40), order("tacrolimus", 20)], 20, 20),
        ([order("prednisone", 10), order("tacrolimus", 20)], 10, 10),
        ([*both(40), order("rituximab", 10)], 40, 10),
        ([*both(40), given("rituximab", 20), given("rituximab", 6)], 40, 20),  # further pulses of the same drug
        ([*both(40), order("tofacitinib", 5)], 40, 5),
        ([*both(40), order("basiliximab", 60)], 40, 40),  # no longer runs
        ([*both(40), order("mycophenolate-mofetil", 30, 20)], 40, 40),  # no longer runs
        ([*both(40), order("prednisolone", 5), order("immunoglobulin", 5)], 40, 40),
        ([*both(40), order("azathioprine", 5), order("infliximab", 5), order("pirfenidone", 5)], 40, 40),
        ([*both(40), order("baricitinib", 5)], 40, 40),
        ([order("prednisone", 40), order("tacrolimus", 40, 10), order("cyclosporine", 10)], 40, 10),  # switched
        ([order("prednisone", 40), order("tacrolimus", 40, 10), order("tacrolimus", 9)], 40, 40),  # re-ordered
        ([order("prednisone", 40, 20), order("prednisolone", 19), order("tacrolimus", 40)], 40, 40),
        ([order("prednisone", 40), order("mycophenolate-mofetil", 40, 9), order("mycophenolic-acid", 9)], 40, 40),
        ([order("prednisone", 60, 45), order("prednisone", 14), order("tacrolimus", 60)], 14, 14),  # 31 days without
        ([order("prednisone", 300), order("tacrolimus", 300, 100), order("tacrolimus", 20)], 20, 20),
    ],
)
def test_since_when(guideline: Guideline, facts: list[Fact], since: int, assessed: int) -> None:
    result = treat(guideline, *facts)
    assert result.combination_since is not None
    assert result.assessed_since is not None
    assert (result.combination_since.text, result.assessed_since.text) == (at(since).text, at(assessed).text)
    assert result.days_on_combination == (since, since)
    assert result.days_assessed == (assessed, assessed)
    assert not result.start_unknown


def test_days_are_calendar_days(guideline: Guideline) -> None:
    """Ordered at 23:59 yesterday: day 1 at ten in the morning."""
    result = treat(guideline, order("prednisone", "2026-02-28T23:59:00Z"), order("tacrolimus", 40))
    assert result.days_on_combination == (1, 1)
    assert result.combination_since is not None
    assert result.combination_since.text == "2026-02-28"


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([order("prednisone", None), order("tacrolimus", 20)], id="glucocorticoid undated"),
        pytest.param([order("prednisone", 20), order("tacrolimus", None)], id="cni undated"),
        pytest.param([order("prednisone", None), order("cyclophosphamide", None)], id="both undated, a pulse"),
        pytest.param([order("prednisone", 20), order("cyclophosphamide", None)], id="a pulse undated"),
        pytest.param([order("prednisone", None), order("cyclophosphamide", 20)], id="beside a pulse"),
    ],
)
def test_a_start_without_a_date_is_not_known(guideline: Guideline, facts: list[Fact]) -> None:
    result = treat(guideline, *facts)
    assert (result.stage, result.start_unknown, result.complete) == ("combination", True, True)
    assert result.combination_since is None
    assert result.days_assessed is None
    assert result.phase == "induction"
    assert "not known" in result.phase_why


def test_an_undated_last_step_leaves_only_its_own_start_open(guideline: Guideline) -> None:
    result = treat(guideline, *both(100), order("mycophenolate-mofetil", None))
    assert (result.days_on_combination, result.assessed_since, result.start_unknown) == ((100, 100), None, True)
    assert (result.stage, result.phase) == ("combination", "induction")


def test_an_undated_renewal_beside_a_dated_order_is_no_riddle(guideline: Guideline) -> None:
    result = treat(guideline, *both(20), order("prednisone", None))
    assert (result.days_on_combination, result.start_unknown) == ((20, 20), False)


def test_partial_dates_stay_intervals(guideline: Guideline) -> None:
    result = treat(guideline, order("prednisone", 60), order("tacrolimus", "2026-02"))
    assert result.combination_since is not None
    assert (result.combination_since.text, result.days_on_combination) == ("2026-02", (1, 28))
    assert (result.stage, result.complete, result.start_unknown) == ("combination", True, False)


def test_this_months_order_was_written_before_now(guideline: Guideline) -> None:
    """authoredOn cannot lie ahead; the bounds of the dosage can."""
    written = order("tacrolimus", "2026-03")
    assert treat(guideline, P, written).stage == "combination"
    assert treat(guideline, P, order("tacrolimus", "2026")).stage == "combination"
    planned = order("tacrolimus", "2026-03", authored="2026-02-27")
    result = treat(guideline, P, planned)
    assert (result.stage, result.complete, result.phase) == ("unknown", False, "induction")
    assert result.unread == ("tacrolimus: the dates leave open whether it runs",)
    assert "tacrolimus" in result.running  # what may run is not suggested again


def test_an_end_that_straddles_today_leaves_the_stage_open(guideline: Guideline) -> None:
    ending = order("tacrolimus", 60, "2026")
    assert treat(guideline, P, ending).stage == "unknown"
    beside = treat(guideline, P, ending, order("mycophenolate-mofetil", 60))
    assert (beside.stage, beside.complete) == ("combination", False)
    alone = treat(guideline, order("prednisone", 60, "2026"))
    assert (alone.stage, alone.complete) == ("untreated", False)  # either way no combination
    assert treat(guideline, P, order("tacrolimus", 60, "2026-03")).complete  # today at the earliest: it runs


def test_an_end_before_its_start_is_not_repaired(guideline: Guideline) -> None:
    result = treat(guideline, P, order("tacrolimus", 20, 40))
    assert (result.stage, result.complete) == ("unknown", False)


OLD = "2025-11-30"  # 91 days before


@pytest.mark.parametrize(
    ("facts", "phase"),
    [
        pytest.param([], "induction", id="none on record"),
        pytest.param([order("prednisone", 500)], "induction", id="glucocorticoid alone is none"),
        pytest.param([*both(90)], "induction", id="day 90"),
        pytest.param([*both(91)], "maintenance", id="day 91"),
        pytest.param([*both(500), order("rituximab", 90)], "induction", id="escalated on day 90"),
        pytest.param([*both(500), order("rituximab", 91)], "maintenance", id="escalated on day 91"),
        pytest.param([*both(500), order("prednisolone", 3)], "maintenance", id="another glucocorticoid"),
        pytest.param([order("prednisone", 500), order("tacrolimus", 90, 50)], "induction", id="past, 90 days"),
        pytest.param([order("prednisone", 500), order("tacrolimus", 91, 50)], "maintenance", id="past, 91 days"),
        pytest.param([order("tacrolimus", 91, 50), order("azathioprine", 20)], "induction", id="a past CNI alone"),
        pytest.param(
            [order("prednisone", 500), order("tacrolimus", 400, 300), order("tacrolimus", 80, 40)],
            "induction",
            id="the last past one counts",
        ),
        pytest.param([order("prednisone", 500), order("tacrolimus", "2025-11", 50)], "maintenance", id="month, older"),
        pytest.param([order("prednisone", 500), order("tacrolimus", "2025-12", 50)], "induction", id="month, younger"),
        pytest.param([order("prednisone", 500), order("tacrolimus", "2025", 50)], "induction", id="year, straddles"),
        pytest.param(
            [order("prednisone", 500), order("tacrolimus", None, status="completed")], "induction", id="past, undated"
        ),
        pytest.param([order("prednisone", 500), unread("medications")], "induction", id="an unread order"),
        pytest.param(
            [order("prednisone", 500), order("tacrolimus", 400, 300), unread("medications")],
            "induction",
            id="an unread order after a past combination",
        ),
        pytest.param([*both(500), unread("medications")], "maintenance", id="an unread order beside a combination"),
    ],
)
def test_phase_by_the_combination(guideline: Guideline, facts: list[Fact], phase: str) -> None:
    result = treat(guideline, *facts)
    assert result.phase == phase
    assert result.phase_why


@pytest.mark.parametrize(
    ("disease", "phase"),
    [
        (dx("ild", onset="2026-01-30T10:00:00Z", clinical="relapse"), "induction"),  # 30 days to the minute
        (dx("ild", onset="2026-01-30T09:59:00Z", clinical="relapse"), "maintenance"),
        (dx("ild", "rpild", onset=5, clinical="recurrence"), "induction"),
        (dx("ild", onset=400, recorded=5, clinical="recurrence"), "induction"),
        (dx("ild", onset=400, clinical="relapse"), "maintenance"),
        (dx("ild", onset="2026-01", clinical="relapse"), "induction"),  # straddles
        (dx("ild", onset=None, clinical="relapse"), "induction"),  # undated
        (dx("ild", onset=5, clinical="active"), "maintenance"),
        (dx("ild", onset=5, clinical="remission"), "maintenance"),
        (dx("dermatomyositis", onset=5, clinical="relapse"), "maintenance"),
        (dx("ild", onset=5, clinical="relapse", verification="refuted"), "maintenance"),
    ],
)
def test_phase_by_a_relapse(guideline: Guideline, disease: Fact, phase: str) -> None:
    assert treat(guideline, *both(91), disease).phase == phase


@pytest.mark.parametrize(
    ("when", "phase"),
    [
        ("2026-01-30T10:00:00Z", "induction"),
        ("2026-01-30T09:59:00Z", "maintenance"),
        ("2026-01", "induction"),
        ("2025-12", "maintenance"),
    ],
)
def test_phase_by_hypoxaemia(guideline: Guideline, when: str, phase: str) -> None:
    result = therapy(rec(*both(OLD)), gases(at(when)), guideline, AS_OF)
    assert result.phase == phase
    assert ("SpO2 85 %" in result.phase_why) is (phase == "induction")


def test_triple_is_of_the_running_orders(guideline: Guideline) -> None:
    assert treat(guideline, P, T, order("cyclophosphamide", 20)).triple
    assert not treat(guideline, P, T, order("cyclophosphamide", 43)).triple
    assert not treat(guideline, P, T, draft("cyclophosphamide")).triple
    assert not treat(guideline, P, order("mycophenolate-mofetil", 20), order("cyclophosphamide", 20)).triple


@pytest.mark.parametrize(
    ("facts", "answer", "told"),
    [
        ([], "partial", ("not all pages of the medication orders could be fetched",)),
        ([], "missing", ("the medication orders could not be fetched",)),
        ([unread("medications", id="x")], "complete", None),
        ([order("tacrolimus", 60, "2026")], "complete", ("tacrolimus: the dates leave open whether it runs",)),
    ],
)
def test_what_of_the_orders_could_not_be_read_is_told(
    guideline: Guideline, facts: list[Fact], answer: Any, told: tuple[str, ...] | None
) -> None:
    found = treat(guideline, *facts, medications=answer).unread
    if told is None:
        (item,) = rec(*facts).unread
        told = (f"{item.source} ({item.why})",)
    assert found == told


NO_OTHER = (
    "more than 90 days ago; neither a relapse of the lung disease within 30 days "
    "nor hypoxaemia within 30 days on record"
)
NEW = "the combination or its last new agent began on"
PAST_P = order("prednisone", 500)


@pytest.mark.parametrize(
    ("facts", "why", "evidence"),
    [
        pytest.param([], "no combination on record, running or past", (), id="none"),
        pytest.param(both(20), f"{NEW} 2026-02-09, within 90 days", both(20), id="running"),
        pytest.param(both(91), f"{NEW} 2025-11-30, {NO_OTHER}", both(91), id="running, older"),
        pytest.param(
            [order("prednisone", 100), order("tacrolimus", "2025-12")],
            f"{NEW} 2025-12, within 90 days",
            [order("prednisone", 100), order("tacrolimus", "2025-12")],
            id="running, some day of a month",
        ),
        pytest.param(
            [order("prednisone", 120), order("tacrolimus", "2025")],
            f"{NEW} 2025-11-01/2025-12-31, possibly within 90 days",
            [order("prednisone", 120), order("tacrolimus", "2025")],
            id="running, some day between two",
        ),
        pytest.param(
            [order("prednisone", None), order("tacrolimus", 400)],
            "the start of the combination is not known",
            [order("prednisone", None), order("tacrolimus", 400)],
            id="running, start unknown",
        ),
        pytest.param(
            [*both(400), order("rituximab", 30), order("azathioprine", 9), order("immunoglobulin", 9)],
            f"{NEW} 2026-01-30, within 90 days",
            [*both(400), order("rituximab", 30)],
            id="running, an agent added",
        ),
        pytest.param(
            [PAST_P, order("tacrolimus", 90, 50)],
            "the last combination began on 2025-12-01, within 90 days",
            [PAST_P, order("tacrolimus", 90, 50)],
            id="past",
        ),
        pytest.param(
            [PAST_P, order("tacrolimus", 91, 50), order("tacrolimus", 400, 300, id="before"), order("azathioprine", 9)],
            f"the last combination on record began on 2025-11-30, {NO_OTHER}",
            [PAST_P, order("tacrolimus", 91, 50)],
            id="past, older",
        ),
        pytest.param(
            [PAST_P, order("tacrolimus", "2025-12", 50)],
            "the last combination began on 2025-12, within 90 days",
            [PAST_P, order("tacrolimus", "2025-12", 50)],
            id="past, some day of a month",
        ),
        pytest.param(
            [PAST_P, order("tacrolimus", None, status="completed")],
            "the start of the combination is not known",
            [PAST_P, order("tacrolimus", None, status="completed")],
            id="past, undated",
        ),
        pytest.param(
            [PAST_P, order("tacrolimus", None, 50, status="completed")],
            "the start of the combination is not known",
            [PAST_P, order("tacrolimus", None, 50, status="completed")],
            id="past, undated, with an end",
        ),
        pytest.param(
            [PAST_P, order("tacrolimus", 60, "2026")],
            "not every medication order could be read, so that a combination may be running",
            (),
            id="may run",
        ),
        pytest.param(
            [*both(20), order("tacrolimus", 30, 25, id="earlier")],
            f"{NEW} 2026-02-09, within 90 days",
            both(20),
            id="running again",
        ),
    ],
)
def test_why_the_phase_is_what_it_is(
    guideline: Guideline, facts: Sequence[Fact], why: str, evidence: Sequence[MedicationOrder]
) -> None:
    for order_ in (facts, facts[::-1]):
        result = treat(guideline, *order_)
        assert result.phase_why == why
        assert result.phase_evidence == tuple(sorted(item.source for item in evidence))


@pytest.mark.parametrize(
    ("undated", "known"),
    [
        ("prednisone", False),
        ("mycophenolate-mofetil", False),
        ("rituximab", False),
        ("azathioprine", True),
        ("immunoglobulin", True),
        ("pirfenidone", True),
    ],
)
def test_an_undated_order_of_what_makes_no_combination_leaves_the_start_known(
    guideline: Guideline, undated: str, known: bool
) -> None:
    """Of the combination some day of a month is known."""
    result = treat(guideline, order("prednisone", 60), order("tacrolimus", "2026-02"), order(undated, None))
    assert result.start_unknown is not known
    assert result.days_assessed == ((1, 28) if known else None)


def test_a_past_combination_of_one_day_has_its_evidence(guideline: Guideline) -> None:
    facts = [order("prednisone", 200, 150), order("tacrolimus", 150, 150), order("tacrolimus", 149, 100, id="later")]
    result = treat(guideline, *facts)
    assert result.phase_why == f"the last combination on record began on 2025-10-02, {NO_OTHER}"
    assert result.phase_evidence == tuple(sorted(item.source for item in facts[:2]))


def test_orders_that_nobody_asked_for_could_not_be_fetched(guideline: Guideline) -> None:
    result = therapy(replace(rec(P, T), answers={}), gases(), guideline, AS_OF)
    assert (result.stage, result.complete) == ("combination", False)
    assert result.unread == ("the medication orders could not be fetched",)


@pytest.mark.parametrize("status", ["stopped", "draft"])
def test_a_draft_does_not_settle_what_ran_until_now(guideline: Guideline, status: str) -> None:
    running = order("tacrolimus", 60, "2026", id="t")
    result = treat(guideline, P, running, draft("tacrolimus", id="t", status=status))
    assert (result.complete, result.unread) == (False, ("tacrolimus: the dates leave open whether it runs",))


def test_a_drafted_course_has_the_dates_of_its_draft(guideline: Guideline) -> None:
    drafted = draft("rituximab", 0, end=-5, id="d", by_text=True)
    (course,) = treat(guideline, drafted).courses
    assert course == Course("rituximab", "anti-cd20", at(0), at(-5), "draft", ("MedicationRequest/d",), by_text=True)


@pytest.mark.parametrize(
    ("facts", "planned"),
    [
        pytest.param([order("tacrolimus", -2, authored=0)], {"tacrolimus"}, id="begins the day after tomorrow"),
        pytest.param([order("tacrolimus", -2, authored=0, status="on-hold")], set(), id="on hold"),
        pytest.param([order("tacrolimus", -2, authored=0, status="stopped")], set(), id="stopped before it began"),
        pytest.param([order("tacrolimus", 100, 1)], set(), id="ended yesterday"),
        pytest.param([order("tacrolimus", 100, status="completed")], set(), id="past"),
        pytest.param([order("tacrolimus", None, status="completed")], set(), id="past, undated"),
        pytest.param([order("tacrolimus", None)], set(), id="runs, undated"),
        pytest.param([T, order("tacrolimus", -2, authored=0)], set(), id="runs and will be renewed"),
        pytest.param([order("rituximab", -2, authored=0), given("rituximab", 300)], {"rituximab"}, id="a pulse"),
    ],
)
def test_what_is_planned(guideline: Guideline, facts: list[Fact], planned: set[str]) -> None:
    assert set(treat(guideline, P, *facts).planned) == planned
