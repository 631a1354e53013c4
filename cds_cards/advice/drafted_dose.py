"""`dose` at order entry: a drafted dose above the upper bound of Table 2."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.advice.drafts import draft_lines, names_of, unchecked_lines, unread_drafts
from cds_cards.card import Card
from cds_cards.dose_bounds import UNITS
from cds_cards.markdown import Detail, inert
from cds_cards.orders.causes import overdosed_drafts
from cds_cards.orders.entry import Drafted
from cds_cards.plan import Plan, PlanItem
from cds_cards.proposals import Action, Reduce, Suggestion
from cds_cards.series import figure
from cds_cards.wording import disease_lines, disease_policy, evidence_lines, gap_lines, regimen_line

# an agent that is excluded for these reasons alone is one that the prescriber has chosen and may keep
_CHOSEN = frozenset({"running", "drafted"})


def drafted_dose(plan: Plan, item: PlanItem) -> Card:
    """Name the amounts; lower the draft to the bound where a dose may be proposed."""
    drafts = overdosed_drafts(plan.assessment)
    names = names_of(plan, drafts)
    policy = plan.guideline.policy
    detail = Detail(
        lead=f"{names}: the drafted dose lies above the range reported in the literature",
        first=unread_drafts(plan),
        found=(
            *draft_lines(plan, drafts),
            *(f"{_name(plan, draft)}: {inert(draft.dose.why)}" for draft in drafts),
            *(line for draft in drafts for line in _not_lowered(plan, draft)),
            regimen_line(plan),
            *disease_lines(plan),
        ),
        rule=(
            *(f"Table 2, {_name(plan, draft)}: {'; or '.join(draft.dose.reported)}" for draft in drafts),
            "These are doses reported in the studies that the guideline reviews, for induction: no prescribing "
            "reference, and adjusted for nothing (kidney, interactions, age). The table carries no grade",
        ),
        evidence=evidence_lines(plan, ()),
        policy=(
            f"Only doses above the upper bound are named, with {policy.dose_tolerance_percent:g} % tolerance; a draft "
            "without a route is taken in Table 2's; body surface area by Mosteller",
            *disease_policy(plan),
        ),
        unknown=(*unchecked_lines(plan, plan.assessment.entry.selected), *gap_lines(plan, "weight", "height", "egfr")),
    )
    suggestions = tuple(_lower(plan, draft) for draft in drafts if _may_lower(plan, draft))
    return draft_card(item, f"{names}: drafted dose above the reported range (Table 2)", detail, suggestions)


def _lower(plan: Plan, draft: Drafted) -> Suggestion:
    name, unit = _name(plan, draft), UNITS[draft.dose.basis]
    assert draft.dose.lowered is not None  # noqa: S101  (_may_lower)
    amount = figure(draft.dose.lowered, unit)
    before = f" from {figure(draft.once, unit)}" if draft.once is not None else ""
    text = (
        f"Lower {name} ({draft.target}){before} to {amount} per administration, nothing else changed. Reported: "
        f"{'; or '.join(draft.dose.reported)}. {draft.dose.why}. The dose is the prescriber's decision."
    )
    change = Reduce(draft.target, draft.dose.lowered, draft.dose.basis)
    return Suggestion(
        f"Lower {name} to {amount} per administration", (Action("update", text, target=draft.target, change=change),)
    )


def _may_lower(plan: Plan, draft: Drafted) -> bool:
    return bool(draft.target) and draft.dose.lowered is not None and not _excluded(plan, draft)


def _excluded(plan: Plan, draft: Drafted) -> str:
    """Why no dose of the agent is proposed at all to this patient."""
    found = plan.assessment.safety.agents[draft.agent].exclusions
    return "; ".join(exclusion.why for exclusion in found if exclusion.kind not in _CHOSEN)


def _not_lowered(plan: Plan, draft: Drafted) -> tuple[str, ...]:
    reason = _excluded(plan, draft) or draft.dose.not_lowered
    return (f"No dose of {_name(plan, draft)} is proposed: {inert(reason)}",) if reason else ()


def _name(plan: Plan, draft: Drafted) -> str:
    return plan.guideline.agents[draft.agent].name
