"""The audit: each answered call, written in the background, so that a lost database delays no card."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from service.store.forks import around_forks
from service.store.lost import StoreLost
from service.store.store import Store
from service.store.tables import calls, shown_cards

log = logging.getLogger(__name__)

GROUP = 200
"""Rows written in one transaction at most."""
RETRY_SECONDS = 0.25
"""Between two tries to write; while the database is lost a try costs nothing."""
IDLE_SECONDS = 5.0
"""After so long without rows the writer ends; the next row starts another."""


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card of an answer."""

    uuid: str
    topic: str
    indicator: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One answered call. `id`: a uuid, which makes a second writing of the same row harmless.

    `answered_at` with its zone; `client` "" where callers are not identified; hashes by KeyedHash, None without a key.
    """

    id: str
    answered_at: datetime
    service: str
    hook: str
    client: str
    mode: Literal["live", "silent"]
    milliseconds: int
    knowledge_version: str
    patient_hash: str | None = None
    user_hash: str | None = None
    instance_hash: str | None = None
    cards: tuple[ShownCard, ...] = ()


def count_nothing(rows: int) -> None:
    """For those who do not count lost rows."""


class AuditLog:
    """Writes rows in order, in groups, by one thread for each process.

    At most `capacity` rows wait for the database; what comes on top is dropped, and `on_lost` is told how many.
    """

    def __init__(
        self,
        store: Store,
        capacity: int = 10_000,
        wait_seconds: float = 0.1,
        on_lost: Callable[[int], None] = count_nothing,
    ) -> None:
        self._store = store
        self._capacity = capacity
        self._wait_seconds = wait_seconds
        self._on_lost = on_lost
        self._start_over()
        around_forks(in_child=self._start_over)

    def _start_over(self) -> None:
        # rows that wait in the parent of a fork are written by the parent
        self._changed = threading.Condition()
        self._queue: deque[AuditRow] = deque()
        self._accepted = 0
        self._settled = 0
        self._writer: threading.Thread | None = None
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many rows are not written yet."""
        return len(self._queue)

    def record(self, row: AuditRow) -> None:
        """Takes the row and waits until it is durable, `wait_seconds` at most; not at all while the store is lost."""
        with self._changed:
            accepted = not self._closing and len(self._queue) < self._capacity
            if accepted:
                self._queue.append(row)
                self._accepted += 1
                self._wake_writer()
                self._wait_for(self._accepted)
        if not accepted:
            self._count_lost(1)

    def close(self, seconds: float) -> None:
        """Writes what waits, for `seconds` at most, and counts the rest as lost; rows recorded from now on are lost."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            writer = self._writer
        if writer is not None:
            writer.join(seconds)
        with self._changed:
            left = len(self._queue)
            self._queue.clear()
            self._settled = self._accepted
            self._changed.notify_all()
        if left:
            log.warning("%d rows of the audit are lost: the store did not take them before the end", left)
            self._count_lost(left)

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_all, name="audit", daemon=True)
            self._writer.start()
        self._changed.notify_all()

    def _wait_for(self, number: int) -> None:
        self._changed.wait_for(lambda: self._settled >= number or self._store.lost, self._wait_seconds)

    def _write_all(self) -> None:
        while rows := self._next_group():
            try:
                self._write(rows)
            except StoreLost:
                self._pause()
            except Exception as error:
                # its text may hold what the row holds
                log.error("unexpected %s while writing the audit", type(error).__name__)
                self._write_one_by_one(rows)
            else:
                self._settle(len(rows))

    def _next_group(self) -> Sequence[AuditRow]:
        """The rows to write next, which stay in the queue until they are written; empty: the writer's work is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing, IDLE_SECONDS)
            rows = tuple(islice(self._queue, GROUP))
            if not rows:
                self._writer = None
            return rows

    def _pause(self) -> None:
        with self._changed:
            self._changed.notify_all()  # nobody waits for a lost database
        time.sleep(RETRY_SECONDS)

    def _write_one_by_one(self, rows: Sequence[AuditRow]) -> None:
        """One row that cannot be written does not take the others with it."""
        for row in rows:
            try:
                self._write((row,))
            except StoreLost:
                return
            except Exception:
                self._count_lost(1)
            self._settle(1)

    def _settle(self, number: int) -> None:
        with self._changed:
            for _ in range(min(number, len(self._queue))):
                self._queue.popleft()
            self._settled += number
            self._changed.notify_all()

    def _count_lost(self, rows: int) -> None:
        try:
            self._on_lost(rows)
        except Exception as error:
            log.error("unexpected %s while counting lost audit rows", type(error).__name__)

    def _write(self, rows: Sequence[AuditRow]) -> None:
        cards = [_card_columns(row.id, card) for row in rows for card in row.cards]
        self._store.append({calls: [_call_columns(row) for row in rows], shown_cards: cards})


def _call_columns(row: AuditRow) -> Mapping[str, object]:
    return {
        "id": row.id,
        "answered_at": row.answered_at,
        "service": row.service,
        "hook": row.hook,
        "client": row.client,
        "mode": row.mode,
        "milliseconds": row.milliseconds,
        "knowledge_version": row.knowledge_version,
        "patient_hash": row.patient_hash,
        "user_hash": row.user_hash,
        "instance_hash": row.instance_hash,
        "card_count": len(row.cards),
    }


def _card_columns(call_id: str, card: ShownCard) -> Mapping[str, object]:
    return {"call_id": call_id, "uuid": card.uuid, "topic": card.topic, "indicator": card.indicator}
