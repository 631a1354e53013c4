"""The orders as they would stand if the drafts were signed, and the stage they would make."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_cards.drafted import Orders, gives, orders
from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Dose
from cds_cards.therapy import Therapy, therapy
from tests.unit.build import AS_OF, Date, Fact, at, draft, maybe, order, rec

NO_GASES = Gases((), (), (), ())


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def treat(guideline: Guideline, *facts: Fact) -> Therapy:
    return therapy(rec(*facts), NO_GASES, guideline, AS_OF)


P, T = order("prednisone", 30), order("tacrolimus", 30)


def test_drafts_count_for_the_stage_alone(guideline: Guideline) -> None:
    result = treat(guideline, P, draft("tacrolimus"), draft("cyclophosphamide", selected=False))
    assert (result.stage, result.running_stage) == ("combination", "glucocorticoid-only")
    assert result.combination_since is None
    assert result.running == {"prednisone"}
    assert result.drafted == {"tacrolimus", "cyclophosphamide"}
    assert "no combination" in result.phase_why


@pytest.mark.parametrize(
    ("drafts", "stage"),
    [
        ([draft("rituximab")], "escalated"),
        ([draft("immunoglobulin")], "rescue"),
        ([draft("rituximab", -5)], "escalated"),
        ([draft("rituximab", intent="proposal")], "escalated"),
        ([draft("rituximab", status="cancelled")], "combination"),
        ([draft("rituximab", prohibited=True)], "combination"),
        ([draft("tacrolimus", id="t")], "combination"),
        ([draft("tacrolimus", id="t", status="stopped")], "glucocorticoid-only"),
        ([draft("tacrolimus", id="t", status="stopped"), draft("cyclosporine", id="new")], "combination"),
        ([draft("cyclosporine", id="t")], "combination"),
        ([draft("azathioprine", id="t")], "incomplete"),
    ],
)
def test_drafts_as_if_signed(guideline: Guideline, drafts: list[Fact], stage: str) -> None:
    result = treat(guideline, P, order("tacrolimus", 30, id="t"), *drafts)
    assert (result.stage, result.running_stage) == (stage, "combination")
    assert result.days_assessed == (30, 30)


def test_a_draft_of_an_order_that_would_begin_later_counts_from_now(guideline: Guideline) -> None:
    later = order("tacrolimus", -5, id="t", authored=1)
    result = treat(guideline, P, later, draft("tacrolimus", id="t"))
    assert (result.stage, result.running_stage, result.planned) == ("combination", "glucocorticoid-only", frozenset())


def test_a_draft_with_the_id_of_a_running_order_replaces_it(guideline: Guideline) -> None:
    running = order("tacrolimus", 30, id="t"), order("mycophenolate-mofetil", 10)
    other_dose = treat(guideline, P, *running, draft("tacrolimus", id="t"))
    assert other_dose.stage == "escalated"  # the start of the combination stays
    assert ("tacrolimus" in other_dose.running, "tacrolimus" in other_dose.drafted) == (False, True)
    assert [course.status for course in other_dose.courses if course.agent == "tacrolimus"] == ["draft"]
    stopped = treat(guideline, P, *running, draft("tacrolimus", id="t", status="stopped"))
    assert "tacrolimus" not in stopped.running | stopped.drafted


def as_they_stand(*facts: Fact) -> Orders:
    return orders(rec(*facts), AS_OF)


def test_without_drafts_all_orders_stand_as_they_are_on_record() -> None:
    never = order("tacrolimus", 30, status="cancelled")
    for facts in ((P, T), (P, T, never)):
        assert as_they_stand(*facts) == Orders((P, T), (P, T), (P, T), ())


@pytest.mark.parametrize(
    ("end", "ended"),
    [
        pytest.param(None, AS_OF, id="no end stated"),
        pytest.param("2026-06-01", AS_OF, id="would have run on"),
        pytest.param(0, AS_OF, id="ends today"),
        pytest.param("2026-03-01T10:00:01Z", AS_OF, id="ends in a second"),
        pytest.param("2026-03-01T10:00:00Z", AS_OF, id="ends this very second"),
        pytest.param("2026-03-01T09:59:59Z", "2026-03-01T09:59:59Z", id="ended a second ago"),
        pytest.param(3, 3, id="ended three days ago"),
    ],
)
@pytest.mark.parametrize("status", ["stopped", "cancelled", "on-hold", "completed"])
def test_a_draft_that_ends_a_running_order_ends_it_now(end: Date | None, ended: Date, status: str) -> None:
    running = order("tacrolimus", 30, end, id="t")
    found = as_they_stand(P, running, draft("tacrolimus", id="t", status=status))
    expected = replace(running, status="stopped", end=at(ended))
    assert (found.on_record, found.kept, found.drafts) == ((P, running), (P,), ())
    assert found.as_if_signed == (P, expected)


@pytest.mark.parametrize(
    ("start", "continued"),
    [
        pytest.param(30, 30, id="since a month"),
        pytest.param("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", id="since this very minute"),
        pytest.param("2026-03-01T10:00:01Z", AS_OF, id="planned to begin in a second"),
        pytest.param(-5, AS_OF, id="planned to begin in five days"),
        pytest.param(None, None, id="without a date"),
    ],
)
def test_a_draft_of_the_same_drug_continues_the_order_that_it_replaces(
    start: Date | None, continued: Date | None
) -> None:
    running = order("tacrolimus", start, id="t", authored=40)
    changed = draft("tacrolimus", 2, end=1, id="t", intent="proposal", dose=Dose(per_day=6))
    found = as_they_stand(running, changed)
    since = maybe(continued)
    signed = replace(changed.order, status="active", intent="order", start=since, authored=since, end=None)
    assert (found.kept, found.as_if_signed, found.drafts) == ((), (signed,), (changed.order,))


def test_a_draft_of_another_drug_ends_the_order_whose_id_it_has_and_begins_now() -> None:
    running = order("tacrolimus", 30, id="t")
    other = draft("cyclosporine", 20, id="t")
    found = as_they_stand(P, running, other)
    now = at(AS_OF)
    assert found.kept == (P,)
    assert found.as_if_signed == (
        P,
        replace(running, status="stopped", end=now),
        replace(other.order, status="active", start=now, authored=now),
    )


@pytest.mark.parametrize("status", ["completed", "stopped", "on-hold"])
def test_an_order_that_no_longer_runs_is_neither_replaced_nor_continued(status: str) -> None:
    over = order("tacrolimus", 30, id="t", status=status)
    again = draft("tacrolimus", 3, id="t")
    found = as_they_stand(over, again)
    now = at(AS_OF)
    assert found.kept == (over,)
    assert found.as_if_signed == (over, replace(again.order, status="active", start=now, authored=now))


@pytest.mark.parametrize(
    ("status", "prohibited", "expected"),
    [
        ("draft", False, True),
        ("active", False, True),
        ("draft", True, False),
        *(
            (status, False, False)
            for status in ("cancelled", "entered-in-error", "unknown", "stopped", "completed", "on-hold")
        ),
    ],
)
def test_what_a_draft_would_give(status: str, prohibited: bool, expected: bool) -> None:
    drafted = draft("rituximab", status=status, prohibited=prohibited)
    assert gives(drafted) is expected
    assert as_they_stand(P, drafted).drafts == ((drafted.order,) if expected else ())
    assert len(as_they_stand(P, drafted).as_if_signed) == (2 if expected else 1)
