"""Two services on one database, and one that loses it: what was acknowledged is kept once, and cards keep coming."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import select

import fixtures
from service.store import Store
from service.store.tables import calls, feedback, shown_cards
from tests import database
from tests.acceptance.fhir import Json, call, given
from tests.database import PostgresServer
from tests.fault_server import Call, fault_server, fhir, searchset
from tests.server import ROOT, Running, running, until
from tests.unit.service.security.issuer import PUBLIC_URL, clients_file, member, token
from tests.unit.service.store.rows import count
from tests.unit.service.telemetry.test_metrics import samples

pytestmark = pytest.mark.load

postgres_server, postgres, postgres_url = database.postgres_server, database.postgres, database.postgres_url
sqlite_url = database.sqlite_url

VIEW = "/cds-services/mda5-rpild-patient-view"
NORMAL_SECONDS = 2.0
"""No time-out of a database is shorter: a call that takes longer than usual by less than that has waited for none."""
BACK_SECONDS = 60.0


@dataclass
class Told:
    """What a service said of calls and feedback that it answered with 200."""

    cards: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    calls: int = 0
    slowest: float = 0.0
    feedback_statuses: set[tuple[int, bool]] = field(default_factory=set)


def posted(server: Running, path: str, body: Json, text: str = "") -> requests.Response:
    """On a connection of its own, so that any process may get it."""
    headers = {"Connection": "close"} | ({"Authorization": f"Bearer {text}"} if text else {})
    return server.http.post(server.url(path), json=body, timeout=30, headers=headers)


def some_call() -> Json:
    return {**fixtures.story("untreated").render(datetime.now(UTC)), "hookInstance": str(uuid4())}


def entries(cards: Sequence[str]) -> Json:
    at = datetime.now(UTC).isoformat()
    return {"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": at} for card in cards]}


def ask(server: Running, told: Told, text: str = "") -> None:
    """A call, and the feedback on its cards."""
    begun = time.monotonic()
    answer = posted(server, VIEW, some_call(), text)
    told.slowest = max(told.slowest, time.monotonic() - begun)
    assert answer.status_code == 200
    shown = [card["uuid"] for card in answer.json()["cards"]]
    assert shown
    told.calls += 1
    told.cards += shown
    if not text:
        kept = posted(server, f"{VIEW}/feedback", entries(shown))
        told.feedback_statuses.add((kept.status_code, "Retry-After" in kept.headers))
        told.entries += shown if kept.ok else ()


def no_slower(usual: float, *others: Told) -> None:
    """No call waited for the database; `usual` is what the slowest took that was made in the same way without need."""
    assert max(each.slowest for each in others) - usual < NORMAL_SECONDS


def kept_once(url: str, told: Told) -> None:
    """Whatever was acknowledged is in the database, and no entry twice."""
    with closing(Store(url)) as store, store.begin(reading=True) as connection:
        shown = set(connection.execute(select(shown_cards.c.uuid)).scalars())
        answered = list(connection.execute(select(feedback.c.card)).scalars())
    assert set(told.cards) <= shown
    assert set(told.entries) <= set(answered)
    assert len(answered) == len(set(answered))


@contextmanager
def two_services(tmp_path: Path, url: str, **environment: str) -> Iterator[tuple[Running, Running]]:
    """Started at the same moment, two workers each."""
    homes = [tmp_path / "one", tmp_path / "two"]
    with ExitStack() as stack, ThreadPoolExecutor(2) as starters:
        starting: list[Future[Running]] = [
            starters.submit(
                lambda home: stack.enter_context(running(home, workers=2, DATABASE_URL=url, **environment)), home
            )
            for home in homes
        ]
        yield starting[0].result(), starting[1].result()


def command(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`mda5-cds` as an operator calls it beside a running service."""
    environment = {**os.environ, "MDA5_CDS_DATABASE_URL": url}
    words = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_two_services_on_an_empty_database_share_it(tmp_path: Path, postgres_url: str) -> None:
    with two_services(tmp_path, postgres_url) as (one, other):
        assert [each.get("/health/ready").json()["store"] for each in (one, other)] == ["ok", "ok"]
        assert not [line for each in (one, other) for line in each.lines() if line["level"] == "ERROR"]
        shown = [card["uuid"] for card in posted(one, VIEW, some_call()).json()["cards"]]
        batch = entries(shown)
        said = [posted(each, f"{VIEW}/feedback", batch).json()["issue"][0]["diagnostics"] for each in (one, other, one)]
        new, known = f"{len(shown)} entries stored", f"0 entries stored, {len(shown)} already known"
        assert said == [new, known, known]
        topics = json.loads(command(postgres_url, "feedback", "report", "--format", "json").stdout)["topics"]
        assert [(topic["shown"], topic["overridden"]) for topic in topics] == [(1, 1)] * len(shown)
        examined = command(postgres_url, "doctor")
        assert (examined.returncode, "can be written; its tables are up to date" in examined.stdout) == (0, True)
        assert command(postgres_url, "feedback", "purge", "--older-than", "1").returncode == 0
    with closing(Store(postgres_url)) as store:
        assert (count(store, feedback), count(store, calls)) == (len(shown), 1), "nothing was a day old"


