"""Facts are found again for the same content of the same patient and client, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

import fixtures
from cds_cards.coding import RXNORM
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import PatientRecord
from service.discovery import SERVICE_OF_HOOK
from service.errors import NotAPatient, WrongPatient
from service.fhir.gather import Entry, gather, with_drafts
from service.fhir.memory import LIFETIME_SECONDS, ClientMemory, FactsMemory
from service.fhir.read import read_record
from service.fhir.read.context import Context
from service.fhir.read.references import References
from service.parts import load_parts
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request
from tests.conftest import NOW
from tests.unit.service.fhir.chart import (
    CANONICAL,
    CRP,
    MMF,
    PATIENT,
    TACROLIMUS,
    Json,
    allergy,
    bundle,
    concept,
    condition,
    given,
    guideline,
    obs,
    one,
    order,
    prefetch,
    procedure,
    quantity,
    service,
)

NG = quantity(1200, "ng/mL")
CHART = (obs(valueQuantity=NG), order(), condition(), allergy(), procedure(), service(), given())
FACTS = ("results", "orders", "diagnoses", "allergies", "procedures", "services", "administrations")


def still() -> float:
    return 0.0


def known(client: str = "ehr", facts: FactsMemory | None = None) -> ClientMemory:
    return ClientMemory(FactsMemory(still) if facts is None else facts, client)


def read(
    memory: ClientMemory | None,
    *chart: Json,
    patient_id: str = "p1",
    site: Guideline | None = None,
    canonical: str = CANONICAL,
    drafts: Json | None = None,
    **keys: Any,
) -> PatientRecord:
    came = with_drafts(gather(prefetch(*chart, **keys)), "order-sign", {"draftOrders": drafts} if drafts else {})
    return read_record(came, patient_id, site or guideline(), canonical, memory)


def recalled(first: PatientRecord, second: PatientRecord) -> list[str]:
    """Under which names the second has the very facts of the first."""
    return [
        name
        for name in (*FACTS, "unread", "set_aside")
        if getattr(first, name)
        and len(getattr(first, name)) == len(getattr(second, name))
        and all(one is other for one, other in zip(getattr(first, name), getattr(second, name), strict=True))
    ]


def test_the_same_content_is_read_once() -> None:
    memory = known()
    first, second = read(memory, *CHART), read(memory, *CHART)
    assert recalled(first, second) == list(FACTS)
    assert second.person is first.person
    assert first == second == read(None, *CHART)


def test_what_could_not_be_read_is_remembered_as_that() -> None:
    memory = known()
    chart = (obs(valueQuantity=NG, effectiveDateTime="some day"), order(status="entered-in-error"))
    first, second = read(memory, *chart), read(memory, *chart)
    assert recalled(first, second) == ["unread", "set_aside"]
    assert second == read(None, *chart)


def test_without_a_memory_everything_is_read_each_time() -> None:
    assert recalled(read(None, *CHART), read(None, *CHART)) == []


def test_an_equal_chart_in_other_bundles_is_the_same_content() -> None:
    """Only what is read counts: when the search was made, and where the next page is, is nothing of that."""
    memory = known()
    first = read(memory, observations=bundle(CHART[0], meta={"lastUpdated": "2026-03-01T10:00:00Z"}))
    second = read(memory, observations=bundle(CHART[0], link=[{"relation": "next", "url": "https://e/1"}]))
    assert recalled(first, second) == ["results"]
    assert (first.answers["observations"], second.answers["observations"]) == ("complete", "partial")


CHANGED: dict[str, tuple[Json, Json]] = {
    "observations": (obs(valueQuantity=NG), obs(valueQuantity=quantity(1201, "ng/mL"))),
    "orders": (order(), order(status="stopped")),
    "conditions": (condition(), condition(verificationStatus={"coding": [{"code": "refuted"}]})),
    "allergies": (allergy(), allergy(criticality="high")),
    "procedures": (procedure(), procedure(performedDateTime="2026-02-21")),
    "services": (service(), service(status="revoked")),
    "administrations": (given(), given(effectiveDateTime="2026-02-10T09:00:01Z")),
}


@pytest.mark.parametrize(("before", "after"), CHANGED.values(), ids=CHANGED)
def test_whatever_changed_is_read_anew_and_nothing_else_is(before: Json, after: Json) -> None:
    memory = known()
    kept = [each for each in CHART if each["resourceType"] != before["resourceType"]]
    first, second = read(memory, before, *kept), read(memory, after, *kept)
    assert second == read(None, after, *kept) != first
    assert len(recalled(first, second)) == len(FACTS) - 1


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, 1.5), (1200, 1200.0), (0.0, -0.0), ("1", 1), (True, 1), (False, 0), (None, 0), ("a", "A"), ("é", "e\u0301")],
)
def test_values_that_python_or_a_reader_takes_for_equal_are_two(before: Any, after: Any) -> None:
    memory = known()
    first = read(memory, obs(valueQuantity=NG, valueString=before))
    second = read(memory, obs(valueQuantity=NG, valueString=after))
    assert recalled(first, second) == []
    assert second == read(None, obs(valueQuantity=NG, valueString=after))


def test_one_bundle_under_two_keys_is_read_for_each() -> None:
    """Many an EHR answers every key with the whole chart."""
    memory, chart = known(), bundle(CHART[0], CHART[1])
    record = read(memory, observations=chart, medications=chart)
    assert (len(record.results), len(record.orders)) == (1, 1)
    assert record == read(None, observations=chart, medications=chart)


@pytest.mark.parametrize(
    "more",
    [{"fullUrl": "https://ehr.example/fhir/Observation/2"}, {"search": {"mode": "include"}}, {"resource": "none"}],
    ids=repr,
)
def test_how_it_came_counts(more: Json) -> None:
    """An entry without an id is named by its URL, and one that was brought along is not set aside."""
    memory = known()
    results = ({"resource": obs(id=..., valueQuantity=NG)}, {"resource": order(id=...)})
    before, after = (
        {"resourceType": "Bundle", "entry": [{**results[0], **way}, {**results[1], **way}]} for way in ({}, more)
    )
    first, second = read(memory, observations=before), read(memory, observations=after)
    assert first == read(None, observations=before)
    assert second == read(None, observations=after) != first


def test_the_patients_own_facts_change_with_the_patient() -> None:
    memory = known()
    read(memory, patient=PATIENT)
    assert read(memory, patient={**PATIENT, "gender": "male"}).person.sex == "male"
    assert read(memory, patient={**PATIENT, "deceasedBoolean": True}).person.deceased is True


def test_the_same_content_for_another_patient_is_another_matter() -> None:
    memory, somebody = known(), {**PATIENT, "id": "p2"}
    assert len(read(memory, *CHART).results) == 1
    other = read(memory, *CHART, patient=somebody, patient_id="p2")
    assert [getattr(other, name) for name in FACTS] == [()] * len(FACTS)
    assert other.person.source == "Patient/p2"
    assert other == read(None, *CHART, patient=somebody, patient_id="p2")


OURS, SOMEBODYS, NOBODYS = PATIENT, {**PATIENT, "id": "p2"}, {"resourceType": "Practitioner", "id": "d1"}


@pytest.mark.parametrize("before", [OURS, SOMEBODYS, NOBODYS], ids=["ours", "somebody's", "nobody's"])
@pytest.mark.parametrize("after", [OURS, SOMEBODYS, NOBODYS], ids=["ours", "somebody's", "nobody's"])
def test_a_reference_leads_where_it_leads_in_this_call(before: Json, after: Json) -> None:
    """The very same result, whose subject is a fullUrl: of this patient in one call, of somebody else in another."""
    url, memory = "urn:uuid:3e9d5f0e-8d3c-4d0c-9a55-9f6c1c7e5a11", known()
    result = obs(valueQuantity=NG, subject={"reference": url})

    def read_as(memory: ClientMemory | None, owner: Json) -> PatientRecord:
        came = {"entry": [{"fullUrl": url, "resource": owner, "search": {"mode": "include"}}]}
        return read(memory, result, conditions={"resourceType": "Bundle", **came})

    assert len(read_as(memory, before).results) == (before is OURS)
    second = read_as(memory, after)
    assert second == read_as(None, after)
    assert [len(second.results), len(second.set_aside)] == [after is OURS, after is SOMEBODYS]


def test_another_client_meets_nothing_of_it() -> None:
    """One id at two hospitals is two people."""
    facts = FactsMemory(still)
    first, second = read(known("a", facts), *CHART), read(known("b", facts), *CHART)
    assert recalled(first, second) == []
    assert second.person is not first.person
    assert recalled(first, read(known("a", facts), *CHART)) == list(FACTS)


REFERRING = order(medicationCodeableConcept=..., medicationReference={"reference": "Medication/m"})


def medication(code: str) -> Json:
    return {"resourceType": "Medication", "id": "m", "code": concept(code, RXNORM)}


def test_an_order_is_read_anew_when_the_medication_behind_it_changes() -> None:
    memory = known()

    def agents(code: str, **kinds: Any) -> list[str]:
        """The drugs ordered and given; the Medication itself came under another key."""
        administered = given(medicationCodeableConcept=..., medicationReference={"reference": "Medication/m"})
        record = read(memory, REFERRING, administered, obs(valueQuantity=NG), conditions=bundle(medication(code)))
        return [one(record.orders).agent, one(record.administrations).agent]

    assert agents(TACROLIMUS) == ["tacrolimus"] * 2
    assert agents(MMF) == ["mycophenolate-mofetil"] * 2
    assert agents(TACROLIMUS) == ["tacrolimus"] * 2


def test_what_names_no_medication_is_known_whatever_medication_comes() -> None:
    memory = known()
    first, second = (read(memory, *CHART, referrals=bundle(medication(code))) for code in (TACROLIMUS, MMF))
    assert recalled(first, second) == [name for name in FACTS if name not in ("orders", "administrations", "services")]


def test_a_medication_that_comes_with_a_draft_counts() -> None:
    memory = known()
    records = [
        read(memory, REFERRING, drafts={"entry": [{"resource": medication(each)}]}) for each in (TACROLIMUS, MMF)
    ]
    assert [one(record.orders).agent for record in records] == ["tacrolimus", "mycophenolate-mofetil"]


def test_a_draft_is_no_order_on_record_and_always_read() -> None:
    """The very resource that was on record a moment ago, as a draft; and a draft that changes with each call."""
    memory, tablet = known(), order(MMF)
    first = read(memory, tablet)
    second = read(memory, drafts=bundle(tablet))
    assert (len(first.orders), len(first.drafts), len(second.orders), len(second.drafts)) == (1, 0, 0, 1)
    for value in (1, 2, 3):
        dosed = order(
            MMF, status="draft", dosageInstruction=[{"doseAndRate": [{"doseQuantity": quantity(value, "mg")}]}]
        )
        assert one(read(memory, tablet, drafts=bundle(dosed)).drafts).order.dose.per_administration == value


def test_ages_are_counted_from_the_birth_of_this_call() -> None:
    memory, aged = known(), condition(onsetDateTime=..., onsetAge={"value": 65, "code": "a"})
    onsets = [
        one(read(memory, aged, patient={**PATIENT, "birthDate": born}).diagnoses).onset
        for born in ("1960-05-05", "1959-05-05", "1960-05-05", "1960-05", "1960")
    ]
    assert onsets[0] == onsets[2]
    assert len(set(onsets)) == 4


def test_another_site_policy_reads_anew() -> None:
    memory, code = known(), concept("CRP-X", "https://lab.example.org")
    here = obs(code, valueQuantity=quantity(12, "mg/L"), effectiveDateTime="2026-03-01")
    local = {"local_codes": {"crp": [{"system": "https://lab.example.org", "code": "CRP-X", "display": "CRP"}]}}
    assert read(memory, here).results == ()
    assert len(read(memory, here, site=load_guideline(local)).results) == 1
    assert read(memory, here).results == ()
    plain, madrid = (
        one(
            read(
                memory, obs(CRP, valueQuantity=quantity(12, "mg/L"), effectiveDateTime="2026-03-01"), site=site
            ).results
        )
        for site in (guideline(), load_guideline({"zone": {"value": "Europe/Madrid", "why": "ours"}}))
    )
    assert plain.when.start - madrid.when.start == timedelta(hours=1)


def test_our_own_codes_are_those_below_our_canonical_base() -> None:
    memory, elsewhere = known(), "https://cds.hospital.example"
    ours = obs(concept("imaging", f"{elsewhere}/CodeSystem/refractoriness-criterion"), valueBoolean=True)
    assert read(memory, ours).results == ()
    assert len(read(memory, ours, canonical=elsewhere).results) == 1
    assert read(memory, ours).results == ()


def test_the_wrong_patient_and_none_are_refused_each_time() -> None:
    memory = known()
    read(memory, *CHART)
    for _ in range(2):
        with pytest.raises(WrongPatient):
            read(memory, *CHART, patient_id="p2")
        with pytest.raises(NotAPatient):
            read(memory, *CHART, patient=obs(id="p1"))


def test_what_json_cannot_say_is_read_each_time() -> None:
    facts = FactsMemory(still)
    strange = obs(valueQuantity=quantity(2**70, "ng/mL"))
    first, second = (read(known("ehr", facts), strange) for _ in range(2))
    assert (first, recalled(first, second)) == (second, [])
    assert facts.answers == 1  # the Patient


def test_a_forgotten_fact_is_read_again() -> None:
    seconds = [0.0]
    memory = known(facts=FactsMemory(lambda: seconds[0]))
    first = read(memory, *CHART)
    seconds[0] = LIFETIME_SECONDS - 1
    assert recalled(first, read(memory, *CHART)) == list(FACTS)
    seconds[0] = LIFETIME_SECONDS
    third = read(memory, *CHART)
    assert (recalled(first, third), third) == ([], first)


def test_many_patients_at_once_each_meet_their_own() -> None:
    """32 patients whose resources have the same ids, in eight threads, through a memory too small for all of them."""
    memory = known(facts=FactsMemory(still, most_answers=60))

    def right(number: int) -> bool:
        patient_id = f"p{number % 32}"
        text = json.dumps((obs(valueQuantity=quantity(100 + number % 32, "ng/mL")), *CHART[1:]))
        chart = json.loads(text.replace("Patient/p1", f"Patient/{patient_id}"))
        record = read(memory, *chart, patient={**PATIENT, "id": patient_id}, patient_id=patient_id)
        return (
            one(record.results).value == 100 + number % 32
            and record.person.source == f"Patient/{patient_id}"
            and not record.set_aside
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(right, range(320)))
    assert memory.facts.answers == 60


def test_everything_that_reading_knows_is_in_the_name_of_what_it_found() -> None:
    """Whatever is added here must be added to the name, in `service.fhir.read.recall`, before it may be read."""
    assert {field.name for field in fields(Context)} == {"guideline", "vocabulary", "zone", "references", "born"}
    assert {field.name for field in fields(References)} == {"patient", "patient_urls", "other_urls", "medications"}
    assert set(Entry._fields) == {"resource", "full_url", "included"}


# --- the whole line --------------------------------------------------------------------------------------------------

STORIES = ("refractory", "untreated", "responding", "unreadable-order", "maintenance", "escalated", "spanish-chart")


@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_is_told_again_gets_the_same_answer(name: str) -> None:
    """Later, and as an order hook, too: what is remembered was not judged."""
    parts = load_parts(Settings(), lambda: NOW)
    assert parts.facts is not None
    without = replace(parts, facts=None)
    body = fixtures.story(name).render(NOW)

    def answer(known: Callable[[Json], Any], hook: str) -> Any:
        return known({**body, "hook": hook})

    def by(these: Any, days: int) -> Callable[[Json], Any]:
        later = replace(these, clock=lambda: NOW + timedelta(days=days))
        return lambda call: respond(decode_request(call, SERVICE_OF_HOOK[call["hook"]], later.settings), later)

    for days in (0, 0, 40, -40):
        assert answer(by(parts, days), "patient-view") == answer(by(without, days), "patient-view")
    assert parts.facts.answers > 1
    assert answer(by(parts, 0), "order-sign") == answer(by(without, 0), "order-sign")


def test_the_line_remembers_for_the_client_who_called() -> None:
    parts, body = load_parts(Settings(), lambda: NOW), fixtures.story("untreated").render(NOW)
    assert parts.facts is not None
    held = []
    for client in ("a", "b", "a", "b"):
        respond(decode_request(body, SERVICE_OF_HOOK["patient-view"], parts.settings, client), parts)
        held.append(parts.facts.answers)
    assert held == [held[0], 2 * held[0], 2 * held[0], 2 * held[0]]


def test_the_switch() -> None:
    assert load_parts(Settings(remember_facts=False)).facts is None
    assert load_parts(Settings()).facts is not load_parts(Settings()).facts
