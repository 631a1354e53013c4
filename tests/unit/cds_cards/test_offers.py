"""What a card may suggest: which agents in which order, and each draft order whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.guideline import Guideline
from cds_cards.offers import (
    Alternative,
    alternatives,
    by_mark,
    calcineurin_inhibitors,
    glucocorticoid,
    start,
    switch,
)
from cds_cards.plan import Plan, make_plan
from cds_cards.proposals import Action, MedicationProposal, Stop
from tests.unit.build_assessment import Screens, assess_as, knowledge, treatment

PAIR = treatment("prednisone", "tacrolimus")


def plan(*given: Any, guideline: Guideline | None = None, **changes: Any) -> Plan:
    return make_plan(assess_as(*given, **changes), guideline or knowledge(), "patient-view")


@pytest.mark.parametrize(
    ("screens", "expected"),
    [
        (Screens(), ("basiliximab", "cyclophosphamide", "rituximab")),
        (Screens(marked=frozenset({"basiliximab"})), ("cyclophosphamide", "rituximab", "basiliximab")),
        (
            Screens(marked=frozenset({"rituximab", "basiliximab"})),
            ("cyclophosphamide", "basiliximab", "rituximab"),
        ),
        (Screens(excluded={"cyclophosphamide": "allergy"}), ("basiliximab", "rituximab")),
    ],
)
def test_what_carries_no_mark_comes_first_and_then_the_name(screens: Screens, expected: tuple[str, ...]) -> None:
    found = plan(treatment("tacrolimus", planned=frozenset({"tofacitinib"})), found=screens)
    assert by_mark(found, ("rituximab", "tofacitinib", "tacrolimus", "cyclophosphamide", "basiliximab")) == expected


@pytest.mark.parametrize(
    ("therapy", "screens", "expected"),
    [
        (treatment(), Screens(), ("prednisone",)),
        (treatment("methylprednisolone", "dexamethasone"), Screens(), ("dexamethasone", "methylprednisolone")),
        (treatment(drafted=frozenset({"hydrocortisone"})), Screens(), ("hydrocortisone",)),
        (treatment(planned=frozenset({"deflazacort"})), Screens(), ("deflazacort",)),
        (treatment(), Screens(marked=frozenset({"prednisone"})), ("prednisolone",)),
        (treatment(), Screens(marked=frozenset({"prednisone", "prednisolone"})), ("methylprednisolone",)),
        (
            treatment(),
            Screens(marked=frozenset({"prednisone", "prednisolone", "methylprednisolone"})),
            ("prednisone",),
        ),
        (treatment(), Screens(excluded={"prednisone": "allergy", "prednisolone": "allergy"}), ("methylprednisolone",)),
        # none of those that Table 2 reports suits; another one is never made up
        (
            treatment(),
            Screens(excluded=dict.fromkeys(("prednisone", "prednisolone", "methylprednisolone"), "allergy")),
            (),
        ),
    ],
)
def test_which_glucocorticoid(therapy: Any, screens: Screens, expected: tuple[str, ...]) -> None:
    assert glucocorticoid(plan(therapy, found=screens)) == expected


@pytest.mark.parametrize(
    ("therapy", "feasible", "expected"),
    [
        (treatment(), ("cyclosporine", "tacrolimus"), ("cyclosporine", "tacrolimus")),
        (treatment(), ("tacrolimus",), ("tacrolimus",)),
        (treatment(), (), ()),
        (PAIR, ("cyclosporine", "tacrolimus"), ("tacrolimus",)),
        (PAIR, (), ("tacrolimus",)),
        (treatment(drafted=frozenset({"cyclosporine"})), ("tacrolimus",), ("cyclosporine",)),
        (treatment(planned=frozenset({"cyclosporine"})), ("tacrolimus",), ("cyclosporine",)),
        (treatment("tacrolimus", "cyclosporine"), (), ("cyclosporine", "tacrolimus")),
    ],
)
def test_an_inhibitor_that_is_given_stands_for_the_class(
    therapy: Any, feasible: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert calcineurin_inhibitors(plan(therapy, found=Screens(feasible=feasible))) == expected


def test_of_unmarked_glucocorticoids_the_daily_one_comes_before_the_pulse() -> None:
    agents = knowledge().agents
    site = replace(knowledge(), agents={"methylprednisolone": agents["methylprednisolone"], **agents})
    assert glucocorticoid(plan(guideline=site)) == ("prednisone",)
    marked = Screens(marked=frozenset({"prednisone", "prednisolone"}))
    assert glucocorticoid(plan(guideline=site, found=marked)) == ("methylprednisolone",)


REGIMENS = (
    ("prednisone", "mycophenolate-mofetil"),
    ("prednisone", "tacrolimus"),
    ("prednisone", "cyclophosphamide", "rituximab"),
)


@pytest.mark.parametrize(
    ("therapy", "screens", "expected"),
    [
        (
            treatment("prednisone"),
            Screens(),
            (
                Alternative(("mycophenolate-mofetil",), ("prednisone",), False),
                Alternative(("tacrolimus",), ("prednisone",), False),
                Alternative(("cyclophosphamide", "rituximab"), ("prednisone",), False),
            ),
        ),
        # the acid is the same treatment as the ester: that regimen adds nothing but the glucocorticoid
        (
            treatment("mycophenolic-acid"),
            Screens(excluded={"cyclophosphamide": "allergy"}, marked=frozenset({"prednisone"})),
            (
                Alternative(("prednisone",), ("mycophenolic-acid",), True),
                Alternative(("prednisone", "tacrolimus"), (), True),
            ),
        ),
        (
            treatment("prednisone"),
            Screens(marked=frozenset({"mycophenolate-mofetil", "rituximab"})),
            (
                Alternative(("tacrolimus",), ("prednisone",), False),
                Alternative(("mycophenolate-mofetil",), ("prednisone",), True),
                Alternative(("cyclophosphamide", "rituximab"), ("prednisone",), True),
            ),
        ),
        (
            treatment("prednisone", "tacrolimus", "mycophenolate-mofetil"),
            Screens(excluded={"rituximab": "allergy"}),
            (),
        ),
    ],
)
def test_the_part_of_each_regimen_that_does_not_run(
    therapy: Any, screens: Screens, expected: tuple[Alternative, ...]
) -> None:
    assert alternatives(plan(therapy, found=screens), REGIMENS) == expected


def test_of_two_regimens_that_add_the_same_the_first_counts() -> None:
    found = plan(treatment("prednisone", "tacrolimus"))
    both = (("prednisone", "rituximab"), ("tacrolimus", "rituximab"))
    assert alternatives(found, both) == (Alternative(("rituximab",), ("prednisone",), False),)


def test_beside_the_ester_and_the_acid_stands_the_one_that_the_regimen_names() -> None:
    found = plan(treatment("mycophenolate-mofetil", "mycophenolic-acid"))
    for named in ("mycophenolate-mofetil", "mycophenolic-acid"):
        assert alternatives(found, ((named, "prednisone"),)) == (Alternative(("prednisone",), (named,), False),)


def test_an_agent_without_an_atc_code_is_the_same_as_itself_alone() -> None:
    ours = knowledge()
    bare = {name: replace(ours.agents[name], atc=None) for name in ("mycophenolic-acid", "mycophenolate-mofetil")}
    found = plan(treatment("mycophenolic-acid"), guideline=replace(ours, agents={**ours.agents, **bare}))
    assert alternatives(found, (("mycophenolate-mofetil",), ("mycophenolic-acid",))) == (
        Alternative(("mycophenolate-mofetil",), (), False),
    )


@pytest.mark.parametrize(
    ("therapy", "label"),
    [
        (treatment("prednisone"), "Prednisone (running) + tacrolimus + IV cyclophosphamide"),
        (treatment(drafted=frozenset({"prednisone"})), "Prednisone (drafted) + tacrolimus + IV cyclophosphamide"),
        (treatment(planned=frozenset({"prednisone"})), "Prednisone (ordered) + tacrolimus + IV cyclophosphamide"),
    ],
)
def test_a_suggestion_says_how_far_its_companion_is(therapy: Any, label: str) -> None:
    item = Alternative(("tacrolimus", "cyclophosphamide"), ("prednisone",), False)
    found = start(plan(therapy), item, "Why")
    assert found.label == label
    assert [action.proposal.agent for action in found.actions] == list(item.start)  # type: ignore[union-attr]
    assert start(plan(therapy), replace(item, marked=True), "Why").label == f"{label} (caution, see text)"


def test_a_switch_stops_every_running_order_of_the_drug() -> None:
    therapy = treatment("prednisone", "tacrolimus")
    steroid, running = therapy.courses
    again = replace(running, in_force=("MedicationRequest/b", "MedicationRequest/a"))
    past = replace(running, status="past", in_force=("MedicationRequest/past",))
    found = switch(plan(replace(therapy, courses=(steroid, again, past))), "tacrolimus", "cyclosporine", "Why so")
    assert found is not None
    assert found.label == "Switch tacrolimus to cyclosporine A"
    create, *stops = found.actions
    assert isinstance(create.proposal, MedicationProposal)
    assert (create.proposal.agent, create.proposal.reason) == ("cyclosporine", "Why so")
    assert stops == [
        Action(
            "update",
            f"Stop tacrolimus ({target}): replaced by cyclosporine A. Why so.",
            target=target,
            change=Stop(target),
        )
        for target in ("MedicationRequest/a", "MedicationRequest/b")
    ]


def test_a_switch_to_what_carries_a_mark_says_so_and_asks_for_the_tests() -> None:
    found = switch(
        plan(PAIR, found=Screens(marked=frozenset({"rituximab"}), unscreened=("hbsag",))),
        "tacrolimus",
        "rituximab",
        "Why",
    )
    assert found is not None
    assert found.label == "Switch tacrolimus to rituximab (caution, see text)"
    assert [action.kind for action in found.actions] == ["create", "update", "create"]
    assert found.actions[2].description == "HBsAg. Not on record; before rituximab (site policy)."


def test_without_an_order_to_stop_there_is_no_switch() -> None:
    assert switch(plan(treatment("prednisone")), "tacrolimus", "cyclosporine", "Why") is None
