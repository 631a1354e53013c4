"""The service under fire. In the suite a short form of it; `make soak` runs it for ten minutes, or `SECONDS=…`.

Two workers, the audit on, and at the same time: whole calls about ever other patients and the feedback on their cards,
encounters, calls whose chart is to be fetched (from an honest server, a real one, and those that stall, fail and lie),
bodies and requests that are no good, peers that are slow or gone, health and metrics. The database is lost and comes
back, workers are killed. Each answer is compared with the one that the same code gives in this process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import pytest

from service.fhir.memory import MOST_ANSWERS
from service.parts import load_parts
from service.prefetch import prefetch_templates
from service.settings import read_settings
from service.store import KeyedHash
from service.variables import PREFIX
from tests.acceptance.ehr import admitted
from tests.fault_server import FaultServer, fault_server
from tests.fhir_server import FhirServer
from tests.log_watch import sensitive, told
from tests.server import ROOT, running
from tests.soak.accounts import Books
from tests.soak.clients import Scene
from tests.soak.course import WORKERS, Course, evaluations
from tests.soak.ehrs import BUDGET_SECONDS, Charts
from tests.soak.ills import MAX_BODY_BYTES
from tests.soak.ledger import Ledger
from tests.soak.outages import database
from tests.soak.patients import STORIES, Json, new_patient, told_of
from tests.soak.report import Report
from tests.soak.truth import Truth
from tests.soak.vitals import trend

pytestmark = pytest.mark.load

SECONDS = float(os.environ.get("SOAK_SECONDS", 0))
"""How long the disturbances go on; 0: until each was there once."""
EVERY = 10.0
"""Seconds from one disturbance to the next, of a soak that lasts."""
KILLING, FILLED = 0.35, 0.55
"""Parts of the time: until when workers are killed, and from when on the last that was started may count as warm."""
FILLING = WORKERS * MOST_ANSWERS // 4
"""Calls that fill what processes remember of calls: each brings about five search answers that none before brought."""
ON_REAL_SERVER = 30 if SECONDS else 3
# KiB of parent and workers together. In the thousands of calls of the last minutes: less than a tenth of what a call's
# body takes, for each of them. Short: while all fills yet, only a leak of whole answers can be seen
MOST_GROWTH = 16 * 1024
MOST_SHORT_GROWTH = 96 * 1024
MOST_CONNECTIONS = 3 * WORKERS
"""To the database, kept by idle processes."""


@pytest.fixture
def course(request: pytest.FixtureRequest, tmp_path: Path, fhir_server: FhirServer) -> Iterator[Course]:
    """A service, its database, FHIR servers good and bad, and nobody who calls yet."""
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    charts = Charts()
    with ExitStack() as stack:
        lies: FaultServer = stack.enter_context(fault_server(charts.script))
        charts.base = lies.base
        where = stack.enter_context(database(request))
        settings = {
            "DATABASE_URL": where.url,
            "HASH_KEY_FILE": str(key),
            "ALLOW_AS_OF": "true",
            "MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            "FHIR_BUDGET_SECONDS": str(BUDGET_SECONDS),
            "FHIR_SERVERS": f"{lies.base} {fhir_server.base}",
        }
        known = read_settings({PREFIX + name: value for name, value in settings.items()})
        guideline = load_parts(known).guideline
        stories = STORIES[:: len(STORIES) // ON_REAL_SERVER]
        real = [_on(fhir_server, _told(story), prefetch_templates(guideline)) for story in stories]
        # each thread's allocator keeps what was freed there for itself: with one for all, what grows is what is held
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("MALLOC_ARENA_MAX", "1")
        service = stack.enter_context(running(tmp_path, WORKERS, **settings))
        scene = Scene(service.port, Truth(known), guideline, Ledger(), charts, fhir_server.base, real)
        evidence = (ROOT / "build" if SECONDS else tmp_path) / "soak-wrong"
        yield Course(service, scene, where, Books(where.direct, KeyedHash.from_file(key)), lies, evidence)


def _on(server: FhirServer, request: Json, templates: Mapping[str, str]) -> Json:
    """The call whose chart is on the server: its prefetch is what the server finds for the templates.

    A result that only has a local code is not found by them, unless the site's policy names it.
    """
    admitted(server, request)
    return {**request, "prefetch": server.prefetch(templates, request["context"]["patientId"])}


def _told(story: str) -> Json:
    request = told_of(new_patient(), story)
    sensitive(*told(request))
    return request


def test_a_soak(course: Course, tmp_path: Path) -> None:
    began, fresh = time.monotonic(), course.measure()
    with course.calling():
        course.goes_on()
        first = course.measure()
        steady = _disturbed_until(course, began, began + SECONDS) if SECONDS else _disturbed_once(course)
        course.wait(course.has_seen)
    course.recovers()
    held, metrics = (first, course.at_rest(fresh)), course.metrics()
    connections = course.database.connections()
    assert course.service.stop() == 0
    lost = int(metrics[("audit_rows_lost_total",)])
    accounts, ledger = course.settled_accounts(lost), course.scene.ledger
    report = Report(
        seconds=time.monotonic() - began,
        database=course.database.kind,
        outcomes=dict(ledger.outcomes),
        client_seconds=ledger.seconds,
        service_milliseconds=course.milliseconds(),
        outages=dict(course.outages),
        kills=len(ledger.kills),
        broken=len(ledger.broken),
        most_broken=course.most_broken,
        accounts=accounts,
        lost=lost,
        held=held,
        memory=trend([(each.at, each.pss) for each in course.measured if each.at >= steady]),
        course_of_memory=[(round(each.at - began), round(each.pss / 1024, 1)) for each in course.measured],
        database_connections=connections,
    )
    report.write(ROOT / "build" if SECONDS else tmp_path)
    print(report)
    # a killed process may have counted a call whose answer it could not send any more
    assert 0 <= evaluations(metrics) - accounts.evaluated <= ledger.unanswered.total()
    assert connections is None or connections <= MOST_CONNECTIONS
    assert report.memory.growth <= (MOST_GROWTH if SECONDS else MOST_SHORT_GROWTH) + 3 * report.memory.scatter


def _disturbed_once(course: Course) -> float:
    """The database lost in one way, and a worker killed; returns the instant since which the same processes live."""
    course.lose_database(next(iter(course.database.outages)))
    course.kill_worker()
    since = course.measure().at
    course.goes_on()
    return since


def _disturbed_until(course: Course, began: float, end: float) -> float:
    """Disturbances in turn. At first workers are killed as well; in the end the same processes live on.

    Returns the instant since which these have filled what they keep, and should hold no more and no less.
    """
    ways, length = cycle(course.database.outages), end - began
    while time.monotonic() < began + KILLING * length:
        course.lose_database(next(ways))
        course.quiet_for(EVERY)
        course.kill_worker()
        course.quiet_for(EVERY)
    before, most = len(course.scene.ledger.evaluated), end + length
    while time.monotonic() < began + FILLED * length or len(course.scene.ledger.evaluated) < before + FILLING:
        course.lose_database(next(ways))
        course.quiet_for(EVERY)
        assert time.monotonic() < most, "too few calls in twice the time"
    steady = course.measure()
    while time.monotonic() < max(end, steady.at + length / 4):
        course.lose_database(next(ways))
        course.quiet_for(2 * EVERY)
    assert course.measure().workers == steady.workers
    return steady.at
