"""Clients on kept connections that send bytes made beforehand, and note how long each answer took.

A client writes what was made ready and reads until the answer is whole; nothing is parsed while the clock runs.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.runner.servers import Server, ServerFailed

_AT_ONCE = 256 * 1024
_PATIENCE_SECONDS = 120.0
_LONGEST_SILENCE_SECONDS = 30.0
"""Less than the service and the yardstick keep a silent connection."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: HTTP status, body, and seconds from the first byte sent to the last received."""

    status: int
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Sent:
    """A block of requests: the replies in the order of the requests, seconds for all of them, the clients' own CPU."""

    replies: tuple[Reply, ...]
    seconds: float
    client_cpu: float


def message(server: Server, path: str, body: bytes, token: str | None = None) -> bytes:
    """A POST of a JSON body as it goes over the wire; without a body, a GET."""
    lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


@contextmanager
def connected(server: Server, clients: int) -> Iterator[Clients]:
    """So many clients of a server."""
    opened = Clients(server, clients)
    try:
        yield opened
    finally:
        opened.close()


class Clients:
    """Clients with one connection each; whoever is free sends the next request."""

    def __init__(self, server: Server, many: int) -> None:
        self._server = server
        self._many = many
        self._sockets: list[socket.socket] = []
        self._used = 0.0

    def close(self) -> None:
        """Ends the connections."""
        for each in self._sockets:
            each.close()
        self._sockets = []

    def _connect(self) -> None:
        """Connections that were silent for long may be ended by the server: then there are new ones."""
        if self._sockets and time.monotonic() - self._used < _LONGEST_SILENCE_SECONDS:
            return
        self.close()
        for _ in range(self._many):
            opened = socket.create_connection(("127.0.0.1", self._server.port), _PATIENCE_SECONDS)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(opened)

    def send(self, messages: Sequence[bytes]) -> Sent:
        """Sends them all. ServerFailed when a connection breaks, or for an answer that is no 200."""
        self._connect()
        waiting = deque(enumerate(messages))
        replies: dict[int, Reply] = {}
        failures: list[Exception] = []

        def work(connection: socket.socket) -> None:
            try:
                while waiting:
                    number, request = waiting.popleft()
                    replies[number] = _call(connection, request)
            except IndexError:
                return  # another took the last one
            except (OSError, ServerFailed) as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(each,)) for each in self._sockets[1:]]
        cpu, started = time.process_time(), time.perf_counter()
        for thread in threads:
            thread.start()
        work(self._sockets[0])
        for thread in threads:
            thread.join()
        seconds, client_cpu = time.perf_counter() - started, time.process_time() - cpu
        self._used = time.monotonic()
        if failures:
            raise ServerFailed(f"a connection broke: {failures[0]!r}")
        if refused := {reply.status for reply in replies.values()} - {200}:
            raise ServerFailed(f"answered with {', '.join(map(str, sorted(refused)))}")
        return Sent(tuple(replies[number] for number in range(len(messages))), seconds, client_cpu)


def _call(connection: socket.socket, request: bytes) -> Reply:
    started = time.perf_counter()
    connection.sendall(request)
    received = bytearray()
    whole = None
    while whole is None or len(received) < whole:
        arrived = connection.recv(_AT_ONCE)
        if not arrived:
            raise ServerFailed("the server closed the connection")
        received += arrived
        if whole is None:
            whole = _length(received)
    seconds = time.perf_counter() - started
    return Reply(int(received[9:12]), bytes(received[received.index(b"\r\n\r\n") + 4 :]), seconds)


def _length(received: bytearray) -> int | None:
    """The length of the whole answer; None before its head has arrived."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = _LENGTH.search(received, 0, end)
    if found is None:
        raise ServerFailed("an answer without a length")
    return end + 4 + int(found[1])
