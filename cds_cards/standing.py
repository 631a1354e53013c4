"""Where each of the thirteen recommendations stands for this patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cds_cards.criteria import Finding, Verdict, all_of
from cds_cards.disease import AntiMda5, LungDisease, Population, RespiratoryFailure
from cds_cards.guideline import Guideline
from cds_cards.refractoriness import RefractorinessAssessment
from cds_cards.safety import Safety
from cds_cards.therapy import Therapy
from cds_cards.transplant import Transplant

INITIAL = ("rec-1", "rec-2", "rec-2a", "rec-2b", "rec-3", "rec-3a")
"""The recommendations of initial therapy: they speak in the induction phase only."""
NEEDS_COMBINATION = frozenset({"untreated", "glucocorticoid-only", "incomplete"})
COMBINATION = frozenset({"combination", "escalated", "rescue"})
CNI = "calcineurin-inhibitor"
_STATUS: dict[Verdict, Literal["applies", "does-not-apply", "unknown"]] = {
    Verdict.MET: "applies",
    Verdict.NOT_MET: "does-not-apply",
    Verdict.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A recommendation for this patient."""

    id: str
    grades: tuple[str, ...]
    status: Literal["applies", "does-not-apply", "unknown"]
    why: str


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
    scope = scope_finding(population, anti_mda5, lung_disease, ("rpild",))
    wide = scope_finding(population, anti_mda5, lung_disease, ("rpild", "ild"))
    initial = _initial(therapy, safety, guideline)
    failing = response_failing(therapy, refractoriness)
    rules: dict[str, Finding] = {
        **{name: _in_phase(therapy, finding) for name, finding in initial.items()},
        "rec-4": failing,
        "rec-5": failing,
        "rec-6": life_threatening(respiratory_failure),
        "rec-7": _early_referral(population, transplant, guideline),
        **{name: not_recommended_given(name, therapy, guideline) for name in ("rec-8", "rec-9", "rec-10")},
    }
    found = {name: _first_open((wide if name == "rec-7" else scope), rule) for name, rule in rules.items()}
    return tuple(
        Standing(item.id, item.grades, _STATUS[found[item.id].verdict], found[item.id].because)
        for item in guideline.recommendations.values()
    )


def scope_finding(
    population: Population, anti_mda5: AntiMda5, lung_disease: LungDisease, lungs: tuple[str, ...]
) -> Finding:
    """Whether the patient is one of those the recommendation speaks of; `lungs` are the lung states that count."""
    antibody = {"positive": Verdict.MET, "negative": Verdict.NOT_MET}.get(anti_mda5.status, Verdict.UNKNOWN)
    lung = Verdict.UNKNOWN if lung_disease.status == "unknown" else Verdict.of(lung_disease.status in lungs)
    parts = (
        Finding("population", Verdict.of(population.status == "in"), population.why),
        Finding("anti-mda5", antibody, anti_mda5.because, anti_mda5.evidence, ("anti-mda5",)),
        Finding("lung-disease", lung, lung_disease.because, lung_disease.evidence, ("lung-disease",)),
    )
    return conjunction("scope", parts)


def conjunction(criterion: str, parts: Iterable[Finding]) -> Finding:
    """All of `parts` in one finding; its reason is that of the parts that decide."""
    parts = tuple(parts)
    verdict = all_of(part.verdict for part in parts)
    deciding = tuple(part for part in parts if part.verdict is verdict)
    return Finding(
        criterion,
        verdict,
        "; ".join(part.because for part in deciding if part.because),
        tuple(dict.fromkeys(source for part in deciding for source in part.evidence)),
        tuple(need for part in deciding if verdict is Verdict.UNKNOWN for need in part.needs),
    )


def _first_open(*findings: Finding) -> Finding:
    """The first finding that is not met, else the last: scope before phase before treatment."""
    return next((finding for finding in findings if not finding.met), findings[-1])


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
    return Finding("combination-missing", Verdict.of(missing), why)


