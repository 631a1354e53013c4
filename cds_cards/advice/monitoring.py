"""rec-2b: calcineurin inhibitor levels."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.criteria import Verdict
from cds_cards.levels import CniLevel
from cds_cards.markdown import Detail, capital, inert
from cds_cards.offers import alone, order
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

_OFF = ("above", "below")


def rec_2b(plan: Plan, item: PlanItem) -> Card:
    """Measure the level, or look at one off its range."""
    levels = tuple(level for level in plan.assessment.levels if _speaks(plan, level))
    above = [level for level in levels if level.judged == "above"]
    names = capital(" and ".join(plan.guideline.agents[level.agent].name for level in above or levels))
    if above:
        lead = f"{names}: level above the range; check dose, interactions and kidney function"
    elif any(level.judged == "below" for level in levels):
        lead = f"{names}: level below the range; check intake and dose"
    else:
        lead = f"{names}: a blood level is due"
    why = "Blood levels guide the dose and limit toxicity (rec-2b)"
    detail = Detail(
        lead=lead,
        first=unread_line(plan),
        found=(*(line for level in levels for line in _found(level)), regimen_line(plan), *disease_lines(plan)),
        rule=rule_lines(plan, "rec-2b"),
        evidence=evidence_lines(plan, ()),
        differs=("The superseded draft prints other targets; the final text decides",),
        policy=(*level_policy(plan, frozenset(level.agent for level in levels)), *disease_policy(plan)),
        unknown=gap_lines(plan, "calcineurin-level", "observations", "medications"),
    )
    orders = tuple(alone(order(plan, "test", f"{level.agent}-level", why)) for level in levels)
    return draft_card(item, f"{lead} (rec-2b)", detail, orders)


def _speaks(plan: Plan, level: CniLevel) -> bool:
    if plan.assessment.therapy.phase == "maintenance":
        return level.judged == "above"
    return level.judged in _OFF or level.due is not Verdict.NOT_MET


def _found(level: CniLevel) -> tuple[str, ...]:
    due = () if level.due is Verdict.NOT_MET else (inert(level.due_why),)
    return (*due, inert(level.judged_why), *(inert(text) for text in level.shown))


def level_policy(plan: Plan, agents: frozenset[str]) -> tuple[str, ...]:
    """The site's rules on levels of these calcineurin inhibitors."""
    policy = plan.guideline.policy
    lines = [
        f"Due: one older than {policy.level_early_days:g} days in the first {policy.level_early_until_day} days of the "
        f"drug, then {policy.level_late_days:g}; none before its day {policy.level_first_day}"
    ]
    if "tacrolimus" in agents:
        lines.append(
            f"Tacrolimus, whole blood, trough or untimed: above {policy.tacrolimus_level_high:g} ng/mL always, below "
            f"{policy.tacrolimus_level_low:g} in induction only"
        )
    if "cyclosporine" in agents:
        lines.append("Cyclosporine is judged by its 2-hour level only; others are shown")
    return tuple(lines)
