"""The application over its routes: discovery, the three services, health, and the order in which a call is refused."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings, SettingsError
from tests.contract.conformance import check_discovery, check_error, check_response

PATIENT_VIEW = "/cds-services/mda5-rpild-patient-view"
KNOWN_EMPTY: dict[str, Any] = {"observations": None, "medications": None, "conditions": None}


def call(**changes: Any) -> dict[str, Any]:
    """A patient-view of an adult with nothing on record."""
    patient = {
        "resourceType": "Patient",
        "id": "p-12345",
        "birthDate": "1960-01-01",
        "name": [{"family": "Doe-Example"}],
    }
    body: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": "00000000-0000-4000-8000-000000000001",
        "context": {"patientId": "p-12345", "userId": "Practitioner/1"},
        "prefetch": {"patient": patient, **KNOWN_EMPTY},
    }
    return body | changes


def refused(answer: TestResponse, status: int) -> str:
    """The diagnostics of a refusal that is as it has to be."""
    assert answer.status_code == status
    assert check_error(status, answer.headers, answer.data, call()) == []
    diagnostics: str = answer.get_json()["issue"][0]["diagnostics"]
    return diagnostics


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/"])
def test_discovery(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert check_discovery(answer.data, answer.status_code, answer.headers) == []


def test_every_discovered_service_answers(client: FlaskClient) -> None:
    for service in client.get("/cds-services").get_json()["services"]:
        answer = client.post(f"/cds-services/{service['id']}", json=call(hook=service["hook"]))
        assert check_response(answer.status_code, answer.headers, answer.data, call()) == []


def test_nobody_keeps_an_answer(client: FlaskClient) -> None:
    for answer in (client.post(PATIENT_VIEW, json=call()), client.post(PATIENT_VIEW, json={})):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_health(client: FlaskClient, app: Flask) -> None:
    assert client.get("/health/live").get_json() == {"status": "live"}
    ready = client.get("/health/ready").get_json()
    assert ready["status"] == "ready"
    assert ready["knowledge"]


def test_what_is_not_built_is_not_there(client: FlaskClient) -> None:
    assert refused(client.get("/"), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", PATIENT_VIEW, "POST"), ("POST", "/cds-services", "GET"), ("PUT", "/health/live", "GET")],
)
def test_a_wrong_method_names_the_right_one(client: FlaskClient, method: str, path: str, allowed: str) -> None:
    answer = client.open(path, method=method)
    refused(answer, 405)
    assert allowed in answer.headers["Allow"]


def test_refusals_come_in_the_order_of_the_contract() -> None:
    client = create_app(Settings(max_body_bytes=2000)).test_client()
    nobody = "/cds-services/nobody"
    padding = b" " * 2001
    assert "application/json" in refused(client.post(nobody, data=padding, content_type="text/plain"), 415)
    assert "2000 bytes" in refused(client.post(nobody, data=padding, content_type="application/json"), 413)
    assert "not valid JSON" in refused(client.post(nobody, data=b"{", content_type="application/json"), 400)
    assert "no CDS service" in refused(client.post(nobody, json={}), 404)
    assert "hook is required" in refused(client.post(PATIENT_VIEW, json={"prefetch": {"patient": 7}}), 400)
    assert "patient" in refused(client.post(PATIENT_VIEW, json=call(prefetch={"patient": None})), 412)
    practitioner = {"resourceType": "Practitioner", "id": "p-12345"}
    assert "not a FHIR Patient" in refused(
        client.post(PATIENT_VIEW, json=call(prefetch={"patient": practitioner})), 422
    )
    other = {"resourceType": "Patient", "id": "somebody-else"}
    refused(client.post(PATIENT_VIEW, json=call(prefetch={"patient": other})), 400)
    mine = {"resourceType": "Patient", "id": "p-12345"}
    assert "observations" in refused(client.post(PATIENT_VIEW, json=call(prefetch={"patient": mine})), 412)


def test_a_crash_is_a_500_without_data(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyError("Doe-Example")

    monkeypatch.setattr("service.hooks.respond", crash)
    assert "Doe" not in refused(app.test_client().post(PATIENT_VIEW, json=call()), 500)


def test_a_policy_that_cannot_be_read_stops_the_start(tmp_path: Any) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("not toml")
    with pytest.raises(SettingsError, match=r"POLICY: .* cannot be read"):
        create_app(Settings(policy=policy))
    policy.write_text("adult_ages = 3")
    with pytest.raises(SettingsError, match="POLICY: "):
        create_app(Settings(policy=policy))


def test_the_assessment_can_be_switched_off() -> None:
    client = create_app(Settings(response_extension=False)).test_client()
    assert client.post(PATIENT_VIEW, json=call()).get_json() == {"cards": []}
