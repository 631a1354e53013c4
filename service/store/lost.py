"""When the database is lost, and why, in words that hold no data."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import OperationalError as WrappedOperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

MISSING_TABLE = "the database lacks tables of this service"

# longest match wins; what is not here is a mistake of this program and stays visible
_SQLITE: Mapping[str, str] = {
    "SQLITE_BUSY": "another process holds the database for too long",
    "SQLITE_LOCKED": "another process holds the database for too long",
    "SQLITE_PROTOCOL": "another process holds the database for too long",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the database file may not be written",
    "SQLITE_PERM": "the database file may not be opened",
    "SQLITE_AUTH": "the database file may not be opened",
    "SQLITE_CANTOPEN": "the database file cannot be opened",
    "SQLITE_IOERR": "the disk failed",
    "SQLITE_NOLFS": "the disk failed",
    "SQLITE_NOMEM": "there is not enough memory",
    "SQLITE_CORRUPT": "the database file is damaged",
    "SQLITE_NOTADB": "the database file is no SQLite database",
}
_POSTGRES: Mapping[str, str] = {
    "08": "the database cannot be reached",
    "28": "the database refuses this user or password",
    "3D000": "the database does not exist on its server",
    "3F000": MISSING_TABLE,
    "42P01": MISSING_TABLE,
    "42501": "the database user lacks a privilege",
    "25006": "the database is read-only",
    "25P03": "the database ended a transaction that took too long",
    "40": "other processes hold the database for too long",
    "55": "other processes hold the database for too long",
    "53": "the database server is out of resources",
    "53100": "the disk of the database server is full",
    "57014": "the database does not answer in time",
    "57P": "the database server is stopping or starting",
    "58": "the disk of the database server failed",
    "XX": "the database is damaged",
}
# libpq gives no code for what goes wrong while it connects
_CONNECTING: Mapping[str, str] = {
    "password authentication failed": _POSTGRES["28"],
    "no password supplied": _POSTGRES["28"],
    "pg_hba.conf": _POSTGRES["28"],
    "too many clients": _POSTGRES["53"],
    "starting up": _POSTGRES["57P"],
    "shutting down": _POSTGRES["57P"],
    "timeout": _POSTGRES["57014"],
}


class StoreLost(Exception):
    """The database cannot be used now. `why` is plain and holds no data, no address and no password."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def why_lost(error: SQLAlchemyError | sqlite3.Error) -> str | None:
    """Why the database is lost; None when `error` is a mistake of this program, which must stay visible."""
    if isinstance(error, sqlite3.Error):
        return _why_sqlite(error)
    if isinstance(error, PoolTimeout):
        return "all connections to the database are in use"
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _why_sqlite(error.orig)
    why = _longest(_POSTGRES, getattr(error.orig, "sqlstate", None) or "")
    if why is None and (error.connection_invalidated or isinstance(error, WrappedOperationalError)):
        return _why_unreachable(str(error.orig))
    return why


def _why_sqlite(error: sqlite3.Error) -> str | None:
    # the tables are made by our own migrations: one that is missing was taken away
    if str(error).startswith("no such table"):
        return MISSING_TABLE
    return _longest(_SQLITE, getattr(error, "sqlite_errorname", ""))


def _why_unreachable(message: str) -> str:
    if "database" in message and "does not exist" in message:
        return _POSTGRES["3D000"]
    return next((why for words, why in _CONNECTING.items() if words in message), _POSTGRES["08"])


def _longest(reasons: Mapping[str, str], code: str) -> str | None:
    matching = [prefix for prefix in reasons if code.startswith(prefix)]
    return reasons[max(matching, key=len)] if matching else None
