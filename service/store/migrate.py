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

_CHECKED = "mda5-cds.at-head"
_ADVISORY_LOCK = 0x6D646135  # any number that nobody else takes: "mda5"

# Alembic keeps the migration that runs in variables of its modules
_one_at_a_time = threading.Lock()


def _renew_lock() -> None:
    global _one_at_a_time
    _one_at_a_time = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def bring_to_head(connection: Connection) -> None:
    """Migrates when needed; asked once for each connection to the database. StoreLost when the schema is newer."""
    if connection.info.get(_CHECKED):
        return
    connection.execution_options(**{READING: True})
    with connection.begin():
        at_head = _is_at_head(connection)
    connection.execution_options(**{READING: False})
    if not at_head:
        with patience(connection, MIGRATION_SECONDS), _one_at_a_time:
            _upgrade(connection)
    connection.info[_CHECKED] = True


def _upgrade(connection: Connection) -> None:
    # SQLite: this transaction has the file's one place for a writer from its first statement on
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        if not _is_at_head(connection):
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _is_at_head(connection: Connection) -> bool:
    heads = MigrationContext.configure(connection).get_current_heads()
    if not {*heads} <= _known_revisions():
        raise StoreLost(NEWER)
    return {*heads} == {*_scripts().get_heads()}


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


@cache
def _known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())
