"""What the audit keeps of an answered call; and what a silent service answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from service.discovery import HookService
from service.parts import Parts
from service.security.caller import Caller
from service.store import AuditRow, KeyedHash, ShownCard
from service.wire import HookRequest

_SEPARATOR = "\x1f"


def audit_row(
    response: Mapping[str, Any],
    request: HookRequest,
    service: HookService,
    caller: Caller,
    parts: Parts,
    hashes: KeyedHash,
    started: float,
    finished: float,
) -> AuditRow:
    """The audit of one call from the response as composed, before a silent service takes its cards away.

    `started` and `finished` in seconds of one clock. Patient, user and hook instance as keyed hashes; each hash takes
    the client in, as two EHRs may give one id to two people.
    """

    def hashed(kind: str, text: str) -> str | None:
        return hashes.of(_SEPARATOR.join((kind, caller.client, text)))

    return AuditRow(
        id=str(uuid4()),
        answered_at=parts.clock(),
        service=service.id,
        hook=service.hook,
        client=caller.client,
        mode=parts.settings.mode,
        milliseconds=max(0, round((finished - started) * 1000)),
        knowledge_version=parts.guideline.knowledge_version,
        patient_hash=hashed("patient", request.patient_id),
        user_hash=hashed("user", request.user_id),
        instance_hash=hashed("instance", request.hook_instance),
        cards=tuple(_shown(card) for card in response["cards"]),
    )


def _shown(card: Mapping[str, Any]) -> ShownCard:
    return ShownCard(uuid=card["uuid"], topic=card["source"]["topic"]["code"], indicator=card["indicator"])


def silenced(response: Mapping[str, object]) -> dict[str, object]:
    """The response of a silent service: evaluated, and no cards."""
    return {**response, "cards": []}
