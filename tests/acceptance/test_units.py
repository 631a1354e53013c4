"""Contract, section 3: units: what is converted, what is read without a code, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CRP,
    FERRITIN,
    FIO2,
    PAO2,
    PF,
    SPO2,
    UCUM,
    Json,
    ago,
    assess,
    coded,
    condition,
    gap_ids,
    ignored,
    obs,
    ref,
)


def _factor(client: FlaskClient, resource: Json, factor: str = "ferritin-over-1000") -> Json:
    found = assess(client, resource)
    return next(each for each in found["risk"]["factors"] if each["id"] == factor)


def _plain(value: Any, **parts: Any) -> Json:
    return {"value": value, **parts}


FERRITINS = [
    (_plain(1200, unit="ng/mL", system=UCUM, code="ng/mL"), 1200),
    (_plain(1200, system=UCUM, code="ug/L"), 1200),
    (_plain(1.2, system=UCUM, code="mg/L"), 1200),
    (_plain(120, system=UCUM, code="ug/dL"), 1200),
    (_plain(1200, system=UCUM, code="pmol/L"), 534),
    # no code: the unit is read, as real feeds write it
    *(
        (_plain(1200, unit=unit), 1200)
        for unit in ("ng/mL", "ng/ml", "NG/ML", "µg/L", "μg/L", "ug/l", "mcg/L", "mcg/l", "ng / mL", " ng/mL ")
    ),
    (_plain(1200, unit="ng/mL", code=None, system=None), 1200),
    (_plain(1200, unit="ng/mL", code="", system=""), 1200),
    (_plain("1200", unit="ng/mL"), 1200),
    (_plain(1200, unit="ng/mL", system="https://hospital.example.org/units", code="NGML"), 1200),
]
REFUSED = [
    _plain(1200),
    _plain(1200, unit=""),
    _plain(1200, unit="units"),
    _plain(1200, unit="ng"),
    _plain(1200, unit="ng/dL"),
    _plain(1200, unit="mmol/L", system=UCUM, code="mmol/L"),
    _plain(1200, unit="ng/mL", system=UCUM, code="mmol/L"),
    _plain(1200, unit="mg/L", system=UCUM, code="ng/mL"),  # code and text contradict each other
    _plain(-5, unit="ng/mL"),
    _plain("NaN", unit="ng/mL"),
    _plain(True, unit="ng/mL"),
    _plain(None, unit="ng/mL"),
]


@pytest.mark.parametrize(("amount", "value"), FERRITINS)
def test_ferritin(client: FlaskClient, amount: Json, value: float) -> None:
    found = _factor(client, obs(FERRITIN, valueQuantity=amount))
    assert (found["value"], found["unit"]) == (pytest.approx(value), "ng/mL")


@pytest.mark.parametrize("amount", REFUSED)
@pytest.mark.parametrize("code", [FERRITIN, CRP])
def test_refused_and_named(client: FlaskClient, code: str, amount: Json) -> None:
    if code == CRP and (amount.get("unit"), amount.get("code")) == ("mg/L", "ng/mL"):
        amount = {**amount, "code": "mg/dL"}
    resource = obs(code, valueQuantity=amount)
    found = assess(client, resource)
    assert ref(resource) in ignored(found)
    assert {"ferritin", "crp"} <= gap_ids(found)
    assert found["risk"]["level"] == "indeterminate"


CRPS = [
    (_plain(1.2, system=UCUM, code="mg/dL"), 12),
    (_plain(12, system=UCUM, code="mg/L"), 12),
    (_plain(12, system=UCUM, code="ug/mL"), 12),
    (_plain(12, unit="µg/mL"), 12),
    (_plain(12, unit="mcg/mL"), 12),
    (_plain(1.2, unit="mg/dl"), 12),
    (_plain(12, unit="mg/l"), 12),
    (_plain(12, unit="MG/L"), 12),
    (_plain(120, system=UCUM, code="nmol/L"), 12.6),
]


@pytest.mark.parametrize(("amount", "value"), CRPS)
def test_crp_in_mg_per_litre(client: FlaskClient, amount: Json, value: float) -> None:
    found = _factor(client, obs(CRP, valueQuantity=amount), "crp-over-1")
    assert (found["status"], found["value"], found["unit"]) == ("present", pytest.approx(value), "mg/L")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1200 ng/mL", 1200), ("1200,5 ug/L", 1200.5), ("1,200 ng/mL", None), ("1.200 ng/mL", None), ("1200", None)],
)
def test_a_number_written_as_text(client: FlaskClient, text: str, value: float | None) -> None:
    found = _factor(client, obs(FERRITIN, text))
    assert found.get("value") == value
    assert found["status"] == ("present" if value else "unknown")


FRACTIONS = [
    # PaO2 55 mmHg: below 100 from 0.56 on
    (_plain(0.6), "yes"),
    (_plain(60), "yes"),
    (_plain(1), "yes"),
    (_plain(100), "yes"),
    (_plain(60, system=UCUM, code="%"), "yes"),
    (_plain(60, unit="%"), "yes"),
    (_plain(60, unit="percent"), "yes"),
    (_plain(0.6, system=UCUM, code="1"), "yes"),
    (_plain(0.6, system=UCUM, code="{fraction}"), "yes"),
    (_plain(0.21), "no"),
    (_plain(21), "no"),
    (_plain(0.2), "unknown"),
    (_plain(20.9), "unknown"),
    (_plain(1.5), "unknown"),
    (_plain(101), "unknown"),
    (_plain(0.6, system=UCUM, code="%"), "unknown"),
    (_plain(60, system=UCUM, code="1"), "unknown"),
    (_plain(4, unit="L/min"), "unknown"),
]


@pytest.mark.parametrize(("amount", "expected"), FRACTIONS)
def test_fio2(client: FlaskClient, amount: Json, expected: str) -> None:
    oxygen = obs(FIO2, valueQuantity=amount)
    found = assess(client, obs(PAO2, 55, "mm[Hg]"), oxygen)
    assert found["respiratoryFailure"]["lifeThreatening"] == expected
    assert (ref(oxygen) in ignored(found)) == (expected == "unknown")


PRESSURES = [
    (_plain(59, unit="mmHg"), True),
    (_plain(59, unit="mm Hg"), True),
    (_plain(59, unit="Torr"), True),
    (_plain(59, unit="mm[Hg]", system=UCUM, code="mm[Hg]"), True),
    (_plain(7.9, unit="kPa"), True),
    (_plain(7.9, unit="kpa"), True),
    (_plain(8.1, system=UCUM, code="kPa"), False),
    (_plain(61, unit="mmHg"), False),
    (_plain(59, unit="%"), None),
    (_plain(59), None),
    (_plain(0, unit="mmHg"), None),
]


@pytest.mark.parametrize(("amount", "low"), PRESSURES)
def test_pressure(client: FlaskClient, amount: Json, low: bool | None) -> None:
    gas = obs(PAO2, valueQuantity=amount)
    found = assess(client, condition("Interstitial lung disease"), gas)
    assert found["lungDisease"]["status"] == ("rpild" if low else "ild")
    assert (ref(gas) in ignored(found)) == (low is None)


def test_a_ratio_computed_with_percent_is_refused(client: FlaskClient) -> None:
    gas = obs(PF, 2.5, "mm[Hg]")
    found = assess(client, gas)
    assert found["respiratoryFailure"]["lifeThreatening"] == "unknown"
    assert ref(gas) in ignored(found)


@pytest.mark.parametrize(
    ("first", "second", "low"),
    [
        (_plain(85, unit="%"), _plain(86, system=UCUM, code="%"), True),
        (_plain(0.85, system=UCUM, code="1"), _plain(86, unit="%"), True),
        (_plain(85, unit="%"), _plain(86), False),
        (_plain(85, unit="%"), _plain(86, system=UCUM, code="1"), False),
    ],
)
def test_saturation(client: FlaskClient, first: Json, second: Json, low: bool) -> None:
    pair = [obs(SPO2, valueQuantity=first), obs(SPO2, valueQuantity=second, effectiveDateTime=ago(1, hours=3))]
    found = assess(client, condition("Interstitial lung disease"), *pair)
    assert found["lungDisease"]["status"] == ("rpild" if low else "ild")


def test_a_component_has_its_own_unit(client: FlaskClient) -> None:
    parts = [
        {"code": coded(FERRITIN), "valueQuantity": _plain(1200, unit="µg/L")},
        {"code": coded(CRP), "valueQuantity": _plain(9, unit="furlong")},
    ]
    panel = obs({"text": "Panel"}, component=parts)
    found = assess(client, panel)
    states = {each["id"]: each["status"] for each in found["risk"]["factors"]}
    assert (states["ferritin-over-1000"], states["crp-over-1"]) == ("present", "unknown")
    assert ref(panel) in ignored(found)
