"""Blood gases: which values belong together, what is derived, and every limit of hypoxaemia at its edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from cds_cards.criteria import Verdict
from cds_cards.gas import Gases, gases, hypoxaemic
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.timeline import When
from tests.unit.cds_cards.facts import AS_OF, ago, at, record, result, unread

AGE = (56, 56)  # limit of the gradient on room air: 56/4 + 14 = 28 mmHg
M, N, U = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.fixture
def breath(guideline):
    def read(*facts, age=AGE, **rest) -> Gases:
        return gases(record(*facts, **rest), age, guideline.policy, AS_OF)

    return read


@pytest.fixture
def now(guideline):
    def judge(*facts, **rest) -> tuple[Verdict, str]:
        patient = record(*facts, born="1970-01-01", **rest)
        return hypoxaemic(gases(patient, AGE, guideline.policy, AS_OF), patient, guideline.policy, AS_OF)

    return judge


def test_a_gradient_and_a_ratio_are_derived_from_one_gas(breath):
    found = breath(result("pao2", 80), result("paco2", 40), result("fio2", 0.5))
    (gradient,), (ratio,), (pressure,) = found.gradients, found.ratios, found.pressures
    assert gradient.value == pytest.approx(0.5 * 713 - 50 - 80)
    assert (ratio.value, pressure.value) == (160, 80)
    assert gradient.derived
    assert ratio.derived
    assert not pressure.derived
    assert gradient.fio2 == ratio.fio2 == pressure.fio2 == 0.5
    assert len(gradient.sources) == 3
    assert len(ratio.sources) == 2
    assert "PaO2 80 mmHg, PaCO2 40 mmHg, FiO2 0.5" in gradient.recorded


@pytest.mark.parametrize(("minutes", "joined"), [(29, True), (30, True), (31, False), (-30, True), (-31, False)])
@pytest.mark.parametrize("late", ["paco2", "fio2"])
def test_one_gas_is_what_lies_within_half_an_hour(breath, late, minutes, joined):
    times = {"pao2": ago(1), "paco2": ago(1), "fio2": ago(1), late: ago(1, minutes=minutes)}
    found = breath(*(result(name, 0.5 if name == "fio2" else 70, when) for name, when in times.items()))
    assert bool(found.gradients) is joined
    assert bool(found.ratios) is (joined or late == "paco2")


def test_values_of_one_resource_belong_together_though_only_the_day_is_known(breath):
    day = at("2026-02-27")
    assert not breath(result("pao2", 60, day), result("fio2", 0.3, day)).ratios
    panel = [result("pao2", 60, day, id="p"), result("fio2", 0.3, day, id="p")]
    assert [ratio.value for ratio in breath(*panel).ratios] == [200]


def test_of_several_fio2_the_nearest_in_time_counts(breath):
    facts = [
        result("pao2", 60, ago(1)),
        result("fio2", 0.3, ago(1, minutes=10)),
        result("fio2", 0.6, ago(1, minutes=20)),
        result("fio2", 0.9, ago(1, minutes=-25)),
    ]
    for order in permutations(facts):
        assert [ratio.value for ratio in breath(*order).ratios] == [200]


def test_at_one_distance_the_higher_fio2_counts(breath):
    facts = [
        result("pao2", 60, ago(1)),
        result("fio2", 0.3, ago(1, minutes=10)),
        result("fio2", 0.6, ago(1, minutes=-10)),
    ]
    for order in permutations(facts):
        assert [ratio.value for ratio in breath(*order).ratios] == [100]


@pytest.mark.parametrize(
    ("fio2", "joined"), [("2026-02-28T10:29", True), ("2026-02-28T10:30", True), ("2026-02-28T10:31", False)]
)
def test_the_whole_of_a_partial_time_lies_within_the_window(breath, fio2, joined):
    """A PaO2 at 10:00, or within an hour that begins then: the FiO2 must be near whichever minute it was."""
    hour = When(ago(1).start - timedelta(minutes=30), ago(1).start, "half past nine to ten")
    assert bool(breath(result("pao2", 60, ago(1)), result("fio2", 0.3, at(fio2))).ratios) is joined
    assert not breath(result("pao2", 60, hour), result("fio2", 0.3, at(fio2))).ratios
    assert breath(result("pao2", 60, hour), result("fio2", 0.3, at("2026-02-28T10:00"))).ratios
    assert breath(result("pao2", 60, hour), result("fio2", 0.3, at("2026-02-28T09:30"))).ratios
    assert not breath(result("pao2", 60, hour), result("fio2", 0.3, at("2026-02-28T10:01"))).ratios


def test_no_ratio_without_oxygen(breath):
    found = breath(result("pao2", 60), result("fio2", 0))
    assert (found.ratios, found.gradients) == ((), ())


def test_what_a_derived_value_rests_on_is_said(breath):
    facts = [result("pao2", 80, id="o"), result("paco2", 40, id="c"), result("fio2", 0.5, id="f")]
    (gradient,), (ratio,) = breath(*facts).gradients, breath(*facts).ratios
    assert gradient.recorded == ("PaO2 80 mmHg, PaCO2 40 mmHg, FiO2 0.5, for sea level (760 mmHg, site policy)")
    assert ratio.recorded == "PaO2 80 mmHg at FiO2 0.5"
    assert gradient.sources == ("Observation/o", "Observation/c", "Observation/f")
    assert ratio.sources == ("Observation/o", "Observation/f")
    assert (gradient.when, ratio.when) == (facts[0].when, facts[0].when)
    assert (gradient.value, ratio.value) == (226.5, 160)


def test_values_of_a_kind_stand_oldest_first(breath):
    days = [result("pf-ratio", value, ago(value)) for value in (3, 1, 2)]
    for order in permutations(days):
        assert [value.value for value in breath(*order).ratios] == [3, 2, 1]
    gas = [result("pao2", 60, ago(2)), result("fio2", 0.5, ago(2)), result("pf-ratio", 300, ago(1))]
    assert [value.derived for value in breath(*gas).ratios] == [True, False]


@pytest.mark.parametrize("minutes", [0, 20, 30])
def test_a_reported_value_of_the_same_gas_wins(breath, minutes):
    drawn = [result("pao2", 60), result("paco2", 40), result("fio2", 0.3)]
    reported = [result("pf-ratio", 250, ago(1, minutes=minutes)), result("a-a-gradient", 99, ago(1, minutes=minutes))]
    found = breath(*drawn, *reported)
    assert [(v.value, v.derived, v.fio2) for v in found.ratios] == [(250, False, 0.3)]
    assert [(v.value, v.derived, v.fio2) for v in found.gradients] == [(99, False, 0.3)]
    apart = breath(*drawn, result("pf-ratio", 250, ago(1, minutes=31)))
    assert [v.value for v in apart.ratios] == [250, 200]


@pytest.mark.parametrize("variant", ["venous", "capillary", "unspecified", ""])
def test_only_arterial_codes_count(breath, variant):
    found = breath(result("pao2", 40, variant=variant), result("pf-ratio", 80, variant=variant), result("fio2", 0.5))
    assert found == Gases((), (), (), ())
    assert not breath(result("pao2", 40), result("fio2", 0.5), result("paco2", 40, variant=variant)).gradients


def test_a_censored_pressure_decides_what_it_can(breath):
    found = breath(result("pao2", 40, comparator="<"), result("paco2", 40), result("fio2", 0.5))
    assert (found.ratios[0].value, found.ratios[0].comparator) == (80, "<")
    assert found.gradients[0].comparator == ">"
    assert not breath(result("pao2", 60), result("fio2", 0.5, comparator=">")).ratios
    assert not breath(result("pao2", 60), result("fio2", 0.5), result("paco2", 40, comparator="<")).gradients


def test_of_one_instant_the_later_issued_else_the_worse(breath):
    facts = [result("pao2", 55), result("pao2", 75)]
    assert [v.value for v in breath(*facts).pressures] == [55]
    assert [v.value for v in breath(*reversed(facts)).pressures] == [55]
    corrected = [result("pao2", 55, issued=ago(0.9).start), result("pao2", 75, issued=ago(0.8).start)]
    assert [v.value for v in breath(*corrected).pressures] == [75]


@pytest.mark.parametrize(("final_days", "kept"), [(2.9, [80]), (3, [80]), (3.1, [80, 55])])
def test_a_preliminary_gas_gives_way_to_a_final_one_of_these_days(breath, final_days, kept):
    facts = [result("pao2", 55, ago(0.5), preliminary=True), result("pao2", 80, ago(final_days))]
    assert [v.value for v in breath(*facts).pressures] == kept


@pytest.mark.parametrize(
    ("fact", "low"),
    [
        (("pao2", 59.9), True),
        (("pao2", 60), False),
        (("pao2", 60.1), False),
        (("pf-ratio", 299.9), True),
        (("pf-ratio", 300), False),
        (("pf-ratio", 300.1), False),
    ],
)
def test_limits_of_pressure_and_ratio(breath, fact, low):
    assert bool(breath(result(*fact)).hypoxaemia) is low


@pytest.mark.parametrize(("comparator", "value", "low"), [("<", 60, True), ("<", 61, False), (">", 60, False)])
def test_limits_with_censored_values(breath, comparator, value, low):
    assert bool(breath(result("pao2", value, comparator=comparator)).hypoxaemia) is low


def test_a_derived_ratio_at_the_limit_is_not_below_it(breath):
    assert not breath(result("pao2", 84), result("fio2", 0.28)).hypoxaemia  # 84 / 0.28 = 300


@pytest.mark.parametrize(
    ("value", "fio2", "age", "high"),
    [
        (28.0, 0.21, AGE, False),
        (28.1, 0.21, AGE, True),
        (28.3, 0.21, (56, 57), True),  # 57/4 + 14 = 28.25
        (28.2, 0.21, (56, 57), False),
        (90.0, 0.211, AGE, False),
        (90.0, 0.22, AGE, False),
        (90.0, None, AGE, False),
        (90.0, 0.21, None, False),
    ],
)
def test_the_gradient_counts_on_room_air_only(breath, value, fio2, age, high):
    facts = [result("a-a-gradient", value)]
    if fio2 is not None:
        facts.append(result("fio2", fio2))
    assert bool(breath(*facts, age=age).hypoxaemia) is high


def test_a_derived_gradient_on_room_air(breath):
    """0.21 × (760 - 47) - 36 / 0.8 - PaO2 = 104.73 - PaO2; limit 28."""
    gas = [result("paco2", 36), result("fio2", 0.21)]
    assert not breath(*gas, result("pao2", 76.73)).hypoxaemia
    found = breath(*gas, result("pao2", 76.7)).hypoxaemia
    assert len(found) == 1
    assert "derived from PaO2 76.7 mmHg" in found[0].because


@pytest.mark.parametrize(
    ("values", "hours", "low"),
    [
        ((89, 89), 23, True),
        ((89, 89), 24, True),
        ((89, 89), 24.01, False),
        ((89, 90), 2, False),
        ((90, 89), 2, False),
        ((89,), 0, False),
        ((89, 89), 0, False),  # the same moment twice is one reading
    ],
)
def test_saturation_counts_when_low_twice_within_a_day(breath, values, hours, low):
    facts = [result("spo2", value, ago(1, hours=hours * place)) for place, value in enumerate(values)]
    found = breath(*facts).hypoxaemia
    assert bool(found) is low
    if low:
        assert found[0].when == ago(1)
        assert set(found[0].sources) == {fact.source for fact in facts}


def test_a_normal_saturation_between_two_low_ones_changes_nothing(breath):
    facts = [result("spo2", value, ago(1, hours=place)) for place, value in enumerate((88, 97, 87))]
    for order in permutations(facts):
        assert len(breath(*order).hypoxaemia) == 1


def test_two_days_without_a_time_may_lie_further_apart(breath):
    facts = [result("spo2", 85, at("2026-02-26")), result("spo2", 85, at("2026-02-27"))]
    assert not breath(*facts).hypoxaemia


def test_events_are_sorted_and_name_value_date_and_limit(breath):
    facts = [result("pao2", 50, ago(2)), result("pf-ratio", 120, ago(9)), result("pao2", 51, ago(5))]
    for order in permutations(facts):
        assert [event.because for event in breath(*order).hypoxaemia] == [
            "PaO2/FiO2 120 mmHg on 2026-02-20 (limit 300 mmHg)",
            "PaO2 51 mmHg on 2026-02-24 (limit 60 mmHg)",
            "PaO2 50 mmHg on 2026-02-27 (limit 60 mmHg)",
        ]


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ([result("pao2", 59, ago(3))], M),
        ([result("pao2", 59, ago(3.01))], U),
        ([result("pao2", 59, ago(2)), result("pao2", 70, ago(1))], N),  # the newest of its kind
        ([result("pao2", 70, ago(2)), result("pf-ratio", 250, ago(1))], M),  # any kind
        ([result("pao2", 70, ago(2)), result("spo2", 95, ago(1))], N),
        ([result("spo2", 88, ago(1)), result("spo2", 88, ago(1, hours=3))], M),
        ([result("spo2", 88, ago(1)), result("spo2", 95, ago(0.5))], N),
        ([result("spo2", 88, ago(1))], N),
        ([result("pao2", 62, ago(1), comparator="<")], U),
        ([result("pao2", 59, at("2026-02-26"))], U),  # three days ago, or a little more
        ([result("pao2", 59, at("2026-02-27"))], M),
        ([result("a-a-gradient", 29, ago(1)), result("fio2", 0.21, ago(1))], M),
        ([result("a-a-gradient", 29, ago(1)), result("fio2", 0.4, ago(1))], U),
        ([], U),
    ],
)
def test_hypoxaemic_now(now, facts, verdict):
    assert now(*facts)[0] is verdict


def test_hypoxaemic_is_not_denied_when_a_value_of_these_days_could_not_be_read(now):
    normal = result("pao2", 90, ago(1))
    assert now(normal)[0] is N
    assert now(normal, unread("observations", "spo2"))[0] is U
    assert now(normal, unread("observations", "spo2", when=ago(2)))[0] is U
    assert now(normal, unread("observations", "spo2", when=ago(4)))[0] is N
    assert now(normal, unread("observations", "ferritin"))[0] is N
    assert now(normal, answers={"observations": "partial"})[0] is U
    assert now(result("pao2", 50, ago(1)), unread("observations"), answers={"observations": "partial"})[0] is M


def test_two_low_saturations_are_told_together(breath):
    facts = [result("spo2", 88, ago(1, hours=3), id="a"), result("spo2", 87, ago(1), id="b")]
    (event,) = breath(*facts).hypoxaemia
    assert event.because == "SpO2 87 % on 2026-02-28 and 88 % within 24 hours before (limit 90 %, twice)"
    assert event.sources == ("Observation/a", "Observation/b")


def test_of_three_low_saturations_the_last_before_is_the_partner(breath):
    facts = [result("spo2", value, ago(1, hours=hours)) for value, hours in ((86, 30), (87, 20), (85, 0))]
    last = breath(*facts).hypoxaemia[-1]
    assert last.because.startswith("SpO2 85 % on 2026-02-28 and 87 %")
    assert last.sources == (facts[1].source, facts[2].source)


def test_a_gradient_without_an_age_decides_nothing(guideline):
    facts = [result("a-a-gradient", 90), result("fio2", 0.21)]
    patient = record(*facts, born=None)
    verdict, why = hypoxaemic(gases(patient, None, guideline.policy, AS_OF), patient, guideline.policy, AS_OF)
    assert verdict is U
    assert why == (
        "hypoxaemia within 3 days neither shown nor excluded: "
        "A-aDO2 on room air 90 mmHg on 2026-02-28 (limit by age, which is unknown)"
    )


def test_what_does_not_decide_is_said_whole(now):
    pressure, saturation = result("pao2", 90, ago(1)), result("spo2", 88, ago(1))
    told = "PaO2 90 mmHg on 2026-02-28 (limit 60 mmHg); SpO2 88 % on 2026-02-28, low once only (limit 90 %, twice)"
    assert now(pressure, saturation) == (N, f"no limit crossed by the newest values within 3 days: {told}")
    doubt = now(pressure, saturation, answers={"observations": "partial"})
    assert doubt == (U, f"hypoxaemia within 3 days neither shown nor excluded: {told}")
    assert now(pressure, result("pf-ratio", 120, ago(1)))[1] == "PaO2/FiO2 120 mmHg on 2026-02-28 (limit 300 mmHg)"
    # an old value of another kind is not among those of these days
    assert now(pressure, result("spo2", 80, ago(9)))[1].endswith("days: PaO2 90 mmHg on 2026-02-28 (limit 60 mmHg)")


def test_two_values_that_may_be_the_newest_must_agree(now):
    day, hour = result("pao2", 50, at("2026-02-28")), result("pao2", 70, at("2026-02-28T08:00"))
    assert now(day, hour)[0] is U
    assert now(result("pao2", 50, at("2026-02-28")), result("pao2", 55, at("2026-02-28T08:00")))[0] is M


def test_a_gas_of_the_day_of_the_limit_that_could_not_be_read_is_not_excluded(now):
    normal = result("pao2", 90, ago(1))
    assert now(normal, unread("observations", "paco2", when=ago(3)))[0] is U
    assert now(normal, unread("observations", "paco2", when=at("2026-02-26")))[0] is U
    assert now(normal, unread("observations", "paco2", when=at("2026-02-25")))[0] is N
    assert now(normal, unread("observations", "fio2"))[0] is U


def test_hypoxaemic_says_by_which_value(now):
    assert now(result("pao2", 52, ago(1)))[1] == "PaO2 52 mmHg on 2026-02-28 (limit 60 mmHg)"
    assert "PaO2 90 mmHg" in now(result("pao2", 90, ago(1)))[1]
    assert now()[1] == "no value of oxygenation within 3 days"


def test_a_gradient_on_room_air_in_words(breath):
    (event,) = breath(result("a-a-gradient", 29), result("fio2", 0.21)).hypoxaemia
    assert event.because == "A-aDO2 on room air 29 mmHg on 2026-02-28 (limit by age 28 mmHg)"
    (between,) = breath(result("a-a-gradient", 29), result("fio2", 0.21), age=(56, 57)).hypoxaemia
    assert between.because == "A-aDO2 on room air 29 mmHg on 2026-02-28 (limit by age 28.2 mmHg)"


def test_a_censored_pressure_is_told_as_it_was_measured(breath):
    found = breath(result("pao2", 40, comparator="<"), result("paco2", 40), result("fio2", 0.5))
    assert found.gradients[0].recorded.startswith("PaO2 <40 mmHg, PaCO2 40 mmHg, FiO2 0.5, ")
    assert found.ratios[0].recorded == "PaO2 <40 mmHg at FiO2 0.5"


def test_days_are_those_of_the_site(guideline):
    policy = replace(guideline.policy, zone="Europe/Madrid")
    late = at("2026-02-27T23:30")
    patient = record(result("pao2", 50, late), result("spo2", 80, late), result("spo2", 80, at("2026-02-27T23:00")))
    because = [event.because for event in gases(patient, AGE, policy, AS_OF).hypoxaemia]
    assert because == [
        "PaO2 50 mmHg on 2026-02-28 (limit 60 mmHg)",
        "SpO2 80 % on 2026-02-28 and 80 % within 24 hours before (limit 90 %, twice)",
    ]


def test_a_derived_value_is_not_rounded_to_a_whole_number(breath):
    """299.7 is below 300, and 28.1 above 28."""
    found = breath(result("pao2", 83.91), result("fio2", 0.28), result("paco2", 40))
    assert found.ratios[0].value == pytest.approx(299.678571)
    assert any(event.because.startswith("PaO2/FiO2 299.7 mmHg") for event in found.hypoxaemia)
    (gradient,) = breath(result("pao2", 71.63), result("fio2", 0.21), result("paco2", 40)).gradients
    assert gradient.value == pytest.approx(28.1)
