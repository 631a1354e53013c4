"""A store's transactions, on either database."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from service.store import Store, StoreLost, keep_feedback
from service.store.lost import MISSING_TABLE
from service.store.tables import used_tokens
from tests.unit.service.store.rows import FEEDBACK, NOON, count, lost, run

Open = Callable[[str], Store]
TOKEN = {"digest": "a", "expires_at": NOON}


def insert_and_fail(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(insert(used_tokens), TOKEN)
        raise ZeroDivisionError


def test_a_transaction_is_kept(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(insert(used_tokens), TOKEN)
    with store.begin(reading=True) as connection:
        assert connection.execute(select(used_tokens)).one() == ("a", NOON)


def test_a_connection_that_is_in_use_at_the_end_is_closed_when_it_is_given_back(store: Store) -> None:
    with store.begin() as connection:
        driver = connection.connection.driver_connection
        store.close()
        connection.execute(insert(used_tokens), TOKEN)
    assert driver is not None
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        driver.execute("SELECT 1")
    assert count(store, used_tokens) == 1


def test_a_transaction_is_undone_by_any_exception(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        insert_and_fail(store)
    assert count(store, used_tokens) == 0
    assert store.state() == "ok"


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nothing_of_the_kind FROM calls"])
def test_a_mistake_of_the_program_is_not_taken_for_a_lost_store(store: Store, statement: str) -> None:
    with pytest.raises(SQLAlchemyError), store.begin() as connection:
        connection.execute(text(statement))
    assert store.state() == "ok"


def test_a_mistake_does_not_show_what_was_to_be_stored(store: Store) -> None:
    with pytest.raises(IntegrityError) as caught, store.begin() as connection:
        connection.execute(insert(used_tokens), {"digest": "what nobody may read", "expires_at": None})
    assert "what nobody may read" not in str(caught.value).partition("DETAIL")[0]


def test_instants_need_a_zone(store: Store) -> None:
    with pytest.raises(SQLAlchemyError), store.begin() as connection:
        connection.execute(insert(used_tokens), {"digest": "a", "expires_at": NOON.replace(tzinfo=None)})


@pytest.mark.parametrize(
    "url", ["", "mysql://u:secret@h/d", "postgresql+asyncpg://u:secret@h/d", "sqlite:///x?mode=ro"]
)
def test_other_databases_are_refused_without_quoting_the_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[^:]*URL|must be") as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_the_representation_hides_the_password() -> None:
    assert repr(Store("postgresql://user:secret@127.0.0.1/db?password=secret")) == "Store(postgresql)"


def test_a_table_that_was_taken_away_is_a_lost_store(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("DROP TABLE used_tokens"))
    assert lost(store) == MISSING_TABLE


def test_a_lost_store_does_not_tell_what_was_to_be_stored(store: Store) -> None:
    with store.begin() as connection:
        connection.execute(text("DROP TABLE feedback"))
    secret = " ".join(("what", "nobody", "may", "read"))  # a traceback quotes this line
    with pytest.raises(StoreLost) as caught:
        keep_feedback(store, [replace(FEEDBACK, user_comment=secret)])
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_store_lives_on_both_sides_of_a_fork(database_url: str) -> None:
    assert run("fork_between", database_url) == f"{1 + 3 * 20 + 20 + 1}\n"


def test_what_was_in_use_over_a_fork_is_closed_when_it_is_given_back(database_url: str) -> None:
    assert run("fork_in_use", database_url) == "True 1\n"
