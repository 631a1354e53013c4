"""All that a standing asked, in order: each finding whole, with its references and what would settle it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.criteria import Finding, Verdict
from cds_cards.disease import Population
from cds_cards.safety import Exclusion
from cds_cards.standing import cni_feasible, given, scope_finding
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    failure,
    knowledge,
    lungs,
    response,
    screens,
    support,
    treatment,
)

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
PAIR = treatment("prednisone", "tacrolimus")
RUNNING = ("MedicationRequest/prednisone", "MedicationRequest/tacrolimus")
TWO_UNREAD: dict[str, Any] = {
    "complete": False,
    "unread": ("MedicationRequest/a: no drug", "MedicationRequest/b: no date"),
}
IN_PART = "the medication orders could not be read in full: MedicationRequest/a: no drug; MedicationRequest/b: no date"
MEDICATIONS = ("medications",)
UNFEASIBLE = "no calcineurin inhibitor is feasible: eGFR 22 (cyclosporine); eGFR 22 (tacrolimus)"
RPILD = (
    Finding("population", MET, "adult"),
    Finding("anti-mda5", MET, "anti-MDA5 positive on 2026-01-10", ("Observation/mda5",), ("anti-mda5",)),
    Finding(
        "lung-disease",
        MET,
        "recorded as rapidly progressive ILD: RP-ILD, 2026-02-01",
        ("Condition/ild",),
        ("lung-disease",),
    ),
)
UNTREATED = Finding("induction", MET, "no combination of known start runs")
NOTHING_RUNS = Finding("combination-missing", MET, "no systemic immunosuppression is on record")
FEASIBLE = "feasible calcineurin inhibitor: cyclosporine A and tacrolimus"


def blocked() -> Any:
    """Safety without a feasible calcineurin inhibitor, for one eGFR."""
    found = screens(treatment(), Screens(feasible=()))
    low = Exclusion("cni-not-feasible", "eGFR 22", ("Observation/egfr",))
    reasons = {name: f"eGFR 22 ({name})" for name in found.cni_reasons}
    agents = {name: replace(item, exclusions=(low,)) for name, item in found.agents.items()}
    return replace(found, agents=agents, cni_reasons=reasons)


def asked(recommendation: str, **changes: Any) -> tuple[Finding, ...]:
    """What was asked after who the guideline is for."""
    findings = assess_as(**changes).standing(recommendation).findings
    assert findings[:3] == RPILD
    return findings[3:]


@pytest.mark.parametrize(
    ("recommendation", "changes", "expected"),
    [
        ("rec-1", {}, (UNTREATED, NOTHING_RUNS)),
        (
            "rec-1",
            {"therapy": treatment("prednisone", "tacrolimus", phase_evidence=RUNNING[1:])},
            (
                Finding("induction", MET, "the combination is 20 days old", RUNNING[1:]),
                Finding(
                    "combination-missing",
                    NOT_MET,
                    "a combination of a glucocorticoid and a completing agent runs",
                    RUNNING,
                ),
            ),
        ),
        (
            "rec-1",
            {
                "therapy": treatment(
                    "prednisone", phase="maintenance", phase_why="it ended long ago", phase_evidence=RUNNING[1:]
                )
            },
            (
                Finding("induction", NOT_MET, "maintenance: it ended long ago", RUNNING[1:]),
                Finding("combination-missing", MET, "a glucocorticoid runs and nothing else", RUNNING[:1]),
            ),
        ),
        ("rec-2", {}, (UNTREATED, NOTHING_RUNS, Finding("cni-feasible", MET, FEASIBLE))),
        ("rec-3", {}, (UNTREATED, NOTHING_RUNS, Finding("cni-not-feasible", NOT_MET, FEASIBLE))),
        (
            "rec-2",
            {"safety": blocked()},
            (UNTREATED, NOTHING_RUNS, Finding("cni-feasible", NOT_MET, UNFEASIBLE, ("Observation/egfr",))),
        ),
        (
            "rec-3a",
            {"safety": blocked()},
            (UNTREATED, NOTHING_RUNS, Finding("cni-not-feasible", MET, UNFEASIBLE, ("Observation/egfr",))),
        ),
        (
            "rec-2",
            {"therapy": treatment(stage="unknown", **TWO_UNREAD)},
            (UNTREATED, Finding("combination-missing", UNKNOWN, IN_PART, (), MEDICATIONS)),
        ),
        ("rec-2b", {}, (UNTREATED, Finding("cni-runs", NOT_MET, "no calcineurin inhibitor runs"))),
        (
            "rec-2b",
            {"therapy": PAIR},
            (
                Finding("induction", MET, "the combination is 20 days old"),
                Finding("cni-runs", MET, "tacrolimus runs", RUNNING[1:]),
            ),
        ),
        (
            "rec-2b",
            {"therapy": treatment("prednisone", **TWO_UNREAD)},
            (UNTREATED, Finding("cni-runs", UNKNOWN, IN_PART, (), MEDICATIONS)),
        ),
        (
            "rec-4",
            {"therapy": treatment(stage="unknown", **TWO_UNREAD), "refractoriness": response("probable", "mmnnn")},
            (Finding("failing", UNKNOWN, IN_PART, (), MEDICATIONS),),
        ),
        (
            "rec-5",
            {"therapy": treatment(stage="unknown", complete=False, unread=())},
            (Finding("failing", UNKNOWN, "the medication orders could not be read in full", (), MEDICATIONS),),
        ),
        (
            "rec-4",
            {
                "therapy": treatment("prednisone", "tacrolimus", day=None),
                "refractoriness": response("not-assessable", "nnunu"),
            },
            (
                Finding(
                    "failing",
                    UNKNOWN,
                    "status not-assessable",
                    (),
                    ("combination-start", "imaging", "clinician-impression"),
                ),
            ),
        ),
        (
            "rec-6",
            {"respiratory_failure": failure("yes")},
            (
                Finding(
                    "life-threatening",
                    MET,
                    "PaO2/FiO2 88 mmHg on 2026-02-28",
                    ("Observation/pf",),
                    ("respiratory-failure",),
                ),
            ),
        ),
        (
            "rec-7",
            {"transplant": replace(support("met"), evidence=("ServiceRequest/referral",))},
            (
                Finding("transplant-age", MET, "age 52 years (site policy: up to 75)"),
                Finding("transplant-open", NOT_MET, "referral met", ("ServiceRequest/referral",)),
            ),
        ),
        (
            "rec-9",
            {"therapy": treatment("prednisone", "infliximab", "etanercept")},
            (
                Finding(
                    "rec-9-given",
                    MET,
                    "etanercept, infliximab runs or is drafted",
                    ("MedicationRequest/etanercept", "MedicationRequest/infliximab"),
                ),
            ),
        ),
        (
            "rec-10",
            {"therapy": treatment("prednisone", **TWO_UNREAD)},
            (Finding("rec-10-given", UNKNOWN, IN_PART, (), MEDICATIONS),),
        ),
        (
            "rec-8",
            {"therapy": PAIR},
            (Finding("rec-8-given", NOT_MET, "no such agent runs or is drafted"),),
        ),
    ],
)
def test_what_was_asked(recommendation: str, changes: dict[str, Any], expected: tuple[Finding, ...]) -> None:
    assert asked(recommendation, **changes) == expected


def test_the_scope_in_one_finding() -> None:
    adult = Population("in", "adult", (52, 52))
    assert scope_finding(adult, antibody(), lungs("ild"), ("rpild", "ild")) == Finding(
        "scope",
        MET,
        "adult; anti-MDA5 positive on 2026-01-10; lung disease ild, looked up on 2026-02-01",
        ("Observation/mda5", "Condition/ild"),
    )
    assert scope_finding(adult, antibody(), lungs("ild"), ("rpild",)) == Finding(
        "scope", NOT_MET, "lung disease ild, looked up on 2026-02-01", ("Condition/ild",)
    )


def test_an_unknown_kidney_without_a_reason_is_said_all_the_same() -> None:
    safety = replace(screens(treatment(), Screens(egfr_unknown=True)), egfr_why="")
    assert cni_feasible(safety, knowledge()).because == f"{FEASIBLE} (current eGFR not known)"


def test_what_ended_is_no_reference_of_what_is_given() -> None:
    ended = replace(PAIR.courses[0], status="past")
    therapy = replace(PAIR, courses=(ended, PAIR.courses[1]))
    assert given(therapy) == RUNNING[1:]
    assert given(therapy, frozenset({"prednisone"})) == ()
    assert given(therapy, frozenset()) == ()
