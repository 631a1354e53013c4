"""Several drafts of one agent that are above the reported range only together, at 60 kg and 2 m²."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.dose_check import Circumstances, DoseCheck, check_dose
from cds_cards.dose_together import above_together
from cds_cards.dosing import BodySize
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Dose, DraftOrder
from tests.unit.build import at, draft, res

GIVEN = Circumstances(BodySize(res("weight", 60, 1), res("height", 165, 100), 2.0, (), "60 kg"), None, frozenset())
NO_AMOUNT = "the order has no single amount that could be lowered"


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def daily(agent: str, once: float, *, label: str = "", increment: float | None = None, **more: Any) -> DraftOrder:
    """A drafted daily order."""
    dose = Dose(once, once, once * 7, daily=True)
    return draft(agent, dose=replace(dose, **more), label=label, increment=increment)


def together(guideline: Guideline, *drafts: DraftOrder) -> dict[DraftOrder, DoseCheck]:
    return above_together({each: check_dose(each, GIVEN, guideline) for each in drafts}, GIVEN, guideline)


def test_two_strengths_of_one_drug_are_added_up(guideline: Guideline) -> None:
    one, two = daily("mycophenolate-mofetil", 2000, increment=500.0), daily("mycophenolate-mofetil", 1500)
    check = DoseCheck(
        "above",
        "2 drafts of it together: 3500 mg a day drafted, reported up to 3000 mg a day",
        ("1–3 g/day by mouth",),
        not_lowered=NO_AMOUNT,
    )
    assert together(guideline, one, two) == {one: check, two: check}


def test_no_amount_is_proposed_where_a_level_or_a_taper_leads(guideline: Guideline) -> None:
    found = together(guideline, daily("prednisone", 40), daily("prednisone", 50))
    assert {check.not_lowered for check in found.values()} == {"no amount is proposed for a glucocorticoid"}
    assert {check.lowered for check in found.values()} == {None}


@pytest.mark.parametrize(
    ("second", "above"), [(1000, False), (1150, False), (1150.1, True)], ids=["bound", "tolerance", "above"]
)
def test_the_sum_is_held_to_the_same_bound_as_one_order(second: float, above: bool, guideline: Guideline) -> None:
    first = daily("mycophenolate-mofetil", 2000)
    assert bool(together(guideline, first, daily("mycophenolate-mofetil", second))) is above


def test_a_weekly_drug_that_is_drafted_daily_is_added_up_over_the_week(guideline: Guideline) -> None:
    found = together(guideline, daily("methotrexate", 2.5), daily("methotrexate", 2))
    expected = "2 drafts of it together: 31.5 mg a week drafted, reported up to 25 mg a week"
    assert [check.why for check in found.values()] == [expected] * 2


def test_orders_per_kg_are_added_up_per_kg(guideline: Guideline) -> None:
    found = together(guideline, *(daily("azathioprine", dose, basis="per-kg") for dose in (2, 1.5)))
    assert {check.basis for check in found.values()} == {"per-kg"}
    assert {check.why for check in found.values()} == {
        "2 drafts of it together: 3.5 mg/kg a day drafted, reported up to 3 mg/kg a day"
    }


def test_every_agent_that_is_above_together_is_named_whatever_else_is_drafted(guideline: Guideline) -> None:
    pairs = {"mycophenolate-mofetil": 2000, "azathioprine": 100, "prednisone": 50, "tacrolimus": 4, "leflunomide": 15}
    by_itself = {"tofacitinib": 20, "pirfenidone": 900, "cyclosporine": 400, "prednisolone": 80, "methotrexate": 10}
    twice = [daily(agent, once, label=label) for agent, once in pairs.items() for label in ("one", "two")]
    one_above = [daily(agent, dose) for agent, once in by_itself.items() for dose in (once, 1)]
    alone = [daily(agent, 1) for agent in guideline.agents if agent not in pairs | by_itself]
    assert together(guideline, *alone, *one_above, *twice).keys() == set(twice)


@pytest.mark.parametrize(
    "second",
    [
        daily("mycophenolate-mofetil", 2000),
        daily("mycophenolate-mofetil", 1000),
        daily("mycophenolate-mofetil", 25, basis="per-kg"),
        daily("mycophenolate-mofetil", 2500, per_cycle=5000),
        daily("mycophenolate-mofetil", 2500, unread="the dose is in words only"),
        daily("mycophenolate-mofetil", 2500, per_day=None, per_week=None),
        daily("mycophenolate-mofetil", 2500, daily=None),
        daily("mycophenolate-mofetil", 4000),
        draft("mycophenolate-mofetil", 0, end=-9, dose=Dose(2500, 2500, 17500, daily=True)),
        draft("mycophenolate-mofetil", -9, authored=0, dose=Dose(2500, 2500, 17500, daily=True)),
    ],
    ids=["the same", "in range", "per kg", "a course", "unread", "no day", "no timing", "above", "ends", "later"],
)
def test_what_is_not_added_up(second: DraftOrder, guideline: Guideline) -> None:
    assert together(guideline, daily("mycophenolate-mofetil", 2000), second) == {}


def test_an_order_that_starts_with_its_signature_or_states_no_start_is_added_up(guideline: Guideline) -> None:
    first = daily("mycophenolate-mofetil", 2000)
    undated = replace(first, order=replace(first.order, start=None, authored=at(3), label="undated"))
    assert together(guideline, first, undated).keys() == {first, undated}


def test_tablets_of_cyclophosphamide_are_not_held_against_the_week_of_an_infusion(guideline: Guideline) -> None:
    """Table 2 reports the infusion alone; a daily order without a route may be tablets."""
    assert together(guideline, daily("cyclophosphamide", 300), daily("cyclophosphamide", 200)) == {}


def test_what_is_ordered_by_size_and_what_is_not_are_not_added_up(guideline: Guideline) -> None:
    one = daily("mycophenolate-mofetil", 2000)
    two = daily("mycophenolate-mofetil", 900, basis="per-m2")
    three = daily("mycophenolate-mofetil", 901, basis="per-m2")
    assert together(guideline, one, two) == {}
    assert together(guideline, one, two, three) == {}
