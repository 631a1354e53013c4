"""The service as it really runs: gunicorn on loopback, spoken to over a socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from service.server import Address
from tests.contract.conformance import check_error

ROOT = Path(__file__).parents[3]
LIMIT = 100_000


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server of its own, with a small body limit, stopped at the end whatever happens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "1"]
    environment = os.environ | {"MDA5_CDS_MAX_BODY_BYTES": str(LIMIT), "HOME": "/nonexistent"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            running = Running(process, port)
            wait_until_live(running, tmp_path / "log")
            yield running
        finally:
            process.kill()
            process.wait()


def wait_until_live(server: Running, log: Path) -> None:
    """Returns when the server answers; fails with its log when it does not within 30 s."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if requests.get(server.url("/health/live"), timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    pytest.fail(log.read_text())


def test_it_answers_limits_bodies_and_stops_cleanly(server: Running) -> None:
    assert requests.get(server.url("/cds-services"), timeout=5).json()["services"]
    url = server.url("/cds-services/mda5-rpild-patient-view")
    headers = {"Content-Type": "application/json"}

    small = requests.post(url, data=iter([b"{", b"}"]), headers=headers, timeout=5)
    assert (small.status_code, check_error(400, small.headers, small.content)) == (400, [])
    assert "hook is required" in small.text

    chunk = json.dumps({"x": "y" * 1000}).encode()
    chunked = requests.post(url, data=iter([chunk] * (LIMIT // 1000 + 1)), headers=headers, timeout=5)
    assert (chunked.status_code, check_error(413, chunked.headers, chunked.content)) == (413, [])

    announced = requests.post(url, data=b" " * (LIMIT + 1), headers=headers, timeout=5)
    assert (announced.status_code, check_error(413, announced.headers, announced.content)) == (413, [])

    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=20) == 0


@pytest.mark.parametrize(("host", "text"), [("127.0.0.1", "127.0.0.1:8000"), ("::1", "[::1]:8000")])
def test_an_address_is_written_as_a_url_writes_it(host: str, text: str) -> None:
    assert str(Address(host, 8000)) == text
