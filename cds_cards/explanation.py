"""Why a plan is as it is: the very findings that decided, and what would settle what is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from cds_cards.card import Indicator, Topic
from cds_cards.criteria import Finding, Verdict
from cds_cards.findings import findings
from cds_cards.gaps import DataGap
from cds_cards.plan import TRIGGERS, Applicability, Plan, PlanItem
from cds_cards.standing import Standing

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "population": "Patient in the population of the guideline",
        "in-population": "Patient in the population of the guideline",
        "anti-mda5": "Anti-MDA5 antibody positive",
        "lung-disease": "Interstitial lung disease of the kind the recommendation speaks of",
        "in-scope": "Anti-MDA5 positive with rapidly progressive ILD",
        "in-scope-with-any-ild": "Anti-MDA5 positive with ILD of any pace",
        "induction": "Induction phase",
        "maintenance": "Maintenance phase",
        "combination-missing": "No combination runs yet",
        "no-combination-seen": "No combination is seen on record",
        "combination-without-cni": "The combination holds no calcineurin inhibitor",
        "cni-feasible": "A calcineurin inhibitor is feasible",
        "cni-not-feasible": "No calcineurin inhibitor is feasible",
        "cni-runs": "A calcineurin inhibitor runs",
        "stage-known": "The stage of therapy is known",
        "escalated": "Therapy known to be escalated already",
        "failing": "The combination fails: refractory or probably so",
        "response-in-doubt": "The response is in doubt: possibly failing",
        "response-not-assessable": "The response cannot be assessed",
        "early-worsening": "Worsening on record, too early to assess the response",
        "relapse-signs": "Signs of a relapse on record",
        "life-threatening": "Life-threatening respiratory failure",
        "hypoxaemic": "Hypoxaemia",
        "no-ecmo": "No ECMO known, now or recently",
        "ecmo-runs": "ECMO known to run",
        "level-due": "A calcineurin-inhibitor level is due, or may be",
        "level-off": "A calcineurin-inhibitor level known to be off its range",
        "level-above": "A calcineurin-inhibitor level known to be above its range",
        "transplant-age": "Age within the limit for an early transplant referral",
        "transplant-open": "Transplant referral not known to be settled",
        "rec-8-given": "An agent of rec-8 runs or is drafted",
        "rec-9-given": "An agent of rec-9 runs or is drafted",
        "rec-10-given": "An agent of rec-10 runs or is drafted",
        "rec-8-runs": "An agent of rec-8 runs",
        "rec-9-runs": "An agent of rec-9 runs",
        "rec-10-runs": "An agent of rec-10 runs",
        "rec-8-matters": "It stands in place of a combination, or is recent",
        "rec-8-drafted": "An agent of rec-8 is drafted",
        "rec-9-drafted": "An agent of rec-9 is drafted",
        "rec-10-drafted": "An agent of rec-10 is drafted",
        "very-high-risk": "Risk known to be very high, by ferritin",
        "ferritin-not-falling": "Ferritin not known to fall",
        "antibody-untested": "Dermatomyositis, antibody neither known nor being tested",
        "lungs-unexamined": "Anti-MDA5 positive, lungs neither known nor examined lately",
        "rpild-dates-unsettled": "ILD whose dates do not settle how fast it progresses",
        "rpild": "Rapidly progressive ILD known",
        "deciding-gap": "Something that decides is unknown",
        "treatment-drafted": "A glucocorticoid or an immunosuppressant is drafted",
        "rituximab-drafted-without-cni": "Rituximab drafted on glucocorticoid and cyclophosphamide, without a CNI",
        "level-not-ordered": "A calcineurin inhibitor is drafted and no level is ordered",
        "dose-above": "A drafted dose known to be above the reported bound",
        "fertility-drug-drafted": "A drug is drafted that may harm fertility or an unborn child",
        "pregnant": "Known to be pregnant",
        "childbearing": "Childbearing potential",
        "allergy-drafted": "A drafted agent stands among the known allergies",
        "allergy-critical": "That allergy is critical: its type, its criticality or a severe reaction",
        "interaction-drafted": "Drafted agents should not be given together",
    }
)
"""What each finding asks, for people; "known" where the answer is *not met* as long as it is not known."""

_SAID_WHEN_MET = frozenset({"combination-without-cni", "rec-8-matters", "very-high-risk", "ferritin-not-falling"})
"""Findings whose reason is a sentence about their being met: otherwise it would say what is not so."""

BEARS_ON: Mapping[str, tuple[Topic, ...]] = MappingProxyType(
    {
        "anti-mda5": ("diagnosis",),
        "lung-disease": ("diagnosis",),
        "ferritin": ("risk", "refractoriness"),
        "crp": ("risk",),
        "age": ("risk", "rec-7", "dose", "safety-pregnancy"),
        "medications": ("rec-2", "rec-3", "rec-4", "rec-5"),
        "combination-start": ("refractoriness", "rec-4", "rec-5"),
        "respiratory-failure": ("rec-6",),
        "egfr": ("rec-2", "rec-3"),
        "weight": ("dose",),
        "height": ("dose",),
        "dose": ("dose",),
        "calcineurin-level": ("rec-2b",),
        "observations": ("risk", "refractoriness"),
        "allergies": ("safety-allergy",),
        "procedures": ("rec-5", "rec-6", "rec-7"),
        "referrals": ("rec-7",),
        "respiratory-symptoms": ("refractoriness", "rec-4", "rec-5"),
        "a-a-gradient": ("refractoriness", "rec-4", "rec-5"),
        "imaging": ("refractoriness", "rec-4", "rec-5"),
        "clinician-impression": ("refractoriness", "rec-4", "rec-5"),
    }
)
"""The topics that read what a data gap leaves open."""


@dataclass(frozen=True, slots=True)
class TopicExplanation:
    """A topic of the hook. `indicator` None: it is silent. `findings`: those of the rule that speaks, else of all."""

    topic: Topic
    indicator: Indicator | None
    findings: tuple[Finding, ...]

    @property
    def speaks(self) -> bool:
        """Whether the plan holds a card of this topic."""
        return self.indicator is not None


@dataclass(frozen=True, slots=True)
class Missing:
    """A data gap. `settles`: recommendations that are unknown and need it; `bears_on`: topics that read it."""

    id: str
    why: str
    settles: tuple[str, ...]
    bears_on: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """All thirteen recommendations, every topic of the hook in the order of its table, and what is not known."""

    recommendations: tuple[Standing, ...]
    topics: tuple[TopicExplanation, ...]
    missing: tuple[Missing, ...]


def explain(plan: Plan) -> Explanation:
    """Why `plan` is as it is: nothing is judged anew."""
    assessment, rules = plan.assessment, TRIGGERS.get(plan.trigger, ())
    found = findings(assessment, plan.guideline)
    spoken = {item.topic: item for item in plan.items}
    topics = dict.fromkeys(rule.topic for rule in rules)
    return Explanation(
        recommendations=assessment.recommendations,
        topics=tuple(
            _topic(topic, spoken.get(topic), tuple(rule for rule in rules if rule.topic == topic), found)
            for topic in topics
        ),
        missing=tuple(_missing(gap, assessment.recommendations) for gap in assessment.gaps),
    )


def _topic(
    topic: Topic, item: PlanItem | None, rules: tuple[Applicability, ...], found: Mapping[str, Finding]
) -> TopicExplanation:
    shown = rules if item is None else (_rule_of(item, rules),)
    names = dict.fromkeys(name for rule in shown for name in rule.names)
    return TopicExplanation(topic, item.indicator if item else None, tuple(_said(found[name]) for name in names))


def _said(finding: Finding) -> Finding:
    untrue = finding.verdict is Verdict.NOT_MET and finding.criterion in _SAID_WHEN_MET
    return replace(finding, because="") if untrue else finding


def _rule_of(item: PlanItem, rules: tuple[Applicability, ...]) -> Applicability:
    """The rule that made the item: the first whose findings are among those that the plan gives for it."""
    met = {finding.criterion for finding in item.because}
    return next(
        rule for rule in rules if met.issuperset(rule.all_of) and (not rule.any_of or met.intersection(rule.any_of))
    )


def _missing(gap: DataGap, recommendations: tuple[Standing, ...]) -> Missing:
    settles = tuple(item.id for item in recommendations if item.status == "unknown" and _needs(item, gap.id))
    return Missing(gap.id, gap.why, settles, BEARS_ON[gap.id])


def _needs(item: Standing, gap: str) -> bool:
    return any(gap in finding.needs for finding in item.findings if finding.verdict is Verdict.UNKNOWN)
