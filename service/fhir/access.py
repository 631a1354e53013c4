"""What a fall-back to the caller's FHIR server may use, and how many run at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from cds_cards.guideline import Guideline
from service.errors import Unavailable
from service.fhir.servers import FhirServers
from service.outgoing.door import Outgoing
from service.prefetch import prefetch_templates
from service.settings import Settings

FALL_BACKS_AT_ONCE = 3
"""Per process, fewer than its threads: calls with full prefetch and the health routes never wait behind them."""
MEDICATION = "medication"
"""How fetches of referenced Medications are named beside the prefetch keys."""

Outcome = Literal["ok", "refused", "timeout", "unreachable", "too-large", "bad-answer"]


@dataclass(frozen=True, slots=True)
class FetchObservation:
    """One answer of a FHIR server, or the lack of it. `key`: a prefetch key or `medication`; retries included."""

    key: str
    outcome: Outcome
    seconds: float


Observe = Callable[[FetchObservation], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one fall-back: bytes of all its answers, JSON nesting, pages per key, Medications, requests at once."""

    max_bytes: int
    max_nesting: int
    pages: int = 50
    medications: int = 100
    at_once: int = 8


class FallbackSlots:
    """The bounded number of fall-backs under way in this process."""

    def __init__(self, number: int = FALL_BACKS_AT_ONCE) -> None:
        self._free = threading.BoundedSemaphore(number)

    @contextmanager
    def one(self, retry_after: float) -> Iterator[None]:
        """Holds a slot; Unavailable at once when all are taken. `retry_after` in seconds."""
        if not self._free.acquire(blocking=False):
            raise Unavailable("too many calls are waiting for FHIR servers", ceil(retry_after))
        try:
            yield
        finally:
            self._free.release()


def _unobserved(_: FetchObservation) -> None:
    """Nobody watches."""


def _untraced() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """What fall-backs share. `templates` are the FHIR queries by prefetch key.

    `traceparent` gives the header that ties a fetch to its call; it is asked in the thread of the call.
    """

    servers: FhirServers
    outgoing: Outgoing
    slots: FallbackSlots
    budget_seconds: float
    limits: Limits
    templates: Mapping[str, str]
    observe: Observe = _unobserved
    traceparent: Callable[[], str | None] = field(default=_untraced)


def fhir_access(
    settings: Settings,
    guideline: Guideline,
    observe: Observe = _unobserved,
    traceparent: Callable[[], str | None] = _untraced,
) -> FhirAccess:
    """The access that the settings allow. Opens no connection."""
    return FhirAccess(
        servers=FhirServers(settings.fhir_servers),
        outgoing=Outgoing(),
        slots=FallbackSlots(),
        budget_seconds=settings.fhir_budget_seconds,
        # a chart by pages and a chart by prefetch are of one size; retries and Medications come on top
        limits=Limits(max_bytes=2 * settings.max_body_bytes, max_nesting=settings.max_nesting),
        templates=prefetch_templates(guideline),
        observe=observe,
        traceparent=traceparent,
    )
