"""Which topics speak, and how urgently: the patient-view table of the contract, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.disease import Population
from cds_cards.findings import findings
from cds_cards.plan import PATIENT_VIEW, make_plan
from cds_cards.trend import Trend
from tests.unit.build import res
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    failure,
    knowledge,
    level,
    lungs,
    response,
    risk,
    support,
    treatment,
)

PAIR = treatment("prednisone", "tacrolimus")
NO_CNI = Screens(feasible=())
LATE = treatment("prednisone", "tacrolimus", phase="maintenance", day=200)


def topics(*given: Any, **changes: Any) -> dict[str, str]:
    plan = make_plan(assess_as(*given, **changes), knowledge(), "patient-view")
    assert len({item.topic for item in plan.items}) == len(plan.items)
    urgency = [("critical", "warning", "info").index(item.indicator) for item in plan.items]
    assert urgency == sorted(urgency)
    return {item.topic: item.indicator for item in plan.items}


def test_every_rule_asks_for_findings_that_exist() -> None:
    known = findings(assess_as(), knowledge())
    assert {name for rule in PATIENT_VIEW for name in rule.names} <= set(known)


def test_the_default_patient() -> None:
    assert topics() == {"rec-2": "warning", "risk": "info"}


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_hook_without_rules_has_an_empty_plan(hook: str) -> None:
    assert make_plan(assess_as(), knowledge(), hook).items == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"population": Population("out", "age 17 years", (17, 17))},
        {"anti_mda5": antibody("negative")},
        {"anti_mda5": antibody("unknown"), "dermatomyositis": False},
        {"lung_disease": lungs("ild"), "anti_mda5": antibody("negative")},
        {"lung_disease": lungs("none"), "imaging_recent": True},
    ],
)
def test_silence_outside_the_guideline(changes: dict[str, Any]) -> None:
    dire = {"respiratory_failure": failure("yes"), "risk": risk("very-high"), "gap_ids": ("egfr",)}
    assert topics(treatment("azathioprine"), **{"transplant": support("met"), **dire, **changes}) == {}


@pytest.mark.parametrize("stage", ["untreated", "glucocorticoid-only", "incomplete"])
def test_rec_2_or_rec_3_by_what_is_feasible(stage: str) -> None:
    therapy = treatment(stage=stage)
    assert topics(therapy)["rec-2"] == "warning"
    assert topics(therapy, respiratory_failure=failure("yes"))["rec-2"] == "critical"
    assert topics(therapy, respiratory_failure=failure("unknown"))["rec-2"] == "warning"
    found = topics(therapy, found=NO_CNI, respiratory_failure=failure("yes"))
    assert found["rec-3"] == "warning"
    assert "rec-2" not in found


@pytest.mark.parametrize("stage", ["combination", "escalated", "rescue"])
def test_a_combination_without_cni_is_mentioned(stage: str) -> None:
    agents = ("prednisone", "cyclophosphamide")
    therapy = treatment(*agents, stage=stage)
    assert topics(therapy, respiratory_failure=failure("yes"))["rec-2"] == "info"
    for silent in (
        topics(therapy, found=NO_CNI),
        topics(treatment(*agents, "tacrolimus", stage=stage)),
        topics(treatment(*agents, stage=stage, complete=False)),
        topics(treatment(*agents, stage=stage, planned=frozenset({"tacrolimus"}))),
        topics(treatment(*agents, stage=stage, phase="maintenance", day=200)),
    ):
        assert not {"rec-2", "rec-3"} & set(silent)


def test_an_unknown_stage_says_what_it_cannot_say() -> None:
    therapy = treatment(stage="unknown", complete=False)
    changes = {"refractoriness": response("not-assessable"), "gap_ids": ("medications",)}
    levels = (level("tacrolimus", "met"),)
    assert topics(therapy, levels=levels, **changes) == {"risk": "info", "data-gap": "info"}


@pytest.mark.parametrize(
    ("level_risk", "stage", "below", "expected"),
    [
        ("very-high", "untreated", True, "warning"),
        ("very-high", "unknown", True, "warning"),
        ("very-high", "combination", True, "info"),
        ("very-high", "combination", False, "warning"),
        ("very-high", "combination", None, "warning"),
        ("high", "untreated", False, "info"),
        ("indeterminate", "untreated", None, "info"),
        ("standard", "combination", None, "info"),
    ],
)
def test_risk(level_risk: str, stage: str, below: bool | None, expected: str) -> None:
    trend = Trend(res("ferritin", 1500.0), res("ferritin", 1600.0, 20), below)
    assert topics(treatment(stage=stage), risk=risk(level_risk), ferritin=trend)["risk"] == expected
    assert "risk" not in topics(treatment(stage=stage, phase="maintenance"), risk=risk(level_risk), ferritin=trend)


@pytest.mark.parametrize(
    ("status", "stage", "hypoxaemic", "rec_4", "rec_5"),
    [
        ("refractory", "combination", "not-met", "warning", "info"),
        ("probable", "combination", "unknown", "warning", "info"),
        ("probable", "combination", "met", "warning", "warning"),
        ("probable", "escalated", "not-met", "warning", "warning"),
        ("refractory", "rescue", "not-met", "warning", "warning"),
        ("possible", "escalated", "met", None, None),
        ("not-assessable", "escalated", "met", None, None),
        ("not-refractory", "escalated", "met", None, None),
        ("too-early", "escalated", "met", None, None),
    ],
)
def test_a_failing_response(status: str, stage: str, hypoxaemic: str, rec_4: str | None, rec_5: str | None) -> None:
    therapy = treatment("prednisone", "tacrolimus", stage=stage)
    found = topics(therapy, refractoriness=response(status, "mmnnu"), hypoxaemic=Verdict(hypoxaemic))
    assert (found.get("rec-4"), found.get("rec-5")) == (rec_4, rec_5)


@pytest.mark.parametrize(
    ("status", "day", "worsening", "expected"),
    [
        ("possible", 10, (), "info"),
        ("not-refractory", 10, (), None),
        ("not-assessable", 7, (), "info"),
        ("not-assessable", 91, (), "info"),
        ("not-assessable", 6, (), None),
        ("not-assessable", None, (), "info"),
        ("too-early", 3, (), None),
        ("too-early", 3, ("PaO2/FiO2 fell by 25 %",), "warning"),
        ("refractory", 10, (), None),
        ("not-on-combination", 10, (), None),
    ],
)
def test_a_response_in_doubt(status: str, day: int | None, worsening: tuple[str, ...], expected: str | None) -> None:
    therapy = treatment("prednisone", "tacrolimus", day=day)
    found = topics(therapy, refractoriness=response(status, "mnuuu", worsening))
    assert found.get("refractoriness") == expected


@pytest.mark.parametrize(
    ("life", "running", "recent", "expected"),
    [
        ("yes", False, False, "critical"),
        ("yes", True, False, None),
        ("yes", False, True, None),
        ("no", False, False, None),
        ("unknown", False, False, None),
    ],
)
@pytest.mark.parametrize("therapy", [treatment(), PAIR, LATE, treatment(stage="unknown", complete=False)])
def test_ecmo_in_any_stage(life: str, running: bool, recent: bool, expected: str | None, therapy: Any) -> None:
    found = topics(therapy, respiratory_failure=failure(life), transplant=support("met", running, recent))
    assert found.get("rec-6") == expected


@pytest.mark.parametrize("lung", ["ild", "rpild"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "info"),
        ({"transplant": support("unknown")}, "info"),
        ({"transplant": support("met")}, None),
        ({"population": Population("in", "adult", (75, 75))}, "info"),
        ({"population": Population("in", "adult", (76, 76))}, None),
        ({"population": Population("in", "age unknown", None)}, "info"),
        ({"refractoriness": response("probable", "mmnnu")}, "warning"),
        ({"refractoriness": response("possible", "mnnnu")}, "info"),
        ({"transplant": support("not-met", running=True)}, "warning"),
        ({"anti_mda5": antibody("unknown")}, None),
        ({"therapy": LATE}, "info"),
    ],
)
def test_early_referral(lung: str, changes: dict[str, Any], expected: str | None) -> None:
    values = {"therapy": PAIR, "transplant": support("not-met"), "lung_disease": lungs(lung)} | changes
    assert topics(**values).get("rec-7") == expected


@pytest.mark.parametrize(
    ("therapy", "expected"),
    [
        (treatment("azathioprine", "prednisone", day=400), "warning"),
        (treatment("azathioprine", "prednisone", "tacrolimus", day=90), "warning"),
        (treatment("azathioprine", "prednisone", "tacrolimus", day=91), None),
        (treatment("methotrexate", "prednisone", "tacrolimus", day=None), "warning"),
        (treatment("azathioprine", phase="maintenance"), None),
        (treatment("prednisone", "tacrolimus", drafted=frozenset({"leflunomide"})), None),
    ],
)
def test_rec_8(therapy: Any, expected: str | None) -> None:
    assert topics(therapy).get("rec-8") == expected


@pytest.mark.parametrize(
    ("topic", "agent"), [("rec-9", "infliximab"), ("rec-9", "etanercept"), ("rec-10", "pirfenidone")]
)
def test_rec_9_and_rec_10_in_any_phase(topic: str, agent: str) -> None:
    for phase in ("induction", "maintenance"):
        therapy = treatment("prednisone", "tacrolimus", agent, phase=phase, day=200)
        assert topics(therapy)[topic] == "warning"
        assert topic not in topics(treatment("prednisone", "tacrolimus", phase=phase, day=200))


@pytest.mark.parametrize(
    ("due", "judged", "phase", "expected"),
    [
        ("met", "in", "induction", "info"),
        ("met", "not-judged", "induction", "info"),
        ("unknown", "not-judged", "induction", "info"),
        ("not-met", "in", "induction", None),
        ("not-met", "not-judged", "induction", None),
        ("not-met", "below", "induction", "info"),
        ("not-met", "above", "induction", "warning"),
        ("met", "above", "maintenance", "warning"),
        ("met", "in", "maintenance", None),
    ],
)
def test_levels(due: str, judged: str, phase: str, expected: str | None) -> None:
    therapy = treatment("prednisone", "tacrolimus", phase=phase, day=20)
    assert topics(therapy, levels=(level("tacrolimus", due, judged),)).get("rec-2b") == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"anti_mda5": antibody("unknown"), "lung_disease": lungs("none")}, "info"),
        ({"anti_mda5": antibody("unknown"), "lung_disease": lungs("ild")}, "info"),
        ({"anti_mda5": antibody("unknown")}, "warning"),
        ({"anti_mda5": antibody("unknown"), "antibody_pending": True}, None),
        ({"anti_mda5": antibody("unknown"), "dermatomyositis": False}, None),
        ({"anti_mda5": antibody("negative")}, None),
        ({"lung_disease": lungs("unknown")}, "info"),
        ({"lung_disease": lungs("none")}, "info"),
        ({"lung_disease": lungs("none"), "imaging_recent": True}, None),
        ({"lung_disease": lungs("ild")}, None),
        ({"lung_disease": lungs("ild", unsettled=True)}, "info"),
        ({"lung_disease": lungs("ild", unsettled=True), "imaging_recent": True}, "info"),
        (
            {"lung_disease": lungs("ild", unsettled=True), "anti_mda5": antibody("negative")},
            None,
        ),
        ({}, None),
    ],
)
def test_diagnosis(changes: dict[str, Any], expected: str | None) -> None:
    assert topics(**changes).get("diagnosis") == expected
    assert "diagnosis" not in topics(population=Population("out", "deceased", (60, 60)), **changes)


@pytest.mark.parametrize(
    ("gap", "therapy", "expected"),
    [
        ("ferritin", PAIR, "info"),
        ("allergies", PAIR, "info"),
        ("egfr", treatment(), "info"),
        ("egfr", treatment("prednisone", "cyclophosphamide"), "info"),
        ("egfr", PAIR, None),
        ("weight", PAIR, None),
        ("height", PAIR, None),
        ("calcineurin-level", PAIR, None),
        ("ferritin", LATE, None),
    ],
)
def test_data_gap(gap: str, therapy: Any, expected: str | None) -> None:
    assert topics(therapy, gap_ids=(gap,)).get("data-gap") == expected


def test_in_maintenance_only_the_few_speak() -> None:
    everything: dict[str, Any] = {
        "respiratory_failure": failure("yes"),
        "transplant": support("not-met"),
        "risk": risk("very-high"),
        "gap_ids": ("ferritin",),
        "levels": (level("tacrolimus", "met", "above"),),
        "refractoriness": response("not-assessable"),
        "relapse_signs": ("ferritin 800 ng/mL on 2026-02-25",),
    }
    agents = ("prednisone", "tacrolimus", "azathioprine", "infliximab", "pirfenidone")
    assert topics(treatment(*agents, phase="maintenance", day=200), **everything) == {
        "rec-6": "critical",
        "rec-9": "warning",
        "rec-10": "warning",
        "rec-2b": "warning",
        "refractoriness": "info",
        "rec-7": "info",
    }
    assert topics(LATE, dermatomyositis=True, anti_mda5=antibody("unknown")) == {}


def test_the_order_among_cards_of_one_urgency_is_fixed() -> None:
    therapy = treatment("prednisone", "tacrolimus", "azathioprine", "infliximab", "pirfenidone", stage="escalated")
    found = topics(
        therapy,
        refractoriness=response("probable", "mmnnu"),
        respiratory_failure=failure("yes"),
        transplant=support("not-met"),
        levels=(level("tacrolimus", "met"),),
        gap_ids=("imaging",),
    )
    order = ["rec-6", "rec-4", "rec-5", "rec-9", "rec-10", "rec-8", "rec-7", "rec-2b", "risk", "data-gap"]
    assert list(found) == order


def test_a_topic_speaks_when_the_plan_holds_it() -> None:
    plan = make_plan(assess_as(PAIR, refractoriness=response("probable", "mmnuu")), knowledge(), "patient-view")
    assert {"rec-4", "rec-5"} <= {item.topic for item in plan.items}
    assert (plan.speaks("rec-4"), plan.speaks("rec-5"), plan.speaks("rec-6")) == (True, True, False)
    nothing = make_plan(assess_as(), knowledge(), "order-sign")
    assert not nothing.speaks("rec-4")
