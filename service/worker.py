"""A process of the server: gunicorn's threaded worker, made to keep a thread for those who have something to say.

gunicorn's own lets a new connection that is silent hold a thread for 5 s, a body that drips hold one for ever, and
health wait in the queue of the calls. Here a connection gets a thread when its first bytes are there, has to send at
a least speed, and health and metrics have threads of their own.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from time import monotonic
from typing import Any

import orjson
from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import TConn, ThreadWorker

from service.errors import operation_outcome

log = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""A connection may be silent for so long, and a request may take so long to arrive, plus a second for each
`BYTES_PER_SECOND` of it that have arrived."""
BYTES_PER_SECOND = 64 * 1024
SEND_SECONDS = 10.0
PROBE_THREADS = 2
_LONGEST_PROBE = 4096

_REFUSALS = {
    http_errors.LimitRequestLine: (414, "URI Too Long", "too-long"),
    http_errors.LimitRequestHeaders: (431, "Request Header Fields Too Large", "too-long"),
    http_errors.UnsupportedTransferCoding: (501, "Not Implemented", "not-supported"),
    http_errors.ExpectationFailed: (417, "Expectation Failed", "not-supported"),
}
_MALFORMED = (400, "Bad Request", "structure")
_FAILED = (500, "Internal Server Error", "exception")


class BoundedSocket(socket.socket):
    """A connection that may not be slow for ever: what is too slow counts as reset by the peer."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._until = monotonic() + HEAD_SECONDS

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

    `report` is called about once a second, and more often when there is traffic; it must not block.
    """

    report: Callable[[], None] = staticmethod(lambda: None)

    def notify(self) -> None:
        """Says that this process is alive, and whatever else there is to report."""
        super().notify()
        self.report()

    def init_process(self) -> None:
        """Runs the process until it is told to stop."""
        self._probes = ThreadPoolExecutor(max_workers=PROBE_THREADS)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Gives a thread to a connection that has something to read; watches it until then."""
        if not isinstance(conn.sock, BoundedSocket):
            conn.sock = BoundedSocket(conn.sock)
            conn.sock.setblocking(False)
        buffered = conn.parser.unreader.buf.getvalue() if conn.initialized else b""
        arrived = buffered or conn.sock.peek()
        if arrived is None and not conn.initialized:
            self._watch(conn)
            return
        conn.data_ready = True
        pool = self._probes if is_probe(arrived or b"") else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def handle(self, conn: TConn) -> object:
        """One request, in a thread. Where the connection ends here, so does the waiting for its last bytes."""
        conn.sock.setblocking(True)
        conn.sock.begin_request()
        keep = super().handle(conn)
        if not keep:
            conn.close(graceful=True)
        return keep

    def finish_request(self, conn: TConn, future: Future[object]) -> None:
        """In the main thread: watches the connection for its next request, or forgets it."""
        if conn.sock.fileno() < 0:
            self.nr_conns -= 1
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
        try:
            util.write_nonblock(client, _refusal(status, reason, code))
        except OSError:
            log.debug("the refusal could not be sent")

    def _watch(self, conn: TConn) -> None:
        conn.timeout = monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

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


def _refusal(status: int, reason: str, code: str) -> bytes:
    body = orjson.dumps(operation_outcome(code, f"the HTTP request cannot be answered: {reason}"))
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