def cni_feasible(safety: Safety, guideline: Guideline) -> Finding:
    """Whether any calcineurin inhibitor is feasible; an unknown eGFR leaves it so (site policy)."""
    if not safety.cni_feasible:
        reasons = "; ".join(dict.fromkeys(safety.cni_reasons[name] for name in sorted(safety.cni_reasons)))
        return Finding("cni-feasible", Verdict.NOT_MET, f"no calcineurin inhibitor is feasible: {reasons}")
    names = " and ".join(guideline.agents[name].name for name in sorted(safety.cni_feasible))
    unsure = f" ({safety.egfr_why or 'current eGFR not known'})" if safety.egfr_unknown else ""
    return Finding("cni-feasible", Verdict.MET, f"feasible calcineurin inhibitor: {names}{unsure}")


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
    return Finding("failing", verdict, refractoriness.why)


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


def not_recommended(recommendation: str, guideline: Guideline) -> frozenset[str]:
    """The agents a recommendation (`rec-8`, `rec-9`, `rec-10`) speaks of."""
    return frozenset(agent.id for agent in guideline.agents.values() if recommendation in agent.roles)


def not_recommended_given(recommendation: str, therapy: Therapy, guideline: Guideline) -> Finding:
    """Whether such an agent runs or is drafted; unknown when an order could not be read and none is seen."""
    given = not_recommended(recommendation, guideline) & (therapy.running | therapy.drafted)
    criterion = f"{recommendation}-given"
    if given:
        names = ", ".join(guideline.agents[name].name for name in sorted(given))
        return Finding(criterion, Verdict.MET, f"{names} runs or is drafted")
    if not therapy.complete:
        return Finding(criterion, Verdict.UNKNOWN, _unreadable(therapy), needs=("medications",))
    return Finding(criterion, Verdict.NOT_MET, "no such agent runs or is drafted")


def _initial(therapy: Therapy, safety: Safety, guideline: Guideline) -> dict[str, Finding]:
    missing = combination_missing(therapy)
    if missing.verdict is Verdict.UNKNOWN:
        # a stage that is not known leaves all of them open, whichever inhibitor is feasible
        return dict.fromkeys(INITIAL, missing)
    feasible = cni_feasible(safety, guideline)
    with_cni = conjunction("cni-based-start", (missing, feasible))
    without = conjunction(
        "start-without-cni",
        (missing, Finding("cni-not-feasible", feasible.verdict.negated(), feasible.because)),
    )
    return {
        "rec-1": missing,
        "rec-2": with_cni,
        "rec-2a": with_cni,
        "rec-2b": _cni_given(therapy, guideline),
        "rec-3": without,
        "rec-3a": without,
    }


def _cni_given(therapy: Therapy, guideline: Guideline) -> Finding:
    names = [guideline.agents[name].name for name in running_cnis(therapy, guideline)]
    if not (names or therapy.complete):
        return Finding("cni-runs", Verdict.UNKNOWN, _unreadable(therapy), needs=("medications",))
    if names:
        return Finding("cni-runs", Verdict.MET, f"{' and '.join(names)} runs")
    return Finding("cni-runs", Verdict.NOT_MET, "no calcineurin inhibitor runs")


def _in_phase(therapy: Therapy, finding: Finding) -> Finding:
    induction = Finding("induction", Verdict.of(therapy.phase == "induction"), f"maintenance: {therapy.phase_why}")
    return _first_open(induction, finding)


def _early_referral(population: Population, transplant: Transplant, guideline: Guideline) -> Finding:
    # what cannot be looked up does not count as done: the referral is urged, and the card says what is not known
    open_still = Finding(
        "transplant-open",
        Verdict.of(transplant.addressed is not Verdict.MET),
        transplant.addressed_why,
        transplant.evidence,
    )
    return _first_open(within_transplant_age(population, guideline), open_still)


def _unreadable(therapy: Therapy) -> str:
    named = "; ".join(therapy.unread)
    return f"the medication orders could not be read in full{': ' if named else ''}{named}"
