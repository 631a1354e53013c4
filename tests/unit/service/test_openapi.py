"""The published description: what the service answers is in it, and nothing in it is beside the truth."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient

import fixtures
from cds_cards.card import Topic
from cds_cards.knowledge import load_guideline
from service.discovery import SERVICE_OF_HOOK, SERVICES
from service.errors import ServiceError
from service.openapi.document import openapi
from service.prefetch import KEYS
from service.settings import Settings
from tests.conftest import NOW

Json = dict[str, Any]
GUIDELINE = load_guideline()
OPEN = openapi(Settings(), GUIDELINE)
CLOSED = openapi(Settings(auth="jwt", public_url="https://cds.example.org/mda5"), GUIDELINE)


def empty_members(value: Any, where: str = "") -> Iterator[str]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        if member is None or (isinstance(member, str | list | dict) and not member):
            yield f"{where}.{name}"
        yield from empty_members(member, f"{where}.{name}")


def validator(document: Json, name: str) -> jsonschema_rs.Draft202012Validator:
    """A validator of the named schema in which no object may hold a member that is not described."""
    schemas = copy.deepcopy(document["components"]["schemas"])
    for schema in schemas.values():
        shut(schema)
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def shut(schema: Any) -> None:
    for member in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        shut(member)
    # a FHIR resource is FHIR's to describe
    if isinstance(schema, dict) and "properties" in schema and set(schema["properties"]) != {"resourceType"}:
        schema["additionalProperties"] = False


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


@pytest.mark.parametrize("document", [OPEN, CLOSED], ids=["off", "jwt"])
def test_it_is_openapi_3_1(document: Json) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert {operation.ok().label for operation in schema.get_all_operations()} == {
        f"{method} {path}" for path, method, _ in operations(document)
    }


@pytest.mark.parametrize("document", [OPEN, CLOSED], ids=["off", "jwt"])
def test_nothing_is_null_or_empty_and_every_name_exists(document: Json) -> None:
    assert list(empty_members(document)) == []
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    for name in set(references(document)):
        section, key = name.removeprefix("#/components/").split("/")
        assert key in document["components"][section]


def references(value: Any) -> Iterator[str]:
    for name, member in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        if name == "$ref":
            yield member
        yield from references(member)


def test_every_route_is_described_and_no_other(app: Flask) -> None:
    router = app.url_map.bind("localhost")
    described = set()
    for path, method, _ in operations(OPEN):
        rule, _ = router.match(path, method, return_rule=True)
        described.add((rule.rule, method))
    routed = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routed


def test_every_status_that_is_meant_is_described() -> None:
    meant = {str(kind.status) for kind in ServiceError.__subclasses__()} | {"200", "405"}
    described = {status for _, _, operation in operations(OPEN) for status in operation["responses"]}
    assert described == meant


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.id)
def test_the_statuses_of_a_call(service: Any) -> None:
    call = OPEN["paths"][f"/cds-services/{service.id}"]["post"]["responses"]
    assert set(call) == {str(s) for s in (200, 400, 401, 403, 404, 405, 412, 413, 415, 422, 429, 503)}
    feedback = OPEN["paths"][f"/cds-services/{service.id}/feedback"]["post"]["responses"]
    assert set(call) - set(feedback) == {"412", "422"}


def test_who_must_say_who_it_is() -> None:
    assert "securitySchemes" not in OPEN["components"]
    assert not any("security" in operation for _, _, operation in operations(OPEN))
    (scheme,) = CLOSED["components"]["securitySchemes"]
    guarded = {
        path for path, _, operation in operations(CLOSED) if operation.get("security") == [{scheme: ["cds-client"]}]
    }
    assert guarded == {path for path, _, _ in operations(CLOSED) if path.startswith("/cds-services")}


def test_the_server_is_the_public_url() -> None:
    assert OPEN["servers"] == [{"url": "/"}]
    assert CLOSED["servers"] == [{"url": "https://cds.example.org/mda5"}]


def test_the_headers_of_a_refusal() -> None:
    headers = {name: set(answer["headers"]) for name, answer in OPEN["components"]["responses"].items()}
    assert {name for name, found in headers.items() if "Retry-After" in found} == {"Status429", "Status503"}
    assert {name for name, found in headers.items() if "WWW-Authenticate" in found} == {"Status401"}
    assert {name for name, found in headers.items() if "Allow" in found} == {"Status405"}
    assert all("X-Request-ID" in found for found in headers.values())


def test_the_enumerations_are_the_code_s_own() -> None:
    schemas = OPEN["components"]["schemas"]
    assert schemas["Card"]["properties"]["source"]["properties"]["topic"]["properties"]["code"]["enum"] == list(
        get_args(Topic)
    )
    assert tuple(schemas["Prefetch"]["properties"]) == KEYS
    assert schemas["Card"]["properties"]["summary"]["maxLength"] == 139
    assert len(schemas["Assessment"]["properties"]["recommendations"]["items"]["properties"]["id"]["enum"]) == 13


def test_the_configuration_shows() -> None:
    changed = replace(Settings(), response_extension=False, allow_as_of=True, topics_off=frozenset({"rec-7"}))
    schemas = openapi(changed, GUIDELINE)["components"]["schemas"]
    assert "Assessment" not in schemas
    assert schemas["Response"]["required"] == ["cards"]
    assert "mda5-cds.as-of" in schemas["PatientViewRequest"]["properties"]["extension"]["properties"]
    topics = schemas["Card"]["properties"]["source"]["properties"]["topic"]["properties"]["code"]["enum"]
    assert set(get_args(Topic)) - set(topics) == {"rec-7"}
    assert "extension" not in OPEN["components"]["schemas"]["PatientViewRequest"]["properties"]


@pytest.mark.parametrize("name", fixtures.names())
def test_a_story_and_its_answer_are_as_described(client: FlaskClient, name: str) -> None:
    story = fixtures.story(name)
    service = SERVICE_OF_HOOK[story.hook]
    body = story.render(NOW)
    answer = client.post(f"/cds-services/{service.id}", json=body)
    assert answer.status_code == 200
    path = OPEN["paths"][f"/cds-services/{service.id}"]["post"]
    asked = path["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert [error.message for error in validator(OPEN, asked).iter_errors(body)] == []
    assert [error.message for error in validator(OPEN, "Response").iter_errors(answer.get_json())] == []


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.id)
def test_the_examples_are_answered(client: FlaskClient, service: Any) -> None:
    """The example of each service is a call that it answers, with the story's own cards."""
    path = f"/cds-services/{service.id}"
    (example,) = OPEN["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"].values()
    answer = client.post(path, json=example["value"])
    assert answer.status_code == 200
    assert answer.get_json()["extension"]["mda5-cds.assessment"]["population"]["status"] == "in"


