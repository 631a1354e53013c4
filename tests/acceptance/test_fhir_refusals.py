"""Contract, section 2: what cannot be fetched, from whom nothing is fetched, and what each of them is answered."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.ehr import (
    KEYS,
    OPTIONAL,
    REQUIRED,
    answered,
    ask,
    assessment,
    chart,
    diagnostics,
    lacking,
    replaced,
    service,
    story,
)
from tests.acceptance.fhir import Json, bundle, gap_ids, order, patient, post
from tests.fhir_server import TOKEN, FhirServer

pytestmark = pytest.mark.no_cover

WRONG = "not-a-token-of-this-server"
BUDGET = 1.5
# the budget, and what a busy machine needs to say so; without one it would be a minute, or for ever
WITHIN = 2 * BUDGET


@pytest.fixture(scope="module")
def client(fhir_server: FhirServer) -> FlaskClient:
    """The service, with the real server on its allow list."""
    return service(fhir_server.base, fhir_budget_seconds=10.0)


@pytest.fixture(scope="module")
def whole(fhir_server: FhirServer) -> Json:
    """A whole request whose chart is on the server."""
    return story(fhir_server, "refractory")


@contextmanager
def untouched(host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a listener to which nobody connects within the block."""
    with socket.create_server((host, 0)) as listening:
        listening.setblocking(False)
        yield listening.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listening.accept()


def unknown_but_answered(client: FlaskClient, whole: Json, request: Json) -> None:
    """A call without its optional keys is answered as one whose EHR failed to get them: nothing is absent."""
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
    assert ask(client, request) == ask(client, replaced(whole, **dict.fromkeys(OPTIONAL, failed)))
    assert {"allergies", "procedures", "referrals"} <= gap_ids(assessment(client, request))


# --- the server refuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("token", [WRONG, None, TOKEN.upper()])
def test_a_required_key_without_a_good_token_is_412_by_name(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, key: str, token: str | None
) -> None:
    said = diagnostics(client, lacking(fhir_server, whole, key, token=token), 412)
    assert key in said
    assert not [other for other in REQUIRED if other != key and other in said]
    for secret in (WRONG, TOKEN, "127.0.0.1", whole["context"]["patientId"]):
        assert secret not in said


@pytest.mark.parametrize("token", [WRONG, None])
def test_every_required_key_that_is_missing_is_named(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, token: str | None
) -> None:
    said = diagnostics(client, lacking(fhir_server, whole, *REQUIRED[1:], token=token), 412)
    assert all(key in said for key in REQUIRED[1:])
    assert "patient" not in said.split("obtained")[1].split(";")[0]


@pytest.mark.parametrize("token", [WRONG, None])
def test_an_optional_key_without_a_good_token_is_unknown(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, token: str | None
) -> None:
    unknown_but_answered(client, whole, lacking(fhir_server, whole, *OPTIONAL, token=token))


def test_a_token_serves_its_own_call_only(client: FlaskClient, fhir_server: FhirServer, whole: Json) -> None:
    for _ in range(2):
        assert ask(client, lacking(fhir_server, whole, *KEYS))["cards"]
        answered(client, lacking(fhir_server, whole, *KEYS, token=WRONG), 412)
        answered(client, lacking(fhir_server, whole, "conditions", token=None), 412)


def test_a_refused_call_is_not_tried_again(client: FlaskClient, fhir_server: FhirServer, whole: Json) -> None:
    with fhir_server.arrivals() as arrivals:
        answered(client, lacking(fhir_server, whole, "conditions", token=WRONG), 412)
    assert [arrival.status for arrival in arrivals] == [401]


def test_a_patient_whom_the_server_does_not_know_is_412(
    client: FlaskClient, fhir_server: FhirServer, whole: Json
) -> None:
    request = lacking(fhir_server, whole, *KEYS)
    request = {**request, "context": {**request["context"], "patientId": "nobody-here"}}
    said = diagnostics(client, request, 412)
    assert "patient" in said
    assert "nobody-here" not in said


@pytest.mark.parametrize(
    "authorization",
    [
        {"access_token": TOKEN, "token_type": "mac"},
        {"access_token": f"{TOKEN}\r\nX-Other: 1"},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": 5},
        {"token_type": "Bearer"},
        {},
    ],
)
def test_an_authorization_without_a_usable_token_is_none(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, authorization: Json
) -> None:
    request = {**lacking(fhir_server, whole, "conditions"), "fhirAuthorization": authorization}
    with fhir_server.arrivals() as arrivals:
        assert "conditions" in diagnostics(client, request, 412)
    assert arrivals == []


