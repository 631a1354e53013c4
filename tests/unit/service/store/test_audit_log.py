"""The audit is written in order and once, and delays nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.store import AuditLog, AuditRow, ShownCard, Store
from service.store.tables import calls, shown_cards
from tests.database import PostgresServer
from tests.unit.service.store.rows import CARDS, NOON, audit_row, count, until

LOCK = {"sqlite": "DELETE FROM calls", "postgresql": "LOCK TABLE calls IN EXCLUSIVE MODE"}
NOWHERE = "sqlite:////proc/no-such-folder/store.sqlite3"


class Losses(list[int]):
    """Counts lost rows."""

    def __call__(self, rows: int) -> None:
        self.append(rows)


@pytest.fixture
def losses() -> Losses:
    return Losses()


@pytest.fixture
def audit(store: Store, losses: Losses) -> Iterator[AuditLog]:
    """An audit that waits for its rows as long as it takes."""
    log = AuditLog(store, wait_seconds=30, on_lost=losses)
    yield log
    log.close(10)


def ids(store: Store) -> list[str]:
    with store.begin() as connection:
        return list(connection.execute(select(calls.c.id).order_by(calls.c.answered_at)).scalars())


def test_a_row_is_durable_when_it_is_recorded(audit: AuditLog, store: Store, losses: Losses) -> None:
    row = audit_row(patient_hash="p", user_hash="u", instance_hash="i", mode="silent")
    audit.record(row)
    with store.begin() as connection:
        call = connection.execute(select(calls)).mappings().one()
        cards = connection.execute(select(shown_cards).order_by(shown_cards.c.uuid)).all()
    names = [name for name in AuditRow.__slots__ if name != "cards"]
    assert dict(call) == {**{name: getattr(row, name) for name in names}, "card_count": 2}
    assert cards == [(row.id, card.uuid, card.topic, card.indicator) for card in CARDS]
    assert (audit.waiting, losses) == (0, [])


def test_a_row_that_is_written_again_is_there_once(audit: AuditLog, store: Store) -> None:
    row = audit_row()
    audit.record(row)
    audit.record(row)
    assert (count(store, calls), count(store, shown_cards)) == (1, 2)


def test_a_call_without_cards(audit: AuditLog, store: Store) -> None:
    audit.record(audit_row(cards=()))
    assert (count(store, calls), count(store, shown_cards)) == (1, 0)


def test_many_threads_record_at_once(audit: AuditLog, store: Store) -> None:
    threads = [threading.Thread(target=lambda: [audit.record(audit_row()) for _ in range(20)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (count(store, calls), audit.waiting) == (160, 0)


def test_a_row_that_cannot_be_written_is_lost_alone(audit: AuditLog, store: Store, losses: Losses) -> None:
    audit.record(audit_row(answered_at=NOON.replace(tzinfo=None)))
    audit.record(audit_row())
    assert (count(store, calls), losses, audit.waiting) == (1, [1], 0)


def test_counting_that_fails_reaches_nobody(store: Store) -> None:
    def fail(rows: int) -> None:
        raise ZeroDivisionError

    audit = AuditLog(store, on_lost=fail, capacity=0)
    audit.record(audit_row())
    audit.close(1)


def test_a_lost_store_delays_nobody_and_rows_over_the_capacity_are_counted(losses: Losses) -> None:
    store = Store(NOWHERE)
    assert store.state() == "lost"
    audit = AuditLog(store, capacity=3, wait_seconds=5, on_lost=losses)
    start = time.monotonic()
    for _ in range(5):
        audit.record(audit_row())
    assert time.monotonic() - start < 1
    assert (audit.waiting, losses) == (3, [1, 1])
    audit.close(0.1)
    store.close()
    assert (audit.waiting, losses) == (0, [1, 1, 3])


def test_a_loss_found_while_waiting_ends_the_wait(losses: Losses) -> None:
    store = Store(NOWHERE)
    audit = AuditLog(store, wait_seconds=30, on_lost=losses)
    start = time.monotonic()
    audit.record(audit_row())
    assert time.monotonic() - start < 5
    audit.close(0)
    store.close()


def test_rows_that_waited_are_written_in_order_when_the_store_is_back(
    postgres: PostgresServer, postgres_url: str, open_store: Callable[[str], Store], losses: Losses
) -> None:
    store = open_store(postgres_url)
    store.migrate()
    audit = AuditLog(store, on_lost=losses)
    postgres.stop()
    rows = [audit_row(answered_at=NOON + timedelta(seconds=number)) for number in range(500)]
    for row in rows:
        audit.record(row)
    assert audit.waiting == 500
    postgres.start()
    until(lambda: audit.waiting == 0)
    audit.close(1)
    assert (ids(store), losses) == ([row.id for row in rows], [])


def test_a_slow_store_delays_a_call_by_its_patience_only(store: Store) -> None:
    store.migrate()
    audit = AuditLog(store, wait_seconds=0.1)
    with store.begin() as connection:
        connection.exec_driver_sql(LOCK[connection.dialect.name])
        start = time.monotonic()
        audit.record(audit_row())
        waited = time.monotonic() - start
    assert 0.1 <= waited < 1
    audit.close(10)
    assert count(store, calls) == 1


def test_closing_writes_what_waits(store: Store, losses: Losses) -> None:
    audit = AuditLog(store, wait_seconds=0, on_lost=losses)
    for _ in range(50):
        audit.record(audit_row())
    audit.close(30)
    assert (count(store, calls), losses) == (50, [])


def test_after_closing_rows_are_lost_and_counted(store: Store, losses: Losses) -> None:
    audit = AuditLog(store, on_lost=losses)
    audit.close(1)
    audit.record(audit_row())
    assert losses == [1]


def test_an_idle_writer_ends_and_starts_again(audit: AuditLog, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.store.audit.IDLE_SECONDS", 0.01)
    others = set(threading.enumerate())
    audit.record(audit_row())
    until(lambda: not any(thread.name == "audit" for thread in set(threading.enumerate()) - others))
    audit.record(audit_row())
    assert count(store, calls) == 2


def test_cards_of_two_calls_may_have_one_uuid(audit: AuditLog, store: Store) -> None:
    card = ShownCard("same", "risk", "info")
    for row in (audit_row(cards=(card,)), replace(audit_row(), cards=(card, card))):
        audit.record(row)
    assert count(store, shown_cards) == 2
