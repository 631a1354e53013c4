"""The cards of a plan: one per topic, most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from cds_cards.proposals import Action, MedicationProposal, ServiceProposal, Stop, Suggestion

__all__ = [
    "Action",
    "Card",
    "Indicator",
    "Link",
    "MedicationProposal",
    "Reason",
    "Selection",
    "ServiceProposal",
    "Stop",
    "Suggestion",
    "Topic",
    "compose_cards",
]

_ADVICE: Mapping[Topic, Callable[[Plan, PlanItem], Card]] = {
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


def compose_cards(plan: Plan) -> tuple[Card, ...]:
    """One card for each item of the plan, in its order. Raises ValueError when a card breaks a limit of CDS Hooks."""
    return tuple(_ADVICE[item.topic](plan, item) for item in plan.items)
