"""The image for real: built from the Dockerfile, and run as a cluster runs it."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

import fixtures
from service.app import create_app
from service.settings import Settings
from tests.conftest import NOW
from tests.deploy.containers import Container, Containers
from tests.fault_server import Call, FaultServer, fhir, searchset
from tests.server import until
from tests.unit.service.security.issuer import PUBLIC_URL, clients_file, jwk, key_set, member, token

ROOT = Path(__file__).parents[2]
SERVICE = "http://127.0.0.1:8000"
FHIR_PORT = 9000
STORIES = fixtures.names()
# unpacked, without the base; what it was when this was written is in docs/dependencies.md
LARGEST = 115_000_000
START_SECONDS = 60.0
# what a cluster grants between SIGTERM and SIGKILL
GRACE_SECONDS = 30
# how long the calls in flight take after it: a server without patience would have cut them off
HELD_SECONDS = 3.0
NOWHERE = "http://127.0.0.1:9"

pytestmark = [pytest.mark.container, pytest.mark.load]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site's folder with its clients and their keys, as every user can read it."""
    tmp_path.chmod(0o755)
    (tmp_path / "keys.json").write_bytes(key_set(jwk()))
    clients_file(tmp_path, member())
    return tmp_path


@pytest.fixture
def here(site: Path) -> FlaskClient:
    """The same service from the source, with the same clients."""
    clients = site / "clients.json"
    settings = Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients, allow_as_of=True)
    return create_app(settings).test_client()


def test_the_image_as_a_cluster_runs_it(containers: Containers, site: Path, here: FlaskClient) -> None:
    """One test for all, as to build takes longest."""
    _is_what_it_says(containers.build())
    _tells_what_is_in_it(containers)
    _says_what_it_goes_without(containers)
    options = ("--volume", f"{site}:/etc/mda5-cds:ro", "--volume", f"{containers.name}:/var/lib/mda5-cds")
    with containers.running(*options, *_environment()) as container:
        until(lambda: _live(container), START_SECONDS)
        _holds_no_privilege_and_cannot_write(container)
        _answers_the_stories_as_the_source_does(container, here)
        _passes_its_health_check(container)
        _stops_without_losing_a_call(container)
    _kept_its_record(containers)


def _environment() -> Iterator[str]:
    settings = {
        "MDA5_CDS_AUTH": "jwt",
        "MDA5_CDS_PUBLIC_URL": PUBLIC_URL,
        "MDA5_CDS_TRUSTED_CLIENTS": "/etc/mda5-cds/clients.json",
        "MDA5_CDS_FHIR_SERVERS": f"http://127.0.0.1:{FHIR_PORT}/fhir",
        "MDA5_CDS_FHIR_BUDGET_SECONDS": "12",
        "MDA5_CDS_ALLOW_AS_OF": "true",
        # a hospital's proxy in the environment is none of the health check's business
        "http_proxy": NOWHERE,
    }
    for name, value in settings.items():
        yield from ("--env", f"{name}={value}")


# ── the image ──


def _is_what_it_says(image: dict[str, Any]) -> None:
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["mda5-cds", "serve", "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    assert config.get("Entrypoint") is None
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items() if "opencontainers" in name}
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert (labels["title"], labels["version"], labels["licenses"]) == ("mda5-cds", version, "Apache-2.0")
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["revision"])
    assert datetime.fromisoformat(labels["created"]) == datetime.fromisoformat(image["Created"])
    assert image["Size"] - image["BaseSize"] < LARGEST


INSTALLED = """
import json
from importlib.metadata import distributions
from pathlib import Path
print(json.dumps({
    "libraries": [[each.name.lower().replace("_", "-").replace(".", "-"), each.version] for each in distributions()],
    "commands": sorted(path.name for path in Path("/venv/bin").iterdir()),
    "sbom": Path("/usr/share/mda5-cds/sbom.cdx.json").read_text(),
    "tests": [str(path) for path in Path("/venv/lib").rglob("tests")],
}))
"""


def _tells_what_is_in_it(containers: Containers) -> None:
    found = json.loads(containers.once("python3", "-c", INSTALLED).stdout)
    assert found["sbom"] == (ROOT / "deploy" / "image" / "sbom.cdx.json").read_text("utf-8")
    listed = {(each["name"], each["version"]) for each in json.loads(found["sbom"])["components"]}
    installed = {(name, version) for name, version in found["libraries"] if name != "mda5-cds"}
    assert installed <= listed
    assert {name for name, _ in listed} == {name for name, _ in installed}
    assert [name for name in found["commands"] if not name.startswith("python")] == ["mda5-cds"]
    assert found["tests"] == []


def _says_what_it_goes_without(containers: Containers) -> None:
    refused = containers.once("mda5-cds", "serve", "--sandbox")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "extra `sandbox`" in refused.stderr
    story = json.dumps(fixtures.story("refractory").render(NOW))
    plotted = containers.once("mda5-cds", "evaluate", "-", "--plot", "/tmp/course.svg", given=story)  # noqa: S108
    assert (plotted.returncode, plotted.stdout) == (2, "")
    assert "extra `sandbox`" in plotted.stderr
    unidentified = containers.once(*containers.inspected(containers.image)["Config"]["Cmd"])
    assert (unidentified.returncode, unidentified.stdout) == (2, "")
    assert "callers are not identified" in unidentified.stderr


# ── the container ──


