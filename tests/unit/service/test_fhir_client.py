"""Reads and searches: what counts as an answer, what is tried again, and where the token goes."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from service.fhir.access import FetchObservation, Limits
from service.fhir.client import LONGEST_GET, Bounds, FhirClient, FhirFailure, in_url
from service.outgoing.door import Outgoing
from tests.fault_server import Json, Script, fault_server, fhir, http, searchset, stalling

TOKEN = "token-of-one-call"
PATIENT: Json = {"resourceType": "Patient", "id": "p1"}
OUTCOME: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
DROPPED: list[bytes | float] = []
NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def client(base: str, *, seconds: float = 10.0, max_bytes: int = 10_000, **more: Any) -> FhirClient:
    observe = more.pop("observe", lambda _: None)
    bounds = Bounds.of(Limits(max_bytes, max_nesting=8), seconds, observe)
    return FhirClient(Outgoing(), base, TOKEN, bounds, **more)


def read(base: str, **more: Any) -> Json:
    return client(base, **more).read("patient", "Patient", "p1")


# --- the requests ----------------------------------------------------------------------------------------------------


def test_a_read() -> None:
    with fault_server(lambda _: fhir(PATIENT)) as server:
        assert read(f"{server.base}/fhir", traceparent="00-trace") == PATIENT
    (call,) = server.calls
    assert (call.method, call.target) == ("GET", "/fhir/Patient/p1")
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert call.headers["accept"] == "application/fhir+json"
    assert call.headers["traceparent"] == "00-trace"


@pytest.mark.parametrize(("more", "method"), [(-1, "GET"), (0, "GET"), (1, "POST")])
def test_a_search_is_posted_when_its_url_grows_too_long(more: int, method: str) -> None:
    with fault_server(lambda _: fhir(searchset())) as server:
        base = f"{server.base}/fhir"
        query = "Observation?patient=p1&code="
        query += "1" * (LONGEST_GET + more - len(f"{base}/{query}"))
        client(base).search("observations", query)
    (call,) = server.calls
    assert call.method == method
    if method == "POST":
        assert call.target == "/fhir/Observation/_search"
        assert f"Observation?{call.body.decode()}" == query
        assert call.headers["content-type"] == "application/x-www-form-urlencoded"
        assert call.headers["authorization"] == f"Bearer {TOKEN}"
    else:
        assert (call.target, call.body) == (f"/fhir/{query}", b"")
        assert "traceparent" not in call.headers


def test_the_token_does_not_show() -> None:
    assert TOKEN not in repr(client("https://ehr.example.org/fhir"))


@pytest.mark.parametrize(
    ("given", "written"),
    [("p-1.x", "p-1.x"), ("a_b", "a_b"), ("a/b", "a%2Fb"), ("a b?&#%,é", "a%20b%3F%26%23%25%2C%C3%A9")],
)
def test_an_id_in_a_url(given: str, written: str) -> None:
    assert in_url(given) == written


@pytest.mark.parametrize("given", ["", ".", "..", "..."])
def test_an_id_that_would_be_another_path(given: str) -> None:
    with pytest.raises(FhirFailure):
        in_url(given)


# --- answers that are none -------------------------------------------------------------------------------------------

HTML = http(b"<html><body>Down for maintenance</body></html>", Content_Type="text/html")
NO_RESOURCE: dict[str, list[bytes | float]] = {
    "an HTML page": HTML,
    "nothing": http(b""),
    "half an answer": http(json.dumps(PATIENT).encode()[:-1]),
    "cut off in the head": [b"HTTP/1.1 200 OK\r\nContent-Le"],
    "a list": http(b"[]"),
    "NaN": http(b'{"resourceType": "Patient", "id": "p1", "x": NaN}'),
    "nested too deep": fhir({**PATIENT, "x": [[[[[[[[1]]]]]]]]}),
    "an outcome": fhir(OUTCOME),
    "another type": fhir({"resourceType": "Practitioner", "id": "p1"}),
    "another id": fhir({"resourceType": "Patient", "id": "p2"}),
    "no id": fhir({"resourceType": "Patient"}),
    "a Bundle": fhir(searchset(PATIENT)),
    "an encoding": fhir(PATIENT, Content_Encoding="br"),
}


@pytest.mark.parametrize("answer", NO_RESOURCE.values(), ids=NO_RESOURCE)
def test_a_200_that_is_not_the_resource_is_a_failure(answer: list[bytes | float]) -> None:
    with fault_server(lambda _: answer) as server, pytest.raises(FhirFailure) as caught:
        read(server.base)
    assert caught.value.outcome == "bad-answer"
    assert len(server.calls) == 1


def test_nesting_at_the_limit_is_read() -> None:
    resource = {**PATIENT, "x": [[[[[[[1]]]]]]]}
    with fault_server(lambda _: fhir(resource)) as server:
        assert read(server.base) == resource


@pytest.mark.parametrize("answer", [HTML, fhir(OUTCOME), fhir(PATIENT), fhir({}), fhir({"entry": []})])
def test_a_search_is_answered_with_a_bundle(answer: list[bytes | float]) -> None:
    with fault_server(lambda _: answer) as server:
        for ask in (
            lambda c: c.search("conditions", "Condition?x=1"),
            lambda c: c.page("conditions", f"{server.base}/2"),
        ):
            with pytest.raises(FhirFailure) as caught:
                ask(client(server.base))
            assert caught.value.outcome == "bad-answer"


def test_bytes_are_those_of_all_answers() -> None:
    size = len(json.dumps(PATIENT))
    for more, fits in ((0, True), (-1, False)):
        with fault_server(lambda _: fhir(PATIENT)) as server:
            asking = client(server.base, max_bytes=2 * size + more)
            asking.read("patient", "Patient", "p1")
            if fits:
                assert asking.read("patient", "Patient", "p1") == PATIENT
            else:
                with pytest.raises(FhirFailure) as caught:
                    asking.read("patient", "Patient", "p1")
                assert caught.value.outcome == "too-large"


# --- refusals, and what is tried again -------------------------------------------------------------------------------


def first(*answers: list[bytes | float]) -> Script:
    """These answers one after the other, then the patient."""
    return lambda call: answers[call.number] if call.number < len(answers) else fhir(PATIENT)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 410, 422, 500, 501, 204, 206, 304])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with fault_server(first(fhir(PATIENT, status))) as server, pytest.raises(FhirFailure) as caught:
        read(server.base)
    assert len(server.calls) == 1
    assert caught.value.outcome == ("refused" if 400 <= status < 500 else "unreachable")
    assert str(status) in caught.value.why


@pytest.mark.parametrize("passing", [http(b"", 429), http(b"", 502), http(b"", 503), http(b"", 504), DROPPED])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_may_pass_is_tried_three_times(passing: list[bytes | float], times: int) -> None:
    with fault_server(first(*[passing] * times)) as server:
        if times < 3:
            assert read(server.base) == PATIENT
        else:
            with pytest.raises(FhirFailure) as caught:
                read(server.base)
            assert caught.value.outcome == "unreachable"
    assert len(server.calls) == min(times + 1, 3)


def test_a_truncated_body_is_tried_again() -> None:
    with fault_server(first([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])) as server:
        assert read(server.base) == PATIENT


class Clock:
    """The time that the client's waits go by: it passes while the client waits, and only then."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.waits: list[float] = []

    def time(self) -> float:
        return NOW.timestamp() + sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("service.fhir.client.time", clock)
    return clock


