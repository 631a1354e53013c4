"""Rows H2 to H12 of the conformance checklist, where a FHIR server comes into play: a real one."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.ehr import KEYS, REQUIRED, lacking, replaced, service, story
from tests.acceptance.fhir import SERVICE, Json
from tests.contract.conformance import check_error, check_response
from tests.fhir_server import PATIENT_ID, TOKEN, FhirServer

WRONG = "not-a-token-of-this-server"
NAME = "responding"


@pytest.fixture(scope="module")
def client(fhir_server: FhirServer) -> FlaskClient:
    """The service, with the real server on its allow list."""
    return service(fhir_server.base, fhir_budget_seconds=10.0)


@pytest.fixture(scope="module")
def whole(fhir_server: FhirServer) -> Json:
    """A whole request whose chart is on the server."""
    return story(fhir_server, NAME)


def answer_to(client: FlaskClient, request: Json) -> Json:
    """The body of a 200 that is as it has to be."""
    response = client.post(f"{SERVICE}{request['hook']}", json=request)
    assert check_response(response.status_code, response.headers, response.data, request) == []
    body: Json = response.get_json()
    return body


def refusal_of(client: FlaskClient, request: Json, status: int) -> str:
    """The diagnostics of a refusal that is as it has to be."""
    response = client.post(f"{SERVICE}{request['hook']}", json=request)
    assert response.status_code == status, response.text
    assert check_error(status, response.headers, response.data, request) == []
    said: str = response.get_json()["issue"][0]["diagnostics"]
    return said


def test_h2_a_token_without_a_server_is_refused_before_anything_is_fetched(
    client: FlaskClient, fhir_server: FhirServer, whole: Json
) -> None:
    request = lacking(fhir_server, whole, *KEYS)
    del request["fhirServer"]
    with fhir_server.arrivals() as arrivals:
        assert "fhirServer" in refusal_of(client, request, 400)
    assert arrivals == []


def test_h3_production_data_travels_by_https(whole: Json) -> None:
    plain = "http://ehr.example.org/fhir"
    refusal_of(service(plain), lacking(plain, whole, "conditions"), 403)
    answer_to(service(plain), lacking(plain, whole, "procedures"))


@pytest.mark.parametrize("member", ["access_token", "token_type", "expires_in", "scope", "subject"])
@pytest.mark.parametrize("value", [..., None, "", 5, [], {}])
def test_h4_a_broken_authorization_fetches_or_refuses_and_never_crashes(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, member: str, value: Any
) -> None:
    request = lacking(fhir_server, whole, "conditions")
    authorization = {**request["fhirAuthorization"], member: value}
    request["fhirAuthorization"] = {name: told for name, told in authorization.items() if told is not ...}
    if member == "access_token":
        assert "conditions" in refusal_of(client, request, 412)
    elif member != "token_type":
        assert answer_to(client, request) == answer_to(client, whole)
    else:
        response = client.post(f"{SERVICE}{request['hook']}", json=request)
        assert response.status_code in (200, 412)


@pytest.mark.parametrize("key", KEYS)
def test_h5_what_was_not_prefetched_is_fetched(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, key: str
) -> None:
    full = answer_to(client, whole)
    assert answer_to(client, lacking(fhir_server, whole, key)) == full
    assert answer_to(client, lacking(fhir_server, whole, *(other for other in KEYS if other != key))) == full


@pytest.mark.parametrize("key", REQUIRED)
def test_h6_what_the_server_does_not_supply_is_412(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, key: str
) -> None:
    assert key in refusal_of(client, lacking(fhir_server, whole, key, token=WRONG), 412)
    assert key in refusal_of(client, lacking(fhir_server, whole, key, token=None), 412)
    serverless = {**whole, "prefetch": {name: value for name, value in whole["prefetch"].items() if name != key}}
    assert key in refusal_of(client, serverless, 412)


def test_h6_a_patient_who_is_not_there_is_412(client: FlaskClient, fhir_server: FhirServer, whole: Json) -> None:
    request = lacking(fhir_server, whole, *KEYS)
    request["context"] = {**whole["context"], "patientId": "nobody-12345"}
    assert "patient" in refusal_of(client, request, 412)


@pytest.mark.parametrize("key", KEYS[1:])
def test_h7_null_is_not_fetched_again_and_absent_is(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, key: str
) -> None:
    with fhir_server.arrivals() as arrivals:
        answer_to(client, replaced(lacking(fhir_server, whole), **{key: None}))
    assert arrivals == []
    with fhir_server.arrivals() as arrivals:
        answer_to(client, lacking(fhir_server, whole, key))
    assert len(arrivals) == 1


@pytest.mark.parametrize("key", REQUIRED[1:])
def test_h8_an_outcome_in_the_prefetch_is_a_failure_and_is_not_fetched_again(
    client: FlaskClient, fhir_server: FhirServer, whole: Json, key: str
) -> None:
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    with fhir_server.arrivals() as arrivals:
        assert key in refusal_of(client, replaced(lacking(fhir_server, whole), **{key: failed}), 412)
    assert arrivals == []


def test_h9_the_pages_of_a_prefetched_bundle_are_merged_or_said_to_be_missing(
    client: FlaskClient, fhir_server: FhirServer, whole: Json
) -> None:
    first = fhir_server.ask(f"Observation?patient={NAME}&_sort=-date&_count=3")
    assert "next" in {link["relation"] for link in first["link"]}
    cut = replaced(lacking(fhir_server, whole), observations=first)
    assert answer_to(client, cut) == answer_to(client, whole)
    for request in (lacking(fhir_server, cut, token=None), lacking(fhir_server, cut, token=WRONG)):
        found = answer_to(client, request)["extension"]["mda5-cds.assessment"]
        assert "observations" in {gap["id"] for gap in found["dataGaps"]}


def test_h10_every_call_carries_the_token(client: FlaskClient, fhir_server: FhirServer, whole: Json) -> None:
    """The server answers 401 to any that does not."""
    first = fhir_server.ask(f"MedicationRequest?patient={NAME}&_count=1")
    with fhir_server.arrivals() as arrivals:
        answer_to(client, replaced(lacking(fhir_server, whole, "patient", "observations"), medications=first))
    assert {arrival.status for arrival in arrivals} == {200}
    assert len(arrivals) == 1 + 1 + len(whole["prefetch"]["medications"]["entry"]) - 1
    with fhir_server.arrivals() as arrivals:
        refusal_of(client, lacking(fhir_server, whole, "patient", token=WRONG), 412)
    assert [arrival.status for arrival in arrivals] == [401]


def test_h10_the_templates_are_what_is_asked(client: FlaskClient, fhir_server: FhirServer, whole: Json) -> None:
    templates = client.get("/cds-services").get_json()["services"][0]["prefetch"]
    sent = fhir_server.prefetch(templates, NAME)
    assert PATIENT_ID not in str(sent)
    assert answer_to(client, {**whole, "prefetch": sent}) == answer_to(client, lacking(fhir_server, whole, *KEYS))


def test_h11_the_token_is_forgotten_with_the_call(client: FlaskClient, fhir_server: FhirServer, whole: Json) -> None:
    body = answer_to(client, lacking(fhir_server, whole, *KEYS))
    assert TOKEN not in str(body)
    refusal_of(client, lacking(fhir_server, whole, *KEYS, token=None), 412)
