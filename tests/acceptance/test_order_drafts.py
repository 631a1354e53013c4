"""Contract §3 and issue 'order entry': drafted orders as real clients send them, and what they count for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    METHYLPREDNISOLONE,
    MYCOPHENOLATE,
    PREDNISONE,
    RITUXIMAB,
    RXNORM,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    call,
    cards,
    coded,
    day,
    ignored,
    post,
    ref,
    service,
)
from tests.acceptance.test_orders import (
    AZATHIOPRINE,
    PARACETAMOL,
    SICK,
    WOMAN,
    basket,
    deleted,
    draft,
    on,
    ordering,
    topics,
)

REAL = Path(__file__).parents[3] / "shared" / "real-data" / "cds-hooks-sandbox-requests"


def told(body: Json) -> Json:
    found: Json = body["extension"]["mda5-cds.assessment"]
    return found


# ── what the drafts count for ──


@pytest.mark.parametrize(
    ("running", "drafted", "stage"),
    [
        ((), (PREDNISONE,), "glucocorticoid-only"),
        ((), (PREDNISONE, TACROLIMUS), "combination"),
        ((PREDNISONE,), (TACROLIMUS,), "combination"),
        ((PREDNISONE,), (RITUXIMAB,), "incomplete"),
        ((), (AZATHIOPRINE,), "incomplete"),
        ((PREDNISONE, TACROLIMUS), (TOFACITINIB,), "escalated"),
        ((PREDNISONE, TACROLIMUS), (RITUXIMAB,), "escalated"),
        ((PREDNISONE, TACROLIMUS), (PARACETAMOL,), "combination"),
        ((), (PARACETAMOL,), "untreated"),
    ],
)
def test_drafts_count_for_the_stage_and_not_for_the_clock(
    client: FlaskClient, running: tuple[str, ...], drafted: tuple[str, ...], stage: str
) -> None:
    chart = [*SICK, *on(*running)]
    before = told(ordering(client, chart))
    for chosen in (None, []):
        hook = {"hook": "order-select", "context": {"selections": chosen}} if chosen is not None else {}
        body = ordering(client, chart, *(draft(drug) for drug in drafted), **hook)
        after = told(body)
        assert after["therapy"]["stage"] == stage
        for kept in ("combinationSince", "assessedSince", "phase", "daysOnCombination"):
            assert after["therapy"].get(kept) == before["therapy"].get(kept)
        assert after["refractoriness"] == before["refractoriness"]
        if chosen is not None:
            assert body["cards"] == []


@pytest.mark.parametrize("status", ["draft", "active", None])
@pytest.mark.parametrize("intent", ["order", "proposal", "plan", "original-order", None])
def test_every_intent_of_a_draft_counts(client: FlaskClient, status: str | None, intent: str | None) -> None:
    wrong = draft(AZATHIOPRINE, status=status or ..., intent=intent or "order")
    assert topics(ordering(client, SICK, wrong)) == {"rec-8": "warning"}


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "stopped", "completed"])
def test_a_draft_that_takes_back_gives_nothing(client: FlaskClient, status: str) -> None:
    body = ordering(client, SICK, draft(AZATHIOPRINE, status=status))
    assert (body["cards"], told(body)["therapy"]["stage"]) == ([], "untreated")


def test_a_draft_with_the_id_of_a_running_order_replaces_it(client: FlaskClient) -> None:
    prednisone, tacrolimus = running = on(PREDNISONE, TACROLIMUS)
    stop = {**tacrolimus, "status": "stopped"}
    assert told(ordering(client, [*SICK, *running], stop))["therapy"]["stage"] == "glucocorticoid-only"
    other = {**tacrolimus, "status": "draft", "medicationCodeableConcept": coded(CYCLOSPORINE, RXNORM)}
    body = ordering(client, [*SICK, *running], other)
    assert "safety-interaction" not in topics(body)
    assert told(body)["therapy"]["stage"] == "combination"
    added = draft(CYCLOSPORINE)
    assert topics(ordering(client, [*SICK, *running], added))["safety-interaction"] == "warning"
    assert prednisone["status"] == "active"


# ── order-select: only what is selected ──


def test_only_selected_drafts_cause_cards(client: FlaskClient) -> None:
    wrong, right = draft(AZATHIOPRINE), draft(TACROLIMUS)
    for selected, expected in (
        ([ref(wrong)], {"rec-8"}),
        ([ref(right)], {"rec-2b", "rec-2"}),
        ([ref(right), ref(wrong)], {"rec-8", "rec-2b", "rec-2"}),
        ([], set()),
        (["MedicationRequest/elsewhere"], set()),
        ([f"https://ehr.example/fhir/{ref(wrong)}"], {"rec-8"}),
    ):
        body = ordering(client, SICK, wrong, right, hook="order-select", context={"selections": selected})
        assert set(topics(body)) == expected, selected


def test_absent_selections_select_all(client: FlaskClient) -> None:
    body = ordering(client, SICK, draft(AZATHIOPRINE), hook="order-select")
    assert topics(body) == {"rec-8": "warning"}


# ── drafts as real clients send them ──

AS_SENT: dict[str, Json] = {
    "category as an object": {"category": coded("outpatient", "http://terminology.hl7.org/x")},
    "null members": {"category": None, "dosageInstruction": [], "note": None},
    "vendor fields": {"_vendor": {"x": 1}, "vendorThing": "y"},
    "R5 shape": {"medicationCodeableConcept": ..., "medication": {"concept": coded(AZATHIOPRINE, RXNORM)}},
    "text alone": {"medicationCodeableConcept": {"text": "Azathioprine 50 mg tablets"}},
    "Spanish text": {"medicationCodeableConcept": {"text": "azatioprina 50 mg comprimidos"}},
    "brand": {"medicationCodeableConcept": {"text": "Imuran"}},
    "ATC": {"medicationCodeableConcept": coded("L04AX01", "http://www.whocc.no/atc")},
    "ATC beside text": {"medicationCodeableConcept": coded("L04AX01", "http://www.whocc.no/atc")},
    "product code": {"medicationCodeableConcept": coded("197388", RXNORM)},
    "contained": {
        "medicationCodeableConcept": ...,
        "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": coded(AZATHIOPRINE, RXNORM)}],
    },
    "no status": {"status": ...},
    "no authoredOn": {"authoredOn": ...},
    "authored in the future": {"authoredOn": day(-5)},
    "absolute subject": {"subject": {"reference": "https://ehr.example/fhir/Patient/p1"}},
    "id with underscore": {"id": "draft_1"},
    "invalid dosage": {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": "two"}}]}]},
    "dosage as an object": {"dosageInstruction": {"text": "one a day"}},
}


@pytest.mark.parametrize("how", AS_SENT)
def test_a_draft_as_clients_send_it(client: FlaskClient, how: str) -> None:
    wrong = {k: v for k, v in {**draft(AZATHIOPRINE), **AS_SENT[how]}.items() if v is not ...}
    body = ordering(client, SICK, wrong)
    assert topics(body) == {"rec-8": "warning"}
    assert deleted(cards(body)["rec-8"]) == {ref(wrong)}


def test_a_sibling_medication_is_resolved(client: FlaskClient) -> None:
    medication = {"resourceType": "Medication", "id": "m1", "code": coded(AZATHIOPRINE, RXNORM)}
    by_id = draft(AZATHIOPRINE, medicationCodeableConcept=..., medicationReference={"reference": "Medication/m1"})
    assert topics(ordering(client, SICK, by_id, medication)) == {"rec-8": "warning"}
    by_url = {**by_id, "medicationReference": {"reference": "urn:uuid:0b0e7c0e-5c1c-4a0e-9f0a-0d8a5b0c1d2e"}}
    entry = {"fullUrl": "urn:uuid:0b0e7c0e-5c1c-4a0e-9f0a-0d8a5b0c1d2e", "resource": medication}
    orders = {"resourceType": "Bundle", "entry": [entry, {"resource": by_url}]}
    assert topics(ordering(client, SICK, context={"draftOrders": orders})) == {"rec-8": "warning"}
    r5 = draft(AZATHIOPRINE, medicationCodeableConcept=..., medication={"reference": {"reference": "Medication/m1"}})
    assert topics(ordering(client, SICK, r5, medication)) == {"rec-8": "warning"}


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
@pytest.mark.parametrize(
    "context",
    [
        basket(draft(AZATHIOPRINE, medicationCodeableConcept=...)),
        basket(draft(AZATHIOPRINE, medicationCodeableConcept={})),
        basket(),
        {"draftOrders": {"resourceType": "Bundle"}},
        {"draftOrders": None},
        {},
    ],
)
def test_before_a_drug_is_chosen_the_answer_is_empty(client: FlaskClient, hook: str, context: Json) -> None:
    response = post(client, call(*SICK, who=WOMAN, hook=hook, context=context))
    assert (response.status_code, response.get_json()["cards"]) == (200, [])


@pytest.mark.parametrize("kind", ["MedicationRequest", "ServiceRequest"])
@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
def test_a_draft_for_another_patient_is_400(client: FlaskClient, hook: str, kind: str) -> None:
    other = {"subject": {"reference": "Patient/p2"}}
    wrong = draft(PARACETAMOL, **other) if kind == "MedicationRequest" else service("x", status="draft", **other)
    response = post(client, call(*SICK, who=WOMAN, hook=hook, context=basket(draft(AZATHIOPRINE), wrong)))
    assert response.status_code == 400
    assert response.get_json()["resourceType"] == "OperationOutcome"
    assert "p2" not in response.text


@pytest.mark.parametrize("subject", [..., None, {}, {"display": "Jane"}, {"reference": "Group/1"}, {"reference": ""}])
def test_a_draft_without_a_readable_subject_is_left_out_and_named(client: FlaskClient, subject: Any) -> None:
    lost = draft(AZATHIOPRINE, subject=subject)
    body = ordering(client, SICK, lost)
    assert "rec-8" not in topics(body)
    assert ref(lost) in ignored(told(body))
    assert topics(ordering(client, SICK, lost, draft(AZATHIOPRINE))) == {"rec-8": "warning"}


def test_the_same_order_twice_is_one_card(client: FlaskClient) -> None:
    wrong = draft(AZATHIOPRINE)
    one, two = ordering(client, SICK, wrong), ordering(client, SICK, wrong, wrong)
    assert one["cards"] == two["cards"]
    other = draft(AZATHIOPRINE)
    card = cards(ordering(client, SICK, wrong, other))["rec-8"]
    assert deleted(card) == {ref(wrong), ref(other)}


def test_a_draft_without_an_id_cannot_be_deleted(client: FlaskClient) -> None:
    card = cards(ordering(client, SICK, draft(AZATHIOPRINE, id=...)))["rec-8"]
    assert deleted(card) == set()


# ── real requests ──


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded requests are not here")
@pytest.mark.parametrize("name", ["os-01", "os-02", "os-03", "os-04", "os-10", "sign-01"])
def test_real_requests_get_an_empty_answer_or_say_which_keys_are_missing(client: FlaskClient, name: str) -> None:
    request: Json = json.loads((REAL / f"{name}.json").read_text())
    response = post(client, request)
    assert response.status_code == 412
    assert "medications" in response.text
    empty = dict.fromkeys(("observations", "medications", "conditions", "allergies"))
    person = {"resourceType": "Patient", "id": request["context"]["patientId"]}
    request["prefetch"] = {"patient": request["prefetch"].get("patient") or person, **empty}
    response = post(client, request)
    assert (response.status_code, response.get_json()["cards"]) == (200, [])


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded requests are not here")
@pytest.mark.parametrize("name", ["os-02", "os-03", "os-04", "sign-01"])
@pytest.mark.parametrize("drug", [AZATHIOPRINE, CYCLOPHOSPHAMIDE, METHYLPREDNISOLONE, MYCOPHENOLATE])
def test_real_drafts_with_our_drug_and_patient_speak(client: FlaskClient, name: str, drug: str) -> None:
    request: Json = json.loads((REAL / f"{name}.json").read_text())
    who = request["context"]["patientId"]
    text = json.dumps(request["context"]).replace(who, "p1")
    context: Json = json.loads(text)
    for entry in context["draftOrders"]["entry"]:
        if entry["resource"]["resourceType"] == "MedicationRequest":
            entry["resource"]["medicationCodeableConcept"] = coded(drug, RXNORM)
    response = post(client, call(*SICK, who=WOMAN, hook=request["hook"], context=context))
    assert response.status_code == 200
    assert set(topics(response.get_json())) >= {"rec-8" if drug == AZATHIOPRINE else "rec-2"}
