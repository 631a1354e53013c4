"""Drafts of one agent that are each within the reported range and together are not (one drug in two strengths)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from cds_cards.dose_check import Circumstances, DoseCheck, check_dose
from cds_cards.guideline import Guideline
from cds_cards.record import Dose, DraftOrder


def above_together(
    checks: Mapping[DraftOrder, DoseCheck], circumstances: Circumstances, guideline: Guideline
) -> dict[DraftOrder, DoseCheck]:
    """The check of each draft whose agent is drafted more than once, when the sum of a day is above the bound.

    Only daily orders without an end are added up: those that follow each other (a taper) are not taken together. The
    same order drafted twice counts once.
    """
    found: dict[DraftOrder, DoseCheck] = {}
    for agent in {draft.order.agent for draft in checks}:
        group = [draft for draft in checks if draft.order.agent == agent and _adds_up(draft)]
        distinct = {(draft.order.dose, draft.order.label, draft.increment): draft for draft in group}
        if len(distinct) < 2 or len({draft.order.dose.basis for draft in group}) > 1:
            continue
        if any(checks[draft].status == "above" for draft in group):
            continue
        check = check_dose(_sum(tuple(distinct.values())), circumstances, guideline)
        if check.status == "above":
            why = f"{len(distinct)} drafts of it together: {check.why}"
            alone = check.not_lowered if check.lowered is None else ""
            found |= {draft: replace(check, why=why, lowered=None, not_lowered=alone) for draft in group}
    return found


def _adds_up(draft: DraftOrder) -> bool:
    order, dose = draft.order, draft.order.dose
    open_ended = order.end is None and dose.per_cycle is None and order.start in (None, order.authored)
    return open_ended and dose.daily is True and dose.per_day is not None and dose.unread is None


def _sum(drafts: tuple[DraftOrder, ...]) -> DraftOrder:
    """One order that brings in a day what all of them bring."""
    first = min(drafts, key=lambda draft: (draft.order.source, draft.order.label))
    day = math.fsum(draft.order.dose.per_day or 0.0 for draft in drafts)
    dose = Dose(per_day=day, per_week=day * 7, basis=first.order.dose.basis, daily=True, uniform=False)
    return replace(first, order=replace(first.order, dose=dose))
