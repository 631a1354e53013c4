"""What a derived gradient rests on: the site's barometric pressure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_cards.blood_gas import altitude
from cds_cards.gas import gases
from cds_cards.knowledge import load_guideline
from tests.unit.cds_cards.facts import AS_OF, record, result

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
