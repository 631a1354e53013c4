"""A PostgreSQL database: for several machines, reached over a network that may fall silent."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry

ANSWER_SECONDS = 2.0
"""How long one statement may take, and how long the server may be silent."""

# what the operator's URL says wins
_CONNECTING = {
    "application_name": "mda5-cds",
    "connect_timeout": str(int(ANSWER_SECONDS)),
    "keepalives_idle": "5",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": str(int(ANSWER_SECONDS * 1000)),
}


def postgres_engine(url: URL) -> Engine:
    """The database at `url`, by psycopg 3; connections are tried before they are used."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg", query={**_CONNECTING, **url.query}),
        pool_pre_ping=True,
        pool_size=3,
        max_overflow=7,
        pool_timeout=ANSWER_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _set_up)
    return engine


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server says nothing for longer than a statement may take.

    The server's own `statement_timeout` is no help when the server is frozen or its network gone.
    """

    answer_seconds = ANSWER_SECONDS

    def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
        """As psycopg's; OperationalError when it takes too long."""
        return super().wait(self._in_time(gen), *arguments, **options)

    def _in_time(self, gen: PQGen[RV]) -> PQGen[RV]:
        # a little later than the server, whose answer leaves the connection usable
        until = time.monotonic() + self.answer_seconds + 0.5
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > until:
                    self.close()
                    raise psycopg.OperationalError("timeout: the server is silent")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result


def allow(connection: Connection, seconds: float | None) -> None:
    """Each statement, and each wait for a lock, may take `seconds` from now on; None: as usual."""
    driver = connection.connection.driver_connection
    if isinstance(driver, ImpatientConnection):
        driver.answer_seconds = seconds or ANSWER_SECONDS
        milliseconds = int(driver.answer_seconds * 1000)
        connection.exec_driver_sql(f"SET statement_timeout = {milliseconds}; SET lock_timeout = {milliseconds}")
        connection.commit()


def _connect(dialect: Dialect, entry: ConnectionPoolEntry, arguments: Any, options: Any) -> ImpatientConnection:
    # no prepared statements: a pooler between here and the server may not know them
    return ImpatientConnection.connect(*arguments, **options, prepare_threshold=None)


def _set_up(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    milliseconds = int(ANSWER_SECONDS * 1000)
    connection.execute(
        f"SET statement_timeout = {milliseconds}; SET lock_timeout = {milliseconds}; "
        "SET idle_in_transaction_session_timeout = 30000; SET TIME ZONE 'UTC'"
    )
    # what was acknowledged survives the server's crash, whatever its default; a stronger setting stays
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()
