"""A process of the server: gunicorn's threaded worker, made to keep a thread for those who have something to say.

gunicorn's own lets a new connection that is silent hold a thread for 5 s, a body that drips hold one for ever, and
health wait in the queue of the calls. Here a connection gets a thread when its first bytes are there, has to send at
a least speed, and health and metrics have threads of their own. gunicorn's own accepts nobody any more when it has as
many connections as it may; here the one that was silent longest goes, and a call too many is turned away.
"""

from __future__ import annotations

import errno
import logging
import math
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from time import monotonic
from types import MappingProxyType
from typing import Any

import orjson
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from service.errors import operation_outcome
from service.headers import SECURITY_HEADERS

log = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""A connection may be silent for so long, and a request may take so long to arrive, plus a second for each
`BYTES_PER_SECOND` of it that have arrived."""
BYTES_PER_SECOND = 64 * 1024
SEND_SECONDS = 10.0
PROBE_THREADS = 2
MOST_CALLS = 250
"""Calls of one process, being answered or waiting for a thread: who waits behind more has given up before his turn."""
MOST_IDLE = 500
"""Connections of one process on which nothing is under way. With the calls fewer than the 1024 files that a process
may usually have open."""
_LONGEST_PROBE = 4096
_DROPPED_AT_ONCE = 64 * 1024
# a refusal may come before a body of the greatest size was read: a reset while it still arrives would take it away
_MOST_DROPPED = 64 * 1024 * 1024

_REFUSALS = {
    http_errors.LimitRequestLine: (414, "URI Too Long", "too-long"),
    http_errors.LimitRequestHeaders: (431, "Request Header Fields Too Large", "too-long"),
    http_errors.UnsupportedTransferCoding: (501, "Not Implemented", "not-supported"),
    http_errors.ExpectationFailed: (417, "Expectation Failed", "not-supported"),
}
_MALFORMED = (400, "Bad Request", "structure")
_FAILED = (500, "Internal Server Error", "exception")
_TOO_MANY = (503, "Service Unavailable", "transient")
_NO_MORE: Mapping[str, str] = MappingProxyType({})


class BoundedSocket(socket.socket):
    """A connection that may not be slow for ever: what is too slow counts as reset by the peer."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._until = monotonic() + HEAD_SECONDS
        self._dropped = 0

    def begin_request(self) -> None:
        """The next request's time runs from now."""
        self._until = monotonic() + HEAD_SECONDS

    def peek(self) -> bytes | None:
        """What has arrived and was not read yet; None when nothing has. The socket must be non-blocking."""
        try:
            return super().recv(_LONGEST_PROBE, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def drop_arrived(self) -> bool:
        """Reads what has arrived, for nobody; whether that was all. The socket must be non-blocking."""
        try:
            arrived = super().recv(_DROPPED_AT_ONCE)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._dropped += len(arrived)
        return not arrived or self._dropped > _MOST_DROPPED

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As ever, within the time of this request."""
        left = self._until - monotonic()
        if left <= 0:
            raise ConnectionResetError(errno.ECONNRESET, "too slow")
        self.settimeout(min(left, self.gettimeout() or left))
        try:
            received = super().recv(size, flags)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "too slow") from None
        self._until += len(received) / BYTES_PER_SECOND
        return received

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As ever, but the other side has to read."""
        self.settimeout(SEND_SECONDS)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "too slow") from None


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """See the module. The main thread only watches connections; nothing in it waits for a peer.

    `report` is called about once a second, and more often when there is traffic; it must not block. `headers` are
    those of the answers that are given here.
    """

    report: Callable[[], None] = staticmethod(lambda: None)
    headers: Mapping[str, str] = SECURITY_HEADERS

    def notify(self) -> None:
        """Says that this process is alive, and whatever else there is to report."""
        super().notify()
        self.report()
        self._make_room()

    def init_process(self) -> None:
        """Runs the process until it is told to stop."""
        self._probes = ThreadPoolExecutor(max_workers=PROBE_THREADS)
        # it always accepts, for it could be health that calls; the bounds are kept in `enqueue_req` and `_watch`
        self.worker_connections = sys.maxsize
        try:
            super().init_process()
        except Exception:
            # gunicorn would print the message
            log.exception("the process failed")
            sys.exit(-1 if self.booted else Arbiter.WORKER_BOOT_ERROR)

    def enqueue_req(self, conn: TConn) -> None:
        """Gives a thread to a connection that has something to read, unless it is a call too many; or watches it."""
        if not isinstance(conn.sock, BoundedSocket):
            conn.sock = BoundedSocket(conn.sock)
            conn.sock.setblocking(False)
        buffered = conn.parser.unreader.buf.getvalue() if conn.initialized else b""
        arrived = buffered or conn.sock.peek()
        if arrived is None and not conn.initialized:
            self._watch(conn, self.on_pending_socket_readable)
            return
        conn.data_ready = True
        probe = is_probe(arrived or b"")
        if not probe and self.nr_conns - self._idle > MOST_CALLS:
            log.warning("a call was turned away: %d are waiting", MOST_CALLS)
            self._answer(conn.sock, _TOO_MANY, {"Retry-After": "1"})
            self._linger(conn)
            return
        pool = self._probes if probe else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def handle(self, conn: TConn) -> object:
        """One request, in a thread."""
        conn.sock.setblocking(True)
        conn.sock.begin_request()
        return super().handle(conn)

    def finish_request(self, conn: TConn, future: Future[object]) -> None:
        """In the main thread: watches the connection for its next request, or lets it end."""
        if conn.sock.fileno() < 0:
            self.nr_conns -= 1
        elif future.exception() is None and not future.result():
            self._linger(conn)
        else:
            super().finish_request(conn, future)

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:
        """Answers what never became a request of the application, without a word of what was sent."""
        if isinstance(exc, http_errors.ParseException):
            status, reason, code = _REFUSALS.get(type(exc), _MALFORMED)
            log.warning("a malformed HTTP request was refused: %s", type(exc).__name__)
        else:
            status, reason, code = _FAILED
            log.error("a request failed outside the application", exc_info=exc)
        self._answer(client, (status, reason, code))

    def _answer(self, client: socket.socket, refusal: tuple[int, str, str], more: Mapping[str, str] = _NO_MORE) -> None:
        try:
            util.write_nonblock(client, _refusal(*refusal, {**self.headers, **more}))
        except OSError:
            log.debug("the refusal could not be sent")

    def _linger(self, conn: TConn) -> None:
        """Ends a connection; what still comes is dropped for a while, for a reset could take the answer away."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
            return
        self._watch(conn, self._drop)

    def _drop(self, conn: TConn, _: object) -> None:
        if conn.sock.drop_arrived():
            self._forget(self.pending_conns, conn)

    def _watch(self, conn: TConn, when_readable: Callable[[TConn, object], None]) -> None:
        conn.timeout = monotonic() + (HEAD_SECONDS if self.alive else STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(when_readable, conn))

    @property
    def _idle(self) -> int:
        return len(self.pending_conns) + len(self.keepalived_conns)

    def _make_room(self) -> None:
        """Ends the connections on which nothing has happened for longest, where there are more than may be.

        Not while events are dispatched: one of them could be of a connection that is ended here.
        """
        while self._idle > MOST_IDLE:
            waiting, kept = self.pending_conns, self.keepalived_conns
            first_kept = kept[0].timeout - self.cfg.keepalive if kept else math.inf
            first_waiting = waiting[0].timeout - HEAD_SECONDS if waiting else math.inf
            oldest = kept if first_kept < first_waiting else waiting
            self._forget(oldest, oldest[0])

    def _forget(self, watched: deque[TConn], conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        watched.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """Where gunicorn begins to stop. Who calls now is refused and can try elsewhere; the silent delay nothing."""
        for listener in self.sockets:
            self._accept_waiting(listener)
            listener.close()
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _accept_waiting(self, listener: socket.socket) -> None:
        """Takes the connections that the system has accepted for us already."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)


def is_probe(arrived: bytes) -> bool:
    """Whether this is a whole request for health or metrics, so that reading it takes no time."""
    if not arrived.startswith((b"GET /health/", b"GET /metrics", b"HEAD /health/")):
        return False
    head = arrived.lower()
    return head.endswith(b"\r\n\r\n") and b"content-length" not in head and b"transfer-encoding" not in head


def _refusal(status: int, reason: str, code: str, headers: Mapping[str, str]) -> bytes:
    body = orjson.dumps(operation_outcome(code, f"the HTTP request cannot be answered: {reason}"))
    framing = {"Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = (f"{name}: {value}\r\n" for name, value in {**framing, **headers}.items())
    return f"HTTP/1.1 {status} {reason}\r\n{''.join(lines)}\r\n".encode() + body