def identified(tmp_path: Path) -> dict[str, str]:
    """The settings of a service whose callers sign their calls."""
    clients = clients_file(tmp_path, member())
    return {"AUTH": "jwt", "PUBLIC_URL": PUBLIC_URL, "TRUSTED_CLIENTS": str(clients)}


def fresh_token() -> str:
    return token(now=datetime.now(UTC), jti=str(uuid4()))


def test_a_token_used_at_one_service_is_used_at_the_other(tmp_path: Path, postgres_url: str) -> None:
    with two_services(tmp_path, postgres_url, **identified(tmp_path)) as (one, other):
        for first, second in ((one, other), (other, one)):
            text = fresh_token()
            assert [posted(each, VIEW, some_call(), text).status_code for each in (first, second, first)] == [
                *(200, 401),
                401,
            ]


@contextmanager
def callers(told: Told, *servers: Running, each: int = 2) -> Iterator[None]:
    """Several who call all the time, and repeat nothing that broke."""
    over = threading.Event()

    def keep_calling(server: Running) -> None:
        while not over.is_set():
            try:
                ask(server, told)
            # its process was killed meanwhile, before it answered or with a part of its answer sent
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                time.sleep(0.05)

    with ThreadPoolExecutor(each * len(servers)) as pool:
        work = [pool.submit(keep_calling, server) for server in servers for _ in range(each)]
        try:
            yield
        finally:
            over.set()
    for done in work:
        done.result()


def alive(server: Running) -> list[int]:
    return [pid for pid in server.workers() if Path(f"/proc/{pid}").exists()]


def test_workers_and_a_whole_service_are_killed_in_the_middle(tmp_path: Path, postgres_url: str) -> None:
    told = Told()
    with two_services(tmp_path, postgres_url) as (one, other):
        with callers(told, one, other):
            for server in (one, other, one):
                before = told.calls
                until(lambda before=before: told.calls >= before + 10, BACK_SECONDS)  # type: ignore[misc]
                os.kill(alive(server)[0], signal.SIGKILL)
            for pid in (other.process.pid, *alive(other)):
                os.kill(pid, signal.SIGKILL)
            before = told.calls
            until(lambda: told.calls >= before + 10, BACK_SECONDS)
        counted = samples(one.get("/metrics").text)
        assert counted[("audit_rows_waiting",)] == counted[("audit_rows_lost_total",)] == 0
    kept_once(postgres_url, told)


def store_of(server: Running) -> tuple[int, str, float]:
    """What health and metrics say of the store."""
    ready = server.get("/health/ready")
    return ready.status_code, ready.json()["store"], samples(server.get("/metrics").text)[("store_lost",)]


def comes_back(server: Running) -> None:
    until(lambda: store_of(server) == (200, "ok", 0.0), BACK_SECONDS)
    until(lambda: samples(server.get("/metrics").text)[("audit_rows_waiting",)] == 0, BACK_SECONDS)


