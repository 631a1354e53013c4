"""Draft orders as real clients send them: which are read, which are left out by name, and which refuse the call."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.coding import LOINC
from cds_cards.record import DraftOrder, PatientRecord
from service.errors import DataUnobtainable, WrongPatient
from service.fhir.gather import gather, with_drafts
from service.fhir.read import read_record
from service.wire import PrefetchAnswer
from tests.unit.service.fhir.chart import (
    CANONICAL,
    ME,
    MMF,
    PREDNISONE,
    RXNORM,
    TACROLIMUS,
    Json,
    concept,
    guideline,
    one,
    prefetch,
    service,
    without_none,
)

CAPSULE_250 = "199058"
AZATHIOPRINE = "1256"
TWICE = {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}
SOMEBODY = {"reference": "Patient/p2"}


def draft(drug: Any = TACROLIMUS, /, **more: Any) -> Json:
    """A drafted MedicationRequest; `...` takes a default away."""
    resource: Json = {
        "resourceType": "MedicationRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept(drug, RXNORM) if isinstance(drug, str) else drug,
        "subject": ME,
    }
    return without_none({**resource, **more})


def dosed(value: float, unit: str, **more: Any) -> list[Json]:
    return [{**TWICE, "doseAndRate": [{"doseQuantity": {"value": value, "unit": unit}}], **more}]


def drafted(*entries: Any, hook: str = "order-sign", chart: tuple[Json, ...] = (), **context: Any) -> PatientRecord:
    """The record of a call whose context drafts these resources, or holds this `draftOrders`."""
    bundle = {"entry": [{"resource": each} for each in entries]}
    given = {"draftOrders": bundle} | context
    call = with_drafts(gather(prefetch(*chart)), hook, given)
    return read_record(call, "p1", guideline(), CANONICAL)


def the_draft(*entries: Any, **more: Any) -> DraftOrder:
    record = drafted(*entries, **more)
    assert record.unread == ()
    return one(record.drafts)


CONTAINED = {"resourceType": "Medication", "id": "m", "code": concept(CAPSULE_250, RXNORM)}
INGREDIENT = {
    "resourceType": "Medication",
    "id": "m",
    "code": {"text": "house capsule"},
    "ingredient": [
        {
            "itemCodeableConcept": concept(MMF, RXNORM),
            "strength": {
                "numerator": {"value": 250, "unit": "mg"},
                "denominator": {"value": 1, "unit": "capsule"},
            },
        }
    ],
}


@pytest.mark.parametrize(
    "shape",
    [
        {"medicationCodeableConcept": concept(CAPSULE_250, RXNORM)},
        {"medicationCodeableConcept": [concept(CAPSULE_250, RXNORM)]},
        {"medicationCodeableConcept": concept(MMF, RXNORM, text="mycophenolate mofetil 250 MG Oral Capsule")},
        {"medicationCodeableConcept": concept("X-17", "urn:site", text="Micofenolato de mofetilo 250 mg cápsulas")},
        {"medication": {"concept": concept(CAPSULE_250, RXNORM)}, "medicationCodeableConcept": ...},
        {"medication": {"reference": {"reference": "#m"}}, "medicationCodeableConcept": ..., "contained": [CONTAINED]},
        {
            "medication": {"concept": concept(CAPSULE_250, RXNORM), "reference": {"reference": "Medication/gone"}},
            "medicationCodeableConcept": ...,
        },
        {"medicationReference": {"reference": "#m"}, "medicationCodeableConcept": ..., "contained": [CONTAINED]},
        {"medicationReference": {"reference": "#m"}, "medicationCodeableConcept": ..., "contained": [INGREDIENT]},
        {"medicationReference": {"reference": "#m"}, "medicationCodeableConcept": None, "contained": [INGREDIENT]},
        {
            "medicationReference": {"reference": "Medication/gone", "display": "Mycophenolate mofetil 250 mg capsule"},
            "medicationCodeableConcept": ...,
        },
        # what real clients get wrong, and what they have not filled in yet
        {"category": {"coding": [{"code": "community"}]}},
        {"intent": ..., "authoredOn": "2026-11-22T10:00"},
        {"authoredOn": "soon", "dispenseRequest": {"validityPeriod": {"start": "later"}}},
        {"status": ..., "note": None, "vendorField": 1},
        {"intent": "proposal"},
        {"intent": "plan", "status": "active"},
        {"subject": {"reference": "https://ehr.example.org/fhir/Patient/p1/_history/3"}},
        {"dosageInstruction": dosed(2, "capsule")[0]},
        {"dosageInstruction": [{**TWICE, "doseQuantity": {"value": 2, "unit": "capsule"}}]},
    ],
)
def test_shapes(shape: Json) -> None:
    """Two capsules of 250 mg twice a day, however they are written."""
    found = the_draft(draft(CAPSULE_250, **{"dosageInstruction": dosed(2, "capsule"), **shape}))
    assert (found.order.source, found.order.agent, found.selected) == (
        "MedicationRequest/d1",
        "mycophenolate-mofetil",
        True,
    )
    assert (found.order.dose.per_administration, found.order.dose.per_day, found.increment) == (500, 1000, 250)


@pytest.mark.parametrize(
    "bundle",
    [
        {"entry": [{"resource": draft()}]},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft(), "fullUrl": "urn:uuid:1"}]},
        {"resourceType": "Bundle", "entry": {"resource": draft()}},
        {"entry": [{"resource": draft()}, {"resource": draft()}]},
        {"entry": [{"resource": draft()}, {"resource": draft(meta={"versionId": "2"})}]},
        {"entry": [{"resource": draft()}, {"resource": draft(medicationCodeableConcept=...)}]},
        {"entry": [{"resource": draft()}, None, {}]},
        draft(),
    ],
)
def test_bundles(bundle: Json) -> None:
    assert the_draft(draftOrders=bundle).order.agent == "tacrolimus"


@pytest.mark.parametrize("context", [{}, {"draftOrders": None}, {"draftOrders": {}}, {"draftOrders": {"entry": []}}])
def test_without_drafts_there_is_nothing(context: Json) -> None:
    call = with_drafts(gather(prefetch()), "order-sign", context)
    record = read_record(call, "p1", guideline(), CANONICAL)
    assert (record.drafts, record.unread, record.set_aside) == ((), (), ())


def test_a_patient_view_has_no_drafts() -> None:
    assert drafted(draft(subject=SOMEBODY), hook="patient-view").drafts == ()


@pytest.mark.parametrize(
    "nothing_chosen",
    [
        draft(medicationCodeableConcept=...),
        draft(medicationCodeableConcept=None),
        draft(medicationCodeableConcept={"coding": [], "text": ""}),
        draft(medicationCodeableConcept=..., medicationReference={"reference": ""}),
        draft(medicationCodeableConcept=..., medication={}),
        draft(medicationCodeableConcept=..., subject=...),
        service(..., id="d2", status="draft"),
        service(..., id="d2", code={"coding": []}),
    ],
)
def test_before_anything_is_chosen_there_is_nothing(nothing_chosen: Json) -> None:
    record = drafted(without_none(nothing_chosen))
    assert (record.drafts, record.draft_services, record.unread, record.set_aside) == ((), (), (), ())


@pytest.mark.parametrize(
    "elsewhere",
    [
        draft(subject=SOMEBODY),
        draft(subject={"reference": "https://ehr.example.org/fhir/Patient/p2"}),
        draft("161", subject=SOMEBODY),
        draft(medicationCodeableConcept=..., subject=SOMEBODY),
        draft(status="entered-in-error", subject=SOMEBODY),
        service(subject=SOMEBODY),
        {"resourceType": "NutritionOrder", "patient": SOMEBODY},
        {"resourceType": "DeviceRequest", "subject": SOMEBODY},
    ],
)
def test_a_draft_for_another_patient_refuses_the_call(elsewhere: Json) -> None:
    with pytest.raises(WrongPatient, match="draftOrders"):
        drafted(draft(), elsewhere)


def test_the_wrong_patient_is_told_before_what_is_missing() -> None:
    answers = prefetch(medications=PrefetchAnswer("missing"))
    for drug, refusal in ((draft(subject=SOMEBODY), WrongPatient), (draft(), DataUnobtainable)):
        call = with_drafts(gather(answers), "order-sign", {"draftOrders": {"entry": [{"resource": drug}]}})
        with pytest.raises(refusal):
            read_record(call, "p1", guideline(), CANONICAL)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (draft(subject=...), "it states no subject that can be read"),
        (draft("161", subject=...), "it states no subject that can be read"),
        (draft(subject={"display": "the patient"}), "it states no subject that can be read"),
        (draft(subject={"reference": "Group/ward-3"}), "subject is Group/ward-3"),
        (draft(status="perhaps"), "its status is missing or unknown to FHIR"),
        (draft(concept("1", "urn:site")), "its drug has neither a text nor a code of a public system"),
        (draft({"text": "azathioprine or methotrexate"}), "its text names more than one drug"),
        (draft(medicationCodeableConcept=..., medicationReference={"reference": "Medication/x"}), "resolved"),
        (draft(modifierExtension=[{"url": "urn:x"}]), "modifierExtension"),
        (service(subject=...), "it states no subject that can be read"),
        (service(concept("1", "urn:site")), "it has neither a text nor a code of a public system"),
    ],
)
def test_what_cannot_be_read_is_named_and_makes_nothing_unknown(broken: Json, why: str) -> None:
    record = drafted(broken)
    left_out = one(record.unread)
    assert (record.drafts, record.draft_services, left_out.key) == ((), (), "drafts")
    assert why in left_out.why
    assert record.read_in_full("medications")
    assert record.read_in_full("referrals")


@pytest.mark.parametrize("junk", [{"resourceType": "Basket"}, {"id": "d1"}, "text"])
def test_what_is_no_resource_is_named(junk: Any) -> None:
    assert one(drafted(junk).unread).why == "it is no FHIR resource"


@pytest.mark.parametrize(
    "unrelated",
    [
        draft("161"),
        draft(concept("284520", RXNORM)),
        draft(TACROLIMUS, dosageInstruction=[{"route": {"text": "topical"}}]),
        service({"text": "Physiotherapy"}),
        {"resourceType": "NutritionOrder", "patient": ME},
        {"resourceType": "Medication", "code": concept(TACROLIMUS, RXNORM)},
    ],
)
def test_what_is_not_ours_is_silent(unrelated: Json) -> None:
    record = drafted(unrelated)
    assert (record.drafts, record.draft_services, record.unread, record.set_aside) == ((), (), (), ())


@pytest.mark.parametrize("status", ["draft", "active", "on-hold", "cancelled", "stopped", "completed", "unknown"])
def test_the_status_is_kept_for_the_rules(status: str) -> None:
    assert the_draft(draft(status=status)).order.status == status


def test_a_prohibition_is_no_order_that_gives() -> None:
    assert the_draft(draft(doNotPerform=True)).order.prohibited
    assert not the_draft(draft()).order.prohibited


@pytest.mark.parametrize(
    ("instruction", "why"),
    [
        ([{**TWICE, "doseAndRate": [{"doseQuantity": {"value": "many", "unit": "mg"}}]}], "not valid FHIR"),
        (
            dosed(5, "mg", timing={"repeat": {"boundsPeriod": {"start": "2026-03-05", "end": "2026-03-01"}}}),
            "ends before",
        ),
        ([{"text": "as discussed"}], "words only"),
        (..., "no dosage instruction"),
    ],
)
def test_an_unreadable_dose_leaves_the_drug_and_its_route(instruction: Any, why: str) -> None:
    if instruction is not ...:
        instruction = [{**instruction[0], "route": {"text": "oral"}}]
    found = the_draft(draft(dosageInstruction=instruction))
    assert found.order.agent == "tacrolimus"
    assert why in str(found.order.dose.unread)
    assert found.order.route == (None if instruction is ... else "oral")


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({}, "MedicationRequest/d1"),
        ({"id": "draft_1"}, "MedicationRequest/draft_1"),
        ({"id": "x" * 90}, "MedicationRequest/" + "x" * 90),
        ({"id": ...}, "MedicationRequest without an id"),
    ],
)
def test_names_by_id(more: Json, source: str) -> None:
    assert the_draft(draft(**more)).order.source == source


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://ehr.example.org/fhir/MedicationRequest/7", "MedicationRequest/7"),
        ("urn:uuid:0b1c", "urn:uuid:0b1c"),
    ],
)
def test_names_by_full_url(url: str, source: str) -> None:
    bundle = {"entry": [{"fullUrl": url, "resource": draft(id=...)}]}
    assert the_draft(draftOrders=bundle).order.source == source


def test_two_drafts_of_one_id_both_count_and_neither_can_be_named_by_it() -> None:
    record = drafted(draft(AZATHIOPRINE), draft(MMF))
    assert {item.order.agent for item in record.drafts} == {"azathioprine", "mycophenolate-mofetil"}
    assert {item.order.source for item in record.drafts} == {
        "MedicationRequest/d1 (one of several drafts with this id)"
    }


@pytest.mark.parametrize(
    ("selections", "selected"),
    [
        (None, {"d1", "d2"}),
        ([], set()),
        (["MedicationRequest/d1"], {"d1"}),
        (["MedicationRequest/d2", "MedicationRequest/other"], {"d2"}),
        (["https://ehr.example.org/fhir/MedicationRequest/d1"], {"d1"}),
        (["MedicationRequest/d1/_history/2"], {"d1"}),
        (["d2"], {"d2"}),
        (["ServiceRequest/d1"], set()),
    ],
)
def test_selections(selections: list[str] | None, selected: set[str]) -> None:
    both = (draft(), draft(PREDNISONE, id="d2"))
    context = {} if selections is None else {"selections": selections}
    record = drafted(*both, hook="order-select", **context)
    found = {item.order.source.rpartition("/")[2]: item.selected for item in record.drafts}
    assert found == {name: name in selected for name in ("d1", "d2")}
    # order-sign has none: all are signed
    assert all(item.selected for item in drafted(*both, **context).drafts)


def test_a_selection_by_full_url() -> None:
    bundle = {"entry": [{"fullUrl": "urn:uuid:1", "resource": draft(id=...)}, {"resource": draft(PREDNISONE)}]}
    record = drafted(hook="order-select", draftOrders=bundle, selections=["urn:uuid:1"])
    assert {item.order.agent: item.selected for item in record.drafts} == {"tacrolimus": True, "prednisone": False}


def test_a_draft_means_the_medication_beside_it() -> None:
    mine = {"resourceType": "Medication", "id": "m1", "code": concept(TACROLIMUS, RXNORM)}
    refers = draft(medicationCodeableConcept=..., medicationReference={"reference": "Medication/m1"})
    assert the_draft(refers, mine).order.agent == "tacrolimus"
    other = {"resource": {**mine, "code": concept(MMF, RXNORM)}, "search": {"mode": "include"}}
    chart = prefetch(medications={"resourceType": "Bundle", "entry": [other]})
    context = {"draftOrders": {"entry": [{"resource": refers}, {"resource": mine}]}}
    record = read_record(with_drafts(gather(chart), "order-sign", context), "p1", guideline(), CANONICAL)
    assert one(record.drafts).order.agent == "tacrolimus"


@pytest.mark.parametrize("more", [{}, {"status": ...}, {"authoredOn": "soon"}, {"occurrenceDateTime": "later"}])
def test_drafted_services(more: Json) -> None:
    record = drafted(service(concept("77348-1", LOINC), id="d2", **{"status": "draft", **more}))
    found = one(record.draft_services)
    assert (found.source, found.status) == ("ServiceRequest/d2", "draft")
    assert "tacrolimus-level" in found.concepts
    assert record.services == ()


@pytest.mark.parametrize(
    ("drug", "instruction", "increment"),
    [
        (concept(CAPSULE_250, RXNORM), dosed(1000, "mg"), 250),
        (concept("311880", RXNORM), dosed(5, "mL"), None),  # 200 MG/ML suspension: any volume
        (concept("1734919", RXNORM), dosed(900, "mg"), None),  # an infusion takes what it needs of a vial
        (concept(MMF, RXNORM), dosed(1000, "mg"), None),
        (concept(MMF, RXNORM, text="Mycophenolate 500 mg tablets"), dosed(1, "g"), 500),
    ],
)
def test_what_the_product_can_give(drug: Json, instruction: list[Json], increment: float | None) -> None:
    assert the_draft(draft(drug, dosageInstruction=instruction)).increment == increment
