"""The stage: each row of the contract's table at its limits; which apheresis and immunoglobulin is rescue, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_cards.combination import read
from cds_cards.courses import Clock
from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.stage import rescued
from cds_cards.therapy import Therapy, therapy
from tests.unit.build import AS_OF, Date, Fact, given, order, proc, rec

P, T = order("prednisone", 30), order("tacrolimus", 30)


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.fixture(scope="module")
def new_york(guideline: Guideline) -> Guideline:
    return replace(guideline, policy=replace(guideline.policy, zone="America/New_York"))


def both(days: Date) -> tuple[Fact, Fact]:
    """A combination that is complete since so many days."""
    return order("prednisone", days), order("tacrolimus", days)


def treat(guideline: Guideline, *facts: Fact) -> Therapy:
    return therapy(rec(*facts), Gases((), (), (), ()), guideline, AS_OF)


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        ([], "untreated"),
        ([order("immunoglobulin", 3)], "untreated"),
        ([order("pirfenidone", 3)], "untreated"),
        ([order("tacrolimus", 40, 5)], "untreated"),
        ([P], "glucocorticoid-only"),
        ([order("dexamethasone", 3), order("immunoglobulin", 3)], "glucocorticoid-only"),
        ([P, order("pirfenidone", 3)], "glucocorticoid-only"),
        ([T], "incomplete"),
        ([order("mycophenolate-mofetil", 3)], "incomplete"),
        ([order("azathioprine", 3)], "incomplete"),
        *(
            ([P, order(agent, 3)], "incomplete")
            for agent in (
                *("rituximab", "basiliximab", "tofacitinib", "baricitinib", "azathioprine"),
                *("methotrexate", "leflunomide", "infliximab", "adalimumab"),
            )
        ),
        *(
            ([order(glucocorticoid, 30), order(agent, 30)], "combination")
            for glucocorticoid, agent in (
                ("prednisone", "tacrolimus"),
                ("prednisolone", "cyclosporine"),
                ("methylprednisolone", "cyclophosphamide"),
                ("hydrocortisone", "mycophenolate-mofetil"),
                ("deflazacort", "mycophenolic-acid"),
            )
        ),
        ([P, T, order("azathioprine", 3)], "combination"),
        ([P, T, order("baricitinib", 3)], "combination"),
        ([P, T, order("rituximab", 30)], "combination"),
        ([P, T, order("cyclophosphamide", 24)], "combination"),  # day 6
        ([P, T, order("cyclophosphamide", 23)], "escalated"),  # day 7
        ([P, T, order("mycophenolate-mofetil", 22)], "escalated"),
        ([P, T, order("rituximab", 10)], "escalated"),
        ([P, T, given("rituximab", 10)], "escalated"),
        ([P, T, given("cyclophosphamide", 30), given("cyclophosphamide", 3)], "combination"),  # a further pulse
        ([P, T, order("basiliximab", 25)], "escalated"),
        ([*both(100), order("tofacitinib", 300)], "escalated"),
        ([*both(100), order("basiliximab", 29)], "combination"),  # no longer runs
        ([P, T, order("cyclosporine", 3)], "combination"),  # a CNI is no rec-4 agent
        ([P, order("tacrolimus", 30, 11), order("mycophenolate-mofetil", 11)], "escalated"),  # switched
    ],
)
def test_stage(guideline: Guideline, facts: list[Fact], stage: str) -> None:
    result = treat(guideline, *facts)
    assert (result.stage, result.running_stage) == (stage, stage)
    assert result.complete


@pytest.mark.parametrize(
    ("facts", "stage", "given_"),
    [
        ([proc("pmx-hemoperfusion", start=30)], "rescue", {"pmx-hemoperfusion"}),
        ([proc("pmx-hemoperfusion", start=31)], "combination", set()),
        ([proc("plasmapheresis", start=1)], "rescue", {"plasmapheresis"}),
        ([proc("plasmapheresis", start=40, end=29)], "rescue", {"plasmapheresis"}),
        ([proc("plasmapheresis", start=40, status="in-progress")], "rescue", {"plasmapheresis"}),
        ([proc("plasmapheresis", start=3, status="not-done")], "combination", set()),
        ([proc("plasmapheresis", start=3, status="entered-in-error")], "combination", set()),
        ([proc("plasmapheresis", start=3, status="preparation")], "combination", set()),
        ([proc("plasmapheresis", start=None)], "combination", set()),
        ([proc("plasmapheresis", start="2026-01")], "combination", {"plasmapheresis"}),  # before or after: not settled
        ([order("immunoglobulin", 24)], "combination", {"immunoglobulin"}),  # day 6: adjuvant
        ([order("immunoglobulin", 23)], "rescue", {"immunoglobulin"}),
        ([given("immunoglobulin", 22)], "rescue", {"immunoglobulin"}),
        ([given("immunoglobulin", 28), given("immunoglobulin", 2)], "combination", {"immunoglobulin"}),
        ([given("immunoglobulin", 60), given("immunoglobulin", 2)], "rescue", {"immunoglobulin"}),
        ([given("immunoglobulin", 60)], "combination", set()),
        ([order("immunoglobulin", 20, status="completed")], "rescue", {"immunoglobulin"}),
        ([order("immunoglobulin", 20, status="cancelled")], "combination", set()),
        ([order("immunoglobulin", "2026-02")], "combination", {"immunoglobulin"}),  # day 2 to 29: not settled
        ([order("immunoglobulin", None)], "combination", {"immunoglobulin"}),
        ([order("immunoglobulin", -3, authored=1)], "combination", set()),
        ([given("rituximab", 3), proc("pmx-hemoperfusion", start=1)], "rescue", {"pmx-hemoperfusion"}),  # outranks
    ],
)
def test_rescue(guideline: Guideline, facts: list[Fact], stage: str, given_: set[str]) -> None:
    result = treat(guideline, P, T, *facts)
    assert (result.stage, result.rescue_given) == (stage, given_)


def test_rescue_needs_a_combination(guideline: Guideline) -> None:
    result = treat(guideline, P, proc("pmx-hemoperfusion", start=3), order("immunoglobulin", 3))
    assert (result.stage, result.rescue_given) == ("glucocorticoid-only", {"immunoglobulin"})


@pytest.mark.parametrize("facts", [[], [P], [T]])
def test_apheresis_without_a_combination_is_no_rescue(guideline: Guideline, facts: list[Fact]) -> None:
    record = rec(*facts, proc("pmx-hemoperfusion", start=3), given("immunoglobulin", 3))
    widest, narrowest = (Clock.at(AS_OF, guideline.policy, widest=widest) for widest in (True, False))
    readings = read(record.orders, record.administrations, guideline, (widest, narrowest))
    assert rescued(record, readings, guideline, widest) is False


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        pytest.param(
            [proc("ecmo", start=3), proc("pmx-hemoperfusion", start=3, status="not-done"), proc("plasmapheresis")],
            "rescue",
            id="behind others that are none",
        ),
        pytest.param(
            [proc("plasmapheresis", start=40), proc("plasmapheresis", start=3, id="2")], "rescue", id="one before it"
        ),
        pytest.param([proc("plasmapheresis", start=40, end=31, status="in-progress")], "combination", id="ended"),
        pytest.param([proc("plasmapheresis", start=40, end=30, status="in-progress")], "rescue", id="ended that day"),
        pytest.param([proc("plasmapheresis", start=None, status="in-progress")], "rescue", id="runs, undated"),
        pytest.param([proc("plasmapheresis", start=None, end=3)], "rescue", id="only its end is known"),
        pytest.param([proc("plasmapheresis", start=3, end=-3)], "rescue", id="ends in three days"),
        pytest.param([proc("plasmapheresis", start="2026-02")], "rescue", id="some day of the month that followed"),
    ],
)
def test_apheresis_since_the_combination_was_complete(guideline: Guideline, facts: list[Fact], stage: str) -> None:
    assert treat(guideline, P, T, *facts).stage == stage


@pytest.mark.parametrize(
    ("session", "stage"), [("2026-01-30T04:00:00Z", "combination"), ("2026-01-30T06:00:00Z", "rescue")]
)
def test_the_first_day_is_that_of_the_site(new_york: Guideline, session: str, stage: str) -> None:
    """At four in the morning, UTC, it is the evening of the day before in New York."""
    start = "2026-01-30T15:00:00Z"
    facts = order("prednisone", start), order("tacrolimus", start), proc("pmx-hemoperfusion", start=session)
    assert treat(new_york, *facts).stage == stage


@pytest.mark.parametrize(
    ("dose", "stage"),
    [("2026-02-06T04:00:00Z", "combination"), ("2026-02-06T06:00:00Z", "rescue")],  # day 6 and day 7 in New York
)
@pytest.mark.parametrize("how", ["given", "ordered"])
def test_immunoglobulin_is_rescue_from_day_7_where_the_site_is(
    new_york: Guideline, dose: str, stage: str, how: str
) -> None:
    start = "2026-01-30T15:00:00Z"
    fact: Fact = given("immunoglobulin", dose) if how == "given" else order("immunoglobulin", dose)
    result = treat(new_york, order("prednisone", start), order("tacrolimus", start), fact)
    assert (result.stage, set(result.rescue_given)) == (stage, {"immunoglobulin"})


@pytest.mark.parametrize(
    ("doses", "stage", "told"),
    [
        pytest.param([given("immunoglobulin", 20, "not-done")], "combination", False, id="not given"),
        pytest.param([given("immunoglobulin", 20, "in-progress")], "rescue", True, id="being given"),
        pytest.param([given("rituximab", 300)], "combination", False, id="another drug"),
        pytest.param([order("immunoglobulin", 20, status="stopped")], "combination", False, id="stopped"),
        pytest.param([order("immunoglobulin", 20, status="on-hold")], "combination", False, id="on hold"),
        pytest.param([given("immunoglobulin", 30)], "combination", True, id="on the first day"),
        pytest.param([given("immunoglobulin", 31)], "combination", False, id="the day before"),
        pytest.param(
            [given("immunoglobulin", 31), given("immunoglobulin", 23)], "rescue", True, id="first since then on day 7"
        ),
        pytest.param(
            [given("immunoglobulin", 30), given("immunoglobulin", 3)], "combination", True, id="first on its day 0"
        ),
        pytest.param([given("immunoglobulin", "2026-01")], "combination", True, id="some day: before it or after it"),
        pytest.param([order("immunoglobulin", None, status="completed")], "combination", True, id="undated"),
    ],
)
def test_immunoglobulin_on_a_combination(guideline: Guideline, doses: list[Fact], stage: str, told: bool) -> None:
    result = treat(guideline, P, T, *doses)
    assert (result.stage, "immunoglobulin" in result.rescue_given) == (stage, told)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        pytest.param([proc("plasmapheresis", start=1)], set(), id="yesterday"),
        pytest.param([proc("plasmapheresis", start=0)], {"plasmapheresis"}, id="today"),
        pytest.param([proc("plasmapheresis", start=9, status="in-progress")], {"plasmapheresis"}, id="in progress"),
        pytest.param([given("immunoglobulin", 0)], set(), id="a dose given"),
        pytest.param([order("immunoglobulin", 9)], {"immunoglobulin"}, id="an order that runs"),
        pytest.param([order("immunoglobulin", 9, status="completed")], set(), id="an order that is over"),
    ],
)
def test_without_a_combination_only_what_runs_is_told(guideline: Guideline, facts: list[Fact], told: set[str]) -> None:
    assert treat(guideline, P, *facts).rescue_given == told


@pytest.mark.parametrize(
    ("facts", "stage", "told"),
    [
        pytest.param([given("immunoglobulin", "2026-02-20")], "rescue", {"immunoglobulin"}, id="after it"),
        pytest.param(
            [given("immunoglobulin", "2025-12-31"), given("immunoglobulin", "2026-02-20")],
            "rescue",
            {"immunoglobulin"},
            id="before it and after it",
        ),
        pytest.param(
            [given("immunoglobulin", "2026-01-20"), given("immunoglobulin", "2026-02-20")],
            "combination",
            {"immunoglobulin"},
            id="the first may have been given with it",
        ),
        pytest.param([given("immunoglobulin", "2026-02-06")], "combination", {"immunoglobulin"}, id="day 6 at least"),
        pytest.param([given("immunoglobulin", "2026-02-07")], "rescue", {"immunoglobulin"}, id="day 7 at least"),
        pytest.param([given("immunoglobulin", "2025-12-31")], "combination", set(), id="surely before it"),
        pytest.param([given("immunoglobulin", "2026-01-01")], "combination", {"immunoglobulin"}, id="may be since"),
        pytest.param([proc("plasmapheresis", start="2025-12-31")], "combination", set(), id="apheresis before it"),
        pytest.param(
            [proc("plasmapheresis", start="2026-01-01")],
            "combination",
            {"plasmapheresis"},
            id="apheresis that may be",
        ),
        pytest.param(
            [proc("plasmapheresis", start="2026-01-30")],
            "combination",
            {"plasmapheresis"},
            id="or the day before",
        ),
        pytest.param(
            [proc("plasmapheresis", start="2026-01-31")], "rescue", {"plasmapheresis"}, id="apheresis, surely since"
        ),
    ],
)
def test_of_a_combination_of_some_day_of_january_what_is_open_is_told_but_is_no_rescue(
    guideline: Guideline, facts: list[Fact], stage: str, told: set[str]
) -> None:
    result = treat(guideline, order("prednisone", 90), order("tacrolimus", "2026-01"), *facts)
    assert (result.stage, set(result.rescue_given)) == (stage, told)
