"""Conditions, procedures, orders of tests and referrals, allergies: by code or in words, with their dates."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.coding import ATC, ICD10CM, RXNORM, SNOMED
from cds_cards.record import Allergy, Diagnosis
from tests.unit.service.fhir.chart import (
    PATIENT,
    TACROLIMUS,
    Json,
    allergy,
    aside,
    concept,
    condition,
    one,
    procedure,
    read,
    service,
    unread,
    without_none,
)

ILD = "233703007"


def diagnosis(*resources: Any, **keys: Any) -> Diagnosis:
    record = read(*resources, **keys)
    assert record.unread == ()
    return one(record.diagnoses)


# -- what it is --


@pytest.mark.parametrize(
    ("code", "concepts", "by_text"),
    [
        (ILD, {"ild"}, False),
        (concept("J84.9", ICD10CM), {"ild"}, False),
        (concept("J84.9", "urn:oid:2.16.840.1.113883.6.90"), {"ild"}, False),
        (concept(ILD, "http://snomed.info/sct/900000000000207008"), {"ild"}, False),
        (concept(ILD, SNOMED, text="Rapidly progressive ILD"), {"ild", "rpild"}, True),
        ({"text": "Rapidly progressive interstitial lung disease"}, {"ild", "rpild"}, True),
        ({"text": "EPID rápidamente progresiva"}, {"ild", "rpild"}, True),
        ({"text": "RP-ILD"}, {"ild", "rpild"}, True),
        (
            concept("M33.13", ICD10CM, text="Dermatomyositis with interstitial lung disease"),
            {"dermatomyositis", "ild"},
            True,
        ),
        (concept("999", SNOMED, display="Interstitial lung disease due to connective tissue disease"), {"ild"}, True),
        ({"text": "Dermatomyositis"}, {"dermatomyositis"}, True),
    ],
)
def test_conditions_by_code_and_in_words(code: Any, concepts: set[str], by_text: bool) -> None:
    read_diagnosis = diagnosis(condition(code))
    assert (read_diagnosis.concepts, read_diagnosis.by_text) == (concepts, by_text)


@pytest.mark.parametrize(
    "code",
    [
        concept("38341003", SNOMED),
        concept("38341003", SNOMED, text="Hypertension"),
        {"text": "Rule out rapidly progressive ILD"},
        {"text": "Antecedentes familiares de fibrosis pulmonar"},
        {"text": "mildly elevated blood pressure"},  # "ild" within a word
        concept(ILD[:-1], SNOMED, text="part of a code"),
    ],
)
def test_other_conditions_are_not_ours(code: Any) -> None:
    record = read(condition(code, onsetDateTime="never"))
    assert (record.diagnoses, record.unread) == ((), ())


@pytest.mark.parametrize(
    "code", [..., {}, {"coding": [{"system": "https://local.example", "code": "D1"}]}, {"text": ""}]
)
def test_a_condition_that_says_nothing_may_be_any(code: Any) -> None:
    for resource, key in ((condition(code=code), "conditions"), (procedure(code=code), "procedures")):
        item = unread(resource)
        assert (item.key, item.concepts) == (key, set())
    assert unread(service(code=code)).key == "referrals"
    assert unread(allergy(code=code)).key == "allergies"


def test_awaiting_a_transplant_is_not_having_one() -> None:
    awaiting = diagnosis(condition(concept("Z76.82", ICD10CM, text="Awaiting lung transplant")))
    assert awaiting.concepts == {"awaiting-lung-transplant"}


# -- statuses --


@pytest.mark.parametrize("code", ["active", "recurrence", "relapse", "inactive", "remission", "resolved"])
def test_clinical_statuses(code: str) -> None:
    for stated in ({"coding": [{"code": code}]}, {"coding": {"code": code}}, {"text": code.title()}, code):
        assert diagnosis(condition(clinicalStatus=stated)).clinical == code
    assert diagnosis(condition(clinicalStatus=...)).clinical is None


@pytest.mark.parametrize("code", ["unconfirmed", "provisional", "differential", "confirmed", "refuted"])
def test_verification_statuses(code: str) -> None:
    assert diagnosis(condition(verificationStatus={"coding": [{"code": code}]})).verification == code
    assert diagnosis(condition(verificationStatus=None)).verification is None


def test_entered_in_error() -> None:
    wrong = {"coding": [{"code": "entered-in-error"}]}
    assert "entered-in-error" in aside(condition(verificationStatus=wrong, onsetDateTime="never")).why
    assert "entered-in-error" in aside(allergy(verificationStatus=wrong)).why
    assert "entered-in-error" in aside(procedure(status="entered-in-error")).why
    assert "entered-in-error" in aside(service(status="entered-in-error")).why


@pytest.mark.parametrize(
    "stated",
    [{"coding": [{"code": "acute"}]}, {"coding": [{"code": "active"}, {"code": "resolved"}]}, 5, {"text": "?"}],
)
def test_a_status_that_is_there_and_cannot_be_read(stated: Any) -> None:
    assert unread(condition(clinicalStatus=stated)).concepts == {"ild"}
    assert unread(condition(verificationStatus=stated)).concepts == {"ild"}


# -- dates --


@pytest.mark.parametrize(
    ("more", "onset"),
    [
        ({"onsetDateTime": "2026-02"}, ("2026-02-01", "2026-02-28")),
        (
            {"onsetDateTime": ..., "onsetPeriod": {"start": "2026-01-05", "end": "2026-02-01"}},
            ("2026-01-05", "2026-01-05"),
        ),
        ({"onsetDateTime": ..., "onsetString": "2025"}, ("2025-01-01", "2025-12-31")),
        # an age is any day of that year of life
        ({"onsetDateTime": ..., "onsetAge": {"value": 65, "code": "a"}}, ("2025-05-05", "2026-05-05")),
        (
            {
                "onsetDateTime": ...,
                "onsetRange": {"low": {"value": 60, "unit": "years"}, "high": {"value": 61, "unit": "years"}},
            },
            ("2020-05-05", "2022-05-05"),
        ),
        # an onset without a date lies somewhere before the record: the recorded date must not make an old disease new
        ({"onsetDateTime": ..., "onsetString": "some years ago"}, ("1960-05-05", "2026-02-10")),
        ({"onsetDateTime": ..., "onsetAge": {"value": 9, "unit": "moons"}}, ("1960-05-05", "2026-02-10")),
        ({"onsetDateTime": ..., "onsetPeriod": {"end": "2025-01-01"}}, ("1960-05-05", "2025-01-01")),
        ({"onsetDateTime": ..., "onsetString": "long ago", "recordedDate": ...}, None),
        ({"onsetDateTime": ...}, None),
    ],
)
def test_onset(more: Json, onset: tuple[str, str] | None) -> None:
    read_onset = diagnosis(condition(**more)).onset
    found = (read_onset.start.date().isoformat(), read_onset.end.date().isoformat()) if read_onset else None
    assert found == onset


def test_without_a_birth_date_an_age_of_onset_is_before_the_record() -> None:
    nameless = without_none({**PATIENT, "birthDate": ...})
    aged = condition(onsetDateTime=..., onsetAge={"value": 65, "code": "a"})
    onset = diagnosis(aged, patient=nameless).onset
    assert onset is not None
    assert (onset.start.year, onset.end.date().isoformat()) == (1000, "2026-02-10")


@pytest.mark.parametrize(
    "more",
    [{"onsetDateTime": "2026-02-30"}, {"recordedDate": "soon"}, {"onsetDateTime": "2026", "onsetString": "2025"}],
)
def test_a_date_that_cannot_be_read_decides(more: Json) -> None:
    assert unread(condition(**more)).concepts == {"ild"}


def test_abatement_may_be_broken() -> None:
    assert diagnosis(condition(abatementDateTime="soon", stage="?", evidence=5)).abated is None
    abated = diagnosis(condition(abatementDateTime="2026-02-20")).abated
    assert abated is not None
    assert abated.text == "2026-02-20"


# -- procedures --


@pytest.mark.parametrize(
    ("more", "start", "end"),
    [
        ({}, "2026-02-20", None),
        (
            {"performedDateTime": ..., "performedPeriod": {"start": "2026-02-20", "end": "2026-02-25"}},
            "2026-02-20",
            "2026-02-25",
        ),
        ({"performedDateTime": ..., "performedPeriod": {"start": "2026-02-20"}}, "2026-02-20", None),
        ({"performedDateTime": ..., "performedString": "last week"}, None, None),
        ({"performedDateTime": ...}, None, None),
    ],
)
def test_procedures(more: Json, start: str | None, end: str | None) -> None:
    read_procedure = one(read(procedure(**more)).procedures)
    assert read_procedure.concepts == {"ecmo"}
    assert (read_procedure.start.text if read_procedure.start else None) == start
    assert (read_procedure.end.text if read_procedure.end else None) == end


@pytest.mark.parametrize("status", ["preparation", "in-progress", "not-done", "on-hold", "stopped", "completed"])
def test_procedure_statuses_are_kept(status: str) -> None:
    assert one(read(procedure(status=status)).procedures).status == status


@pytest.mark.parametrize(
    "more", [{"status": "unknown"}, {"status": "done"}, {"performedDateTime": "soon"}, {"status": None}]
)
def test_a_procedure_that_cannot_be_read(more: Json) -> None:
    assert unread(procedure(**more)).concepts == {"ecmo"}


# -- orders of tests and referrals --


@pytest.mark.parametrize(
    ("more", "status", "refused"),
    [
        ({}, "active", False),
        ({"status": "revoked"}, "revoked", True),
        ({"doNotPerform": True}, "active", True),
        ({"status": "draft"}, "draft", False),
        ({"status": "completed", "intent": ...}, "completed", False),
    ],
)
def test_services(more: Json, status: str, refused: bool) -> None:
    read_service = one(read(service(**more)).services)
    assert "transplant-referral" in read_service.concepts
    assert (read_service.status, read_service.refused) == (status, refused)
    assert read_service.when is not None


@pytest.mark.parametrize(
    ("more", "when"),
    [
        ({"occurrenceDateTime": "2026-04-01"}, "2026-02-20"),
        ({"occurrenceDateTime": "soon"}, "2026-02-20"),
        ({"authoredOn": ..., "occurrenceDateTime": "2026-04-01"}, None),
        ({"authoredOn": ...}, None),
    ],
)
def test_a_service_is_dated_by_its_writing(more: Json, when: str | None) -> None:
    read_when = one(read(service(**more)).services).when
    assert (read_when.text if read_when else None) == when


@pytest.mark.parametrize(
    "more", [{"status": "unknown"}, {"status": "sent"}, {"authoredOn": "soon"}, {"doNotPerform": "maybe"}]
)
def test_a_service_that_cannot_be_read(more: Json) -> None:
    assert "transplant-referral" in unread(service(**more)).concepts


def test_the_details_of_an_order_are_read_too() -> None:
    referral = service({"text": "Referral"}, orderDetail=[{"text": "for lung transplant evaluation"}])
    assert "transplant-evaluation" in one(read(referral).services).concepts


# -- allergies --


def the_allergy(*resources: Any) -> Allergy:
    record = read(*resources)
    assert record.unread == ()
    return one(record.allergies)


@pytest.mark.parametrize(
    ("code", "agents", "classes", "by_text"),
    [
        (TACROLIMUS, {"tacrolimus"}, set(), False),
        (concept("198377", RXNORM), {"tacrolimus"}, set(), False),
        (concept("D11AH01", ATC), {"tacrolimus"}, set(), False),  # whatever the form
        ({"text": "Prograf"}, {"tacrolimus"}, set(), True),
        ({"text": "calcineurin inhibitors"}, set(), {"calcineurin-inhibitor"}, False),
        ({"text": "inhibidores de la calcineurina"}, set(), {"calcineurin-inhibitor"}, False),
        (concept("L04AD", ATC), set(), {"calcineurin-inhibitor"}, False),
        ({"text": "immunoglobulins"}, set(), {"immunoglobulin"}, False),
        ({"text": "corticosteroids"}, set(), {"glucocorticoid"}, False),
    ],
)
def test_allergies(code: Any, agents: set[str], classes: set[str], by_text: bool) -> None:
    read_allergy = the_allergy(allergy(code))
    assert (read_allergy.agents, read_allergy.classes, read_allergy.by_text) == (agents, classes, by_text)


def test_the_substance_of_a_reaction_counts() -> None:
    reaction = [{"substance": concept(TACROLIMUS, RXNORM), "severity": "severe"}]
    read_allergy = the_allergy(allergy({"text": "drug allergy"}, reaction=reaction, type="allergy", criticality="high"))
    assert (read_allergy.agents, read_allergy.severe) == ({"tacrolimus"}, True)
    assert (read_allergy.kind, read_allergy.criticality) == ("allergy", "high")


@pytest.mark.parametrize("code", [{"text": "No known allergies"}, concept("716186003", SNOMED), {"text": "fish"}])
def test_other_allergies_are_not_ours(code: Any) -> None:
    record = read(allergy(code, clinicalStatus="?"))
    assert (record.allergies, record.unread) == ((), ())


def test_what_does_not_decide_an_allergy_may_be_broken() -> None:
    read_allergy = the_allergy(allergy(recordedDate="soon", type="bad", criticality=5, reaction="itching"))
    assert (read_allergy.when, read_allergy.kind, read_allergy.criticality) == (None, None, None)


def test_an_allergys_status_decides() -> None:
    assert the_allergy(allergy(clinicalStatus={"coding": [{"code": "resolved"}]})).clinical == "resolved"
    assert unread(allergy(clinicalStatus={"coding": [{"code": "?"}]})).concepts == {"tacrolimus"}
    class_entry = unread(allergy({"text": "calcineurin inhibitors"}, clinicalStatus=7))
    assert class_entry.concepts == {"tacrolimus", "cyclosporine"}
