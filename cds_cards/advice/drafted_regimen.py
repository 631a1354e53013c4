"""rec-3 at order entry: rituximab drafted on glucocorticoid and cyclophosphamide without a calcineurin inhibitor."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.advice.drafts import draft_lines, unchecked_lines, unread_drafts
from cds_cards.advice.initial import rec_3
from cds_cards.card import Card
from cds_cards.markdown import Detail
from cds_cards.marks import WITHOUT_CNI
from cds_cards.orders.causes import cautioned_rituximab
from cds_cards.plan import Plan, PlanItem
from cds_cards.wording import (
    cautions,
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


def drafted_without_cni(plan: Plan, item: PlanItem) -> Card:
    """Complete the regimen without a calcineurin inhibitor; or the caution about rituximab, which suggests nothing."""
    return _caution(plan, item) if item.variant == "caution" else rec_3(plan, item)


def _caution(plan: Plan, item: PlanItem) -> Card:
    drafts = cautioned_rituximab(plan.assessment, plan.guideline)
    marks = [
        f"{agent.name}: {caution.text.rstrip('.')} ({caution.source})"
        for agent in (plan.guideline.agents[draft.agent] for draft in drafts)
        for caution in agent.cautions
        if caution.id == WITHOUT_CNI
    ]
    others = cautions(plan, [draft.agent for draft in drafts])
    detail = Detail(
        lead="Rituximab on glucocorticoid and cyclophosphamide without a calcineurin inhibitor: with caution",
        first=(*unread_line(plan), *unread_drafts(plan)),
        found=(*draft_lines(plan, drafts), regimen_line(plan), *disease_lines(plan)),
        cautions=(*marks, *others),
        rule=rule_lines(plan, "rec-3"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-3", len(plan.guideline.studies))),
        differs=differs_lines(plan, "rec-3"),
        policy=(
            f"A dose of cyclophosphamide counts for {plan.guideline.policy.interval_cyclophosphamide_days} days",
            *disease_policy(plan),
        ),
        unknown=(*unchecked_lines(plan, drafts), *gap_lines(plan, "medications")),
    )
    summary = "Rituximab drafted on glucocorticoid + cyclophosphamide without a calcineurin inhibitor: caution (rec-3)"
    return draft_card(item, summary, detail)
