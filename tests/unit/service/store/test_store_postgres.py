"""A store on a PostgreSQL server, and how it is lost and found again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from service.store import Store, StoreLost
from service.store.tables import used_tokens
from tests.database import PostgresServer
from tests.unit.service.store.rows import count, lost, until

Open = Callable[[str], Store]


def lost_at_once(store: Store) -> str:
    with pytest.raises(StoreLost), store.begin():
        pass
    return "lost"


def test_all_connections_in_use_is_a_lost_store(postgres_url: str, open_store: Open) -> None:
    store = open_store(postgres_url)
    with ExitStack() as transactions:
        for _ in range(10):
            transactions.enter_context(store.begin())
        assert lost(store) == "all connections to the database are in use"
    until(lambda: store.state() == "ok")


def test_what_is_acknowledged_is_durable_whatever_the_servers_default(
    postgres_server: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    name = postgres_url.rpartition("/")[2]
    for default, kept in (("off", "on"), ("remote_apply", "remote_apply")):
        postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = {default}")
        with open_store(postgres_url).begin() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == kept


def test_postgres_by_its_other_names(postgres_url: str, open_store: Open) -> None:
    for name in ("postgres", "postgresql+psycopg"):
        open_store(postgres_url.replace("postgresql", name)).migrate()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{password}", "wrong-secret", "the database refuses this user or password"),
        ("/test_", "/no_such_test_", "the database does not exist on its server"),
        ("127.0.0.1:{port}", "127.0.0.1:1", "the database cannot be reached"),
        ("127.0.0.1:{port}", "no-such-host.invalid", "the database cannot be reached"),
    ],
)
def test_why_postgres_cannot_be_used(
    postgres_server: PostgresServer, postgres_url: str, open_store: Open, old: str, new: str, why: str
) -> None:
    words = {"password": postgres_server.password, "port": postgres_server.port}
    assert old.format(**words) in postgres_url
    assert lost(open_store(postgres_url.replace(old.format(**words), new))) == why


def test_a_database_that_may_only_be_read_is_lost(
    postgres_server: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    open_store(postgres_url).migrate()
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert lost(open_store(postgres_url)) == "the database is read-only"


def test_a_database_that_comes_only_after_the_start(
    postgres_server: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    store = open_store(f"{postgres_url}_later")
    assert store.state() == "lost"
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} RENAME TO {name}_later")
    until(lambda: store.state() == "ok")
    store.close()
    postgres_server.execute(f"ALTER DATABASE {name}_later RENAME TO {name}")


def test_a_server_that_stops_and_starts(postgres: PostgresServer, postgres_url: str, open_store: Open) -> None:
    store = open_store(postgres_url)
    store.migrate()
    postgres.stop()
    assert lost(store) == "the database cannot be reached"
    assert store.state() == "lost"
    postgres.start()
    until(lambda: store.state() == "ok")
    store.migrate()


def test_connections_cut_while_idle_are_no_loss(
    postgres_server: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    store = open_store(postgres_url)
    store.migrate()
    postgres_server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'")
    assert count(store, used_tokens) == 0


def test_nobody_queues_behind_a_server_that_says_nothing(
    postgres: PostgresServer, postgres_url: str, open_store: Open
) -> None:
    store = open_store(postgres_url)
    store.migrate()
    with postgres.frozen():
        start = time.monotonic()
        assert lost(store) == "the database does not answer in time"
        assert time.monotonic() - start < 6
        for ask in (store.state, lambda: lost_at_once(store)):
            start = time.monotonic()
            assert ask() == "lost"
            assert time.monotonic() - start < 0.5
    until(lambda: store.state() == "ok")


def test_a_longer_patience_ends_with_its_transaction(postgres_url: str, open_store: Open) -> None:
    store = open_store(postgres_url)
    with store.begin(seconds=60) as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "1min"
    with store.begin() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "2s"


def test_a_statement_that_takes_too_long_is_ended(postgres_url: str, open_store: Open) -> None:
    store = open_store(postgres_url)
    with pytest.raises(StoreLost, match="in time"), store.begin() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
