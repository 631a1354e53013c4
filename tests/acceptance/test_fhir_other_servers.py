"""Servers with other habits: absolute references, and Bundles that say little about themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.ehr import KEYS, admitted, ask, assessment, chart, lacking, service, story
from tests.acceptance.fhir import PREDNISONE, RXNORM, TACROLIMUS, Json, coded, order, patient, positive, rpild
from tests.fault_server import Call, fault_server, fhir
from tests.fhir_server import FhirServer, start


@pytest.fixture(scope="module")
def absolute_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirServer]:
    """A real server whose references are absolute URLs of its own."""
    server = start(tmp_path_factory.mktemp("absolute"), absolute=True)
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["refractory", "rescue", "ecmo", "tacrolimus-overdose", "maintenance-relapse"])
def test_absolute_references_are_this_patient_s_all_the_same(
    absolute_server: FhirServer, fhir_server: FhirServer, name: str
) -> None:
    client = service(absolute_server.base, fhir_budget_seconds=20.0)
    request = story(fhir_server, name)
    admitted(absolute_server, request)
    templates = client.get("/cds-services").get_json()["services"][0]["prefetch"]
    sent = {**request, "prefetch": absolute_server.prefetch(templates, name)}
    subjects = {entry["resource"]["subject"]["reference"] for entry in sent["prefetch"]["observations"]["entry"]}
    assert subjects == {f"{absolute_server.base}/Patient/{name}"}
    full = ask(client, sent)
    assert ask(client, lacking(absolute_server, sent, *KEYS)) == full
    assert full["extension"] == ask(client, request)["extension"]


def test_an_absolute_reference_to_a_medication(absolute_server: FhirServer) -> None:
    drug = {"resourceType": "Medication", "id": "tac-absolute", "code": coded(TACROLIMUS, RXNORM)}
    absolute_server.write(drug)
    named = order("", medicationCodeableConcept=..., medicationReference={"reference": "Medication/tac-absolute"})
    whole = chart(absolute_server, patient(), positive(), rpild(), named, order(PREDNISONE))
    stated = whole["prefetch"]["medications"]["entry"][0]["resource"]["medicationReference"]["reference"]
    assert stated == f"{absolute_server.base}/Medication/tac-absolute"
    client = service(absolute_server.base, fhir_budget_seconds=20.0)
    for keys in ((), ("medications",), KEYS):
        assert assessment(client, lacking(absolute_server, whole, *keys))["therapy"]["stage"] == "combination"


def test_bundles_that_say_little_about_themselves(fhir_server: FhirServer) -> None:
    """No type, no total, no links, no fullUrl, no search mode: what they hold is enough."""

    def sparse(call: Call) -> list[bytes | float]:
        told = fhir_server.whole(call.target.removeprefix("/fhir/"))
        if told["resourceType"] != "Bundle":
            return fhir(told)
        entries: list[Json] = [{"resource": entry["resource"]} for entry in told.get("entry", ())]
        return fhir({"resourceType": "Bundle", **({"entry": entries} if entries else {})})

    whole = story(fhir_server, "refractory")
    with fault_server(sparse) as server:
        base = f"{server.base}/fhir"
        client = service(base, fhir_budget_seconds=20.0)
        assert ask(client, lacking(base, whole, *KEYS)) == ask(client, whole)