def test_a_server_that_stopped(mortal_fhir_server: FhirServer) -> None:
    server = mortal_fhir_server
    client = service(server.base, fhir_budget_seconds=BUDGET)
    whole = story(server, "refractory")
    assert ask(client, lacking(server, whole, *KEYS)) == ask(client, whole)
    server.stop()
    begun = time.monotonic()
    assert "medications" in diagnostics(client, lacking(server, whole, "medications"), 412)
    assert time.monotonic() - begun < WITHIN
    begun = time.monotonic()
    unknown_but_answered(client, whole, lacking(server, whole, *OPTIONAL))
    assert time.monotonic() - begun < 3 * WITHIN, "two calls that fetch"
    assert ask(client, lacking(server, whole)) == ask(client, whole), "nothing was missing"


# --- servers off the allow list --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", REQUIRED[1:])
def test_a_server_off_the_list_is_403_for_a_required_key(whole: Json, key: str) -> None:
    with untouched() as port, untouched() as listed:
        client = service(f"http://127.0.0.1:{listed}/fhir")
        said = diagnostics(client, lacking(f"http://127.0.0.1:{port}/fhir", whole, key), 403)
    assert TOKEN not in said
    assert str(port) not in said


def test_a_server_off_the_list_is_ignored_when_nothing_required_is_missing(client: FlaskClient, whole: Json) -> None:
    first = {**whole["prefetch"]["observations"], "link": [{"relation": "next", "url": "set below"}]}
    with untouched() as port:
        off = f"http://127.0.0.1:{port}/fhir"
        unknown_but_answered(client, whole, lacking(off, whole, *OPTIONAL))
        assert ask(client, lacking(off, whole)) == ask(client, whole)
        first["link"][0]["url"] = f"{off}/Observation?page=2"
        assert "observations" in gap_ids(assessment(client, replaced(lacking(off, whole), observations=first)))


def test_without_an_allow_list_no_server_is_called(whole: Json) -> None:
    with untouched() as port:
        off = f"http://127.0.0.1:{port}/fhir"
        answered(service(), lacking(off, whole, "conditions"), 403)
        unknown_but_answered(service(), whole, lacking(off, whole, *OPTIONAL))


def test_the_patient_is_judged_before_the_server(whole: Json) -> None:
    """412 without a Patient, 422, 400 for another one or a draft of another's, 403: in this order."""
    with untouched() as port:
        off = f"http://127.0.0.1:{port}/fhir"
        client = service()
        assert "patient" in diagnostics(client, lacking(off, whole, "patient"), 412)
        assert "patient" in diagnostics(client, lacking(off, whole, *KEYS), 412)
        broken: tuple[tuple[Any, int], ...] = (
            (None, 412),
            ({"resourceType": "Group", "id": "refractory"}, 422),
            (patient(id="somebody-else"), 400),
        )
        for value, status in broken:
            answered(client, replaced(lacking(off, whole, "conditions"), patient=value), status)
        others = bundle(order("3002", status="draft", subject={"reference": "Patient/somebody-else"}))
        context = {**whole["context"], "draftOrders": others}
        drafted = {**lacking(off, whole, "conditions"), "hook": "order-sign", "context": context}
        answered(client, drafted, 400)


def test_the_patient_is_judged_before_anything_is_fetched(
    client: FlaskClient, fhir_server: FhirServer, whole: Json
) -> None:
    lacks = lacking(fhir_server, whole, *KEYS[1:])
    with fhir_server.arrivals() as arrivals:
        answered(client, replaced(lacks, patient={"resourceType": "Group", "id": "refractory"}), 422)
        answered(client, replaced(lacks, patient=patient(id="somebody-else")), 400)
        answered(client, replaced(lacks, patient=None), 412)
    assert arrivals == []


