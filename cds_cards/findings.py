"""The named findings the plan rests on: one statement each about the patient, drawn from the assessment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from cds_cards.assessment import Assessment
from cds_cards.criteria import Finding, Verdict
from cds_cards.gaps import DataGap
from cds_cards.guideline import Guideline
from cds_cards.orders.findings import order_findings
from cds_cards.standing import (
    CNI,
    COMBINATION,
    NEEDS_COMBINATION,
    cni_feasible,
    combination_missing,
    life_threatening,
    not_recommended,
    response_failing,
    running_cnis,
    scope_finding,
    within_transplant_age,
)
from cds_cards.therapy import Course
from cds_cards.timeline import days_at_most, instant

_SUPPORTING_GAPS = frozenset({"weight", "height", "dose", "calcineurin-level"})
"""Gaps that decide no card: they shape a dose, or a card of their own asks for them."""


def findings(assessment: Assessment, guideline: Guideline) -> Mapping[str, Finding]:
    """All findings by name."""
    found = [
        *_scope(assessment),
        *_treatment(assessment, guideline),
        *_response(assessment, guideline),
        *_monitoring(assessment, guideline),
        *_transplant(assessment, guideline),
        *_not_recommended(assessment, guideline),
        *_prognosis(assessment),
        *_diagnosis(assessment),
        *order_findings(assessment, guideline),
        _deciding_gap(assessment, guideline),
    ]
    return {finding.criterion: finding for finding in found}


def _scope(assessment: Assessment) -> Iterator[Finding]:
    parts = (assessment.population, assessment.anti_mda5, assessment.lung_disease)
    rapid = scope_finding(*parts, ("rpild",))
    wide = scope_finding(*parts, ("rpild", "ild"))
    yield Finding("in-scope", rapid.verdict, rapid.because, rapid.evidence, rapid.needs)
    yield Finding("in-scope-with-any-ild", wide.verdict, wide.because, wide.evidence, wide.needs)
    yield Finding("in-population", Verdict.of(assessment.population.status == "in"), assessment.population.why)
    induction = Verdict.of(assessment.therapy.phase == "induction")
    yield Finding("induction", induction, assessment.therapy.phase_why)
    yield Finding("maintenance", induction.negated(), assessment.therapy.phase_why)


def _treatment(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    therapy = assessment.therapy
    missing = combination_missing(therapy)
    yield missing
    yield Finding("no-combination-seen", Verdict.of(therapy.stage not in COMBINATION), missing.because)
    feasible = cni_feasible(assessment.safety, guideline)
    yield feasible
    yield Finding("cni-not-feasible", feasible.verdict.negated(), feasible.because)
    ordered = {guideline.agents[name].agent_class for name in therapy.drafted | therapy.planned}
    without = therapy.stage in COMBINATION and not running_cnis(therapy, guideline) and CNI not in ordered
    # an order that could not be read may be the very inhibitor that seems to be missing
    verdict = Verdict.UNKNOWN if without and not therapy.complete else Verdict.of(without)
    yield Finding("combination-without-cni", verdict, "the combination on record holds no calcineurin inhibitor")
    yield Finding("escalated", Verdict.of(therapy.stage in ("escalated", "rescue")), f"stage {therapy.stage}")


def _response(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    response, therapy = assessment.refractoriness, assessment.therapy
    yield response_failing(therapy, response)
    yield Finding("response-in-doubt", Verdict.of(response.status == "possible"), response.why)
    days = therapy.days_assessed
    # a start that is not known cannot be called too early
    late_enough = therapy.stage in COMBINATION and (days is None or days[1] >= guideline.policy.assess_from_day)
    yield Finding(
        "response-not-assessable", Verdict.of(response.status == "not-assessable" and late_enough), response.why
    )
    yield Finding(
        "early-worsening",
        Verdict.of(response.status == "too-early" and bool(response.worsening)),
        "; ".join(response.worsening),
    )
    yield Finding("relapse-signs", Verdict.of(bool(assessment.relapse_signs)), "; ".join(assessment.relapse_signs))
    yield life_threatening(assessment.respiratory_failure)
    yield Finding("hypoxaemic", assessment.hypoxaemic, assessment.hypoxaemic_why)


def _monitoring(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    levels = assessment.levels
    # what may be due is asked for: only a level that is surely not due keeps silent
    due = [level for level in levels if level.due is not Verdict.NOT_MET]
    yield Finding("level-due", Verdict.of(bool(due)), "; ".join(level.due_why for level in due))
    for name, judged in (("level-above", ("above",)), ("level-off", ("above", "below"))):
        off = [level for level in levels if level.judged in judged]
        yield Finding(name, Verdict.of(bool(off)), "; ".join(level.judged_why for level in off))
    yield Finding("stage-known", Verdict.of(assessment.therapy.stage != "unknown"), "")


def _transplant(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    transplant = assessment.transplant
    no_support = not (transplant.ecmo_running or transplant.ecmo_recent)
    yield Finding("no-ecmo", Verdict.of(no_support), transplant.ecmo_why)
    yield Finding("ecmo-runs", Verdict.of(transplant.ecmo_running), transplant.ecmo_why)
    yield within_transplant_age(assessment.population, guideline)
    yield Finding("transplant-open", Verdict.of(transplant.addressed is not Verdict.MET), transplant.addressed_why)


def _not_recommended(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    therapy = assessment.therapy
    for name in ("rec-8", "rec-9", "rec-10"):
        running = not_recommended(name, guideline) & therapy.running
        yield Finding(
            f"{name}-runs",
            Verdict.of(bool(running)),
            ", ".join(guideline.agents[agent].name for agent in sorted(running)),
        )
    recent = recently_begun("rec-8", assessment, guideline)
    instead = therapy.stage in NEEDS_COMBINATION
    why = "it stands in place of a combination" if instead else "it began recently, or its start is not known"
    yield Finding("rec-8-matters", Verdict.of(instead or bool(recent)), why)


def recently_begun(recommendation: str, assessment: Assessment, guideline: Guideline) -> tuple[Course, ...]:
    """The running courses of its agents that began within the policy's days, or of unknown start."""
    policy = guideline.policy
    now, zone, limit = instant(assessment.as_of), ZoneInfo(policy.zone), int(policy.not_recommended_recent_days)
    return tuple(
        course
        for course in assessment.therapy.courses
        if course.status == "active"
        and course.agent in not_recommended(recommendation, guideline)
        and (course.since is None or days_at_most(course.since, now, limit, zone) is not Verdict.NOT_MET)
    )


