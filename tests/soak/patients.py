"""Calls about ever other patients: the stories, told of people with ids of their own, and encounters that go on.

Nothing here depends on the day: each call brings the instant that replaces now. Whatever could tell who somebody is
holds `MARK`, so that one look finds it where it must not be.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import fixtures
from fixtures import building
from fixtures.vocabulary import concept, entry
from service.wire import AS_OF_EXTENSION
from tests.conftest import NOW

Json = dict[str, Any]

MARK = "soakq7"
VIEW, SELECT, SIGN = "patient-view", "order-select", "order-sign"
STORIES = fixtures.names()
CHARTS = tuple(name for name in STORIES if fixtures.story(name).hook == VIEW)
ORDERED = tuple(
    name
    for name in STORIES
    if fixtures.story(name).hook != VIEW
    and all("drug" in line and "dose" in line for line in fixtures.story(name).lines["drafts"])
)
"""The stories in which drugs with a dose are drafted."""
_patients, _calls = itertools.count(1), itertools.count(1)


def new_patient() -> str:
    """The id of somebody who was not here yet."""
    return f"{MARK}-{next(_patients)}"


def path_of(request: Mapping[str, Any]) -> str:
    """The route of the service of a request's hook."""
    return f"/cds-services/mda5-rpild-{request['hook']}"


def called(request: Json, at: datetime = NOW) -> Json:
    """The request as a call of its own, judged as of `at`."""
    return {**request, "hookInstance": f"{MARK}-call-{next(_calls)}", "extension": {AS_OF_EXTENSION: at.isoformat()}}


def told_of(patient: str, story: str, hook: str = "", /, **lines: Any) -> Json:
    """A story's call, of this patient; `lines` replace the story's, `hook` its hook."""
    told = fixtures.story(story)
    title = f"{MARK} {told.title}"
    return called(building.request(patient, title, hook or told.hook, {**told.lines, **lines}, NOW))


def encounter(patient: str, chart: str, ordered: str, stranger: Json) -> Iterator[Json]:
    """What an EHR sends while somebody works on one chart: each call differs from one before it in one thing only.

    `stranger`: the call of another patient, which comes first, and whose results then stray into this chart.
    """
    drafts = fixtures.story(ordered).lines["drafts"]
    yield called(stranger)
    view = told_of(patient, chart, VIEW)
    yield view
    yield told_of(patient, chart, SELECT, drafts=drafts)
    yield told_of(patient, chart, SIGN, drafts=[{**line, "dose": line["dose"] * 2} for line in drafts])
    yield called(stepped(view))
    yield called(view, NOW + timedelta(days=1))
    yield called(twin(view, new_patient()))
    yield called(with_strays(view, stranger))
    for drug in ("tacrolimus", "azathioprine"):
        yield called(with_referenced(view, drug))


def stranger_to(chart: str, story: str) -> Json:
    """The call of somebody with a story of their own, born on the same day as the patient of this chart."""
    return told_of(new_patient(), story, VIEW, patient=fixtures.story(chart).lines["patient"])


def stepped(request: Json) -> Json:
    """The same, the newest measured value a step higher."""
    changed = copy.deepcopy(request)
    measured = [each for each in _resources(changed, "observations") if "valueQuantity" in each]
    if measured:
        value = max(measured, key=lambda each: each["effectiveDateTime"])["valueQuantity"]
        value["value"] = round(value["value"] * 1.1 + 0.1, 2)
    return changed


def twin(request: Json, patient: str) -> Json:
    """The same content down to the ids of the resources, of another patient."""
    told: Json = _renamed(request, request["context"]["patientId"], patient)
    return {**told, "context": {**told["context"], "patientId": patient}}


def with_strays(request: Json, stranger: Json) -> Json:
    """The same, with all results of another patient and two of their orders, byte for byte as they were sent there."""
    changed = copy.deepcopy(request)
    changed["prefetch"]["observations"] = stranger["prefetch"]["observations"]
    for resource in list(_resources(stranger, "medications"))[:2]:
        _put(changed, "medications", {"resource": resource})
    return changed


def with_referenced(request: Json, drug: str) -> Json:
    """The same, with an order whose drug stands in a Medication, which came with other things: no byte beside the order
    tells it."""
    changed, patient = copy.deepcopy(request), request["context"]["patientId"]
    order = {
        "resourceType": "MedicationRequest",
        "id": f"{patient}-by-reference",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": (NOW - timedelta(days=3)).date().isoformat(),
        "medicationReference": {"reference": f"Medication/{patient}-drug"},
    }
    medication = {"resourceType": "Medication", "id": f"{patient}-drug", "code": concept(entry("drugs", drug))}
    _put(changed, "medications", {"resource": order, "search": {"mode": "match"}})
    _put(changed, "administrations", {"resource": medication, "search": {"mode": "include"}})
    return changed


def any_call(rng: Random) -> Json:
    """The call of any story, of a new patient."""
    return told_of(new_patient(), rng.choice(STORIES))


def _resources(request: Json, key: str) -> Iterator[Json]:
    return (each["resource"] for each in (request["prefetch"][key] or {"entry": ()})["entry"])


def _put(request: Json, key: str, item: Json) -> None:
    bundle = request["prefetch"][key] or {"resourceType": "Bundle", "type": "searchset", "entry": []}
    bundle.pop("total", None)
    bundle["entry"].append(item)
    request["prefetch"][key] = bundle


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_renamed(member, old, new) for member in value]
    if not isinstance(value, dict):
        return f"Patient/{new}" if value == f"Patient/{old}" else value
    told = {name: _renamed(member, old, new) for name, member in value.items()}
    return {**told, "id": new} if told.get("resourceType") == "Patient" else told
