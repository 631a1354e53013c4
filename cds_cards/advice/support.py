"""rec-6 and rec-7: ECMO as a bridge, and early referral for transplantation."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.criteria import Verdict
from cds_cards.markdown import Detail, inert
from cds_cards.offers import alone, ask, order
from cds_cards.plan import Plan, PlanItem
from cds_cards.wording import (
    differs_lines,
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    regimen_line,
    rule_lines,
    studies_of,
    unread_line,
)


def rec_6(plan: Plan, item: PlanItem) -> Card:
    """Life-threatening respiratory failure: contact a centre now; ECMO is always a bridge."""
    assessment, policy = plan.assessment, plan.guideline.policy
    why = (
        "Life-threatening respiratory failure; veno-venous ECMO is a bridge, to response or to transplantation (rec-6)"
    )
    detail = Detail(
        lead="Contact an ECMO and lung transplant centre now",
        first=(*_named_infection(plan), *unread_line(plan)),
        found=(
            f"Respiratory failure: {inert(assessment.respiratory_failure.because)}",
            f"ECMO: {inert(assessment.transplant.ecmo_why)}" if assessment.transplant.ecmo_why else "",
            regimen_line(plan),
            *disease_lines(plan),
        ),
        rule=rule_lines(plan, "rec-6"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-6", 1)),
        differs=differs_lines(plan, "rec-6"),
        policy=(
            f"Life-threatening: the newest arterial PaO2/FiO2, at most {policy.life_threatening_hours:g} hours old, "
            f"below {policy.life_threatening_pf:g} mmHg, or invasive ventilation. This asks for contact earlier than "
            "the guideline, which speaks of refractory failure",
            *disease_policy(plan),
        ),
        unknown=gap_lines(plan, "procedures", "observations", "medications"),
    )
    contact = alone(ask("ecmo-transplant-centre", "Urgent contact with an ECMO and lung transplant centre", why))
    return draft_card(
        item, "Life-threatening respiratory failure: contact an ECMO and transplant centre now", detail, (contact,)
    )


def rec_7(plan: Plan, item: PlanItem) -> Card:
    """Refer early for transplant evaluation: every anti-MDA5 ILD, at its diagnosis."""
    assessment, policy = plan.assessment, plan.guideline.policy
    age = assessment.population.age
    years = f"{age[0]}" if age and age[0] == age[1] else f"{age[0]} to {age[1]}" if age else "not known"
    not_seen = assessment.transplant.addressed is Verdict.UNKNOWN
    why = "Anti-MDA5-positive ILD: early referral, at the time the lung disease is diagnosed (rec-7)"
    urgent = assessment.refractoriness.status in ("refractory", "probable") or assessment.transplant.ecmo_running
    detail = Detail(
        lead="Refer for lung transplant evaluation: early, not as a last step",
        found=(
            *disease_lines(plan),
            f"Age {years} years" if age else "Age not known",
            f"Referral: {inert(assessment.transplant.addressed_why)}",
            *((f"Why urgent: {inert(_urgency(plan))}",) if urgent else ()),
        ),
        rule=rule_lines(plan, "rec-7"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-7", 1)),
        differs=differs_lines(plan, "rec-7"),
        policy=(
            f"Silent above {policy.transplant_age_max:g} years, and once a referral, an evaluation or a refusal is on "
            "record",
            *disease_policy(plan),
        ),
        unknown=(
            *(("Whether a referral or an evaluation exists already is not known in full",) if not_seen else ()),
            *gap_lines(plan, "age", "referrals", "procedures"),
        ),
    )
    summary = (
        "Anti-MDA5-positive ILD; whether a transplant referral exists is not known: refer early (rec-7)"
        if not_seen
        else "Anti-MDA5-positive ILD without a transplant referral on record: refer early (rec-7)"
    )
    return draft_card(item, summary, detail, (alone(order(plan, "service", "transplant-referral", why)),))


def _urgency(plan: Plan) -> str:
    if plan.assessment.transplant.ecmo_running:
        return plan.assessment.transplant.ecmo_why
    return plan.assessment.refractoriness.why


def _named_infection(plan: Plan) -> tuple[str, ...]:
    infection = plan.assessment.infection
    return (f"**Infection on record**: {inert(infection.because)}",) if infection.status == "present" else ()