def test_postgres_goes_and_comes_back_under_load(tmp_path: Path, postgres: PostgresServer, postgres_url: str) -> None:
    told, without = Told(), Told()
    with running(tmp_path, workers=2, DATABASE_URL=postgres_url) as server:
        with callers(told, server):
            until(lambda: told.calls >= 10, BACK_SECONDS)
            usual = told.slowest
            postgres.stop()
            until(lambda: store_of(server) == (200, "lost", 1.0), BACK_SECONDS)
            for _ in range(5):
                ask(server, without)
            postgres.start()
            until(lambda: store_of(server) == (200, "ok", 0.0), BACK_SECONDS)
        comes_back(server)
        ask(server, told)
        no_slower(usual, told, without)
        assert without.feedback_statuses == {(503, True)}
        assert told.feedback_statuses == {(200, False), (503, True)}
        assert samples(server.get("/metrics").text)[("audit_rows_lost_total",)] == 0
    kept_once(postgres_url, told)
    kept_once(postgres_url, without)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_call_waits_for_a_database_that_is_stuck(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    """It takes connections and questions, and answers none: also who is to be identified gets cards in normal time."""
    url = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    usual, told = Told(), Told()
    with running(tmp_path, workers=2, DATABASE_URL=url, **identified(tmp_path)) as server:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: ask(server, usual, fresh_token()), range(12)))
        stuck: Callable[[], Any] = (
            (lambda: locked(Path(url.removeprefix("sqlite:///"))))
            if kind == "sqlite"
            else request.getfixturevalue("postgres_server").frozen
        )
        with stuck(), ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: ask(server, told, fresh_token()), range(40)))
            no_slower(usual.slowest, told)
            assert samples(server.get("/metrics").text)[("tokens_unshared_total",)] > 0
        comes_back(server)
    for each in (usual, told):
        kept_once(url, each)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another process, a backup for example, holds the file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def full(server: Running, file: Path) -> Callable[[], None]:
    """No file of the service may grow any more; returns what gives room again."""
    pids = (server.process.pid, *server.workers())
    before = resource.prlimit(pids[0], resource.RLIMIT_FSIZE)

    def limit(bytes_: int) -> None:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_, before[1]))

    limit(file.stat().st_size)
    return lambda: limit(before[0])


def gone(server: Running, file: Path) -> Callable[[], None]:
    """The folder is not there, as when a disk is not mounted; returns what brings it back."""
    elsewhere = file.parent.rename(file.parent.with_name("elsewhere"))

    def bring_back() -> None:
        elsewhere.rename(file.parent)

    return bring_back


@pytest.mark.parametrize("lose", [full, gone])
def test_a_file_that_cannot_be_written_costs_no_card(
    tmp_path: Path, sqlite_url: str, lose: Callable[[Running, Path], Callable[[], None]]
) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    told, without = Told(), Told()
    with running(tmp_path, workers=2, DATABASE_URL=sqlite_url) as server:
        ask(server, told)
        usual = told.slowest
        give_back = lose(server, file)
        # what the disk had room for is taken yet
        until(lambda: ask(server, without) is None and store_of(server)[1] == "lost", BACK_SECONDS)
        lost = Told()
        for _ in range(5):
            ask(server, lost)
        give_back()
        comes_back(server)
        ask(server, told)
    assert lost.feedback_statuses == {(503, True)}
    no_slower(usual, told, without, lost)
    for each in (told, without, lost):
        kept_once(sqlite_url, each)


