"""The fixtures themselves: whole requests, valid FHIR, never in the future, and a story for everything."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class

import fixtures
from tests.stories.answers import RECOMMENDATIONS, SERVICES, resources

NAMES = fixtures.names()
STAGES = {"untreated", "glucocorticoid-only", "incomplete", "combination", "escalated", "rescue", "unknown"}
REFRACTORINESS = {
    *("refractory", "probable", "possible", "not-refractory", "not-assessable", "too-early", "not-on-combination"),
}
PREFETCH = {
    *("patient", "observations", "medications", "conditions"),
    *("allergies", "procedures", "referrals", "administrations"),
}
DRUG_NOT_CHOSEN = "drug-not-chosen"
DATES = ("effectiveDateTime", "issued", "authoredOn", "recordedDate", "onsetDateTime", "deceasedDateTime")
PUBLISHED = {
    "published-1": ("female", 71, 0.19, 1289),
    "published-2": ("male", 44, 2.09, 960),
    "published-3": ("male", 58, 6.05, 1185),
    "published-4": ("male", 47, 0.64, 852),
    "published-5": ("female", 47, 1.61, 67),
    "published-6": ("female", 66, 0.75, 791),
}
# two leap days, both sides of midnight, a change of summer time
MOMENTS = (
    datetime(2024, 2, 29, 0, 1, tzinfo=UTC),
    datetime(2025, 3, 30, 1, 30, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 59, tzinfo=UTC),
)


@pytest.mark.parametrize("name", NAMES)
def test_request_is_whole(name: str, now: datetime) -> None:
    request = fixtures.story(name).render(now)
    assert request["hook"] in SERVICES
    assert UUID(request["hookInstance"]).version == 5
    assert request["context"]["patientId"] == name
    assert "fhirServer" not in request
    assert set(request["prefetch"]) == PREFETCH
    ids = Counter((resource["resourceType"], resource["id"]) for resource in resources(request))
    assert ids.most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", NAMES)
def test_resources_are_valid_r4(name: str, now: datetime) -> None:
    request = fixtures.story(name).render(now)
    for resource in (*resources(request), *filter(None, request["prefetch"].values())):
        if name == DRUG_NOT_CHOSEN and resource["resourceType"] == "MedicationRequest":
            resource = resource | {"medicationCodeableConcept": {"text": "what will be chosen"}}
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_nothing_lies_in_the_future(name: str, moment: datetime) -> None:
    for resource in resources(fixtures.story(name).render(moment)):
        for member in (
            "effectiveDateTime",
            "issued",
            "authoredOn",
            "recordedDate",
            "onsetDateTime",
            "deceasedDateTime",
        ):
            if text := resource.get(member):
                assert datetime.fromisoformat(text[:10]).date() <= moment.date()
                assert len(text) == 10 or datetime.fromisoformat(text) <= moment


def test_rendering_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        fixtures.story("untreated").render(datetime(2026, 3, 1, 10))


def test_unknown_story_is_named() -> None:
    with pytest.raises(KeyError, match="no-such-story"):
        fixtures.story("no-such-story")


def test_every_recommendation_stage_and_status_has_a_story() -> None:
    expected = [fixtures.story(name).expected for name in NAMES]
    assert {name for story in expected for name in story["applies"]} == set(RECOMMENDATIONS)
    assert {story.get("stage") for story in expected} >= STAGES
    assert {story.get("refractoriness") for story in expected} >= REFRACTORINESS
    assert {story.get("lungDisease") for story in expected} >= {"rpild", "ild", "none", "unknown"}
    assert {card["topic"] for story in expected for card in story["cards"]} >= {
        *("risk", "rec-2", "rec-2b", "rec-3", "rec-4", "rec-5", "rec-6", "rec-7", "rec-8", "rec-9", "rec-10"),
        *("refractoriness", "diagnosis", "data-gap"),
        *("dose", "safety-pregnancy", "safety-allergy", "safety-interaction"),
    }
    assert {fixtures.story(name).hook for name in NAMES} == set(SERVICES)


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items())
def test_published_patients_are_as_published(name: str, published: tuple[str, int, float, int], now: datetime) -> None:
    request = fixtures.story(name).render(now)
    patient = request["prefetch"]["patient"]
    values = {
        resource["code"]["text"]: (resource["valueQuantity"]["value"], resource["valueQuantity"]["code"])
        for resource in resources(request)
        if "valueQuantity" in resource
    }
    age = (now.date() - datetime.fromisoformat(patient["birthDate"]).date()).days // 365.25
    sex, years, crp, ferritin = published
    assert (patient["gender"], age) == (sex, years)
    assert values == {"Ferritin": (ferritin, "ng/mL"), "CRP": (crp, "mg/dL")}
