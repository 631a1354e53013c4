"""Order entry: only what the drafts cause, whatever else lies in the basket, and changes that change one thing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

import fixtures
from service.app import create_app
from service.settings import Settings
from tests.contract.conformance import check_error, check_response
from tests.stories.answers import ASSESSMENT, SERVICES, Json, answer, lowered, proposed, removed, topics

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ORDERING = tuple(name for name in fixtures.names() if fixtures.story(name).hook != "patient-view")
STORIES = st.sampled_from(ORDERING)
some = settings(max_examples=60, deadline=None, derandomize=True, database=None)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    """The application as it runs."""
    return create_app(Settings(), clock=lambda: NOW).test_client()


def story(name: str) -> Json:
    return fixtures.story(name).render(NOW)


def drafts(request: Json) -> list[Json]:
    return [entry["resource"] for entry in request["context"]["draftOrders"]["entry"]]


def with_drafts(request: Json, resources: list[Json]) -> Json:
    """The request with these drafts in its basket."""
    basket = {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}
    return request | {"context": request["context"] | {"draftOrders": basket}}


def draft(resource_type: str = "MedicationRequest", /, **members: Any) -> Json:
    return {"resourceType": resource_type, "id": "unrelated", "status": "draft", "intent": "order", **members}


def concept(code: str, display: str) -> Json:
    return {"coding": [{"system": RXNORM, "code": code, "display": display}], "text": display}


DAILY = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
PILL = {"doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}", "system": "http://unitsofmeasure.org"}}]}
UNRELATED = (
    draft(medicationCodeableConcept=concept("161", "Acetaminophen"), dosageInstruction=[DAILY | PILL]),
    draft(medicationCodeableConcept=concept("855288", "Warfarin Sodium 1 MG Oral Tablet")),
    draft(medicationCodeableConcept=concept("284520", "tacrolimus 0.1 % ointment")),
    draft(medicationCodeableConcept=concept("161", "Acetaminophen"), doNotPerform=True),
    draft(medicationCodeableConcept=concept("1256", "azathioprine"), status="cancelled"),
    draft(),
    draft(medicationCodeableConcept={"text": "azathioprine or methotrexate"}),
    draft("ServiceRequest", code={"text": "Physiotherapy"}),
    draft("NutritionOrder"),
    {"resourceType": "Medication", "id": "unrelated", "code": concept("1256", "azathioprine")},
)


@some
@given(name=STORIES, added=st.lists(st.sampled_from(UNRELATED), min_size=1, max_size=3), data=st.data())
def test_an_unrelated_draft_never_adds_or_removes_a_card(
    name: str, added: list[Json], data: st.DataObject, client: FlaskClient
) -> None:
    request = story(name)
    subject = {"subject": {"reference": f"Patient/{name}"}}
    more = [
        copy.deepcopy(each) | {"id": f"unrelated-{number}"} | ({} if each["resourceType"] == "Medication" else subject)
        for number, each in enumerate(added)
    ]
    basket = data.draw(st.permutations([*drafts(request), *more]))
    fuller = with_drafts(request, basket)
    if "selections" in request["context"]:
        chosen = [f"{each['resourceType']}/{each['id']}" for each in more if data.draw(st.booleans())]
        fuller["context"]["selections"] = [*request["context"]["selections"], *chosen]
    assert answer(client, fuller)["cards"] == answer(client, request)["cards"]


@some
@given(name=STORIES, data=st.data())
def test_neither_order_nor_repetition_of_drafts_matters(name: str, data: st.DataObject, client: FlaskClient) -> None:
    request = story(name)
    again = data.draw(st.lists(st.sampled_from(drafts(request)), max_size=3))
    basket = data.draw(st.permutations([*drafts(request), *copy.deepcopy(again)]))
    assert answer(client, with_drafts(request, basket)) == answer(client, request)


@pytest.mark.parametrize("name", [name for name in ORDERING if fixtures.story(name).hook == "order-sign"])
def test_what_is_chosen_says_what_is_signed(name: str, client: FlaskClient) -> None:
    signed = story(name)
    chosen = signed | {"hook": "order-select"}
    before, after = answer(client, signed), answer(client, chosen)
    said = [
        [(card["summary"], card["indicator"], card["detail"]) for card in body["cards"]] for body in (before, after)
    ]
    assert said[0] == said[1]
    # nothing is being chosen, and the drafts count for the regimen all the same
    silent = answer(client, chosen | {"context": chosen["context"] | {"selections": []}})
    assert silent["cards"] == []
    assert silent["extension"][ASSESSMENT]["therapy"] == before["extension"][ASSESSMENT]["therapy"]


@pytest.mark.parametrize("name", ORDERING)
def test_without_its_drafts_an_order_hook_is_silent(name: str, client: FlaskClient) -> None:
    request = story(name)
    for context in ({"draftOrders": None}, {"draftOrders": {}}):
        assert answer(client, request | {"context": request["context"] | context})["cards"] == []
    del request["context"]["draftOrders"]
    assert answer(client, request)["cards"] == []


@pytest.mark.parametrize("name", ORDERING)
def test_what_is_drafted_is_never_suggested_and_what_is_removed_was_drafted(name: str, client: FlaskClient) -> None:
    request = story(name)
    own = {f"{each['resourceType']}/{each['id']}" for each in drafts(request)}
    body = answer(client, request)
    for card in body["cards"]:
        assert removed(card) <= own
        named = {str(each.get("medicationCodeableConcept", {}).get("text", "")).lower() for each in drafts(request)}
        for suggestion in card.get("suggestions", ()):
            assert not any(agent in text for agent in proposed(suggestion) for text in named), suggestion["label"]


def differing(one: Any, other: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths at which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differing(one.get(key), other.get(key), (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (first, second) in enumerate(zip(one, other, strict=True)):
            yield from differing(first, second, (*path, number))
    elif one != other:
        yield path


TABLET = {"unit": "tablet", "system": "http://unitsofmeasure.org", "code": "{tablet}"}
MG = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
GRAM = {"unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}


@pytest.mark.parametrize(
    ("dose", "place", "lower"),
    [
        ({"doseQuantity": {"value": 4, **TABLET}}, ("doseQuantity", "value"), 3),
        ({"doseQuantity": {"value": 2000, **MG}}, ("doseQuantity", "value"), 1500),
        ({"doseQuantity": {"value": 2.5, **GRAM}}, ("doseQuantity", "value"), 1.5),
        # 1,575 mg twice a day is 5 % above, and still within the tolerance
        ({"doseQuantity": {"value": 1575, **MG}}, None, None),
        ({"doseQuantity": {"value": 1576, **MG}}, ("doseQuantity", "value"), 1500),
        (
            {"doseRange": {"low": {"value": 500, **MG}, "high": {"value": 2000, **MG}}},
            ("doseRange", "high", "value"),
            1500,
        ),
    ],
)
def test_an_update_is_the_whole_draft_with_only_its_dose_lowered(
    dose: Json, place: tuple[str, ...] | None, lower: float | None, client: FlaskClient
) -> None:
    request = story("mycophenolate-overdose")
    (sent,) = drafts(request)
    instruction = sent["dosageInstruction"][0]
    instruction["doseAndRate"] = [dose]
    del instruction["text"]
    sent["extension"] = [{"url": "https://ehr.example.org/basket", "valueString": "kept"}]
    response = client.post(SERVICES["order-sign"], json=request)
    assert check_response(response.status_code, response.headers, response.data, request) == []
    updates = [order for card in response.get_json()["cards"] for order in lowered(card)]
    if place is None:
        assert updates == []
        return
    (update,) = updates
    changed = ("dosageInstruction", 0, "doseAndRate", 0, *place)
    assert list(differing(sent, update)) == [changed]
    value: Any = update
    for step in changed:
        value = value[step]
    assert value == lower


@pytest.mark.parametrize("name", ORDERING)
def test_a_draft_for_another_patient_refuses_the_call(name: str, client: FlaskClient) -> None:
    request = story(name)
    other = draft(medicationCodeableConcept=concept("161", "x"), subject={"reference": "Patient/somebody-else"})
    request = with_drafts(request, [*drafts(request), other])
    response = client.post(SERVICES[request["hook"]], json=request)
    assert response.status_code == 400
    assert check_error(400, response.headers, response.data, request) == []
    assert "draftOrders" in response.get_json()["issue"][0]["diagnostics"]


def test_a_draft_without_a_subject_is_left_out_and_named(client: FlaskClient) -> None:
    request = story("azathioprine-ordered")
    (azathioprine,) = drafts(request)
    del azathioprine["subject"]
    body = answer(client, request)
    assert body["cards"] == []
    assessment = body["extension"][ASSESSMENT]
    assert assessment["ignored"] == [
        {"reference": f"MedicationRequest/{azathioprine['id']}", "why": "it states no subject that can be read"}
    ]
    # it makes nothing of the record unknown
    assert assessment["therapy"]["stage"] == "untreated"


def test_a_draft_without_an_id_is_warned_of_and_cannot_be_removed(client: FlaskClient) -> None:
    request = story("azathioprine-ordered")
    del drafts(request)[0]["id"]
    (card,) = answer(client, request)["cards"]
    assert card["source"]["topic"]["code"] == "rec-8"
    assert removed(card) == set()


def test_the_same_drug_drafted_twice_is_one_card_that_removes_both(client: FlaskClient) -> None:
    request = story("azathioprine-ordered")
    (one,) = drafts(request)
    body = answer(client, with_drafts(request, [one, one | {"id": "twin"}]))
    assert topics(body) == ["rec-8"]
    assert removed(body["cards"][0]) == {f"MedicationRequest/{one['id']}", "MedicationRequest/twin"}


def test_a_sound_patient_view_ignores_drafts(client: FlaskClient) -> None:
    drafted = story("azathioprine-ordered") | {"hook": "patient-view"}
    plain = copy.deepcopy(drafted)
    del plain["context"]["draftOrders"]
    assert answer(client, drafted) == answer(client, plain)
