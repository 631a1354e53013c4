"""rec-2b at order entry: a calcineurin inhibitor is drafted and no blood level is ordered or planned."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.advice.drafts import draft_lines, names_of, unchecked_lines, unread_drafts
from cds_cards.advice.monitoring import level_policy
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert
from cds_cards.offers import alone, order
from cds_cards.orders.causes import unmonitored_drafts
from cds_cards.plan import Plan, PlanItem
from cds_cards.wording import (
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    regimen_line,
    rule_lines,
    unread_line,
)


def drafted_monitoring(plan: Plan, item: PlanItem) -> Card:
    """Order the level with the drug."""
    drafts = unmonitored_drafts(plan.assessment, plan.guideline)
    names, agents = names_of(plan, drafts), tuple(dict.fromkeys(draft.agent for draft in drafts))
    lead = f"{names} drafted: order a blood level as well"
    known = [level for level in plan.assessment.levels if level.agent in agents]
    barriers = plan.assessment.safety.cni_reasons
    detail = Detail(
        lead=lead,
        first=(*unread_line(plan), *unread_drafts(plan)),
        found=(
            *draft_lines(plan, drafts),
            "No open order of its level is on record or among the drafts",
            *(inert(level.judged_why) for level in known),
            regimen_line(plan),
            *disease_lines(plan),
        ),
        cautions=tuple(
            f"{plan.guideline.agents[agent].name}: {inert(barriers[agent])}" for agent in agents if agent in barriers
        ),
        rule=rule_lines(plan, "rec-2b"),
        evidence=evidence_lines(plan, ()),
        differs=("The superseded draft prints other targets; the final text decides",),
        policy=(*level_policy(plan, frozenset(agents)), *disease_policy(plan)),
        unknown=(*_orders_unknown(plan), *unchecked_lines(plan, drafts), *gap_lines(plan, "egfr", "medications")),
    )
    why = "Blood levels guide the dose and limit toxicity (rec-2b)"
    levels = tuple(alone(order(plan, "test", f"{agent}-level", why)) for agent in agents)
    return draft_card(item, f"{lead} (rec-2b)", detail, levels)


def _orders_unknown(plan: Plan) -> tuple[str, ...]:
    if plan.assessment.entry.services_known:
        return ()
    return ("The service requests on record are not known in full: a level may be ordered already",)
