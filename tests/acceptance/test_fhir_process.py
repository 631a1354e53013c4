"""The fall-back in the service as it really runs: with a real FHIR server, and beside one that stalls."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

import fixtures
from tests.acceptance.ehr import KEYS, admitted, lacking
from tests.acceptance.fhir import Json
from tests.fhir_server import FhirServer
from tests.server import Running, running

pytestmark = pytest.mark.load

VIEW = "/cds-services/mda5-rpild-patient-view"
BUDGET = 6.0
SLOTS = 3
# a third of the budget: far above what an answer takes, and far below what waiting for a fall-back would take
AT_ONCE = BUDGET / 3


@dataclass(frozen=True)
class Answer:
    """A response, with the seconds it took."""

    response: requests.Response
    seconds: float


def post(service: Running, request: Json) -> Answer:
    """A call on a connection of its own, as other callers make theirs."""
    url, begun = service.url(VIEW), time.monotonic()
    response = requests.post(url, json=request, timeout=60, headers={"Connection": "close"})
    return Answer(response, time.monotonic() - begun)


def get(service: Running, path: str) -> Answer:
    begun = time.monotonic()
    response = service.get(path)
    return Answer(response, time.monotonic() - begun)


def test_a_real_service_asks_a_real_server(tmp_path: Path, fhir_server: FhirServer) -> None:
    """As a hospital runs it: several workers, several callers, each with what it lacks."""
    # the service has no other clock than the day's: the chart is of today
    told = replace(fixtures.story("refractory"), name="refractory-today").render(datetime.now(UTC))
    whole = admitted(fhir_server, told)
    with running(tmp_path, workers=2, FHIR_SERVERS=fhir_server.base) as service:
        full = post(service, whole).response.json()
        lacks = [(), *((key,) for key in KEYS), KEYS]
        with ThreadPoolExecutor(2) as callers:
            answers = list(callers.map(lambda keys: post(service, lacking(fhir_server, whole, *keys)), lacks))
    for answer in answers:
        assert answer.response.status_code == 200, answer.response.text
        found = answer.response.json()
        assert without_instant(found) == without_instant(full)
    assert {card["source"]["topic"]["code"] for card in full["cards"]} >= {"rec-4", "rec-5", "risk"}


def without_instant(body: Json) -> Json:
    """The answer but for the instant at which it was given."""
    found = {name: value for name, value in body["extension"]["mda5-cds.assessment"].items() if name != "asOf"}
    return {"cards": body["cards"], "assessment": found}


@pytest.fixture
def stalled() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


def test_more_fallbacks_than_slots_are_503_and_nobody_else_waits(tmp_path: Path, stalled: socket.socket) -> None:
    server = f"http://127.0.0.1:{stalled.getsockname()[1]}/fhir"
    whole = fixtures.story("refractory").render(datetime.now(UTC))
    waiting = lacking(server, whole, "observations")
    settings = {"FHIR_SERVERS": server, "FHIR_BUDGET_SECONDS": str(BUDGET)}
    with running(tmp_path, **settings) as service, ThreadPoolExecutor(8) as callers, ExitStack() as connections:
        held = [callers.submit(post, service, waiting) for _ in range(SLOTS)]
        for _ in held:
            connections.enter_context(stalled.accept()[0])  # all of them wait now: no slot is left
        beyond = [callers.submit(post, service, waiting) for _ in range(4)]
        for call in beyond:
            answer = call.result()
            assert answer.response.status_code == 503, answer.response.text
            assert int(answer.response.headers["Retry-After"]) >= 1
            assert answer.response.json()["resourceType"] == "OperationOutcome"
            assert answer.seconds < AT_ONCE
        for answer in (post(service, whole), post(service, lacking(server, whole)), post(service, whole)):
            assert answer.response.status_code == 200, "nothing is missing: it needs no slot"
            assert answer.response.json()["cards"]
            assert answer.seconds < AT_ONCE
        for path in ("/health/live", "/health/ready", "/cds-services"):
            answer = get(service, path)
            assert answer.response.status_code == 200
            assert answer.seconds < AT_ONCE
        assert not any(call.done() for call in held), "all this while the others still waited"
        for call in held:
            answer = call.result()
            assert answer.response.status_code == 412, answer.response.text
            assert "observations" in answer.response.text
            assert BUDGET - 1 < answer.seconds < BUDGET + 2
        # the slots are free again
        assert post(service, waiting).response.status_code == 412
