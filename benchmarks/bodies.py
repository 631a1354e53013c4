"""Bodies of CDS Hooks calls as an EHR sends them: long charts in which a story of the disease is told.

The chart at ×1 is 187 kB: 1 Patient, 60 Observations, 20 MedicationRequests and 10 Conditions (and now and then one
of another kind, where the story has it); ×5 and ×25 are as many times longer. 49 of its 91 resources are of kinds that
the rules read: some 15 to 30 tell the story, the others are older results of the same tests. The rest is what any
chart holds.
The same number and seed give the same body; another number is another patient.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import fixtures
from benchmarks.bookkeeping import Bookkeeping
from benchmarks.history import History
from fixtures.building import SERVER, request
from fixtures.vocabulary import usual_lines

Json = dict[str, Any]
NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
AS_OF = "mda5-cds.as-of"
SIZES = (1, 5, 25)
OBSERVATIONS, MEDICATIONS, CONDITIONS = 60, 20, 10
"""At ×1."""
_OF_KINDS_READ = 49 / 91
"""The share of the resources that are of kinds that the rules read."""
_OF_THE_STORY_NOT_READ = 4
"""Creatinine, potassium, hypertension and omeprazole."""
_DAYS = {1: 365, 5: 3 * 365, 25: 8 * 365}
"""How far a chart of that size reaches back."""

# in turn: nine of ten are patients of the population at different points of their course, for the others end early
STORIES = (
    *("refractory", "untreated", "responding", "escalated", "combination-without-cni"),
    *("respiratory-failure", "refractory", "glucocorticoid-only", "untreated", "anti-mda5-negative"),
)
_NOTHING = "nothing on record"
SILENT = frozenset({"anti-mda5-negative", _NOTHING})
"""Those who get no card."""

_MOVES = frozenset({"ferritin", "crp", "kl-6", "creatinine", "egfr", "potassium", "weight", "tacrolimus-trough"})
_DRAFTED = ("tacrolimus", "cyclosporine", "mycophenolate", "azathioprine")


@dataclass(frozen=True, slots=True)
class Body:
    """One call: the JSON value, the story in it, and its bytes as they go over the wire."""

    story: str
    value: Json

    @property
    def hook(self) -> str:
        """The CDS Hooks hook."""
        hook: str = self.value["hook"]
        return hook

    def encoded(self) -> bytes:
        """Compact JSON in UTF-8."""
        return json.dumps(self.value, separators=(",", ":"), ensure_ascii=False).encode()


def patient_view(number: int, times: int = 1, seed: int = 0, now: datetime = NOW) -> Body:
    """The patient-view call for patient `number`, with a chart of ×`times` (of `SIZES`), as of `now`."""
    chance = Random(f"{seed}/{number}/{times}")  # noqa: S311  # repeatable on purpose
    story = STORIES[number % len(STORIES)]
    patient = f"e{chance.getrandbits(60):015x}"
    value = request(patient, f"Story {number}", "patient-view", _varied(story, chance), now)
    value["hookInstance"] = _uuid(chance)
    value["extension"] = {AS_OF: now.isoformat()}
    history = History(patient, now, _DAYS[times], chance)
    _lengthen(value["prefetch"], times, history, chance)
    return Body(story, value)


def again(body: Body, time: int) -> Body:
    """The same encounter calls again: nothing but the hookInstance differs."""
    instance = _uuid(Random(f"{body.value['hookInstance']}/{time}"))  # noqa: S311
    return Body(body.story, body.value | {"hookInstance": instance})


def without_record(body: Body) -> Body:
    """The same patient with nothing on record: for what does not depend on the chart."""
    prefetch = body.value["prefetch"]
    return Body(_NOTHING, body.value | {"prefetch": dict.fromkeys(prefetch) | {"patient": prefetch["patient"]}})


def drafting(body: Body, hook: str, step: int, now: datetime = NOW) -> Body:
    """The same chart while an order is written: at each step another dose, and now and then another drug."""
    drafts = [
        {"drug": _DRAFTED[step // 5 % len(_DRAFTED)], "dose": (1, 1.5, 2, 3, 50)[step % 5], "schedule": "twice a day"},
        {"drug": "paracetamol", "dose": 500, "schedule": "three times a day"},
    ]
    lines = {"patient": {"sex": "female", "age": 50}, "drafts": drafts}
    patient = body.value["context"]["patientId"]
    context = request(patient, "", hook, lines, now)["context"]
    return Body(body.story, again(body, step).value | {"hook": hook, "context": context})


def _uuid(chance: Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


def _varied(story: str, chance: Random) -> Mapping[str, Any]:
    """The lines of a story with values that differ by some percent, and hours that differ; days stay as they are."""
    lines = dict(fixtures.story(story).lines)
    for usual in lines.pop("usual", ()):
        for kind, more in usual_lines(usual).items():
            lines[kind] = [*lines.get(kind, ()), *more]
    lines["results"] = [_moved(line, chance) for line in lines["results"]]
    lines["gases"] = [line | {"at": _hour(chance)} | _pressures(line, chance) for line in lines.get("gases", ())]
    return lines


def _moved(line: Mapping[str, Any], chance: Random) -> Mapping[str, Any]:
    value = {"value": _by_some_percent(line["value"], chance)} if line["what"] in _MOVES else {}
    return {**line, "at": _hour(chance), **value}


def _pressures(line: Mapping[str, Any], chance: Random) -> Json:
    return {name: _by_some_percent(line[name], chance) for name in ("pao2", "paco2") if name in line}


def _by_some_percent(value: float, chance: Random) -> float:
    return round(value * chance.uniform(0.97, 1.03), 1)


def _hour(chance: Random) -> str:
    return f"0{chance.randrange(5, 10)}:{chance.randrange(60):02}"


def _lengthen(prefetch: Json, times: int, history: History, chance: Random) -> None:
    """Brings the chart to its length, and dresses all of it as an EHR does."""
    whole = 1 + (OBSERVATIONS + MEDICATIONS + CONDITIONS) * times
    story = {key: _resources(prefetch[key]) for key in ("observations", "medications", "conditions")}
    read = round(whole * _OF_KINDS_READ) - 1 - (sum(map(len, story.values())) - _OF_THE_STORY_NOT_READ)
    results, orders, conditions = story.values()
    results += [history.earlier_result(number) for number in range(read)]
    results += [history.other_result(number) for number in range(OBSERVATIONS * times - len(results))]
    orders += [history.other_order(number) for number in range(MEDICATIONS * times - len(orders))]
    conditions += [history.other_condition(number) for number in range(CONDITIONS * times - len(conditions))]
    results.sort(key=lambda result: str(result["effectiveDateTime"]), reverse=True)
    orders.sort(key=lambda order: str(order["authoredOn"]), reverse=True)
    bookkeeping = Bookkeeping(history.patient, chance)
    bookkeeping.add_to(prefetch["patient"])
    for key, resources in story.items():
        prefetch[key] = _searchset(resources)
    for key, found in prefetch.items():
        for resource in _resources(found) if key != "patient" else ():
            bookkeeping.add_to(resource)


def _resources(searchset: Json | None) -> list[Json]:
    return [entry["resource"] for entry in searchset["entry"]] if searchset else []


def _searchset(resources: Iterable[Json]) -> Json:
    entries: list[Json] = [
        {"fullUrl": f"{SERVER}/{each['resourceType']}/{each['id']}", "resource": each, "search": {"mode": "match"}}
        for each in resources
    ]
    first = entries[0]["resource"]
    subject, kind = first["subject"]["reference"].removeprefix("Patient/"), first["resourceType"]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(entries),
        "link": [{"relation": "self", "url": f"{SERVER}/{kind}?patient={subject}"}],
        "entry": entries,
    }
