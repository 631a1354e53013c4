"""A story with anything in it is still answered as CDS Hooks wants it: cards that conform, or an OperationOutcome."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import fixtures
from service.discovery import SERVICE_OF_HOOK
from tests.conftest import NOW
from tests.contract.conformance import check_error, check_response

pytestmark = pytest.mark.load

SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["2026", "2026-02", "2026-02-30", "9999-12-31T23:59:60Z", "0001-01-01", "Patient/", "#", "1:320", "<5"]
    )
)
ANY: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "id", "reference", "value", "unit", "code", "coding", "start", "end"])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
# shrinking a whole chart takes minutes and tells little more than the drawn place and value do
FEW = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything inside `value`."""
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*path, key))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of `body` with `value` at `path`."""
    copied = copy.deepcopy(body)
    owner = copied
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value
    return copied


def assert_answered(app: Flask, hook: str, body: Any) -> None:
    url = f"/cds-services/{SERVICE_OF_HOOK[hook].id}"
    answer = app.test_client().post(url, data=json.dumps(body), content_type="application/json")
    if answer.status_code == 200:
        found = check_response(200, answer.headers, answer.data, body)
        # an update leaves out of the order what is no FHIR: it cannot be whole and valid at once
        assert [violation for violation in found if violation.row != "A4"] == []
    else:
        assert answer.status_code in {400, 412, 422}
        assert check_error(answer.status_code, answer.headers, answer.data) == []


@given(name=st.sampled_from(fixtures.names()), data=st.data())
@FEW
def test_a_story_with_anything_in_it(app: Flask, name: str, data: st.DataObject) -> None:
    story = fixtures.story(name)
    body = story.render(NOW)
    for _ in range(data.draw(st.integers(1, 3))):
        body = changed(body, data.draw(st.sampled_from(list(places(body)))), data.draw(ANY))
    assert_answered(app, story.hook, body)
