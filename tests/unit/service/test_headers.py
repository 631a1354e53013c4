"""The header set of every answer, and CORS for the origins on the list alone."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service import errors
from service.errors import NotIdentified
from service.headers import CORS_EXPOSED_HEADERS, SECURITY_HEADERS, protect
from service.settings import Settings

EHR = "https://ehr.example.org"
IPV6 = "http://[::1]:8000"


def client(**settings: Any) -> FlaskClient:
    """An application with a view for each way of answering."""
    app = Flask(__name__)
    protect(app, Settings(**settings))
    errors.register(app)

    def refuse() -> Response:
        raise NotIdentified("no token")

    def crash() -> Response:
        raise ZeroDivisionError

    app.add_url_rule("/well", view_func=lambda: "well", endpoint="well", methods=["GET", "POST"])
    app.add_url_rule("/page", view_func=lambda: ("", {"Content-Security-Policy": "default-src 'self'"}), endpoint="p")
    app.add_url_rule("/refused", view_func=refuse)
    app.add_url_rule("/crashed", view_func=crash)
    return app.test_client()


def of_cors(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("path", ["/well", "/refused", "/crashed", "/nowhere"])
def test_every_answer_has_the_header_set(path: str) -> None:
    headers = client().get(path).headers
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_a_view_may_set_its_own() -> None:
    headers = client().get("/page").headers
    assert headers.getlist("Content-Security-Policy") == ["default-src 'self'"]
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("public_url", "kept"),
    [("https://cds.example.org/cds", True), ("http://localhost:8000", False), (None, False), ("nonsense", False)],
)
def test_transport_security_where_the_service_is_on_https(public_url: str | None, kept: bool) -> None:
    headers = client(public_url=public_url).get("/well").headers
    assert ("Strict-Transport-Security" in headers) is kept
    assert "includeSubDomains" not in headers.get("Strict-Transport-Security", "")


@pytest.mark.parametrize("path", ["/well", "/refused", "/crashed", "/nowhere"])
@pytest.mark.parametrize("origin", [EHR, IPV6])
def test_an_origin_on_the_list(path: str, origin: str) -> None:
    answer = client(cors_origins=(EHR, IPV6)).get(path, headers={"Origin": origin})
    assert of_cors(answer) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ", ".join(sorted(CORS_EXPOSED_HEADERS)),
    }
    assert answer.headers.getlist("Vary") == ["Origin"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "*",
        "https://evil.example.org",
        f"{EHR}.evil.example.org",
        f"{EHR}:8443",
        f"{EHR}/",
        "http://ehr.example.org",
        "https://ehrxexample.org",
        f"{EHR} {IPV6}",
        "http://:",
        "https://sub.ehr.example.org",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_other_origin(origin: str | None, method: str) -> None:
    headers = {"Access-Control-Request-Method": "POST"} | ({"Origin": origin} if origin else {})
    answer = client(cors_origins=(EHR, IPV6)).open("/well", method=method, headers=headers)
    assert of_cors(answer) == {}
    assert answer.headers.getlist("Vary") == ["Origin"]


def preflight(method: str, headers: str) -> dict[str, str]:
    asked = {"Origin": EHR, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    answer = client(cors_origins=(EHR,)).options("/well", headers=asked)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Credentials" not in answer.headers
    return of_cors(answer)


@pytest.mark.parametrize("headers", ["authorization, content-type", "Content-Type,Authorization"])
def test_a_preflight(headers: str) -> None:
    allowed = preflight("POST", headers)
    assert allowed["Access-Control-Allow-Origin"] == EHR
    assert {name.lower() for name in allowed["Access-Control-Allow-Headers"].split(", ")} == {
        "authorization",
        "content-type",
    }
    assert allowed["Access-Control-Allow-Methods"] == "GET, OPTIONS, POST"
    assert allowed["Access-Control-Max-Age"] == "600"


def test_a_preflight_for_more_than_is_allowed() -> None:
    assert "Access-Control-Allow-Methods" not in preflight("DELETE", "authorization")
    assert preflight("POST", "authorization, x-secret")["Access-Control-Allow-Headers"] == "authorization"


def test_no_cors_at_all_without_origins() -> None:
    asked = {"Origin": EHR, "Access-Control-Request-Method": "POST"}
    for answer in (client().options("/well", headers=asked), client().get("/well", headers=asked)):
        assert of_cors(answer) == {}
        assert "Vary" not in answer.headers
