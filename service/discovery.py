"""The three CDS services, and what `GET /cds-services` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cds_cards.guideline import Guideline
from service.prefetch import REQUIRED_KEYS, prefetch_templates

SPECIFICATION_VERSION = "3.0.0"
HOOK_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class HookService:
    """A CDS service: its id in the URL, the one hook it answers, and what discovery says of it."""

    id: str
    hook: str
    title: str
    description: str


_SERVICES = (
    HookService(
        id="mda5-rpild-patient-view",
        hook="patient-view",
        title="Anti-MDA5 dermatomyositis with rapidly progressive ILD: assessment",
        description=(
            "Reads the record of an adult with anti-MDA5 dermatomyositis and rapidly progressive interstitial lung "
            "disease, classifies risk and refractoriness, and shows which recommendations of the published guideline "
            "apply, and why. Silent for everyone else."
        ),
    ),
    HookService(
        id="mda5-rpild-order-select",
        hook="order-select",
        title="Anti-MDA5 dermatomyositis with rapidly progressive ILD: orders being chosen",
        description=(
            "Says what the selected draft orders would change for an adult with anti-MDA5 dermatomyositis and rapidly "
            "progressive interstitial lung disease. Silent for everyone else and for unrelated orders."
        ),
    ),
    HookService(
        id="mda5-rpild-order-sign",
        hook="order-sign",
        title="Anti-MDA5 dermatomyositis with rapidly progressive ILD: orders being signed",
        description=(
            "Says what the draft orders would change for an adult with anti-MDA5 dermatomyositis and rapidly "
            "progressive interstitial lung disease. Silent for everyone else and for unrelated orders."
        ),
    ),
)
SERVICES: Mapping[str, HookService] = {service.id: service for service in _SERVICES}
SERVICE_OF_HOOK: Mapping[str, HookService] = {service.hook: service for service in _SERVICES}

_USAGE = (
    f"The prefetch keys {', '.join(REQUIRED_KEYS)} are required; without the others what depends on them is unknown. "
    "A null value means that the search found nothing."
)


def discovery(guideline: Guideline) -> dict[str, object]:
    """The body of the discovery answer."""
    templates = prefetch_templates(guideline)
    return {
        "services": [
            {
                "hook": service.hook,
                "id": service.id,
                "title": service.title,
                "description": service.description,
                "usageRequirements": _USAGE,
                "version": SPECIFICATION_VERSION,
                "hookVersion": HOOK_VERSION,
                "prefetch": templates,
            }
            for service in _SERVICES
        ]
    }
