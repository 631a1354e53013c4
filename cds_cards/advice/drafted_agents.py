"""rec-8, rec-9 and rec-10 at order entry: the draft of an agent that the guideline does not recommend here."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.advice.drafts import draft_lines, instead, names_of, removal, removals, unchecked_lines, unread_drafts
from cds_cards.advice.failing import add_on
from cds_cards.advice.initial import FIRST_OPTION, WITHOUT_CNI, with_cni, without_cni
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert
from cds_cards.offers import by_mark, expert_contact, infection_work_up, label, medication, screening, start
from cds_cards.orders.causes import not_recommended_drafts
from cds_cards.orders.entry import Drafted
from cds_cards.plan import Plan, PlanItem
from cds_cards.proposals import Suggestion
from cds_cards.standing import NEEDS_COMBINATION
from cds_cards.wording import (
    cautions,
    differs_lines,
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    infection_first,
    phase_policy,
    regimen_line,
    rule_lines,
    studies_of,
    unread_line,
)

_RUNNING_STANDS = "The running combination is the guideline's alternative; nothing has to be added to it for this draft"
_NOTHING_LEFT = "No alternative of the guideline is left that suits by what is on record: ask an expert centre"
_FAILING = ("refractory", "probable")


def drafted_agents(plan: Plan, item: PlanItem) -> Card:
    """Remove the draft, or put an alternative of the guideline in its place."""
    drafts = not_recommended_drafts(item.topic, plan.assessment, plan.guideline)
    names, infected = names_of(plan, drafts), plan.assessment.infection.status == "present"
    why = f"Not recommended in anti-MDA5 RPILD ({item.topic}, practice point of the panel)"
    chosen = () if infected else _alternatives(plan)
    removed = removals(plan, drafts, why)
    suggestions = (*removal(plan, drafts, why), *(instead(suggestion, removed) for _, suggestion in chosen))
    nothing = (_NOTHING_LEFT,) if _expected(plan) and not (chosen or infected) else ()
    if infected:
        suggestions = (*suggestions, *infection_work_up(plan))
    elif nothing or not suggestions:
        suggestions = (*suggestions, expert_contact(_NOTHING_LEFT))
    agents = [agent for started, _ in chosen for agent in started]
    detail = Detail(
        lead=f"{names} drafted: {_judged(plan, item)}; consider removing the draft",
        first=(*infection_first(plan), *nothing, *unread_line(plan), *unread_drafts(plan)),
        found=(*draft_lines(plan, drafts), regimen_line(plan), *_alternative_line(plan), *disease_lines(plan)),
        cautions=(*_in_pregnancy(plan, drafts), *cautions(plan, agents)),
        rule=rule_lines(plan, item.topic, *_rule_of_alternatives(plan)),
        evidence=evidence_lines(plan, studies_of(plan, item.topic, len(plan.guideline.studies))),
        differs=differs_lines(plan, item.topic),
        policy=(*_policy(plan, item, drafts), phase_policy(plan), *disease_policy(plan)),
        unknown=(*unchecked_lines(plan, drafts), *gap_lines(plan, "medications", "allergies")),
    )
    summary = f"{names} drafted: {_judged(plan, item)} ({item.topic})"
    # a removal, a work-up and a consultation do not exclude each other; alternatives do
    return draft_card(item, summary, detail, suggestions, "at-most-one" if chosen else "any")


def _judged(plan: Plan, item: PlanItem) -> str:
    if item.topic != "rec-8":
        return "not recommended in anti-MDA5 RPILD"
    if plan.assessment.therapy.phase == "induction":
        return "not recommended for induction in anti-MDA5 RPILD"
    return "not recommended in anti-MDA5 RPILD, above all not for induction"


def _expected(plan: Plan) -> bool:
    """Whether the guideline has something to put in this place, in the phase it speaks of."""
    return bool(_rule_of_alternatives(plan))


def _alternatives(plan: Plan) -> tuple[tuple[tuple[str, ...], Suggestion], ...]:
    """(agents started, suggestion): what the guideline puts in this place, in the phase it speaks of."""
    therapy = plan.assessment.therapy
    if therapy.phase != "induction":
        return ()
    if therapy.stage in NEEDS_COMBINATION:
        feasible = bool(plan.assessment.safety.cni_feasible)
        choices, why = (with_cni(plan), FIRST_OPTION) if feasible else (without_cni(plan), WITHOUT_CNI)
        return tuple((choice.start, start(plan, choice, why)) for choice in choices)
    if plan.assessment.refractoriness.status in _FAILING:
        why = "The response to the running combination is inadequate (rec-4)"
        return tuple(((agent,), _addition(plan, agent, why)) for agent in by_mark(plan, add_on(plan)))
    return ()


def _addition(plan: Plan, agent: str, why: str) -> Suggestion:
    return Suggestion(f"add {label(plan, agent)}", (medication(plan, agent, why), *screening(plan, (agent,))))


def _alternative_line(plan: Plan) -> tuple[str, ...]:
    therapy = plan.assessment.therapy
    kept = therapy.stage not in NEEDS_COMBINATION and therapy.stage != "unknown"
    failing = plan.assessment.refractoriness.status in _FAILING
    return (_RUNNING_STANDS,) if kept and not failing else ()


def _rule_of_alternatives(plan: Plan) -> tuple[str, ...]:
    therapy = plan.assessment.therapy
    if therapy.phase != "induction" or plan.assessment.infection.status == "present":
        return ()
    if therapy.stage in NEEDS_COMBINATION:
        return ("rec-2",) if plan.assessment.safety.cni_feasible else ("rec-3",)
    return ("rec-4",) if plan.assessment.refractoriness.status in _FAILING else ()


def _in_pregnancy(plan: Plan, drafts: tuple[Drafted, ...]) -> tuple[str, ...]:
    """The exclusion by pregnancy, where the draft carries one."""
    agents = plan.guideline.agents
    return tuple(
        f"{agents[draft.agent].name}: {inert(exclusion.why)}"
        for draft in drafts
        for exclusion in plan.assessment.safety.agents[draft.agent].exclusions
        if exclusion.kind == "pregnancy"
    )


def _policy(plan: Plan, item: PlanItem, drafts: tuple[Drafted, ...]) -> tuple[str, ...]:
    if item.topic == "rec-9" and {draft.agent for draft in drafts} - {"infliximab"}:
        return ("The guideline names infliximab; other anti-TNF agents are added here as the same class",)
    if item.topic == "rec-8":
        return ("When this card warns: in the induction phase; later it informs",)
    return ()
