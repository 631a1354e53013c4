"""Rows H of the conformance checklist: how a call is taken."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.contract.conformance import check_error, check_response

URL = "/cds-services/mda5-rpild-patient-view"
TOKEN = "token-that-nobody-may-keep"
REQUIRED = ("patient", "observations", "medications", "conditions")
NOTHING_FOUND = {"resourceType": "Bundle", "type": "searchset", "total": 0}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}


def prefetch() -> dict[str, Any]:
    patient = {
        "resourceType": "Patient",
        "id": "p-12345",
        "birthDate": "1960-01-01",
        "name": [{"family": "Doe-Example"}],
    }
    return {"patient": patient, "observations": None, "medications": None, "conditions": None}


def call(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": "00000000-0000-4000-8000-000000000001",
        "context": {"patientId": "p-12345", "userId": "Practitioner/1"},
        "prefetch": prefetch(),
    }
    return {key: value for key, value in (body | changes).items() if value is not ...}


def answer_to(client: FlaskClient, body: dict[str, Any]) -> dict[str, Any]:
    """The body of a 200 that is as it has to be."""
    answer = client.post(URL, json=body)
    assert check_response(answer.status_code, answer.headers, answer.data, body) == []
    decoded: dict[str, Any] = answer.get_json()
    return decoded


def refusal_of(client: FlaskClient, body: dict[str, Any], status: int) -> str:
    """The diagnostics of a refusal that is as it has to be."""
    answer = client.post(URL, json=body)
    assert answer.status_code == status
    assert check_error(status, answer.headers, answer.data, body) == []
    diagnostics: str = answer.get_json()["issue"][0]["diagnostics"]
    return diagnostics


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("value", [..., None, "", 5, []])
def test_h1_required_fields(client: FlaskClient, field: str, value: object) -> None:
    assert field in refusal_of(client, call(**{field: value}), 400)


@pytest.mark.parametrize("hook", ["order-sign", "patient-open"])
def test_h1_another_hook_is_never_evaluated(client: FlaskClient, hook: str) -> None:
    assert "hook" in refusal_of(client, call(hook=hook), 400)


def test_h2_authorization_needs_a_server(client: FlaskClient) -> None:
    assert "fhirServer" in refusal_of(client, call(fhirAuthorization={"access_token": TOKEN}), 400)


@pytest.mark.parametrize("authorization", [{}, {"token_type": "Bearer"}, {"access_token": None, "expires_in": "x"}])
def test_h4_a_broken_authorization_never_crashes(client: FlaskClient, authorization: dict[str, Any]) -> None:
    answer_to(client, call(fhirServer="https://ehr.example.org/fhir", fhirAuthorization=authorization))


@pytest.mark.parametrize("key", REQUIRED)
def test_h6_required_data_that_is_missing(client: FlaskClient, key: str) -> None:
    left = {name: value for name, value in prefetch().items() if name != key}
    assert key in refusal_of(client, call(prefetch=left), 412)


@pytest.mark.parametrize("absent", [..., None, {}])
def test_h7_no_prefetch_is_every_key_missing(client: FlaskClient, absent: object) -> None:
    assert "patient" in refusal_of(client, call(prefetch=absent), 412)


@pytest.mark.parametrize("key", REQUIRED[1:])
@pytest.mark.parametrize(
    "nothing",
    [
        NOTHING_FOUND,
        NOTHING_FOUND | {"entry": []},
        NOTHING_FOUND | {"entry": [{"search": {"mode": "outcome"}, "resource": OUTCOME}]},
    ],
)
def test_h7_null_and_an_empty_search_say_the_same(client: FlaskClient, key: str, nothing: dict[str, Any]) -> None:
    assert answer_to(client, call(prefetch=prefetch() | {key: nothing})) == answer_to(client, call())


@pytest.mark.parametrize("key", REQUIRED[1:])
def test_h8_an_outcome_is_a_failure_and_no_data(client: FlaskClient, key: str) -> None:
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    assert key in refusal_of(client, call(prefetch=prefetch() | {key: failed}), 412)


def test_h8_an_optional_key_that_failed_makes_nothing_absent(client: FlaskClient) -> None:
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    assert answer_to(client, call(prefetch=prefetch() | {"allergies": failed, "procedures": "x"}))["cards"] == []


def test_h11_h12_neither_token_nor_patient_is_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        server = {"fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": {"access_token": TOKEN}}
        answer_to(client, call(**server))
        refusal_of(client, call(**server, prefetch={}), 412)
    for secret in (TOKEN, "Doe-Example", "p-12345"):
        assert secret not in caplog.text


def test_unknown_extensions_never_refuse(client: FlaskClient) -> None:
    epic = {"com.epic.cdshooks.request.bpa-trigger-action": "23"}
    assert answer_to(client, call(extension=epic)) == answer_to(client, call())
