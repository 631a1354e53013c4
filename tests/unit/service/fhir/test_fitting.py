"""Fitting and the remembered verdicts: what is remembered is what the R4 model says of every resource of that form."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fhir.read import fitting, models, primitives, shapes
from service.fhir.read.fitting import Catalogued, Member, Shape
from service.fhir.read.models import faults, verdict
from service.fhir.read.primitives import FITS, Primitive
from tests.unit.service.fhir import chart

VALIDATED: dict[str, tuple[Shape, ...]] = {
    "AllergyIntolerance": (shapes.ALLERGY,),
    "Condition": (shapes.CONDITION,),
    "MedicationAdministration": (shapes.MEDICATION_ADMINISTRATION,),
    "MedicationRequest": (shapes.MEDICATION_REQUEST, shapes.MEDICATION_REQUEST_WITHOUT_DOSE),
    "Observation": (shapes.OBSERVATION,),
    "Patient": (shapes.PATIENT,),
    "Procedure": (shapes.PROCEDURE,),
    "ServiceRequest": (shapes.SERVICE_REQUEST,),
}
CASES = [(name, shape) for name, several in VALIDATED.items() for shape in several]
NAMED = [f"{name}-{number}" for name, several in VALIDATED.items() for number in range(len(several))]
DATES: list[Any] = [
    *("2026", "2026-02", "2026-02-28", "2024-02-29", "1000", "8999-12-31", "2026-02-28T10:00:00Z"),
    *("2026-02-28T23:59:59.123456+13:59", "2026-02-28T10:00:00-00:00", "2026-02-28T10:00", "2026-02-28T10:00:00"),
    *("2026-02-30", "2023-02-29", "2026-13", "2026-00", "0001-01-01", "0000", "0999", "9000-01-01", "9999-12-31"),
    *("2026-02-28T24:00:00Z", "2026-02-28T10:60:00Z", "2026-02-28T10:00:60Z", "2026-02-30T10:00:00Z"),
    *("2026-02-28T10:00:00+14:00", "2026-02-28T10:00:00+14:30", "2026-02-28T10:00:00+24:00", "2026-2-8", "20260228"),
    *("2026-02-28T10:00:00.1234567890123Z", "2026-02-28 10:00:00Z", "2026-02-28T10:00:00z", "٢٠٢٦", "2026-02-28T"),
    *("9999-12-31T23:59:60Z", "-2026", "12:00", "12:00:00", "23:59:60", "24:00:00", "12:00:00.5"),
]
NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 10**14, 10**15, 10**40, 0.0, -0.0, 1.0, 0.5, -2.5),
    *(1e-7, 1e22, 1.7976931348623157e308, 5e-324, True, False, "1", "1.5", "-0", "01", "1e5", "1E+400", "NaN", " 2 "),
]
TEXTS: list[Any] = [
    *("mg", "final", "H", "a b", "a  b", " a", "a\tb", "a\nb", "µg/L", "é", "\u00a0", "a\u2028b", "\x00", "\x1f", "<"),
    *("http://loinc.org", "urn:oid:1.2", "not a uri", "Patient/p1", "Patient/", "#m", "true", "x" * 300, "\ud800", ""),
    '{"coding": []}',
]
OTHER: list[Any] = [
    None,
    {},
    [],
    [None],
    [[]],
    [{}],
    {"a": 1},
    {"text": "x"},
    {"extension": []},
    ["x"],
    [["x"]],
    [1, 2],
]
LIKELY: dict[Primitive, list[Any]] = {
    **dict.fromkeys((Primitive.DATE, Primitive.DATE_TIME, Primitive.INSTANT, Primitive.TIME), DATES),
    **dict.fromkeys((Primitive.DECIMAL, Primitive.INTEGER, Primitive.POSITIVE_INT), NUMBERS),
    **dict.fromkeys((Primitive.STRING, Primitive.CODE, Primitive.URI), TEXTS),
    Primitive.BOOLEAN: [True, False, "true", "false", " true ", 1, 0, "yes", "True"],
}
ACCEPTED: dict[Primitive, list[Any]] = {
    # what our patterns take for surely valid, in all its kinds
    Primitive.STRING: ["a", "é µ \u2028", "x" * 5000, "\x00", "\x1fa"],
    Primitive.URI: ["a b", "urn:oid:1.2", "é", "http://x"],
    Primitive.CODE: ["a", "a b c", "<=", "mg/dL", "{1.73_m2}", "~!"],
    Primitive.DECIMAL: [0, -1, 10**15 - 1, 1.5, -0.0, 1e22, 5e-324, 1.7976931348623157e308],
    Primitive.INTEGER: [0, -(2**31) + 1, 2**31 - 1],
    Primitive.POSITIVE_INT: [1, 2**31 - 1],
    Primitive.BOOLEAN: [True, False],
    Primitive.DATE: ["1000", "2026-12", "2024-02-29", "8999-12-31"],
    Primitive.DATE_TIME: ["2026", "2026-02", "2024-02-29", "2026-02-28T23:59:59.5+13:59", "8999-01-01T00:00:00Z"],
    Primitive.INSTANT: ["2026-02-28T23:59:59.123456-13:59", "1000-01-01T00:00:00Z"],
    Primitive.TIME: ["00:00:00", "23:59:59"],
}
CHOICES = ("effective", "value", "onset", "abatement", "performed", "deceased")


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # the same in every run


@dataclass(frozen=True)
class Draw:
    """`layout` decides which members there are, `values` what they hold: the same layout may hold other values."""

    layout: Random
    values: Random
    odd_layout: float = 0.0
    odd_values: float = 0.0

    def member(self, member: Member) -> Any:
        """A value for the member."""
        if isinstance(member, Catalogued):
            return self.member(member.member)
        if isinstance(member, Primitive):
            anything = self.values.random() < self.odd_values
            return self.values.choice(LIKELY[member] if anything else ACCEPTED[member])
        if isinstance(member, list):
            several = [self.member(member[0]) for _ in range(self.layout.choice((1, 1, 2)))]
            return several[0] if self._is_odd() else several
        if self._is_odd():
            return self.layout.choice([*OTHER, *NUMBERS, *TEXTS])
        some = {name: self.member(each) for name, each in member.items() if self.layout.random() < 0.6}
        return [some] if self._is_odd() else some

    def resource(self, shape: Shape) -> dict[str, Any]:
        """What the model requires, mostly one choice of each kind, and some of the rest."""
        required = {"status", "intent", "code", "subject", "patient", "medicationCodeableConcept"}
        chosen = {"medicationReference"}
        raw: dict[str, Any] = {}
        for name, member in self.layout.sample(list(shape.members.items()), len(shape.members)):
            kind = next((each for each in CHOICES if name.startswith(each)), name)
            if kind in chosen and not self._is_odd():
                continue
            if (name in required and not self._is_odd()) or self.layout.random() < 0.5:
                raw[name] = self.member(member)
                chosen.add(kind if kind != name else "")
        return raw

    def _is_odd(self) -> bool:
        return self.layout.random() < self.odd_layout


@pytest.mark.parametrize(("resource_type", "shape"), CASES, ids=NAMED)
@given(
    seed=st.integers(0, 2**40),
    odd_layout=st.sampled_from([0.0, 0.05, 0.2]),
    odd_values=st.sampled_from([0.0, 0.02, 0.2]),
)
@settings(max_examples=40)
def test_a_remembered_verdict_is_the_models(
    resource_type: str, shape: Shape, seed: int, odd_layout: float, odd_values: float
) -> None:
    for values in range(5):
        draw = Draw(chance(seed), chance(values), odd_layout, odd_values)
        fitted = shape.fit(draw.resource(shape), UTC)
        assert verdict(resource_type, fitted) == faults(resource_type, fitted.content), fitted


@pytest.mark.parametrize(("resource_type", "shape"), CASES, ids=NAMED)
def test_the_form_tells_the_layout_and_nothing_of_the_values(resource_type: str, shape: Shape) -> None:
    verdicts = set()
    for seed in range(40):
        fitted = [shape.fit(Draw(chance(seed), chance(values), 0.05).resource(shape), UTC) for values in range(4)]
        assert len({each.form for each in fitted}) == 1
        # also where the layout is at fault, all resources of one form have the same faults
        if fitted[0].form is not None:
            of_form = {faults(resource_type, each.content) for each in fitted}
            assert len(of_form) == 1
            verdicts |= of_form
    assert () in verdicts
    assert len(verdicts) > 1 or resource_type == "Patient"


def annotated(model: Any, name: str) -> tuple[Any, bool]:
    """The FHIR type of a model's member, and whether it is a list."""
    told = model.model_fields[name].annotation
    is_list = False
    while typing.get_origin(told) in (list, typing.Union, types.UnionType):
        is_list = is_list or typing.get_origin(told) is list
        told = next(each for each in typing.get_args(told) if each is not type(None))
    return told, is_list


