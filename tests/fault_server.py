"""A server of raw sockets for what a real one cannot be made to do: stall, drip, cut off, lie, lead in circles.

    with fault_server(lambda call: http(call.target.encode())) as server:
        requests.get(server.base)

A script gets each request and yields what is sent: bytes, or seconds to wait. The connection is closed after it, and
when the server stops, however long a script would have waited.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrived. `number` counts from 0, `headers` have lower-case names."""

    number: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Script = Callable[[Call], Iterable[bytes | float]]


@dataclass(slots=True)
class FaultServer:
    """A running server: its URL `base` (no trailing slash), the connections it has taken, the requests that came."""

    listener: socket.socket
    script: Script
    tls: ssl.SSLContext | None = None
    base: str = ""
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        host, port = self.listener.getsockname()[:2]
        self.base = f"{'https' if self.tls else 'http'}://{host}:{port}"

    def listen(self) -> None:
        """Takes connections until `stop`."""
        while not self._stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        """Ends every script that waits, and takes no more connections."""
        self._stopping.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self, connection: socket.socket) -> None:
        # whoever is on the other side may go away at any time
        with suppress(OSError), closing(self._secured(connection)) as connection:
            call = self._received(connection)
            if call is None:
                return
            for part in self.script(call):
                if isinstance(part, bytes):
                    connection.sendall(part)
                elif self._stopping.wait(part):
                    return

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection

    def _received(self, connection: socket.socket) -> Call | None:
        read = b""
        while b"\r\n\r\n" not in read:
            part = connection.recv(65536)
            if not part:
                return None
            read += part
        head, _, body = read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            part = connection.recv(65536)
            if not part:  # hung up in the middle
                return None
            body += part
        method, target, _ = first.split(" ", 2)
        with self._counting:
            call = Call(len(self.calls), method, target, headers, body)
            self.calls.append(call)
        return call


@contextmanager
def fault_server(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """A server on a free loopback port that answers by `script`."""
    server = FaultServer(socket.create_server(("127.0.0.1", 0)), script, tls)
    threading.Thread(target=server.listen, daemon=True).start()
    try:
        yield server
    finally:
        server.stop()


def http(body: bytes = b"", status: int = 200, **headers: str) -> list[bytes | float]:
    """A whole answer; a header is named with `_` for `-`."""
    given = {"Content_Length": str(len(body)), "Connection": "close", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return [("\r\n".join((f"HTTP/1.1 {status} X", *lines)) + "\r\n\r\n").encode("latin-1") + body]


def fhir(resource: Json, status: int = 200, **headers: str) -> list[bytes | float]:
    """A resource as a FHIR server answers it."""
    return http(json.dumps(resource).encode(), status, **{"Content_Type": FHIR_JSON, **headers})


def searchset(*resources: Json, next_url: str | None = None, **more: Any) -> Json:
    """A page of results; `next_url` says that another follows."""
    link = {"link": [{"relation": "next", "url": next_url}]} if next_url is not None else {}
    entries = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **link, **more}


def stalling(_: Call) -> Iterator[bytes | float]:
    """Takes the request and says nothing."""
    yield 60.0


def dripping(head: bytes, drip: bytes = b" ", every: float = 0.05) -> Script:
    """Sends `head`, then `drip` again and again: never silent for long, never done."""

    def script(_: Call) -> Iterator[bytes | float]:
        yield head
        while True:
            yield every
            yield drip

    return script
