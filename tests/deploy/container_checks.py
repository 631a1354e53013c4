"""What must hold of a container of the image, and of one that serves alone, with SQLite on the image's volume."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import requests

from service.variables import PREFIX
from tests.deploy.containers import ALONE, Container, Containers, started_with
from tests.deploy.replicas import path_of, story
from tests.deploy.trial import Site, compose, mounted
from tests.server import START_SECONDS, until

SERVICE = "http://127.0.0.1:8000"
NOWHERE = "http://127.0.0.1:9"
# what a cluster grants between SIGTERM and SIGKILL
GRACE_SECONDS = 30


def one_serves_alone(containers: Containers, site: Site) -> None:
    """From its start to its end, and what is left of it."""
    volume = ("--volume", f"{containers.name}:/var/lib/mda5-cds")
    files = mounted(compose()["services"]["replica-1"], site.folder)
    options = (*ALONE, *volume, *started_with(_environment(site), files))
    with containers.running(options=options) as container:
        until(lambda: container.within(_status, "/health/live") == 200, START_SECONDS)
        holds_no_privilege_and_cannot_write(container, "/var/lib/mda5-cds")
        assert container.within(_status, "/cds-services") == 401
        calls = (story("untreated"), _brought_along(container))
        shown = [len(container.within(_cards, request, site)) for request in calls]
        assert all(shown)
        _passes_its_health_check(container)
        assert container.stop(GRACE_SECONDS) == 0
    # a new container on the same volume knows what this one showed
    told = containers.once("mda5-cds", "feedback", "report", "--format", "json", options=(*ALONE, *volume))
    assert told.returncode == 0, told.stderr
    assert sum(topic["shown"] for topic in json.loads(told.stdout)["topics"]) == sum(shown)


def _environment(site: Site) -> Mapping[str, str]:
    """Compose's without its database: the image's own is used."""
    databases = {f"{PREFIX}DATABASE_URL", "PGSERVICEFILE"}
    given = {name: text for name, text in site.environment(0).items() if name not in databases}
    # a hospital's proxy in the environment is none of the health check's business
    return {**given, f"{PREFIX}ALLOW_AS_OF": "true", "http_proxy": NOWHERE}


def _brought_along(container: Container) -> Any:
    """A story that the image itself can show, as docs/deploy.md has it for the first call."""
    shown = container.containers.podman("exec", container.name, "mda5-cds", "fixtures", "show", "refractory")
    return json.loads(shown.stdout)


def _status(path: str) -> int:
    """0 when nobody listens."""
    try:
        return _session().get(SERVICE + path, timeout=10).status_code
    except requests.ConnectionError:
        return 0


def _cards(request: Mapping[str, Any], site: Site) -> list[Any]:
    path = path_of(request)
    headers = {"Authorization": f"Bearer {site.token(path)}"}
    answer = _session().post(SERVICE + path, json=request, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["cards"])


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


TRIES = """
import errno
import sys
from pathlib import Path

print(Path("/proc/1/status").read_text())
for folder in ("/", "/venv/lib", "/usr/share/mda5-cds", "/etc", "/etc/mda5-cds", "/home", "/var/lib", "/run"):
    try:
        Path(folder, "written").write_text("x")
    except OSError as error:
        print("refused", errno.errorcode[error.errno])
    else:
        print("WRITTEN", folder)
for folder in sys.argv[1:]:
    path = Path(folder, "written")
    path.write_text("x")
    path.unlink()
"""


def holds_no_privilege_and_cannot_write(container: Container, *but: str) -> None:
    """The user is a number, and can write only into memory that is mounted for it, and into the folders `but`."""
    told = container.python(TRIES, "/tmp", "/dev/shm", *but).stdout  # noqa: S108
    assert re.findall(r"^Uid:\s+(.*)", told, re.MULTILINE) == ["10001\t10001\t10001\t10001"]
    assert re.findall(r"^Gid:\s+(.*)", told, re.MULTILINE) == ["10001\t10001\t10001\t10001"]
    assert {int(value, 16) for value in re.findall(r"^Cap\w+:\s+(\w+)", told, re.MULTILINE)} == {0}
    assert re.findall(r"^NoNewPrivs:\s+(\d)", told, re.MULTILINE) == ["1"]
    assert "WRITTEN" not in told
    assert re.findall(r"^refused (\w+)", told, re.MULTILINE) == ["EROFS"] * 8


def _passes_its_health_check(container: Container) -> None:
    done = container.containers.podman("healthcheck", "run", container.name)
    assert done.returncode == 0
    check = container.containers.inspected(container.containers.image)["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    # where no service runs
    assert container.containers.once(*check[1:]).returncode == 1
