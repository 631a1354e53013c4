"""A SQLite database: one file for the processes of one machine, or the memory of one process (for tests)."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool, StaticPool

from service.store.lost import StoreLost

BUSY_SECONDS = 2.0
"""How long a transaction waits for the one that writes."""
READING = "mda5_cds_reading"
"""Execution option of a connection: its transactions only read, and keep nobody from writing."""

_SETUP = ("PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")


def memory_engine() -> Engine:
    """A database that is gone with its one connection; its users take turns."""
    engine = create_engine("sqlite://", creator=_connect_memory, poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    return engine


def file_engine(file: SqliteFile) -> Engine:
    """The database in a file; a connection is used only as long as the file at its path is the one it opened."""
    engine = create_engine(
        "sqlite://",
        creator=file.open,
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=8,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine, "connect", file.remember)
    event.listen(engine, "checkout", file.check_unmoved)
    event.listen(engine, "begin", _begin)
    return engine


class SqliteFile:
    """The path of a database, and how to open what is there."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._opened_once = False

    def open(self) -> sqlite3.Connection:
        """A connection; makes the file (0600) where there is none, and at first its folder (0700). StoreLost."""
        try:
            self._make_folder()
            with _alone_in(self._path.parent):
                self._make_file()
                connection = _connect(str(self._path))
        except OSError as error:
            raise StoreLost(f"the database file cannot be opened: {error.strerror}") from None
        self._opened_once = True
        return connection

    def remember(self, connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        """Notes which file a new connection belongs to."""
        entry.info["file"] = self._identity()

    def check_unmoved(
        self, connection: DBAPIConnection, entry: ConnectionPoolEntry, proxy: PoolProxiedConnection
    ) -> None:
        """Makes the pool open the file anew when the one at the path is another, or gone."""
        if entry.info["file"] != self._identity():
            raise DisconnectionError("the database file was replaced")

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _make_folder(self) -> None:
        # A folder that was there and is gone is a disk that is not mounted: what were written into a new one
        # would be hidden when the disk comes back.
        if not self._opened_once:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _make_file(self) -> None:
        # never opened and closed here when it exists: that would drop the locks of SQLite's own connections
        if self._path.exists():
            return
        for suffix in ("-wal", "-shm"):  # of a file that was deleted: they do not belong to the new one
            with suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").unlink()
        os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Only one process makes the file and turns it into WAL mode, for which SQLite itself does not wait."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    until = time.monotonic() + BUSY_SECONDS
    try:
        while not _locked(handle):
            if time.monotonic() > until:
                raise StoreLost("another process holds the database's folder for too long")
            time.sleep(0.01)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Connection(sqlite3.Connection):
    """Closes itself when it is forgotten: a store that nobody closed may end at any moment of the collector's."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # one that could not be opened at all
            self.close()


def _connect(database: str) -> sqlite3.Connection:
    # no isolation level: `_begin` starts the transactions, not the driver at the first write
    connection = sqlite3.connect(
        database, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=_Connection
    )
    try:
        # only a change needs the whole file for itself
        if connection.execute("PRAGMA journal_mode").fetchone() == ("delete",):
            connection.execute("PRAGMA journal_mode=WAL")
        for statement in _SETUP:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_memory() -> sqlite3.Connection:
    return _connect(":memory:")


def _begin(connection: Connection) -> None:
    # a transaction that reads first and writes later would fail where another wrote in between
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def sqlite_path(url: URL) -> Path | None:
    """The file that an SQLite URL names; None for memory. ValueError for one with options."""
    if url.query or url.host:
        raise ValueError("an SQLite URL is sqlite:///PATH, without options")
    return None if url.database in (None, "", ":memory:") else Path(url.database)
