"""From orders and doses to courses: renewals, gaps, ends that nobody stated, pulses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest

from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.therapy import Course, Therapy, therapy
from cds_cards.timeline import When
from tests.unit.build import AS_OF, Fact, at, draft, given, order, rec

NO_GASES = Gases((), (), (), ())


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def treat(guideline: Guideline, *facts: Fact) -> Therapy:
    return therapy(rec(*facts), NO_GASES, guideline, AS_OF)


def of(result: Therapy, agent: str) -> list[tuple[str, str | None]]:
    """(status, since) of each course of an agent."""
    return [(c.status, c.since.text if c.since else None) for c in result.courses if c.agent == agent]


@pytest.mark.parametrize(
    ("facts", "running"),
    [
        pytest.param([order("tacrolimus", 100)], True, id="active, no end"),
        pytest.param([order("tacrolimus", 100, 0)], True, id="ends today"),
        pytest.param([order("tacrolimus", 100, 1)], False, id="ended yesterday"),
        pytest.param([order("tacrolimus", 20, 20)], False, id="for one day"),
        pytest.param([order("tacrolimus", 0, 0)], True, id="for today"),
        pytest.param([order("tacrolimus", 100, "2026-03-01T09:59:00Z")], False, id="ended a minute ago"),
        pytest.param([order("tacrolimus", 100, "2026-03-01T10:00:00Z")], True, id="ends now"),
        pytest.param([order("tacrolimus", -1, authored=3)], False, id="begins tomorrow"),
        pytest.param(
            [order("tacrolimus", "2026-03-01T10:05:00Z", authored=3)], True, id="begins within the clock skew"
        ),
        pytest.param([order("tacrolimus", "2026-03-01T10:06:00Z", authored=3)], False, id="begins in six minutes"),
        pytest.param([order("tacrolimus", 0)], True, id="begins today"),
        pytest.param([order("tacrolimus", None)], True, id="active without a date"),
        pytest.param([order("tacrolimus", 10, status="completed")], False, id="completed"),
        pytest.param([order("tacrolimus", 10, -20, status="completed")], False, id="completed before its end"),
        pytest.param([order("tacrolimus", 10, status="stopped")], False, id="stopped"),
        pytest.param([order("tacrolimus", 10, status="on-hold")], False, id="on hold"),
        pytest.param([order("tacrolimus", 10, status="draft")], False, id="draft on record"),
        pytest.param([order("tacrolimus", 10, status="cancelled")], False, id="cancelled"),
        pytest.param([order("tacrolimus", 10, status="entered-in-error")], False, id="entered in error"),
        pytest.param([order("tacrolimus", 10, status="unknown")], False, id="status unknown"),
        pytest.param([order("tacrolimus", 10, prohibited=True)], False, id="doNotPerform"),
        pytest.param([order("tacrolimus", 10, intent="proposal")], False, id="proposal"),
        pytest.param([order("tacrolimus", 10, intent="plan")], False, id="plan"),
        pytest.param([order("tacrolimus", 10, intent="original-order")], True, id="original order"),
        pytest.param([given("tacrolimus", 0)], False, id="a dose given is no course, but for pulses"),
    ],
)
def test_what_runs(guideline: Guideline, facts: list[Fact], running: bool) -> None:
    assert ("tacrolimus" in treat(guideline, *facts).running) is running
    assert treat(guideline, *facts).complete


def test_what_never_was_therapy_leaves_no_course(guideline: Guideline) -> None:
    facts = [
        order("tacrolimus", 10, status=status, id=status)
        for status in ("draft", "cancelled", "entered-in-error", "unknown")
    ]
    proposed = order("tacrolimus", 10, intent="plan", id="plan")
    assert treat(guideline, *facts, proposed, order("tacrolimus", 10, prohibited=True)).courses == ()


@pytest.mark.parametrize(("gap", "since"), [(29, 60), (30, 60), (31, 60 - 20 - 31)])
def test_a_gap_up_to_30_days_does_not_break_a_course(guideline: Guideline, gap: int, since: int) -> None:
    first = order("tacrolimus", 60, 40)  # ends 20 days after its start
    result = treat(guideline, first, order("tacrolimus", 40 - gap), order("prednisone", 60))
    assert result.days_on_combination == (since, since)
    assert len(of(result, "tacrolimus")) == (1 if gap <= 30 else 2)


@pytest.mark.parametrize("status", ["completed", "stopped", "on-hold"])
def test_an_order_without_an_end_runs_until_the_next_of_its_agent(guideline: Guideline, status: str) -> None:
    """At most 90 days; and a gap of 30 more does not break the course."""
    prednisone = order("prednisone", 400)
    for distance, unbroken in ((90, True), (120, True), (121, False)):
        old = order("mycophenolate-mofetil", 10 + distance, status=status)
        result = treat(guideline, prednisone, old, order("mycophenolate-mofetil", 10))
        start = 10 + distance if unbroken else 10
        assert result.days_on_combination == (start, start)


@pytest.mark.parametrize(
    ("before", "after", "unbroken"),
    [
        ("tacrolimus", "cyclosporine", True),
        ("cyclosporine", "tacrolimus", True),
        ("mycophenolate-mofetil", "mycophenolic-acid", True),
        ("tacrolimus", "mycophenolate-mofetil", False),  # another class: ten days on which nothing completed
    ],
)
def test_replacing_within_the_class_with_a_gap(guideline: Guideline, before: str, after: str, unbroken: bool) -> None:
    result = treat(guideline, order("prednisone", 60), order(before, 60, 30), order(after, 20))
    start = 60 if unbroken else 20
    assert result.days_on_combination == (start, start)


@pytest.mark.parametrize(("gap", "start"), [(0, 60), (1, 60), (2, 28)])
def test_another_completing_agent_from_day_to_day_keeps_the_stretch(guideline: Guideline, gap: int, start: int) -> None:
    """Ends on day 30 before today; the next class begins the same day, the next day, or leaves one day out."""
    result = treat(
        guideline, order("prednisone", 60), order("tacrolimus", 60, 30), order("mycophenolate-mofetil", 30 - gap)
    )
    assert result.days_on_combination == (start, start)


def test_an_order_by_its_text_counts_and_is_marked(guideline: Guideline) -> None:
    result = treat(guideline, order("prednisone", 20), order("tacrolimus", 20, by_text=True))
    assert result.stage == "combination"
    assert [(course.agent, course.by_text) for course in result.courses] == [
        ("prednisone", False),
        ("tacrolimus", True),
    ]


def test_courses_name_orders_dates_and_ends(guideline: Guideline) -> None:
    result = treat(
        guideline,
        order("tacrolimus", "2025-12-01", "2025-12-31", id="a"),
        order("tacrolimus", "2026-01-15", "2026-04-01", id="b"),
        order("azathioprine", "2025-06-01", status="stopped", id="c"),
        draft("rituximab", 0, id="d"),
    )
    rows = [
        (c.agent, c.agent_class, c.status, c.since and c.since.text, c.end and c.end.text, c.evidence)
        for c in result.courses
    ]
    assert rows == [
        ("azathioprine", "antimetabolite", "past", "2025-06-01", "2025-08-30", ("MedicationRequest/c",)),
        (
            "tacrolimus",
            "calcineurin-inhibitor",
            "active",
            "2025-12-01",
            "2026-04-01",
            ("MedicationRequest/a", "MedicationRequest/b"),
        ),
        ("rituximab", "anti-cd20", "draft", "2026-03-01", None, ("MedicationRequest/d",)),
    ]


def test_planned_orders_are_named_apart(guideline: Guideline) -> None:
    result = treat(guideline, order("tacrolimus", -2, authored=0), order("prednisone", 3))
    assert (result.planned, result.running) == (frozenset({"tacrolimus"}), frozenset({"prednisone"}))


def test_the_order_of_the_facts_changes_nothing(guideline: Guideline) -> None:
    facts = [
        order("prednisone", 60, 40),
        order("methylprednisolone", 41, 39, status="completed"),
        order("prednisolone", 20),
        order("tacrolimus", 50, status="stopped"),
        given("cyclophosphamide", 20),
    ]
    answers = {repr(treat(guideline, *shuffled)) for shuffled in permutations(facts)}
    assert len(answers) == 1


def test_course_types_are_importable_from_therapy() -> None:
    assert Course.__module__ == "cds_cards.courses"


@pytest.mark.parametrize("agent", ["tacrolimus", "cyclosporine"])
def test_the_next_order_of_its_lineage_ends_one_that_states_no_end(guideline: Guideline, agent: str) -> None:
    """Without it the first would have run for 90 days, until ten days ago."""
    first = order("tacrolimus", 100, status="completed")
    following = order(agent, 80, "2025-12-21T08:00:00Z", status="completed")
    found = treat(guideline, first, following).courses
    ends = {course.agent: course.end.text for course in found if course.end is not None}
    assert ends == {"tacrolimus": "2025-12-21T08:00:00Z" if agent == "tacrolimus" else "2025-12-11"} | {
        agent: "2025-12-21T08:00:00Z"
    }
    assert {course.status for course in found} == {"past"}


def test_alone_it_ends_after_the_days_of_the_policy(guideline: Guideline) -> None:
    (course,) = treat(guideline, order("tacrolimus", 100, status="completed")).courses
    assert course.end is not None
    assert course.end.text == "2026-02-19"


def test_the_end_of_a_running_course_is_that_of_what_runs(guideline: Guideline) -> None:
    ended, runs = order("tacrolimus", 60, 40), order("tacrolimus", 40, "2026-06-01", id="now")
    (course,) = treat(guideline, ended, runs).courses
    assert course.end is not None
    assert (course.status, course.end.text) == ("active", "2026-06-01")
    assert course.in_force == ("MedicationRequest/now",)
    beside = order("tacrolimus", 30, id="open")
    (both,) = treat(guideline, ended, runs, beside).courses
    assert both.end is None
    assert both.in_force == ("MedicationRequest/now", "MedicationRequest/open")


@pytest.mark.parametrize("agent", ["rituximab", "tacrolimus", "cyclophosphamide"])
@pytest.mark.parametrize("start", [9, None])
def test_what_was_recognised_by_its_text_says_so(guideline: Guideline, agent: str, start: int | None) -> None:
    for by_text in (True, False):
        (course,) = treat(guideline, order(agent, start, by_text=by_text)).courses
        assert course.by_text is by_text
    beside = [order(agent, 9, by_text=True, id="a"), order(agent, 8, id="b")]
    assert any(course.by_text for course in treat(guideline, *beside).courses)
    drafted = [course for course in treat(guideline, draft(agent, by_text=True)).courses if course.status == "draft"]
    assert [course.by_text for course in drafted] == [True]


@pytest.mark.parametrize("agent", ["rituximab", "cyclophosphamide", "tacrolimus"])
def test_what_can_be_stopped_is_an_active_order(guideline: Guideline, agent: str) -> None:
    (active,) = treat(guideline, order(agent, 9, id="a")).courses
    assert active.in_force == ("MedicationRequest/a",)
    done = [course.in_force for course in treat(guideline, order(agent, 9, status="completed")).courses]
    assert done == [()]


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        pytest.param(["2026-06-01"], "2026-06-01", id="one"),
        pytest.param(["2026-06-01", "2026-05-01"], "2026-06-01", id="the later of two"),
        pytest.param(["2026-05-01", "2026-06-01"], "2026-06-01", id="in whatever order they are"),
        pytest.param(["2026-06-30", "2026-06"], "2026-06-30", id="of two that end alike the one that begins later"),
        pytest.param(["2026-06-01", None], None, id="one states none"),
    ],
)
def test_a_running_course_ends_with_the_last_of_its_orders(
    guideline: Guideline, ends: list[str | None], told: str | None
) -> None:
    facts = [order("tacrolimus", 40 - number, end, id=f"{number}") for number, end in enumerate(ends)]
    (course,) = treat(guideline, *facts).courses
    assert (course.status, course.end.text if course.end else None) == ("active", told)


@pytest.mark.parametrize("status", ["completed", "stopped", "on-hold"])
def test_an_order_that_is_over_does_not_hide_the_end_of_the_one_that_runs(guideline: Guideline, status: str) -> None:
    """Without an end stated it is taken to have run until today."""
    runs, over = order("tacrolimus", 40, "2026-06-01"), order("tacrolimus", 10, status=status, id="over")
    (course,) = treat(guideline, runs, over).courses
    assert (course.status, course.end) == ("active", at("2026-06-01"))
    assert course.in_force == (runs.source,)


@pytest.mark.parametrize(
    ("starts", "since"),
    [
        (["2026-02-20T06:00:00Z", "2026-02-20T08:00:00Z"], "2026-02-20T06:00:00Z"),
        (["2026-02-20T08:00:00Z", "2026-02-20T06:00:00Z"], "2026-02-20T06:00:00Z"),
        (["2026-02-20T08:00:00Z", "2026-02-20"], "2026-02-20"),
        (["2026-02-20", "2026-02-20T00:00:00Z"], "2026-02-20T00:00:00Z"),
    ],
)
def test_a_course_begins_with_the_first_of_its_orders_of_that_day(
    guideline: Guideline, starts: list[str], since: str
) -> None:
    facts = [order("tacrolimus", start, id=f"{number}") for number, start in enumerate(starts)]
    assert of(treat(guideline, *facts), "tacrolimus") == [("active", since)]


@pytest.mark.parametrize(("start", "running"), [("2026-03-02T00:01:00Z", True), ("2026-03-02T00:04:00Z", False)])
def test_what_begins_within_the_clock_skew_runs_though_it_is_tomorrows(
    guideline: Guideline, start: str, running: bool
) -> None:
    late = datetime(2026, 3, 1, 23, 58, tzinfo=UTC)
    facts = order("tacrolimus", start, authored=3), order("prednisone", 20)
    result = therapy(rec(*facts), NO_GASES, guideline, late)
    assert ("tacrolimus" in result.running) is running
    assert result.days_on_combination == ((0, 0) if running else None)


def test_a_day_is_one_of_the_site(guideline: Guideline) -> None:
    """Midnight in New York is five in the morning, UTC."""
    site = replace(guideline, policy=replace(guideline.policy, zone="America/New_York"))
    evening = "2026-02-20T03:00:00Z"
    facts = order("prednisone", 60), order("tacrolimus", evening), order("azathioprine", "2025-11-02T03:00:00Z")
    past = order("methotrexate", "2025-11-21T03:00:00Z", status="completed")
    result = therapy(rec(*facts, past), NO_GASES, site, AS_OF)
    day = datetime(2026, 2, 19, 5, tzinfo=UTC), datetime(2026, 2, 20, 4, 59, 59, 999999, tzinfo=UTC)
    assert result.combination_since == When(*day, "2026-02-19")
    assert result.days_on_combination == (10, 10)
    ended = next(course.end for course in result.courses if course.agent == "methotrexate")
    day = datetime(2026, 2, 18, 5, tzinfo=UTC), datetime(2026, 2, 19, 4, 59, 59, 999999, tzinfo=UTC)
    assert ended == When(*day, "2026-02-18")
