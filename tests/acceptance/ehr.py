"""An EHR that keeps its charts on a real FHIR server, and sends of them in the prefetch what a test lets it send."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from flask.testing import FlaskClient

import fixtures
from service.app import create_app
from service.settings import Settings
from tests.acceptance.fhir import KEYS as KEY_OF_TYPE
from tests.acceptance.fhir import NOW, SERVICE, Json, bundle
from tests.fhir_server import TOKEN, FhirServer, resources_of

KEYS = ("patient", *KEY_OF_TYPE.values())
REQUIRED = ("patient", "observations", "medications", "conditions")
OPTIONAL = tuple(key for key in KEYS if key not in REQUIRED)
_numbers = itertools.count(1)


def service(*servers: str, **settings: Any) -> FlaskClient:
    """The service at the instant of the tests, with these FHIR servers on its allow list."""
    return create_app(Settings(fhir_servers=servers, **settings), clock=lambda: NOW).test_client()


def admitted(server: FhirServer, request: Json) -> Json:
    """A whole request whose chart is now on the server too: its prefetch holds what the server holds."""
    stored = iter(server.write(*resources_of(request["prefetch"])))
    return {**request, "prefetch": {key: _stored(value, stored) for key, value in request["prefetch"].items()}}


def story(server: FhirServer, name: str) -> Json:
    """The whole request of a story, its chart on the server."""
    if name not in server.loaded:
        server.loaded[name] = admitted(server, fixtures.story(name).render(NOW))
    request: Json = server.loaded[name]
    return request


def chart(server: FhirServer, *resources: Json, sent: Iterable[str] = KEYS, **more: Any) -> Json:
    """A call about a new patient with these resources (those of p1, by hand) on the server; `sent` keys alone."""
    patient_id = f"hand-{next(_numbers)}"
    renamed = [_renamed(each, patient_id) for each in resources]
    stored = server.write(*renamed)
    prefetch: Json = dict.fromkeys(KEYS)
    for each in stored:
        key = "patient" if each["resourceType"] == "Patient" else KEY_OF_TYPE.get(each["resourceType"])
        if key == "patient":
            prefetch[key] = each
        elif key:
            prefetch[key] = bundle(*(e["resource"] for e in (prefetch[key] or {"entry": ()})["entry"]), each)
    context = {"patientId": patient_id, "userId": "Practitioner/d1", **more.pop("context", {})}
    request = {"hook": "patient-view", "hookInstance": "fetching-1", "context": context, "prefetch": prefetch, **more}
    return lacking(server, request, *(key for key in KEYS if key not in sent))


def lacking(server: FhirServer | str, request: Json, *keys: str, token: str | None = TOKEN) -> Json:
    """The request without these prefetch keys, and with what it takes to fetch them; `token` None: without one."""
    authorization = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read"}
    left = {key: value for key, value in request["prefetch"].items() if key not in keys}
    lacks = {
        **request,
        "fhirServer": server if isinstance(server, str) else server.base,
        "fhirAuthorization": {**authorization, "subject": "mda5-cds"},
        "prefetch": left,
    }
    if token is None:
        del lacks["fhirAuthorization"]
    return lacks


def replaced(request: Json, **keys: Any) -> Json:
    """The request with these prefetch values instead."""
    return {**request, "prefetch": {**request["prefetch"], **keys}}


def ask(client: FlaskClient, request: Json) -> Json:
    """The body of the 200 that a request gets."""
    body: Json = answered(client, request, 200).get_json()
    return body


def answered(client: FlaskClient, request: Json, status: int) -> Any:
    """The response to a request, of that status."""
    response = client.post(f"{SERVICE}{request['hook']}", json=request)
    assert response.status_code == status, response.text
    return response


def diagnostics(client: FlaskClient, request: Json, status: int) -> str:
    """What a refusal of that status says."""
    text: str = answered(client, request, status).get_json()["issue"][0]["diagnostics"]
    return text


def assessment(client: FlaskClient, request: Json) -> Json:
    """The assessment of a 200."""
    found: Json = ask(client, request)["extension"]["mda5-cds.assessment"]
    return found


def _stored(value: Any, stored: Any) -> Any:
    if value is None:
        return None
    if value["resourceType"] != "Bundle":
        return next(stored)
    return {**value, "entry": [{**entry, "resource": next(stored)} for entry in value["entry"]]}


def _renamed(value: Any, patient_id: str) -> Any:
    """The resource as one of another patient: its references to p1, its own id when it is a Patient's or not unique."""
    if isinstance(value, dict):
        renamed = {name: _renamed(member, patient_id) for name, member in value.items()}
        if value.get("resourceType") == "Patient":
            renamed["id"] = patient_id
        if value.get("reference") == "Patient/p1":
            renamed["reference"] = f"Patient/{patient_id}"
        return renamed
    return [_renamed(member, patient_id) for member in value] if isinstance(value, list) else value
