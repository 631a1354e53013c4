"""The bodies that the benchmarks send: repeatable, as long as they say, valid FHIR R4, another patient each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from benchmarks.bodies import NOW, SILENT, SIZES, STORIES, Body, again, drafting, patient_view, without_record
from service.discovery import SERVICE_OF_HOOK
from service.parts import load_parts
from service.respond import examine, respond
from service.settings import Settings
from service.wire import decode_request

pytestmark = pytest.mark.load
KILOBYTES = {1: 187, 5: 924, 25: 4600}


def resources(body: Body) -> Iterator[dict[str, Any]]:
    for value in body.value["prefetch"].values():
        if value is not None:
            yield from (entry["resource"] for entry in value["entry"]) if "entry" in value else (value,)


def answered(body: Body) -> dict[str, Any]:
    settings = Settings(allow_as_of=True)
    request = decode_request(json.loads(body.encoded()), SERVICE_OF_HOOK[body.hook], settings)
    return json.loads(json.dumps(respond(request, load_parts(settings))))


@pytest.mark.parametrize("times", SIZES)
def test_its_length(times: int) -> None:
    body = patient_view(3, times)
    kinds = [resource["resourceType"] for resource in resources(body)]
    counted = {kind: kinds.count(kind) for kind in ("Patient", "Observation", "MedicationRequest", "Condition")}
    assert counted == {
        "Patient": 1,
        "Observation": 60 * times,
        "MedicationRequest": 20 * times,
        "Condition": 10 * times,
    }
    assert len(body.encoded()) == pytest.approx(KILOBYTES[times] * 1000, rel=0.02)


@pytest.mark.parametrize("number", range(len(STORIES)))
def test_every_story_is_as_long(number: int) -> None:
    assert len(patient_view(number).encoded()) == pytest.approx(187_000, rel=0.02)


def test_the_same_number_and_seed_give_the_same_body() -> None:
    body = patient_view(7).encoded()
    assert body == patient_view(7).encoded()
    assert body != patient_view(7, seed=1).encoded()


def test_each_number_is_another_patient() -> None:
    one, other = patient_view(0), patient_view(len(STORIES))
    assert one.story == other.story
    assert one.value["hookInstance"] != other.value["hookInstance"]
    ours, theirs = ([resource["id"] for resource in resources(body)] for body in (one, other))
    assert not set(ours) & set(theirs)
    assert one.value["context"]["patientId"] not in other.encoded().decode()
    told = [
        [
            each["valueQuantity"]["value"]
            for each in resources(body)
            if each["id"].rpartition("-")[0].endswith("ferritin")
        ]
        for body in (one, other)
    ]
    assert told[0] != told[1]


@pytest.mark.parametrize("number", [0, 4, 9])
def test_every_resource_is_valid(number: int) -> None:
    for resource in resources(patient_view(number)):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_nothing_is_dated_later_than_the_call() -> None:
    for resource in resources(patient_view(0)):
        dates = [resource[name] for name in ("effectiveDateTime", "authoredOn", "issued") if name in resource]
        assert all(date <= NOW.strftime("%Y-%m-%dT%H:%M:%SZ") for date in dates)


def test_49_resources_are_read() -> None:
    """Of the 91 of a chart at ×1: as many facts of the person, results, orders, diagnoses stand on record."""
    settings = Settings(allow_as_of=True)
    request = decode_request(patient_view(1).value, SERVICE_OF_HOOK["patient-view"], settings)
    record = examine(request, load_parts(settings)).record
    assert 1 + len(record.results) + len(record.orders) + len(record.diagnoses) == 49


@pytest.mark.parametrize("number", range(len(STORIES)))
def test_real_rules_fire(number: int) -> None:
    body = patient_view(number)
    answer = answered(body)
    assert bool(answer["cards"]) is (body.story not in SILENT)
    assert "ignored" not in answer["extension"]["mda5-cds.assessment"]


def test_the_stories_are_told_of_the_population() -> None:
    assert sum(story in SILENT for story in STORIES) == 1
    assert len(STORIES) == 10


def test_nothing_on_record() -> None:
    body = without_record(patient_view(0))
    assert len(list(resources(body))) == 1
    assert answered(body)["cards"] == []
    assert body.story in SILENT


def test_the_same_encounter_again() -> None:
    body = patient_view(2)
    second, third = again(body, 1), again(body, 2)
    instances = {each.value["hookInstance"] for each in (body, second, third)}
    assert len(instances) == 3
    assert body.value | {"hookInstance": second.value["hookInstance"]} == second.value


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_drafts_that_change(hook: str) -> None:
    body = patient_view(1)
    steps = [drafting(body, hook, step) for step in range(6)]
    assert {step.hook for step in steps} == {hook}
    assert all(step.value["prefetch"] == body.value["prefetch"] for step in steps)
    assert len({json.dumps(step.value["context"]["draftOrders"]) for step in steps}) == 6
    topics = {card["source"]["topic"]["code"] for step in steps for card in answered(step)["cards"]}
    assert {"dose", "rec-2"} <= topics