def _live(container: Container) -> bool:
    return bool(container.within(_status, "/health/live") == 200)


def _status(path: str) -> int:
    """0 when nobody listens."""
    try:
        return _session().get(SERVICE + path, timeout=10).status_code
    except requests.ConnectionError:
        return 0


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


TRIES = """
import errno
from pathlib import Path

print(Path("/proc/1/status").read_text())
for folder in ("/", "/venv/lib", "/usr/share/mda5-cds", "/etc", "/etc/mda5-cds", "/home", "/var/lib", "/run"):
    try:
        Path(folder, "written").write_text("x")
    except OSError as error:
        print("refused", errno.errorcode[error.errno])
    else:
        print("WRITTEN", folder)
for folder in ("/tmp", "/dev/shm", "/var/lib/mda5-cds"):
    path = Path(folder, "written")
    path.write_text("x")
    path.unlink()
"""


def _holds_no_privilege_and_cannot_write(container: Container) -> None:
    told = container.python(TRIES).stdout
    assert re.findall(r"^Uid:\s+(.*)", told, re.MULTILINE) == ["10001\t10001\t10001\t10001"]
    assert re.findall(r"^Gid:\s+(.*)", told, re.MULTILINE) == ["10001\t10001\t10001\t10001"]
    assert {int(value, 16) for value in re.findall(r"^Cap\w+:\s+(\w+)", told, re.MULTILINE)} == {0}
    assert re.findall(r"^NoNewPrivs:\s+(\d)", told, re.MULTILINE) == ["1"]
    assert "WRITTEN" not in told
    assert re.findall(r"^refused (\w+)", told, re.MULTILINE) == ["EROFS"] * 8


def _answers_the_stories_as_the_source_does(container: Container, here: FlaskClient) -> None:
    """With the models that the image carries, and under its Python, to the letter."""
    assert container.within(_status, "/cds-services") == 401
    cards = 0
    for name in STORIES:
        story = fixtures.story(name)
        body = story.render(NOW) | {"extension": {"mda5-cds.as-of": NOW.isoformat()}}
        path = f"/cds-services/mda5-rpild-{story.hook}"
        expected = here.post(path, json=body, headers=_signed(path))
        answer = container.within(_post, path, body)
        assert (answer.status_code, answer.json()) == (expected.status_code, expected.get_json()), name
        cards += len(answer.json().get("cards", ()))
    assert cards > len(STORIES)


def _post(path: str, body: Any) -> requests.Response:
    return _session().post(SERVICE + path, json=body, headers=_signed(path), timeout=60)


def _signed(path: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(now=datetime.now(UTC), aud=PUBLIC_URL + path)}"}


def _passes_its_health_check(container: Container) -> None:
    done = container.containers.podman("healthcheck", "run", container.name)
    assert done.returncode == 0
    check = container.containers.inspected(container.containers.image)["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    # where no service runs
    assert container.containers.once(*check[1:]).returncode == 1


@dataclass(frozen=True)
class SlowServer:
    """A FHIR server that was asked, and answers when it is let go."""

    asked: threading.Event
    let_go: threading.Event

    def answer(self, call: Call) -> Iterator[bytes | float]:
        self.asked.set()
        while not self.let_go.is_set():
            yield 0.02
        yield from fhir(searchset())


@contextmanager
def _slow_server(container: Container) -> Iterator[SlowServer]:
    slow = SlowServer(threading.Event(), threading.Event())
    listener = container.within(socket.create_server, ("127.0.0.1", FHIR_PORT))
    server = FaultServer(listener, slow.answer)
    threading.Thread(target=server.listen, daemon=True).start()
    try:
        yield slow
    finally:
        server.stop()


def _stops_without_losing_a_call(container: Container) -> None:
    """Calls that wait for a FHIR server when SIGTERM comes are answered; nobody new is let in; the exit code is 0."""
    body = fixtures.story("refractory").render(datetime.now(UTC))
    del body["prefetch"]["observations"]
    body["fhirServer"] = f"http://127.0.0.1:{FHIR_PORT}/fhir"
    body["fhirAuthorization"] = {
        "access_token": "the-token-of-one-call",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "mda5-cds",
    }
    path = "/cds-services/mda5-rpild-patient-view"
    with _slow_server(container) as slow:
        calls: list[Future[requests.Response]] = [container.inside.submit(_post, path, body) for _ in range(3)]
        assert slow.asked.wait(START_SECONDS)
        stopped = _in_background(lambda: container.stop(GRACE_SECONDS))
        until(lambda: container.within(_status, "/health/live") == 0, GRACE_SECONDS)
        assert not wait(calls, HELD_SECONDS).done
        slow.let_go.set()
        answers = [call.result() for call in calls]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(answer.json()["extension"]["mda5-cds.assessment"]["risk"]["level"] for answer in answers)
    assert stopped.result() == 0


def _in_background(work: Callable[[], int]) -> Future[int]:
    future: Future[int] = Future()
    threading.Thread(target=lambda: future.set_result(work()), daemon=True).start()
    return future


def _kept_its_record(containers: Containers) -> None:
    """A new container on the same volume knows what the last one showed."""
    mounts = ("--volume", f"{containers.name}:/var/lib/mda5-cds")
    told = containers.once("mda5-cds", "feedback", "report", "--format", "json", mounts=mounts)
    assert told.returncode == 0, told.stderr
    assert sum(topic["shown"] for topic in json.loads(told.stdout)["topics"]) > len(STORIES)
