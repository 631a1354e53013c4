"""`diagnosis` and `data-gap`: what is not known and can be found out."""

from __future__ import annotations

from collections.abc import Mapping

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.findings import deciding_gaps
from cds_cards.gaps import DataGap
from cds_cards.markdown import Detail, capital, inert
from cds_cards.offers import Kind, alone, order
from cds_cards.plan import Plan, PlanItem
from cds_cards.proposals import Suggestion
from cds_cards.standing import running_cnis
from cds_cards.wording import disease_lines, evidence_lines, gap_lines, gap_name, regimen_line, unread_line

_ORDERS: Mapping[str, tuple[Kind, str]] = {
    "ferritin": ("test", "ferritin"),
    "crp": ("test", "crp"),
    "egfr": ("test", "egfr"),
    "respiratory-failure": ("test", "pao2"),
    "a-a-gradient": ("test", "pao2"),
    "imaging": ("service", "hrct"),
    "weight": ("test", "weight"),
    "height": ("test", "height"),
}
"""What to order for a gap. The others are asked of the people who know: the chart, the patient, the clinician."""

_SUMMARY_NAMES = 4


def diagnosis_card(plan: Plan, item: PlanItem) -> Card:
    """Order the antibody, or HRCT and lung function, or settle the dates of the lung disease."""
    names = {finding.criterion for finding in item.because}
    orders: list[tuple[Kind, str, str]] = []
    if "antibody-untested" in names:
        orders.append(("service", "anti-mda5-test", "Dermatomyositis whose anti-MDA5 status is not known"))
    if {"lungs-unexamined", "rpild-dates-unsettled"} & names and not plan.assessment.imaging_recent:
        why = "Anti-MDA5 disease goes with ILD; what the lungs show decides the treatment"
        orders += [("service", "hrct", why), ("service", "pft", why)]
    summary = _diagnosis_summary(names)
    unsettled = "rpild-dates-unsettled" in names
    detail = Detail(
        lead=summary,
        first=(
            ("Record when symptoms and lung disease began: the dates decide whether the course is rapid",)
            if unsettled
            else ()
        ),
        found=(
            *disease_lines(plan),
            f"Dermatomyositis on record: {'yes' if plan.assessment.dermatomyositis else 'no'}",
        ),
        rule=(
            "From features of dermatomyositis to the anti-MDA5 antibody, to HRCT and lung function, to RPILD or not "
            "(our reading of the guideline's diagnostic figure; it carries no grade)",
        ),
        evidence=evidence_lines(plan, ()),
        policy=_diagnosis_policy(plan),
        unknown=gap_lines(plan, "anti-mda5", "lung-disease", "observations"),
    )
    return draft_card(item, summary, detail, tuple(alone(order(plan, *each)) for each in orders))


def _diagnosis_summary(names: set[str]) -> str:
    if {"antibody-untested", "rpild"} <= names:
        return "Dermatomyositis with rapidly progressive ILD and no anti-MDA5 result: order the antibody now"
    if "antibody-untested" in names:
        return "Dermatomyositis without a conclusive anti-MDA5 result: order the antibody"
    if "rpild-dates-unsettled" in names:
        return "ILD with hypoxaemia whose dates do not settle whether its course is rapid: settle them"
    return "Anti-MDA5 positive, and the lungs are not settled: order HRCT and lung function"


def _diagnosis_policy(plan: Plan) -> tuple[str, ...]:
    policy = plan.guideline.policy
    return (
        "Once positive, the antibody stays positive; weak, borderline and indeterminate results tell nothing",
        f"Imaging and lung function are not asked for again within {policy.imaging_recent_days:g} days",
        f"RPILD is inferred when the earliest ILD date lies within {policy.rpild_days} days of hypoxaemia that is at "
        f"most {policy.hypoxaemia_recent_days:g} days old",
    )


def gap_card(plan: Plan, item: PlanItem) -> Card:
    """Everything that decides and is not known, with orders for what can be ordered."""
    deciding = deciding_gaps(plan.assessment, plan.guideline)
    named = ", ".join(gap_name(plan, gap.id) for gap in deciding[:_SUMMARY_NAMES])
    more = f" and {len(deciding) - _SUMMARY_NAMES} more" if len(deciding) > _SUMMARY_NAMES else ""
    detail = Detail(
        lead="What decides the treatment advice is not known in full: obtain it",
        first=unread_line(plan),
        found=(*disease_lines(plan), regimen_line(plan)),
        rule=("What is not known is never taken for absent; advice that hangs on it is held back or says so",),
        evidence=evidence_lines(plan, ()),
        policy=_currency(plan),
        unknown=tuple(f"**{capital(gap_name(plan, gap.id))}**: {inert(gap.why)}" for gap in plan.assessment.gaps),
    )
    return draft_card(item, f"Not known: {named}{more}", detail, _gap_orders(plan))


def _currency(plan: Plan) -> tuple[str, ...]:
    policy = plan.guideline.policy
    return (
        f"A laboratory value counts as current for {policy.lab_current_days:g} days, PaO2/FiO2 for respiratory failure "
        f"for {policy.life_threatening_hours:g} hours, a clinical criterion for {policy.criterion_current_days:g} days",
    )


def _gap_orders(plan: Plan) -> tuple[Suggestion, ...]:
    found: dict[tuple[Kind, str], list[str]] = {}
    for gap in plan.assessment.gaps:
        for target in _targets(plan, gap):
            found.setdefault(target, []).append(gap_name(plan, gap.id))
    return tuple(
        alone(order(plan, kind, concept, f"Not known and needed: {', '.join(names)}"))
        for (kind, concept), names in found.items()
    )


def _targets(plan: Plan, gap: DataGap) -> tuple[tuple[Kind, str], ...]:
    if gap.id == "calcineurin-level":
        if plan.speaks("rec-2b"):
            return ()
        return tuple(("test", f"{agent}-level") for agent in running_cnis(plan.assessment.therapy, plan.guideline))
    return (_ORDERS[gap.id],) if gap.id in _ORDERS else ()
