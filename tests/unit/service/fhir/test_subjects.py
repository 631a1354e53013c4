"""Whose resource it is, of what type, and how often it came."""

from __future__ import annotations

from typing import Any

import pytest

from service.fhir.gather import gather
from service.fhir.read import read_record
from tests.unit.service.fhir.chart import (
    CANONICAL,
    KEYS,
    ME,
    PATIENT,
    Json,
    allergy,
    aside,
    bundle,
    condition,
    given,
    guideline,
    obs,
    one,
    order,
    prefetch,
    procedure,
    quantity,
    read,
    service,
    unread,
)

NG = quantity(1200, "ng/mL")
ALL = [obs(valueQuantity=NG), order(), condition(), allergy(), procedure(), service(), given()]
FACTS = ("results", "orders", "diagnoses", "allergies", "procedures", "services", "administrations")


def of(resource: Json, **subject: Any) -> Json:
    element = "patient" if resource["resourceType"] == "AllergyIntolerance" else "subject"
    changed = {name: value for name, value in resource.items() if name != element}
    return {**changed, **({element: subject} if subject else {})}


def facts(record: Any) -> int:
    return sum(len(getattr(record, name)) for name in FACTS)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        " Patient/p1 ",
        "Patient/p1/_history/2",
        "https://ehr.example/fhir/Patient/p1",
        "https://ehr.example/fhir/Patient/p1/_history/1",
        "urn:uuid:p1",
    ],
)
def test_the_patient_however_referred_to(reference: str) -> None:
    for resource in ALL:
        assert facts(read(of(resource, reference=reference))) == 1


@pytest.mark.parametrize("reference", ["Patient/other", "https://ehr.example/fhir/Patient/other", "Group/p1"])
def test_another_subject_is_set_aside_and_makes_nothing_unknown(reference: str) -> None:
    for resource in ALL:
        named = reference.removeprefix("https://ehr.example/fhir/")
        assert aside(of(resource, reference=reference)).why == f"subject is {named}"


def test_another_patients_resource_is_named_even_when_nothing_in_it_is_looked_at() -> None:
    assert aside(of(obs({"text": "sodium"}), reference="Patient/other")).source == "Observation/o1"


@pytest.mark.parametrize(
    "subject",
    [
        {},
        {"reference": ""},
        {"reference": 5},
        {"reference": "#p1"},
        {"reference": "urn:uuid:11111111-1111-4111-8111-000000000001"},
        {"reference": "p1"},
        {"reference": "Patient?identifier=1"},
        {"identifier": {"system": "urn:mrn", "value": "1"}},
        {"display": "Jane"},
    ],
)
def test_without_a_subject_it_is_broken(subject: Json) -> None:
    for resource in ALL:
        assert "subject" in unread(of(resource, **subject)).why


def test_what_is_not_looked_at_makes_nothing_unknown_without_subject_either() -> None:
    assert "no subject" in aside(of(obs({"text": "sodium"}))).why


def test_two_subjects_are_none() -> None:
    assert "subject" in unread({**obs(valueQuantity=NG), "subject": [ME, {"reference": "Patient/other"}]}).why


def test_full_urls_lead_to_the_patient_and_to_others() -> None:
    mine, theirs = "urn:uuid:00000000-0000-4000-8000-000000000001", "urn:uuid:00000000-0000-4000-8000-000000000002"
    answer = bundle(of(obs(valueQuantity=NG), reference=mine), of(obs(id="o2", valueQuantity=NG), reference=theirs))
    other = {"resourceType": "Patient", "id": "p2"}
    answer["entry"] += [{"fullUrl": mine, "resource": PATIENT, "search": {"mode": "include"}}]
    answer["entry"] += [{"fullUrl": theirs, "resource": other, "search": {"mode": "include"}}]
    record = read(observations=answer)
    assert one(record.results).source == "Observation/o1"
    assert one(record.set_aside).why == "subject is Patient/p2"


