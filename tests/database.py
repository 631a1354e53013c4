"""The databases that tests run on: an SQLite file, and a real PostgreSQL server that the tests start and stop.

A module that needs them imports the fixtures in its conftest.py:
`from tests.database import database_url, postgres, postgres_server, postgres_url, sqlite_url`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

# `pg_virtualenv -t` keeps the cluster in a temporary folder and drops it at the end. It runs initdb as the user
# postgres where it is called by root. What it runs here tells the surroundings, then waits until its input ends: that
# happens however this process ends, so no server is left behind. What it says goes to a file: writing to a process
# that is gone would end it too soon.
_TELL_AND_WAIT = 'echo "$PGVERSION $PGUSER $PGPASSWORD $PG_CLUSTER_CONF_ROOT" >&{there}; exec cat'


class PostgresServer:
    """A running server. `stop` and `start` are real: for tests of a database that is lost and comes back."""

    def __init__(self, port: int, version: str, user: str, password: str, configuration: str) -> None:
        self.port, self.password = port, password
        self._version, self._user = version, user
        self._environment = {**os.environ, "PG_CLUSTER_CONF_ROOT": configuration}

    def url(self, database: str = "postgres") -> str:
        """As an operator would write it."""
        return f"postgresql://{self._user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        """Breaks all connections, as a crash does."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Starts it again; harmless when it runs."""
        if not self.is_running():
            self._control("start")

    def is_running(self) -> bool:
        """Whether it accepts connections."""
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0

    def execute(self, statement: str) -> None:
        """Runs one statement as the owner of everything."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Its processes stand still meanwhile: connections stay open, and nothing is answered."""
        processes = self._processes()
        _signal(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(processes, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """The one that listens, then those that it started."""
        with psycopg.connect(self.url()) as connection:
            row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        assert row is not None
        first = int(row[0].split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii")
        return [first, *map(int, children.split())]

    def _control(self, action: str, *options: str) -> None:
        command = ["pg_ctlcluster", *options, self._version, "regress", action]
        subprocess.run(command, env=self._environment, check=True, capture_output=True, cwd="/", timeout=60)


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # one that served a connection which was closed just now
            os.kill(process, number)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this test process."""
    if shutil.which("pg_virtualenv") is None:
        pytest.skip("needs pg_virtualenv (Debian: postgresql and postgresql-common)")
    with _postgres() as server:
        yield server


@contextmanager
def _postgres() -> Generator[PostgresServer]:
    port = _free_port()
    environment = {**os.environ, "PGPORT": str(port), "LC_ALL": "C.UTF-8"}
    environment.pop("PGUSER", None)
    here, there = os.pipe()
    # nothing is kept over a failure of power here, and a busy disk takes seconds for what is to last
    unsynchronised = ("-i", "--no-sync", "-o", "fsync=off")
    command = ["pg_virtualenv", "-t", *unsynchronised, "bash", "-c", _TELL_AND_WAIT.format(there=there)]
    with tempfile.TemporaryFile() as said, open(here, encoding="utf-8") as told:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            pass_fds=(there,),
            start_new_session=True,
        )
        os.close(there)
        assert process.stdin is not None
        try:
            line = told.readline()
            if not line:
                said.seek(0)
                pytest.fail(f"PostgreSQL did not start: {said.read().decode(errors='replace')}")
            yield PostgresServer(port, *line.split())
        finally:
            process.stdin.close()
            process.wait(60)


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server for a test that stops it: it runs again afterwards."""
    yield postgres_server
    postgres_server.start()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.start()
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet, in a folder that is not there yet."""
    return f"sqlite:///{tmp_path / 'state' / 'store.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each test twice: on a fresh SQLite file, and on a fresh PostgreSQL database."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


def _free_port() -> int:
    """Below the ports that outgoing connections are given: nobody takes it between now and the server's start."""
    for port in range(20000 + os.getpid() * 7 % 10000, 32768):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    pytest.fail("no free port")
