"""Which of the recorded conditions count, and how firmly."""

from __future__ import annotations

from cds_cards.record import Diagnosis

ACTIVE = frozenset({"active", "recurrence", "relapse"})
"""Clinical statuses that mean *active*; a condition without one counts as active."""


def counts(diagnosis: Diagnosis) -> bool:
    """Confirmed, unqualified or provisional: refuted, entered-in-error, differential and unconfirmed never count."""
    return diagnosis.verification in (None, "confirmed", "provisional")


def confirmed(diagnosis: Diagnosis) -> bool:
    """Confirmed or unqualified."""
    return diagnosis.verification in (None, "confirmed")


def active(diagnosis: Diagnosis) -> bool:
    """Active, recurring or relapsing, or without a clinical status."""
    return diagnosis.clinical is None or diagnosis.clinical in ACTIVE
