"""Whatever JSON arrives: a record, or one of the named refusals. And the resources that others wrote."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_cards.record import PatientRecord
from service.errors import ServiceError
from service.fhir.gather import gather
from service.fhir.read import read_record
from service.wire import PrefetchAnswer
from tests.unit.service.fhir import chart
from tests.unit.service.fhir.chart import (
    CANONICAL,
    KEYS,
    PATIENT,
    Json,
    allergy,
    condition,
    guideline,
    obs,
    order,
    prefetch,
    procedure,
    quantity,
    read,
    service,
)

REAL_DATA = Path(__file__).parents[5] / "shared" / "real-data"
RICH: list[Json] = [
    obs(
        valueQuantity=quantity(1200, "ng/mL", comparator=">"),
        referenceRange=[{"high": quantity(300, "ng/mL"), "type": {"coding": [{"code": "normal"}]}, "text": "< 300"}],
        interpretation=[{"coding": [{"code": "H"}]}],
        issued="2026-03-01T12:00:00Z",
        focus=[chart.ME],
    ),
    obs("82424-3", id="o2", valueString="1:320", referenceRange=[{"text": "<1:40"}], method={"text": "ELISA"}),
    obs("2703-7", id="o3", component=[{"code": chart.concept("2019-8"), "valueQuantity": quantity(5, "kPa")}]),
    obs("88725-7", id="o4", valueRatio={"numerator": {"value": 1}, "denominator": {"value": 320}}),
    order(
        "198377",
        dosageInstruction=[
            {
                "text": "2 capsules twice daily",
                "timing": {
                    "repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "boundsPeriod": {"start": "2026-02-01"}}
                },
                "route": {"coding": [{"system": chart.SNOMED, "code": "26643006"}]},
                "doseAndRate": [{"doseQuantity": {"value": 2, "unit": "capsule"}}],
            }
        ],
        dispenseRequest={"validityPeriod": {"start": "2026-02-01"}},
    ),
    order(
        medicationCodeableConcept=...,
        id="m2",
        medicationReference={"reference": "#m", "display": "Prograf"},
        contained=[
            {"resourceType": "Medication", "id": "m", "ingredient": [{"itemCodeableConcept": {"text": "tacrolimus"}}]}
        ],
        dosageInstruction=[{"timing": {"repeat": {"boundsDuration": quantity(3, "mo")}}}],
    ),
    condition(onsetDateTime=..., onsetAge={"value": 65, "code": "a"}, abatementDateTime="2026-02"),
    allergy(reaction=[{"substance": {"text": "Prograf"}, "severity": "severe"}], recordedDate="2020"),
    procedure(performedDateTime=..., performedPeriod={"start": "2026-02-20", "end": "2026-02-25"}),
    service(occurrenceDateTime="2026-04-01", doNotPerform=False),
    chart.given(dosage={"route": {"text": "iv"}}),
]

json_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["9999-12-31", "0001-01-01", "2026", "Patient/p1", "#m", "1:0", "1e400", "0", "-0.0", "<", "urn:uuid:"]
    ),
)
json_values = st.recursive(
    json_scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place within a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*path, name)
        yield from places(member, (*path, name))


def mutated(value: Any, path: tuple[Any, ...], change: str, replacement: Any) -> Any:
    """The value with one place changed."""
    changed = copy.deepcopy(value)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    if change == "replace":
        holder[path[-1]] = replacement
    elif change == "wrap":
        holder[path[-1]] = [holder[path[-1]]]
    elif change == "double":
        holder[path[-1]] = [holder[path[-1]], holder[path[-1]]]
    else:
        del holder[path[-1]]
    return changed


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_mutated_chart_is_read_or_refused_by_name(data: st.DataObject) -> None:
    resources: Any = [PATIENT, *RICH]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(resources))[1:]))
        change = data.draw(st.sampled_from(["replace", "replace", "wrap", "double", "remove"]))
        resources = mutated(resources, path, change, data.draw(json_values))
        if not resources or any(not isinstance(each, dict) for each in resources):
            return
    patient, *rest = resources
    keyed = {key: PrefetchAnswer("empty") for key in KEYS.values()}
    for resource in rest:
        key = KEYS.get(str(resource.get("resourceType")), "observations")
        known = keyed[key].value or {"resourceType": "Bundle", "entry": []}
        keyed[key] = PrefetchAnswer("given", {**known, "entry": [*known["entry"], {"resource": resource}]})  # type: ignore[misc]
    try:
        record = read_record(
            gather(keyed | {"patient": PrefetchAnswer("given", patient)}), "p1", guideline(), CANONICAL
        )
    except ServiceError:
        return
    assert isinstance(record, PatientRecord)


@settings(max_examples=150, deadline=None)
@given(answer=st.dictionaries(st.sampled_from(["resourceType", "entry", "link", "total", "id"]), json_values))
def test_any_answer_is_gathered(answer: Json) -> None:
    record = read(observations=answer, medications=answer)
    assert record.results == ()


def test_an_unread_resource_never_repeats_what_it_holds() -> None:
    secret = "Jane Doe 1960-05-05 MRN 4711"
    for resource in RICH:
        for path in places(resource):
            record = read(mutated(resource, path, "replace", secret)) if path != ("resourceType",) else read()
            told = " ".join(item.why for item in (*record.unread, *record.set_aside))
            assert "Jane" not in told


def test_all_of_the_rich_chart_is_read() -> None:
    record = read(*RICH)
    assert record.unread == ()
    assert {result.concept for result in record.results} == {"ferritin", "anti-mda5", "paco2"}
    assert {each.agent for each in record.orders} == {"tacrolimus"}


def test_deep_nesting_is_no_danger() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = {"contained": [{"resourceType": "Medication", "id": "m", "ingredient": [{"item": deep}]}]}
    assert read(order(contained=deep["contained"], extension=deep)).orders


# -- what others wrote --


def regrouped(resources: list[tuple[Json, str | None]], patient_id: str) -> dict[str, PrefetchAnswer]:
    found: dict[str, list[Json]] = {}
    for resource, full_url in resources:
        found.setdefault(resource["resourceType"], []).append(
            {"resource": resource, **({"fullUrl": full_url} if full_url else {})}
        )
    patients = found.get("Patient", [{"resource": {"resourceType": "Patient", "id": patient_id}}])
    answers = prefetch(patient=patients[0]["resource"])
    for resource_type, key in KEYS.items():
        if resource_type in found:
            answers[key] = PrefetchAnswer("given", {"resourceType": "Bundle", "entry": found[resource_type]})
    return answers


def entries_of(path: Path) -> list[tuple[Json, str | None]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["resourceType"] != "Bundle":
        return [(content, None)]
    return [(entry["resource"], entry.get("fullUrl")) for entry in content["entry"]]


def files(folder: str) -> list[Path]:
    if not REAL_DATA.exists():
        pytest.skip("the messages of others are not on this machine")
    return sorted((REAL_DATA / folder).glob("*.json"))


def test_synthetic_patients_are_read_and_have_nothing_of_ours() -> None:
    for path in files("synthea-r4"):
        resources = entries_of(path)
        patient_id = next(resource["id"] for resource, _ in resources if resource["resourceType"] == "Patient")
        record = read_record(gather(regrouped(resources, patient_id)), patient_id, guideline(), CANONICAL)
        assert record.person.born is not None
        assert record.unread == ()
        assert {each.concept for each in record.results} >= {"weight", "height"}
        assert (record.orders, record.diagnoses, record.allergies) == ((), (), ())


def test_the_examples_of_the_standard_are_read() -> None:
    agents: set[str] = set()
    concepts: set[str] = set()
    for path in files("hl7-r4-examples"):
        resources = entries_of(path)
        subjects = [(each.get("subject") or each.get("patient") or {}).get("reference", "") for each, _ in resources]
        patient_id = next((each.removeprefix("Patient/") for each in subjects if each.startswith("Patient/")), "x")
        patients = [each["id"] for each, _ in resources if each["resourceType"] == "Patient"]
        answers = regrouped(resources, (patients or [patient_id])[0])
        record = read_record(gather(answers), (patients or [patient_id])[0], guideline(), CANONICAL)
        agents |= {each.agent for each in record.orders}
        concepts |= {concept for each in record.diagnoses for concept in each.concepts}
    assert agents == {"prednisone"}
    assert not concepts & {"ild", "rpild", "dermatomyositis", "cadm", "lung-transplant"}


def big_chart(times: int) -> list[Json]:
    """60 Observations, 20 MedicationRequests and 10 Conditions, half of them ours, `times` over."""
    chart_resources: list[Json] = []
    for number in range(60 * times):
        code = [chart.FERRITIN, chart.CRP, "718-7", "2345-7"][number % 4]
        value = quantity(12.5, "mg/L") if code != "718-7" else quantity(13, "g/dL")
        chart_resources.append(obs(code, id=f"o{number}", valueQuantity=value, text={"div": "x" * 300}))
    for number in range(20 * times):
        chart_resources.append(order([chart.PREDNISONE, "17767"][number % 2], id=f"m{number}"))
    for number in range(10 * times):
        chart_resources.append(condition(["233703007", "38341003"][number % 2], id=f"c{number}"))
    return chart_resources


def test_reading_grows_no_faster_than_the_chart() -> None:
    read(*big_chart(1))

    def seconds(times: int) -> float:
        answers = prefetch(*big_chart(times))
        begun = time.process_time()
        read_record(gather(answers), "p1", guideline(), CANONICAL)
        return time.process_time() - begun

    once = min(seconds(2) for _ in range(3))
    assert seconds(40) < once * 20 * 3