def test_tries_are_further_and_further_apart(clock: Clock) -> None:
    with fault_server(lambda _: http(b"", 503)) as server, pytest.raises(FhirFailure):
        read(server.base)
    assert clock.waits == [0.1, 0.2]


def test_a_wait_takes_its_time() -> None:
    start = time.monotonic()
    with fault_server(first(http(b"", 503))) as server:
        assert read(server.base) == PATIENT
    assert time.monotonic() - start >= 0.1


def in_seconds(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("stated", "wait"),
    [
        *(("1", 1.0), (in_seconds(2), 2.0)),
        *((each, 0.1) for each in (in_seconds(-60), "0", "soon", "-5")),
    ],
)
def test_retry_after_is_honoured(clock: Clock, stated: str, wait: float) -> None:
    with fault_server(first(http(b"", 429, Retry_After=stated))) as server:
        assert read(server.base) == PATIENT
    assert clock.waits == [wait]


@pytest.mark.parametrize("stated", ["30", "3600", "9" * 400])
def test_a_try_that_would_come_too_late_is_not_waited_for(clock: Clock, stated: str) -> None:
    with fault_server(first(http(b"", 503, Retry_After=stated))) as server, pytest.raises(FhirFailure) as caught:
        read(server.base, seconds=30)
    assert clock.waits == []
    assert "503" in caught.value.why
    assert len(server.calls) == 1


