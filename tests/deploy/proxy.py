"""The proxy of deploy/ on this machine: Debian's nginx with exactly the configuration that deploy/compose.yaml mounts.

Only addresses, ports and paths of the containers are replaced by this machine's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.deploy.trial import DEPLOY, Json, Site, compose
from tests.log_watch import log_file
from tests.server import STOP_SECONDS, until

PROXY = DEPLOY / "proxy"


def nginx() -> str | None:
    """The program; it is no user's program on Debian, so that only root has it in the path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def addresses(proxy_file: str) -> list[str]:
    """The replicas' addresses in a configuration of the proxy."""
    return re.findall(r"^server ([\d.]+:\d+)", proxy_file, re.MULTILINE)


@dataclass(frozen=True)
class Proxy:
    """A running proxy. `http` trusts the site's authority and nobody else."""

    site: Site
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    http: requests.Session

    def send(self, path: str, body: object = None, token: str | None = None, **more: Any) -> requests.Response:
        """POST of a JSON body as the trial EHR, or GET without one. `token`: another than a fresh one; "" for none."""
        text = self.site.token(path) if token is None else token
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        method = "GET" if body is None and "data" not in more else "POST"
        headers |= more.pop("headers", {})
        url = f"https://localhost:{self.port}{path}"
        return self.http.request(method, url, json=body, headers=headers, timeout=60, **more)

    def connect(self) -> ssl.SSLSocket:
        """A connection over TLS on which nothing was said yet."""
        context = ssl.create_default_context(cafile=str(self.site.authority))
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return context.wrap_socket(plain, server_hostname="localhost")

    def raw(self, request: bytes) -> bytes:
        """The whole answer to a request as it stands; the request must end the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def logged(self, request_id: str) -> Json:
        """The line of the log about a call; it is written after the answer, when the caller has sent all."""
        found: list[Json] = []

        def is_there() -> bool:
            found[:] = [line for line in self.lines() if line["request_id"] == request_id]
            return bool(found)

        until(is_there, 30)
        (line,) = found
        return line

    def lines(self) -> list[Json]:
        """The log of the calls so far."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines(keepends=True) if line[-1] == "\n"]


@contextmanager
def proxy(site: Site, folder: Path, port: int, replicas: Sequence[int]) -> Iterator[Proxy]:
    """Debian's nginx in front of what listens at the ports `replicas` of this machine; stopped at the end."""
    service = compose()["services"]["proxy"]
    configuration, prefix = folder / "configuration", folder / "prefix"
    configuration.mkdir(parents=True)
    prefix.mkdir()
    (configuration / "tls").symlink_to(site.folder / "tls")
    shutil.copy(PROXY / "nginx.conf", configuration)
    listen = (PROXY / "listen.conf").read_text(encoding="utf-8")
    (configuration / "listen.conf").write_text(re.sub(r"(?m)^listen \d+", f"listen 127.0.0.1:{port}", listen))
    theirs = (PROXY / "replicas.conf").read_text(encoding="utf-8")
    for there, here in zip(addresses(theirs), replicas, strict=True):
        theirs = theirs.replace(there, f"127.0.0.1:{here}")
    (configuration / "replicas.conf").write_text(theirs)
    moved = {"/run/nginx/": f"{prefix}/", "/etc/mda5-cds/nginx.conf": str(configuration / "nginx.conf")}
    command = [str(nginx()), *(moved.get(word, word) for word in service["command"])]
    # a container's proxy runs as one user; here root's processes would become somebody who may not read these folders
    command += ["-g", "user root;"] if os.geteuid() == 0 else []
    log, errors = log_file("proxy"), log_file("proxy-errors")
    with log.open("ab") as out, errors.open("ab") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
    with requests.Session() as http:
        http.trust_env, http.verify = False, str(site.authority)
        try:
            until(lambda: process.poll() is not None or _listens(port), 30)
            assert process.poll() is None, errors.read_text("utf-8")
            yield Proxy(site, port, log, process, http)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
