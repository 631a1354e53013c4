"""Bringing the schema up to date, however many processes start at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from service.store.lost import StoreLost
from service.store.patience import patience
from service.store.sqlite import READING

MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_SECONDS = 30.0
NEWER = "its schema is newer than this version of mda5-cds, or not ours"

NEWEST = "0001"
"""The schema's revision of this version: that of the last file in `migrations/versions`."""

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
        found = _recorded(connection)
    connection.execution_options(**{READING: False})
    if found == [NEWEST]:
        connection.info[_FOUND] = NEWEST
        return
    with patience(connection, MIGRATION_SECONDS), _one_at_a_time:
        connection.info[_FOUND] = _upgrade(connection)


def brought_to_head(connection: Connection) -> tuple[str | None, str]:
    """From which revision the schema was brought to which; None: there were no tables. For a connection of a store."""
    return connection.info[_FOUND], NEWEST


def _recorded(connection: Connection) -> list[str]:
    """The revisions that the database names, where Alembic keeps them. A schema that is current needs no more of it."""
    if not inspect(connection).has_table("alembic_version"):
        return []
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def _upgrade(connection: Connection) -> str | None:
    """Migrates, unless somebody did meanwhile; gives the revision that was there before. StoreLost when it is newer."""
    # imported late: it takes a tenth of the time that a start may take, and most starts find nothing to migrate
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    # SQLite: this transaction has the file's one place for a writer from its first statement on
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        found = _recorded(connection)
        known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
        if len(found) > 1 or not {*found} <= known:
            raise StoreLost(NEWER)
        if found != [NEWEST]:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return next(iter(found), None)
