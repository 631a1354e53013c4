"""Order hooks as a real client sends them: answered, silent where they are unrelated, and read where they are not."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

import fixtures
from service.discovery import SERVICE_OF_HOOK
from tests.contract.conformance import check_response
from tests.contract.test_real_messages import CONTENT, MESSAGES, REQUESTS, name_of, regrouped, resources

pytestmark = pytest.mark.skipif(not MESSAGES.is_dir(), reason="the messages of others are not here")
ORDERS = [path for path in REQUESTS if CONTENT[path]["hook"] in {"order-select", "order-sign"}]
SANDBOX = [path for path in ORDERS if "sandbox" in path.parent.name]
CHOSEN = [path for path in SANDBOX if "medicationCodeableConcept" in json.dumps(CONTENT[path]["context"])]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
AZATHIOPRINE = {"text": "azathioprine 50 MG Oral Tablet", "coding": [{"system": RXNORM, "code": "197388"}]}


def answer(client: FlaskClient, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to an order hook, checked row by row."""
    response = client.post(f"/cds-services/{SERVICE_OF_HOOK[body['hook']].id}", json=body)
    assert check_response(response.status_code, response.headers, response.data, body) == []
    decoded: dict[str, Any] = response.get_json()
    return decoded


def at_bedside(path: Any, now: datetime) -> dict[str, Any]:
    """The real call, made in the chart of an untreated patient with the disease."""
    real = copy.deepcopy(CONTENT[path])
    patient = real["context"]["patientId"]
    chart = json.dumps(fixtures.story("untreated").render(now)["prefetch"])
    real["prefetch"] = json.loads(chart.replace('"Patient/untreated"', f'"Patient/{patient}"'))
    real["prefetch"]["patient"]["id"] = patient
    return {key: value for key, value in real.items() if key != "fhirServer"}


@pytest.mark.parametrize("path", ORDERS, ids=name_of)
def test_with_their_own_data_under_our_keys_they_meet_silence(client: FlaskClient, path: Any) -> None:
    real = CONTENT[path]
    body = {**real, "prefetch": regrouped(list(resources(real.get("prefetch") or {})))["prefetch"]}
    body["prefetch"]["patient"] = {
        "resourceType": "Patient",
        "id": real["context"]["patientId"].removeprefix("Patient/"),
    }
    assert answer(client, body)["cards"] == []


@pytest.mark.parametrize("path", SANDBOX, ids=name_of)
def test_unrelated_orders_are_silent_in_our_patients_chart(client: FlaskClient, path: Any, now: datetime) -> None:
    body = answer(client, at_bedside(path, now))
    assert body["cards"] == []
    assert body["extension"]["mda5-cds.assessment"]["therapy"]["stage"] == "untreated"


@pytest.mark.parametrize("path", CHOSEN, ids=name_of)
def test_the_same_forms_with_our_drug_are_read(client: FlaskClient, path: Any, now: datetime) -> None:
    real = at_bedside(path, now)
    for entry in real["context"]["draftOrders"]["entry"]:
        entry["resource"]["medicationCodeableConcept"] = AZATHIOPRINE
    (card,) = answer(client, real)["cards"]
    assert card["source"]["topic"]["code"] == "rec-8"
    deleted = {action.get("resourceId") for each in card["suggestions"] for action in each["actions"]} - {None}
    assert deleted == {"MedicationRequest/request-123"}


def test_they_are_here() -> None:
    assert (len(SANDBOX), len(CHOSEN)) == (6, 4)
