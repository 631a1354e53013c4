"""Rows for the tests of the store, and what the database holds."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, select

from service.store import AuditRow, FeedbackRow, ShownCard, Store, StoreLost

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FEEDBACK = FeedbackRow(
    received_at=NOON,
    client="https://ehr.example.org",
    service="mda5-rpild-patient-view",
    card="6f2b3a52-8f4e-4d0e-9a60-6d9d8f6c7a11",
    outcome="overridden",
    outcome_at=NOON - timedelta(minutes=1),
)
CARDS = (ShownCard("card-1", "rec-2", "warning"), ShownCard("card-2", "risk", "info"))


def audit_row(**changes: Any) -> AuditRow:
    """A call with two cards."""
    row = AuditRow(
        id=str(uuid.uuid4()),
        answered_at=NOON,
        service="mda5-rpild-patient-view",
        hook="patient-view",
        client="https://ehr.example.org",
        mode="live",
        milliseconds=12,
        knowledge_version="1",
        cards=CARDS,
    )
    return replace(row, **changes)


def count(store: Store, table: Table) -> int:
    """How many rows a table has."""
    with store.begin() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def lost(store: Store) -> str:
    """Why the store cannot be used."""
    import pytest  # late: the programs of the tests, which are many, need none

    with pytest.raises(StoreLost) as caught:
        store.migrate()
    return caught.value.why


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits for what happens in the background."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run(program: str, url: str) -> str:
    """What one of `programs` says, in a process of its own."""
    command = [sys.executable, "-m", "tests.unit.service.store.programs", program, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout
