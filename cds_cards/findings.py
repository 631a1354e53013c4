"""The named findings the plan rests on: one statement each about the patient, drawn from the assessment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from cds_cards.assessment import Assessment
from cds_cards.criteria import Finding, Verdict
from cds_cards.gaps import DataGap
from cds_cards.guideline import Guideline
from cds_cards.kinship import CNI
from cds_cards.orders.findings import order_findings
from cds_cards.record import Result
from cds_cards.risk import DECISIVE, RELAPSE, RiskFactor
from cds_cards.standing import (
    COMBINATION,
    NEEDS_COMBINATION,
    cni_feasible,
    combination_missing,
    criterion_sources,
    given,
    life_threatening,
    not_recommended,
    response_failing,
    response_sources,
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
    drafted = {finding.criterion: finding for finding in order_findings(assessment, guideline)}
    return {**patient_findings(assessment, guideline), **drafted}


def patient_findings(assessment: Assessment, guideline: Guideline) -> Mapping[str, Finding]:
    """The findings that no drafted order makes, by name."""
    regimen = given(assessment.therapy)
    found = [
        *_scope(assessment),
        *_treatment(assessment, guideline, regimen),
        *_response(assessment, guideline, regimen),
        *_monitoring(assessment, regimen),
        *_transplant(assessment, guideline),
        *_not_recommended(assessment, guideline, regimen),
        *_prognosis(assessment),
        *_diagnosis(assessment),
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
    why, evidence = assessment.therapy.phase_why, assessment.therapy.phase_evidence
    yield Finding("induction", induction, why, evidence)
    yield Finding("maintenance", induction.negated(), why, evidence)


def _treatment(assessment: Assessment, guideline: Guideline, regimen: tuple[str, ...]) -> Iterator[Finding]:
    therapy = assessment.therapy
    missing = combination_missing(therapy)
    yield missing
    yield Finding("no-combination-seen", Verdict.of(therapy.stage not in COMBINATION), missing.because, regimen)
    feasible = cni_feasible(assessment.safety, guideline)
    yield feasible
    yield Finding("cni-not-feasible", feasible.verdict.negated(), feasible.because, feasible.evidence)
    ordered = {guideline.agents[name].agent_class for name in therapy.drafted | therapy.planned}
    without = therapy.stage in COMBINATION and not running_cnis(therapy, guideline) and CNI not in ordered
    # an order that could not be read may be the very inhibitor that seems to be missing
    verdict = Verdict.UNKNOWN if without and not therapy.complete else Verdict.of(without)
    because = "the combination on record holds no calcineurin inhibitor"
    yield Finding("combination-without-cni", verdict, because, regimen)
    escalated = Verdict.of(therapy.stage in ("escalated", "rescue"))
    yield Finding("escalated", escalated, f"stage {therapy.stage}", regimen)


def _response(assessment: Assessment, guideline: Guideline, regimen: tuple[str, ...]) -> Iterator[Finding]:
    response, therapy = assessment.refractoriness, assessment.therapy
    yield response_failing(therapy, response)
    doubt = Verdict.of(response.status == "possible")
    yield Finding("response-in-doubt", doubt, response.why, response_sources(response))
    days = therapy.days_assessed
    # a start that is not known cannot be called too early
    late_enough = therapy.stage in COMBINATION and (days is None or days[1] >= guideline.policy.assess_from_day)
    not_assessable = Verdict.of(response.status == "not-assessable" and late_enough)
    yield Finding("response-not-assessable", not_assessable, response.why, regimen)
    worsening = Verdict.of(response.status == "too-early" and bool(response.worsening))
    yield Finding("early-worsening", worsening, "; ".join(response.worsening), _worsening_sources(assessment))
    signs = assessment.relapse_signs
    yield Finding("relapse-signs", Verdict.of(bool(signs)), "; ".join(signs), _relapse_sources(assessment))
    yield life_threatening(assessment.respiratory_failure)
    low = _hypoxaemia_sources(assessment, (assessment.hypoxaemic_why,))
    yield Finding("hypoxaemic", assessment.hypoxaemic, assessment.hypoxaemic_why, low)


def _worsening_sources(assessment: Assessment) -> tuple[str, ...]:
    """The references of the hypoxaemia and of the clinical criteria that the sentences tell of."""
    said = assessment.refractoriness.worsening
    criteria = (item for item in assessment.refractoriness.criteria if item.why in said)
    return _once(*criterion_sources(criteria), *_hypoxaemia_sources(assessment, said))


def _hypoxaemia_sources(assessment: Assessment, said: Iterable[str]) -> tuple[str, ...]:
    """The references of the moments of hypoxaemia that the sentences end with."""
    events = (event for event in assessment.gases.hypoxaemia if any(text.endswith(event.because) for text in said))
    return _once(*(source for event in events for source in event.sources))


def _relapse_sources(assessment: Assessment) -> tuple[str, ...]:
    """The references of the ferritin, where it is a sign of a relapse, and of the titre, where that is another."""
    ferritin = _factor(assessment, RELAPSE)
    raised = ferritin is not None and ferritin.status == "present"
    titre = assessment.anti_mda5.titre if len(assessment.relapse_signs) > raised else None
    results = (titre.earlier, titre.newest) if titre is not None else ()
    return _once(*(ferritin.evidence if ferritin and raised else ()), *_sources(results))


def _factor(assessment: Assessment, name: str) -> RiskFactor | None:
    return next((factor for factor in assessment.risk.factors if factor.id == name), None)


def _sources(results: Iterable[Result | None]) -> Iterator[str]:
    return (result.source for result in results if result is not None)


def _once(*sources: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sources))


def _monitoring(assessment: Assessment, regimen: tuple[str, ...]) -> Iterator[Finding]:
    levels = assessment.levels
    # what may be due is asked for: only a level that is surely not due keeps silent
    due = [level for level in levels if level.due is not Verdict.NOT_MET]
    asked = given(assessment.therapy, frozenset(level.agent for level in due))
    last = _sources(level.newest for level in due)
    yield Finding("level-due", Verdict.of(bool(due)), "; ".join(level.due_why for level in due), _once(*asked, *last))
    for name, judged in (("level-above", ("above",)), ("level-off", ("above", "below"))):
        off = [level for level in levels if level.judged in judged]
        evidence = _once(*_sources(level.judged_on for level in off))
        yield Finding(name, Verdict.of(bool(off)), "; ".join(level.judged_why for level in off), evidence)
    yield Finding("stage-known", Verdict.of(assessment.therapy.stage != "unknown"), "", regimen)


def _transplant(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    transplant = assessment.transplant
    no_support = not (transplant.ecmo_running or transplant.ecmo_recent)
    yield Finding("no-ecmo", Verdict.of(no_support), transplant.ecmo_why, transplant.ecmo_evidence)
    yield Finding("ecmo-runs", Verdict.of(transplant.ecmo_running), transplant.ecmo_why, transplant.ecmo_evidence)
    yield within_transplant_age(assessment.population, guideline)
    unsettled = Verdict.of(transplant.addressed is not Verdict.MET)
    yield Finding("transplant-open", unsettled, transplant.addressed_why, transplant.evidence)


def _not_recommended(assessment: Assessment, guideline: Guideline, regimen: tuple[str, ...]) -> Iterator[Finding]:
    therapy = assessment.therapy
    for name in ("rec-8", "rec-9", "rec-10"):
        running = not_recommended(name, guideline) & therapy.running
        yield Finding(
            f"{name}-runs",
            Verdict.of(bool(running)),
            ", ".join(guideline.agents[agent].name for agent in sorted(running)),
            given(therapy, running),
        )
    recent = recently_begun("rec-8", assessment, guideline)
    instead = therapy.stage in NEEDS_COMBINATION
    why = "it stands in place of a combination" if instead else "it began recently, or its start is not known"
    evidence = regimen if instead else _once(*(source for course in recent for source in course.evidence))
    yield Finding("rec-8-matters", Verdict.of(instead or bool(recent)), why, evidence)


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
    ferritin, trend = _factor(assessment, DECISIVE), assessment.ferritin
    evidence = ferritin.evidence if ferritin is not None else ()
    yield Finding("very-high-risk", Verdict.of(assessment.risk.level == "very-high"), "ferritin", evidence)
    falling, compared = trend.below_baseline is True, _once(*_sources((trend.baseline, trend.newest)))
    because = "the newest ferritin is not known to be below its baseline"
    yield Finding("ferritin-not-falling", Verdict.of(not falling), because, compared)


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