def _prognosis(assessment: Assessment) -> Iterator[Finding]:
    yield Finding("very-high-risk", Verdict.of(assessment.risk.level == "very-high"), "ferritin")
    falling = assessment.ferritin.below_baseline is True
    yield Finding(
        "ferritin-not-falling", Verdict.of(not falling), "the newest ferritin is not known to be below its baseline"
    )


def _diagnosis(assessment: Assessment) -> Iterator[Finding]:
    antibody, lungs = assessment.anti_mda5, assessment.lung_disease
    disease = assessment.dermatomyositis
    untested = disease and antibody.status == "unknown" and not assessment.antibody_pending
    yield Finding("antibody-untested", Verdict.of(untested), antibody.because, antibody.evidence)
    unexamined = antibody.status == "positive" and lungs.status in ("unknown", "none")
    yield Finding(
        "lungs-unexamined", Verdict.of(unexamined and not assessment.imaging_recent), lungs.because, lungs.evidence
    )
    concerned = antibody.status == "positive" or (disease and antibody.status == "unknown")
    yield Finding(
        "rpild-dates-unsettled", Verdict.of(concerned and lungs.dates_unsettled), lungs.because, lungs.evidence
    )
    yield Finding("rpild", Verdict.of(lungs.status == "rpild"), lungs.because, lungs.evidence)


def _deciding_gap(assessment: Assessment, guideline: Guideline) -> Finding:
    found = deciding_gaps(assessment, guideline)
    return Finding("deciding-gap", Verdict.of(bool(found)), "; ".join(gap.why for gap in found))


def deciding_gaps(assessment: Assessment, guideline: Guideline) -> tuple[DataGap, ...]:
    """The gaps that decide a card. The kidney decides only while a calcineurin inhibitor is still to be chosen."""
    idle = {*_SUPPORTING_GAPS}
    if assessment.therapy.stage in COMBINATION and running_cnis(assessment.therapy, guideline):
        idle.add("egfr")
    return tuple(gap for gap in assessment.gaps if gap.id not in idle)
