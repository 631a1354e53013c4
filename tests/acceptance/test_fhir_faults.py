"""Contract, section 2: a FHIR server that fails in one thing. The real one answers all but what a test breaks."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.acceptance.ehr import KEYS, OPTIONAL, answered, ask, assessment, diagnostics, lacking, replaced, story
from tests.acceptance.ehr import service as service_of
from tests.acceptance.fhir import Json, gap_ids, ignored
from tests.fault_server import Call, FaultServer, dripping, fault_server, fhir, http, searchset
from tests.fhir_server import TOKEN, FhirServer

pytestmark = pytest.mark.load

Parts = Iterable[bytes | float]
Fault = Callable[[Call], Parts]
BUDGET = 1.5
# the budget, and what a busy machine needs to say so; without one it would be a minute, or for ever
WITHIN = 2 * BUDGET
NO_VALUE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
MAX_BODY = 400_000
HTML = b"<html><body><h1>Sorry</h1>Patient Jane Doe could not be shown</body></html>"
DEEP = b'{"resourceType":"Bundle","x":' + b"[" * 5000 + b"]" * 5000 + b"}"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}


def cut_off(_: Call) -> Parts:
    whole = json.dumps(EMPTY).encode()
    return http(whole[:-10], Content_Type="application/fhir+json", Content_Length=str(len(whole)))


def bomb(_: Call) -> Parts:
    packed = gzip.compress(b'{"resourceType":"Bundle","x":"' + b" " * 50_000_000 + b'"}')
    return http(packed, Content_Type="application/fhir+json", Content_Encoding="gzip")


FAULTS: dict[str, Fault] = {
    "stalls": lambda _: [60.0],
    "stalls after the head": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", 60.0],
    "drips the head": dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "drips the body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"),
    "hangs up": lambda _: [],
    "cuts the answer off": cut_off,
    "sends half a resource": lambda _: http(b'{"resourceType":"Bundle","entry":['),
    "sends an HTML page": lambda _: http(HTML, Content_Type="text/html"),
    "sends an HTML page as FHIR": lambda _: http(HTML, Content_Type="application/fhir+json"),
    "sends nothing": lambda _: http(b""),
    "sends null": lambda _: http(b"null"),
    "sends a list": lambda _: http(b"[]"),
    "sends NaN": lambda _: http(b'{"resourceType":"Bundle","total":NaN}'),
    "sends an OperationOutcome": lambda _: fhir(NO_VALUE),
    "sends another type": lambda _: fhir({"resourceType": "Group", "id": "1", "type": "person", "actual": True}),
    "nests too deeply": lambda _: http(DEEP),
    "sends a bomb": bomb,
    "sends too much": lambda _: http(b" " * (3 * MAX_BODY) + json.dumps(EMPTY).encode()),
    "is no HTTP server": lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n"],
    "sends 204": lambda _: http(status=204),
    "fails with 500": lambda _: fhir(NO_VALUE, 500),
    "fails with 500 in HTML": lambda _: http(HTML, 500, Content_Type="text/html"),
    "is busy": lambda _: fhir(NO_VALUE, 503),
    "is busy for an hour": lambda _: fhir(NO_VALUE, 429, Retry_After="3600"),
    "refuses": lambda _: fhir(NO_VALUE, 403),
    "has no such route": lambda _: fhir(NO_VALUE, 404),
    "has it no more": lambda _: fhir(NO_VALUE, 410),
    "redirects to itself": lambda call: http(status=307, Location=call.target),
    "redirects to http elsewhere": lambda _: http(status=302, Location="http://ehr.example.org/fhir"),
    "redirects to the metadata": lambda _: http(status=302, Location="http://169.254.169.254/latest/meta-data"),
    "redirects to a file": lambda _: http(status=302, Location="file:///etc/passwd"),
}
PASSING: dict[str, Fault] = {
    **{str(status): lambda _, status=status: fhir(NO_VALUE, status) for status in (429, 502, 503, 504)},  # type: ignore[misc]
    "429 with a second to wait": lambda _: fhir(NO_VALUE, 429, Retry_After="1"),
    "hangs up": lambda _: [],
    "cuts the answer off": cut_off,
}


@contextmanager
def broken(server: FhirServer, breaks: Callable[[Call], Parts | None]) -> Iterator[FaultServer]:
    """A server in front of the real one: where `breaks` gives None, it answers what the real one does."""

    def script(call: Call) -> Parts:
        parts = breaks(call)
        if parts is not None:
            return parts
        told = json.dumps(server.ask(call.target.removeprefix("/fhir/")))
        return fhir(json.loads(told.replace(server.base, f"http://{call.headers['host']}/fhir")))

    with fault_server(script) as relay:
        yield relay
        # whatever was asked of it, it was asked with the token
        assert {call.headers.get("authorization") for call in relay.calls} <= {f"Bearer {TOKEN}"}


def base_of(relay: FaultServer) -> str:
    return f"{relay.base}/fhir"


def kind(call: Call) -> str:
    """The resource type that a request is about."""
    return urlsplit(call.target).path.split("/")[2]


def service(relay: FaultServer, **settings: Any) -> FlaskClient:
    return service_of(base_of(relay), **{"fhir_budget_seconds": BUDGET, "max_body_bytes": MAX_BODY, **settings})


@contextmanager
def in_time() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < WITHIN


@pytest.fixture(scope="module")
def whole(fhir_server: FhirServer) -> Json:
    """A whole request whose chart is on the real server."""
    return story(fhir_server, "refractory")


@pytest.fixture(scope="module")
def full(whole: Json) -> Json:
    """Its answer."""
    return ask(service_of(), whole)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_required_key_is_412_an_optional_one_unknown_and_a_page_a_gap(
    fhir_server: FhirServer, whole: Json, fault: Fault
) -> None:
    faulty = ("Condition", "Procedure")

    def breaks(call: Call) -> Parts | None:
        second_page = "_offset" in call.target
        return fault(call) if kind(call) in faulty or second_page else None

    with broken(fhir_server, breaks) as relay:
        client = service(relay)
        with in_time():
            said = diagnostics(client, lacking(base_of(relay), whole, "conditions"), 412)
        assert "conditions" in said
        for secret in (TOKEN, relay.base, "Sorry", "Jane", "meta-data", "refractory"):
            assert secret not in said
        with in_time():
            found = ask(client, lacking(base_of(relay), whole, "procedures"))
        assert found == ask(client, replaced(whole, procedures=NO_VALUE))
        asked = json.dumps(fhir_server.ask("MedicationRequest?patient=refractory&_count=1"))
        first = json.loads(asked.replace(fhir_server.base, base_of(relay)))
        with in_time():
            found = ask(client, replaced(lacking(base_of(relay), whole), medications=first))
        assert found == ask(client, replaced(whole, medications=first))
        assert "medications" in gap_ids(found["extension"]["mda5-cds.assessment"])


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_waited_out(fhir_server: FhirServer, whole: Json, full: Json, fault: Fault) -> None:
    def breaks(call: Call) -> Parts | None:
        return fault(call) if call.number == 0 else None

    with broken(fhir_server, breaks) as relay:
        client = service(relay, fhir_budget_seconds=20.0)
        assert ask(client, lacking(base_of(relay), whole, "conditions")) == full
        assert len(relay.calls) == 2


def test_what_the_server_asks_to_wait_is_waited(fhir_server: FhirServer, whole: Json, full: Json) -> None:
    def breaks(call: Call) -> Parts | None:
        return fhir(NO_VALUE, 503, Retry_After="1") if call.number == 0 else None

    with broken(fhir_server, breaks) as relay:
        begun = time.monotonic()
        assert ask(service(relay, fhir_budget_seconds=20.0), lacking(base_of(relay), whole, "conditions")) == full
        assert time.monotonic() - begun >= 1


def test_one_budget_for_the_whole_call(fhir_server: FhirServer, whole: Json) -> None:
    """Each request takes less than the budget; all eight, or all the pages, would take more."""

    def slow(call: Call) -> Parts:
        return [BUDGET * 0.4, *fhir(fhir_server.ask(call.target.removeprefix("/fhir/")))]

    with fault_server(slow) as relay:
        with in_time():
            found = ask(service(relay), lacking(base_of(relay), whole, *KEYS))
        assert found["extension"]["mda5-cds.assessment"]["population"]["status"] == "in"

    def pages(call: Call) -> Parts:
        page = int(dict(parse_qsl(urlsplit(call.target).query)).get("page", 1))
        return [BUDGET * 0.4, *fhir(searchset(next_url=f"{call.target.split('?')[0]}?page={page + 1}"))]

    with fault_server(pages) as relay:
        with in_time():
            found = assessment(service(relay), lacking(base_of(relay), whole, "observations"))
        assert "observations" in gap_ids(found)
        assert len(relay.calls) <= 4


def test_next_pages_that_lead_in_a_circle_or_on_and_on(fhir_server: FhirServer, whole: Json) -> None:
    result = whole["prefetch"]["observations"]["entry"][0]["resource"]

    def circle(call: Call) -> Parts:
        page = int(dict(parse_qsl(urlsplit(call.target).query)).get("page", 0))
        return fhir(searchset(result, next_url=f"/fhir/Observation?page={(page + 1) % 3}"))

    def endless(call: Call) -> Parts:
        return fhir(searchset(result, next_url=f"/fhir/Observation?page={call.number}"))

    for script, most in ((circle, 5), (endless, 100)):
        with fault_server(script) as relay:
            client = service(relay, fhir_budget_seconds=30.0)
            found = assessment(client, lacking(base_of(relay), whole, "observations"))
            assert "observations" in gap_ids(found)
            assert len(relay.calls) <= most


@pytest.mark.parametrize(
    "form",
    ["http://{other}/fhir/Observation?page=2", "//{other}/fhir/Observation?page=2", "http://{here}@{other}/fhir"],
)
def test_no_other_origin_ever_sees_a_request(whole: Json, form: str) -> None:
    """Not by a next page, not by a redirect, not by a Medication; and no gap is left unsaid."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        other = f"127.0.0.1:{listening.getsockname()[1]}"

        def leads_away(call: Call) -> Parts:
            url = form.format(other=other, here=call.headers["host"])
            if kind(call) == "Condition":
                return http(status=307, Location=url)
            return fhir(searchset(*_orders(url), next_url=url))

        with fault_server(leads_away) as relay:
            client = service(relay)
            answered(client, lacking(base_of(relay), whole, "conditions"), 412)
            found = assessment(client, lacking(base_of(relay), whole, "medications"))
            assert "medications" in gap_ids(found)
            assert found["therapy"]["stage"] == "unknown"
            assert len(relay.calls) == 2
        with pytest.raises(BlockingIOError):
            listening.accept()


