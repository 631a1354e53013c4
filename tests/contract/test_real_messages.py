"""Messages that others wrote: regrouped under our keys they meet silence, as they are a refusal.

They lie beside the project, not in it; without them these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.discovery import SERVICE_OF_HOOK
from service.prefetch import REQUIRED_KEYS, SEARCHED
from tests.contract.conformance import check_error, check_response

MESSAGES = Path(__file__).parents[3] / "shared" / "real-data"
KEY_OF_TYPE = {resource: key for key, resource in SEARCHED.items()}
Resource = dict[str, Any]

pytestmark = pytest.mark.skipif(not MESSAGES.is_dir(), reason="the messages of others are not here")


def parsed(path: Path) -> Any:
    """The JSON of a file, or None where it is malformed or empty."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def is_request(path: Path, value: Any) -> bool:
    """Whether a file holds a hook call, readable or not."""
    return "hook" in value if isinstance(value, dict) else "requests" in path.name


FILES = sorted(MESSAGES.rglob("*.json"))
CONTENT = {path: parsed(path) for path in FILES}
REQUESTS = [path for path, value in CONTENT.items() if is_request(path, value) and value is not None]
MALFORMED = [path for path, value in CONTENT.items() if value is None]
RESOURCES = [path for path, value in CONTENT.items() if value is not None and path not in REQUESTS]


def resources(value: Any) -> Iterator[Resource]:
    """Every FHIR resource in `value` but Bundles, contained ones within their owner."""
    if isinstance(value, dict):
        if value.get("resourceType", "Bundle") != "Bundle":
            yield value
        else:
            for member in value.values():
                yield from resources(member)
    elif isinstance(value, list):
        for member in value:
            yield from resources(member)


def regrouped(found: list[Resource]) -> dict[str, Any]:
    """A patient-view with `found` under our keys; a type that is not among them was asked for and not found."""
    patients = [resource for resource in found if resource["resourceType"] == "Patient"]
    patient = patients[0] if patients else {"resourceType": "Patient", "id": subject_of(found)}
    prefetch: dict[str, Any] = {"patient": patient}
    for resource_type, key in KEY_OF_TYPE.items():
        entries = [{"resource": item} for item in found if item["resourceType"] in {resource_type, "Medication"}]
        known = any(entry["resource"]["resourceType"] == resource_type for entry in entries)
        prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries} if known else None
    return {
        "hook": "patient-view",
        "hookInstance": "00000000-0000-4000-8000-000000000001",
        "context": {"patientId": patient["id"], "userId": "Practitioner/1"},
        "prefetch": prefetch,
    }


def subject_of(found: list[Resource]) -> str:
    """The patient that a lone resource speaks of."""
    for resource in found:
        reference = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
        if "Patient/" in reference:
            return str(reference.rpartition("/")[2])
    return "nobody"


def name_of(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", REQUESTS + RESOURCES, ids=name_of)
def test_regrouped_under_our_keys_they_meet_silence(client: FlaskClient, path: Path) -> None:
    body = regrouped(list(resources(CONTENT[path])))
    answer = client.post("/cds-services/mda5-rpild-patient-view", json=body)
    assert check_response(answer.status_code, answer.headers, answer.data, body) == []
    assert answer.get_json()["cards"] == []


@pytest.mark.parametrize("path", REQUESTS, ids=name_of)
def test_as_they_are_the_missing_keys_are_named(client: FlaskClient, path: Path) -> None:
    body = CONTENT[path]
    answer = client.post(f"/cds-services/{SERVICE_OF_HOOK[body['hook']].id}", json=body)
    assert answer.status_code == 412
    assert check_error(412, answer.headers, answer.data, body) == []
    diagnostics = answer.get_json()["issue"][0]["diagnostics"]
    for key in REQUIRED_KEYS:
        assert (key in diagnostics) == (key not in (body.get("prefetch") or {}))


@pytest.mark.parametrize("path", MALFORMED, ids=name_of)
def test_malformed_ones_are_a_clear_400(client: FlaskClient, path: Path) -> None:
    answer = client.post("/cds-services/mda5-rpild-order-sign", data=path.read_bytes(), content_type="application/json")
    assert answer.status_code == 400
    assert check_error(400, answer.headers, answer.data) == []
    assert "not valid JSON" in answer.get_json()["issue"][0]["diagnostics"]


def test_all_of_them_are_here() -> None:
    # 62 malformed originals and 2 empty files, as their README counts them
    assert len(MALFORMED) == 64
    assert len(REQUESTS) > 60
