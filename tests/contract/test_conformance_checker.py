"""The checker finds what it is there to find: a good example passes, each row reports its own mutation."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.conformance import check_discovery, check_error, check_response
from tests.contract.conformance_row import Violation

JSON_HEADERS = {"Content-Type": "application/json"}
MAKE = Callable[[dict[str, Any]], object]

DISCOVERY: dict[str, Any] = {
    "services": [
        {
            "hook": "patient-view",
            "id": "one",
            "title": "One",
            "description": "What it does",
            "usageRequirements": "What it needs",
            "version": "3.0.0",
            "hookVersion": "1.0",
            "prefetch": {
                "patient": "Patient/{{context.patientId}}",
                "user": "Practitioner/{{userPractitionerId}}",
                "labs": "Observation?patient={{context.patientId}}&code=1,2&date=ge2020-01-01&_sort=-date&_count=5",
                "encounter": "Encounter/{{%patient.id}}",
            },
        },
        {"hook": "order-sign", "id": "two", "title": "Two", "description": "x", "version": "3.0.0"},
    ]
}

DRAFT: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "meta": {"versionId": "7"},
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p-12345"},
    "medicationCodeableConcept": {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "8640", "display": "prednisone"}]
    },
}
REQUEST: dict[str, Any] = {
    "hook": "order-sign",
    "hookInstance": "one",
    "fhirServer": "https://ehr.example.org",
    "fhirAuthorization": {"access_token": "secret-token"},
    "context": {"patientId": "p-12345", "userId": "Practitioner/1", "draftOrders": {"entry": [{"resource": DRAFT}]}},
    "prefetch": {"patient": {"resourceType": "Patient", "id": "p-12345", "name": [{"family": "Doe-Example"}]}},
}


def _order(code: str) -> dict[str, Any]:
    order = copy.deepcopy(DRAFT)
    del order["id"], order["meta"]
    order["medicationCodeableConcept"]["coding"][0]["code"] = code
    return order


def _uuid(last: int) -> str:
    return f"00000000-0000-4000-8000-{last:012d}"


RESPONSE: dict[str, Any] = {
    "cards": [
        {
            "uuid": _uuid(1),
            "summary": "One sentence",
            "detail": "**Ferritin** 1,523 ng/mL is \\> 1,000\n\n- see [the text](https://example.org)",
            "indicator": "warning",
            "source": {
                "label": "Guideline",
                "url": "https://example.org/guideline",
                "topic": {"system": "https://example.org/topic", "code": "rec-2"},
            },
            "selectionBehavior": "at-most-one",
            "suggestions": [
                {
                    "uuid": _uuid(2),
                    "label": "Add tacrolimus",
                    "isRecommended": True,
                    "actions": [
                        {"type": "create", "description": "tacrolimus", "resource": _order("42316")},
                        {"type": "update", "description": "less", "resource": DRAFT},
                        {"type": "delete", "description": "stop", "resourceId": "MedicationRequest/draft-1"},
                    ],
                },
                {"uuid": _uuid(3), "label": "Add cyclosporine"},
            ],
            "overrideReasons": [{"system": "https://example.org/r", "code": "a", "display": "A reason"}],
            "links": [{"label": "Text", "url": "https://example.org", "type": "absolute"}],
        }
    ],
    "extension": {"mda5-cds.assessment": {"asOf": "2026-03-01T10:00:00Z"}},
}
OUTCOME: dict[str, Any] = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "required", "diagnostics": "context.patientId is required"}],
}


def _service(body: dict[str, Any]) -> dict[str, Any]:
    service: dict[str, Any] = body["services"][0]
    return service


def _prefetch(key: str, query: object) -> MAKE:
    return lambda body: _service(body)["prefetch"].update({key: query})


DISCOVERY_MUTATIONS: list[tuple[str, MAKE]] = [
    ("D3", lambda body: body.update(services={})),
    ("D4", lambda body: _service(body).update(hook="patient-open")),
    ("D5", lambda body: _service(body).pop("description")),
    ("D6", lambda body: _service(body).update(id="a b")),
    ("D7", lambda body: _service(body).update(prefetch=["Patient/1"])),
    ("D7", lambda body: _service(body).update(prefetch={"patient": {"query": "Patient/1"}})),
    ("D8", lambda body: _service(body).update(usageRequirements=["x"])),
    ("D9", lambda body: _service(body).update(version="STU3")),
    ("D9", lambda body: _service(body).pop("title")),
    ("D10", lambda body: _service(body).update(hookVersion="3.0")),
    ("D11", lambda body: body["services"].append({**_service(body), "hookVersion": "2.0"})),
    ("D12", lambda body: body["services"].append(_service(body))),
    ("P1", _prefetch("patient", "Patient/{{context.patientId}")),
    ("P2", _prefetch("patient", "Patient/{{today()}}")),
    ("P3", _prefetch("patient", "Patient/{{patientId}}")),
    ("P3", _prefetch("patient", "Patient/{{context.selections}}")),
    ("P4", _prefetch("labs", "Observation?patient={{context.patientId}}&_include=Observation:subject")),
    ("P4", _prefetch("labs", "Observation?patient={{context.patientId}}&code:text=x")),
    ("P4", _prefetch("labs", "Observation?patient={{context.patientId}}&date=sa2020")),
    ("P4", _prefetch("labs", "Coding?patient={{context.patientId}}")),
    ("P4", _prefetch("labs", "Observation")),
    ("P5", _prefetch("patient", "Patient/{{%encounter.subject}}")),
    ("P6", _prefetch("patient", "Patient/{{%patient.id}}")),
    ("P7", _prefetch("patient", "Patient/{{context.patientId.ofType(Person2)}}")),
    ("P8", lambda body: body["services"][1].update(prefetch={"orders": "Task/{{context.draftOrders}}"})),
    ("W4", lambda body: _service(body).update(title=None)),
    ("W5", lambda body: _service(body).update(prefetch={})),
    ("W8", lambda body: body.update(extension=[{"url": "x"}])),
]


def _card(body: dict[str, Any]) -> dict[str, Any]:
    card: dict[str, Any] = body["cards"][0]
    return card


def _on_card(**changes: object) -> MAKE:
    return lambda body: _card(body).update(changes)


def _on_source(**changes: object) -> MAKE:
    return lambda body: _card(body)["source"].update(changes)


def _on_suggestion(**changes: object) -> MAKE:
    return lambda body: _card(body)["suggestions"][0].update(changes)


def _on_action(number: int, **changes: object) -> MAKE:
    return lambda body: _card(body)["suggestions"][0]["actions"][number].update(changes)


def _on_link(**changes: object) -> MAKE:
    return lambda body: _card(body)["links"][0].update(changes)


def _second_choice(body: dict[str, Any]) -> None:
    other = {"type": "create", "description": "cyclosporine", "resource": _order("3008")}
    _card(body)["suggestions"][0]["actions"].append(other)


RESPONSE_MUTATIONS: list[tuple[str, MAKE]] = [
    ("R1", lambda body: body.pop("cards")),
    ("R2", lambda body: body.update(systemActions=[])),
    ("W6", lambda body: body.update(systemActions=[])),
    ("X1", lambda body: body.update(systemActions=[{"type": "create", "resource": _order("42316")}])),
    ("W3", _on_action(0, resource={**_order("42316"), "status": ["draft"]})),
    ("W3", _on_action(0, resource={"resourceType": "Prescription"})),
    ("W4", _on_card(detail=None)),
    ("W5", _on_card(links=[])),
    ("W5", lambda body: body["extension"].update({"mda5-cds.assessment": {}})),
    ("W7", lambda body: body.update(score=float("nan"))),
    ("W8", lambda body: body.update(extension=["mda5-cds.assessment"])),
    ("W8", lambda body: body.update(extension={"com.other": {"a": 1}})),
    ("W9", _on_source(topic={"code": "rec-2"})),
    ("C1", _on_card(summary="x" * 140)),
    ("C1", _on_card(summary="two\nlines")),
    ("C1", lambda body: _card(body).pop("summary")),
    ("C2", _on_card(indicator="hard-stop")),
    ("C3", lambda body: _card(body)["source"].pop("label")),
    ("C4", _on_source(url="/guideline")),
    ("C5", lambda body: _card(body)["source"].pop("topic")),
    ("C6", _on_card(detail="<b>Ferritin</b>")),
    ("C6", _on_card(detail="<table><tr><td>1</td></tr></table>")),
    ("C7", _on_card(uuid="card-1")),
    ("C7", lambda body: body["cards"].append(_card(body))),
    ("C8", lambda body: _card(body).pop("selectionBehavior")),
    ("C9", _on_card(selectionBehavior="all")),
    ("C10", lambda body: _card(body)["suggestions"][1].update(isRecommended=True)),
    ("C11", lambda body: _card(body)["overrideReasons"][0].pop("display")),
    ("S1", lambda body: _card(body)["suggestions"][0].pop("label")),
    ("S2", _on_suggestion(uuid=_uuid(3))),
    ("S3", _on_suggestion(isRecommended="true")),
    ("S4", _second_choice),
    ("S5", _on_suggestion(actions={"type": "create"})),
    ("S6", _on_suggestion(actionSelectionBehavior="some")),
    ("H14", _on_suggestion(actionSelectionBehavior="all")),
    ("A1", _on_action(0, type="add")),
    ("A2", lambda body: _card(body)["suggestions"][0]["actions"][0].pop("description")),
    ("A3", _on_action(0, resource=DRAFT)),
    ("A3", lambda body: _card(body)["suggestions"][0]["actions"][0].pop("resource")),
    ("A4", _on_action(1, resource={**DRAFT, "id": "another"})),
    ("A4", _on_action(1, resource={key: value for key, value in DRAFT.items() if key != "meta"})),
    ("A4", _on_action(1, resource={**DRAFT, "meta": {"versionId": "8"}})),
    ("A5", _on_action(2, resourceId=["MedicationRequest/draft-1"])),
    ("A5", _on_action(2, resource=DRAFT)),
    ("L1", _on_link(url="text.html")),
    ("L2", _on_link(type="app")),
    ("L3", _on_link(appContext="x")),
    ("L4", _on_link(autolaunchable=True)),
    ("H11", _on_card(summary="secret-token")),
]

OUTCOME_MUTATIONS: list[tuple[str, MAKE]] = [
    ("H16", lambda body: body.update(resourceType="Patient")),
    ("H16", lambda body: body["issue"][0].pop("severity")),
    ("H16", lambda body: body["issue"][0].pop("diagnostics")),
    ("H16", lambda body: body["issue"][0].update(diagnostics="Traceback (most recent call last)")),
    ("H12", lambda body: body["issue"][0].update(diagnostics="p-12345 is unknown")),
    ("H12", lambda body: body["issue"][0].update(diagnostics="Doe-Example is unknown")),
    ("H11", lambda body: body["issue"][0].update(diagnostics="secret-token was refused")),
    ("W4", lambda body: body["issue"][0].update(details=None)),
]


def _changed(example: dict[str, Any], make: MAKE) -> dict[str, Any]:
    changed = copy.deepcopy(example)
    make(changed)
    return changed


def _rows(found: list[Violation]) -> set[str]:
    return {violation.row for violation in found}


def test_good_examples_pass() -> None:
    assert check_discovery(json.dumps(DISCOVERY).encode(), 200, JSON_HEADERS) == []
    assert check_response(200, JSON_HEADERS, json.dumps(RESPONSE).encode(), REQUEST, 20.0) == []
    assert check_error(400, {"content-type": "application/fhir+json; charset=utf-8"}, OUTCOME, REQUEST) == []


def test_silence_is_a_good_answer() -> None:
    assert check_response(200, JSON_HEADERS, b'{"cards": []}', REQUEST) == []
    assert check_discovery({"services": []}) == []


@pytest.mark.parametrize(("row", "make"), DISCOVERY_MUTATIONS)
def test_discovery_row_is_reported(row: str, make: MAKE) -> None:
    assert row in _rows(check_discovery(_changed(DISCOVERY, make)))


@pytest.mark.parametrize(("row", "make"), RESPONSE_MUTATIONS)
def test_response_row_is_reported(row: str, make: MAKE) -> None:
    found = check_response(200, JSON_HEADERS, _changed(RESPONSE, make), REQUEST)
    assert row in _rows(found)


@pytest.mark.parametrize(("row", "make"), OUTCOME_MUTATIONS)
def test_error_row_is_reported(row: str, make: MAKE) -> None:
    found = check_error(400, JSON_HEADERS, _changed(OUTCOME, make), REQUEST)
    assert row in _rows(found)


def test_status_and_transport_rows_are_reported() -> None:
    html = {"Content-Type": "text/html"}
    assert _rows(check_discovery(DISCOVERY, 404)) == {"D2"}
    assert _rows(check_response(500, JSON_HEADERS, RESPONSE, REQUEST)) == {"R1"}
    assert _rows(check_response(200, html, RESPONSE, REQUEST)) == {"W1"}
    assert _rows(check_response(200, None, RESPONSE, REQUEST, 501.0)) == {"H15"}
    assert _rows(check_error(200, JSON_HEADERS, OUTCOME)) == {"H16"}
    assert _rows(check_error(400, JSON_HEADERS, b"<html>")) == {"W7"}


def test_every_row_of_the_checklist_has_a_mutation() -> None:
    by_call = {"H1", "H2", "H4", "H6", "H7", "H8", "D1"}  # behaviour of calls: tests/contract/test_calls.py
    elsewhere = by_call | {"W1", "D2", "H15"}
    rows = {row for row, _ in [*DISCOVERY_MUTATIONS, *RESPONSE_MUTATIONS, *OUTCOME_MUTATIONS]} | elsewhere
    # not the service's to show in a body: W2 TLS, and H3, H5, H9, H10, H13, which come with the FHIR fall-back
    wanted = {f"W{n}" for n in range(1, 10)} - {"W2"}
    wanted |= {f"D{n}" for n in range(1, 13)} | {f"P{n}" for n in range(1, 9)}
    wanted |= {f"H{n}" for n in range(1, 17)} - {"H3", "H5", "H9", "H10", "H13"}
    wanted |= {"R1", "R2", "X1"} | {f"C{n}" for n in range(1, 12)} | {f"S{n}" for n in range(1, 7)}
    wanted |= {f"A{n}" for n in range(1, 6)} | {f"L{n}" for n in range(1, 5)}
    assert rows == wanted
