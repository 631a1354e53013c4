"""Hypoxaemia in words and by censored, preliminary and unnumbered values, in the zone and by the limits of the site."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.gas import Gases, gases, hypoxaemic
from cds_cards.hypoxaemia import of_saturations
from cds_cards.knowledge import load_guideline
from cds_cards.policy import Policy
from cds_cards.timeline import When
from tests.unit.build import Fact
from tests.unit.cds_cards.facts import AS_OF, ago, at, record, result

M, N, U = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
POLICY = load_guideline().policy
CALIFORNIA = replace(POLICY, zone="America/Los_Angeles")
AGE = (56, 56)
"""The limit of the gradient on room air is 28 mmHg."""


def breath(*facts: Fact, age: tuple[int, int] | None = AGE, policy: Policy = POLICY) -> Gases:
    return gases(record(*facts), age, policy, AS_OF)


def now(*facts: Fact, policy: Policy = POLICY, born: str | None = "1970-01-01") -> tuple[Verdict, str]:
    patient = record(*facts, born=born)
    return hypoxaemic(gases(patient, AGE, policy, AS_OF), patient, policy, AS_OF)


def because(found: Gases) -> list[str]:
    return [event.because for event in found.hypoxaemia]


# --- censored values ---


@pytest.mark.parametrize(
    ("value", "comparator", "verdict"),
    [(28, ">", M), (27, ">", U), (28, ">=", U), (28.1, ">=", M), (28, "<", N), (40, "<", U), (28, "<=", N)],
)
def test_a_censored_gradient_on_room_air(value: float, comparator: str, verdict: Verdict) -> None:
    facts = [result("a-a-gradient", value, comparator=comparator), result("fio2", 0.21)]
    assert now(*facts)[0] is verdict
    assert because(breath(*facts)) == (
        [f"A-aDO2 on room air {comparator}{value} mmHg on 2026-02-28 (limit by age 28 mmHg)"] if verdict is M else []
    )


def test_a_censored_pressure_is_told_with_its_sign() -> None:
    assert because(breath(result("pao2", 55, comparator="<"))) == ["PaO2 <55 mmHg on 2026-02-28 (limit 60 mmHg)"]


@pytest.mark.parametrize(("first", "second"), [(None, "<"), ("<", None), ("<", "<=")])
def test_censored_saturations_are_told_with_their_signs(first: str | None, second: str | None) -> None:
    facts = [result("spo2", 88, ago(1, hours=3), comparator=first), result("spo2", 87, comparator=second)]
    assert because(breath(*facts)) == [
        f"SpO2 {second or ''}87 % on 2026-02-28 and {first or ''}88 % within 24 hours before (limit 90 %, twice)"
    ]


# --- saturations ---


@pytest.mark.parametrize(
    ("value", "comparator", "verdict"),
    [
        (90, "<", M),
        (91, "<", U),
        (89, "<=", M),
        (90, "<=", U),
        (85, ">", U),
        (85, ">=", U),
        (90, ">=", N),
        (90, ">", N),
    ],
)
def test_a_censored_saturation_counts_only_for_sure(value: float, comparator: str, verdict: Verdict) -> None:
    """Of three hours before and now."""
    low, censored = result("spo2", 88, ago(1, hours=3)), result("spo2", value, comparator=comparator)
    assert breath(low, censored).saturations[-1].verdict is verdict
    assert now(low, censored)[0] is verdict


def test_a_saturation_that_is_not_low_is_told_and_named() -> None:
    fact = result("spo2", 95)
    assert now(fact) == (
        N,
        "no limit crossed by the newest values within 3 days: SpO2 95 % on 2026-02-28 (limit 90 %, twice)",
    )
    assert [reading.sources for reading in breath(fact).saturations] == [(fact.source,)]


def test_a_saturation_without_a_number_is_passed_over() -> None:
    facts = [result("spo2", None, ago(2)), result("spo2", 88, ago(1, hours=3)), result("spo2", 87)]
    assert [reading.verdict for reading in of_saturations(facts, POLICY)] == [N, M]


# --- the site's limits and its calendar ---


def test_the_limits_told_are_the_sites() -> None:
    site = replace(POLICY, hypoxaemia_pao2=61.5, hypoxaemia_pf=301.5, hypoxaemia_spo2=91.5)
    assert now(result("pao2", 61), policy=site)[1] == "PaO2 61 mmHg on 2026-02-28 (limit 61.5 mmHg)"
    assert now(result("pf-ratio", 301), policy=site)[1] == "PaO2/FiO2 301 mmHg on 2026-02-28 (limit 301.5 mmHg)"
    low = [result("spo2", 91, ago(1, hours=2)), result("spo2", 91)]
    assert now(*low, policy=site)[1] == (
        "SpO2 91 % on 2026-02-28 and 91 % within 24 hours before (limit 91.5 %, twice)"
    )


EVENING = at("2026-02-28T02:00")
"""In California the 27th."""


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([result("pao2", 50, EVENING)], "PaO2 50 mmHg on 2026-02-27 "),
        ([result("pf-ratio", 250, EVENING)], "PaO2/FiO2 250 mmHg on 2026-02-27 "),
        (
            [result("a-a-gradient", 50, EVENING), result("fio2", 0.21, EVENING)],
            "A-aDO2 on room air 50 mmHg on 2026-02-27 ",
        ),
        ([result("spo2", 80, at("2026-02-28T01:00")), result("spo2", 80, EVENING)], "SpO2 80 % on 2026-02-27 "),
    ],
    ids=["pressure", "ratio", "gradient", "saturation"],
)
def test_the_day_told_is_the_sites(facts: list[Fact], said: str) -> None:
    (told,) = because(breath(*facts, policy=CALIFORNIA))
    assert told.startswith(said)
    assert now(*facts, policy=CALIFORNIA)[1] == told


def test_the_day_told_is_the_sites_without_an_age_too() -> None:
    facts = [result("a-a-gradient", 50, EVENING), result("fio2", 0.21, EVENING)]
    verdict, why = now(*facts, policy=CALIFORNIA, born=None)
    assert verdict is U
    assert why.endswith(": A-aDO2 on room air 50 mmHg on 2026-02-27 (limit by age, which is unknown)")


@pytest.mark.parametrize(("hour", "verdict"), [(2, M), (9, N)])
def test_the_age_that_bounds_the_gradient_is_that_of_the_sites_day(hour: int, verdict: Verdict) -> None:
    """Born on the 1st of March 1970 in California: 55 until eight o'clock UTC, 27.75 mmHg; then 56, 28 mmHg."""
    then = datetime(2026, 3, 1, hour, tzinfo=UTC)
    born = When(datetime(1970, 3, 1, 8, tzinfo=UTC), datetime(1970, 3, 2, 7, 59, tzinfo=UTC), "1970-03-01")
    patient = record(result("a-a-gradient", 27.9), result("fio2", 0.21))
    patient = replace(patient, person=replace(patient.person, born=born))
    found = hypoxaemic(gases(patient, AGE, CALIFORNIA, then), patient, CALIFORNIA, then)[0]
    assert found is verdict


