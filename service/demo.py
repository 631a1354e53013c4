"""The demo: the real server on a free loopback port, fixtures sent over HTTP as an EHR would, the cards printed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import requests

import fixtures
from service.discovery import SERVICE_OF_HOOK
from service.parts import utc_now
from service.plain_text import WIDTH
from service.terminal import render
from service.variables import PREFIX

DEFAULT_NAMES = (
    *("untreated", "kidney-failure", "refractory", "respiratory-failure", "worsening-before-day-7"),
    *("antibody-not-tested", "another-disease"),
    *("azathioprine-ordered", "prednisone-ordered", "tacrolimus-overdose", "mycophenolate-overdose"),
    "paracetamol-ordered",
)
START_SECONDS = 30.0
CALL_SECONDS = 10.0


class DemoError(Exception):
    """The demo's server did not start or did not answer."""


def run_demo(names: Sequence[str], out: TextIO) -> None:
    """Sends the named fixtures (default: `DEFAULT_NAMES`) and prints each answer to `out`."""
    with _running_server() as base:
        print(f"mda5-cds answers at {base}; sending fixtures as an EHR would", file=out)
        for name in names or DEFAULT_NAMES:
            _send(base, name, out)
    print("The demo's server has stopped.", file=out)


def _send(base: str, name: str, out: TextIO) -> None:
    story = fixtures.story(name)
    url = f"{base}/cds-services/{SERVICE_OF_HOOK[story.hook].id}"
    answer = _session().post(url, json=story.render(utc_now()), timeout=CALL_SECONDS)
    if answer.status_code != requests.codes.ok:
        raise DemoError(f"fixture {name}: HTTP {answer.status_code} {answer.text}")
    rule = "=" * WIDTH
    took = f"{story.hook}, answered in {answer.elapsed.total_seconds() * 1000:.0f} ms"
    print(f"\n{rule}\n{name}: {story.story}\n{took}\n{rule}", file=out)
    print(render(answer.json()), end="", file=out)


@contextmanager
def _running_server() -> Iterator[str]:
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "1"]
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=_defaults(folder)) as server,  # noqa: S603
    ):
        try:
            _wait_until_ready(base, server, log)
            yield base
        finally:
            server.terminate()


def _defaults(folder: str) -> dict[str, str]:
    """The environment without any setting of the operator's, and with a store that ends with the demo."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return ours | {f"{PREFIX}DATABASE_URL": f"sqlite:///{folder}/demo.sqlite3"}


def _wait_until_ready(base: str, server: subprocess.Popen[bytes], log: TextIO) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if _session().get(f"{base}/health/ready", timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    log.seek(0)
    raise DemoError(f"the server did not start:\n{log.read()}")


def _session() -> requests.Session:
    """A session that goes straight to loopback, whatever proxy the environment names."""
    session = requests.Session()
    session.trust_env = False
    return session


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
