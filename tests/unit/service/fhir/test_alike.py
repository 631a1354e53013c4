"""Results of which the like was read before: never another outcome than by reading each of them whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_cards.coding import SNOMED
from cds_cards.record import Result, Unread
from service.fhir.gather import Entry
from service.fhir.read import observations
from service.fhir.read.alike import Alike, read_alike
from service.fhir.read.codes import Vocabulary, vocabulary
from service.fhir.read.context import Context, Fact
from service.fhir.read.kinds import Kind, read_entries
from service.fhir.read.references import References
from tests.unit.service.fhir.chart import CANONICAL, CRP, FERRITIN, MDA5, ME, Json, concept, guideline, obs, quantity

ALIKE = Kind("Observation", observations.named, observations.read, read_alike=read_alike)
WHOLE = replace(ALIKE, read_alike=None)
NG = quantity(1200, "ng/mL")
RANGE = [{"low": quantity(15, "ng/mL"), "high": quantity(200, "ng/mL")}]
HIGH = [concept("H", "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", display="High")]
SODIUM, SPO2, FIO2 = "2951-2", "59408-5", "3150-0"


@cache
def words() -> Vocabulary:
    return vocabulary(guideline(), CANONICAL)


def context() -> Context:
    """Of patient p1, with nothing found out yet."""
    words().observations.alike.clear()
    known = References("Patient/p1", frozenset({"Patient/p1"}))
    return Context(guideline(), words(), ZoneInfo("Europe/Madrid"), known)


def facts(kind: Kind, resource: Json, within: Context) -> list[Fact]:
    return read_entries("observations", kind, [Entry(resource)], within)


def read_after(first: Json, second: Json) -> list[Fact]:
    """What is read of the second when the first was read before; the same as of the second alone."""
    within = context()
    for each in (first, second, first):
        assert facts(ALIKE, each, within) == facts(WHOLE, each, within)
    return facts(ALIKE, second, within)


def usual(**more: Any) -> Json:
    """A result as laboratories send them."""
    return obs(**{"valueQuantity": NG, "referenceRange": RANGE, "interpretation": HIGH, **more})


def test_the_second_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    within = context()
    other = usual(
        id="o2", valueQuantity=quantity(7.5, "ng/mL"), issued="2026-03-01T11:00:00Z", identifier=[{"value": "9"}]
    )
    facts(ALIKE, usual(issued="2026-03-01T10:30:00Z"), within)
    expected = facts(WHOLE, other, within)
    monkeypatch.setattr(observations, "read", None)
    monkeypatch.setattr(observations, "named", None)
    assert facts(ALIKE, other, within) == expected
    assert len(expected) == 1


def test_what_is_not_ours_is_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    within = context()
    facts(ALIKE, obs(SODIUM, valueQuantity=quantity(140, "mmol/L")), within)
    monkeypatch.setattr(observations, "named", None)
    assert facts(ALIKE, obs(SODIUM, id="o2", valueQuantity=quantity(139, "mmol/L")), within) == []


def test_nothing_of_the_patient_is_kept() -> None:
    within = context()
    facts(ALIKE, usual(id="secret-id", subject={**ME, "display": "A. Person"}, text={"div": "narrative"}), within)
    ((key, known),) = within.vocabulary.observations.alike.items()
    assert isinstance(known, Alike)
    for told in ("secret", "Person", "p1", "narrative", "1200", "2026"):
        assert told not in key.decode() + repr(known)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "preliminary"},
        {"status": "entered-in-error"},
        {"status": None},
        {"code": concept(CRP)},
        {"code": concept(SODIUM)},
        {"code": {"coding": [concept(FERRITIN)["coding"][0], concept(CRP)["coding"][0]]}},
        {"effectiveDateTime": "2026-02-30T10:00:00Z"},
        {"effectiveDateTime": "2026-03"},
        {"effectiveDateTime": "2026-03-01T10:00:00"},
        {"effectiveDateTime": ...},
        {"effectivePeriod": {"start": "2026-02-01"}, "effectiveDateTime": ...},
        {"effectiveInstant": "2026-03-02T10:00:00Z"},
        {"issued": "soon"},
        {"issued": None},
        {"valueQuantity": quantity(1200, "mg/dL")},
        {"valueQuantity": {**NG, "unit": "mg/L"}},
        {"valueQuantity": {**NG, "comparator": "<"}},
        {"valueQuantity": {**NG, "comparator": "~"}},
        {"valueQuantity": {**NG, "code": None}},
        {"valueQuantity": {**NG, "code": "mg/L"}},
        {"valueQuantity": {**NG, "code": "mg/L", "unit": "mg/L"}},
        {"valueQuantity": {**NG, "system": "urn:oid:1.2.3", "unit": ""}},
        {"valueQuantity": quantity(-5, "ng/mL")},
        {"valueQuantity": quantity("1200", "ng/mL")},
        {"valueQuantity": quantity(None, "ng/mL")},
        {"valueQuantity": quantity(True, "ng/mL")},
        {"valueQuantity": quantity(float("inf"), "ng/mL")},
        {"valueQuantity": quantity(10**40, "ng/mL")},
        {"valueQuantity": [NG]},
        {"valueString": "1200 ng/mL"},
        {"valueString": "1200 ng/mL", "valueQuantity": ...},
        {"interpretation": [concept("L", HIGH[0]["coding"][0]["system"])]},
        {"interpretation": 5},
        {"referenceRange": [{"high": quantity(300, "ng/mL")}]},
        {"referenceRange": [{"high": "300"}]},
        {"method": {"text": "by hand"}},
        {"method": 5},
        {"subject": {"reference": "Patient/p2"}},
        {"subject": {**ME, "display": 5}},
        {"subject": {**ME, "display": " "}},
        {"subject": {**ME, "display": "\ud800"}},
        {"subject": [ME]},
        {"subject": ...},
        {"focus": [{"reference": "Patient/donor"}]},
        {"modifierExtension": [{"url": "https://e.org/not"}]},
        {"dataAbsentReason": {"text": "no blood"}},
        {"component": [{"code": concept(CRP), "valueQuantity": quantity(5, "mg/L")}]},
    ],
    ids=repr,
)
def test_whatever_is_unusual_is_seen(change: Json) -> None:
    read_after(usual(), usual(id="o2", **change))
    read_after(usual(id="o2", **change), usual())


def test_a_code_of_another_system_is_another_unit() -> None:
    foreign = {"value": 2, "unit": "mg/L", "code": "ng/mL", "system": "urn:oid:1.2.3"}
    (contradictory,) = read_after(
        usual(valueQuantity=foreign), usual(valueQuantity={**foreign, "system": NG["system"]})
    )
    assert isinstance(contradictory, Unread)


WORDS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(
            [
                *map(concept, (FERRITIN, CRP, MDA5, SPO2, FIO2, SODIUM)),
                {"text": "Ferritin"},
                {"text": "?"},
                concept("1"),
            ]
        )
    },
    optional={
        "status": st.sampled_from(["final", "preliminary", "registered", " final ", "", None, 5]),
        "interpretation": st.sampled_from([HIGH, HIGH[0], [{"text": "Positive"}], [], None, [5], "H"]),
        "referenceRange": st.sampled_from([RANGE, [{"text": "< 20 ng/mL"}], [{"high": quantity(1, "mg/L")}], [{}], 5]),
        "method": st.sampled_from([{"text": "ELISA"}, concept("1", SNOMED), {}, 5, None]),
    },
)
UNITS = st.fixed_dictionaries(
    {},
    optional={
        "unit": st.sampled_from(["ng/mL", "mg/L", "mg/dL", "%", "", " ng/mL", None, 5]),
        "code": st.sampled_from(["ng/mL", "ug/L", "mg/L", "%", "1", "", None, "a  b"]),
        "system": st.sampled_from(["http://unitsofmeasure.org", "urn:oid:1.2.3", None, 5]),
        "comparator": st.sampled_from(["<", ">=", "ad", "", None]),
        "extension": st.just([{"url": "x"}]),
    },
)
NUMBERS = st.one_of(
    st.integers(-2, 2000), st.floats(allow_nan=True), st.sampled_from([0.21, 96, 10**15, 2**70, "5", None, True, -0.0])
)
MOMENTS = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    st.sampled_from(["2026-03-01T10:00:00+01:00", "2026-03-01T10:00:00+14:00", "2026-03-01T10:00:00.5Z", "2026-03-01"]),
    st.sampled_from(["2026-02-30T10:00:00Z", "0999-01-01T10:00:00Z", " 2026-03-01T10:00:00Z", "", None, 5, "soon"]),
)
NEW = st.fixed_dictionaries(
    {"effectiveDateTime": MOMENTS},
    optional={
        "issued": MOMENTS,
        "subject": st.sampled_from(
            [ME, {**ME, "display": "Núñez"}, {**ME, "display": ""}, {"display": "x"}, [ME], None]
        ),
        "valueBoolean": st.booleans(),
        "note": st.just([{"text": "words"}]),
    },
)


@settings(max_examples=400)
@given(WORDS, UNITS, st.lists(st.tuples(NEW, NUMBERS), min_size=2, max_size=2))
def test_reading_the_like_is_reading_it(said: Json, unit: Json, news: list[tuple[Json, object]]) -> None:
    first, second = (obs(**{**said, **new}, valueQuantity={"value": number, **unit}) for new, number in news)
    read_after(first, second)


TESTS = [
    *((FERRITIN, "ng/mL"), (FERRITIN, "ug/L"), (CRP, "mg/dL"), (SPO2, "%"), (FIO2, "%"), (FIO2, "1")),
    *(("2703-7", "kPa"), ("33914-3", "mL/min/{1.73_m2}")),
]
SECONDS = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda each: f"{each:%Y-%m-%dT%H:%M:%S}+01:00")
PLAUSIBLE = st.one_of(st.integers(1, 100), st.floats(0.21, 5000), st.decimals(0, 100, places=2).map(float))
USUAL = st.fixed_dictionaries(
    {"effectiveDateTime": SECONDS},
    optional={"issued": SECONDS, "subject": st.just({**ME, "display": "Núñez"}), "status": st.just("preliminary")},
)


@settings(max_examples=300)
@given(
    st.sampled_from(TESTS), st.sampled_from(["", "<"]), st.lists(st.tuples(USUAL, PLAUSIBLE), min_size=2, max_size=5)
)
def test_results_of_one_test_are_each_as_if_read_alone(
    test: tuple[str, str], comparator: str, news: list[tuple[Json, float]]
) -> None:
    code, unit = test
    said = {"interpretation": HIGH, "referenceRange": [{"low": quantity(1, unit), "text": "1 -"}]}
    within = context()
    for new, number in news:
        resource = obs(code, **said, **new, valueQuantity=quantity(number, unit, comparator=comparator))
        whole, sooner = facts(WHOLE, resource, within), facts(ALIKE, resource, within)
        assert repr(sooner) == repr(whole)
        if isinstance(whole[0], Result):
            assert read_alike(resource, "Observation/o1", within) == tuple(whole)
