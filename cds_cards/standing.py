"""Where each of the thirteen recommendations stands for this patient."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cds_cards.criteria import Finding, Verdict, all_of
from cds_cards.disease import AntiMda5, LungDisease, Population, RespiratoryFailure
from cds_cards.guideline import REMEMBERED, Guideline, Recommendation
from cds_cards.kinship import CNI
from cds_cards.refractoriness import CriterionResult, RefractorinessAssessment
from cds_cards.safety import Safety
from cds_cards.therapy import Therapy
from cds_cards.transplant import Transplant

INITIAL = ("rec-1", "rec-2", "rec-2a", "rec-2b", "rec-3", "rec-3a")
"""The recommendations of initial therapy: they speak in the induction phase only."""
NEEDS_COMBINATION = frozenset({"untreated", "glucocorticoid-only", "incomplete"})
COMBINATION = frozenset({"combination", "escalated", "rescue"})
_BARRIERS = frozenset({"allergy", "cni-not-feasible"})
"""The kinds of exclusions that make a calcineurin inhibitor infeasible."""
_SIGNS = {
    **dict.fromkeys(("refractory", "probable", "possible"), Verdict.MET),
    "not-refractory": Verdict.NOT_MET,
}
"""Which criteria a response rests on: the signs of failure that are there, or those that are not."""
_STATUS: dict[Verdict, Literal["applies", "does-not-apply", "unknown"]] = {
    Verdict.MET: "applies",
    Verdict.NOT_MET: "does-not-apply",
    Verdict.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class _Step:
    """What is asked at once: met when all of `parts` are; `because` is the reason of those that decide."""

    parts: tuple[Finding, ...]
    verdict: Verdict
    because: str

    @classmethod
    def of(cls, *parts: Finding) -> _Step:
        """The step that asks for these."""
        verdict, deciding = _deciding(parts)
        return cls(parts, verdict, _reasons(deciding))


@dataclass(frozen=True, slots=True)
class Standing:
    """A recommendation for this patient. `findings`: all that was asked, in order; it applies when all are met."""

    id: str
    grades: tuple[str, ...]
    status: Literal["applies", "does-not-apply", "unknown"]
    why: str
    findings: tuple[Finding, ...]


def standings(
    population: Population,
    anti_mda5: AntiMda5,
    lung_disease: LungDisease,
    therapy: Therapy,
    refractoriness: RefractorinessAssessment,
    respiratory_failure: RespiratoryFailure,
    safety: Safety,
    transplant: Transplant,
    guideline: Guideline,
) -> tuple[Standing, ...]:
    """The standing of all thirteen, in the guideline's order; who the guideline is for is asked first."""
    scope = _Step.of(*_scope(population, anti_mda5, lung_disease, ("rpild",)))
    wide = _Step.of(*_scope(population, anti_mda5, lung_disease, ("rpild", "ild")))
    phase = _Step.of(_phase(therapy))
    failing = _Step.of(response_failing(therapy, refractoriness))
    # one step after the other, scope before phase before treatment
    rules: dict[str, tuple[_Step, ...]] = {
        **{name: (scope, phase, rule) for name, rule in _initial(therapy, safety, guideline).items()},
        "rec-4": (scope, failing),
        "rec-5": (scope, failing),
        "rec-6": (scope, _Step.of(life_threatening(respiratory_failure))),
        "rec-7": (wide, *_early_referral(population, transplant, guideline)),
        **{
            name: (scope, _Step.of(not_recommended_given(name, therapy, guideline)))
            for name in ("rec-8", "rec-9", "rec-10")
        },
    }
    return tuple(_standing(item, rules[item.id]) for item in guideline.recommendations.values())


def _standing(recommendation: Recommendation, steps: tuple[_Step, ...]) -> Standing:
    """The first step that is not met decides, else the last; all that was asked is kept."""
    decided = next((step for step in steps if step.verdict is not Verdict.MET), steps[-1])
    findings = tuple([finding for step in steps for finding in step.parts])
    return Standing(recommendation.id, recommendation.grades, _STATUS[decided.verdict], decided.because, findings)


def scope_finding(
    population: Population, anti_mda5: AntiMda5, lung_disease: LungDisease, lungs: tuple[str, ...]
) -> Finding:
    """Whether the patient is one of those the recommendation speaks of; `lungs` are the lung states that count."""
    return conjunction("scope", _scope(population, anti_mda5, lung_disease, lungs))


def _scope(
    population: Population, anti_mda5: AntiMda5, lung_disease: LungDisease, lungs: tuple[str, ...]
) -> tuple[Finding, ...]:
    antibody = {"positive": Verdict.MET, "negative": Verdict.NOT_MET}.get(anti_mda5.status, Verdict.UNKNOWN)
    lung = Verdict.UNKNOWN if lung_disease.status == "unknown" else Verdict.of(lung_disease.status in lungs)
    return (
        Finding("population", Verdict.of(population.status == "in"), population.why),
        Finding("anti-mda5", antibody, anti_mda5.because, anti_mda5.evidence, ("anti-mda5",)),
        Finding("lung-disease", lung, lung_disease.because, lung_disease.evidence, ("lung-disease",)),
    )


