"""The service as it really runs: gunicorn on loopback, spoken to over a socket."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from service.app import create_app
from service.fhir.memory import LIFETIME_SECONDS, FactsMemory
from service.parts import PARTS
from service.routes_operations import FRONT
from service.server import THREADS, Address, _Server
from service.settings import Settings
from service.telemetry.folder import memory_folder
from tests.contract.conformance import check_error
from tests.server import ROOT, START_SECONDS, STOP_SECONDS, Running, running, until
from tests.unit.service.telemetry.test_metrics import samples

LIMIT = 100_000
PATIENT_VIEW = "/cds-services/mda5-rpild-patient-view"
JSON = {"Content-Type": "application/json"}
JSON_HEAD = "Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of one worker, with a small body limit."""
    with running(tmp_path_factory.mktemp("home"), MAX_BODY_BYTES=str(LIMIT)) as server:
        yield server


def said(connection: socket.socket, text: str) -> socket.socket:
    """The connection, after this was sent on it."""
    connection.sendall(text.encode("latin-1"))
    return connection


def heard(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer on a connection, which the server closes after it."""
    with connection, connection.makefile("rb") as file:
        head, _, body = file.read().partition(b"\r\n\r\n")
    first, *more = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in more), body


def unfinished(server: Running) -> socket.socket:
    """A call whose body has not arrived yet; a thread of the server waits for it."""
    head = f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    connection = said(server.connect(), f"{head}{JSON_HEAD}Content-Length: 2\r\n\r\n")
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert connection.recv(len(go_on), socket.MSG_WAITALL) == go_on
    return connection


def calls(server: Running) -> float:
    """How many discoveries `/metrics` has counted."""
    found = samples(server.get("/metrics").text)
    return found.get(("calls_total", "unidentified", "/cds-services", "200"), 0.0)


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (iter([b"{", b"}"]), 400, "hook is required"),
        (iter([json.dumps({"x": "y" * 1000}).encode()] * (LIMIT // 1000 + 1)), 413, "larger"),
        (b" " * (LIMIT + 1), 413, "larger"),
    ],
    ids=["chunked", "too much, chunked", "too much, announced"],
)
def test_bodies_are_limited_however_they_come(server: Running, body: Any, status: int, why: str) -> None:
    answer = server.http.post(server.url(PATIENT_VIEW), data=body, headers=JSON, timeout=10)
    assert (answer.status_code, check_error(status, answer.headers, answer.content)) == (status, [])
    assert why in answer.text


@pytest.mark.parametrize(("method", "media", "status"), [("PUT", "application/json", 405), ("POST", "text/plain", 415)])
def test_a_refusal_arrives_though_a_large_body_is_still_coming(
    server: Running, method: str, media: str, status: int
) -> None:
    size = 16 * 1024 * 1024
    head = f"{method} {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: {media}\r\nContent-Length: {size}\r\n\r\n"
    for _ in range(4):
        connection = said(server.connect(), head)
        # sent to the end before the answer is looked at, as a proxy does
        connection.sendall(b" " * size)
        assert heard(connection)[0] == status


def test_it_does_not_say_what_it_runs_on(server: Running) -> None:
    assert server.get("/cds-services").headers["Server"] == "mda5-cds"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / SECRET/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nSEC RET: x\r\n\r\n", 400),
        ("GET /SECRET" + "x" * 5000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: SECRET" + "x" * 9000 + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\n" + "".join(f"X-{n}: SECRET\r\n" for n in range(65)) + "\r\n", 431),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: SECRET\r\n\r\n", 501),
        (f"POST {PATIENT_VIEW} HTTP/1.1\r\nHost: x\r\n{JSON_HEAD}Transfer-Encoding: chunked\r\n\r\nSECRET\r\n", 400),
    ],
    ids=["version", "header name", "long line", "long header", "many headers", "encoding", "chunk"],
)
def test_malformed_http_is_refused_without_a_word_of_it(server: Running, request_: str, status: int) -> None:
    found, headers, body = heard(said(server.connect(), request_))
    assert (found, check_error(status, headers, body)) == (status, [])
    assert "SECRET" not in body.decode() + server.log.read_text()


def test_headers_at_the_limit_are_read(server: Running) -> None:
    token = "x" * 8000
    request_ = f"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\n\r\n"
    assert heard(said(server.connect(), request_))[0] == 200


def test_a_connection_carries_many_calls(server: Running) -> None:
    request_ = "GET /cds-services HTTP/1.1\r\nHost: x\r\n\r\n"
    last = request_.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    with server.connect() as connection:
        for _ in range(3):
            said(connection, request_)
            assert connection.recv(65536, socket.MSG_PEEK).startswith(b"HTTP/1.1 200")
            while b'"}}]}' not in connection.recv(65536):
                pass
        # and when two come at once
        assert heard(said(connection, request_ + last))[2].count(b"HTTP/1.1 200") == 1


def test_silent_connections_hold_up_nobody(server: Running) -> None:
    with ExitStack() as silent:
        for _ in range(THREADS + 1):
            silent.enter_context(server.connect())
        started = time.monotonic()
        assert server.get("/cds-services").ok
        assert time.monotonic() - started < 2


def test_health_and_metrics_do_not_wait_behind_calls(server: Running) -> None:
    with ExitStack() as stalled:
        for _ in range(THREADS):
            stalled.enter_context(unfinished(server))
        started = time.monotonic()
        assert [server.get(path).status_code for path in ("/health/live", "/health/ready", "/metrics")] == [200] * 3
        assert time.monotonic() - started < 2


def test_sigterm_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        call, silent = unfinished(server), server.connect()
        answered = server.http.get(server.url("/cds-services"), timeout=10)
        assert answered.headers["Connection"] == "keep-alive"
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server), 10)
        status, _, body = heard(said(call, "{}"))
        assert (status, b"hook is required" in body) == (400, True)
        assert server.process.wait(timeout=10) == 0
        silent.close()


def refuses(server: Running) -> bool:
    """Whether nobody listens any more."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_ends_it_before_it_listens(tmp_path: Path) -> None:
    """As the first process of a container it has no default way to end; here it is told while a database is silent."""
    with socket.create_server(("127.0.0.1", 0)) as database:
        database.settimeout(START_SECONDS)
        url = f"postgresql://mda5@127.0.0.1:{database.getsockname()[1]}/mda5"
        command = [sys.executable, "-m", "service", "serve", "--port", "0"]
        environment = os.environ | {"HOME": str(tmp_path), "MDA5_CDS_DATABASE_URL": url}
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process, database.accept()[0]:
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_SECONDS) == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as server, unfinished(server):
        assert server.get("/health/live").ok
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server), 10)
        started = time.monotonic()
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 6


