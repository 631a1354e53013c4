"""What stands around an evaluation: who may call, and what is remembered of the call."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from service.audit import audit_row, silenced
from service.discovery import HookService
from service.parts import Parts
from service.security.caller import Caller
from service.security.gate import Gate, build_gate
from service.settings import Settings, SettingsError
from service.store import AuditLog, KeyedHash, Store, StoreLost, UsedTokens
from service.telemetry.metrics import Metrics
from service.variables import PREFIX
from service.wire import HookRequest

log = logging.getLogger(__name__)
Json = dict[str, object]
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Front:
    """The gate, the store with its audit and hashes, and the metrics of one process."""

    gate: Gate
    store: Store
    audit: AuditLog
    hashes: KeyedHash
    metrics: Metrics

    def answered(
        self,
        response: Json,
        request: HookRequest,
        service: HookService,
        caller: Caller,
        parts: Parts,
        started: float,
    ) -> Json:
        """Remembers an evaluation (`started` on the monotonic clock), and gives what the caller gets of it."""
        row = audit_row(response, request, service, caller, parts, self.hashes, started, time.monotonic())
        for card in row.cards:
            self.metrics.card(card.topic, card.indicator, row.mode)
        self.audit.record(row)
        return silenced(response) if parts.settings.mode == "silent" else response

    def close(self) -> None:
        """Writes what waits for the store; at the end of a process."""
        self.audit.close(_DRAIN_SECONDS)
        self.store.close()


def build_metrics(knowledge: str) -> Metrics:
    """The counters of this version with this knowledge."""
    return Metrics(version("mda5-cds"), knowledge)


def what_to_know(settings: Settings) -> Iterator[str]:
    """What an operator must not forget of these settings, one sentence each."""
    if settings.auth == "off":
        yield f"CALLERS ARE NOT IDENTIFIED ({PREFIX}AUTH=off): whoever reaches this service can send patients"
    if settings.mode == "silent":
        yield f"SILENT ({PREFIX}MODE=silent): calls are evaluated and recorded, no card is shown to anybody"
    if settings.topics_off:
        yield f"cards of these topics are switched off ({PREFIX}TOPICS_OFF): {', '.join(sorted(settings.topics_off))}"
    if settings.allow_as_of:
        yield f"callers may choose the date of an evaluation ({PREFIX}ALLOW_AS_OF=true): for tests only"
    if settings.sandbox:
        yield "SANDBOX (--sandbox): a page at / sends requests and shows what is stored; to try out, not for patients"


def build_front(parts: Parts, metrics: Metrics, processes: int) -> Front:
    """The front that the settings ask for; SettingsError when it cannot be built. A lost store is no reason not to."""
    settings = parts.settings
    for sentence in what_to_know(settings):
        log.warning("%s", sentence)
    store = _store(settings)
    gate = build_gate(
        settings,
        clock=parts.clock,
        tokens=UsedTokens(store),
        processes=processes,
        on_unshared=metrics.token_unshared,
        on_stale_keys=metrics.keys_stale,
    )
    hashes = _hashes(settings)
    try:
        store.migrate()
    except StoreLost as lost:
        log.warning("the store cannot be used yet: %s; cards are answered all the same", lost)
    return Front(gate, store, AuditLog(store, on_lost=metrics.audit_lost), hashes, metrics)


def _store(settings: Settings) -> Store:
    try:
        return Store(settings.database_url)
    except ValueError as error:
        raise SettingsError((f"{PREFIX}DATABASE_URL: {error}",)) from None


def _hashes(settings: Settings) -> KeyedHash:
    try:
        return KeyedHash.from_file(settings.hash_key_file)
    except ValueError as error:
        raise SettingsError((f"{PREFIX}HASH_KEY_FILE: {error}",)) from None
