"""What the findings of phase, treatment and response say, rest on and leave unknown: each whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.criteria import Finding, Verdict
from cds_cards.failure import Point
from cds_cards.findings import findings
from cds_cards.gas import Gases
from cds_cards.hypoxaemia import HypoxaemiaEvent
from cds_cards.therapy import Therapy
from tests.unit.build import at
from tests.unit.build_assessment import (
    Screens,
    assess_as,
    failure,
    knowledge,
    response,
    treatment,
)

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
AGENTS = ("prednisone", "tacrolimus")
PAIR = treatment(*AGENTS)
RUNNING = ("MedicationRequest/prednisone", "MedicationRequest/tacrolimus")
STEROID_AND_CYC = ("MedicationRequest/cyclophosphamide", "MedicationRequest/prednisone")
NO_CNI = treatment("prednisone", "cyclophosphamide")
FEASIBLE = "feasible calcineurin inhibitor: cyclosporine A and tacrolimus"
WITHOUT = "the combination on record holds no calcineurin inhibitor"
LOW = HypoxaemiaEvent(at(1), "SpO2 85 % on 2026-02-28", ("Observation/before", "Observation/low"))


def found(criterion: str, **changes: Any) -> Finding:
    return findings(assess_as(**changes), knowledge())[criterion]


def phase(name: str) -> Therapy:
    return treatment(*AGENTS, phase=name, phase_why="the combination is 20 days old", phase_evidence=RUNNING)


def criteria_seen(status: str, verdicts: str, worsening: tuple[str, ...] = ()) -> Any:
    """A response of which the first criterion rests on one observation."""
    judged = response(status, verdicts, worsening)
    seen = replace(judged.criteria[0], follow_up=Point(None, None, at(1), "Observation/symptoms"))
    return replace(judged, criteria=(seen, *judged.criteria[1:]))


@pytest.mark.parametrize(
    ("criterion", "changes", "verdict", "because", "evidence"),
    [
        ("induction", {"therapy": phase("induction")}, MET, "the combination is 20 days old", RUNNING),
        ("maintenance", {"therapy": phase("induction")}, NOT_MET, "the combination is 20 days old", RUNNING),
        ("induction", {"therapy": phase("maintenance")}, NOT_MET, "the combination is 20 days old", RUNNING),
        ("maintenance", {"therapy": phase("maintenance")}, MET, "the combination is 20 days old", RUNNING),
        (
            "no-combination-seen",
            {"therapy": treatment("prednisone")},
            MET,
            "a glucocorticoid runs and nothing else",
            RUNNING[:1],
        ),
        (
            "no-combination-seen",
            {"therapy": PAIR},
            NOT_MET,
            "a combination of a glucocorticoid and a completing agent runs",
            RUNNING,
        ),
        (
            "no-combination-seen",
            {"therapy": treatment("prednisone", stage="unknown", complete=False)},
            MET,
            "the medication orders could not be read in full: MedicationRequest/unread: no drug is named",
            RUNNING[:1],
        ),
        ("cni-not-feasible", {}, NOT_MET, FEASIBLE, ()),
        (
            "cni-not-feasible",
            {"found": Screens(feasible=())},
            MET,
            "no calcineurin inhibitor is feasible: eGFR 22 on 2026-02-25 (cyclosporine); "
            "eGFR 22 on 2026-02-25 (tacrolimus)",
            (),
        ),
        ("combination-without-cni", {"therapy": NO_CNI}, MET, WITHOUT, STEROID_AND_CYC),
        (
            "combination-without-cni",
            {"therapy": treatment("prednisone", "cyclophosphamide", complete=False)},
            UNKNOWN,
            WITHOUT,
            STEROID_AND_CYC,
        ),
        ("combination-without-cni", {"therapy": PAIR}, NOT_MET, WITHOUT, RUNNING),
        (
            "combination-without-cni",
            {"therapy": treatment("prednisone", "cyclophosphamide", drafted=frozenset({"tacrolimus"}))},
            NOT_MET,
            WITHOUT,
            STEROID_AND_CYC,
        ),
        (
            "combination-without-cni",
            {"therapy": treatment("prednisone", complete=False)},
            NOT_MET,
            WITHOUT,
            RUNNING[:1],
        ),
        ("escalated", {"therapy": treatment(*AGENTS, stage="escalated")}, MET, "stage escalated", RUNNING),
        ("escalated", {"therapy": treatment(*AGENTS, stage="rescue")}, MET, "stage rescue", RUNNING),
        (
            "escalated",
            {"therapy": treatment(stage="unknown", complete=False)},
            NOT_MET,
            "stage unknown",
            (),
        ),
        (
            "response-in-doubt",
            {"therapy": PAIR, "refractoriness": criteria_seen("possible", "mnnuu")},
            MET,
            "status possible",
            ("Observation/symptoms",),
        ),
        (
            "response-not-assessable",
            {"therapy": PAIR, "refractoriness": response("not-assessable", "uuuuu")},
            MET,
            "status not-assessable",
            RUNNING,
        ),
        (
            "response-not-assessable",
            {"therapy": treatment("prednisone"), "refractoriness": response("not-assessable")},
            NOT_MET,
            "status not-assessable",
            RUNNING[:1],
        ),
        (
            "early-worsening",
            {
                "therapy": PAIR,
                "gases": Gases((), (), (), (LOW,)),
                "refractoriness": criteria_seen(
                    "too-early",
                    "muuuu",
                    ("respiratory-symptoms from 2026-02-10 to 2026-02-28", f"new hypoxaemia: {LOW.because}"),
                ),
            },
            MET,
            "respiratory-symptoms from 2026-02-10 to 2026-02-28; new hypoxaemia: SpO2 85 % on 2026-02-28",
            ("Observation/symptoms", *LOW.sources),
        ),
        ("early-worsening", {"refractoriness": response("too-early")}, NOT_MET, "", ()),
        ("early-worsening", {"refractoriness": response("possible", "mnnnn", ("worse",))}, NOT_MET, "worse", ()),
        (
            "relapse-signs",
            {"relapse_signs": ("ferritin 800 ng/mL on 2026-02-25", "anti-MDA5 titre rose from 1:20 to 1:80")},
            MET,
            "ferritin 800 ng/mL on 2026-02-25; anti-MDA5 titre rose from 1:20 to 1:80",
            (),
        ),
        ("relapse-signs", {}, NOT_MET, "", ()),
        (
            "life-threatening",
            {"respiratory_failure": failure("yes")},
            MET,
            "PaO2/FiO2 88 mmHg on 2026-02-28",
            ("Observation/pf",),
        ),
        (
            "life-threatening",
            {"respiratory_failure": failure("unknown")},
            UNKNOWN,
            "PaO2/FiO2 88 mmHg on 2026-02-28",
            ("Observation/pf",),
        ),
        (
            "hypoxaemic",
            {"hypoxaemic": MET, "hypoxaemic_why": LOW.because, "gases": Gases((), (), (), (LOW,))},
            MET,
            LOW.because,
            LOW.sources,
        ),
        ("hypoxaemic", {"gases": Gases((), (), (), (LOW,))}, NOT_MET, "SpO2 96 % on 2026-02-28", ()),
        ("hypoxaemic", {"hypoxaemic": UNKNOWN, "hypoxaemic_why": "no gas"}, UNKNOWN, "no gas", ()),
    ],
)
def test_what_a_finding_says(
    criterion: str, changes: dict[str, Any], verdict: Verdict, because: str, evidence: tuple[str, ...]
) -> None:
    needs = ("respiratory-failure",) if criterion == "life-threatening" else ()
    assert found(criterion, **changes) == Finding(criterion, verdict, because, evidence, needs)


@pytest.mark.parametrize(
    ("days", "expected"), [((6, 6), NOT_MET), ((6, 7), MET), ((7, 7), MET), ((91, 91), MET), (None, MET)]
)
def test_a_response_is_missed_from_the_day_on_which_it_may_be_due(
    days: tuple[int, int] | None, expected: Verdict
) -> None:
    therapy = replace(PAIR, days_assessed=days)
    assert found("response-not-assessable", therapy=therapy, refractoriness=response("not-assessable")) == Finding(
        "response-not-assessable", expected, "status not-assessable", RUNNING
    )


def test_hypoxaemia_before_the_worsening_is_none_of_its_sources() -> None:
    earlier = HypoxaemiaEvent(at(30), "SpO2 88 % on 2026-01-30", ("Observation/earlier",))
    judged = response("too-early", "uuuuu", (f"new hypoxaemia: {LOW.because}",))
    finding = found("early-worsening", refractoriness=judged, gases=Gases((), (), (), (earlier, LOW)))
    assert finding.evidence == LOW.sources
