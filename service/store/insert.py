"""Inserting what may be there already."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import registry, sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Rows = Sequence[Mapping[str, object]]


def insert_if_new(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves rows alone whose key is there already, in the words of the connection's database."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # late: where SQLite is used it is not loaded

        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def append(connection: Connection, rows: Mapping[Table, Rows]) -> int:
    """Inserts the rows of all tables in a transaction of its own, and leaves alone those whose key is there already.

    Gives how many rows of the last table are new. Each row gives every column. Calls wait for it, so it goes the
    shortest way: to SQLite by its driver, whose errors it raises; to PostgreSQL in one statement, there and back once.
    """
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        return _append_to_sqlite(driver, rows)
    arrays = tuple(array for table, given in rows.items() for array in _arrays(table, given))
    connection.execution_options(isolation_level="AUTOCOMMIT")  # the statement is a transaction by itself
    return connection.exec_driver_sql(_postgres_insert(tuple(rows)), arrays).rowcount


def _append_to_sqlite(driver: sqlite3.Connection, rows: Mapping[Table, Rows]) -> int:
    values = {
        table: [tuple(stored(row[name]) for name, stored in _columns(table, "sqlite")) for row in given]
        for table, given in rows.items()
    }
    new = 0
    driver.execute("BEGIN IMMEDIATE")
    for table, stored_rows in values.items():
        new = driver.executemany(_sqlite_insert(table), stored_rows).rowcount
    driver.commit()
    return new


def _arrays(table: Table, rows: Rows) -> list[list[object]]:
    """The rows, column by column."""
    return [[stored(row[name]) for row in rows] for name, stored in _columns(table, "postgresql")]


@cache
def _sqlite_insert(table: Table) -> str:
    return str(sqlite.insert(table).on_conflict_do_nothing().compile(dialect=_dialect("sqlite")))


@cache
def _postgres_insert(tables: tuple[Table, ...]) -> str:
    """One statement for all tables, each column an array. What refers to another table is checked at its end."""
    *others, last = (_postgres_insert_of_arrays(table) for table in tables)
    named = ", ".join(f"also_{number} AS ({other})" for number, other in enumerate(others))
    return f"WITH {named} {last}" if named else last


def _postgres_insert_of_arrays(table: Table) -> str:
    dialect = _dialect("postgresql")
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
    # nothing but names of our own tables
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608


@cache
def _columns(table: Table, database: str) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Each column's name, and what makes its values those that the database stores."""
    dialect = _dialect(database)
    types = ((column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in table.columns)
    return tuple((name, stored or _as_it_is) for name, stored in types)


def _as_it_is(value: object) -> object:
    return value


@cache
def _dialect(database: str) -> Dialect:
    dialect: Dialect = registry.load(database)()
    return dialect
