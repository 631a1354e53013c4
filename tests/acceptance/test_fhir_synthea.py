"""Charts that others wrote, on the real FHIR server: fetched or prefetched they get the same answer, and no card.

They lie beside the project, not in it; without them these tests are skipped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.ehr import KEYS, OPTIONAL, REQUIRED, ask, lacking, service
from tests.acceptance.fhir import KEYS as KEY_OF_TYPE
from tests.acceptance.fhir import Json, bundle
from tests.fhir_server import FhirServer

FOLDER = Path(__file__).parents[3] / "shared" / "real-data" / "synthea-r4"
CHARTS = sorted(FOLDER.glob("*.json"))

pytestmark = pytest.mark.skipif(not CHARTS, reason="the charts of others are not here")


@pytest.fixture(scope="module")
def client(fhir_server: FhirServer) -> FlaskClient:
    """The service, with the real server on its allow list."""
    return service(fhir_server.base, fhir_budget_seconds=30.0)


def whole_chart(server: FhirServer, path: Path) -> Json:
    """A patient-view whose prefetch holds the whole chart, as the server took it in."""
    if path.name not in server.loaded:
        server.loaded[path.name] = server.transact(json.loads(path.read_text(encoding="utf-8")))
    stored: list[Json] = server.loaded[path.name]
    (patient,) = (each for each in stored if each["resourceType"] == "Patient")
    prefetch: dict[str, Any] = {"patient": patient}
    for kind, key in KEY_OF_TYPE.items():
        found = [each for each in stored if each["resourceType"] == kind]
        prefetch[key] = bundle(*found) if found else None
    context = {"patientId": patient["id"], "userId": "Practitioner/d1"}
    return {"hook": "patient-view", "hookInstance": "synthea-1", "context": context, "prefetch": prefetch}


def name_of(path: Path) -> str:
    return path.stem.split("__")[-1].rpartition("_")[0]


@pytest.mark.parametrize("path", CHARTS, ids=name_of)
@pytest.mark.parametrize("missing", [KEYS, REQUIRED, OPTIONAL], ids="+".join)
def test_fetched_or_prefetched_it_is_the_same_silence(
    client: FlaskClient, fhir_server: FhirServer, path: Path, missing: tuple[str, ...]
) -> None:
    whole = whole_chart(fhir_server, path)
    full = ask(client, whole)
    assert full["cards"] == []
    assert full["extension"]["mda5-cds.assessment"]["antiMda5"]["status"] == "unknown"
    assert ask(client, lacking(fhir_server, whole, *missing)) == full


def test_all_of_them_are_here() -> None:
    assert len(CHARTS) == 5
