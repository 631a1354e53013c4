"""What replicas are tried with, whether they run from the source or from the image: their database, what they may call,
and those who call them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

import fixtures
from service.variables import PREFIX
from tests import database
from tests.acceptance.fhir import call, given
from tests.conftest import NOW
from tests.contract.conformance import check_error
from tests.database import PostgresServer
from tests.deploy.proxy import Proxy
from tests.deploy.trial import DEPLOY, Json, Site
from tests.fault_server import Call, FaultServer, fault_server, fhir, searchset
from tests.server import until

VIEW = "/cds-services/mda5-rpild-patient-view"
ROLE = "mda5_cds"
"""Of the service in its database, and the database."""


def free_ports(count: int) -> tuple[int, ...]:
    """So many ports for servers that are started later."""
    ports = []
    with ExitStack() as held:
        for _ in range(count):
            ports.append(database._free_port())
            held.enter_context(socket.create_server(("127.0.0.1", ports[-1])))
    return tuple(ports)


@contextmanager
def made_database(server: PostgresServer, site: Site) -> Iterator[None]:
    """The role and its database, made by the script that the database's container runs."""
    environment = {**os.environ, "DATABASE_PASSWORD_FILE": str(site.folder / "secrets" / "database_password")}
    command = ["psql", "-X", "-q", "-d", server.url(), "-f", str(DEPLOY / "compose" / "database.sql")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    try:
        yield
    finally:
        server.execute(f"DROP DATABASE {ROLE} WITH (FORCE)")
        server.execute(f"DROP ROLE {ROLE}")


# ── a FHIR server ──


@dataclass(frozen=True)
class Fetching:
    """A FHIR server that answers when it is let; `asked` counts who waits."""

    server: FaultServer
    asked: threading.Semaphore
    let: threading.Event

    def hold(self) -> None:
        """From now on whoever asks waits until it is let."""
        self.let.clear()
        while self.asked.acquire(blocking=False):
            pass

    @property
    def allowed(self) -> Mapping[str, str]:
        """The settings by which a trial differs from compose's: this server and the wait for it, and a story's date."""
        fetched = {f"{PREFIX}FHIR_SERVERS": self.server.base, f"{PREFIX}FHIR_BUDGET_SECONDS": "12"}
        return {f"{PREFIX}ALLOW_AS_OF": "true", **fetched}

    def lacking(self) -> Json:
        """A call that has to wait for it."""
        access = {"access_token": "tok-en.tok-en", "token_type": "Bearer", "expires_in": 300, "scope": "x"}
        lacks = {**call(administrations=...), "fhirServer": self.server.base}
        return {**lacks, "fhirAuthorization": {**access, "subject": "y"}}


@contextmanager
def fetches() -> Iterator[Fetching]:
    """Runs it."""
    asked, let = threading.Semaphore(0), threading.Event()

    def slow(_: Call) -> Any:
        asked.release()
        assert let.wait(60)
        return fhir(searchset(given("42316")))

    with fault_server(slow) as server:
        try:
            yield Fetching(server, asked, let)
        finally:
            let.set()


# ── calls ──


def story(name: str) -> Json:
    """As of one instant, so that it is the same whenever it is asked."""
    request = fixtures.story(name).render(NOW)
    return {**request, "extension": {"mda5-cds.as-of": NOW.isoformat()}}


def path_of(request: Mapping[str, Any]) -> str:
    """Where a request is sent."""
    return f"/cds-services/mda5-rpild-{request['hook']}"


def refusal(answer: requests.Response, status: int) -> str:
    """The diagnostics of an OperationOutcome that holds to the contract."""
    assert answer.status_code == status, answer.text
    assert check_error(status, answer.headers, answer.content) == []
    assert answer.headers["X-Request-ID"]
    assert answer.headers["Strict-Transport-Security"]
    assert answer.headers["Cache-Control"] == "no-store"
    diagnostics: str = answer.json()["issue"][0]["diagnostics"]
    return diagnostics


def line(proxy: Proxy, answer: requests.Response) -> Json:
    """What the proxy's log says of a call."""
    return proxy.logged(answer.headers["X-Request-ID"])


def went_to_the_other(proxy: Proxy, since: int = 0) -> bool:
    """Whether a call was answered by a replica after the other had refused it, after so many lines of the log."""
    return "502, 200" in {each["replica_status"] for each in proxy.lines()[since:]}


@dataclass
class Callers:
    """Those who call all the time: by caller, how many of its calls went well, and what became of the others."""

    proxy: Proxy
    well: list[int] = field(default_factory=lambda: [0] * 4)
    ill: list[list[requests.Response | None]] = field(default_factory=lambda: [[] for _ in range(4)])
    """None: an answer that broke off in the middle, as no good answer does."""

    def more(self, calls: int) -> None:
        """Waits until so many more have gone well."""
        wanted = sum(self.well) + calls
        until(lambda: sum(self.well) >= wanted, 60)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Each sends the next call when the last is answered, whatever the answer."""
        over = threading.Event()

        def keep_calling(number: int) -> None:
            while not over.is_set():
                self._ask(number)

        with ThreadPoolExecutor(len(self.well)) as pool:
            work = [pool.submit(keep_calling, number) for number in range(len(self.well))]
            try:
                yield
            finally:
                over.set()
        for done in work:
            done.result()

    def _ask(self, number: int) -> None:
        try:
            answer = self.proxy.send(VIEW, story("untreated"))
        except requests.exceptions.ChunkedEncodingError:
            self.ill[number].append(None)
            return
        if answer.status_code == 200:
            self.well[number] += bool(answer.json()["cards"])
        else:
            self.ill[number].append(answer)
