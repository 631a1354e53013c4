"""What one unit of a product holds, by its code, its ingredient or its name; two that differ are none."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.guideline import Product
from service.fhir.read.amounts import NO_STRENGTH, Strength
from service.fhir.read.strengths import is_counted, is_solid, product_strength


def product(strength: float | None, name: str = "", form: str = "", per_ml: bool = False) -> Product:
    return Product("tacrolimus", "oral", strength, form, name, per_ml)


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("mycophenolate mofetil 250 MG Oral Capsule", Strength(mg=250)),
        ("24 HR tacrolimus 0.5 MG Extended Release Oral Capsule [Astagraf]", Strength(mg=0.5)),
        ("Tacrolimus 0,5 mg cápsulas", Strength(mg=0.5)),
        ("cyclophosphamide 1 g vial", Strength(mg=1000)),
        ("methylprednisolone 500mg", Strength(mg=500)),
        ("tacrolimus 500 mcg/capsule", Strength(mg=0.5)),
        ("rituximab 10 MG/ML Injection", Strength(mg_per_ml=10)),
        ("50 ML rituximab 10 MG/ML Injection", Strength(mg=500, mg_per_ml=10)),
        ("mycophenolate 1 g/5 mL oral suspension", Strength(mg_per_ml=200)),
        ("prednisone 20 mg (one 20 mg tablet)", Strength(mg=20)),
        # none, several, or one that may be read in two ways
        ("mycophenolate mofetil", NO_STRENGTH),
        ("prednisone 5 mg or 20 mg", NO_STRENGTH),
        ("sulfamethoxazole 800 mg / trimethoprim 160 mg", NO_STRENGTH),
        ("mycophenolate 1,000 mg", NO_STRENGTH),
        ("tacrolimus 0.06 mg/kg", NO_STRENGTH),
        ("tacrolimus 0.1 % ointment", NO_STRENGTH),
        ("tacrolimus 0 mg", NO_STRENGTH),
    ],
)
def test_strength_in_a_name(name: str, strength: Strength) -> None:
    assert product_strength(None, [name], ()) == strength


def ratio(value: float, unit: str, per: float | None = None, per_unit: str = "") -> dict[str, Any]:
    denominator = {} if per is None else {"denominator": {"value": per, "unit": per_unit}}
    return {"strength": {"numerator": {"value": value, "unit": unit}, **denominator}}


@pytest.mark.parametrize(
    ("ingredient", "strength"),
    [
        (ratio(250, "mg", 1, "capsule"), Strength(mg=250)),
        (ratio(250, "mg", 1, "{capsule}"), Strength(mg=250)),
        (ratio(500, "mg", 2, "tablet"), Strength(mg=250)),
        (ratio(250, "mg"), Strength(mg=250)),
        (ratio(250, "mg", 1, ""), Strength(mg=250)),
        (ratio(1, "g", 5, "mL"), Strength(mg_per_ml=200)),
        ({"strengthQuantity": {"value": 250, "unit": "mg"}}, Strength(mg=250)),
        ({"strengthRatio": ratio(250, "mg", 1, "capsule")["strength"]}, Strength(mg=250)),
        (ratio(250, "mg", 1, "spoon"), NO_STRENGTH),
        (ratio(250, "[iU]", 1, "capsule"), NO_STRENGTH),
        (ratio(250, "mg", 0, "capsule"), NO_STRENGTH),
        (ratio(-1, "mg", 1, "capsule"), NO_STRENGTH),
        ({"strength": "250 mg"}, NO_STRENGTH),
        ({"strength": {"numerator": {"value": "x"}}}, NO_STRENGTH),
        ({}, NO_STRENGTH),
    ],
)
def test_strength_of_an_ingredient(ingredient: dict[str, Any], strength: Strength) -> None:
    assert product_strength(None, (), [ingredient]) == strength


@pytest.mark.parametrize(
    ("coded", "names", "strength"),
    [
        (product(250), ["CellCept"], Strength(mg=250)),
        (product(250), ["MMF 250 mg capsule"], Strength(mg=250)),
        (product(250), ["MMF 500 mg tablet"], NO_STRENGTH),
        (product(None), ["MMF 500 mg tablet"], Strength(mg=500)),
        (product(10, "50 ML rituximab 10 MG/ML Injection", per_ml=True), [], Strength(mg=500, mg_per_ml=10)),
        (product(200, "mycophenolate mofetil 200 MG/ML Oral Suspension", per_ml=True), [], Strength(mg_per_ml=200)),
        (product(None), ["MMF 500 mg tablet", "MMF 250 mg capsule"], NO_STRENGTH),
    ],
)
def test_code_and_name(coded: Product, names: list[str], strength: Strength) -> None:
    assert product_strength(coded, names, ()) == strength


def test_solid_forms() -> None:
    assert is_solid(product(250, form="Oral Capsule"), ())
    assert is_solid(None, ["Prednisona 30 mg comprimidos"])
    assert not is_solid(product(200, form="Oral Suspension", per_ml=True), ["mycophenolate"])


@pytest.mark.parametrize(
    ("dose", "counts"),
    [
        ({"doseQuantity": {"value": 1, "unit": "tablet"}}, True),
        ({"doseQuantity": {"value": 1, "code": "{pill}", "system": "http://unitsofmeasure.org"}}, True),
        ({"doseRange": {"high": {"value": 2, "unit": "capsules"}}}, True),
        ({"doseQuantity": {"value": 5, "unit": "mg"}}, False),
        ({"rateQuantity": {"value": 5, "unit": "mg/h"}}, False),
        ({}, False),
    ],
)
def test_counted_doses(dose: dict[str, Any], counts: bool) -> None:
    assert is_counted([{"doseAndRate": [dose]}]) is counts
