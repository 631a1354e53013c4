"""MedicationRequest and MedicationAdministration: which drug, by which route, from when to when."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.coding import ATC, RXNORM, SNOMED
from cds_cards.record import MedicationOrder
from tests.unit.service.fhir.chart import (
    CYCLOPHOSPHAMIDE,
    MMF,
    PREDNISONE,
    TACROLIMUS,
    Json,
    aside,
    bundle,
    concept,
    given,
    one,
    order,
    quantity,
    read,
    unread,
)

AMLODIPINE = concept("17767", RXNORM, text="amlodipine")
MEDICATION: Json = {"resourceType": "Medication", "id": "d1", "code": concept(TACROLIMUS, RXNORM)}


def the_order(*resources: Any, **keys: Any) -> MedicationOrder:
    record = read(*resources, **keys)
    assert record.unread == ()
    return one(record.orders)


def by_reference(reference: Any, **more: Any) -> Json:
    return order(medicationCodeableConcept=..., medicationReference=reference, **more)


# -- which drug --


@pytest.mark.parametrize(
    ("drug", "agent", "by_text"),
    [
        (concept(TACROLIMUS, RXNORM), "tacrolimus", False),
        (concept("198377", RXNORM), "tacrolimus", False),  # tacrolimus 1 MG Oral Capsule
        (concept("L04AD02", ATC), "tacrolimus", False),
        (concept("L04AA05", "https://www.whocc.no/atc/"), "tacrolimus", False),  # before the move
        (concept("L04AD02", "urn:oid:2.16.840.1.113883.6.73"), "tacrolimus", False),
        (concept("116602009", SNOMED), "prednisone", False),
        (concept("X1", "https://local.example", display="Prograf 1 mg"), "tacrolimus", True),
        ({"text": "Tacrolimús 1 mg cápsulas"}, "tacrolimus", True),
        ({"text": "methyl-prednisolone 500 mg IV"}, "methylprednisolone", True),
        ({"text": "Solu-Delta-Cortef"}, "prednisolone", True),
        ({"text": "Solu-Cortef"}, "hydrocortisone", True),
        ({"text": "ácido micofenólico"}, "mycophenolic-acid", True),
        ({"coding": [{"system": RXNORM, "code": "8640"}, {"system": ATC, "code": "H02AB07"}]}, "prednisone", False),
        (
            {"coding": [{"system": RXNORM, "code": "7145"}, {"system": ATC, "code": "L04AA06"}]},
            "mycophenolic-acid",
            False,
        ),
        (concept("L04AA06", ATC), "mycophenolate-mofetil", False),
    ],
)
def test_drugs_by_code_and_by_text(drug: Json, agent: str, by_text: bool) -> None:
    read_order = the_order(order(drug))
    assert (read_order.agent, read_order.by_text) == (agent, by_text)


@pytest.mark.parametrize(
    "drug",
    [
        AMLODIPINE,
        concept("17767", RXNORM),  # a code of a public system that is not ours is another drug
        concept("C08CA01", ATC),
        {"text": "amlodipine"},
        concept("NDC-1", "https://local.example", display="amlodipine"),
        concept("423", RXNORM),  # the beginning of a code of ours
        concept(TACROLIMUS, SNOMED, text="something else"),
        {"text": "voclosporin"},
        {"text": "fluprednisolone"},
    ],
)
def test_other_drugs_are_not_ours(drug: Json) -> None:
    record = read(order(drug, status="nonsense"))
    assert (record.orders, record.unread, record.set_aside) == ((), (), ())


@pytest.mark.parametrize(
    ("resource", "concepts"),
    [
        (order(medicationCodeableConcept=...), set()),
        (order({}), set()),
        (order({"coding": [{"system": "https://local.example", "code": "X1"}]}), set()),
        (by_reference({"reference": "Medication/elsewhere"}), set()),
        (by_reference({}), set()),
        (by_reference({"reference": "#m"}, contained=[{"resourceType": "Medication", "id": "m"}]), set()),
        (order({"text": "prednisone, then tacrolimus"}), {"prednisone", "tacrolimus"}),
        (
            order({"coding": [{"system": RXNORM, "code": TACROLIMUS}, {"system": RXNORM, "code": "3008"}]}),
            {"tacrolimus", "cyclosporine"},
        ),
        (
            order({"coding": [{"system": RXNORM, "code": PREDNISONE}, {"system": ATC, "code": "L04AA06"}]}),
            {"prednisone", "mycophenolate-mofetil", "mycophenolic-acid"},
        ),
    ],
)
def test_a_drug_that_cannot_be_told_may_be_any(resource: Json, concepts: set[str]) -> None:
    item = unread(resource)
    assert (item.key, item.source, item.concepts) == ("medications", "MedicationRequest/m1", concepts)


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Medication/d1"},
        {"reference": "Medication/d1/_history/3"},
        {"reference": "https://ehr.example/fhir/Medication/d1"},
        {"reference": "urn:uuid:11111111-1111-4111-8111-000000000001"},
    ],
)
def test_references_to_a_sibling_entry(reference: Json) -> None:
    sibling = {"fullUrl": "urn:uuid:11111111-1111-4111-8111-000000000001", "resource": MEDICATION}
    answer = bundle(by_reference(reference))
    answer["entry"].append(sibling)
    assert the_order(medications=answer).agent == "tacrolimus"
    assert (
        the_order(by_reference(reference), administrations={"resourceType": "Bundle", "entry": [sibling]}).by_text
        is False
    )


def test_contained_medications_and_their_ingredients() -> None:
    bag = {
        "resourceType": "Medication",
        "id": "m",
        "ingredient": [
            {"itemCodeableConcept": concept("9863", RXNORM, text="sodium chloride")},
            {"itemReference": {"reference": "#s"}},
        ],
        "contained": [{"resourceType": "Substance", "id": "s", "code": {"text": "cyclophosphamide"}}],
    }
    read_order = the_order(by_reference({"reference": "#m"}, contained=[bag]))
    assert (read_order.agent, read_order.by_text) == ("cyclophosphamide", True)


def test_a_display_is_the_last_resort() -> None:
    read_order = the_order(by_reference({"reference": "Medication/elsewhere", "display": "Prograf 1 mg"}))
    assert (read_order.agent, read_order.by_text, read_order.label) == ("tacrolimus", True, "Prograf 1 mg")
    assert read(by_reference({"reference": "Medication/elsewhere", "display": "amlodipine"})).unread == ()


@pytest.mark.parametrize(
    "medication", [{"concept": concept(TACROLIMUS, RXNORM)}, {"reference": {"reference": "Medication/d1"}}]
)
def test_the_shape_of_r5(medication: Json) -> None:
    resource = order(medicationCodeableConcept=..., medication=medication)
    assert the_order(medications=bundle(resource, MEDICATION)).agent == "tacrolimus"


def test_a_mixture_is_both_of_our_agents() -> None:
    both = {"ingredient": [{"itemCodeableConcept": concept(code, RXNORM)} for code in (PREDNISONE, MMF)]}
    contained = [{"resourceType": "Medication", "id": "m", **both}]
    agents = {each.agent for each in read(by_reference({"reference": "#m"}, contained=contained)).orders}
    assert agents == {"prednisone", "mycophenolate-mofetil"}


# -- by which route --


def route(code: str | None = None, text: str | None = None, system: str = SNOMED) -> list[Json]:
    stated = {**({"coding": [{"system": system, "code": code}]} if code else {}), **({"text": text} if text else {})}
    return [{"route": stated}]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (route("26643006"), "oral"),
        (route("47625008"), "iv"),
        (route("34206005"), "sc"),
        (route("78421000"), "im"),
        (route("127492001"), "oral"),
        (route("PO", system="http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"), "oral"),
        (route(text="vía oral"), "oral"),
        (route(text="I.V. infusion"), "iv"),
        (route("999"), None),
        (route("26643006") + route("47625008"), None),
        (route("6064005") + route("26643006"), "oral"),
        ([], None),
    ],
)
def test_stated_routes(stated: list[Json], expected: str | None) -> None:
    assert the_order(order(TACROLIMUS, dosageInstruction=stated)).route == expected


@pytest.mark.parametrize(
    "stated",
    [
        *(route(code) for code in ("6064005", "54485002", "37161004", "447694001", "46713006", "10547007", "16857009")),
        *(route(text=text) for text in ("topical", "oral inhalation", "Ophthalmic", "vía rectal", "intra-articular")),
    ],
)
def test_local_routes_are_no_immunosuppression(stated: list[Json]) -> None:
    record = read(order(TACROLIMUS, dosageInstruction=stated), given(TACROLIMUS, dosage=stated[0]))
    assert (record.orders, record.administrations, record.unread) == ((), (), ())


@pytest.mark.parametrize(
    "drug",
    [
        concept("D11AH01", ATC),  # tacrolimus ointment
        concept("S01XA18", ATC),  # ciclosporin eye drops
        concept("372790", RXNORM),  # Restasis
        {"text": "Tacrolimus 0.1 % ointment"},
        {"text": "prednisolona colirio"},
        {"text": "Hydrocortisone 1 % cream"},
        {"text": "dexamethasone ophthalmic suspension"},
        {"text": "prednisolone enema"},
        {"text": "hidrocortisona pomada"},
    ],
)
def test_local_products_are_no_immunosuppression(drug: Json) -> None:
    assert read(order(drug)).orders == ()


def test_directions_tell_of_an_ointment_where_nothing_else_does() -> None:
    apply = [{"text": "apply to face twice daily"}]
    assert read(order(TACROLIMUS, dosageInstruction=apply)).orders == ()
    assert the_order(order("198377", dosageInstruction=apply)).agent == "tacrolimus"  # an oral capsule


@pytest.mark.parametrize(
    ("drug", "expected"),
    [
        (concept("198377", RXNORM), "oral"),
        ({"text": "tacrolimus 1 mg capsule"}, "oral"),
        ({"text": "cyclophosphamide 500 mg vial"}, None),
        ({"text": "prednisone tablets for eye inflammation"}, "oral"),
    ],
)
def test_the_form_tells_the_route(drug: Json, expected: str | None) -> None:
    assert the_order(order(drug)).route == expected


def test_of_the_immunoglobulins_only_intravenous_ones() -> None:
    ivig = {"text": "IVIG"}
    assert the_order(order(ivig, dosageInstruction=route("47625008"))).agent == "immunoglobulin"
    assert read(order(concept("42386", RXNORM), dosageInstruction=route("34206005"))).orders == ()


# -- status and intent --


@pytest.mark.parametrize("status", ["active", "on-hold", "completed", "stopped"])
def test_statuses_that_are_kept(status: str) -> None:
    assert the_order(order(status=status)).status == status


@pytest.mark.parametrize("status", ["draft", "cancelled"])
def test_statuses_that_are_no_therapy(status: str) -> None:
    record = read(order(status=status, authoredOn="never"))
    assert (record.orders, record.unread, record.set_aside) == ((), (), ())


def test_entered_in_error_is_set_aside_whatever_else_it_holds() -> None:
    assert (
        aside(order(medicationCodeableConcept=..., status="entered-in-error")).why == "its status is entered-in-error"
    )


@pytest.mark.parametrize("status", ["unknown", "running", ..., None, "", 1])
def test_a_status_that_does_not_tell_makes_the_agent_unknown(status: Any) -> None:
    assert unread(order(status=status)).concepts == {"tacrolimus"}


@pytest.mark.parametrize("intent", ["proposal", "plan"])
def test_intents_that_are_no_therapy(intent: str) -> None:
    assert intent in aside(order(intent=intent)).why


@pytest.mark.parametrize("intent", ["order", "original-order", "instance-order", ..., None])
def test_other_intents_are_orders(intent: Any) -> None:
    assert the_order(order(intent=intent)).intent == (intent if isinstance(intent, str) else "order")


@pytest.mark.parametrize(("stated", "prohibited"), [(True, True), ("true", True), (False, False), (None, False)])
def test_do_not_perform_is_a_prohibition(stated: Any, prohibited: bool) -> None:
    assert the_order(order(doNotPerform=stated, intent="plan" if prohibited else "order")).prohibited is prohibited


def test_a_prohibition_that_cannot_be_read_is_no_order() -> None:
    assert unread(order(doNotPerform="perhaps")).concepts == {"tacrolimus"}


# -- from when to when --


def bounds(**more: Any) -> Json:
    return {"timing": {"repeat": more}}


def period(start: str | None, end: str | None = None) -> Json:
    return bounds(boundsPeriod={name: value for name, value in (("start", start), ("end", end)) if value})


def duration(value: float, unit: str) -> Json:
    return bounds(boundsDuration=quantity(value, unit))


VALIDITY = {"validityPeriod": {"start": "2026-01-20", "end": "2026-07-20"}}


@pytest.mark.parametrize(
    ("more", "start", "end"),
    [
        ({}, "2026-02-01", None),
        ({"authoredOn": ...}, None, None),
        ({"dispenseRequest": VALIDITY}, "2026-01-20", None),
        ({"dosageInstruction": [period("2026-01-10")], "dispenseRequest": VALIDITY}, "2026-01-10", None),
        ({"dosageInstruction": [period("2026-01-10", "2026-03-10")]}, "2026-01-10", "2026-03-10"),
        ({"dosageInstruction": period("2026-01-10", "9999-12-31")}, "2026-01-10", None),
        ({"dosageInstruction": [period(None, "2026-03-10")]}, "2026-02-01", "2026-03-10"),
        (
            {"dosageInstruction": [period("2026-02-10", "2026-02-20"), period("2026-01-10", "2026-02-09")]},
            "2026-01-10",
            "2026-02-20",
        ),
        ({"dosageInstruction": [period("2026-01-10", "2026-02-09"), period("2026-02-10")]}, "2026-01-10", None),
        ({"dosageInstruction": [period("2026-01-10", "2026-02-09"), {"text": "then 5 mg"}]}, "2026-01-10", None),
        ({"dosageInstruction": [duration(14, "d")]}, "2026-02-01", "2026-02-14"),
        ({"dosageInstruction": [duration(2, "wk")]}, "2026-02-01", "2026-02-14"),
        ({"dosageInstruction": [duration(1, "mo")]}, "2026-02-01", "2026-02-28"),
        ({"dosageInstruction": [duration(1, "d")]}, "2026-02-01", "2026-02-01"),
        ({"dosageInstruction": [duration(1, "d"), duration(3, "d")]}, "2026-02-01", "2026-02-03"),
        (
            {"dosageInstruction": [{"sequence": 1, **duration(7, "d")}, {"sequence": 2, **duration(7, "d")}]},
            "2026-02-01",
            "2026-02-14",
        ),
        ({"dosageInstruction": [bounds(boundsRange={"high": quantity(5, "d")})]}, "2026-02-01", "2026-02-05"),
    ],
)
def test_courses(more: Json, start: str | None, end: str | None) -> None:
    read_order = the_order(order(PREDNISONE, **more))
    assert (read_order.start.text if read_order.start else None) == start
    assert (read_order.end.end.date().isoformat() if read_order.end else None) == end


@pytest.mark.parametrize(
    "more",
    [
        {"authoredOn": "2026-02-30"},
        {"dosageInstruction": [period("2026-02-10", "2026-02-09")]},
        {"dosageInstruction": [period("soon")]},
        {"dosageInstruction": [period(None, "2026-01-31")]},
        {"dosageInstruction": [duration(2, "fortnights")]},
        {"dosageInstruction": [duration(1e6, "a")]},
        {"dosageInstruction": [bounds(boundsDuration={"value": 2, "unit": "wk", "comparator": "<"})]},
        {"dispenseRequest": {"validityPeriod": {"start": "soon"}}},
    ],
)
def test_dates_that_cannot_be_read_decide(more: Json) -> None:
    assert unread(order(**more)).concepts == {"tacrolimus"}


def test_a_broken_dose_leaves_the_course() -> None:
    broken = {**period("2026-01-10", "2026-03-10"), "doseAndRate": [{"doseQuantity": "two"}]}
    read_order = the_order(order(dosageInstruction=[broken], note="?", requester=5, category={"text": "community"}))
    assert (read_order.start.text if read_order.start else None) == "2026-01-10"
    assert read_order.dose.unread == "its dosage is not valid FHIR"


# -- how often, how much --


def times(frequency: int, every: float, unit: str, **more: Any) -> Json:
    return {"timing": {"repeat": {"frequency": frequency, "period": every, "periodUnit": unit, **more}}}


@pytest.mark.parametrize(
    ("instruction", "daily"),
    [
        (times(1, 1, "d"), True),
        (times(2, 1, "d"), True),
        (times(1, 12, "h"), True),
        (times(1, 2, "d"), False),
        (times(1, 4, "wk"), False),
        ({"timing": {"repeat": {"count": 1}}}, False),
        (times(1, 1, "d", boundsPeriod={"start": "2026-02-01", "end": "2026-02-01"}), False),
        ({"timing": {"code": concept("BID", "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation")}}, True),
        ({"text": "100 mg daily"}, True),
        ({"text": "100 mg cada 24 horas"}, True),
        ({"text": "750 mg every 4 weeks"}, False),
        ({"text": "1 g daily for three days"}, None),
        ({"text": "as directed"}, None),
        ({}, None),
    ],
)
def test_whether_it_is_daily(instruction: Json, daily: bool | None) -> None:
    assert the_order(order(CYCLOPHOSPHAMIDE, dosageInstruction=[instruction])).dose.daily is daily


def test_a_daily_dose_of_which_one_is_given_is_not_daily() -> None:
    once = {**times(1, 1, "d", count=1), "doseAndRate": [{"doseQuantity": quantity(750, "mg")}]}
    assert the_order(order(CYCLOPHOSPHAMIDE, dosageInstruction=[once])).dose.daily is False


@pytest.mark.parametrize(
    ("drug", "dose", "per_day"),
    [
        (MMF, quantity(1, "g"), 2000),
        (MMF, quantity(750, "mg"), 1500),
        ("198377", {"value": 2, "unit": "capsule"}, 4),  # of 1 mg
        ("198377", {"value": 2, "system": "http://unitsofmeasure.org", "code": "{capsule}"}, 4),
        (TACROLIMUS, {"value": 2, "unit": "capsule"}, None),
        (TACROLIMUS, {"value": 2}, None),
    ],
)
def test_mg_per_day(drug: str, dose: Json, per_day: float | None) -> None:
    instruction = {**times(2, 1, "d"), "doseAndRate": [{"doseQuantity": dose}]}
    for shape in (instruction, {**times(2, 1, "d"), "doseQuantity": dose}):
        read_dose = the_order(order(drug, dosageInstruction=[shape])).dose
        assert read_dose.per_day == per_day
        assert (read_dose.unread is None) == (per_day is not None)


@pytest.mark.parametrize("value", [1e308, -1, 0])
def test_an_impossible_dose_leaves_the_order(value: float) -> None:
    instruction = {**times(24, 1, "h"), "doseAndRate": [{"doseQuantity": quantity(value, "kg")}]}
    assert the_order(order(dosageInstruction=[instruction])).agent == "tacrolimus"


# -- administrations --


def test_administrations() -> None:
    record = read(given(effectiveDateTime=..., effectivePeriod={"start": "2026-02-10", "end": "2026-02-11"}))
    administration = one(record.administrations)
    assert (administration.agent, administration.status) == ("cyclophosphamide", "completed")
    assert (administration.when.start.day, administration.when.end.day) == (10, 11)


@pytest.mark.parametrize("status", ["in-progress", "not-done", "on-hold", "stopped"])
def test_administration_statuses_are_kept(status: str) -> None:
    assert one(read(given(status=status)).administrations).status == status


@pytest.mark.parametrize(
    "more",
    [
        *({"status": status} for status in ("unknown", "given", None)),
        {"effectiveDateTime": ...},
        {"effectiveDateTime": "2026-02-30"},
        {"effectiveDateTime": ..., "effectivePeriod": {}},
        {"effectiveDateTime": ..., "effectivePeriod": {"start": "2026-02-11", "end": "2026-02-10"}},
    ],
)
def test_an_administration_that_cannot_be_read(more: Json) -> None:
    item = unread(given(**more))
    assert (item.key, item.concepts) == ("administrations", {"cyclophosphamide"})


def test_an_administration_entered_in_error() -> None:
    assert aside(given(status="entered-in-error")).source == "MedicationAdministration/a1"
    assert unread(given(medicationCodeableConcept=...)).concepts == set()
