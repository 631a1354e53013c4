"""Risk factors at, below and above their thresholds; the level; signs of a relapse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations, product

import pytest

from cds_cards.antibody import anti_mda5
from cds_cards.disease import population
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.risk import RiskClassification, relapse_signs, risk
from cds_cards.timeline import When
from tests.unit.cds_cards.facts import AS_OF, ago, at, record, result, unread

NORMAL = [result("ferritin", 100, ago(1)), result("crp", 2, ago(1))]


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.fixture
def classify(guideline):
    def judge(*facts, **rest) -> RiskClassification:
        patient = record(*facts, **rest)
        return risk(patient, population(patient, guideline.policy, AS_OF), guideline, AS_OF)

    return judge


def status(found: RiskClassification) -> dict[str, str]:
    return {factor.id: factor.status for factor in found.factors}


@pytest.mark.parametrize(
    ("ferritin", "level", "over_500", "over_1000"),
    [
        (499.9, "standard", "absent", "absent"),
        (500, "standard", "absent", "absent"),
        (500.1, "high", "present", "absent"),
        (999.9, "high", "present", "absent"),
        (1000, "high", "present", "absent"),
        (1000.1, "very-high", "present", "present"),
    ],
)
def test_ferritin(classify, ferritin, level, over_500, over_1000):
    found = classify(result("ferritin", ferritin), result("crp", 2))
    assert found.level == level
    assert (status(found)["ferritin-over-500"], status(found)["ferritin-over-1000"]) == (over_500, over_1000)


@pytest.mark.parametrize(("crp", "level"), [(9.9, "standard"), (10, "standard"), (10.1, "high")])
def test_crp_in_mg_per_litre(classify, crp, level):
    assert classify(result("ferritin", 100), result("crp", crp)).level == level


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("1966-03-01", "absent"),  # 60 today
        ("1965-03-02", "absent"),  # 61 tomorrow
        ("1965-03-01", "present"),  # 61 today
        ("1965", "unknown"),
        ("1964", "present"),
        ("1966", "absent"),
        ("2008", "absent"),  # adult or not, not over 60
        (None, "unknown"),
        ("2026-04", "unknown"),  # a birth in the future
    ],
)
def test_an_age_of_60_is_not_over_60(classify, born, expected):
    found = classify(*NORMAL, born=born)
    assert status(found)["age-over-60"] == expected
    assert found.level == {"present": "high", "absent": "standard", "unknown": "indeterminate"}[expected]


@pytest.mark.parametrize(
    ("value", "comparator", "over_500", "over_1000"),
    [
        (1000, ">", "present", "present"),
        (1000, ">=", "present", "unknown"),
        (500, ">", "present", "unknown"),
        (400, ">", "unknown", "unknown"),
        (500, "<", "absent", "absent"),
        (500, "<=", "absent", "absent"),
        (800, "<", "unknown", "absent"),
        (2000, "<", "unknown", "unknown"),
    ],
)
def test_censored_ferritin_decides_what_it_can(classify, value, comparator, over_500, over_1000):
    found = status(classify(result("ferritin", value, comparator=comparator), result("crp", 2)))
    assert (found["ferritin-over-500"], found["ferritin-over-1000"]) == (over_500, over_1000)


@pytest.mark.parametrize(
    ("days", "level"),
    [(29.9, "very-high"), (30, "very-high"), (30.1, "indeterminate")],
)
def test_only_current_values_count(classify, days, level):
    assert classify(result("ferritin", 3000, ago(days)), result("crp", 2)).level == level


@pytest.mark.parametrize(
    ("when", "level"),
    [
        ("2026-01-30", "indeterminate"),
        ("2026-01-31", "very-high"),
        ("2026-01", "indeterminate"),
        ("2026", "indeterminate"),
    ],
)
def test_a_partial_date_that_straddles_the_limit_leaves_it_unknown(classify, when, level):
    assert classify(result("ferritin", 3000, at(when)), result("crp", 2)).level == level


def test_the_newest_value_counts(classify):
    facts = [result("ferritin", 3000, ago(3)), result("ferritin", 100, ago(1)), result("crp", 2)]
    for order in permutations(facts):
        assert classify(*order).level == "standard"


def test_overlapping_dates_must_agree(classify):
    hour, crp = at("2026-02-27T08:00"), result("crp", 2)
    agree = [result("ferritin", 3000, at("2026-02-27")), result("ferritin", 2000, hour), crp]
    differ = [result("ferritin", 3000, at("2026-02-27")), result("ferritin", 700, hour), crp]
    assert classify(*agree).level == "very-high"
    assert status(classify(*differ)) == {
        "ferritin-over-1000": "unknown",
        "ferritin-over-500": "present",
        "crp-over-1": "absent",
        "age-over-60": "absent",
    }


def test_a_preliminary_value_counts_where_no_final_one_is_current(classify):
    early = result("ferritin", 3000, ago(1), preliminary=True)
    crp = result("crp", 2)
    assert classify(early, crp).level == "very-high"
    assert classify(early, result("ferritin", 100, ago(29)), crp).level == "standard"
    assert classify(early, result("ferritin", 100, ago(31)), crp).level == "very-high"


def test_a_value_in_another_unit_is_never_compared(classify):
    assert classify(result("ferritin", 3000, unit="pmol/L"), result("crp", 2)).level == "indeterminate"


@pytest.mark.parametrize(
    ("doubt", "level"),
    [
        ([], "standard"),
        ([unread("observations", "ferritin")], "indeterminate"),
        ([unread("observations")], "indeterminate"),
        ([unread("observations", "ferritin", when=ago(1))], "indeterminate"),
        ([unread("observations", "ferritin", when=ago(2))], "standard"),
        ([unread("observations", "kl-6")], "standard"),
        ([unread("medications")], "standard"),
    ],
)
def test_absent_only_when_all_that_may_be_newer_could_be_read(classify, doubt, level):
    assert classify(*NORMAL, *doubt).level == level


@pytest.mark.parametrize("answer", ["partial", "missing"])
def test_an_incomplete_search_shows_presence_and_never_absence(classify, answer):
    assert set(status(classify(*NORMAL, answers={"observations": answer})).values()) == {"unknown", "absent"}
    high = classify(result("ferritin", 2000), unread("observations"), answers={"observations": answer})
    assert high.level == "very-high"


VALUES = {"present": (2000, 50, "1950-01-01"), "absent": (100, 2, "1980-01-01"), "unknown": (None, None, None)}


@pytest.mark.parametrize("case", list(product(("present", "absent", "unknown"), repeat=3)))
def test_truth_table_of_the_level(classify, case):
    """Against a table in words: very high by ferritin, else high by any, else standard only if all are known."""
    ferritin, crp, born = (VALUES[kind][place] for place, kind in enumerate(case))
    facts = [result(name, value) for name, value in (("ferritin", ferritin), ("crp", crp)) if value is not None]
    if case[0] == "present":
        expected = "very-high"
    elif "present" in case:
        expected = "high"
    else:
        expected = "indeterminate" if "unknown" in case else "standard"
    assert classify(*facts, born=born).level == expected


def test_a_factor_names_value_unit_date_and_source(classify):
    fact = result("ferritin", 1523, ago(2), recorded="3422 pmol/L", assumption="445 kDa")
    factor = classify(fact).factors[0]
    assert (factor.value, factor.unit, factor.date, factor.evidence) == (1523, "ng/mL", "2026-02-27", (fact.source,))
    assert factor.assumption == "445 kDa"
    assert "1523 ng/mL (recorded as 3422 pmol/L) on 2026-02-27; limit 1000 ng/mL" in factor.why


def test_an_unknown_factor_says_why(classify):
    why = {
        f.id: f.why
        for f in classify(result("ferritin", 900, ago(58)), unread("observations", "crp"), born=None).factors
    }
    assert why["ferritin-over-500"] == "latest 2026-01-02 is older than 30 days"
    assert why["crp-over-1"].endswith("on record; one could not be read")
    assert why["age-over-60"] == "the birth date is not known"


def test_values_whose_dates_overlap_are_told_together(classify):
    day, hour = result("ferritin", 3000, at("2026-02-27")), result("ferritin", 700, at("2026-02-27T08:00"))
    over_1000, over_500 = classify(day, hour).factors[:2]
    told = "ferritin 3000 ng/mL on 2026-02-27 and ferritin 700 ng/mL on 2026-02-27"
    assert over_1000.why == f"{told}; limit 1000 ng/mL; their dates overlap"
    assert over_500.why == f"{told}; limit 500 ng/mL"
    assert (over_500.value, over_500.unit, over_500.date) == (None, None, "2026-02-27")
    assert over_500.evidence == (day.source, hour.source)


@pytest.mark.parametrize(
    ("facts", "answer", "doubt"),
    [
        ([result("ferritin", 800, comparator=">")], "complete", "; the censored value does not decide"),
        ([result("ferritin", 800)], "complete", ""),
        (
            [result("ferritin", 800)],
            "partial",
            "; the observations were not answered in full, so a newer value is not excluded",
        ),
        (
            [result("ferritin", 800), unread("observations", "ferritin")],
            "complete",
            "; a value that may be newer could not be read",
        ),
        ([result("ferritin", 1001), unread("observations", "ferritin")], "partial", ""),
    ],
)
def test_why_a_marker_is_not_known_to_be_absent(classify, facts, answer, doubt):
    factor = classify(*facts, answers={"observations": answer}).factors[0]
    assert factor.why.partition("; limit 1000 ng/mL")[2] == doubt
    assert (factor.status == "unknown") is bool(doubt)


def test_what_a_molar_mass_assumed_is_told_where_it_decided(classify):
    fact = result("ferritin", 800, recorded="1798 pmol/L", assumption="445 kDa")
    assert [f.assumption for f in classify(fact).factors[:2]] == ["445 kDa", "445 kDa"]
    assert [f.assumption for f in classify(fact, unread("observations", "ferritin")).factors[:2]] == [None, "445 kDa"]


def test_a_censored_value_is_no_figure(classify):
    factor = classify(result("ferritin", 1000, comparator=">")).factors[0]
    assert (factor.status, factor.value, factor.unit, factor.date) == ("present", None, None, "2026-02-28")


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (at("2026-01"), "latest 2026-01 is not surely within 30 days"),
        (ago(58), "latest 2026-01-02 is older than 30 days"),
    ],
)
def test_a_value_that_is_not_current_is_named(classify, when, told):
    stale = result("ferritin", 900, when)
    factor = classify(stale).factors[0]
    assert (factor.why, factor.evidence, factor.value) == (told, (stale.source,), None)
    also = classify(stale, unread("observations", "ferritin")).factors[0]
    assert also.why == f"{told}; one could not be read"


@pytest.mark.parametrize(
    ("born", "shown", "value"),
    [("1965-03-01", "61 years", 61.0), ("1965", "60 to 61 years", None), ("2008", "17 to 18 years", None)],
)
def test_the_age_is_told_with_its_doubt(classify, born, shown, value):
    factor = classify(*NORMAL, born=born).factors[-1]
    assert factor.id == "age-over-60"
    assert factor.why == f"age {shown}; over 60 counts, 60 itself does not"
    assert (factor.value, factor.evidence) == (value, ("Patient/p",))


# ── signs of a relapse ──


@pytest.fixture
def signs(guideline):
    def judge(*facts) -> tuple[str, ...]:
        patient = record(*facts)
        factors = risk(patient, population(patient, guideline.policy, AS_OF), guideline, AS_OF)
        return relapse_signs(factors, anti_mda5(patient, guideline.policy, AS_OF), guideline, AS_OF)

    return judge


@pytest.mark.parametrize(("value", "days", "sign"), [(500, 1, False), (501, 30, True), (501, 31, False)])
def test_ferritin_as_a_sign(signs, value, days, sign):
    assert bool(signs(result("ferritin", value, ago(days)))) is sign


def titre(value, when, **rest):
    return result("anti-mda5", value, when, code="http://loinc.org|105529-2", **rest)


@pytest.mark.parametrize(
    ("earlier", "newest", "days", "sign"),
    [(50, 99, 1, False), (50, 100, 1, True), (50, 100, 30, True), (50, 100, 31, False)],
)
def test_a_doubled_titre_as_a_sign(signs, earlier, newest, days, sign):
    assert bool(signs(titre(earlier, ago(100)), titre(newest, ago(days)))) is sign


def test_titres_of_two_assays_are_no_sign(signs):
    assert not signs(titre(50, ago(100)), titre(500, ago(1), unit="index"))
    other = result("anti-mda5", 500, ago(1), code="http://loinc.org|88725-7")
    assert not signs(titre(50, ago(100)), other)


def test_signs_are_told_with_what_they_rest_on(signs):
    told = signs(
        result("ferritin", 600, recorded="1348 pmol/L", assumption="445 kDa"), titre(50, ago(100)), titre(120, ago(2))
    )
    assert len(told) == 2
    assert "600 ng/mL (recorded as 1348 pmol/L) on 2026-02-28; limit 500 ng/mL; 445 kDa" in told[0]
    assert told[1] == "anti-MDA5 titre from 50 on 2025-11-21 to 120 on 2026-02-27, same assay"


@pytest.mark.parametrize(("when", "sign"), [("2026-01-31", True), ("2026-01-30", False), ("2026-01-29", False)])
def test_a_titre_that_is_not_surely_current_is_no_sign(signs, when, sign):
    assert bool(signs(titre(50, ago(100)), titre(500, at(when)))) is sign


# ── the site's calendar and names ──

EVENING = "2026-02-28T02:00"
"""In California the 27th."""


@pytest.fixture
def californian(guideline) -> Guideline:
    return replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))


def test_the_day_of_a_marker_is_the_sites(californian):
    patient = record(result("ferritin", 2000, at(EVENING)), result("crp", 20, at("2026-01-20T02:00")))
    found = risk(patient, population(patient, californian.policy, AS_OF), californian, AS_OF)
    ferritin, _, crp, _ = found.factors
    assert (ferritin.status, ferritin.date) == ("present", "2026-02-27")
    assert ferritin.why.endswith("2000 ng/mL on 2026-02-27; limit 1000 ng/mL")
    assert crp.why == "latest 2026-01-19 is older than 30 days"


def test_the_days_of_a_titre_are_the_sites(californian):
    patient = record(titre(50, at("2025-11-21T02:00")), titre(120, at(EVENING)))
    factors = risk(patient, population(patient, californian.policy, AS_OF), californian, AS_OF)
    antibody = anti_mda5(patient, californian.policy, AS_OF)
    assert relapse_signs(factors, antibody, californian, AS_OF) == (
        "anti-MDA5 titre from 50 on 2025-11-20 to 120 on 2026-02-27, same assay",
    )


@pytest.mark.parametrize(("hour", "most"), [(2, 18), (9, 19)])
def test_an_age_that_leaves_adulthood_open_is_counted_by_the_sites_day(californian, hour, most):
    """Born between the 1st of March 2007 in California and the summer of 2010."""
    then = datetime(2026, 3, 1, hour, tzinfo=UTC)
    born = When(datetime(2007, 3, 1, 8, tzinfo=UTC), datetime(2010, 6, 30, tzinfo=UTC), "2007 to 2010")
    patient = replace(record(), person=replace(record().person, born=born))
    people = population(patient, californian.policy, then)
    assert people.age is None
    age = risk(patient, people, californian, then).factors[-1]
    assert (age.status, age.why) == (
        "absent",
        f"age 15 to {most} years; over 60 counts, 60 itself does not",
    )


@pytest.mark.parametrize(("born", "unit"), [("1965-03-01", "a"), ("1965", None)])
def test_an_age_that_is_known_is_told_in_years(classify, born, unit):
    assert classify(*NORMAL, born=born).factors[-1].unit == unit


def test_a_marker_without_a_name_goes_by_its_concept(guideline):
    nameless = replace(guideline, observations={})
    patient = record(result("ferritin", 2000))
    found = risk(patient, population(patient, guideline.policy, AS_OF), nameless, AS_OF)
    assert found.factors[0].why == "ferritin 2000 ng/mL on 2026-02-28; limit 1000 ng/mL"
    assert found.factors[2].why == "no usable crp on record"


# ── a factor whole ──


@pytest.mark.parametrize(
    ("fact", "status", "why"),
    [
        (None, "unknown", "no usable C-reactive protein on record"),
        (result("crp", None), "unknown", "no usable C-reactive protein on record"),
        (unread("observations", "crp"), "unknown", "no usable C-reactive protein on record; one could not be read"),
        (result("crp", 50, ago(58)), "unknown", "latest 2026-01-02 is older than 30 days"),
        (result("crp", 50), "present", "C-reactive protein 50 mg/L on 2026-02-28; limit 10 mg/L"),
        (result("crp", 5), "absent", "C-reactive protein 5 mg/L on 2026-02-28; limit 10 mg/L"),
        (
            result("crp", 5, comparator="<", recorded="<5 mg/L"),
            "absent",
            "C-reactive protein <5 mg/L on 2026-02-28; limit 10 mg/L",
        ),
        (
            result("crp", 5, comparator=">", recorded="> 0.5 mg/dL"),
            "unknown",
            "C-reactive protein >5 mg/L (recorded as > 0.5 mg/dL) on 2026-02-28; limit 10 mg/L; "
            "the censored value does not decide",
        ),
    ],
)
def test_a_marker_in_words(classify, fact, status, why):
    factor = classify(*([fact] if fact else [])).factors[2]
    assert (factor.id, factor.status, factor.why) == ("crp-over-1", status, why)


def test_a_ferritin_without_a_molar_mass_is_told_as_a_sign_without_one(signs):
    assert signs(result("ferritin", 600)) == ("ferritin 600 ng/mL on 2026-02-28; limit 500 ng/mL",)