def conjunction(criterion: str, parts: Iterable[Finding]) -> Finding:
    """All of `parts` in one finding; its reason is that of the parts that decide."""
    verdict, deciding = _deciding(tuple(parts))
    return Finding(
        criterion,
        verdict,
        _reasons(deciding),
        tuple(dict.fromkeys(source for part in deciding for source in part.evidence)),
        tuple(need for part in deciding if verdict is Verdict.UNKNOWN for need in part.needs),
    )


def _deciding(parts: tuple[Finding, ...]) -> tuple[Verdict, tuple[Finding, ...]]:
    """The verdict on all of `parts`, and those of them that decide it."""
    verdict = all_of([part.verdict for part in parts])
    return verdict, tuple([part for part in parts if part.verdict is verdict])


def _reasons(deciding: Iterable[Finding]) -> str:
    return "; ".join([part.because for part in deciding if part.because])


def combination_missing(therapy: Therapy) -> Finding:
    """Whether no combination runs; unknown when orders could not be read and the rest makes none."""
    if therapy.stage == "unknown":
        return Finding("combination-missing", Verdict.UNKNOWN, _unreadable(therapy), needs=("medications",))
    missing = therapy.stage in NEEDS_COMBINATION
    why = {
        "untreated": "no systemic immunosuppression is on record",
        "glucocorticoid-only": "a glucocorticoid runs and nothing else",
        "incomplete": "immunosuppression runs that makes no combination with a glucocorticoid",
    }.get(therapy.stage, "a combination of a glucocorticoid and a completing agent runs")
    return Finding("combination-missing", Verdict.of(missing), why, given(therapy))


def given(therapy: Therapy, agents: Set[str] | None = None) -> tuple[str, ...]:
    """The references of what runs or is drafted: of `agents`, or of all that treats."""
    if agents is not None and not agents:
        return ()
    courses = [course for course in therapy.courses if course.status != "past"]
    wanted = [course for course in courses if agents is None or course.agent in agents]
    return tuple(dict.fromkeys([source for course in wanted for source in course.evidence]))


def cni_feasible(safety: Safety, guideline: Guideline) -> Finding:
    """Whether any calcineurin inhibitor is feasible; an unknown eGFR leaves it so (site policy)."""
    if not safety.cni_feasible:
        reasons = "; ".join(dict.fromkeys(safety.cni_reasons[name] for name in sorted(safety.cni_reasons)))
        why = f"no calcineurin inhibitor is feasible: {reasons}"
        return Finding("cni-feasible", Verdict.NOT_MET, why, _barriers(safety))
    names = " and ".join(guideline.agents[name].name for name in sorted(safety.cni_feasible))
    unsure = f" ({safety.egfr_why or 'current eGFR not known'})" if safety.egfr_unknown else ""
    return Finding("cni-feasible", Verdict.MET, f"feasible calcineurin inhibitor: {names}{unsure}")


def _barriers(safety: Safety) -> tuple[str, ...]:
    """The references of what makes the calcineurin inhibitors infeasible."""
    found = (item for name in sorted(safety.cni_reasons) for item in safety.agents[name].exclusions)
    return tuple(dict.fromkeys(source for item in found if item.kind in _BARRIERS for source in item.evidence))


def running_cnis(therapy: Therapy, guideline: Guideline) -> tuple[str, ...]:
    """The calcineurin inhibitors that run, by id."""
    return tuple(sorted(name for name in therapy.running if guideline.agents[name].agent_class == CNI))


def response_failing(therapy: Therapy, refractoriness: RefractorinessAssessment) -> Finding:
    """Whether the combination fails: refractory or probable. Unknown where it cannot be assessed."""
    if therapy.stage == "unknown":
        return Finding("failing", Verdict.UNKNOWN, _unreadable(therapy), needs=("medications",))
    verdict = {
        "refractory": Verdict.MET,
        "probable": Verdict.MET,
        "not-assessable": Verdict.UNKNOWN,
    }.get(refractoriness.status, Verdict.NOT_MET)
    open_still = (item.id for item in refractoriness.criteria if item.verdict is Verdict.UNKNOWN)
    needs = (*(("combination-start",) if therapy.start_unknown else ()), *open_still)
    return Finding("failing", verdict, refractoriness.why, response_sources(refractoriness), needs)


