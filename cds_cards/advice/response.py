"""`refractoriness`: the response is in doubt, cannot be assessed, worsens early, or the disease may be back."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert
from cds_cards.offers import alone, ask, expert_contact, order
from cds_cards.plan import Plan, PlanItem
from cds_cards.proposals import Suggestion
from cds_cards.wording import (
    criteria_count,
    criteria_lines,
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    imitation_reminders,
    infection_first,
    phase_policy,
    regimen_line,
    rule_lines,
    unread_line,
)

_NO_DEFINITION = (
    "There is no single definition; one cited study (Kurasawa 2018) asked for all five criteria at least one week "
    "after triple therapy was instituted"
)
_RELAPSE_RULE = (
    "Ferritin runs in parallel with activity, and a rising anti-MDA5 titre is a marker of relapse; the guideline gives "
    "no cut-off and no grade for this",
)


def response_card(plan: Plan, item: PlanItem) -> Card:
    """What to look at now; no drug."""
    summary, lead = _words(plan, item)
    relapse = item.variant == "relapse"
    response = plan.assessment.refractoriness
    signs = plan.assessment.relapse_signs if relapse else response.worsening if item.variant == "early" else ()
    criteria = () if relapse else criteria_lines(plan)
    detail = Detail(
        lead=lead,
        first=(*infection_first(plan), *unread_line(plan), *imitation_reminders(plan)),
        found=(
            *(inert(sign) for sign in signs),
            f"Response: {inert(response.why)}",
            *criteria,
            regimen_line(plan),
            *disease_lines(plan),
        ),
        rule=_RELAPSE_RULE if relapse else (_NO_DEFINITION, *rule_lines(plan, "rec-4")),
        evidence=evidence_lines(plan, ()),
        policy=(*_policy(plan, item), phase_policy(plan), *disease_policy(plan)),
        unknown=gap_lines(plan),
    )
    return draft_card(item, summary, detail, _suggestions(plan))


def _words(plan: Plan, item: PlanItem) -> tuple[str, str]:
    """Summary and first line."""
    if item.variant == "early":
        first = plan.guideline.policy.assess_from_day
        return (
            f"Worsening before day {first}; the guideline does not say to wait",
            f"Worsening before day {first} of the last step of therapy: the guideline does not say to wait; "
            "look for the cause now",
        )
    if item.variant == "relapse":
        return (
            "Possible relapse in maintenance: an activity marker is raised",
            "Possible relapse: look at the lungs, and for other causes of the raised marker",
        )
    return _unsettled(plan)


def _unsettled(plan: Plan) -> tuple[str, str]:
    """Summary and first line where the response is in doubt or cannot be assessed."""
    if plan.assessment.refractoriness.status == "possible":
        return (
            f"Response in doubt ({criteria_count(plan)}): reassess now",
            f"The response is in doubt by site policy ({criteria_count(plan)}): complete the picture",
        )
    days, until = plan.assessment.therapy.days_assessed, plan.guideline.policy.assess_until_day
    if days is not None and days[0] > until:
        return (
            f"Past day {until} of the last step of therapy: worsening now would be a relapse; reassess",
            f"After day {until} a missing response is no longer judged; worsening now would be a relapse",
        )
    return (
        "The response to the combination cannot be assessed: what decides is not known",
        "Whether the combination works cannot be told from the data at hand: obtain what is missing",
    )


def _suggestions(plan: Plan) -> tuple[Suggestion, ...]:
    why = "To judge the response to the combination"
    infection = "Infection imitates a failing treatment"
    return (
        alone(order(plan, "test", "pao2", why)),
        alone(order(plan, "test", "ferritin", why)),
        alone(order(plan, "service", "hrct", why)),
        alone(ask("infection-work-up", "Infection work-up with cultures, Pneumocystis and viral tests", infection)),
        expert_contact(why),
    )


def _policy(plan: Plan, item: PlanItem) -> tuple[str, ...]:
    policy = plan.guideline.policy
    if item.variant == "relapse":
        return (
            f"Signs of a relapse: current {plan.guideline.risk_factors['ferritin-over-500'].label}, or the titre times "
            f"{policy.titre_rise_factor:g} within one assay",
        )
    clock = (
        f"The clock: from day {policy.assess_from_day} to day {policy.assess_until_day} of the last step of therapy; "
        "later worsening is called relapse"
    )
    if item.variant == "early":
        return (
            clock,
            f"A fall of PaO2/FiO2 of {policy.pf_fall_percent:g} %, new hypoxaemia or a clinical criterion counts as "
            "worsening before that",
        )
    return (clock, "The statuses by fewer than five criteria, and their use outside triple therapy")
