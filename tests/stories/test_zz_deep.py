"""What must hold for every request: neither order nor noise nor the future changes an answer, and nothing breaks it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from flask.testing import FlaskClient
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import fixtures
from fixtures.building import KEYS
from service.app import create_app
from service.settings import Settings
from tests.stories.answers import ASSESSMENT, SERVICES, Json, answer, resources
from tests.stories.extra import (
    LOINC,
    RPILD,
    RXNORM,
    SNOMED,
    TACROLIMUS,
    code,
    condition,
    ferritin,
    order,
    with_added,
)

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LATER = "2026-03-05T09:00:00Z"
URL = SERVICES["patient-view"]
STORIES = st.sampled_from(fixtures.names())
few = settings(max_examples=40, deadline=None, derandomize=False, database=None)
many = settings(max_examples=1500, deadline=None, derandomize=False, database=None)
# a damaged story is printed with its damage; making it smaller would take minutes
unshrunk = settings(many, phases=(Phase.explicit, Phase.generate))

# what says no, wherever it stands
NEGATIVE = {"absent", "no", "not-met", "none", "negative", "does-not-apply", "standard", "not-refractory"}
NEGATIVE_STAGES = {"untreated", "glucocorticoid-only", "incomplete"}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    """The application with `mda5-cds.as-of` honoured."""
    return create_app(Settings(allow_as_of=True), clock=lambda: NOW).test_client()


UNRELATED = (
    ferritin(code=code(LOINC, "2823-3", "Potassium")),
    order(code(RXNORM, "17767", "amlodipine")),
    condition(code(SNOMED, "59621000", "Essential hypertension")),
    {"resourceType": "Procedure", "status": "completed", "code": code(SNOMED, "80146002", "Appendectomy")},
    {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "Physiotherapy"}},
)
UNREADABLE = (
    ferritin(valueQuantity={"value": 9000, "unit": "stones", "system": "http://unitsofmeasure.org", "code": "stones"}),
    ferritin(valueQuantity={"value": "many", "unit": "ng/mL"}),
    ferritin(effectiveDateTime="yesterday"),
    ferritin(status="fine"),
    ferritin(code=None),
    ferritin(code=code(LOINC, "50984-4", "Horowitz index in Arterial blood"), valueQuantity=None),
    order(None),
    order(TACROLIMUS, status="perhaps"),
    order(TACROLIMUS, authoredOn="soon", status=None),
    condition(None),
    condition(RPILD, onsetDateTime="last week"),
    condition(RPILD, clinicalStatus="bad"),
    {"resourceType": "Procedure", "status": "completed"},
    {"resourceType": "ServiceRequest", "status": "active", "intent": "order"},
    {"resourceType": "AllergyIntolerance"},
    {"resourceType": "MedicationAdministration", "status": "completed"},
)
FUTURE = (
    ferritin(effectiveDateTime=LATER),
    ferritin(
        effectiveDateTime=LATER, code=code(LOINC, "82424-3", "MDA5 Ab"), valueQuantity=None, valueString="negative"
    ),
    order(TACROLIMUS, authoredOn=LATER),
    order(code(RXNORM, "8640", "prednisone"), authoredOn=LATER, status="stopped"),
    condition(RPILD, onsetDateTime="2026-03-05", recordedDate="2026-03-05"),
    condition(code(SNOMED, "161672008", "History of being lung transplant recipient"), onsetDateTime="2026-03-05"),
    {
        "resourceType": "Procedure",
        "status": "in-progress",
        "code": code(SNOMED, "786453001", "VV-ECMO"),
        "performedDateTime": LATER,
    },
    {
        "resourceType": "ServiceRequest",
        "status": "revoked",
        "intent": "order",
        "code": code(SNOMED, "306316000", "Referral to transplant surgeon"),
        "authoredOn": LATER,
    },
    {"resourceType": "AllergyIntolerance", "code": TACROLIMUS, "recordedDate": "2026-03-05"},
)


def _story(name: str, now: datetime = NOW) -> Json:
    return fixtures.story(name).render(now)


def _told(body: Json) -> Json:
    """An answer without the list of what did not count."""
    assessment = {key: value for key, value in body["extension"][ASSESSMENT].items() if key != "ignored"}
    return {"cards": body["cards"], "assessment": assessment}


@few
@given(name=STORIES, data=st.data())
def test_order_and_duplicates_change_nothing(name: str, data: st.DataObject, client: FlaskClient) -> None:
    request = _story(name)
    shuffled = copy.deepcopy(request)
    for value in shuffled["prefetch"].values():
        if value is not None and value["resourceType"] == "Bundle":
            again = data.draw(st.lists(st.sampled_from(value["entry"]), max_size=3))
            value["entry"] = data.draw(st.permutations([*value["entry"], *copy.deepcopy(again)]))
            value["total"] = len(value["entry"])
    assert answer(client, shuffled) == answer(client, request)


@few
@given(name=STORIES, added=st.lists(st.sampled_from(UNRELATED), min_size=1, max_size=5))
def test_unrelated_resources_change_nothing(name: str, added: list[Json], client: FlaskClient) -> None:
    request = _story(name)
    assert answer(client, with_added(request, added)) == answer(client, request)


def _findings(body: Json) -> Iterator[tuple[str, str]]:
    """Every judgement of an assessment by name, with what says no reduced to `no`."""
    assessment = body["extension"][ASSESSMENT]
    named = {
        "antibody": assessment["antiMda5"]["status"],
        "lungs": assessment["lungDisease"]["status"],
        "level": assessment["risk"]["level"],
        "stage": assessment["therapy"]["stage"],
        "failure": assessment["respiratoryFailure"]["lifeThreatening"],
        **{factor["id"]: factor["status"] for factor in assessment["risk"]["factors"]},
        **{criterion["id"]: criterion["status"] for criterion in assessment["refractoriness"].get("criteria", ())},
        **{recommendation["id"]: recommendation["status"] for recommendation in assessment["recommendations"]},
    }
    for name, status in named.items():
        says_no = status in NEGATIVE or (name == "stage" and status in NEGATIVE_STAGES)
        yield name, "no" if says_no else status


@few
@given(name=STORIES, added=st.lists(st.sampled_from(UNREADABLE), min_size=1, max_size=3))
def test_unreadable_never_becomes_no(name: str, added: list[Json], client: FlaskClient) -> None:
    request = _story(name)
    before, after = (dict(_findings(answer(client, each))) for each in (request, with_added(request, added)))
    unknown = {judgement for judgement, status in before.items() if status in {"unknown", "indeterminate"}}
    assert {judgement for judgement in unknown if after.get(judgement) == "no"} == set()


@pytest.mark.parametrize("unreadable", UNREADABLE, ids=lambda item: str(item["resourceType"]))
def test_unreadable_is_named(unreadable: Json, client: FlaskClient) -> None:
    body = answer(client, with_added(_story("untreated"), [unreadable]))
    ignored = {item["reference"] for item in body["extension"][ASSESSMENT]["ignored"]}
    assert ignored == {f"{unreadable['resourceType']}/added-0"}


def test_unreadable_order_is_no_absent_therapy(client: FlaskClient) -> None:
    body = answer(client, with_added(_story("untreated"), [order(None)]))
    assert body["extension"][ASSESSMENT]["therapy"]["stage"] == "unknown"


@few
@given(name=STORIES, added=st.lists(st.sampled_from(FUTURE), min_size=1, max_size=4))
def test_what_is_dated_later_never_counts(name: str, added: list[Json], client: FlaskClient) -> None:
    request = _story(name)
    assert _told(answer(client, with_added(request, added))) == _told(answer(client, request))


def _begins(resource: Json) -> str:
    period = resource.get("performedPeriod", {})
    dates = (resource.get(member) for member in ("effectiveDateTime", "authoredOn", "onsetDateTime", "recordedDate"))
    return max(filter(None, (*dates, period.get("start"))))


@few
@given(name=STORIES, days=st.integers(min_value=0, max_value=40))
def test_an_earlier_moment_never_reads_the_future(name: str, days: int, client: FlaskClient) -> None:
    as_of = NOW - timedelta(days=days)
    request = _story(name) | {"extension": {"mda5-cds.as-of": as_of.isoformat()}}
    known = copy.deepcopy(request)
    for value in known["prefetch"].values():
        if value is not None and value["resourceType"] == "Bundle":
            value["entry"] = [e for e in value["entry"] if _begins(e["resource"])[:10] <= as_of.date().isoformat()]
            value["total"] = len(value["entry"])
    assert _told(answer(client, request)) == _told(answer(client, known))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
ENVELOPE = st.fixed_dictionaries(
    {"hook": st.just("patient-view"), "hookInstance": st.just("x")},
    optional={
        "context": JSON | st.just({"userId": "Practitioner/1", "patientId": "1"}),
        "prefetch": JSON | st.fixed_dictionaries(dict.fromkeys(("patient", *KEYS), JSON)),
        "fhirServer": JSON,
        "fhirAuthorization": JSON,
        "extension": JSON,
    },
)


def _is_answer_or_outcome(client: FlaskClient, body: bytes) -> None:
    response = client.post(URL, data=body, content_type="application/json")
    if response.status_code == 200:
        assert isinstance(response.get_json()["cards"], list)
    else:
        assert 400 <= response.status_code < 500, response.text
        OperationOutcome.model_validate(json.loads(response.data))


@many
@given(body=JSON | ENVELOPE)
def test_any_json_is_answered(body: Any, client: FlaskClient) -> None:
    _is_answer_or_outcome(client, json.dumps(body).encode())


@many
@given(body=st.binary(max_size=60))
def test_any_bytes_are_answered(body: bytes, client: FlaskClient) -> None:
    _is_answer_or_outcome(client, body)


def _nodes(value: Any, replace: Callable[[Any], None]) -> Iterator[Callable[[Any], None]]:
    """A setter for every node of a JSON value."""
    yield replace
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _nodes(inner, lambda garbage, key=key: value.__setitem__(key, garbage))  # type: ignore[misc]


@unshrunk
@given(name=STORIES, data=st.data())
def test_a_damaged_story_is_answered(name: str, data: st.DataObject, client: FlaskClient) -> None:
    request = {"root": _story(name)}
    for _ in range(data.draw(st.integers(1, 3))):
        setters = list(_nodes(request["root"], lambda garbage: request.__setitem__("root", garbage)))
        data.draw(st.sampled_from(setters))(data.draw(JSON))
    _is_answer_or_outcome(client, json.dumps(request["root"]).encode())


@pytest.mark.parametrize(
    ("key", "path", "garbage"),
    [
        ("observations", ("status",), []),
        ("observations", ("valueQuantity", "value"), {}),
        ("medications", ("dosageInstruction", 0, "timing", "repeat", "count"), {"nil": "x"}),
        ("medications", ("dosageInstruction", 0, "timing", "repeat", "boundsPeriod", "start"), ["2026"]),
        ("conditions", ("clinicalStatus",), [[]]),
        ("administrations", ("status",), {}),
    ],
    ids=str,
)
def test_known_damage_is_answered(key: str, path: tuple[str | int, ...], garbage: Any, client: FlaskClient) -> None:
    """What once broke the service, or nearly: in every resource that has such a node."""
    request = _story("refractory")
    damaged = 0
    for entry in request["prefetch"][key]["entry"]:
        node = entry["resource"]
        for step in path[:-1]:
            node = node.get(step) if isinstance(node, dict) else node[step]
            if node is None:
                break
        else:
            if path[-1] in node:
                node[path[-1]] = garbage
                damaged += 1
    assert damaged
    assert answer(client, request)["extension"][ASSESSMENT]["population"]["status"] == "in"


def test_stories_have_resources_to_shuffle() -> None:
    assert max(len(list(resources(_story(name)))) for name in fixtures.names()) > 20