def test_a_deleted_file_is_made_anew(tmp_path: Path, sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    told = Told()
    with running(tmp_path, workers=2, DATABASE_URL=sqlite_url) as server:
        ask(server, Told())
        for each in file.parent.iterdir():
            each.unlink()
        for _ in range(6):
            ask(server, told)
        assert told.feedback_statuses == {(200, False)}
    kept_once(sqlite_url, told)


def test_a_database_that_appears_after_the_start(tmp_path: Path, postgres_server: PostgresServer) -> None:
    name = f"late_{uuid4().hex}"
    url, told = postgres_server.url(name), Told()
    with running(tmp_path, workers=2, DATABASE_URL=url) as server:
        assert store_of(server) == (200, "lost", 1.0)
        ask(server, told)
        assert told.feedback_statuses == {(503, True)}
        examined = command(url, "doctor")
        assert (examined.returncode, "the database does not exist on its server" in examined.stdout) == (1, True)
        assert postgres_server.password not in examined.stdout + server.log.read_text("utf-8")
        postgres_server.execute(f"CREATE DATABASE {name}")
        comes_back(server)
        ask(server, told)
    kept_once(url, told)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_rows_that_no_store_took_are_named_at_the_end(tmp_path: Path) -> None:
    with running(tmp_path, DATABASE_URL="sqlite:////proc/nowhere/cards.sqlite3") as server:
        for _ in range(3):
            ask(server, Told())
        assert server.stop() == 0
    assert [line["message"] for line in server.lines() if "rows of the audit are lost" in line["message"]] == [
        "3 rows of the audit are lost: the store did not take them before the end"
    ]


def test_sigterm_finishes_calls_fetches_and_feedback(tmp_path: Path, sqlite_url: str) -> None:
    asked = threading.Semaphore(0)

    def slow(_: Call) -> Any:
        asked.release()
        time.sleep(2)
        return fhir(searchset(given("42316")))

    told = Told()
    with (
        fault_server(slow) as ehr,
        running(tmp_path, workers=2, DATABASE_URL=sqlite_url, FHIR_SERVERS=ehr.base) as server,
        ThreadPoolExecutor(6) as pool,
    ):
        access = {"access_token": "tok-en.tok-en", "token_type": "Bearer", "expires_in": 300, "scope": "x"}
        lacks = {**call(administrations=...), "fhirServer": ehr.base, "fhirAuthorization": {**access, "subject": "y"}}
        fetching = [pool.submit(posted, server, VIEW, lacks) for _ in range(2)]
        others = [pool.submit(until_refused, server, told) for _ in range(3)]
        for _ in range(2):
            assert asked.acquire(timeout=20)
        until(lambda: bool(told.feedback_statuses), 20)
        assert server.stop() == 0
        assert [each.result().status_code for each in fetching] == [200, 200]
        assert [each.result() for each in others] == [None] * 3
    assert told.feedback_statuses == {(200, False)}
    kept_once(sqlite_url, told)
    with closing(Store(sqlite_url)) as store:
        assert count(store, calls) == told.calls + len(fetching)


def until_refused(server: Running, told: Told) -> None:
    """Calls until nobody listens; a connection that breaks in the middle of an answer fails the test."""

    def keep_calling() -> None:
        while True:
            ask(server, told)

    with pytest.raises(requests.ConnectionError, match="refused"):
        keep_calling()


def test_nothing_grows_with_the_calls(tmp_path: Path, sqlite_url: str) -> None:
    with (
        fault_server(lambda _: fhir(searchset(given("42316")))) as ehr,
        running(tmp_path, DATABASE_URL=sqlite_url, FHIR_SERVERS=ehr.base) as server,
    ):
        access = {"access_token": "tok-en.tok-en", "token_type": "Bearer", "expires_in": 300, "scope": "x"}
        lacks = {**call(administrations=...), "fhirServer": ehr.base, "fhirAuthorization": {**access, "subject": "y"}}

        def some(_: int) -> None:
            ask(server, Told())
            assert posted(server, VIEW, lacks).status_code in {200, 503}

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(some, range(100)))
            warm = held(server)
            list(pool.map(some, range(150)))
        for now, then, more in zip(held(server), warm, (4, 4, 8 * 1024), strict=True):
            assert now <= then + more


def held(server: Running) -> tuple[int, int, int]:
    """Threads, open files and resident memory (KiB) of the one worker."""
    folder = Path(f"/proc/{server.workers()[0]}")
    (resident,) = [line.split()[1] for line in (folder / "status").read_text().splitlines() if line[:6] == "VmRSS:"]
    return len(list((folder / "task").iterdir())), len(list((folder / "fd").iterdir())), int(resident)
