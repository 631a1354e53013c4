"""What a prefetch says: in full, in part, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from service.errors import DataUnobtainable, NotAPatient, WrongPatient
from service.fhir.gather import Entry, gather
from service.fhir.read import read_record
from service.wire import PrefetchAnswer
from tests.unit.service.fhir.chart import CANONICAL, PATIENT, Json, bundle, guideline, obs, order, prefetch, read

NEXT = [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
MISSING, EMPTY, FAILED = PrefetchAnswer("missing"), PrefetchAnswer("empty"), PrefetchAnswer("failed", why="it failed")


@pytest.mark.parametrize(
    ("answer", "found", "how"),
    [
        (EMPTY, 0, "complete"),
        (MISSING, 0, "missing"),
        (FAILED, 0, "missing"),
        (bundle(), 0, "complete"),
        (bundle(obs()), 1, "complete"),
        (obs(), 1, "complete"),
        ({"resourceType": "Bundle", "entry": [{"resource": obs()}]}, 1, "complete"),
        ({"entry": [{"resource": obs()}]}, 1, "complete"),
        ({"resourceType": "Bundle", "entry": {"resource": obs()}}, 1, "complete"),
        ({"resourceType": "Bundle", "entry": [None, {}, {"resource": obs()}]}, 1, "complete"),
        (bundle(obs(), link=NEXT), 1, "partial"),
        (bundle(obs(), link=NEXT[0]), 1, "partial"),
        (bundle(obs(), link=[{"relation": "self", "url": "https://ehr.example/fhir"}]), 1, "complete"),
        (bundle(obs(), total=2), 1, "partial"),
        (bundle(obs(), total=1), 1, "complete"),
        (bundle(obs(), total=True), 1, "complete"),
        (bundle(WARNING, total=0), 0, "complete"),
        ({"resourceType": "Bundle", "total": 0, "entry": [{"search": {"mode": "outcome"}}]}, 0, "complete"),
        (bundle(obs(), ERROR), 1, "partial"),
        (bundle({"resourceType": "OperationOutcome"}), 0, "partial"),
        (bundle({"resourceType": "OperationOutcome", "issue": [{"severity": ["warning"]}]}), 0, "partial"),
        (bundle(bundle(obs(), link=NEXT)), 1, "partial"),
        (bundle(bundle(obs())), 1, "complete"),
    ],
)
def test_answers(answer: Any, found: int, how: str) -> None:
    gathered = gather(prefetch(procedures=answer))
    assert len(gathered.entries["procedures"]) == found
    assert gathered.answers["procedures"] == how


def test_full_urls_and_what_was_brought_along_are_kept() -> None:
    answer = {"resourceType": "Bundle", "entry": [{"resource": 5}, {"fullUrl": "urn:x", "search": {"mode": "include"}}]}
    entries = gather(prefetch(observations=answer)).entries["observations"]
    assert entries == (Entry(5), Entry(None, "urn:x", included=True))


@pytest.mark.parametrize("status", [EMPTY, MISSING, FAILED])
def test_without_a_patient_nothing_can_be_judged(status: PrefetchAnswer) -> None:
    with pytest.raises(DataUnobtainable) as refused:
        gather(prefetch(patient=None) | {"patient": status, "conditions": MISSING, "procedures": MISSING})
    assert refused.value.keys == ("patient", "conditions")


def test_the_patient_is_judged_before_what_else_is_missing() -> None:
    answers = prefetch(medications=MISSING, conditions=FAILED)
    with pytest.raises(DataUnobtainable) as refused:
        read_record(gather(answers), "p1", guideline(), CANONICAL)
    assert refused.value.keys == ("medications", "conditions")
    with pytest.raises(WrongPatient):
        read_record(gather(answers), "p2", guideline(), CANONICAL)
    answers["patient"] = PrefetchAnswer("given", obs())
    with pytest.raises(NotAPatient):
        read_record(gather(answers), "p1", guideline(), CANONICAL)


@pytest.mark.parametrize(
    ("patient", "error"),
    [
        ({"foo": "bar"}, NotAPatient),
        ({"resourceType": "Patient", "id": 7}, NotAPatient),
        ({"resourceType": "Patient"}, WrongPatient),
        ({"resourceType": "Patient", "id": "other"}, WrongPatient),
        ({"resourceType": "Practitioner", "id": "p1"}, NotAPatient),
    ],
)
def test_another_patient_or_none(patient: Json, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(patient=patient)


def test_a_patient_may_come_in_a_bundle() -> None:
    assert read(patient=bundle({"resourceType": "Practitioner", "id": "x"}, PATIENT)).person.source == "Patient/p1"
    assert read_record(gather(prefetch()), "Patient/p1", guideline(), CANONICAL).person.source == "Patient/p1"


def test_answers_reach_the_record() -> None:
    record = read(order(), medications=bundle(order(), link=NEXT), allergies=MISSING)
    assert record.answers["medications"] == "partial"
    assert record.answers["allergies"] == "missing"
    assert record.answers["observations"] == "complete"
    assert len(record.orders) == 1
