"""Prefetch Bundles damaged in their structure: answered as CDS Hooks wants it, and nothing is called absent for it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

import fixtures
from service.discovery import SERVICE_OF_HOOK
from service.prefetch import REQUIRED_KEYS, SEARCHED
from tests.conftest import NOW
from tests.contract.conformance import check_error, check_response

pytestmark = pytest.mark.load

Json = dict[str, Any]
# shrinking a whole chart takes minutes and tells little more than what was drawn
FEW = settings(max_examples=60, phases=[phase for phase in settings().phases if phase.name != "shrink"])
MANY = settings(FEW, max_examples=120)
STORIES = st.sampled_from([name for name in fixtures.names() if fixtures.story(name).hook == "patient-view"])
LINKS = st.sampled_from(
    [
        *("https://ehr.example.org/fhir?page=2", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"),
        *("", "//", "?page=2", "https://ehr.example.org:99999/", "javascript:alert(1)", "https://[::1", "\u0000"),
    ]
)
GARBAGE: st.SearchStrategy[Any] = (
    st.none()
    | st.sampled_from([[], {}, "", "entry", 0, -1, True, 1e308, [[[]]], {"resource": None}, {"resource": []}])
    | st.sampled_from(
        [
            {"resource": {"resourceType": kind}}
            for kind in ("Bundle", "OperationOutcome", "Patient", "Nothing", "", "Binary")
        ]
    )
    | st.sampled_from([{"resource": {"resourceType": 5}}, {"resource": "Observation/1"}, {"fullUrl": [], "search": 1}])
)


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"extension": [value]}
    return value


def entries(bundle: Any) -> list[Any]:
    return bundle["entry"] if isinstance(bundle, dict) and isinstance(bundle.get("entry"), list) else []


def replaced(bundle: Json, data: st.DataObject) -> None:
    if found := entries(bundle):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(GARBAGE)


def added(bundle: Json, data: st.DataObject) -> None:
    bundle["entry"] = [*entries(bundle), *data.draw(st.lists(GARBAGE, max_size=4))]


def repeated(bundle: Json, data: st.DataObject) -> None:
    """The id of one resource on another: two resources of one name."""
    found = [
        entry["resource"]
        for entry in entries(bundle)
        if isinstance(entry, dict) and "id" in (entry.get("resource") or {})
    ]
    if found:
        data.draw(st.sampled_from(found))["id"] = data.draw(st.sampled_from(found))["id"]


def of_another(bundle: Json, data: st.DataObject) -> None:
    found = [
        entry["resource"]
        for entry in entries(bundle)
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
    ]
    if found:
        subject = data.draw(
            st.sampled_from(["Patient/another", "https://x.example.org/Patient/another", "#me", "", None, []])
        )
        for name in ("subject", "patient"):
            data.draw(st.sampled_from(found))[name] = {"reference": subject}


def paged(bundle: Json, data: st.DataObject) -> None:
    bundle["link"] = [{"relation": "next", "url": data.draw(LINKS)} for _ in range(data.draw(st.integers(1, 3)))]


def mislabelled(bundle: Json, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["type", "total", "link", "entry", "resourceType", "id", "meta"]))
    bundle[name] = data.draw(GARBAGE)


def nested(bundle: Json, data: st.DataObject) -> None:
    """Nested as deep as a body may be, or a Bundle in a Bundle."""
    inner = data.draw(st.sampled_from([deep(20), copy.deepcopy(bundle)]))
    bundle["entry"] = [*entries(bundle), {"resource": inner}]


# what pages of conditions and of administrations may have told
GAPS = {"conditions": "lung-disease", "administrations": "medications"}
DAMAGES = st.sampled_from([replaced, added, repeated, of_another, paged, mislabelled, nested])


def sent(app: Flask, hook: str, body: Any) -> Any:
    url = f"/cds-services/{SERVICE_OF_HOOK[hook].id}"
    return app.test_client().post(url, data=json.dumps(body), content_type="application/json")


@given(name=st.sampled_from(fixtures.names()), data=st.data())
@MANY
def test_a_story_with_damaged_bundles(app: Flask, name: str, data: st.DataObject) -> None:
    story = fixtures.story(name)
    body = story.render(NOW)
    if data.draw(st.booleans(), label="with a server that may not be called"):
        body["fhirServer"] = "https://ehr.example.org/fhir"
        body["fhirAuthorization"] = {"access_token": "token-of-the-fuzz", "token_type": "Bearer"}
    for _ in range(data.draw(st.integers(1, 4), label="damages")):
        key = data.draw(st.sampled_from([key for key in SEARCHED if isinstance(body["prefetch"].get(key), dict)]))
        data.draw(DAMAGES)(body["prefetch"][key], data)
    answer = sent(app, story.hook, body)
    assert "token-of-the-fuzz" not in answer.text
    if answer.status_code == 200:
        found = check_response(200, answer.headers, answer.data, body)
        # an update leaves out of the order what is no FHIR: it cannot be whole and valid at once
        assert [violation for violation in found if violation.row != "A4"] == []
    else:
        assert answer.status_code in {400, 412, 422}
        assert check_error(answer.status_code, answer.headers, answer.data) == []


@given(name=STORIES, key=st.sampled_from(list(SEARCHED)), link=LINKS)
@FEW
def test_an_announced_page_that_cannot_be_fetched_is_a_gap(app: Flask, name: str, key: str, link: str) -> None:
    body = fixtures.story(name).render(NOW)
    bundle = body["prefetch"].get(key) or {"resourceType": "Bundle", "type": "searchset"}
    body["prefetch"][key] = {**bundle, "link": [{"relation": "next", "url": link}]}
    answer = sent(app, "patient-view", body)
    assert answer.status_code == 200
    assessment = answer.get_json()["extension"]["mda5-cds.assessment"]
    if assessment["population"]["status"] == "in":
        gaps = {gap["id"]: gap["why"] for gap in assessment["dataGaps"]}
        assert f"not all pages of `{key}` could be fetched" in gaps[GAPS.get(key, key)]


@given(name=STORIES, key=st.sampled_from(list(SEARCHED)), data=st.data())
@FEW
def test_what_is_another_patient_s_is_named_and_counts_for_nothing(
    app: Flask, name: str, key: str, data: st.DataObject
) -> None:
    """A whole search of another patient's resources: as if nothing had been found, and each one is named."""
    body, empty = fixtures.story(name).render(NOW), fixtures.story(name).render(NOW)
    found = entries(body["prefetch"].get(key))
    if not found:
        return
    reference = data.draw(st.sampled_from(["Patient/another", "https://x.example.org/fhir/Patient/another"]))
    owner = "patient" if key == "allergies" else "subject"
    for entry in found:
        entry["resource"][owner] = {"reference": reference}
    empty["prefetch"][key] = None
    left = sent(app, "patient-view", body).get_json()["extension"]["mda5-cds.assessment"]
    nothing = sent(app, "patient-view", empty).get_json()["extension"]["mda5-cds.assessment"]
    ignored = {item["reference"] for item in left.pop("ignored")}
    nothing.pop("ignored", None)
    assert left == nothing
    assert {f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in found} <= ignored


