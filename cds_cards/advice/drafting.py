"""From a topic's sentences to a card."""

from __future__ import annotations

from cds_cards.card import SUMMARY_LIMIT, Card, Selection
from cds_cards.markdown import Detail
from cds_cards.plan import PlanItem
from cds_cards.proposals import Suggestion
from cds_cards.reasons import override_reasons


def draft_card(
    item: PlanItem,
    summary: str,
    detail: Detail,
    suggestions: tuple[Suggestion, ...] = (),
    selection: Selection = "any",
) -> Card:
    """The card of one plan item; a summary that names too much is cut at a word."""
    return Card(
        topic=item.topic,
        summary=shortened(summary),
        indicator=item.indicator,
        detail=detail.markdown(),
        selection=selection if suggestions else None,
        suggestions=suggestions,
        override_reasons=override_reasons(item.topic),
    )


def shortened(summary: str) -> str:
    """One line within the limit of CDS Hooks; what is cut ends in an ellipsis."""
    line = " ".join(summary.split())
    if len(line) < SUMMARY_LIMIT:
        return line
    return line[: SUMMARY_LIMIT - 2].rsplit(" ", 1)[0].rstrip(",;:") + "…"