def leaves(model: Any, member: Member, path: tuple[str, ...] = ()) -> Iterator[Any]:
    """(model, name, primitive, whether listed, path) of every primitive within a shape."""
    member = member.member if isinstance(member, Catalogued) else member
    assert isinstance(member, dict)
    for name, inner in member.items():
        bare = inner.member if isinstance(inner, Catalogued) else inner
        bare = bare[0] if isinstance(bare, list) else bare
        told, _ = annotated(model, name)
        if isinstance(bare, Primitive):
            yield model, name, bare, isinstance(inner, list), (*path, name)
        else:
            yield from leaves(told.get_model_klass(), bare, (*path, name))


@pytest.mark.parametrize(("resource_type", "shape"), CASES, ids=NAMED)
def test_what_is_surely_valid_is_valid_for_the_model(resource_type: str, shape: Shape) -> None:
    """In each place of each shape: the primitive that the shape names is the one that the model has there."""
    found = 0
    for model, name, primitive, listed, path in leaves(models._MODELS[resource_type], dict(shape.members)):
        for value in ACCEPTED[primitive]:
            stated, form = FITS[primitive](value, UTC)
            assert form == "", (path, value)
            one: Any = [stated] if listed else stated
            assert _faults_at(model, name, one) == [], (path, value)
            found += 1
    assert found > 10