@pytest.mark.parametrize("levels", [10, 25])
@pytest.mark.parametrize("key", SEARCHED)
def test_nesting_within_the_limit_is_no_reason_to_refuse(app: Flask, key: str, levels: int) -> None:
    body = fixtures.story("untreated").render(NOW)
    body["prefetch"][key] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": deep(levels)}]}
    assert sent(app, "patient-view", body).status_code == 200


@pytest.mark.parametrize("levels", [32, 5000])
def test_nesting_beyond_the_limit_is_refused(app: Flask, levels: int) -> None:
    body = fixtures.story("untreated").render(NOW)
    text = json.dumps(body)[:-1] + ', "extension": ' + '{"a": [' * levels + "1" + "]}" * levels + "}"
    answer = app.test_client().post("/cds-services/mda5-rpild-patient-view", data=text, content_type="application/json")
    assert answer.status_code == 400
    assert check_error(400, answer.headers, answer.data) == []


@pytest.mark.parametrize("key", REQUIRED_KEYS)
@pytest.mark.parametrize("value", ["text", 5, True, [], [{}]])
def test_what_is_neither_resource_nor_null_is_no_answer(app: Flask, key: str, value: Any) -> None:
    body = fixtures.story("untreated").render(NOW)
    body["prefetch"][key] = value
    answer = sent(app, "patient-view", body)
    assert answer.status_code == (412 if key != "patient" else 422)
    assert check_error(answer.status_code, answer.headers, answer.data) == []
