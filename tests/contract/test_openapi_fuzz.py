"""The service against its own description: whatever is sent, the answer is one that `/openapi.json` announces."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from cds_cards.knowledge import load_guideline
from service.app import create_app
from service.openapi.document import openapi
from service.routes_operations import FRONT
from service.settings import Settings
from tests.conftest import NOW
from tests.unit.service.security.issuer import clients_file, member, token

pytestmark = pytest.mark.load

OPEN = Settings()
SITE = "https://cds.example.org"
CLOSED = Settings(auth="jwt", public_url=SITE)
SERVICE = "/cds-services/mda5-rpild-patient-view"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]


class Late:
    """An application as WSGI that is made when the tests run: collecting them needs none."""

    app: Flask

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.app(environ, start_response)


OPEN_APP, CLOSED_APP = Late(), Late()


@pytest.fixture(scope="module", autouse=True)
def applications(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The service as it comes, and one that identifies its callers."""
    clients = clients_file(tmp_path_factory.mktemp("clients"), member())
    OPEN_APP.app = create_app(OPEN, clock=lambda: NOW)
    CLOSED_APP.app = create_app(replace(CLOSED, trusted_clients=clients), clock=lambda: NOW)
    yield
    for late in (OPEN_APP, CLOSED_APP):
        late.app.extensions[FRONT].close()


def described(document: dict[str, Any], app: Any, examples: int) -> Any:
    """The description as schemathesis reads it; the same cases in every run."""
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    schema.config.generation.deterministic = True
    schema.config.generation.max_examples = examples
    return schema


DOCUMENT = openapi(OPEN, load_guideline())
schema = described(DOCUMENT, OPEN_APP, examples=10)
closed = described(openapi(CLOSED, load_guideline()), CLOSED_APP, examples=4).include(
    path=["/cds-services", SERVICE, f"{SERVICE}/feedback"]
)
closed.config.phases.coverage.enabled = False


@schema.parametrize()
def test_every_answer_is_one_that_is_announced(case: Any) -> None:
    case.call_and_validate(checks=CHECKS)


def test_the_description_is_published(client: FlaskClient) -> None:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.get_json() == DOCUMENT


def changed(place: str, value: Any) -> dict[str, Any]:
    """The description with `value` at a place of dots; `...` takes away what is there."""
    document = copy.deepcopy(DOCUMENT)
    *steps, last = place.split(".")
    owner: Any = document
    for step in steps:
        owner = owner[step]
    owner[last] = value
    if value is ...:
        del owner[last]
    return document


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"paths.{SERVICE}.post.responses.412", ...),
        ("components.responses.Status412.headers.X-Never-Sent", {"required": True, "schema": {"type": "string"}}),
        ("components.responses.Status412.content", {"text/plain": {"schema": {"type": "string"}}}),
        ("components.schemas.OperationOutcome.required", ["resourceType", "issue", "text"]),
    ],
    ids=["status", "header", "content", "schema"],
)
def test_an_answer_that_is_not_announced_would_be_found(place: str, value: Any) -> None:
    body = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1", "userId": "Practitioner/1"}}

    def send(document: dict[str, Any]) -> None:
        operation = described(document, OPEN_APP, examples=1)[SERVICE]["POST"]
        operation.Case(body=body, media_type="application/json").call_and_validate(checks=CHECKS)

    send(DOCUMENT)
    with pytest.raises(FailureGroup):
        send(changed(place, value))


@closed.parametrize()
def test_callers_who_do_not_say_who_they_are(case: Any) -> None:
    answer = case.call_and_validate(checks=CHECKS, headers={"Authorization": "Bearer nobody"})
    # what is no JSON is refused before
    assert answer.status_code == 401 or (case.method == "POST" and answer.status_code in {400, 415})


@closed.parametrize()
def test_callers_who_do(case: Any) -> None:
    called = f"{SITE}{case.formatted_path}"
    answer = case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {token(aud=called)}"})
    assert answer.status_code != 401, answer.text
