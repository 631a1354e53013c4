"""Sentences that several cards share: what was found, the rule with its grade, the evidence and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict
from cds_cards.guideline import REMEMBERED, Guideline, Study
from cds_cards.markdown import capital, inert, sentence
from cds_cards.plan import Plan
from cds_cards.therapy import Course

_STAGES = {
    "untreated": "no systemic immunosuppression on record",
    "glucocorticoid-only": "a glucocorticoid and nothing else",
    "incomplete": "immunosuppression that makes no combination",
    "combination": "a combination",
    "escalated": "an escalated combination",
    "rescue": "a combination with rescue therapy",
    "unknown": "not known in full",
}
_GAP_NAMES = {
    "anti-mda5": "anti-MDA5 antibody",
    "lung-disease": "lung disease",
    "crp": "CRP",
    "egfr": "eGFR",
    "medications": "medication orders",
    "combination-start": "start of the combination",
    "respiratory-failure": "current oxygenation",
    "observations": "some results",
    "calcineurin-level": "calcineurin inhibitor level",
    "respiratory-symptoms": "course of symptoms",
    "a-a-gradient": "course of gas exchange",
    "imaging": "course of imaging",
    "clinician-impression": "clinician's impression",
    "procedures": "procedures",
}
_VERDICTS = {Verdict.MET: "met", Verdict.NOT_MET: "not met", Verdict.UNKNOWN: "not known"}
CRITERIA = {
    "respiratory-symptoms": "respiratory symptoms",
    "a-a-gradient": "gas exchange",
    "imaging": "imaging",
    "ferritin": "ferritin",
    "clinician-impression": "clinician's impression",
}
_PARTS = {
    "add": "adding",
    "switch": "switching",
    "pmx-hemoperfusion": "polymyxin B hemoperfusion",
    "plasmapheresis": "plasmapheresis",
    "immunoglobulin": "IV immunoglobulin",
}
_RECOMMENDATIONS = 13
_CAVEAT = (
    "Small, retrospective, overlapping series and case reports; severity chose the treatment, so these outcomes "
    "compare no treatments and predict nothing for this patient"
)


def disease_lines(plan: Plan) -> tuple[str, ...]:
    """The antibody and the lung disease, with what they rest on; an inferred RPILD says so."""
    antibody, lungs = plan.assessment.anti_mda5, plan.assessment.lung_disease
    lines = [_headed(f"Anti-MDA5 {antibody.status}", inert(antibody.because))]
    if antibody.later_negative is not None:
        later = antibody.later_negative
        lines.append(
            f"A later result is negative ({inert(later.recorded)}, {later.when.day(zone(plan))}); once positive counts"
        )
    because = inert(lungs.because)
    if lungs.certainty == "inferred" and "inferred" not in because:
        because = f"inferred from {because}"
    lines.append(f"RPILD: {because}" if lungs.status == "rpild" else f"Lung disease ({lungs.status}): {because}")
    return tuple(lines)


def _headed(head: str, because: str) -> str:
    """The reason under its heading, unless it says the same itself."""
    return because if because.casefold().startswith(head.casefold()) else f"{head}: {because}"


def regimen_line(plan: Plan) -> str:
    """What runs, since when, and what is drafted; what was recognised by its text alone says so."""
    therapy = plan.assessment.therapy
    running = sorted(
        (course for course in therapy.courses if course.status == "active"),
        key=lambda course: (course.agent, course.evidence),
    )
    named = ", ".join(dict.fromkeys(_course(plan, course) for course in running))
    since = therapy.combination_since
    complete = f"; combination since {since.day(zone(plan))}" if since else ""
    later = ", ".join(plan.guideline.agents[agent].name for agent in sorted(therapy.planned))
    planned = f"; ordered to begin later: {later}" if later else ""
    new = ", ".join(plan.guideline.agents[agent].name for agent in sorted(therapy.drafted))
    counted, drafted = (" with the drafts", f"; drafted: {new}") if new else ("", "")
    return f"Treatment{counted}: {_STAGES[therapy.stage]}{': ' if named else ''}{named}{complete}{planned}{drafted}"


def _course(plan: Plan, course: Course) -> str:
    since = f" since {course.since.day(zone(plan))}" if course.since else " (start not known)"
    doubt = " (recognised by its text alone: low confidence)" if course.by_text else ""
    return f"{plan.guideline.agents[course.agent].name}{since}{doubt}"


def unread_line(plan: Plan) -> tuple[str, ...]:
    """What of the treatment could not be read, when anything could not."""
    therapy = plan.assessment.therapy
    if therapy.complete:
        return ()
    named = inert("; ".join(therapy.unread)) or "part of the medication orders"
    return (f"Could not read: {named}. What it holds is not known; check the running treatment first",)


def infection_first(plan: Plan) -> tuple[str, ...]:
    """What opens a treatment card while an infection is on record."""
    infection = plan.assessment.infection
    if infection.status != "present":
        return ()
    return (
        f"**Infection on record**: {inert(infection.because)}. While it stands, no immunosuppressant is suggested "
        "here, glucocorticoid included; weigh infection and disease together with infectious diseases",
    )


def imitation_reminders(plan: Plan) -> tuple[str, ...]:
    """What to settle before worsening is called a failing treatment."""
    imitates = (
        "Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it"
    )
    if plan.assessment.infection.status != "present":
        imitates += ". That none is on record does not exclude one"
    levels = [inert(text) for level in plan.assessment.levels for text in (level.judged_why, *level.shown) if text]
    known = f" ({'; '.join(dict.fromkeys(levels))})" if levels else ""
    dose = plan.assessment.therapy.low_glucocorticoid
    low = f" {sentence(inert(dose))}" if dose else ""
    return (
        imitates,
        f"Is the calcineurin inhibitor's level adequate{known}? Check it where one runs",
        f"Is the glucocorticoid dose adequate?{low}",
    )


def rule_lines(plan: Plan, *recommendations: str) -> tuple[str, ...]:
    """What the guideline says, in our words, with the grade in words."""
    return tuple([_rule(plan.guideline, name) for name in recommendations])


@lru_cache(_RECOMMENDATIONS * REMEMBERED)
def _rule(guideline: Guideline, name: str) -> str:
    known = guideline.recommendations[name]
    return f"{known.title} ({name}). {known.advice.rstrip('.')}. Grade: {_grade(guideline, name)}"


def _grade(guideline: Guideline, name: str) -> str:
    """The grade in words; where parts of the recommendation are graded apart, each with its own."""
    words = guideline.grade_words(name)
    parts = guideline.recommendations[name].parts
    if not parts:
        return words
    each = dict(zip(guideline.recommendations[name].grades, words.split("; "), strict=True))
    return "; ".join(f"{_PARTS[what]}: {each[grade]}" for what, grade in parts)


def differs_lines(plan: Plan, *recommendations: str) -> tuple[str, ...]:
    """Where the final text and the superseded draft differ; the final text decides."""
    known = plan.guideline.recommendations
    return tuple(f"{name}: {known[name].differs}" for name in recommendations if known[name].differs)


def evidence_lines(plan: Plan, studies: Iterable[Study]) -> tuple[str, ...]:
    """Studies one by one, never against each other, then what they can bear and how far the search went."""
    rows = [_study(study) for study in studies]
    return (*rows, *((_CAVEAT,) if rows else ()), _search(plan.guideline))


@lru_cache(REMEMBERED)
def _search(guideline: Guideline) -> str:
    levels = " to ".join(sorted({known.evidence_level for known in guideline.recommendations.values()}))
    return f"Evidence level {levels} (SIGN: case reports and case series) throughout. {guideline.search_limit}"


def _study(study: Study) -> str:
    indirect = " (indirect evidence, in the panel's own word)" if study.indirect else ""
    return f"{study.name}{indirect}. Patients: {study.patients}. Outcome: {study.outcome}"


def studies_of(plan: Plan, recommendation: str, limit: int) -> tuple[Study, ...]:
    """The first studies behind a recommendation, direct evidence before indirect."""
    return _studies(plan.guideline, recommendation)[:limit]


@lru_cache(_RECOMMENDATIONS * REMEMBERED)
def _studies(guideline: Guideline, recommendation: str) -> tuple[Study, ...]:
    found = [study for study in guideline.studies if recommendation in study.recommendations]
    return tuple(sorted(found, key=lambda study: study.indirect))


def criteria_lines(plan: Plan) -> Iterator[str]:
    """The five criteria of a failing response, each with its verdict and reason."""
    for criterion in plan.assessment.refractoriness.criteria:
        why = sentence(inert(criterion.why))
        yield f"{capital(CRITERIA[criterion.id])}: **{_VERDICTS[criterion.verdict]}**. {why}"


def criteria_count(plan: Plan) -> str:
    """`3 of 5 criteria met, 1 not met, 1 not known`."""
    verdicts = [criterion.verdict for criterion in plan.assessment.refractoriness.criteria]
    return ", ".join(
        (
            f"{verdicts.count(Verdict.MET)} of {len(verdicts)} criteria met",
            f"{verdicts.count(Verdict.NOT_MET)} not met",
            f"{verdicts.count(Verdict.UNKNOWN)} not known",
        )
    )


def not_suggested(plan: Plan, agents: Iterable[str]) -> tuple[str, ...]:
    """Why agents of a recommendation are not suggested to this patient."""
    safety, names = plan.assessment.safety, plan.guideline.agents
    reasons = {agent: "; ".join(item.why for item in safety.agents[agent].exclusions) for agent in agents}
    return tuple(
        f"{names[agent].name} is not suggested: {inert(reason)}" for agent, reason in reasons.items() if reason
    )


def cautions(plan: Plan, agents: Iterable[str]) -> tuple[str, ...]:
    """The marks of the agents that are suggested, with their source and why they apply."""
    lines, tested = [], False
    for agent in dict.fromkeys(agents):
        for mark in plan.assessment.safety.agents[agent].marks:
            why = f": {inert(mark.why)}" if mark.why else ""
            name = plan.guideline.agents[agent].name
            lines.append(f"{name}: {inert(mark.text).rstrip('.')} ({mark.source}){why}")
            tested = tested or (mark.ranks and plan.assessment.safety.test_due)
    return (*lines, *(("A pregnancy test is due before it",) if tested else ()))


def gap_lines(plan: Plan, *ids: str) -> tuple[str, ...]:
    """The data gaps that bear on a card, each with its reason (all of them when none is named)."""
    return tuple(
        _headed(gap_name(plan, gap.id), inert(gap.why)) for gap in plan.assessment.gaps if not ids or gap.id in ids
    )


def gap_name(plan: Plan, gap: str) -> str:
    """What a data gap is called in a sentence; of a ferritin that is known only its course can be missing."""
    if gap == "ferritin" and not value_missing(plan, "ferritin"):
        return "course of ferritin"
    return _GAP_NAMES.get(gap, gap)


def value_missing(plan: Plan, concept: str) -> bool:
    """Whether a risk factor is unknown for want of a usable value of the concept."""
    rules = plan.guideline.risk_factors
    factors = plan.assessment.risk.factors
    return any(factor.status == "unknown" and rules[factor.id].concept == concept for factor in factors)


def disease_policy(plan: Plan) -> tuple[str, ...]:
    """The site's rules behind an inferred RPILD."""
    policy = plan.guideline.policy
    if plan.assessment.lung_disease.certainty != "inferred":
        return ()
    return (f"RPILD is inferred when the earliest ILD date lies within {policy.rpild_days} days of hypoxaemia",)


def phase_policy(plan: Plan) -> str:
    """The site's rule behind the phase."""
    phase, why = plan.assessment.therapy.phase, inert(plan.assessment.therapy.phase_why)
    return f"Phase {phase}: {why}"


def zone(plan: Plan) -> ZoneInfo:
    """The site's zone, in which days are written."""
    return ZoneInfo(plan.guideline.policy.zone)