def test_the_budget_is_for_all_tries() -> None:
    start = time.monotonic()
    script: Script = lambda call: stalling(call) if call.number else http(b"", 503)  # noqa: E731  # as short as it is
    with fault_server(script) as server, pytest.raises(FhirFailure) as caught:
        read(server.base, seconds=1.5)
    assert caught.value.outcome == "timeout"
    assert time.monotonic() - start < 3.0


def test_a_name_without_an_address_is_not_tried_again() -> None:
    with pytest.raises(FhirFailure) as caught:
        read("https://no-such-host.invalid/fhir")
    assert caught.value.outcome == "unreachable"


def test_the_token_stays_when_a_server_leads_elsewhere() -> None:
    with (
        fault_server(lambda _: fhir(PATIENT)) as other,
        fault_server(lambda _: http(b"", 302, Location=f"{other.base}/Patient/p1")) as server,
        pytest.raises(FhirFailure) as caught,
    ):
        read(server.base)
    assert caught.value.outcome == "refused"
    assert not other.connections


# --- next links ------------------------------------------------------------------------------------------------------

BASE = "https://ehr.example.org/fhir/r4"


@pytest.mark.parametrize(
    ("link", "page", "leads"),
    [
        (f"{BASE}/Observation?page=2", None, f"{BASE}/Observation?page=2"),
        ("https://EHR.example.org:443/fhir/r4?_getpages=x", None, "https://EHR.example.org:443/fhir/r4?_getpages=x"),
        ("Observation?page=2", None, f"{BASE}/Observation?page=2"),
        ("Observation?page=2", f"{BASE}/Observation/_search", f"{BASE}/Observation?page=2"),
        ("?page=2", None, f"{BASE}/Observation?page=2"),
        ("?page=2", f"{BASE}/pages/7?x=1", f"{BASE}/pages/7?page=2"),
        ("/pages/2", f"{BASE}/Observation?x=1", "https://ehr.example.org/pages/2"),
        ("//ehr.example.org/2", None, "https://ehr.example.org/2"),
    ],
)
def test_where_a_next_link_leads(link: str, page: str | None, leads: str) -> None:
    assert client(BASE).next_url(link, "Observation", page) == leads


@pytest.mark.parametrize(
    "link",
    [
        *("https://evil.example.org/fhir/r4/Observation?page=2", "http://ehr.example.org/fhir/r4/Observation?page=2"),
        *("https://ehr.example.org:8443/fhir/r4?page=2", "//evil.example.org/x", "https://me@ehr.example.org/x"),
        *("ftp://ehr.example.org/x", "https://[", "https://ehr.example.org\\@evil.example.org/", "urn:uuid:1", "?a b"),
        "https://ehr.example.org.evil.example.org/x",
    ],
)
def test_where_a_next_link_must_not_lead(link: str) -> None:
    with pytest.raises(FhirFailure) as caught:
        client(BASE).next_url(link, "Observation")
    assert caught.value.outcome == "refused"


# --- observations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (first(), "ok"),
        (first(http(b"", 503)), "ok"),
        (first(http(b"", 401)), "refused"),
        (first(HTML), "bad-answer"),
        (stalling, "timeout"),
        (lambda _: http(b" " * 20_000), "too-large"),
        (lambda _: DROPPED, "unreachable"),
    ],
)
def test_each_fetch_is_observed_once(script: Script, outcome: str) -> None:
    seen: list[FetchObservation] = []
    with fault_server(script) as server:
        start = time.monotonic()
        with suppress(FhirFailure):
            read(server.base, seconds=0.6 if script is stalling else 30, observe=seen.append)
        took = time.monotonic() - start
    (observation,) = seen
    assert (observation.key, observation.outcome) == ("patient", outcome)
    assert 0 < observation.seconds <= took
