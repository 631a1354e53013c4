"""A connection that is too slow ends; health and metrics are told from calls by their first bytes."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator

import orjson
import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

from service import worker
from service.worker import BYTES_PER_SECOND, BoundedSocket, Worker, is_probe

PROBE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[BoundedSocket, socket.socket]]:
    """The service's end of a connection whose peer gets a fifth of a second, and the peer's end."""
    monkeypatch.setattr(worker, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(worker, "SEND_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with BoundedSocket(ours) as bounded, theirs:
        yield bounded, theirs


def test_what_arrives_in_time_is_read(ends: tuple[BoundedSocket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"early")
    assert ours.recv(100) == b"early"


def test_silence_ends_the_connection(ends: tuple[BoundedSocket, socket.socket]) -> None:
    started = time.monotonic()
    with pytest.raises(ConnectionResetError):
        ends[0].recv(100)
    assert 0.15 < time.monotonic() - started < 2


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the service's end of the connection takes for the time."""
    clock = Clock()
    monkeypatch.setattr(worker, "monotonic", clock)
    return clock


def test_a_drip_does_not_keep_it_alive(clock: Clock, ends: tuple[BoundedSocket, socket.socket]) -> None:
    ours, theirs = ends
    for _ in range(4):
        theirs.sendall(b".")
        assert ours.recv(100) == b"."
        clock.now += 0.05
    clock.now += 0.01
    theirs.sendall(b".")
    with pytest.raises(ConnectionResetError):
        ours.recv(100)


def test_what_comes_fast_enough_may_take_its_time(clock: Clock, ends: tuple[BoundedSocket, socket.socket]) -> None:
    ours, theirs = ends
    piece = b"." * (BYTES_PER_SECOND // 10)
    for _ in range(10):
        theirs.sendall(piece)
        assert ours.recv(len(piece), socket.MSG_WAITALL) == piece
        clock.now += 0.1


def test_the_time_begins_anew_with_each_request(clock: Clock, ends: tuple[BoundedSocket, socket.socket]) -> None:
    ours, theirs = ends
    clock.now += 0.2
    theirs.sendall(b"next")
    with pytest.raises(ConnectionResetError):
        ours.recv(100)
    ours.begin_request()
    assert ours.recv(100) == b"next"


def test_a_shorter_timeout_of_the_caller_holds(
    ends: tuple[BoundedSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HEAD_SECONDS", 20.0)
    ends[0].begin_request()
    started = time.monotonic()
    ends[0].settimeout(0.01)
    with pytest.raises(ConnectionResetError):
        ends[0].recv(100)
    assert time.monotonic() - started < 5


def test_a_peer_that_does_not_read_ends_it(ends: tuple[BoundedSocket, socket.socket]) -> None:
    ends[0].sendall(b"short")
    with pytest.raises(ConnectionResetError):
        ends[0].sendall(b"." * 10_000_000)


def test_peeking_takes_nothing_away(ends: tuple[BoundedSocket, socket.socket]) -> None:
    ours, theirs = ends
    ours.setblocking(False)
    assert ours.peek() is None
    theirs.sendall(b"said")
    assert (ours.peek(), ours.peek()) == (b"said", b"said")
    theirs.shutdown(socket.SHUT_WR)
    ours.setblocking(True)
    ours.begin_request()
    assert ours.recv(4) == b"said"
    assert ours.peek() == b""
    ours.close()
    assert ours.peek() == b""


@pytest.mark.parametrize(
    "arrived",
    [PROBE, PROBE.replace(b"GET", b"HEAD"), PROBE.replace(b"live", b"ready"), b"GET /metrics HTTP/1.1\r\n\r\n"],
)
def test_a_whole_request_for_health_or_metrics_is_a_probe(arrived: bytes) -> None:
    assert is_probe(arrived)


@pytest.mark.parametrize(
    "arrived",
    [
        b"",
        PROBE[:-1],
        PROBE[:-2],
        PROBE + b"GET",
        PROBE.replace(b"GET", b"POST"),
        PROBE.replace(b"/health", b"/cds-services"),
        PROBE.replace(b"Host: x", b"CONTENT-length: 1000"),
        PROBE.replace(b"Host: x", b"Transfer-Encoding: chunked"),
    ],
)
def test_what_could_take_time_to_read_is_none(arrived: bytes) -> None:
    assert not is_probe(arrived)


def test_a_failure_outside_the_application_is_answered_and_logged_by_its_kind(
    ends: tuple[BoundedSocket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = ends
    with socket.create_server(("127.0.0.1", 0)) as listener:
        failing = Worker(1, 1, [listener], None, 30, Config(), logging.getLogger("gunicorn.error"))
    failing.handle_error(None, ours, None, KeyError("Doe-Example"))
    head, _, body = theirs.recv(10_000).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert orjson.loads(body)["issue"][0]["code"] == "exception"
    (record,) = caplog.records
    assert (record.levelname, record.exc_info and record.exc_info[0]) == ("ERROR", KeyError)
    ours.close()
    failing.handle_error(None, ours, None, KeyError("Doe-Example"))
    failing.tmp.close()


@pytest.mark.parametrize(("booted", "code"), [(True, -1), (False, Arbiter.WORKER_BOOT_ERROR)])
def test_a_process_that_fails_says_so_without_the_message(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    booted: bool,
    code: int,
) -> None:
    def fail(process: Worker) -> None:
        process.booted = booted
        raise ValueError("Doe-Example")

    monkeypatch.setattr(ThreadWorker, "init_process", fail)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        failing = Worker(1, 1, [listener], None, 30, Config(), logging.getLogger("gunicorn.error"))
    with pytest.raises(SystemExit) as ended:
        failing.init_process()
    failing.tmp.close()
    assert ended.value.code == code
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError]
    assert "Doe-Example" not in "".join(capfd.readouterr())
