"""Peers that are slow, silent, half gone or gone: none of them may cost anybody else an answer.

Who is slow within reason, and who has said all and no longer sends, is answered as anybody else is. From the others
nothing is expected but that the service lets go of them.
"""

from __future__ import annotations

import http.client
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from tests.soak.clients import Client, who
from tests.soak.connection import NO_ANSWER_SECONDS, Broken, Reply
from tests.soak.ehrs import Errand, whole
from tests.soak.patients import any_call
from tests.soak.truth import Answer

HELD = 60
"""Silent connections at once: many more than threads, and far fewer than make the service end the idle ones."""
PIECES = 5
RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: to close is to reset."""


def rough(client: Client) -> None:
    """One peer of each kind, in turn."""
    for peer in PEERS:
        if client.scene.lasts():
            peer(client)


def _in_pieces(client: Client) -> None:
    """Slow within reason."""
    _answered(client, "slow", _slowly)


def _slowly(sock: socket.socket, body: bytes) -> None:
    step = len(body) // PIECES + 1
    for begin in range(0, len(body), step):
        sock.sendall(body[begin : begin + step])
        time.sleep(0.1)


def _then_silent(sock: socket.socket, body: bytes) -> None:
    sock.sendall(body)
    sock.shutdown(socket.SHUT_WR)


def _half_closed(client: Client) -> None:
    """All is said; nothing more will be."""
    _answered(client, "half-closed", _then_silent)


def _answered(client: Client, kind: str, send: Callable[[socket.socket, bytes], None]) -> None:
    errand = whole(kind, any_call(client.rng))
    opened = time.monotonic()
    try:
        with _connected(client) as sock:
            send(sock, _raw(errand))
            received = http.client.HTTPResponse(sock)
            received.begin()
            answer = Answer(received.status, received.read())
            headers = {name.lower(): value for name, value in received.getheaders()}
    except (ConnectionError, http.client.HTTPException):
        client.ledger.left(*who(errand.body))
        client.ledger.broke(kind, Broken(opened, time.monotonic()))
        return
    client.take(errand, Reply(answer, headers, opened, opened, time.monotonic()))


def _gone_before_the_answer(client: Client) -> None:
    """It has asked, and resets the connection: whether the call was answered, nobody knows."""
    errand = whole("gone", any_call(client.rng))
    client.ledger.left(*who(errand.body))
    with _resetting(client) as sock:
        sock.sendall(_raw(errand))
    client.ledger.ended("gone", "unanswered")


def _gone_in_the_middle(client: Client) -> None:
    raw = _raw(whole("gone", any_call(client.rng)))
    with _resetting(client) as sock:
        sock.sendall(raw[: client.rng.randrange(1, len(raw) - 1)])
    client.ledger.ended("gone", "unsaid")


def _holding(client: Client) -> None:
    """Many who say nothing, the beginning of a head, or half a body; for a while, then they are gone."""
    raw = _raw(whole("held", any_call(client.rng)))
    said = (b"", raw[:20], raw[: len(raw) // 2], b"\x16\x03\x01\x02\x00\x01")
    with ExitStack() as held:
        for number in range(HELD):
            sock = held.enter_context(_connected(client))
            with suppress(ConnectionError):
                sock.sendall(said[number % len(said)])
        client.scene.over.wait(1.0)
    client.ledger.ended("held", "unsaid")


PEERS = (_in_pieces, _half_closed, _gone_before_the_answer, _gone_in_the_middle, _holding)


def _raw(errand: Errand) -> bytes:
    """A whole HTTP request."""
    head = f"POST {errand.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(errand.body)}\r\n\r\n".encode() + errand.body


@contextmanager
def _connected(client: Client) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", client.scene.port), NO_ANSWER_SECONDS)) as sock:
        yield sock


@contextmanager
def _resetting(client: Client) -> Iterator[socket.socket]:
    """A connection that is reset at the end."""
    with _connected(client) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with suppress(ConnectionError):
            yield sock