def _orders(url: str) -> Iterator[Json]:
    for name, reference in enumerate((url, url.replace("Observation?page=2", "Medication/1"))):
        yield {
            "resourceType": "MedicationRequest",
            "id": f"away-{name}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/refractory"},
            "medicationReference": {"reference": reference},
            "authoredOn": "2026-02-20",
        }


@pytest.mark.parametrize(
    "link", ["{base}/Observation?p=2", "/fhir/Observation?p=2", "Observation?p=2", "?p=2", "{BASE}/Observation?p=2"]
)
def test_a_next_link_in_any_form_of_the_same_origin(whole: Json, full: Json, link: str) -> None:
    entries = [entry["resource"] for entry in whole["prefetch"]["observations"]["entry"]]

    def script(call: Call) -> Parts:
        if "p=2" in call.target:
            return fhir(searchset(*entries[10:]))
        base = f"http://{call.headers['host']}/fhir"
        return fhir(searchset(*entries[:10], next_url=link.format(base=base, BASE=base.replace("http", "HTTP"))))

    with fault_server(script) as relay:
        assert ask(service(relay), lacking(base_of(relay), whole, "observations")) == full


def test_a_redirect_within_the_origin_is_followed(fhir_server: FhirServer, whole: Json, full: Json) -> None:
    def breaks(call: Call) -> Parts | None:
        if "/moved" not in call.target:
            return http(status=308, Location=call.target.replace("/fhir/", "/fhir/moved/"))
        return fhir(fhir_server.ask(call.target.removeprefix("/fhir/moved/")))

    with broken(fhir_server, breaks) as relay:
        assert ask(service(relay), lacking(base_of(relay), whole, "conditions")) == full


