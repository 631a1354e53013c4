"""A trial site on this machine: what `deploy/compose/prepare` makes, and what deploy/compose.yaml gives a replica."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import yaml
from jwt.algorithms import RSAAlgorithm

from service.variables import PREFIX
from tests.server import ROOT

DEPLOY = ROOT / "deploy"
PREPARE, CALL = DEPLOY / "compose" / "prepare", DEPLOY / "compose" / "call"
WRITTEN = "./compose/site/"
"""Where the compose file expects what `prepare` writes."""
ISSUER = "https://ehr.example.org"
Json = dict[str, Any]


def compose() -> Json:
    """The compose file, merges resolved."""
    content: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return content


def prepare(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with `folder` as the site's."""
    environment = {**os.environ, "SITE": str(folder)}
    return subprocess.run([str(PREPARE), *arguments], env=environment, capture_output=True, text=True, timeout=60)


def mounted(service: Mapping[str, Any], site: Path) -> dict[str, Path]:
    """The secrets and files that a container finds, by their paths there, and where they are on this machine."""
    secrets = compose()["secrets"]
    there = {f"/run/secrets/{name}": secrets[name]["file"] for name in service.get("secrets", ())}
    there |= dict(reversed(volume.split(":")[:2]) for volume in service.get("volumes", ()) if volume[0] == ".")
    return {path: _here(file, site) for path, file in there.items()}


def _here(file: str, site: Path) -> Path:
    return site / file.removeprefix(WRITTEN) if file.startswith(WRITTEN) else DEPLOY / file


def on_this_machine(service: Mapping[str, Any], site: Path, path: str) -> str:
    """What a path of a container is here, where something is mounted."""
    for there, here in mounted(service, site).items():
        if path == there or path.startswith(f"{there}/"):
            return f"{here}{path.removeprefix(there)}"
    return path


def environment(service: Mapping[str, Any], site: Path) -> dict[str, str]:
    """The environment of a replica as the compose file has it, with the container's paths."""
    (file,) = service["env_file"]
    lines = _here(f"./{file}", site).read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {**settings, **service["environment"]}


def environment_here(service: Mapping[str, Any], site: Path) -> dict[str, str]:
    """The same with the paths of this machine."""
    return {name: on_this_machine(service, site, value) for name, value in environment(service, site).items()}


@dataclass(frozen=True)
class Site:
    """What `prepare` made in `folder` for the proxy at `port` of this machine."""

    folder: Path
    port: int

    @classmethod
    def prepared(cls, folder: Path, port: int) -> Site:
        """Made by the script."""
        made = prepare(folder, f"localhost:{port}")
        assert made.returncode == 0, made.stderr
        return cls(folder, port)

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

    def environment(self, database_port: int) -> dict[str, str]:
        """Of a replica in its container, except that the database is at a port of this machine."""
        return self._at(database_port, environment)

    def environment_here(self, database_port: int) -> dict[str, str]:
        """The same with the paths of this machine."""
        return self._at(database_port, environment_here)

    def _at(self, port: int, of: Callable[[Mapping[str, Any], Path], dict[str, str]]) -> dict[str, str]:
        given, url = of(compose()["services"]["replica-1"], self.folder), f"{PREFIX}DATABASE_URL"
        return {**given, url: re.sub("@[^/]+/", f"@127.0.0.1:{port}/", given[url])}
