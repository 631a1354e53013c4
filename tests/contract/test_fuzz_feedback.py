"""Feedback that is anything at all: named or kept, never lost, never a crash, never told back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.routes_operations import FRONT
from service.settings import Settings
from tests.conftest import NOW
from tests.contract.conformance import check_error

pytestmark = pytest.mark.load

URL = "/cds-services/mda5-rpild-patient-view/feedback"
FEW = settings(max_examples=150)
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(["accepted", "overridden", "2026-03-01T10:00:00Z", "9999-12-31T23:59:60+23:59", "0001-01-01"])
)
NAMES = st.sampled_from(
    [
        *("card", "outcome", "outcomeTimestamp", "acceptedSuggestions", "overrideReason", "overrideReasons"),
        *("id", "reason", "userComment", "code", "system", "display", "extension", "feedback"),
    ]
)
ANY: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def service() -> Iterator[Flask]:
    """A service with a store of its own."""
    app = create_app(Settings(), clock=lambda: NOW)
    yield app
    app.extensions[FRONT].close()


def sent(service: Flask, body: Any) -> Any:
    """The answer to a body, which is 200 or 400 with an OperationOutcome."""
    answer = service.test_client().post(URL, data=json.dumps(body), content_type="application/json")
    assert answer.status_code in {200, 400}
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    if answer.status_code == 400:
        assert check_error(400, answer.headers, answer.data) == []
        assert {issue["severity"] for issue in outcome["issue"]} == {"error"}
    return answer


def stored(answer: Any) -> int:
    """How many entries were kept, by the answer's own words."""
    first = answer.get_json()["issue"][0]["diagnostics"]
    return int(first.split()[0]) if answer.status_code == 200 else 0


def good(number: int) -> dict[str, Any]:
    """An entry as it has to be."""
    entry = {"card": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))), "outcomeTimestamp": "2026-03-01T09:00:00Z"}
    if number % 2:
        return {**entry, "outcome": "overridden", "overrideReason": {"userComment": "not for this patient today"}}
    return {**entry, "outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid.UUID(int=number))}]}


@given(body=ANY)
@FEW
def test_any_json(service: Flask, body: Any) -> None:
    sent(service, body)


@given(entries=st.lists(ANY, max_size=4))
@FEW
def test_entries_of_anything(service: Flask, entries: list[Any]) -> None:
    sent(service, {"feedback": entries})


@given(
    body=st.binary(max_size=60), kind=st.sampled_from(["application/json", "text/plain", "application/fhir+json", ""])
)
@FEW
def test_any_bytes(service: Flask, body: bytes, kind: str) -> None:
    answer = service.test_client().post(URL, data=body, content_type=kind or None)
    assert answer.status_code in {400, 415}
    assert check_error(answer.status_code, answer.headers, answer.data) == []


@given(data=st.data(), garbage=st.lists(st.none() | st.integers() | st.lists(ANY, max_size=2), max_size=4))
@FEW
def test_good_entries_among_garbage_are_kept_once(service: Flask, data: st.DataObject, garbage: list[Any]) -> None:
    numbers = data.draw(st.sets(st.integers(0, 10**9), min_size=1, max_size=3), label="good entries")
    entries = data.draw(st.permutations([*garbage, *map(good, sorted(numbers))]), label="in this order")
    fresh = [number for number in numbers if number not in SENT]
    SENT.update(numbers)
    answer = sent(service, {"feedback": entries})
    assert answer.status_code == 200
    assert stored(answer) == len(fresh)
    again = sent(service, {"feedback": entries})
    assert stored(again) == 0
    refused = [issue for issue in again.get_json()["issue"] if issue["severity"] == "error"]
    assert len(refused) == len(garbage)


SENT: set[int] = set()


@given(name=NAMES, value=ANY, number=st.integers(0, 1))
@FEW
def test_a_good_entry_with_anything_in_it(service: Flask, name: str, value: Any, number: int) -> None:
    answer = sent(service, {"feedback": [good(number) | {name: value}]})
    text = json.dumps(value)
    # words that the answer could only have from the request
    if isinstance(value, str) and len(value) > 8 and " " not in text:
        assert value not in answer.text


@pytest.mark.parametrize("depth", [40, 64, 200, 5000])
def test_deep_nesting(service: Flask, depth: int) -> None:
    body = '{"feedback": ' + "[" * depth + "]" * depth + "}"
    answer = service.test_client().post(URL, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert check_error(400, answer.headers, answer.data) == []
