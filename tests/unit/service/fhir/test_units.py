"""The unit table in both directions, the words that feeds use, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_cards.knowledge import load_guideline
from service.fhir.units import Amount, Unusable, amount

ONE_UNIT = [
    ("ferritin", "ng/mL", "1000", 1000.0),
    ("ferritin", "ug/L", "1000", 1000.0),
    ("ferritin", "mg/L", "1", 1000.0),
    ("ferritin", "mg/L", "1.0001", 1000.1),
    ("ferritin", "ug/dL", "100.01", 1000.1),
    ("ferritin", "pmol/L", "1000", 445.0),
    ("crp", "mg/L", "10", 10.0),
    ("crp", "mg/dL", "1", 10.0),
    ("crp", "mg/dL", "1.001", 10.01),
    ("crp", "mg/dL", "0.999", 9.99),
    ("crp", "ug/mL", "10", 10.0),
    ("crp", "nmol/L", "100", 10.5),
    ("kl-6", "U/mL", "500", 500.0),
    ("kl-6", "kU/L", "500", 500.0),
    ("kl-6", "[IU]/mL", "500", 500.0),
    ("kl-6", "k[IU]/L", "500", 500.0),
    ("kl-6", "[arb'U]/mL", "500", 500.0),
    ("pao2", "mm[Hg]", "60", 60.0),
    ("pao2", "kPa", "8", 60.004926064),
    ("pao2", "kPa", "7.99", 59.92991990642),
    ("paco2", "kPa", "5", 37.50307879),
    ("a-a-gradient", "kPa", "4", 30.002463032),
    ("a-a-gradient", "mm[Hg]", "-3", -3.0),
    ("pf-ratio", "kPa", "40", 300.02463032),
    ("pf-ratio", "mm[Hg]", "10", 10.0),
    ("fio2", "1", "0.21", 0.21),
    ("fio2", "{fraction}", "0.4", 0.4),
    ("fio2", "%", "21", 0.21),
    ("fio2", "%", "100", 1.0),
    ("spo2", "%", "89.9", 89.9),
    ("spo2", "1", "0.9", 90.0),
    ("spo2", "1", "1", 100.0),
    ("weight", "g", "70500", 70.5),
    ("weight", "[lb_av]", "100", 45.359237),
    ("height", "m", "1.65", 165.0),
    ("height", "[in_i]", "65", 165.1),
    ("egfr", "mL/min/{1.73_m2}", "29.9", 29.9),
    ("egfr", "mL/min/1.73.m2", "30", 30.0),
    ("tacrolimus-level", "ug/L", "15", 15.0),
    ("tacrolimus-level", "nmol/L", "10", 8.04018),
    ("cyclosporine-level", "ug/mL", "0.8", 800.0),
    ("cyclosporine-level", "nmol/L", "100", 120.261),
    ("cyclosporine-level", "umol/L", "1", 1202.61),
    ("hcg", "[IU]/L", "5", 5.0),
    ("hcg", "[IU]/mL", "0.005", 5.0),
    ("beta-d-glucan", "ng/mL", "0.08", 80.0),
]


@pytest.mark.parametrize(("concept", "unit", "value", "canonical"), ONE_UNIT)
def test_a_ucum_unit_is_converted_exactly(concept: str, unit: str, value: str, canonical: float) -> None:
    read = amount(concept, Decimal(value), unit, None)
    assert isinstance(read, Amount)
    assert read.value == canonical


@pytest.mark.parametrize(
    ("concept", "unit", "mass"),
    [
        ("ferritin", "pmol/L", "445 kDa"),
        ("crp", "nmol/L", "105 kDa"),
        ("tacrolimus-level", "nmol/L", "804.02"),
        ("cyclosporine-level", "umol/L", "1202.61"),
    ],
)
def test_an_assumed_molar_mass_is_told(concept: str, unit: str, mass: str) -> None:
    read = amount(concept, Decimal(10), unit, None)
    assert isinstance(read, Amount)
    assert mass in (read.assumption or "")
    plain = amount(concept, Decimal(10), "ug/L" if concept != "crp" else "mg/L", None)
    assert isinstance(plain, Amount)
    assert plain.assumption is None


@pytest.mark.parametrize(
    ("concept", "text", "value", "canonical"),
    [
        ("ferritin", "µg/L", "600", 600.0),  # MICRO SIGN
        ("ferritin", "μg/L", "600", 600.0),  # GREEK SMALL LETTER MU
        ("ferritin", "mcg/L", "600", 600.0),
        ("ferritin", "ng/ml", "600", 600.0),
        ("ferritin", "NG/ML", "600", 600.0),
        ("crp", "mg/dl", "1.2", 12.0),
        ("crp", "mg/l", "12", 12.0),
        ("pao2", "mmHg", "60", 60.0),
        ("pao2", "mm Hg", "60", 60.0),
        ("pao2", "Torr", "60", 60.0),
        ("pao2", "kpa", "8", 60.004926064),
        ("hcg", "mIU/mL", "5", 5.0),
        ("hcg", "IU/L", "5", 5.0),
        ("egfr", "mL/min/1.73m2", "60", 60.0),
        ("egfr", "mL/min/1.73 m²", "60", 60.0),
        ("weight", "lbs", "100", 45.359237),
        ("spo2", "percent", "95", 95.0),
    ],
)
def test_a_unit_text_is_read_where_there_is_no_code(concept: str, text: str, value: str, canonical: float) -> None:
    for stated in (amount(concept, Decimal(value), None, text), amount(concept, Decimal(value), text, None)):
        assert isinstance(stated, Amount)
        assert stated.value == canonical


@pytest.mark.parametrize(
    ("concept", "value", "code", "unit", "why"),
    [
        ("ferritin", "1000", None, None, "without a unit"),
        ("crp", "12", None, None, "without a unit"),
        ("ferritin", "1000", "mmol/L", None, "mmol/L cannot be converted to ng/mL"),
        ("ferritin", "1000", "mmol/L", "ng/mL", "cannot be converted"),
        ("crp", "12", "mg/L", "mg/dL", "mg/L and its unit text mg/dL"),
        ("egfr", "45", "mL/min", None, "no eGFR"),
        ("ferritin", "-1", "ng/mL", None, "negative"),
        ("weight", "0", "kg", None, "zero"),
        ("spo2", "0.93", "%", None, "neither"),
        ("spo2", "93", "1", None, "neither"),
        ("spo2", "101", "%", None, "neither"),
        ("fio2", "0.2", "1", None, "neither"),
        ("fio2", "1.01", "1", None, "neither"),
        ("fio2", "20.9", "%", None, "neither"),
        ("fio2", "0.4", "%", None, "neither"),
        ("fio2", "40", "1", None, "neither"),
        ("pf-ratio", "9.9", "mm[Hg]", None, "too small"),
        ("pf-ratio", "1.3", "kPa", None, "too small"),
        ("ferritin", "Infinity", "ng/mL", None, "finite"),
        ("ferritin", "1e308", "mg/L", None, "beyond"),
        ("weight", "70", "x" * 200, None, "its unit cannot be converted to kg"),
    ],
)
def test_what_cannot_be_compared_says_why(
    concept: str, value: str, code: str | None, unit: str | None, why: str
) -> None:
    read = amount(concept, Decimal(value), code, unit)
    assert isinstance(read, Unusable)
    assert why in read.why


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        *(("0.21", 0.21), ("1", 1.0), ("21", 0.21), ("40", 0.4), ("100", 1.0)),
        *(("0.2", None), ("1.5", None), ("20.9", None), ("100.1", None), ("0", None)),
    ],
)
def test_only_an_inspired_fraction_may_come_without_unit(value: str, fraction: float | None) -> None:
    read = amount("fio2", Decimal(value), None, None)
    assert (read.value if isinstance(read, Amount) else None) == fraction


def test_a_code_and_a_text_that_write_the_same_size_agree() -> None:
    assert amount("ferritin", Decimal(600), "ug/L", "ng/mL") == Amount(600.0, "ng/mL")


def test_the_canonical_units_are_those_of_the_knowledge() -> None:
    """A value of the canonical unit comes back as it is: the rules compare in the unit that the reader converts to."""
    measured = {
        concept.id: concept.canonical for concept in load_guideline().observations.values() if concept.canonical
    }
    assert measured.keys() >= {"ferritin", "crp", "pao2", "pf-ratio", "egfr", "weight"}
    for concept, unit in measured.items():
        value = Decimal("0.5") if concept == "fio2" else Decimal(90)
        assert amount(concept, value, unit, None) == Amount(float(value), unit), concept