def test_a_contained_patient_is_this_one_only_by_its_id() -> None:
    contained = [{"resourceType": "Patient", "id": "p1"}]
    assert facts(read(of({**order(), "contained": contained}, reference="#p1"))) == 1
    assert unread(of({**order(), "contained": [{"resourceType": "Patient", "id": "x"}]}, reference="#x"))


def test_a_modifier_that_is_not_understood_is_not_ignored() -> None:
    modified = {**order(), "modifierExtension": [{"url": "https://ehr.example/not", "valueBoolean": True}]}
    assert unread(modified).concepts == {"tacrolimus"}


# -- types --


@pytest.mark.parametrize("broken", [5, "x", ["x"], None, {"id": "x"}, {"resourceType": "Foo"}, {"resourceType": 5}])
@pytest.mark.parametrize("key", KEYS.values())
def test_an_entry_that_is_no_resource_may_be_anything(key: str, broken: Any) -> None:
    answer = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:x", "resource": broken}]}
    item = unread(**{key: answer})
    assert (item.key, item.source, item.concepts) == (key, "urn:x", set())
    assert item.why == "it is no FHIR resource"


def test_another_type_is_set_aside_and_what_was_brought_along_is_not_named() -> None:
    assert aside(medications=bundle(obs())).why == "it is no MedicationRequest"
    practitioner = {"resource": {"resourceType": "Practitioner", "id": "x"}, "search": {"mode": "include"}}
    answer = {
        "resourceType": "Bundle",
        "entry": [practitioner, {"resource": {"resourceType": "Medication", "id": "d"}}],
    }
    assert read(medications=answer).set_aside == ()


# -- duplicates --


def at(when: str | None, **more: Any) -> Json:
    return obs(meta={"lastUpdated": when} if when else {}, **more)


EARLY, LATE = "2026-03-01T11:00:00Z", "2026-03-01T13:00:00+01:00"


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        (at(None, valueQuantity=NG), at(None, valueQuantity=NG), 1200),
        (at(EARLY, valueQuantity=NG), at(LATE, valueQuantity=NG, text={"div": "x"}), 1200),
        (at(EARLY, valueQuantity=NG), at(LATE, valueQuantity=quantity(900, "ng/mL")), 900),
        (at(EARLY, valueQuantity=NG), at(EARLY, valueQuantity=quantity(900, "ng/mL")), None),
        (at(EARLY, valueQuantity=NG), at(None, valueQuantity=quantity(900, "ng/mL")), None),
    ],
)
def test_the_same_resource_twice(first: Json, second: Json, value: float | None, reverse: bool) -> None:
    record = read(*((second, first) if reverse else (first, second)))
    assert [result.value for result in record.results] == ([value] if value else [])
    assert [item.concepts for item in record.unread] == ([] if value else [{"ferritin"}])


def test_versions_that_differ_may_speak_of_both() -> None:
    item = unread(obs("2276-4", valueQuantity=NG), obs("1988-5", valueQuantity=NG))
    assert item.concepts == {"ferritin", "crp"}
    assert unread(order(), order(medicationCodeableConcept=...)).concepts == set()
    assert read(obs({"text": "sodium"}), obs({"text": "potassium"})).unread == ()


def test_without_ids_only_the_content_tells_two_apart() -> None:
    twice = [obs(id=..., valueQuantity=NG)] * 2
    other = obs(id=..., valueQuantity=quantity(900, "ng/mL"))
    record = read(*twice, other)
    assert sorted(result.value or 0 for result in record.results) == [900, 1200]
    assert {result.source for result in record.results} == {"Observation without an id"}


def test_the_order_of_entries_does_not_matter() -> None:
    resources = [*ALL, obs(id="o2", valueQuantity=NG), order("3008", id="m2"), obs(id="o3"), at(EARLY), at(LATE)]

    def told(given_resources: list[Json]) -> Any:
        record = read_record(gather(prefetch(*given_resources)), "p1", guideline(), CANONICAL)
        return [set(getattr(record, name)) for name in (*FACTS, "unread", "set_aside")]

    assert told(resources) == told(resources[::-1])