# --- preliminary values beside final ones ---

CURRENT: list[tuple[float, bool]] = [(2.9, False), (3, False), (3.1, True)]
"""The age of a final value in days, and whether the preliminary one of yesterday counts beside it."""


@pytest.mark.parametrize("concept", ["paco2", "fio2"])
@pytest.mark.parametrize(("days", "kept"), CURRENT)
def test_a_preliminary_part_of_a_gas_gives_way_to_a_final_one_of_these_days(
    concept: str, days: float, kept: bool
) -> None:
    values: dict[str, float] = {"pao2": 70, "paco2": 40, "fio2": 0.5}
    facts: list[Any] = [result(name, value, preliminary=name == concept) for name, value in values.items()]
    facts.append(result(concept, values[concept], ago(days)))
    for order in permutations(facts):
        found = breath(*order)
        assert bool(found.gradients) is kept
        assert bool(found.ratios) is (kept or concept == "paco2")


@pytest.mark.parametrize(("concept", "low", "high"), [("pf-ratio", 200, 400), ("a-a-gradient", 50, 10)])
@pytest.mark.parametrize(("days", "kept"), CURRENT)
def test_a_preliminary_reported_value_gives_way_to_a_final_one_of_these_days(
    concept: str, low: float, high: float, days: float, kept: bool
) -> None:
    facts = [result(concept, low, preliminary=True), result(concept, high, ago(days))]
    found = breath(*facts)
    values = found.ratios if concept == "pf-ratio" else found.gradients
    assert [value.value for value in values] == ([high, low] if kept else [high])


@pytest.mark.parametrize(("days", "kept"), CURRENT)
def test_a_preliminary_saturation_gives_way_to_a_final_one_of_these_days(days: float, kept: bool) -> None:
    found = breath(result("spo2", 85, preliminary=True), result("spo2", 97, ago(days)))
    assert [reading.value for reading in found.saturations] == ([97, 85] if kept else [97])


# --- two values of one instant: the worse, whatever their names ---


@pytest.mark.parametrize(("high", "low"), [("a", "b"), ("b", "a")])
def test_of_two_values_of_one_instant_the_worse_counts(high: str, low: str) -> None:
    def both(concept: str, *values: float) -> list[Any]:
        return [result(concept, value, id=name) for value, name in zip(values, (high, low), strict=True)]

    def kept(*facts: Any) -> list[list[float]]:
        found = [breath(*order) for order in permutations(facts)]
        assert all(other == found[0] for other in found)
        kinds = (found[0].pressures, found[0].ratios, found[0].gradients, found[0].saturations)
        return [[round(value.value, 3) for value in kind] for kind in kinds]

    assert kept(*both("pao2", 80, 60)) == [[60], [], [], []]
    assert kept(*both("pf-ratio", 300, 200)) == [[], [200], [], []]
    assert kept(*both("a-a-gradient", 60, 30)) == [[], [], [60], []]
    assert kept(*both("spo2", 95, 85)) == [[], [], [], [85]]
    # more oxygen makes a ratio lower, less carbon dioxide a gradient wider
    assert kept(result("pao2", 60), *both("fio2", 0.6, 0.3)) == [[60], [100], [], []]
    gas = (result("pao2", 60), result("fio2", 0.5))
    assert kept(*gas, *both("paco2", 48, 40)) == [[60], [120], [246.5], []]
