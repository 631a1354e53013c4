"""The orders as they would stand if the drafts were signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from cds_cards.courses import is_therapy
from cds_cards.record import DraftOrder, MedicationOrder, PatientRecord
from cds_cards.timeline import instant

# a draft with one of these statuses gives nothing: it takes back, holds or ends
_NOT_GIVING = frozenset({"cancelled", "entered-in-error", "unknown", "stopped", "completed", "on-hold"})


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders that are therapy.

    `kept`: those on record that no draft replaces; `as_if_signed`: as they would stand; `drafts`: those that give
    a drug.
    """

    on_record: tuple[MedicationOrder, ...]
    kept: tuple[MedicationOrder, ...]
    as_if_signed: tuple[MedicationOrder, ...]
    drafts: tuple[MedicationOrder, ...]


def orders(record: PatientRecord, as_of: datetime) -> Orders:
    """Of record and drafts. A draft with the id of an order replaces it; every intent of a draft counts."""
    on_record = tuple(order for order in record.orders if is_therapy(order))
    if not record.drafts:
        return Orders(on_record, on_record, on_record, ())
    drafted = {draft.order.source for draft in record.drafts}
    replaced = {order.source for order in on_record if order.status == "active"} & drafted
    giving = tuple(draft.order for draft in record.drafts if gives(draft))
    kept = tuple(order for order in on_record if order.source not in replaced)
    continued = {(order.source, order.agent) for order in giving}
    ended = (
        _ended(order, as_of)
        for order in on_record
        if order.source in replaced and (order.source, order.agent) not in continued
    )
    return Orders(on_record, kept, (*kept, *ended, *_signed(giving, on_record, as_of)), giving)


def gives(draft: DraftOrder) -> bool:
    """Whether signing the draft would give the drug."""
    return not draft.order.prohibited and draft.order.status not in _NOT_GIVING


def _signed(
    drafts: tuple[MedicationOrder, ...], on_record: tuple[MedicationOrder, ...], as_of: datetime
) -> Iterator[MedicationOrder]:
    """The drafts as active orders from `as_of`; one that replaces an order of the same agent continues it."""
    running = {(order.source, order.agent): order for order in on_record if order.status == "active"}
    for draft in drafts:
        before = running.get((draft.source, draft.agent))
        start = before.start if before is not None else instant(as_of)
        if start is not None and start.start > as_of:
            start = instant(as_of)
        yield replace(draft, status="active", intent="order", start=start, authored=start, end=None)


def _ended(order: MedicationOrder, as_of: datetime) -> MedicationOrder:
    """A running order that a draft ends now."""
    over = order.end is not None and order.end.end < as_of
    return replace(order, status="stopped", end=order.end if over else instant(as_of))
