"""A trial site on this machine: what `deploy/compose/prepare` makes, and the proxy that `deploy/compose.yaml` starts.

The replicas get the environment of the compose file, and Debian's nginx its configuration; addresses, ports and paths
of the containers are replaced by this machine's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import requests
import yaml
from jwt.algorithms import RSAAlgorithm

from service.variables import PREFIX
from tests.log_watch import log_file
from tests.server import ROOT, STOP_SECONDS, until

DEPLOY = ROOT / "deploy"
PREPARE, CALL = DEPLOY / "compose" / "prepare", DEPLOY / "compose" / "call"
PROXY = DEPLOY / "proxy"
WRITTEN = "./compose/site/"
"""Where the compose file expects what `prepare` writes."""
ISSUER = "https://ehr.example.org"
Json = dict[str, Any]


def compose() -> Json:
    """The compose file, merges resolved."""
    content: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return content


def nginx() -> str | None:
    """The program; it is no user's program on Debian, so that only root has it in the path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def prepare(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with `folder` as the site's."""
    environment = {**os.environ, "SITE": str(folder)}
    return subprocess.run([str(PREPARE), *arguments], env=environment, capture_output=True, text=True, timeout=60)


def addresses(proxy_file: str) -> list[str]:
    """The replicas' addresses in a configuration of the proxy."""
    return re.findall(r"^server ([\d.]+:\d+)", proxy_file, re.MULTILINE)


def on_this_machine(service: Mapping[str, Any], site: Path, path: str) -> str:
    """What a path of a container is here, where it is a secret of its or lies in one of its volumes."""
    whole = compose()
    secrets = {f"/run/secrets/{name}": whole["secrets"][name]["file"] for name in service.get("secrets", ())}
    volumes = dict(reversed(volume.split(":")[:2]) for volume in service.get("volumes", ()) if volume[0] == ".")
    for there, here in {**secrets, **volumes}.items():
        if path == there or path.startswith(f"{there}/"):
            found = here + path.removeprefix(there)
            return str(site / found.removeprefix(WRITTEN) if found.startswith(WRITTEN) else DEPLOY / found)
    return path


def environment(service: Mapping[str, Any], site: Path) -> dict[str, str]:
    """The environment of a replica, its files where they are on this machine."""
    (file,) = service["env_file"]
    lines = (site / f"./{file}".removeprefix(WRITTEN)).read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    given = {**settings, **service["environment"]}
    return {name: on_this_machine(service, site, value) for name, value in given.items()}


@dataclass(frozen=True)
class Site:
    """What `prepare` made in `folder` for the proxy at `port` of this machine."""

    folder: Path
    port: int

    @property
    def base(self) -> str:
        """The URL by which clients call the service."""
        return f"https://localhost:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate that callers have to trust."""
        return self.folder / "trial" / "ca.pem"

    @cached_property  # to read it takes longer than to sign with it
    def _key(self) -> Any:
        return RSAAlgorithm(RSAAlgorithm.SHA384).prepare_key((self.folder / "trial" / "ehr-key.pem").read_bytes())

    def token(self, path: str) -> str:
        """A token of the trial EHR for one call of `path`."""
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": ISSUER, "aud": self.base + path, "iat": now, "exp": now + 300, "jti": str(uuid4())}
        return jwt.encode(claims, self._key, algorithm="RS384", headers={"kid": "trial"})

    def settings(self, database_port: int) -> dict[str, str]:
        """The settings of a replica, without their prefix, and how libpq finds the password."""
        given = environment(compose()["services"]["replica-1"], self.folder)
        given[f"{PREFIX}DATABASE_URL"] = re.sub(
            "@[^/]+/", f"@127.0.0.1:{database_port}/", given[f"{PREFIX}DATABASE_URL"]
        )
        return given


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