def test_discovery_and_refusals_are_as_described(client: FlaskClient) -> None:
    found = client.get("/cds-services").get_json()
    assert [error.message for error in validator(OPEN, "Discovery").iter_errors(found)] == []
    refused = client.post("/cds-services/mda5-rpild-patient-view", json={}).get_json()
    assert [error.message for error in validator(OPEN, "OperationOutcome").iter_errors(refused)] == []


@pytest.mark.parametrize(
    "card",
    [
        {"summary": "x" * 140},
        {"indicator": "hard-stop"},
        {"overrideReasons": []},
        {"selectionBehavior": None},
        {"suggestions": [{"label": "no action", "uuid": "0f1f6a5e-6d0b-5c3e-9f0a-3a5a4d2b9c11"}]},
        {"uuid": "1"},
        {"suggestions": ..., "links": []},
    ],
    ids=lambda card: "-".join(card),
)
def test_a_card_that_breaks_the_specification_is_not_as_described(client: FlaskClient, card: Json) -> None:
    body = fixtures.story("untreated").render(NOW)
    answer = client.post("/cds-services/mda5-rpild-patient-view", json=body).get_json()
    chosen = next(card for card in answer["cards"] if "suggestions" in card)
    assert validator(OPEN, "Card").is_valid(chosen)
    broken = {name: value for name, value in (chosen | card).items() if value is not ...}
    assert not validator(OPEN, "Card").is_valid(broken)