def response_sources(refractoriness: RefractorinessAssessment) -> tuple[str, ...]:
    """The references of the criteria that decided the response; none where it could not be judged by them."""
    decisive = (item for item in refractoriness.criteria if item.verdict is _SIGNS.get(refractoriness.status))
    return criterion_sources(decisive)


def criterion_sources(criteria: Iterable[CriterionResult]) -> tuple[str, ...]:
    """The references of the baselines and follow-ups of these criteria."""
    points = [point for item in criteria for point in (item.baseline, item.follow_up) if point is not None]
    return tuple(dict.fromkeys([source for point in points for source in (point.sources or (point.source,))]))


def life_threatening(failure: RespiratoryFailure) -> Finding:
    """Whether the respiratory failure is life-threatening by the policy."""
    verdict = {"yes": Verdict.MET, "no": Verdict.NOT_MET}.get(failure.life_threatening, Verdict.UNKNOWN)
    return Finding("life-threatening", verdict, failure.because, failure.evidence, ("respiratory-failure",))


def within_transplant_age(population: Population, guideline: Guideline) -> Finding:
    """Whether the age is not above the policy's for an early referral; an unknown age counts as within."""
    limit = guideline.policy.transplant_age_max
    if population.age is None:
        return Finding("transplant-age", Verdict.MET, "the age is not known")
    least, most = population.age
    age = f"{least}" if least == most else f"{least} to {most}"
    return Finding("transplant-age", Verdict.of(least <= limit), f"age {age} years (site policy: up to {limit:g})")


@lru_cache(3 * REMEMBERED)
def not_recommended(recommendation: str, guideline: Guideline) -> frozenset[str]:
    """The agents a recommendation (`rec-8`, `rec-9`, `rec-10`) speaks of."""
    return frozenset(agent.id for agent in guideline.agents.values() if recommendation in agent.roles)


def not_recommended_given(recommendation: str, therapy: Therapy, guideline: Guideline) -> Finding:
    """Whether such an agent runs or is drafted; unknown when an order could not be read and none is seen."""
    found = not_recommended(recommendation, guideline) & (therapy.running | therapy.drafted)
    criterion = f"{recommendation}-given"
    if found:
        names = ", ".join(guideline.agents[name].name for name in sorted(found))
        return Finding(criterion, Verdict.MET, f"{names} runs or is drafted", given(therapy, found))
    if not therapy.complete:
        return Finding(criterion, Verdict.UNKNOWN, _unreadable(therapy), needs=("medications",))
    return Finding(criterion, Verdict.NOT_MET, "no such agent runs or is drafted")


def _initial(therapy: Therapy, safety: Safety, guideline: Guideline) -> dict[str, _Step]:
    missing = combination_missing(therapy)
    if missing.verdict is Verdict.UNKNOWN:
        # a stage that is not known leaves all of them open, whichever inhibitor is feasible
        return dict.fromkeys(INITIAL, _Step.of(missing))
    feasible = cni_feasible(safety, guideline)
    not_feasible = Finding("cni-not-feasible", feasible.verdict.negated(), feasible.because, feasible.evidence)
    with_cni, without = _Step.of(missing, feasible), _Step.of(missing, not_feasible)
    return {
        "rec-1": _Step.of(missing),
        "rec-2": with_cni,
        "rec-2a": with_cni,
        "rec-2b": _Step.of(_cni_given(therapy, guideline)),
        "rec-3": without,
        "rec-3a": without,
    }


def _cni_given(therapy: Therapy, guideline: Guideline) -> Finding:
    running = running_cnis(therapy, guideline)
    if not (running or therapy.complete):
        return Finding("cni-runs", Verdict.UNKNOWN, _unreadable(therapy), needs=("medications",))
    if running:
        names = " and ".join(guideline.agents[name].name for name in running)
        return Finding("cni-runs", Verdict.MET, f"{names} runs", given(therapy, frozenset(running)))
    return Finding("cni-runs", Verdict.NOT_MET, "no calcineurin inhibitor runs")


def _phase(therapy: Therapy) -> Finding:
    if therapy.phase == "induction":
        return Finding("induction", Verdict.MET, therapy.phase_why, therapy.phase_evidence)
    return Finding("induction", Verdict.NOT_MET, f"maintenance: {therapy.phase_why}", therapy.phase_evidence)


def _early_referral(population: Population, transplant: Transplant, guideline: Guideline) -> tuple[_Step, ...]:
    # what cannot be looked up does not count as done: the referral is urged, and the card says what is not known
    open_still = Finding(
        "transplant-open",
        Verdict.of(transplant.addressed is not Verdict.MET),
        transplant.addressed_why,
        transplant.evidence,
    )
    return _Step.of(within_transplant_age(population, guideline)), _Step.of(open_still)


def _unreadable(therapy: Therapy) -> str:
    named = "; ".join(therapy.unread)
    return f"the medication orders could not be read in full{': ' if named else ''}{named}"
