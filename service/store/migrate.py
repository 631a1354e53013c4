"""Bringing the schema up to date, however many processes start at once."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.store.lost import StoreLost
from service.store.patience import patience
from service.store.sqlite import READING

MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_SECONDS = 30.0
NEWER = "its schema is newer than this version of mda5-cds, or not ours"

_FOUND = "mda5-cds.found"
_ADVISORY_LOCK = 0x6D646135  # any number that nobody else takes: "mda5"

# Alembic keeps the migration that runs in variables of its modules
_one_at_a_time = threading.Lock()


def _renew_lock() -> None:
    global _one_at_a_time
    _one_at_a_time = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def bring_to_head(connection: Connection) -> None:
    """Migrates when needed; asked once for each connection to the database. StoreLost when the schema is newer."""
    if _FOUND in connection.info:
        return
    connection.execution_options(**{READING: True})
    with connection.begin():
        found = _revision(connection)
    connection.execution_options(**{READING: False})
    if found != _newest():
        with patience(connection, MIGRATION_SECONDS), _one_at_a_time:
            found = _upgrade(connection)
    connection.info[_FOUND] = found


def brought_to_head(connection: Connection) -> tuple[str | None, str]:
    """From which revision the schema was brought to which; None: there were no tables. For a connection of a store."""
    return connection.info[_FOUND], _newest()


def _upgrade(connection: Connection) -> str | None:
    """Migrates, unless somebody did meanwhile; gives the revision that was there before."""
    # SQLite: this transaction has the file's one place for a writer from its first statement on
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        found = _revision(connection)
        if found != _newest():
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return found


def _revision(connection: Connection) -> str | None:
    """The schema's revision; None before the first. StoreLost when it is none of ours."""
    heads = MigrationContext.configure(connection).get_current_heads()
    if len(heads) > 1 or not {*heads} <= _known_revisions():
        raise StoreLost(NEWER)
    return next(iter(heads), None)


@cache
def _newest() -> str:
    (newest,) = _scripts().get_heads()
    return newest


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


@cache
def _known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())