@pytest.mark.parametrize(
    "form",
    [
        "http://localhost:{port}/fhir",
        "http://127.0.0.1:{port}/fhir-other",
        "http://127.0.0.1:{port}/other/fhir",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/fhir/../admin",
        "http://127.0.0.1:{port}/fhir/%2e%2e/admin",
        "http://127.0.0.1:{port}/fhir\\..\\admin",
        "http://127.0.0.1:{port}/fhir?x=",
        "http://127.0.0.1:{port}/fhir#x",
        "http://user@127.0.0.1:{port}/fhir",
        "http://listed@127.0.0.1:{port}/fhir",
        "https://127.0.0.1:{port}/fhir",
        "//127.0.0.1:{port}/fhir",
        "127.0.0.1:{port}/fhir",
        "file:///etc/passwd",
        " http://127.0.0.1:{port}/fhir x",
    ],
)
def test_only_the_listed_base_is_called(whole: Json, form: str) -> None:
    with untouched() as port:
        client = service(f"http://127.0.0.1:{port}/fhir", fhir_budget_seconds=BUDGET)
        said = diagnostics(client, lacking(form.format(port=port), whole, "conditions"), 403)
    assert TOKEN not in said


@pytest.mark.parametrize("form", ["{base}", "{base}/", "HTTP://127.0.0.1:{port}/fhir"])
def test_the_listed_base_in_other_words(client: FlaskClient, fhir_server: FhirServer, whole: Json, form: str) -> None:
    port = fhir_server.base.split(":")[2].split("/")[0]
    request = lacking(form.format(base=fhir_server.base, port=port), whole, *KEYS)
    assert ask(client, request) == ask(client, whole)


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/fhir",
        "https://169.254.169.254/fhir",
        "https://169.254.1.2/fhir",
        "https://[fe80::1]/fhir",
        "https://[::ffff:169.254.169.254]/fhir",
        "https://[fd00:ec2::254]/fhir",
        "https://metadata.google.internal/fhir",
        "https://2852039166/fhir",
        "https://0xa9fea9fe/fhir",
        "https://169.254.43518/fhir",
    ],
)
def test_metadata_and_link_local_addresses_are_refused_though_listed(whole: Json, address: str) -> None:
    client = service(address, fhir_budget_seconds=BUDGET)
    begun = time.monotonic()
    response = post(client, lacking(address, whole, "conditions"))
    assert time.monotonic() - begun < WITHIN
    # a literal address is off every list; a name is found out when it is resolved
    assert response.status_code in ((403, 412) if "metadata" in address else (403,)), response.text
    unknown_but_answered(client, whole, lacking(address, whole, *OPTIONAL))


def test_plain_http_to_another_machine_is_never_spoken(whole: Json) -> None:
    with untouched("") as port:
        server = f"http://{socket.gethostname()}:{port}/fhir"
        client = service(server, fhir_budget_seconds=BUDGET)
        answered(client, lacking(server, whole, "conditions"), 403)
        unknown_but_answered(client, whole, lacking(server, whole, *OPTIONAL))


# --- the token stays where it belongs --------------------------------------------------------------------------------


def test_no_page_and_no_medication_of_another_origin_is_fetched(
    client: FlaskClient, fhir_server: FhirServer, whole: Json
) -> None:
    with untouched() as port:
        other = f"http://127.0.0.1:{port}/fhir"
        page = {"link": [{"relation": "next", "url": f"{other}/Observation?page=2"}]}
        request = lacking(fhir_server, whole)
        cut = {**whole["prefetch"]["observations"], **page}
        assert "observations" in gap_ids(assessment(client, replaced(request, observations=cut)))
        named = {"reference": f"{other}/Medication/1"}
        strange = order("", medicationCodeableConcept=..., medicationReference=named)
        found = assessment(client, chart(fhir_server, patient(), strange, sent=("patient",)))
        assert found["therapy"]["stage"] == "unknown"


def test_neither_token_nor_patient_reaches_the_log(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(client, lacking(fhir_server, whole, *KEYS))
        answered(client, lacking(fhir_server, whole, *KEYS, token=WRONG), 412)
        answered(client, lacking("http://127.0.0.1:9/fhir", whole, "conditions"), 403)
        patients = service("http://127.0.0.1:9/fhir", fhir_budget_seconds=BUDGET)
        answered(patients, lacking("http://127.0.0.1:9/fhir", whole, *KEYS), 412)
    title = whole["prefetch"]["patient"]["name"][0]["text"]
    for secret in (TOKEN, WRONG, title, "patient=refractory", "Patient/refractory"):
        assert secret not in caplog.text


def test_the_environment_sends_the_token_nowhere_and_replaces_it_by_nothing(
    fhir_server: FhirServer, whole: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a proxy nor a .netrc that lies about: what is sent is the call's own, and goes straight there."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with untouched() as port:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        client = service(fhir_server.base, fhir_budget_seconds=10.0)
        assert ask(client, lacking(fhir_server, whole, *KEYS)) == ask(client, whole)
