"""Errors → OperationOutcome: one shape for all, nothing of the inside, nothing of the patient."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service import errors
from tests.contract.conformance import check_error

CASES: list[tuple[errors.ServiceError, int, str]] = [
    (errors.UnsupportedMedia("x"), 415, "not-supported"),
    (errors.BodyTooLarge("x"), 413, "too-long"),
    (errors.MalformedJson("x"), 400, "structure"),
    (errors.UnknownService("x"), 404, "not-found"),
    (errors.MissingField("x"), 400, "required"),
    (errors.InvalidField("x"), 400, "value"),
    (errors.DataUnobtainable(("observations",)), 412, "required"),
    (errors.NotAPatient("x"), 422, "structure"),
    (errors.WrongPatient("x"), 400, "value"),
]


@pytest.fixture
def failing() -> FlaskClient:
    """An application whose one route fails as told."""
    app = Flask("test")
    errors.register(app)

    @app.get("/case/<int:number>")
    def case(number: int) -> str:
        raise CASES[number][0]

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("Doe-Example was born on 1970-01-01")

    return app.test_client()


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_refusal_is_an_operation_outcome(failing: FlaskClient, number: int) -> None:
    error, status, issue_code = CASES[number]
    answer = failing.get(f"/case/{number}")
    assert answer.status_code == status
    assert check_error(status, answer.headers, answer.data) == []
    assert answer.get_json()["issue"] == [
        {"severity": "error", "code": issue_code, "diagnostics": error.diagnostics},
    ]


def test_unobtainable_data_is_named_by_its_keys() -> None:
    error = errors.DataUnobtainable(("observations", "medications"), "the request names no FHIR server")
    assert error.keys == ("observations", "medications")
    assert error.diagnostics == (
        "required prefetch data could not be obtained: observations, medications; the request names no FHIR server"
    )


def test_an_unknown_path_is_404(failing: FlaskClient) -> None:
    answer = failing.get("/nowhere")
    assert answer.status_code == 404
    assert check_error(404, answer.headers, answer.data) == []
    assert answer.get_json()["issue"][0]["code"] == "not-found"


def test_a_wrong_method_keeps_allow(failing: FlaskClient) -> None:
    answer = failing.post("/crash")
    assert answer.status_code == 405
    assert check_error(405, answer.headers, answer.data) == []
    assert {method.strip() for method in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}


def test_a_crash_tells_nothing_and_logs_no_data(failing: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = failing.get("/crash")
    assert answer.status_code == 500
    assert check_error(500, answer.headers, answer.data) == []
    assert answer.get_json()["issue"][0]["code"] == "exception"
    assert b"Doe" not in answer.data
    assert "RuntimeError at " in caplog.text
    assert "test_errors.py" in caplog.text
    assert "Doe" not in caplog.text
    assert "Traceback" not in caplog.text
