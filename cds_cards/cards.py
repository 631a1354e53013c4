"""The cards of a plan: one per topic, most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cds_cards.advice.drafted_agents import drafted_agents
from cds_cards.advice.drafted_dose import drafted_dose
from cds_cards.advice.drafted_monitoring import drafted_monitoring
from cds_cards.advice.drafted_regimen import drafted_without_cni
from cds_cards.advice.drafted_safety import allergy_card, interaction_card, pregnancy_card
from cds_cards.advice.failing import rec_4, rec_5
from cds_cards.advice.initial import rec_2, rec_3
from cds_cards.advice.monitoring import rec_2b
from cds_cards.advice.not_recommended import review_card
from cds_cards.advice.prognosis import risk_card
from cds_cards.advice.response import response_card
from cds_cards.advice.support import rec_6, rec_7
from cds_cards.advice.workup import diagnosis_card, gap_card
from cds_cards.card import Card, Indicator, Link, Reason, Selection, Topic
from cds_cards.plan import Plan, PlanItem
from cds_cards.proposals import Action, MedicationProposal, Reduce, ServiceProposal, Stop, Suggestion

__all__ = [
    "Action",
    "Card",
    "Indicator",
    "Link",
    "MedicationProposal",
    "Reason",
    "Reduce",
    "Selection",
    "ServiceProposal",
    "Stop",
    "Suggestion",
    "Topic",
    "compose_cards",
]

_Advice = Mapping[Topic, Callable[[Plan, PlanItem], Card]]
_ADVICE: _Advice = {
    "rec-2": rec_2,
    "rec-2b": rec_2b,
    "rec-3": rec_3,
    "rec-4": rec_4,
    "rec-5": rec_5,
    "rec-6": rec_6,
    "rec-7": rec_7,
    "rec-8": review_card,
    "rec-9": review_card,
    "rec-10": review_card,
    "risk": risk_card,
    "refractoriness": response_card,
    "diagnosis": diagnosis_card,
    "data-gap": gap_card,
}
_ORDER_ADVICE: _Advice = {
    "rec-2": rec_2,
    "rec-2b": drafted_monitoring,
    "rec-3": drafted_without_cni,
    "rec-8": drafted_agents,
    "rec-9": drafted_agents,
    "rec-10": drafted_agents,
    "dose": drafted_dose,
    "safety-pregnancy": pregnancy_card,
    "safety-allergy": allergy_card,
    "safety-interaction": interaction_card,
}


def compose_cards(plan: Plan) -> tuple[Card, ...]:
    """One card for each item of the plan, in its order. Raises ValueError when a card breaks a limit of CDS Hooks."""
    advice = _ADVICE if plan.trigger == "patient-view" else _ORDER_ADVICE
    return tuple(advice[item.topic](plan, item) for item in plan.items)
