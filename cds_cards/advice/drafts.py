"""What the cards of order entry share: the drafts named, their removal, and what of them was not checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cds_cards.markdown import inert
from cds_cards.orders.entry import Drafted, unchecked
from cds_cards.plan import Plan
from cds_cards.proposals import Action, Suggestion

NO_GRADE = "This is prescribing safety, not a recommendation of the guideline: it carries no grade"


def names_of(plan: Plan, drafts: Iterable[Drafted]) -> str:
    """`Azathioprine and methotrexate`, to begin a sentence with."""
    names = " and ".join(dict.fromkeys(plan.guideline.agents[draft.agent].name for draft in drafts))
    return names[:1].upper() + names[1:]


def draft_lines(plan: Plan, drafts: Iterable[Drafted]) -> tuple[str, ...]:
    """The drafts that the card is about; what was recognised by its text alone says so."""
    return tuple(
        f"Drafted: {plan.guideline.agents[draft.agent].name} ({inert(draft.source)})"
        + (", recognised by its text alone: low confidence" if draft.by_text else "")
        for draft in drafts
    )


def unread_drafts(plan: Plan) -> tuple[str, ...]:
    """The drafts that could not be read, which may hold what seems to be missing."""
    unread = plan.assessment.entry.unread
    named = inert("; ".join(unread))
    return (
        (f"Could not read among the drafts: {named}. What it orders is not counted; check it first",) if unread else ()
    )


def unchecked_lines(plan: Plan, drafts: Iterable[Drafted]) -> tuple[str, ...]:
    """Why a dose of these drafts was not checked."""
    return tuple(inert(unchecked(draft, plan.guideline)) for draft in drafts if draft.dose.status == "not-checked")


def removals(plan: Plan, drafts: Iterable[Drafted], why: str) -> tuple[Action, ...]:
    """One deletion for each draft that has an id of its own."""
    targets = {draft.target: draft for draft in drafts if draft.target}
    return tuple(_removal(plan, draft, why) for _, draft in sorted(targets.items()))


def _removal(plan: Plan, draft: Drafted, why: str) -> Action:
    agent = plan.guideline.agents[draft.agent]
    reported = " or ".join(regimen.text for regimen in agent.regimens)
    table = f" Table 2 reports {reported}." if reported else ""
    return Action("delete", f"Remove the draft of {agent.name} ({draft.target}). {why}.{table}", target=draft.target)


def removal(plan: Plan, drafts: Sequence[Drafted], why: str) -> tuple[Suggestion, ...]:
    """One suggestion that removes all of these drafts; none when no draft can be named."""
    actions = removals(plan, drafts, why)
    return (Suggestion(f"Remove the draft: {names_of(plan, drafts)}", actions),) if actions else ()


def instead(suggestion: Suggestion, removed: tuple[Action, ...]) -> Suggestion:
    """The alternative in the place of the drafts."""
    return replace(suggestion, label=f"Instead: {suggestion.label}", actions=(*removed, *suggestion.actions))
