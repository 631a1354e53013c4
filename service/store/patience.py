"""More time for what takes longer than a call may: migrations and reports."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection

from service.store.sqlite import BUSY_SECONDS


@contextmanager
def patience(connection: Connection, seconds: float | None) -> Generator[None]:
    """Each statement of the transactions within, and each wait for a lock, may take `seconds`; None: as usual."""
    if seconds is None:
        yield
        return
    _allow(connection, seconds)
    try:
        yield
    finally:
        if not connection.invalidated:
            _allow(connection, None)


def _allow(connection: Connection, seconds: float | None) -> None:
    driver = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        from service.store.postgres import allow  # late: where SQLite is used its driver is not loaded

        allow(connection, seconds)
    elif driver is not None:
        driver.execute(f"PRAGMA busy_timeout = {int((seconds or BUSY_SECONDS) * 1000)}")
