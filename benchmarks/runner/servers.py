"""The service and the yardstick in processes of their own, on ports that the system chose, stopped at the end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.yardstick import CONSTANT
from service.server import KEEPALIVE_SECONDS, THREADS
from service.telemetry.folder import memory_folder
from service.variables import PREFIX

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
_WORKER = re.compile(r"Booting worker with pid: (\d+)")


class ServerFailed(Exception):
    """A server did not start, or answered what it must not."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: its port, the process that does the work, and how long it took to be ready, in seconds."""

    name: str
    port: int
    worker: int
    ready_seconds: float


@contextmanager
def service(home: Path, **settings: str) -> Iterator[Server]:
    """`mda5-cds serve` with one worker, its files below `home`; callers not identified, audit on, unless set."""
    given = {"ALLOW_AS_OF": "true", **settings}
    command = ["-m", "service", "serve", "--port", "0", "--workers", "1"]
    with _running("service", command, home, {f"{PREFIX}{name}": value for name, value in given.items()}) as server:
        yield server


@contextmanager
def yardstick(home: Path) -> Iterator[Server]:
    """The yardstick, its log below `home`."""
    numbers = [str(THREADS), str(KEEPALIVE_SECONDS), memory_folder() or str(home)]
    with _running("yardstick", ["-m", "benchmarks.yardstick", *numbers], home, {}) as server:
        yield server


@contextmanager
def _running(name: str, command: Sequence[str], home: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"{name}.log"
    started = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, *command],
            cwd=ROOT,
            env={**inherited, "HOME": str(home), **settings},
            stdout=out,
            stderr=out,
        )
    try:
        port = int(_said(process, log, _LISTENING))
        path = CONSTANT if name == "yardstick" else "/health/ready"
        _until(lambda: _answers(port, path), process, log)
        ready = time.perf_counter() - started
        yield Server(name, port, int(_said(process, log, _WORKER)), ready)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _said(process: subprocess.Popen[bytes], log: Path, pattern: re.Pattern[str]) -> str:
    """What the log says, as soon as it does."""
    found: list[str] = []

    def look() -> bool:
        found.extend(pattern.findall(log.read_text(encoding="utf-8")))
        return bool(found)

    _until(look, process, log)
    return found[0]


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _until(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerFailed(f"it did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.005)
