"""A database that goes away and comes back: stopped, frozen, behind a network that breaks or falls silent, locked."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.test_operations_team import locked
from tests.database import PostgresServer

Outage = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Database:
    """Where the service finds it (`url`), where the test does (`direct`), and the ways to lose it, by name."""

    kind: str
    url: str
    direct: str
    outages: Mapping[str, Outage]
    connections: Callable[[], int | None]
    """How many the service holds; None where that cannot be asked."""


class Gate:
    """A door before a server of this machine: open, shut (whoever comes is sent away), or stuck (nothing passes)."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._passing = threading.Event()
        self._passing.set()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """For good."""
        self._open = False
        self._passing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all()

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Every connection breaks, and no other comes to be."""
        self._open = False
        self._end_all()
        try:
            yield
        finally:
            self._open = True

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """Connections stay, others come to be, and nothing passes."""
        self._passing.clear()
        try:
            yield
        finally:
            self._passing.set()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                caller.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._behind), timeout=5)
            except OSError:
                caller.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._connections |= {caller, server}
            for source, target in ((caller, server), (server, caller)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                target.sendall(data)
        self._end({source, target})

    def _end_all(self) -> None:
        with self._lock:
            every = set(self._connections)
        self._end(every)

    def _end(self, connections: set[socket.socket]) -> None:
        for each in connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes who reads there
            each.close()
        with self._lock:
            self._connections -= connections


@contextmanager
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """PostgreSQL behind a gate where its programs are here, else a file of SQLite's."""
    if shutil.which("pg_virtualenv") is None:
        url: str = request.getfixturevalue("sqlite_url")
        file = Path(url.removeprefix("sqlite:///"))
        yield Database("SQLite", url, url, {"locked": lambda: locked(file)}, lambda: None)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    direct: str = request.getfixturevalue("postgres_url")
    with ExitStack() as stack:
        gate = Gate(server.port)
        stack.callback(gate.close)
        ways = {"gate shut": gate.shut, "stopped": lambda: _stopped(server), "gate stuck": gate.stuck}
        url = direct.replace(f":{server.port}/", f":{gate.port}/")
        yield Database("PostgreSQL", url, direct, {**ways, "frozen": server.frozen}, lambda: _connections(direct))


@contextmanager
def _stopped(server: PostgresServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


def _connections(url: str) -> int:
    ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mda5-cds'"
    with psycopg.connect(url) as connection:
        row = connection.execute(ours).fetchone()
    assert row is not None
    number: int = row[0]
    return number
