"""Safety at order entry: pregnancy and fertility, allergy, and agents that do not go together."""

from __future__ import annotations

from collections.abc import Sequence

from cds_cards.advice.drafting import draft_card
from cds_cards.advice.drafts import NO_GRADE, draft_lines, names_of, removal, unchecked_lines, unread_drafts
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert
from cds_cards.marks import BIOLOGIC_COMBINATION, EMBRYOPATHY, FERTILITY
from cds_cards.offers import alone, order
from cds_cards.orders.causes import allergic_drafts, fertility_drafts, interactions
from cds_cards.orders.entry import Drafted
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


def pregnancy_card(plan: Plan, item: PlanItem) -> Card:
    """Remove the draft in pregnancy; a test where a pregnancy is possible; for a man, the question."""
    drafts, safety = fertility_drafts(plan.assessment, plan.guideline), plan.assessment.safety
    names, policy = names_of(plan, drafts), plan.guideline.policy
    marks = _caution_lines(plan, [draft.agent for draft in drafts], (EMBRYOPATHY, FERTILITY))
    if safety.pregnant == "yes":
        lead, found = f"{names} drafted in pregnancy", safety.pregnant_why
        suggestions = removal(plan, drafts, f"Pregnancy on record: {safety.pregnant_why}")
    elif safety.childbearing:
        lead, found = f"{names} drafted: a pregnancy is possible", f"{safety.childbearing_why}; {safety.pregnant_why}"
        why = f"{names} drafted: a pregnancy is possible and no current negative test is on record"
        suggestions = (alone(order(plan, "test", "hcg", why)),) if safety.test_due else ()
    else:
        lead = f"{names} drafted for a man: ask about the wish for children before it"
        found, suggestions = f"a man below {policy.men_fertility_age:g} years, or of unknown age", ()
    detail = Detail(
        lead=lead,
        first=unread_drafts(plan),
        found=(inert(found), *draft_lines(plan, drafts), regimen_line(plan), *disease_lines(plan)),
        cautions=marks,
        rule=rule_lines(plan, *_rows(drafts)),
        evidence=evidence_lines(plan, ()),
        policy=(
            f"Childbearing potential: women of {policy.childbearing_age_min:g} to {policy.childbearing_age_max:g} "
            "years, unless sterilised or post-menopausal on record",
            f"A pregnancy status counts {policy.pregnancy_status_days:g} days, a negative test "
            f"{policy.pregnancy_test_days:g}; men are asked below {policy.men_fertility_age:g} years. Refusing in "
            "pregnancy goes beyond the marks of Table 1",
            *disease_policy(plan),
        ),
        unknown=(*unchecked_lines(plan, drafts), *gap_lines(plan, "age", "observations")),
    )
    return draft_card(item, lead, detail, suggestions)


def allergy_card(plan: Plan, item: PlanItem) -> Card:
    """Name the allergy; remove the draft where it is a critical one."""
    drafts = allergic_drafts(plan.assessment)
    critical = [draft for draft in drafts if any(entry.critical for entry in draft.allergies)]
    names = names_of(plan, drafts)
    entries = [entry for draft in drafts for entry in draft.allergies]
    texts = dict.fromkeys(inert(f"{entry.text}: {entry.evidence}") for entry in entries)
    detail = Detail(
        lead=f"{names} drafted: an allergy or intolerance is on record",
        first=unread_drafts(plan),
        found=(*texts, *draft_lines(plan, drafts), regimen_line(plan), *disease_lines(plan)),
        rule=(NO_GRADE,),
        evidence=evidence_lines(plan, ()),
        policy=(
            "Critical: an entry of type allergy, of high criticality, or with a severe reaction; any other warns",
            *disease_policy(plan),
        ),
        unknown=(*unchecked_lines(plan, drafts), *gap_lines(plan, "allergies")),
    )
    suggestions = removal(plan, critical, "An allergy to it is on record")
    return draft_card(item, f"{names} drafted: an allergy or intolerance is on record", detail, suggestions)


def interaction_card(plan: Plan, item: PlanItem) -> Card:
    """Name the agents that do not go together; which one to leave out is the prescriber's choice."""
    found = interactions(plan.assessment, plan.guideline)
    agents = [agent for each in found for agent in each.agents]
    drafts = tuple(draft for draft in plan.assessment.entry.selected if draft.agent in agents)
    marks = _caution_lines(plan, agents, (BIOLOGIC_COMBINATION,))
    names = plan.guideline.agents
    pairs = dict.fromkeys(" with ".join(names[agent].name for agent in each.agents) for each in found)
    detail = Detail(
        lead=f"To be given together: {', '.join(pairs)}. Review before signing",
        first=(*unread_line(plan), *unread_drafts(plan)),
        found=(
            *(inert(each.text) for each in found),
            *draft_lines(plan, drafts),
            regimen_line(plan),
            *disease_lines(plan),
        ),
        cautions=marks,
        rule=rule_lines(plan, "rec-4") if marks else (NO_GRADE,),
        evidence=evidence_lines(plan, ()),
        policy=(
            "Two calcineurin inhibitors together, and tofacitinib beside any biologic, are named; rituximab and "
            f"basiliximab count for {plan.guideline.policy.interval_rituximab_days} and "
            f"{plan.guideline.policy.interval_basiliximab_days} days after a dose",
            *disease_policy(plan),
        ),
        unknown=(*unchecked_lines(plan, drafts), *gap_lines(plan, "medications")),
    )
    return draft_card(item, f"Drafted together: {', '.join(pairs)}", detail)


def _caution_lines(plan: Plan, agents: Sequence[str], ids: tuple[str, ...]) -> tuple[str, ...]:
    """The marks of these agents, as they stand in the guideline."""
    lines = (
        f"{plan.guideline.agents[agent].name}: {caution.text.rstrip('.')} ({caution.source})"
        for agent in agents
        for caution in plan.guideline.agents[agent].cautions
        if caution.id in ids
    )
    return tuple(dict.fromkeys(lines))


def _rows(drafts: tuple[Drafted, ...]) -> tuple[str, ...]:
    """The recommendations whose rows of Table 1 carry the marks: cyclophosphamide rows 2 and 3, the others row 3."""
    return ("rec-2", "rec-3") if any(draft.agent == "cyclophosphamide" for draft in drafts) else ("rec-3",)
