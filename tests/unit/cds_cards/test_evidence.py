"""What findings rest on: the phase's own references, and those that the parts of the assessment keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.antibody import Titre
from cds_cards.criteria import Finding, Verdict
from cds_cards.disease import Population
from cds_cards.failure import Point
from cds_cards.findings import findings
from cds_cards.gas import Gases
from cds_cards.hypoxaemia import HypoxaemiaEvent
from cds_cards.risk import RELAPSE
from cds_cards.safety import Exclusion
from cds_cards.therapy import therapy
from cds_cards.trend import Trend
from tests.unit.build import AS_OF, Fact, at, dx, order, rec, res, unread
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    knowledge,
    level,
    lungs,
    response,
    risk,
    screens,
    treatment,
)

LOW = HypoxaemiaEvent(at(1), "SpO2 85 %", ("Observation/before", "Observation/low"))
PAIR = treatment("prednisone", "tacrolimus")


def found(criterion: str, *given: Any, **changes: Any) -> Finding:
    return findings(assess_as(*given, **changes), knowledge())[criterion]


def gases(*events: HypoxaemiaEvent) -> Gases:
    return Gases((), (), (), events)


@pytest.mark.parametrize(
    ("facts", "events", "expected"),
    [
        pytest.param([], (), (), id="nothing on record"),
        pytest.param([order("prednisone", 9, id="p"), unread("medications")], (), (), id="an order unread"),
        pytest.param([], (LOW,), LOW.sources, id="hypoxaemia alone"),
        pytest.param(
            [order("prednisone", 20, id="p"), order("tacrolimus", 20, id="t"), order("pirfenidone", 5)],
            (),
            ("MedicationRequest/p", "MedicationRequest/t"),
            id="the running combination, not what is no part of it",
        ),
        pytest.param(
            [
                order("prednisone", 400, id="p"),
                order("tacrolimus", 400, id="t"),
                dx("ild", clinical="relapse", onset=5),
            ],
            (LOW,),
            ("Condition/ild", *LOW.sources),
            id="a relapse and hypoxaemia, not the old combination",
        ),
        pytest.param(
            [order("prednisone", 500, id="p"), order("tacrolimus", 400, 300), order("tacrolimus", 80, 40, id="t")],
            (),
            ("MedicationRequest/p", "MedicationRequest/t"),
            id="the last past combination",
        ),
        pytest.param(
            [order("prednisone", 500, id="p"), order("tacrolimus", None, status="completed", id="t")],
            (),
            ("MedicationRequest/p", "MedicationRequest/t"),
            id="a past combination without a date",
        ),
        pytest.param(
            [order("prednisone", 400, id="p"), order("tacrolimus", 400, id="t")],
            (),
            ("MedicationRequest/p", "MedicationRequest/t"),
            id="maintenance",
        ),
    ],
)
def test_the_phase(facts: list[Fact], events: tuple[HypoxaemiaEvent, ...], expected: tuple[str, ...]) -> None:
    treated = therapy(rec(*facts), gases(*events), knowledge(), AS_OF)
    assert treated.phase_evidence == expected
    for criterion in ("induction", "maintenance"):
        assert found(criterion, treated).evidence == expected


@pytest.mark.parametrize(
    ("status", "criterion", "expected"),
    [
        ("probable", "failing", ("Observation/a", "Observation/b")),
        ("possible", "response-in-doubt", ("Observation/a", "Observation/b")),
        ("not-refractory", "failing", ("Observation/c",)),
        ("too-early", "failing", ()),
    ],
)
def test_the_response(status: str, criterion: str, expected: tuple[str, ...]) -> None:
    judged = response(status, "mnuuu")
    derived = Point(1.0, "mm[Hg]", at(1), "Observation/a", True, ("Observation/a", "Observation/b"))
    plain = Point(None, None, at(1), "Observation/c")
    points = (derived, plain, plain, None, None)
    criteria = tuple(replace(item, follow_up=point) for item, point in zip(judged.criteria, points, strict=True))
    assert found(criterion, PAIR, refractoriness=replace(judged, criteria=criteria)).evidence == expected


def test_early_worsening() -> None:
    judged = response("too-early", "muuuu")
    seen = replace(judged.criteria[0], follow_up=Point(None, None, at(1), "Observation/symptoms"))
    said = (f"new hypoxaemia: {LOW.because}", seen.why)
    early = replace(judged, criteria=(seen, *judged.criteria[1:]), worsening=said)
    finding = found("early-worsening", PAIR, refractoriness=early, gases=gases(LOW))
    assert (finding.verdict, finding.evidence) == (Verdict.MET, ("Observation/symptoms", *LOW.sources))


@pytest.mark.parametrize(
    ("raised", "signs", "expected"),
    [
        (True, ("ferritin",), ("Observation/f",)),
        (False, ("titre",), ("Observation/old", "Observation/new")),
        (True, ("ferritin", "titre"), ("Observation/f", "Observation/old", "Observation/new")),
        (False, (), ()),
    ],
)
def test_signs_of_a_relapse(raised: bool, signs: tuple[str, ...], expected: tuple[str, ...]) -> None:
    titre = Titre(res("anti-mda5", 80, 1, id="new"), res("anti-mda5", 20, 90, id="old"))
    status, level = ("present", "high") if raised else ("absent", "standard")
    factors = tuple(
        replace(factor, status=status, evidence=("Observation/f",)) if factor.id == RELAPSE else factor
        for factor in risk().factors
    )
    finding = found(
        "relapse-signs",
        treatment("prednisone", "tacrolimus", phase="maintenance", day=200),
        anti_mda5=replace(antibody(), titre=titre),
        risk=replace(risk(level), factors=factors),
        relapse_signs=signs,
    )
    assert finding.evidence == expected


def test_why_no_calcineurin_inhibitor_is_feasible() -> None:
    blocked = screens(treatment(), Screens(feasible=()))
    low = Exclusion("cni-not-feasible", "eGFR 22", ("Observation/egfr",))
    other = Exclusion("prohibited", "an order says not to", ("MedicationRequest/no",))
    agents = {name: replace(item, exclusions=(low, other)) for name, item in blocked.agents.items()}
    finding = found("cni-not-feasible", safety=replace(blocked, agents=agents))
    assert (finding.verdict, finding.evidence) == (Verdict.MET, ("Observation/egfr",))


SCOPE = ("Observation/mda5", "Condition/ild")
RUNNING = ("MedicationRequest/prednisone", "MedicationRequest/tacrolimus")
LATEST = res("tacrolimus-level", 16.0, 2, id="level")


@pytest.mark.parametrize(
    ("criterion", "changes", "verdict", "because", "evidence", "needs"),
    [
        (
            "in-scope",
            {},
            Verdict.MET,
            "adult; anti-MDA5 positive on 2026-01-10; recorded as rapidly progressive ILD: RP-ILD, 2026-02-01",
            SCOPE,
            (),
        ),
        (
            "in-scope",
            {"anti_mda5": antibody("unknown")},
            Verdict.UNKNOWN,
            "anti-MDA5 unknown on 2026-01-10",
            SCOPE[:1],
            ("anti-mda5",),
        ),
        (
            "in-scope-with-any-ild",
            {"anti_mda5": antibody("unknown"), "lung_disease": lungs("unknown", None)},
            Verdict.UNKNOWN,
            "anti-MDA5 unknown on 2026-01-10; lung disease unknown, looked up on 2026-02-01",
            SCOPE,
            ("anti-mda5", "lung-disease"),
        ),
        ("in-population", {}, Verdict.MET, "adult", (), ()),
        (
            "ferritin-not-falling",
            {"ferritin": Trend(res("ferritin", 9, 1, id="n"), res("ferritin", 5, 20, id="b"), False)},
            Verdict.MET,
            "the newest ferritin is not known to be below its baseline",
            ("Observation/b", "Observation/n"),
            (),
        ),
        (
            "level-due",
            {"therapy": PAIR, "levels": (replace(level("tacrolimus", "met"), newest=LATEST),)},
            Verdict.MET,
            "tacrolimus: day 20; no level",
            ("MedicationRequest/tacrolimus", "Observation/level"),
            (),
        ),
        ("level-due", {"therapy": PAIR, "levels": (level("tacrolimus"),)}, Verdict.NOT_MET, "", (), ()),
        (
            "level-above",
            {"therapy": PAIR, "levels": (replace(level("tacrolimus", judged="above"), judged_on=LATEST),)},
            Verdict.MET,
            "tacrolimus: 12 ng/mL",
            ("Observation/level",),
            (),
        ),
        (
            "level-above",
            {"therapy": PAIR, "levels": (replace(level("tacrolimus", judged="below"), judged_on=LATEST),)},
            Verdict.NOT_MET,
            "",
            (),
            (),
        ),
        (
            "level-off",
            {"therapy": PAIR, "levels": (replace(level("tacrolimus", judged="below"), judged_on=LATEST),)},
            Verdict.MET,
            "tacrolimus: 12 ng/mL",
            ("Observation/level",),
            (),
        ),
        (
            "lungs-unexamined",
            {"lung_disease": lungs("none", None)},
            Verdict.MET,
            "lung disease none, looked up on 2026-02-01",
            SCOPE[1:],
            (),
        ),
        (
            "antibody-untested",
            {"anti_mda5": antibody("unknown")},
            Verdict.MET,
            "anti-MDA5 unknown on 2026-01-10",
            SCOPE[:1],
            (),
        ),
        (
            "rpild",
            {},
            Verdict.MET,
            "recorded as rapidly progressive ILD: RP-ILD, 2026-02-01",
            SCOPE[1:],
            (),
        ),
        (
            "rec-8-runs",
            {"therapy": treatment("prednisone", "azathioprine")},
            Verdict.MET,
            "azathioprine",
            ("MedicationRequest/azathioprine",),
            (),
        ),
        (
            "rec-8-matters",
            {"therapy": treatment("prednisone", "azathioprine")},
            Verdict.MET,
            "it stands in place of a combination",
            ("MedicationRequest/azathioprine", "MedicationRequest/prednisone"),
            (),
        ),
        (
            "rec-8-matters",
            {"therapy": treatment("prednisone", "tacrolimus", "azathioprine")},
            Verdict.MET,
            "it began recently, or its start is not known",
            ("MedicationRequest/azathioprine",),
            (),
        ),
        ("transplant-age", {}, Verdict.MET, "age 52 years (site policy: up to 75)", (), ()),
        (
            "transplant-age",
            {"population": Population("in", "adult", (75, 76))},
            Verdict.MET,
            "age 75 to 76 years (site policy: up to 75)",
            (),
            (),
        ),
        ("transplant-age", {"population": Population("in", "adult")}, Verdict.MET, "the age is not known", (), ()),
        ("no-ecmo", {}, Verdict.MET, "ECMO since 2026-02-27", (), ()),
        ("stage-known", {"therapy": PAIR}, Verdict.MET, "", RUNNING, ()),
        ("escalated", {"therapy": PAIR}, Verdict.NOT_MET, "stage combination", RUNNING, ()),
        ("rec-8-drafted", {}, Verdict.NOT_MET, "no such draft", (), ()),
        (
            "failing",
            {"therapy": PAIR, "refractoriness": response("not-assessable", "uuunn")},
            Verdict.UNKNOWN,
            "status not-assessable",
            (),
            ("respiratory-symptoms", "a-a-gradient", "imaging"),
        ),
    ],
)
def test_what_a_finding_says(
    criterion: str,
    changes: dict[str, Any],
    verdict: Verdict,
    because: str,
    evidence: tuple[str, ...],
    needs: tuple[str, ...],
) -> None:
    assert found(criterion, **changes) == Finding(criterion, verdict, because, evidence, needs)
