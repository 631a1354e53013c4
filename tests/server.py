"""The service as it really runs: `mda5-cds serve` in processes of its own, on a port that the system chose."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import requests

from tests.log_watch import log_file

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Running:
    """A server that answers. `http` goes straight to it, whatever proxy the environment names."""

    process: subprocess.Popen[bytes]
    log: Path
    http: requests.Session = field(default_factory=requests.Session)

    @cached_property  # not read from the log, which grows, for each call
    def port(self) -> int:
        return int(self._said(r"Listening at: http://127\.0\.0\.1:(\d+)")[0])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str, **more: Any) -> requests.Response:
        """One request on a connection of its own, so that any of the processes may answer."""
        return self.http.get(self.url(path), timeout=10, headers={"Connection": "close"}, **more)

    def connect(self) -> socket.socket:
        """A connection on which nothing was said yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def workers(self) -> list[int]:
        """The process ids of all workers that were started so far, in order."""
        return [int(pid) for pid in self._said(r"Booting worker with pid: (\d+)")]

    def lines(self) -> list[dict[str, Any]]:
        """The log so far; a line that is being written is left out."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines(keepends=True) if line[-1] == "\n"]

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop, waits until it has, and returns its exit code."""
        self.process.send_signal(kind)
        return self.process.wait(timeout=STOP_SECONDS)

    def _said(self, pattern: str) -> list[str]:
        return [found[1] for line in self.lines() if (found := re.match(pattern, line["message"]))]


@contextmanager
def running(home: Path, workers: int = 1, *, arguments: Sequence[str] = (), **environment: str) -> Iterator[Running]:
    """A server whose files lie below `home`, stopped at the end.

    `environment` names settings without their prefix, `arguments` what the command line says besides.
    """
    variables = {f"MDA5_CDS_{name}": value for name, value in environment.items()}
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--workers", str(workers), *arguments]
    log = log_file("serve")
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"HOME": str(home)} | variables, stdout=out, stderr=out
        )
    server = Running(process, log)
    server.http.trust_env = False
    try:
        until(lambda: process.poll() is not None or len(server.workers()) >= workers, START_SECONDS)
        assert server.get("/health/live").ok, log.read_text("utf-8")
        yield server
    finally:
        server.http.close()
        _end(process)


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Returns as soon as something holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    """As gently as it goes; workers notice by themselves when their parent is gone."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
