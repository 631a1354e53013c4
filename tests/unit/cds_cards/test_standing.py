"""The thirteen standings, by the sentences of the contract's section on recommendations."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.disease import Population
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    failure,
    knowledge,
    lungs,
    response,
    support,
    treatment,
)

ALL = (
    "rec-1",
    "rec-2",
    "rec-2a",
    "rec-2b",
    "rec-3",
    "rec-3a",
    "rec-4",
    "rec-5",
    "rec-6",
    "rec-7",
    "rec-8",
    "rec-9",
    "rec-10",
)
INITIAL = ALL[:6]
NO_CNI = Screens(feasible=())


def status(recommendation: str, *given: Any, **changes: Any) -> str:
    return assess_as(*given, **changes).standing(recommendation).status


def test_all_thirteen_with_each_grade_once() -> None:
    found = assess_as().recommendations
    assert tuple(item.id for item in found) == ALL
    assert {item.id: item.grades for item in found if len(item.grades) > 1} == {
        "rec-4": ("D", "√"),
        "rec-5": ("D", "√"),
    }
    assert all(item.why for item in found)


@pytest.mark.parametrize("recommendation", [name for name in ALL if name != "rec-7"])
@pytest.mark.parametrize(
    ("mda5", "lung", "expected"),
    [
        ("positive", "ild", "does-not-apply"),
        ("positive", "none", "does-not-apply"),
        ("positive", "unknown", "unknown"),
        ("negative", "rpild", "does-not-apply"),
        ("negative", "unknown", "does-not-apply"),
        ("unknown", "rpild", "unknown"),
        ("unknown", "ild", "does-not-apply"),
        ("unknown", "unknown", "unknown"),
    ],
)
def test_who_it_is_for_comes_first(recommendation: str, mda5: str, lung: str, expected: str) -> None:
    therapy = treatment("prednisone", "tacrolimus", "azathioprine", "infliximab", "pirfenidone")
    changes: dict[str, Any] = {"refractoriness": response("refractory", "mmmmm"), "respiratory_failure": failure("yes")}
    found = status(recommendation, therapy, anti_mda5=antibody(mda5), lung_disease=lungs(lung), **changes)
    assert found == expected


def test_nothing_applies_outside_the_population() -> None:
    found = assess_as(population=Population("out", "age 17 years", (17, 17)), anti_mda5=antibody("unknown"))
    assert {item.status for item in found.recommendations} == {"does-not-apply"}
    assert all(item.why == "age 17 years" for item in found.recommendations)


@pytest.mark.parametrize(
    ("stage", "with_cni", "without"),
    [
        ("untreated", {"rec-1", "rec-2", "rec-2a"}, {"rec-1", "rec-3", "rec-3a"}),
        ("glucocorticoid-only", {"rec-1", "rec-2", "rec-2a"}, {"rec-1", "rec-3", "rec-3a"}),
        ("incomplete", {"rec-1", "rec-2", "rec-2a"}, {"rec-1", "rec-3", "rec-3a"}),
        ("combination", set(), set()),
        ("escalated", set(), set()),
        ("rescue", set(), set()),
    ],
)
def test_initial_therapy_by_stage(stage: str, with_cni: set[str], without: set[str]) -> None:
    for screens, expected in ((Screens(), with_cni), (NO_CNI, without)):
        assessment = assess_as(treatment(stage=stage), found=screens)
        assert {name for name in INITIAL if assessment.standing(name).status == "applies"} == expected
    late = assess_as(treatment(stage=stage, phase="maintenance"))
    assert {late.standing(name).status for name in INITIAL} == {"does-not-apply"}


def test_an_unknown_stage_leaves_rec_1_to_rec_5_open() -> None:
    assessment = assess_as(treatment(stage="unknown", complete=False), refractoriness=response("not-assessable"))
    assert {assessment.standing(name).status for name in (*INITIAL, "rec-4", "rec-5")} == {"unknown"}
    assert "no drug is named" in assessment.standing("rec-2").why


@pytest.mark.parametrize(
    ("agents", "complete", "expected"),
    [
        (("prednisone", "tacrolimus"), True, "applies"),
        (("tacrolimus",), False, "applies"),
        (("prednisone", "cyclophosphamide"), True, "does-not-apply"),
        (("prednisone", "cyclophosphamide"), False, "unknown"),
    ],
)
def test_levels_while_a_cni_runs(agents: tuple[str, ...], complete: bool, expected: str) -> None:
    assert status("rec-2b", treatment(*agents, complete=complete)) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("refractory", "applies"),
        ("probable", "applies"),
        ("possible", "does-not-apply"),
        ("not-refractory", "does-not-apply"),
        ("too-early", "does-not-apply"),
        ("not-on-combination", "does-not-apply"),
        ("not-assessable", "unknown"),
    ],
)
def test_failing_response(found: str, expected: str) -> None:
    for recommendation in ("rec-4", "rec-5"):
        therapy = treatment("prednisone", "tacrolimus")
        assert status(recommendation, therapy, refractoriness=response(found)) == expected


@pytest.mark.parametrize(("life", "expected"), [("yes", "applies"), ("no", "does-not-apply"), ("unknown", "unknown")])
def test_ecmo(life: str, expected: str) -> None:
    assert status("rec-6", respiratory_failure=failure(life)) == expected
    # ECMO that runs silences the card, and leaves the recommendation as it is
    assert status("rec-6", respiratory_failure=failure(life), transplant=support(running=True)) == expected


@pytest.mark.parametrize(
    ("lung", "age", "addressed", "expected"),
    [
        ("rpild", (75, 75), "not-met", "applies"),
        ("ild", (75, 75), "not-met", "applies"),
        ("ild", (76, 76), "not-met", "does-not-apply"),
        ("ild", (75, 76), "not-met", "applies"),
        ("ild", None, "not-met", "applies"),
        ("ild", (52, 52), "unknown", "applies"),
        ("ild", (52, 52), "met", "does-not-apply"),
        ("none", (52, 52), "not-met", "does-not-apply"),
        ("unknown", (52, 52), "not-met", "unknown"),
    ],
)
def test_early_referral(lung: str, age: tuple[int, int] | None, addressed: str, expected: str) -> None:
    changes = {"lung_disease": lungs(lung), "population": Population("in", "adult", age)}
    assert status("rec-7", transplant=support(addressed), **changes) == expected


@pytest.mark.parametrize(
    ("recommendation", "agent"),
    [
        ("rec-8", "azathioprine"),
        ("rec-8", "methotrexate"),
        ("rec-8", "leflunomide"),
        ("rec-9", "infliximab"),
        ("rec-9", "adalimumab"),
        ("rec-10", "pirfenidone"),
    ],
)
def test_not_recommended_agents(recommendation: str, agent: str) -> None:
    assert status(recommendation, treatment(agent)) == "applies"
    assert status(recommendation, treatment(drafted=frozenset({agent}))) == "applies"
    assert status(recommendation, treatment("prednisone")) == "does-not-apply"
    assert status(recommendation, treatment("prednisone", complete=False)) == "unknown"


def test_the_ids_are_those_of_the_knowledge() -> None:
    assert tuple(knowledge().recommendations) == ALL


AZATHIOPRINE = treatment("azathioprine")
PAIR = treatment("prednisone", "tacrolimus")
NO_TREATMENT = "no systemic immunosuppression is on record"
RUNS = "a combination of a glucocorticoid and a completing agent runs"
FEASIBLE = "feasible calcineurin inhibitor: cyclosporine A and tacrolimus"


@pytest.mark.parametrize(
    ("recommendation", "changes", "status", "why"),
    [
        ("rec-1", {}, "applies", NO_TREATMENT),
        ("rec-1", {"therapy": treatment("prednisone")}, "applies", "a glucocorticoid runs and nothing else"),
        (
            "rec-1",
            {"therapy": AZATHIOPRINE},
            "applies",
            "immunosuppression runs that makes no combination with a glucocorticoid",
        ),
        ("rec-1", {"therapy": PAIR}, "does-not-apply", RUNS),
        ("rec-2", {}, "applies", f"{NO_TREATMENT}; {FEASIBLE}"),
        (
            "rec-2",
            {"found": NO_CNI},
            "does-not-apply",
            "no calcineurin inhibitor is feasible: eGFR 22 on 2026-02-25 (cyclosporine); "
            "eGFR 22 on 2026-02-25 (tacrolimus)",
        ),
        (
            "rec-2",
            {"found": Screens(egfr_unknown=True)},
            "applies",
            f"{NO_TREATMENT}; {FEASIBLE} (no eGFR within 30 days)",
        ),
        (
            "rec-3",
            {"found": NO_CNI},
            "applies",
            f"{NO_TREATMENT}; no calcineurin inhibitor is feasible: eGFR 22 on 2026-02-25 (cyclosporine); "
            "eGFR 22 on 2026-02-25 (tacrolimus)",
        ),
        ("rec-3", {}, "does-not-apply", FEASIBLE),
        ("rec-2b", {"therapy": PAIR}, "applies", "tacrolimus runs"),
        (
            "rec-2b",
            {"therapy": treatment("cyclosporine", "tacrolimus")},
            "applies",
            "cyclosporine A and tacrolimus runs",
        ),
        ("rec-2b", {}, "does-not-apply", "no calcineurin inhibitor runs"),
        ("rec-4", {"therapy": PAIR, "refractoriness": response("probable", "mmnuu")}, "applies", "status probable"),
        ("rec-6", {"respiratory_failure": failure("yes")}, "applies", "PaO2/FiO2 88 mmHg on 2026-02-28"),
        (
            "rec-7",
            {"transplant": support("not-met")},
            "applies",
            "referral not-met",
        ),
        (
            "rec-7",
            {"transplant": support("not-met"), "population": Population("in", "adult", (75, 76))},
            "applies",
            "referral not-met",
        ),
        (
            "rec-7",
            {"transplant": support("not-met"), "population": Population("in", "adult", (76, 76))},
            "does-not-apply",
            "age 76 years (site policy: up to 75)",
        ),
        (
            "rec-7",
            {"transplant": support("not-met"), "population": Population("in", "adult")},
            "applies",
            "referral not-met",
        ),
        ("rec-8", {"therapy": AZATHIOPRINE}, "applies", "azathioprine runs or is drafted"),
        ("rec-8", {}, "does-not-apply", "no such agent runs or is drafted"),
        (
            "rec-1",
            {"anti_mda5": antibody("unknown")},
            "unknown",
            "anti-MDA5 unknown on 2026-01-10",
        ),
        ("rec-1", {"anti_mda5": antibody("negative")}, "does-not-apply", "anti-MDA5 negative on 2026-01-10"),
    ],
)
def test_why_it_stands_so(recommendation: str, changes: dict[str, Any], status: str, why: str) -> None:
    found = assess_as(**changes).standing(recommendation)
    assert (found.status, found.why) == (status, why)
