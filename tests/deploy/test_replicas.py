"""Two replicas behind the proxy of deploy/, as deploy/compose.yaml starts them: TLS, signed calls, one PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

import fixtures
from service.app import create_app
from service.settings import DEFAULT_MAX_BODY_BYTES, read_settings
from service.store import Store, StoreLost
from service.variables import PREFIX
from tests import database
from tests.acceptance.fhir import call, given
from tests.contract.conformance import check_error
from tests.database import PostgresServer
from tests.deploy.trial import CALL, DEPLOY, ISSUER, Json, Proxy, Site, nginx, prepare, proxy
from tests.fault_server import Call, FaultServer, fault_server, fhir, searchset
from tests.log_watch import sensitive
from tests.server import Running, running, until
from tests.unit.service.telemetry.test_metrics import samples

pytestmark = pytest.mark.load

postgres_server = database.postgres_server

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
VIEW = "/cds-services/mda5-rpild-patient-view"
ROLE = "mda5_cds"
"""Of the service in its database, and the database."""


@dataclass(frozen=True)
class Fetching:
    """A FHIR server that answers when it is let."""

    server: FaultServer
    asked: threading.Semaphore
    let: threading.Event

    def lacking(self) -> Json:
        """A call that has to wait for it."""
        access = {"access_token": "tok-en.tok-en", "token_type": "Bearer", "expires_in": 300, "scope": "x"}
        lacks = {**call(administrations=...), "fhirServer": self.server.base}
        return {**lacks, "fhirAuthorization": {**access, "subject": "y"}}


@dataclass(frozen=True)
class Deployed:
    """The site, its environment on this machine, two replicas and the proxy before them."""

    site: Site
    environment: Mapping[str, str]
    replicas: tuple[Running, Running]
    proxy: Proxy
    fetching: Fetching
    home: Path

    @contextmanager
    def with_another(self, name: str) -> Iterator[tuple[Running, Proxy]]:
        """A replica of its own, which the test may end, and a proxy before it and the first one."""
        with running(self.home / name, **self.environment) as other:
            ports = [other.port, self.replicas[0].port]
            with proxy(self.site, self.home / f"{name}-proxy", database._free_port(), ports) as before:
                yield other, before


@pytest.fixture(scope="module")
def deployed(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """All of it, each part as deploy/ says; as-of dates are allowed besides, and a FHIR server of this machine."""
    if nginx() is None or shutil.which("openssl") is None:
        pytest.skip("needs nginx and openssl (Debian: nginx-light, openssl)")
    home = tmp_path_factory.mktemp("deployed")
    site = Site(home / "site", database._free_port())
    made = prepare(site.folder, f"localhost:{site.port}")
    assert made.returncode == 0, made.stderr
    with ExitStack() as stack:
        stack.enter_context(made_database(postgres_server, site))
        fetching = stack.enter_context(fetches())
        given = {
            **site.settings(postgres_server.port),
            f"{PREFIX}ALLOW_AS_OF": "true",
            f"{PREFIX}FHIR_SERVERS": fetching.server.base,
        }
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PGSERVICEFILE", given["PGSERVICEFILE"])
        ours = {name.removeprefix(PREFIX): value for name, value in given.items() if name.startswith(PREFIX)}
        with ThreadPoolExecutor(2) as starters:
            started = [
                starters.submit(lambda n: stack.enter_context(running(home / n, **ours)), name) for name in ("1", "2")
            ]
        replicas = (started[0].result(), started[1].result())
        ports = [each.port for each in replicas]
        before = stack.enter_context(proxy(site, home / "proxy", site.port, ports))
        yield Deployed(site, ours, replicas, before, fetching, home)


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


@contextmanager
def fetches() -> Iterator[Fetching]:
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


def story(name: str) -> Json:
    """As of one instant, so that it is the same whenever it is asked."""
    request = fixtures.story(name).render(NOW)
    return {**request, "extension": {"mda5-cds.as-of": NOW.isoformat()}}


def path_of(request: Mapping[str, Any]) -> str:
    return f"/cds-services/mda5-rpild-{request['hook']}"


def answered(server: Running) -> float:
    """How many calls of the services this replica has answered with 200."""
    found = samples(server.get("/metrics").text)
    return sum(count for key, count in found.items() if key[:2] == ("calls_total", ISSUER) and key[-1] == "200")


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


def test_both_replicas_answer_all_stories_as_one_process_does(deployed: Deployed) -> None:
    """To the same signed client: the same bodies, `uuid`s of the cards included."""
    settings = read_settings({f"{PREFIX}{name}": value for name, value in deployed.environment.items()})
    alone = create_app(replace(settings, database_url="sqlite://")).test_client()
    before = [answered(each) for each in deployed.replicas]

    def ask(name: str) -> Any:
        request = story(name)
        answer = deployed.proxy.send(path_of(request), request)
        assert answer.status_code == 200, answer.text
        return answer.json()

    with ThreadPoolExecutor(4) as callers:
        bodies = dict(zip(fixtures.names(), callers.map(ask, fixtures.names()), strict=True))
    for name, body in bodies.items():
        request = story(name)
        headers = {"Authorization": f"Bearer {deployed.site.token(path_of(request))}"}
        assert body == alone.post(path_of(request), json=request, headers=headers).get_json(), name
    shares = [answered(each) - count for each, count in zip(deployed.replicas, before, strict=True)]
    assert sum(shares) == len(bodies)
    assert abs(shares[0] - shares[1]) <= 1, "each in its turn"


def test_discovery_needs_a_token_here_too(deployed: Deployed) -> None:
    assert len(deployed.proxy.send("/cds-services").json()["services"]) == 3
    assert refusal(deployed.proxy.send("/cds-services", token=""), 401)


def test_a_token_is_good_for_one_call_at_either_replica(deployed: Deployed) -> None:
    text = deployed.site.token(VIEW)
    answers = [deployed.proxy.send(VIEW, story("untreated"), text) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 401, 401]
    assert "jti" in refusal(answers[1], 401)
    assert len({line(deployed.proxy, each)["replica"] for each in answers}) == 2


def test_feedback_counts_once_whoever_takes_it(deployed: Deployed) -> None:
    cards = deployed.proxy.send(VIEW, story("refractory")).json()["cards"]
    at = NOW.isoformat()
    batch = {"feedback": [{"card": each["uuid"], "outcome": "accepted", "outcomeTimestamp": at} for each in cards]}
    for entry in batch["feedback"]:
        entry["acceptedSuggestions"] = [{"id": cards[0]["suggestions"][0]["uuid"]}] if "suggestions" in cards[0] else []
    path = f"{VIEW}/feedback"
    said = [deployed.proxy.send(path, batch).json()["issue"][0]["diagnostics"] for _ in range(3)]
    known = f"0 entries stored, {len(cards)} already known"
    assert said == [f"{len(cards)} entries stored", known, known]


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/metrics", "/health/live", "/health/ready", "/openapi.json", "/sandbox", "/cds-services/"),
        *("/cds-services/other", f"{VIEW}/other", f"{VIEW}%0a", "/cds-services/../metrics"),
        *("/cds-services/%2e%2e/health/ready", f"{VIEW}/../../metrics", "//metrics"),
    ],
)
def test_nothing_but_the_services_is_there_from_outside(deployed: Deployed, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = deployed.proxy.raw(head.encode())
    first, _, body = answer.decode().partition("\r\n\r\n")
    assert first.startswith("HTTP/1.1 404 ")
    assert check_error(404, {"Content-Type": "application/json"}, body.encode()) == []
    request_id = first.partition("X-Request-ID: ")[2].split("\r\n")[0]
    assert deployed.proxy.logged(request_id)["replica"] == ""


def test_what_a_caller_types_is_neither_passed_on_nor_logged(deployed: Deployed) -> None:
    typed = "Margit-Musterfrau-1961"
    sensitive(typed)
    query = {"patient": typed}
    answer = deployed.proxy.send(VIEW, story("untreated"), params=query, headers={"X-Request-ID": typed})
    assert answer.status_code == 200
    lost = deployed.proxy.send(f"/{typed}", {}, headers={"Referer": typed, "X-Forwarded-For": typed})
    assert refusal(lost, 404)
    called, refused = line(deployed.proxy, answer), line(deployed.proxy, lost)
    assert (called["route"], called["status"]) == (VIEW, 200)
    assert (refused["route"], refused["status"]) == ("", 404)
    logs = (deployed.proxy.log, *(each.log for each in deployed.replicas))
    assert not [log for log in logs if typed in log.read_text("utf-8")]


def test_what_the_proxy_cannot_take(deployed: Deployed) -> None:
    proxy = deployed.proxy
    with proxy.http.get(f"http://127.0.0.1:{proxy.port}/cds-services", timeout=30) as clear:
        assert "TLS" in refusal(clear, 400)
    assert refusal(proxy.send(VIEW, {}, headers={"Cookie": "c" * 9000}), 431)
    assert refusal(proxy.send(VIEW, {}, params={"q": "x" * 9000}), 414)
    head, _, body = proxy.raw(b"no HTTP\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert check_error(400, {"Content-Type": "application/json"}, body) == []


def test_a_body_at_the_limit_and_above(deployed: Deployed) -> None:
    body = json.dumps(story("untreated")).encode()
    as_json = {"Content-Type": "application/json"}
    most = body + b" " * (DEFAULT_MAX_BODY_BYTES - len(body))
    assert deployed.proxy.send(VIEW, data=most, headers=as_json).status_code == 200
    for too_much in (most + b" ", iter([most, b" "])):
        answer = deployed.proxy.send(VIEW, data=too_much, headers=as_json)
        assert refusal(answer, 413)
        assert line(deployed.proxy, answer)["replica"] == "", "refused here"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_json_is_refused_before_it_is_read(deployed: Deployed, headers: Mapping[str, str]) -> None:
    for body in (b"{}", b" " * DEFAULT_MAX_BODY_BYTES):
        assert refusal(deployed.proxy.send(VIEW, data=body, token="", headers=headers), 415)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "Application/JSON;charset=utf-8"},
        {"Content-Type": "application/json ; charset=utf-8"},
        {"Content-Type": "application/fhir+json"},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
)
def test_json_is_json_however_it_is_named(deployed: Deployed, headers: Mapping[str, str]) -> None:
    body = json.dumps(story("untreated")).encode()
    assert deployed.proxy.send(VIEW, data=body, headers=headers).status_code == 200


def test_slow_senders_hold_nobody_up(deployed: Deployed) -> None:
    """More than both replicas have threads, and strangers all: each keeps its half of a body for itself."""
    path = "/cds-services/mda5-rpild-order-sign/feedback"
    half = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{{"
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(closing(deployed.proxy.connect())).sendall(half.encode())
        with ThreadPoolExecutor(4) as callers:
            sent = [callers.submit(deployed.proxy.send, VIEW, story("untreated")) for _ in range(8)]
        assert [each.result().status_code for each in sent] == [200] * 8

    def theirs() -> list[str]:
        return [each["replica"] for each in deployed.proxy.lines() if each["route"] == path]

    until(lambda: len(theirs()) == 20, 30)
    assert set(theirs()) == {""}, "nothing of them was passed on"


def test_the_script_calls_as_the_trial_ehr(deployed: Deployed) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl (Debian: curl)")
    environment = {**os.environ, "SITE": str(deployed.site.folder)}
    request = json.dumps(story("refractory"), indent=2)
    ran = subprocess.run([str(CALL)], env=environment, input=request, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == deployed.proxy.send(VIEW, story("refractory")).json()


def test_nobody_there(deployed: Deployed, tmp_path: Path) -> None:
    port = database._free_port()
    with proxy(deployed.site, tmp_path / "alone", port, [1, 2]) as alone:
        answer = alone.send(VIEW, story("untreated"))
        assert "send it again" in refusal(answer, 502)
        assert answer.headers["Retry-After"] == "1"
        assert line(alone, answer)["replica_status"] == "502, 502", "both were tried"


def test_a_new_certificate_is_taken_without_a_stop(deployed: Deployed, tmp_path: Path) -> None:
    fresh = Site(tmp_path / "site", database._free_port())
    assert prepare(fresh.folder).returncode == 0
    ports = [each.port for each in deployed.replicas]
    with proxy(deployed.site, tmp_path / "proxy", fresh.port, ports) as renewed:
        assert renewed.send("/cds-services").status_code == 200
        mounted = tmp_path / "proxy" / "configuration" / "tls"
        mounted.unlink()
        mounted.symlink_to(fresh.folder / "tls")
        renewed.process.send_signal(signal.SIGHUP)
        expected = (fresh.folder / "tls" / "certificate.pem").read_text()
        until(lambda: ssl.get_server_certificate(("127.0.0.1", fresh.port)) == expected, 30)
        renewed.http.close()
        renewed.http.verify = str(fresh.authority)
        assert renewed.send("/cds-services").status_code == 200


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


def went_to_the_other(proxy: Proxy) -> bool:
    """Whether a call was answered by a replica after the other had refused it."""
    return "502, 200" in {each["replica_status"] for each in proxy.lines()}


def test_a_replica_that_is_killed_takes_no_call_with_it_but_those_it_had(deployed: Deployed) -> None:
    with deployed.with_another("killed") as (mortal, before):
        callers = Callers(before)
        with callers.calling():
            callers.more(8)
            mortal.process.kill()
            mortal.process.wait()
            for pid in mortal.workers():
                os.kill(pid, signal.SIGKILL)
            callers.more(20)
    assert max(map(len, callers.ill)) <= 1, "a caller has one call under way"
    for answer in (each for own in callers.ill for each in own):
        assert answer is None or "new token" in refusal(answer, 502)
    assert went_to_the_other(before)


def test_a_replica_that_is_stopped_costs_no_call(deployed: Deployed) -> None:
    fetching = deployed.fetching
    with deployed.with_another("stopped") as (leaving, before):
        callers = Callers(before)
        with ThreadPoolExecutor(2) as others:
            # one for each replica
            waiting = [others.submit(partial(before.send, VIEW, fetching.lacking())) for _ in range(2)]
            assert all(fetching.asked.acquire(timeout=30) for _ in waiting)
            with callers.calling():
                callers.more(8)
                leaving.process.send_signal(signal.SIGTERM)
                callers.more(8)
                fetching.let.set()
                assert leaving.process.wait(60) == 0
                callers.more(8)
            assert [each.result().status_code for each in waiting] == [200, 200]
    assert callers.ill == [[], [], [], []]
    assert went_to_the_other(before)


def test_the_password_may_stand_in_a_passfile(deployed: Deployed, tmp_path: Path) -> None:
    """One of the service's user alone: libpq does not read any other."""
    file = tmp_path / "passfile"
    file.write_text(f"*:*:*:{ROLE}:{(deployed.site.folder / 'secrets' / 'database_password').read_text()}")
    url = deployed.environment["DATABASE_URL"].replace("service=mda5-cds", f"passfile={file}")
    for mode, why in ((0o600, None), (0o644, "password")):
        file.chmod(mode)
        with closing(Store(url)) as store, nullcontext() if why is None else pytest.raises(StoreLost, match=why):
            store.migrate()


def test_what_was_answered_is_kept_in_the_one_database(deployed: Deployed) -> None:
    """By the role that owns it and is nobody's superuser."""
    url = deployed.environment["DATABASE_URL"]
    assert ROLE in url
    with closing(Store(url)) as store, store.begin(reading=True) as connection:
        mine = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = user"
        assert connection.exec_driver_sql(mine).one() == (False, False, False)