def test_workers_count_together_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, workers=2) as server:
        for _ in range(10):
            assert server.get("/cds-services").ok
        assert [calls(server) for _ in range(6)] == [10] * 6
        os.kill(server.workers()[0], signal.SIGKILL)
        for _ in range(10):
            assert server.get("/cds-services").ok
        until(lambda: len(server.workers()) == 3, 10)
        assert [calls(server) for _ in range(6)] == [20] * 6
        assert server.stop() == 0


def test_facts_that_are_too_old_go_though_nobody_calls(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'audit.sqlite'}")
    app = create_app(settings)
    now = [0.0]
    facts = FactsMemory(lambda: now[0])
    app.extensions[PARTS] = replace(app.extensions[PARTS], facts=facts)
    facts.keep(b"name", (), (), 0)
    worker = SimpleNamespace()
    _Server(app, Address("127.0.0.1", 0), 1, settings)._make_ready(worker)
    worker.report()
    assert facts.answers == 1
    now[0] = LIFETIME_SECONDS
    worker.report()
    assert facts.answers == 0
    app.extensions[FRONT].close()


def test_the_folder_of_the_counts_is_gone_afterwards(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert calls(server) == 0
        maps = Path(f"/proc/{server.workers()[0]}/maps").read_text()
        folder = Path(re.findall(r"\S+(?=/counter_\d+\.db)", maps)[0])
        assert str(folder).startswith(memory_folder() or "/")
        assert server.stop() == 0
        assert not folder.exists()


def test_a_folder_that_the_operator_names_is_used_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "counts"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    with running(tmp_path) as server:
        assert server.get("/cds-services").ok
        assert list(folder.glob("counter_*.db"))
        assert server.stop() == 0
    assert folder.is_dir()


def test_the_log_is_json_and_one_line_a_call(server: Running) -> None:
    answer = server.http.post(server.url(f"{PATIENT_VIEW}?patient=1"), json={}, timeout=10)
    (line,) = [line for line in server.lines() if line.get("request_id") == answer.headers["X-Request-ID"]]
    assert (line["route"], line["status"], line["refusal"]) == ("/cds-services/<service_id>", 400, "MissingField")


@pytest.mark.parametrize(("host", "text"), [("127.0.0.1", "127.0.0.1:8000"), ("::1", "[::1]:8000")])
def test_an_address_is_written_as_a_url_writes_it(host: str, text: str) -> None:
    assert str(Address(host, 8000)) == text
