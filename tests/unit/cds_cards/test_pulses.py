"""Pulses: how long a dose runs, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Administration, MedicationOrder
from cds_cards.therapy import Course, Therapy, therapy
from tests.unit.build import AS_OF, Fact, at, given, order, rec

NO_GASES = Gases((), (), (), ())


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def treat(guideline: Guideline, *facts: Fact) -> Therapy:
    return therapy(rec(*facts), NO_GASES, guideline, AS_OF)


PULSES = [("cyclophosphamide", 42), ("rituximab", 180), ("basiliximab", 28)]


@pytest.mark.parametrize(("agent", "interval"), PULSES)
@pytest.mark.parametrize("kind", ["completed", "active", "administration", "in-progress"])
def test_a_pulse_runs_its_interval_and_no_longer(guideline: Guideline, agent: str, interval: int, kind: str) -> None:
    for days, running in ((interval - 1, True), (interval, True), (interval + 1, False)):
        dose: MedicationOrder | Administration = {
            "completed": order(agent, days, status="completed"),
            "active": order(agent, days, -300),  # its own bounds do not matter
            "administration": given(agent, days),
            "in-progress": given(agent, days, "in-progress"),
        }[kind]
        assert (agent in treat(guideline, dose).running) is running


@pytest.mark.parametrize("status", ["not-done", "stopped", "entered-in-error", "on-hold", "unknown"])
def test_a_dose_that_was_not_given_is_none(guideline: Guideline, status: str) -> None:
    assert treat(guideline, given("rituximab", 3, status)).running == frozenset()


@pytest.mark.parametrize(
    ("facts", "running"),
    [
        pytest.param([order("cyclophosphamide", 5, status="stopped")], False, id="stopped"),
        pytest.param(
            [order("cyclophosphamide", 20, status="completed"), order("cyclophosphamide", 5, status="stopped")],
            False,
            id="a later stop ends it",
        ),
        pytest.param(
            [order("cyclophosphamide", 20, status="stopped"), order("cyclophosphamide", 5, status="completed")],
            True,
            id="a later dose begins anew",
        ),
        pytest.param(
            [order("cyclophosphamide", 5, status="stopped"), order("cyclophosphamide", 5, status="completed", id="b")],
            False,
            id="the same day",
        ),
        pytest.param(
            [
                order("cyclophosphamide", "2026-02-20T08:00:00Z", status="stopped"),
                order("cyclophosphamide", "2026-02-20T09:00:00Z", status="completed"),
            ],
            True,
            id="rewritten an hour later",
        ),
        pytest.param(
            [order("cyclophosphamide", 6, status="stopped"), given("cyclophosphamide", 5)],
            False,
            id="given under the order that was stopped",
        ),
        pytest.param(
            [order("cyclophosphamide", 200, status="stopped"), given("cyclophosphamide", 5)],
            True,
            id="a stop of long ago",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 20, status="stopped"),
                order("cyclophosphamide", 10, status="completed"),
                given("cyclophosphamide", 9),
            ],
            True,
            id="given under the newer order",
        ),
        pytest.param(
            [order("cyclophosphamide", 10), order("cyclophosphamide", 9, status="stopped")],
            True,
            id="an active order stands, whatever else was stopped",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 60),
                order("cyclophosphamide", 5, status="stopped"),
                given("cyclophosphamide", 10),
            ],
            True,
            id="given under an order that is still active, whatever else was stopped",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 60, status="completed"),
                order("cyclophosphamide", 5, status="stopped"),
                given("cyclophosphamide", 10),
            ],
            False,
            id="given before the stop",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 200, status="stopped"),
                order("cyclophosphamide", 6, status="stopped"),
                given("cyclophosphamide", 5),
            ],
            False,
            id="given under the later of two that were stopped",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 200, status="stopped"),
                order("cyclophosphamide", 3, status="stopped"),
                given("cyclophosphamide", 5),
            ],
            False,
            id="the later of two stops ends it",
        ),
        pytest.param(
            [order("cyclophosphamide", 47, status="stopped"), given("cyclophosphamide", 5)],
            False,
            id="given on the last day of the interval of the stopped one",
        ),
        pytest.param(
            [order("cyclophosphamide", 48, status="stopped"), given("cyclophosphamide", 5)],
            True,
            id="given the day after it",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 50, status="stopped"),
                order("cyclophosphamide", 45, status="completed"),
                given("cyclophosphamide", 10),
            ],
            True,
            id="given after a newer order whose own dose has run out",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 60, status="completed"),
                order("cyclophosphamide", 50, status="stopped"),
                order("cyclophosphamide", 45, status="completed"),
                given("cyclophosphamide", 10),
            ],
            True,
            id="the same after an older order that was completed",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 60, status="completed"),
                order("cyclophosphamide", 50, status="stopped"),
                given("cyclophosphamide", 10),
            ],
            False,
            id="completed before the stop, not since",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 45, status="stopped"),
                order("cyclophosphamide", 45, status="completed", id="b"),
                given("cyclophosphamide", 10),
            ],
            False,
            id="stopped and completed on one day, given later",
        ),
        pytest.param([order("cyclophosphamide", 5, status="on-hold")], False, id="on hold"),
        pytest.param([order("cyclophosphamide", 60, daily=True)], True, id="daily tablets are no pulse"),
        pytest.param([order("cyclophosphamide", 20, status="completed", daily=True)], False, id="daily tablets, past"),
        pytest.param([order("cyclophosphamide", 60, daily=False)], False, id="every four weeks is one"),
        pytest.param(
            [order("cyclophosphamide", 60, 10, daily=True), given("cyclophosphamide", 12)],
            False,
            id="a tablet given is no pulse",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 100, 5, daily=True),
                order("cyclophosphamide", 30, 20, daily=True, id="short"),
                given("cyclophosphamide", 10),
            ],
            False,
            id="a tablet of the first of two orders of tablets",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 100, 60, daily=True),
                order("cyclophosphamide", 30, 20, daily=True, id="later"),
                given("cyclophosphamide", 19),
            ],
            True,
            id="a pulse on the day after the tablets",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 100, 60, daily=True),
                order("cyclophosphamide", 30, 5, daily=True, id="later"),
                given("cyclophosphamide", 10),
            ],
            False,
            id="a tablet of the second of two orders",
        ),
        pytest.param(
            [
                order("cyclophosphamide", 100, 60, daily=True),
                order("cyclophosphamide", 10, 5, daily=True, id="later"),
                given("cyclophosphamide", 20),
            ],
            True,
            id="a pulse between two orders of tablets",
        ),
        pytest.param(
            [order("cyclophosphamide", 30, 20, daily=True), given("cyclophosphamide", 20)],
            False,
            id="a tablet of the last day",
        ),
        pytest.param(
            [order("cyclophosphamide", 30, 20, daily=True), given("cyclophosphamide", 30)],
            False,
            id="a tablet of the first day",
        ),
        pytest.param(
            [order("cyclophosphamide", 30, 20, daily=True), given("cyclophosphamide", 31)],
            True,
            id="a pulse on the day before the tablets",
        ),
        pytest.param([order("cyclophosphamide", -3, authored=1)], False, id="planned"),
    ],
)
def test_what_a_stop_and_a_daily_timing_do_to_a_pulse(guideline: Guideline, facts: list[Fact], running: bool) -> None:
    assert ("cyclophosphamide" in treat(guideline, *facts).running) is running


@pytest.mark.parametrize(
    ("facts", "settled"),
    [
        ([order("cyclophosphamide", 10, status="completed"), order("cyclophosphamide", None, status="stopped")], False),
        (
            [
                order("cyclophosphamide", "2026-02-20", status="completed"),
                order("cyclophosphamide", "2026-02", status="stopped"),
            ],
            False,
        ),
        (
            [
                order("cyclophosphamide", "2026-02-20", status="completed"),
                order("cyclophosphamide", "2026-01", status="stopped"),
            ],
            True,
        ),
        (
            [
                order("cyclophosphamide", "2026-02", status="completed"),
                order("cyclophosphamide", "2026-02-10", status="stopped"),
            ],
            False,
        ),  # stopped before it or after it
        (
            [order("cyclophosphamide", None, status="completed"), order("cyclophosphamide", 5, status="stopped")],
            False,
        ),  # given before it or after it
        ([given("cyclophosphamide", "2026-01")], False),  # 29 to 59 days ago
        ([given("cyclophosphamide", "2026-02")], True),  # 1 to 28 days ago
        ([order("cyclophosphamide", None, status="completed")], False),
        ([order("cyclophosphamide", None)], True),  # an active order runs, whenever it began
        ([order("cyclophosphamide", None), order("cyclophosphamide", 5, status="stopped")], True),
        ([order("cyclophosphamide", "2026-03", authored=3)], False),  # may begin later this month
    ],
)
def test_pulses_of_uncertain_date(guideline: Guideline, facts: list[Fact], settled: bool) -> None:
    result = treat(guideline, order("prednisone", 90), *facts)
    assert result.running == {"prednisone", "cyclophosphamide"}
    assert (result.stage, result.complete) == (("combination", True) if settled else ("unknown", False))


@pytest.mark.parametrize(("distance", "unbroken"), [(42, True), (43, True), (44, False)])
def test_pulses_continue_a_course_by_the_interval_alone(guideline: Guideline, distance: int, unbroken: bool) -> None:
    """A dose covers its day and the 42 after it; the next one continues when no day between them is uncovered."""
    result = treat(
        guideline, order("prednisone", 90), given("cyclophosphamide", 10), given("cyclophosphamide", 10 + distance)
    )
    start = 10 + distance if unbroken else 10
    assert result.days_on_combination == (start, start)


def test_missing_administrations_make_nothing_unknown(guideline: Guideline) -> None:
    record = rec(order("prednisone", 20), order("cyclophosphamide", 20, status="completed"), administrations="missing")
    result = therapy(record, NO_GASES, guideline, AS_OF)
    assert (result.stage, result.complete) == ("combination", True)


def ends(course: Course) -> tuple[str, str | None]:
    return course.status, course.end.text if course.end else None


def test_a_dose_given_is_no_order_that_can_be_stopped(guideline: Guideline) -> None:
    (course,) = treat(guideline, given("rituximab", 9)).courses
    assert (course.status, course.in_force, course.by_text) == ("active", (), False)
    assert course.evidence == (given("rituximab", 9).source,)


@pytest.mark.parametrize(
    ("stop", "end"),
    [
        pytest.param("2026-02-20T03:00:00Z", "2026-02-19", id="in the evening of the day before, where the site is"),
        pytest.param("2026-02-20T06:00:00Z", "2026-02-20", id="in the night after it"),
        pytest.param("2026-02-09T18:00:00Z", "2026-02-09", id="on the day of the dose, before it"),
    ],
)
def test_a_pulse_ends_on_the_day_of_its_stop_where_the_site_is(guideline: Guideline, stop: str, end: str) -> None:
    site = replace(guideline, policy=replace(guideline.policy, zone="America/New_York"))
    dose = given("cyclophosphamide", "2026-02-09T20:00:00Z")
    (course,) = treat(site, dose, order("cyclophosphamide", stop, status="stopped")).courses
    assert ends(course) == ("past", end)


def test_a_stop_of_the_next_minute_after_midnight_ends_the_pulse_today(guideline: Guideline) -> None:
    """The clock of who wrote it may be ahead; no course ends in the future."""
    late = datetime(2026, 3, 1, 23, 58, tzinfo=UTC)
    stop = order("cyclophosphamide", "2026-03-02T00:01:00Z", status="stopped")
    (course,) = therapy(rec(given("cyclophosphamide", 5), stop), NO_GASES, guideline, late).courses
    assert ends(course) == ("past", "2026-03-01")


@pytest.mark.parametrize(("agent", "interval"), PULSES)
def test_a_pulse_that_ran_out_ended_with_its_interval(guideline: Guideline, agent: str, interval: int) -> None:
    (course,) = treat(guideline, given(agent, interval + 5)).courses
    assert ends(course) == ("past", at(5).text)
    (running,) = treat(guideline, given(agent, interval)).courses
    assert ends(running) == ("active", None)


@pytest.mark.parametrize(("distance", "unbroken"), [(180, True), (181, True), (182, False)])
def test_a_further_pulse_is_no_new_agent_while_no_day_is_uncovered(
    guideline: Guideline, distance: int, unbroken: bool
) -> None:
    facts = [order("prednisone", 400), order("tacrolimus", 400), given("rituximab", 10)]
    result = treat(guideline, *facts, given("rituximab", 10 + distance))
    start = 10 + distance if unbroken else 10
    assert result.days_assessed == (start, start)
    starts = [course.since for course in result.courses if course.agent == "rituximab"]
    assert starts == ([at(10 + distance)] if unbroken else [at(10 + distance), at(10)])


@pytest.mark.parametrize("moment", ["2026-02-20T08:00:00Z", "2026-02-20T07:59:59Z"])
def test_a_dose_since_an_active_order_began_is_evidence_of_what_runs(guideline: Guideline, moment: str) -> None:
    """One given a second before it ended with the order that was stopped."""
    dose = given("cyclophosphamide", moment)
    facts = [order("cyclophosphamide", "2026-02-20T08:00:00Z"), order("cyclophosphamide", 5, status="stopped"), dose]
    evidence = treat(guideline, order("prednisone", 30), *facts).phase_evidence
    assert facts[0].source in evidence
    assert (dose.source in evidence) is (moment == facts[0].start.text)
