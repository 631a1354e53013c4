"""rec-8, rec-9 and rec-10: agents that the guideline does not recommend here. Review, never a command to stop."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.findings import recently_begun
from cds_cards.markdown import Detail, capital
from cds_cards.plan import Plan, PlanItem
from cds_cards.standing import NEEDS_COMBINATION, not_recommended
from cds_cards.wording import (
    differs_lines,
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    phase_policy,
    regimen_line,
    rule_lines,
    studies_of,
    unread_line,
)


def review_card(plan: Plan, item: PlanItem) -> Card:
    """The agents that run, and why they deserve a review with their prescriber."""
    running = not_recommended(item.topic, plan.guideline) & plan.assessment.therapy.running
    names = capital(" and ".join(plan.guideline.agents[name].name for name in sorted(running)))
    others = "infliximab" not in running and item.topic == "rec-9"
    detail = Detail(
        lead=f"{names}: review with its prescriber",
        first=unread_line(plan),
        found=(regimen_line(plan), *_place(plan, item), *disease_lines(plan)),
        rule=rule_lines(plan, item.topic),
        evidence=evidence_lines(plan, studies_of(plan, item.topic, len(plan.guideline.studies))),
        differs=differs_lines(plan, item.topic),
        policy=(
            *(("The guideline names infliximab; other anti-TNF agents are added here",) if others else ()),
            *_recency(plan, item),
            *disease_policy(plan),
        ),
        unknown=gap_lines(plan, "medications"),
    )
    induction = " for induction" if item.topic == "rec-8" else ""
    return draft_card(
        item, f"{names}: not recommended{induction} in anti-MDA5 RPILD; review with its prescriber", detail
    )


def _place(plan: Plan, item: PlanItem) -> tuple[str, ...]:
    if item.topic == "rec-8" and plan.assessment.therapy.stage in NEEDS_COMBINATION:
        return ("It stands in place of a combination",)
    if item.topic == "rec-8" and any(
        course.since is None for course in recently_begun("rec-8", plan.assessment, plan.guideline)
    ):
        return ("Its start is not known, so it may be recent",)
    return ()


def _recency(plan: Plan, item: PlanItem) -> tuple[str, ...]:
    if item.topic != "rec-8":
        return ()
    days = plan.guideline.policy.not_recommended_recent_days
    return (f"Shown when it stands in place of a combination or began at most {days:g} days ago", phase_policy(plan))
