"""Population, dermatomyositis, imaging and infection at their edges; the order of the facts changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_cards.disease import (
    anti_mda5,
    dermatomyositis,
    imaging_recent,
    infection,
    lung_disease,
    population,
    respiratory_failure,
)
from cds_cards.gas import gases
from cds_cards.knowledge import load_guideline
from cds_cards.timeline import When
from tests.unit.cds_cards.facts import AS_OF, ago, at, condition, ild, procedure, record, result, service

GUIDELINE = load_guideline()


@pytest.fixture(scope="module")
def policy():
    return GUIDELINE.policy


@pytest.mark.parametrize(
    ("born", "status", "age"),
    [
        ("2008-03-01", "in", (18, 18)),
        ("2008-03-02", "out", (17, 17)),
        ("2008", "in", None),  # 17 or 18
        ("2008-03", "in", None),
        ("2008-02", "in", (18, 18)),
        ("2009", "out", (16, 17)),
        ("1950", "in", (75, 76)),
        ("2026-04", "in", None),  # a birth in the future tells nothing
        (None, "in", None),
    ],
)
def test_adults(policy, born, status, age):
    found = population(record(born=born), policy, AS_OF)
    assert (found.status, found.age) == (status, age)


@pytest.mark.parametrize(("deceased", "status"), [(True, "out"), (False, "in"), (None, "in")])
def test_the_living(policy, deceased, status):
    assert population(record(deceased=deceased), policy, AS_OF).status == status


@pytest.mark.parametrize(
    ("fact", "status"),
    [
        (condition("lung-transplant"), "out"),
        (condition("lung-transplant", clinical="inactive"), "out"),
        (condition("lung-transplant", clinical=None, verification=None), "out"),
        (condition("lung-transplant", verification="refuted"), "in"),
        (condition("lung-transplant", verification="entered-in-error"), "in"),
        (condition("lung-transplant", verification="provisional"), "in"),
        (condition("awaiting-lung-transplant"), "in"),
        (condition("awaiting-lung-transplant", "lung-transplant"), "in"),
        (procedure("lung-transplant", "completed"), "out"),
        (procedure("lung-transplant", "preparation"), "in"),
        (procedure("lung-transplant", "not-done"), "in"),
        (procedure("transplant-evaluation", "completed"), "in"),
        (service("transplant-referral"), "in"),
    ],
)
def test_lung_transplant_on_record(policy, fact, status):
    assert population(record(fact), policy, AS_OF).status == status


@pytest.mark.parametrize(
    ("fact", "on_record"),
    [
        (condition("dermatomyositis"), True),
        (condition("cadm", clinical="remission"), True),
        (condition("cadm", verification="provisional"), True),
        (condition("dermatomyositis", verification="differential"), False),
        (condition("dermatomyositis", verification="refuted"), False),
        (condition("ild"), False),
    ],
)
def test_dermatomyositis(fact, on_record):
    assert dermatomyositis(record(fact)) is on_record


@pytest.mark.parametrize(
    ("fact", "recent"),
    [
        (procedure("hrct", "completed", ago(90)), True),
        (procedure("hrct", "completed", ago(90.01)), False),
        (procedure("pft", "completed", ago(9)), True),
        (procedure("hrct", "in-progress", ago(9)), False),
        (procedure("hrct", "completed"), False),
        (procedure("ecmo", "completed", ago(9)), False),
        (result("hrct", when=ago(9), variant="hrct"), True),
        (result("hrct", when=ago(9), variant="ct"), False),
        (result("pft", 60, ago(90)), True),
        (result("pft", 60, ago(91)), False),
        (result("pft", 60, at("2025-12-01")), False),  # 90 days ago, or a little more
        (service("hrct", when=ago(9)), False),
    ],
)
def test_imaging_recent(policy, fact, recent):
    assert imaging_recent(record(fact), policy, AS_OF) is recent


@pytest.mark.parametrize(
    ("fact", "status"),
    [
        (condition("infection", began=ago(30)), "present"),
        (condition("infection", began=ago(30.01)), "not-recorded"),
        (condition("infection", began=ago(300), recorded=ago(5)), "present"),
        (condition("infection", recorded=ago(5)), "present"),
        (condition("infection"), "present"),  # active, and nobody says since when
        (condition("infection", began=at("2026-01")), "present"),
        (condition("infection", began=at("2025")), "not-recorded"),
        (condition("infection", began=ago(5), clinical=None), "present"),
        (condition("infection", began=ago(5), clinical=None, abated=ago(1)), "not-recorded"),
        (condition("infection", began=ago(5), clinical="resolved"), "not-recorded"),
        (condition("infection", began=ago(5), verification="provisional"), "present"),
        (condition("infection", began=ago(5), verification="refuted"), "not-recorded"),
        (condition("infection", began=ago(5), verification="differential"), "not-recorded"),
        (condition("latent-tb", began=ago(5)), "not-recorded"),
        (result("cmv-dna", 1200, ago(14), limits=(None, 1000)), "present"),
        (result("cmv-dna", 1200, ago(14.01), limits=(None, 1000)), "not-recorded"),
        (result("cmv-dna", 1000, ago(1), limits=(None, 1000)), "not-recorded"),
        (result("cmv-dna", 1200, ago(1)), "not-recorded"),
        (result("cmv-dna", when=ago(1), words=("detected",)), "present"),
        (result("cmv-dna", when=ago(1), words=("not detected",)), "not-recorded"),
        (result("cmv-dna", 50, ago(1), comparator="<", limits=(None, 100)), "not-recorded"),
        (result("beta-d-glucan", 90, ago(1), limits=(None, 80)), "present"),
        (result("beta-d-glucan", 90, ago(1), interpretation=("H",)), "present"),
        (result("beta-d-glucan", 80, ago(1), limits=(None, 80)), "not-recorded"),
        (result("crp", 300, ago(1), interpretation=("H",)), "not-recorded"),
    ],
)
def test_infection(policy, fact, status):
    found = infection(record(fact), policy, AS_OF)
    assert found.status == status
    assert found.evidence == ((fact.source,) if status == "present" else ())


def test_an_infection_is_never_called_absent(policy):
    assert "does not exclude" in infection(record(), policy, AS_OF).because


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_facts_changes_nothing(random):
    facts = [
        condition("ild", "rpild", began=at("2026-01"), verification="provisional", id="a"),
        ild(ago(12), id="b"),
        result("pao2", 50, ago(4)),
        result("pf-ratio", 120, ago(2)),
        result("pf-ratio", 90, ago(2)),
        result("fio2", 0.5, ago(4)),
        result("paco2", 35, ago(4)),
        result("anti-mda5", when=ago(40), words=("positive",)),
        result("anti-mda5", when=ago(40), words=("negative",)),
        result("anti-mda5", 100, ago(60), code="x|1"),
        result("anti-mda5", 300, ago(5), code="x|1"),
        condition("infection", began=ago(3), id="c"),
        result("cmv-dna", 5, ago(3), limits=(None, 1)),
        result("spo2", 85, ago(2)),
        result("spo2", 86, ago(1.5)),
    ]
    policy = GUIDELINE.policy

    def all_answers(order):
        patient = record(*order)
        breath = gases(patient, (55, 55), policy, AS_OF)
        return (
            breath,
            lung_disease(patient, breath, policy, AS_OF),
            respiratory_failure(patient, breath, policy, AS_OF),
            anti_mda5(patient, policy, AS_OF),
            infection(patient, policy, AS_OF),
        )

    shuffled = list(facts)
    random.shuffle(shuffled)
    assert all_answers(shuffled) == all_answers(facts)


def test_an_earlier_instant_never_reads_the_future(policy):
    """At each instant the record is cut first; what is left tells nothing of what came after it."""
    patient = record(ild(ago(20)), result("pao2", 50, ago(10)), result("anti-mda5", when=ago(5), words=("positive",)))
    for days, lung, status in (
        (30, "none", "unknown"),
        (15, "ild", "unknown"),
        (7, "rpild", "unknown"),
        (1, "rpild", "positive"),
    ):
        then = AS_OF - timedelta(days=days)
        past = patient.until(then, timedelta(minutes=5))
        breath = gases(past, (55, 55), policy, then)
        assert lung_disease(past, breath, policy, then).status == lung
        found = anti_mda5(past, policy, then)
        assert found.status == status
        assert all(event.when.start <= then for event in breath.hypoxaemia)


@pytest.mark.parametrize(
    ("facts", "who", "why"),
    [
        ([], {"deceased": True}, "the patient is recorded as deceased"),
        ([], {"born": "2010-01-01"}, "age 16; the guideline is about adults"),
        ([], {"born": "2010"}, "age 15 to 16; the guideline is about adults"),
        (
            [condition("lung-transplant", id="b"), procedure("lung-transplant", "completed")],
            {},
            "lung transplant on record (Condition/b, Procedure/",
        ),
        ([], {"born": None}, "no birth date that tells whether the patient is an adult: taken as one, without doses"),
        ([], {"born": "2008"}, "no birth date that tells whether the patient is an adult: taken as one, without doses"),
        ([], {}, "adult, age 55; no lung transplant on record"),
        ([], {"born": "1970"}, "adult, age 55 to 56; no lung transplant on record"),
    ],
)
def test_the_population_in_words(policy, facts, who, why):
    assert population(record(*facts, **who), policy, AS_OF).why.startswith(why)


def test_the_age_goes_with_every_reason_to_be_out(policy):
    for facts, who in (([], {"deceased": True}), ([condition("lung-transplant")], {})):
        assert population(record(*facts, **who), policy, AS_OF).age == (55, 55)
    assert population(record(born="2010-01-01"), policy, AS_OF).age == (16, 16)


def test_infections_in_words(policy):
    facts = [
        condition("infection", began=ago(5), label="Pneumonia", id="b"),
        condition("infection", id="a"),
        result("cmv-dna", 1200, ago(2), limits=(None, 1000), recorded="1200 IU/mL", id="c"),
        result("beta-d-glucan", 90, ago(1), limits=(None, 80), recorded="90 pg/mL", id="d"),
    ]
    found = infection(record(*facts), policy, AS_OF)
    assert found.evidence == ("Condition/a", "Condition/b", "Observation/c", "Observation/d")
    assert found.because == (
        "infection (without a date); Pneumonia (2026-02-24); "
        "CMV DNA above its limit on 2026-02-27 (1200 IU/mL); β-D-glucan above its limit on 2026-02-28 (90 pg/mL)"
    )
    assert infection(record(), policy, AS_OF).because == "no active infection on record; that does not exclude one"


def test_a_marker_whose_date_straddles_its_limit_counts(policy):
    fact = result("cmv-dna", 1200, at("2026-02"), limits=(None, 1000))
    assert infection(record(fact), policy, AS_OF).status == "present"


@pytest.mark.parametrize(("when", "status"), [(14, "not-recorded"), (14.1, "present")])
def test_a_final_marker_of_these_days_silences_a_preliminary_one(policy, when, status):
    facts = [
        result("cmv-dna", 1200, ago(1), limits=(None, 1000), preliminary=True),
        result("cmv-dna", 10, ago(when), limits=(None, 1000)),
    ]
    assert infection(record(*facts), policy, AS_OF).status == status


def test_imaging_is_dated_by_its_end(policy):
    assert imaging_recent(record(procedure("hrct", "completed", ago(95), ago(89))), policy, AS_OF)
    assert not imaging_recent(record(procedure("hrct", "completed", ago(100), ago(95))), policy, AS_OF)


def test_the_days_of_an_infection_are_the_sites(policy):
    """In California it is still the day before."""
    site, evening = replace(policy, zone="America/Los_Angeles"), at("2026-02-24T02:00")
    facts = [
        condition("infection", began=evening, label="Pneumonia", id="a"),
        result("cmv-dna", 1200, evening, limits=(None, 1000), recorded="1200 IU/mL", id="b"),
    ]
    assert infection(record(*facts), site, AS_OF).because == (
        "Pneumonia (2026-02-23); CMV DNA above its limit on 2026-02-23 (1200 IU/mL)"
    )


@pytest.mark.parametrize(("hour", "status", "age"), [(2, "out", 17), (9, "in", 18)])
def test_a_birthday_begins_with_the_sites_day(policy, hour, status, age):
    """Born on the 1st of March 2008 in California: 17 until eight o'clock UTC."""
    site, then = replace(policy, zone="America/Los_Angeles"), datetime(2026, 3, 1, hour, tzinfo=UTC)
    patient, born = record(), datetime(2008, 3, 1, 8, tzinfo=UTC)
    day = When(born, born + timedelta(hours=23), "2008-03-01")
    found = population(replace(patient, person=replace(patient.person, born=day)), site, then)
    assert (found.status, found.age) == (status, (age, age))