def test_bytes_are_bounded_over_all_pages(whole: Json) -> None:
    """Pages that are each small enough add up to more than a call may read."""
    page = {"resourceType": "Bundle", "type": "searchset", "x": "y" * (MAX_BODY // 4)}

    def script(call: Call) -> Parts:
        return fhir({**page, "link": [{"relation": "next", "url": f"/fhir/Observation?page={call.number}"}]})

    with fault_server(script) as relay:
        client = service(relay, fhir_budget_seconds=30.0)
        found = assessment(client, lacking(base_of(relay), whole, "observations"))
        assert "observations" in gap_ids(found)
        assert len(relay.calls) <= 12


def test_a_patient_other_than_the_one_asked_for_is_never_assessed(fhir_server: FhirServer, whole: Json) -> None:
    somebody = story(fhir_server, "untreated")["prefetch"]["patient"]
    for resource in (somebody, {**somebody, "resourceType": "Group"}, {"resourceType": "Patient"}):
        with broken(fhir_server, lambda call, told=resource: fhir(told) if kind(call) == "Patient" else None) as relay:  # type: ignore[misc]
            response = service(relay).post(
                "/cds-services/mda5-rpild-patient-view", json=lacking(base_of(relay), whole, *KEYS)
            )
            assert response.status_code in (400, 412, 422), response.text
            assert "untreated" not in response.text


def test_resources_of_others_that_the_server_mixes_in_are_left_out(
    fhir_server: FhirServer, whole: Json, full: Json
) -> None:
    """A server that does not know a parameter may answer for everybody."""
    others = story(fhir_server, "untreated")["prefetch"]["medications"]["entry"]

    def breaks(call: Call) -> Parts | None:
        if kind(call) != "MedicationRequest":
            return None
        own = fhir_server.ask(call.target.removeprefix("/fhir/"))
        return fhir({**own, "entry": [*others, *own["entry"]], "total": len(own["entry"]) + len(others)})

    with broken(fhir_server, breaks) as relay:
        found = ask(service(relay), lacking(base_of(relay), whole, "medications"))
    assert found["cards"] == full["cards"]
    left_out = ignored(found["extension"]["mda5-cds.assessment"])
    assert {f"MedicationRequest/{entry['resource']['id']}" for entry in others} <= set(left_out)


@pytest.mark.parametrize(("severity", "told"), [("warning", True), ("information", True), ("error", False)])
def test_an_outcome_among_the_results_says_nothing_found_or_something_failed(
    fhir_server: FhirServer, whole: Json, full: Json, severity: str, told: bool
) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "informational"}]}

    def breaks(call: Call) -> Parts | None:
        if kind(call) != "MedicationRequest":
            return None
        own = fhir_server.ask(call.target.removeprefix("/fhir/"))
        return fhir({**own, "entry": [*own["entry"], {"resource": outcome, "search": {"mode": "outcome"}}]})

    with broken(fhir_server, breaks) as relay:
        found = ask(service(relay), lacking(base_of(relay), whole, "medications"))
    assert (found == full) is told
    assert ("medications" in gap_ids(found["extension"]["mda5-cds.assessment"])) is not told


def test_an_announced_total_that_does_not_come_is_a_gap(fhir_server: FhirServer, whole: Json) -> None:
    def breaks(call: Call) -> Parts | None:
        if kind(call) != "MedicationRequest":
            return None
        own = fhir_server.ask(call.target.removeprefix("/fhir/"))
        return fhir({**own, "total": own["total"] + 1})

    with broken(fhir_server, breaks) as relay:
        found = assessment(service(relay), lacking(base_of(relay), whole, "medications"))
    assert "medications" in gap_ids(found)


def test_every_optional_key_may_fail_at_once(fhir_server: FhirServer, whole: Json) -> None:
    needed = ("Patient", "Observation", "MedicationRequest", "Condition", "Medication")
    with broken(fhir_server, lambda call: None if kind(call) in needed else [60.0]) as relay, in_time():
        found = ask(service(relay), lacking(base_of(relay), whole, *KEYS))
    assert found == ask(service_of(), replaced(whole, **dict.fromkeys(OPTIONAL, NO_VALUE)))