def _faults_at(model: Any, name: str, value: Any) -> list[Any]:
    try:
        model.model_validate({name: value})
    except Exception as error:
        told = error.errors(include_input=False) if hasattr(error, "errors") else [{"loc": (name,)}]
        return [each for each in told if each["loc"] and each["loc"][0] == name]
    return []


def test_of_what_a_catalogue_says_nothing_depends_on_the_zone() -> None:
    def primitives_in(member: Member, catalogued: bool) -> Iterator[Primitive]:
        if isinstance(member, Primitive):
            yield from [member] if catalogued else []
        elif isinstance(member, Catalogued):
            yield from primitives_in(member.member, True)
        else:
            for each in member.values() if isinstance(member, dict) else member:
                yield from primitives_in(each, catalogued)

    found = {each for _, shape in CASES for each in primitives_in(dict(shape.members), False)}
    assert found >= {Primitive.CODE, Primitive.DECIMAL}
    assert not found & {Primitive.DATE_TIME, Primitive.INSTANT}


def test_a_form_that_is_very_long_is_not_kept() -> None:
    fitted = shapes.CONDITION.fit({"code": {"coding": [{"code": "a"}] * 2_000}}, UTC)
    assert fitted.form is not None
    assert verdict("Condition", fitted) == faults("Condition", fitted.content) != ()
    assert ("Condition", fitted.form) not in models._verdicts


@pytest.mark.parametrize(
    ("primitive", "values"),
    [
        (Primitive.DECIMAL, ["1", True, math.nan, math.inf, 10**15, None, "x"]),
        (Primitive.POSITIVE_INT, [0, -1, 2**31, 1.0, True, "1"]),
        (Primitive.INTEGER, [2**31, 1.0, False, "1"]),
        (Primitive.BOOLEAN, ["yes", 1, 0, None]),
        (Primitive.CODE, ["a  b", "é", "a\tb", 5]),
        (Primitive.STRING, ["\ud800", 5, True]),
        (Primitive.DATE, ["2026-02-30", "0999", "9999", "2026-1", "2026-02-28T10:00:00Z", "٢٠٢٦"]),
        (
            Primitive.DATE_TIME,
            ["2026-02-30", "2026-02-28T24:00:00Z", "2026-02-28T10:00:60Z", "2026-02-28T10:00:00+14:30"],
        ),
        (Primitive.INSTANT, ["2026", "2026-02-28", "2026-02-30T10:00:00Z", "2026-02-28T10:00:00.1234567Z"]),
        (Primitive.TIME, ["24:00:00", "12:00", "23:59:60"]),
    ],
)
def test_what_may_be_invalid_has_no_form(primitive: Primitive, values: list[Any]) -> None:
    for value in values:
        assert FITS[primitive](value, UTC)[1] is None, value


def test_what_real_ehrs_get_wrong_is_put_right() -> None:
    raw = {
        "status": [" final "],
        "code": {"coding": {"system": " http://loinc.org", "code": "2276-4", "userSelected": True}, "text": ""},
        "issued": "2026-03-01T10:00",
        "valueBoolean": "true",
        "interpretation": {"text": "High"},
        "referenceRange": [None, {}, {"low": None, "text": "1 - 2"}],
        "note": [{"text": "not read"}],
    }
    fitted = shapes.OBSERVATION.fit(raw, UTC)
    assert fitted.content == {
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2276-4"}]},
        "issued": "2026-03-01T10:00:00+00:00",
        "valueBoolean": True,
        "interpretation": [{"text": "High"}],
        "referenceRange": [{"text": "1 - 2"}],
    }
    assert fitted.form == (
        "{status,code{coding[{system,code}]},issued,valueBoolean,interpretation[{text}],referenceRange[{text}]}"
    )


def test_what_is_fitted_once_is_fitted_alike_for_all() -> None:
    ranges = fitting.once(fitting.of_list(fitting.of_object({"value": primitives.of_number(primitives.is_decimal)})))
    assert ranges([{"value": None}], UTC) == ([], "[]")
    content, form = ranges([{"value": math.inf}], UTC)
    assert content == [{"value": math.inf}]
    assert form is None
    assert ranges([{"value": None}], UTC) == ([], "[]")


def test_other_patients_charts_have_forms_that_are_known() -> None:
    def ferritin(number: int) -> dict[str, Any]:
        return chart.obs(
            id=f"o{number}",
            effectiveDateTime=f"2026-02-{number:02}T10:00:00Z",
            valueQuantity=chart.quantity(100.5 + number, "ng/mL"),
            method={"text": "Immunoassay"},
        )

    chart.read(ferritin(1))
    known = len(models._verdicts)
    record = chart.read(*(ferritin(number) for number in range(2, 20)))
    assert len(record.results) == 18
    assert len(models._verdicts) == known
