"""The store: one database, its transactions, and whether it can be used."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4
from weakref import finalize

from sqlalchemy import Connection, Engine, Table, delete, event, insert, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError, InvalidRequestError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from service.store.forks import around_forks
from service.store.insert import Rows, append
from service.store.lost import StoreLost, why_lost
from service.store.migrate import bring_to_head
from service.store.patience import patience
from service.store.pulse import Pulse
from service.store.sqlite import BUSY_SECONDS, READING, SqliteFile, file_engine, memory_engine, sqlite_path
from service.store.tables import used_tokens

_POSTGRES = {"postgres", "postgresql", "postgresql+psycopg"}
_SQLITE = {"sqlite", "sqlite+pysqlite"}


class Store:
    """The database at a URL: `sqlite:///PATH`, `sqlite://` (memory, for tests) or `postgresql://…`.

    Nothing is opened before the first transaction, which also migrates. ValueError for any other URL. A process and
    those forked from it may go on using it.
    """

    def __init__(self, url: str) -> None:
        self._in_memory, self._make_engine = _database(url)
        self._pulse = Pulse(self._probe)
        self._start()
        around_forks(before=self._close_idle, in_child=self._start_over)

    def __repr__(self) -> str:
        return f"Store({self._engine.dialect.name})"  # its URL may hold a password

    @contextmanager
    def begin(self, *, reading: bool = False, seconds: float | None = None) -> Generator[Connection]:
        """A transaction, committed at the end and rolled back by any exception; the schema is up to date in it.

        `reading`: it only reads, and keeps nobody from writing. `seconds`: how long each statement may take, where it
        may take longer than in a call. Raises StoreLost when the database cannot be used; at once while it is known
        to be lost.
        """
        self._pulse.check()
        with self._transaction(reading, seconds) as connection:
            yield connection

    def append(self, rows: Mapping[Table, Rows]) -> int:
        """Inserts the rows that are not there yet, all or none; durable when it returns. Raises StoreLost.

        Gives how many rows of the last table were new.
        """
        self._pulse.check()
        with self._connected(reading=False) as connection:
            return append(connection, rows)

    def migrate(self) -> None:
        """Brings the schema up to date and shows that the database can be written. Raises StoreLost."""
        self._probe()

    @property
    def lost(self) -> bool:
        """Whether the last thing known of the database is that it cannot be used. Never waits."""
        return self._pulse.why is not None

    def state(self) -> Literal["ok", "lost"]:
        """Whether the database can be written; asks it now and then. Waits a quarter of a second, at first a second."""
        return "ok" if self._pulse.is_well() else "lost"

    def close(self) -> None:
        """Closes the connections; those in use when they are given back."""
        self._pulse.close()
        self._generation.over = True
        self._engine.dispose()

    @contextmanager
    def _transaction(self, reading: bool, seconds: float | None) -> Generator[Connection]:
        with self._connected(reading) as connection:
            connection.execution_options(**{READING: reading})
            with patience(connection, seconds), connection.begin():
                yield connection

    @contextmanager
    def _connected(self, reading: bool) -> Generator[Connection]:
        """A connection to the up-to-date schema; what becomes of its use is noted, and raised as StoreLost."""
        try:
            with self._turn(reading), self._connect() as connection:
                bring_to_head(connection)
                yield connection
        except StoreLost as lost:
            why = lost.why
        except (SQLAlchemyError, sqlite3.Error) as error:
            reason = why_lost(error)
            if reason is None:
                raise
            why = reason
        else:
            self._pulse.answered()
            return
        self._generation.number += 1
        self._pulse.lost(why)
        raise StoreLost(why) from None  # what lies behind it may hold data

    def _probe(self) -> None:
        """A transaction that writes: a full disk still lets one read."""
        with self._transaction(reading=False, seconds=None) as connection:
            row = {"digest": f"probe {uuid4()}", "expires_at": datetime.now(UTC)}
            connection.execute(insert(used_tokens), row)
            connection.execute(delete(used_tokens).where(used_tokens.c.digest == row["digest"]))

    def _connect(self) -> Connection:
        try:
            return self._engine.connect()
        except InvalidRequestError:  # the pool tried twice, and each time the database was lost meanwhile
            raise StoreLost("the database comes and goes") from None

    @contextmanager
    def _turn(self, reading: bool) -> Generator[None]:
        """SQLite has one writer at a time, and threads that take turns here need not ask for it again and again."""
        if not self._in_memory and (reading or self._engine.dialect.name != "sqlite"):
            yield
            return
        if not self._free.acquire(timeout=BUSY_SECONDS):
            raise StoreLost("another thread holds the database for too long")
        try:
            yield
        finally:
            self._free.release()

    def _start(self) -> None:
        self._free = threading.Lock()
        self._generation = _Generation()
        self._engine = self._make_engine()
        if not self._in_memory:
            event.listen(self._engine, "connect", self._generation.mark)
            event.listen(self._engine, "checkout", self._generation.check)
            event.listen(self._engine, "checkin", self._generation.close)
        self._dispose = finalize(self, self._engine.dispose)

    def _close_idle(self) -> None:
        # SQLite forbids to carry a connection over a fork, and PostgreSQL's end where two processes talk on one
        if not self._in_memory:
            self._engine.dispose()
            self._generation.number += 1  # those in use are closed when they are given back

    def _start_over(self) -> None:
        self._dispose.detach()
        self._start()


class _Generation:
    """Connections made before the database was last lost, or before a fork, are not used again; once it is `over`, none
    is."""

    def __init__(self) -> None:
        self.number = 0
        self.over = False

    def mark(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info["generation"] = self.number

    def check(self, connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        if entry.info["generation"] != self.number:
            raise DisconnectionError("the database was lost since")

    def close(self, connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        """What is given back after the end or a fork goes to a pool that nobody disposes of any more."""
        if connection is not None and (self.over or entry.info["generation"] != self.number):
            entry.invalidate()


def _database(url: str) -> tuple[bool, Callable[[], Engine]]:
    """Whether the database lives in memory, and how to make its engine; ValueError, which does not quote the URL."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the database URL cannot be read") from None
    if parts.drivername in _POSTGRES:
        from service.store.postgres import postgres_engine  # late: where SQLite is used its driver is not loaded

        return False, lambda: postgres_engine(parts)
    if parts.drivername not in _SQLITE:
        raise ValueError("the database must be sqlite:///PATH or postgresql://…")
    path = sqlite_path(parts)
    if path is None:
        return True, memory_engine
    file = SqliteFile(path)
    return False, lambda: file_engine(file)
