"""Each call: its line in the log, its place in the metrics, its id in the answer."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.telemetry.calls import note_client, note_prefetch, note_refusal, watch_calls
from service.telemetry.metrics import Metrics
from tests.unit.service.telemetry.test_metrics import read

SERVICE = "mda5-rpild-patient-view"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def client(metrics: Metrics) -> FlaskClient:
    """An application of three routes, watched."""
    app = Flask("watched")
    watch_calls(app, metrics)

    @app.post("/cds-services/<service_id>")
    def call(service_id: str) -> tuple[str, int]:
        note_client("https://ehr.example.org")
        note_prefetch({"patient": "given", "allergies": "missing"})
        return "", 200

    @app.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> tuple[str, int]:
        note_refusal("InvalidField")
        return "", 400

    @app.get("/health/live")
    def live() -> str:
        return ""

    return app.test_client()


def line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The fields of the one line that was logged, and its level."""
    (record,) = caplog.records
    return {name: value for name, value in vars(record).items() if name in FIELDS} | {"level": record.levelname}


FIELDS = ("method", "route", "status", "client", "refusal", "missing")


def test_an_answered_call(client: FlaskClient, metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service")
    answer = client.post(f"/cds-services/{SERVICE}?patient=1", headers={"traceparent": f"00-{TRACE}-{'1' * 16}-00"})
    assert line(caplog) == {
        "level": "INFO",
        "method": "POST",
        "route": "/cds-services/<service_id>",
        "status": 200,
        "client": "https://ehr.example.org",
        "missing": ["allergies"],
    }
    assert 0 <= vars(caplog.records[0])["milliseconds"] < 10_000
    assert len(answer.headers["X-Request-ID"]) == 32
    assert TRACE not in answer.headers["X-Request-ID"]
    found = read(metrics)
    assert found[("calls_total", "https://ehr.example.org", SERVICE, "200")] == 1
    assert found[("prefetch_keys_total", "https://ehr.example.org", "allergies", "missing")] == 1
    assert found[("prefetch_keys_total", "https://ehr.example.org", "patient", "given")] == 1


def test_a_refused_call(client: FlaskClient, metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service")
    client.post(f"/cds-services/{SERVICE}/feedback")
    assert (line(caplog)["refusal"], line(caplog)["client"]) == ("InvalidField", "unidentified")
    found = read(metrics)
    assert found[("refusals_total", "InvalidField", "400")] == 1
    assert found[("calls_total", "unidentified", f"{SERVICE}/feedback", "400")] == 1


@pytest.mark.parametrize(
    ("method", "path", "service", "route", "refusal"),
    [
        ("POST", "/cds-services/secret-1", "other", "/cds-services/<service_id>", None),
        (
            "POST",
            "/cds-services/secret-1/feedback",
            "other/feedback",
            "/cds-services/<service_id>/feedback",
            "InvalidField",
        ),
        ("GET", "/secret-1", "unrouted", "unrouted", "NotFound"),
        ("GET", f"/cds-services/{SERVICE}", "unrouted", "unrouted", "MethodNotAllowed"),
    ],
)
def test_what_stands_in_a_path_is_not_repeated(
    client: FlaskClient,
    metrics: Metrics,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    service: str,
    route: str,
    refusal: str | None,
) -> None:
    caplog.set_level(logging.INFO, "service")
    client.open(path, method=method)
    assert (line(caplog)["route"], line(caplog).get("refusal")) == (route, refusal)
    assert [key[2] for key in read(metrics) if key[0] == "calls_total"] == [service]
    assert "secret-1" not in metrics.exposition()[0].decode() + repr(vars(caplog.records[0]))


def test_a_method_may_be_any_word(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service")
    client.open("/health/live", method="SECRET")
    assert line(caplog)["method"] == "other"


def test_probes_are_no_calls(client: FlaskClient, metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "service")
    assert client.get("/health/live").headers["X-Request-ID"]
    assert line(caplog)["level"] == "DEBUG"
    assert not [key for key in read(metrics) if key[0] == "calls_total"]


def test_outside_a_call_there_is_nothing_to_note() -> None:
    note_client("nobody")
    note_refusal("Nothing")
    note_prefetch({})


def test_a_crash_is_counted_as_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object) -> None:
        raise KeyError("Doe-Example")

    monkeypatch.setattr("service.routes_operations._front", crash)
    with caplog.at_level(logging.DEBUG, "service"):
        assert app.test_client().get("/health/ready").status_code == 500
    records = {record.name: record for record in caplog.records}
    assert vars(records["service.telemetry.calls"])["refusal"] == "Unexpected"
