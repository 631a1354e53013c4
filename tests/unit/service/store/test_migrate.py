"""The schema: brought up to date by itself, by any number of processes at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from service.store import Store, StoreLost
from service.store.migrate import NEWER
from service.store.tables import metadata
from tests.unit.service.store.programs import EIGHT
from tests.unit.service.store.rows import run, until

Open = Callable[[str], Store]


def set_revision(store: Store, revision: str) -> None:
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    with store.begin() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_what_is_up_to_date_is_left_alone(store: Store, database_url: str, open_store: Open) -> None:
    store.migrate()
    store.migrate()
    open_store(database_url).migrate()


def test_a_schema_of_a_later_version_is_a_lost_store_that_can_come_back(
    store: Store, database_url: str, open_store: Open
) -> None:
    set_revision(store, "9999")
    late = open_store(database_url)
    with pytest.raises(StoreLost) as caught:
        late.migrate()
    assert caught.value.why == NEWER
    assert late.state() == "lost"
    set_revision(store, "0001")  # whose connection was checked before: it goes on while versions are changed
    until(lambda: late.state() == "ok")


def test_a_migration_that_fails_leaves_nothing_behind(store: Store, database_url: str, open_store: Open) -> None:
    with store.begin() as connection:
        for table in ("alembic_version", "calls", "shown_cards", "feedback"):
            connection.execute(text(f"DROP TABLE {table}{' CASCADE' if 'postgres' in database_url else ''}"))
    other = open_store(database_url)
    with pytest.raises(Exception, match=r"used_tokens.*already exists"):  # the last table to be made
        other.migrate()
    with store.begin() as connection:
        connection.execute(text("DROP TABLE used_tokens"))
    other.migrate()


def test_eight_processes_at_once(database_url: str) -> None:
    assert run("migrate_at_once", database_url) == f"{EIGHT} {EIGHT}\n"
