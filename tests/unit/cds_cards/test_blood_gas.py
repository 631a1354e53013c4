"""What the values of a blood gas rest on: what was reported, and the site's barometric pressure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_cards.blood_gas import altitude, same_gas
from cds_cards.gas import gases
from cds_cards.knowledge import load_guideline
from tests.unit.cds_cards.facts import AS_OF, ago, record, result

POLICY = load_guideline().policy


@pytest.mark.parametrize(
    ("pressure", "told"),
    [(641.0, "sea level (641 mmHg, site policy)"), (641.5, "sea level (641.5 mmHg, site policy)")],
)
def test_a_derived_gradient_names_the_sites_pressure(pressure: float, told: str) -> None:
    """0.5 × (pressure - 47) - 40 / 0.8 - 80."""
    policy = replace(POLICY, barometric_pressure=pressure)
    (gradient,) = gases(
        record(result("pao2", 80), result("paco2", 40), result("fio2", 0.5)), (56, 56), policy, AS_OF
    ).gradients
    assert altitude(policy) == told
    assert gradient.recorded == f"PaO2 80 mmHg, PaCO2 40 mmHg, FiO2 0.5, for {told}"
    assert gradient.value == pytest.approx(0.5 * (pressure - 47) - 130)


def test_a_reported_value_is_told_as_it_was_recorded() -> None:
    facts = [
        result("pf-ratio", 250, recorded="33.3 kPa"),
        result("a-a-gradient", 30, recorded="4 kPa"),
        result("pao2", 60, recorded="8 kPa"),
    ]
    found = gases(record(*facts), (56, 56), POLICY, AS_OF)
    told = [value.recorded for value in (*found.ratios, *found.gradients, *found.pressures)]
    assert told == ["33.3 kPa", "4 kPa", "8 kPa"]
    assert not any(value.derived for value in (*found.ratios, *found.gradients, *found.pressures))


@pytest.mark.parametrize(("minutes", "joined"), [(30, True), (31, False), (-30, True), (-31, False)])
@pytest.mark.parametrize("window", [30, 90])
def test_the_nearest_within_the_sites_window_belongs_to_the_gas(window: float, minutes: float, joined: bool) -> None:
    policy = replace(POLICY, gas_window_minutes=window)
    pao2, other = result("pao2", 60), result("fio2", 0.3, ago(1, minutes=minutes))
    found = same_gas(pao2, [other], policy)
    assert found is (other if joined or window == 90 else None)
    nearer = result("fio2", 0.5, ago(1, minutes=minutes / 2))
    oldest_first = sorted([other, nearer], key=lambda fact: fact.when.start)
    assert same_gas(pao2, oldest_first, policy) is nearer
    assert same_gas(pao2, [], policy) is None
