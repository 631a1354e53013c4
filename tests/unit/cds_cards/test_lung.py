"""Lung disease: recorded, inferred by dates at both sides of each limit, none, unknown."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from cds_cards.disease import LungDisease, lung_disease
from cds_cards.gas import gases
from cds_cards.knowledge import load_guideline
from tests.unit.cds_cards.facts import AS_OF, ago, at, condition, ild, record, result, service, unread

GUIDELINE = load_guideline()


def lungs(*facts, **rest) -> LungDisease:
    policy, patient = GUIDELINE.policy, record(*facts, **rest)
    return lung_disease(patient, gases(patient, (55, 55), policy, AS_OF), policy, AS_OF)


def outcome(*facts, **rest) -> tuple[str, str | None, bool]:
    found = lungs(*facts, **rest)
    return found.status, found.certainty, found.dates_unsettled


def low(when):
    """Hypoxaemia."""
    return result("pao2", 50, when)


def rpild(**rest):
    return condition("ild", "rpild", **rest)


ILD_ONLY = ("ild", None, False)
INFERRED = ("rpild", "inferred", False)
RECORDED = ("rpild", "recorded", False)
UNSETTLED = ("ild", None, True)


@pytest.mark.parametrize("clinical", ["active", "recurrence", "relapse", None])
@pytest.mark.parametrize("verification", ["confirmed", None])
def test_rpild_recorded(clinical, verification):
    assert outcome(rpild(clinical=clinical, verification=verification)) == RECORDED
    assert outcome(rpild(clinical=clinical, verification=verification, began=ago(4000))) == RECORDED


@pytest.mark.parametrize("clinical", ["inactive", "remission", "resolved"])
def test_past_rpild_is_ild(clinical):
    assert outcome(rpild(clinical=clinical)) == ILD_ONLY
    assert outcome(rpild(clinical=clinical, began=ago(10)), low(ago(5))) == ILD_ONLY


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error", "differential", "unconfirmed"])
def test_what_never_counts(verification):
    assert outcome(rpild(verification=verification, began=ago(10)), low(ago(5))) == ("none", None, False)
    assert outcome(ild(ago(10), verification=verification), low(ago(5))) == ("none", None, False)


def test_provisional_counts_at_most_as_inferred():
    assert outcome(rpild(verification="provisional", began=ago(10))) == ILD_ONLY
    assert outcome(rpild(verification="provisional", began=ago(10)), low(ago(5))) == INFERRED


@pytest.mark.parametrize(
    ("onset", "hypoxaemia", "expected"),
    [
        (ago(40), ago(40), INFERRED),
        (ago(40), ago(9), INFERRED),  # 31 days later
        (ago(40), ago(8), ILD_ONLY),  # 32 days later
        (ago(9), ago(40), INFERRED),  # 31 days earlier
        (ago(8), ago(40), ILD_ONLY),  # 32 days earlier: the disease is older than its date
        (ago(90), ago(90), INFERRED),
        (ago(90), ago(90.01), ILD_ONLY),  # hypoxaemia too old
        (ago(121), ago(90), INFERRED),
        (ago(122), ago(90), ILD_ONLY),
        (ago(900), ago(5), ILD_ONLY),
        (at("2026-02"), at("2026-02-20T08:00"), INFERRED),
        (at("2026-01"), at("2026-01-20T08:00"), INFERRED),
        (at("2026-01"), at("2026-02-10T08:00"), UNSETTLED),  # the 1st to the 31st of January
        (at("2026"), at("2026-02-10T08:00"), UNSETTLED),
        (at("2025"), at("2026-02-10T08:00"), ILD_ONLY),
        (at("2025"), at("2026-01-10T08:00"), UNSETTLED),
        (None, ago(5), UNSETTLED),
        (None, ago(91), ILD_ONLY),
        (None, None, ILD_ONLY),
        (ago(5), None, ILD_ONLY),
        (at("2025-12-01"), at("2025-12-01"), UNSETTLED),  # 90 days old, or a little more
    ],
)
def test_inferred_by_dates(onset, hypoxaemia, expected):
    assert outcome(ild(onset), *([low(hypoxaemia)] if hypoxaemia else [])) == expected


def test_the_recorded_date_stands_in_for_a_missing_onset():
    assert outcome(ild(None, recorded=ago(20)), low(ago(5))) == INFERRED
    assert outcome(ild(ago(400), recorded=ago(20)), low(ago(5))) == ILD_ONLY


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (ild(ago(400)), ILD_ONLY),
        (ild(ago(400), clinical="resolved"), ILD_ONLY),  # resolved ones count for the earliest date
        (ild(ago(400), verification="provisional"), ILD_ONLY),
        (ild(ago(400), verification="refuted"), INFERRED),
        (ild(None), UNSETTLED),
        (ild(at("2026-01")), UNSETTLED),
        (unread("conditions", "ild"), UNSETTLED),
        (unread("conditions", "ild", when=ago(400)), ILD_ONLY),
        (unread("conditions", "rpild"), UNSETTLED),
        (unread("conditions", "rpild", when=ago(400)), ILD_ONLY),
        (unread("conditions"), INFERRED),
        (condition("dermatomyositis", began=ago(400)), INFERRED),
    ],
)
def test_the_earliest_date_is_over_all_that_count(other, expected):
    for order in permutations((ild(ago(10)), other, low(ago(5)))):
        assert outcome(*order) == expected


def test_inferring_needs_an_active_condition():
    assert outcome(ild(ago(10), clinical="resolved"), low(ago(5))) == ILD_ONLY
    assert outcome(ild(ago(10), clinical="resolved"), ild(ago(8)), low(ago(5))) == INFERRED
    assert outcome(ild(ago(10), clinical=None, verification=None), low(ago(5))) == INFERRED


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        (low(ago(41)), INFERRED),  # 31 days before the ILD date
        (low(ago(42)), ILD_ONLY),
        (condition("home-oxygen", began=ago(41)), INFERRED),
        (condition("home-oxygen", began=ago(42)), ILD_ONLY),
        (condition("home-oxygen", began=ago(42), clinical="inactive"), ILD_ONLY),
        (condition("home-oxygen", began=ago(42), verification="refuted"), INFERRED),
        (condition("home-oxygen", began=at("2026-01")), UNSETTLED),
        (condition("home-oxygen"), UNSETTLED),
        (service("home-oxygen", when=ago(42)), ILD_ONLY),
        (service("home-oxygen", "completed", when=ago(400)), ILD_ONLY),
        (service("home-oxygen", "revoked", when=ago(42)), INFERRED),
        (service("home-oxygen", when=ago(42), refused=True), INFERRED),
        (service("home-oxygen", when=ago(42), intent="proposal"), INFERRED),
    ],
)
def test_earlier_signs_make_an_ild_old(prior, expected):
    onset = at("2026-02-19T10:00")
    if expected is UNSETTLED and prior.began is not None:
        onset = at("2026-02-10T10:00")  # January lies 10 to 40 days before it
    assert outcome(ild(onset), low(ago(5)), prior) == expected


def test_a_distance_is_counted_in_calendar_days():
    onset, hypoxaemia = at("2026-01-10T23:00"), at("2026-02-10T23:59")
    assert outcome(ild(onset), low(hypoxaemia)) == INFERRED  # 31 days and an hour
    assert outcome(ild(onset), low(at("2026-02-11T00:01"))) == ILD_ONLY


@pytest.mark.parametrize(
    ("facts", "answers", "status"),
    [
        ([], {}, "none"),
        ([condition("infection")], {}, "none"),
        ([], {"conditions": "partial"}, "unknown"),
        ([], {"conditions": "missing"}, "unknown"),
        ([unread("conditions")], {}, "unknown"),
        ([unread("conditions", "ild")], {}, "unknown"),
        ([unread("conditions", "infection")], {}, "none"),
        ([low(ago(3))], {"conditions": "missing"}, "unknown"),
        ([ild(ago(900))], {"conditions": "partial"}, "ild"),
        ([rpild()], {"conditions": "partial"}, "rpild"),
    ],
)
def test_none_only_when_the_conditions_are_known(facts, answers, status):
    assert lungs(*facts, answers=answers).status == status


def test_an_inference_says_what_it_rests_on():
    fact, gas = ild(at("2026-02-01")), low(at("2026-02-20T08:00"))
    found = lungs(fact, gas)
    assert found.evidence == (fact.source, gas.source)
    assert found.earliest == at("2026-02-01")
    assert found.because == (
        "inferred from ILD since 2026-02-01 and hypoxaemia 19 days later (PaO2 50 mmHg on 2026-02-20 (limit 60 mmHg))"
    )
    partial = lungs(fact, gas, answers={"observations": "partial"})
    assert partial.status == "rpild"
    doubt = "; not all results could be read, so earlier hypoxaemia is not excluded"
    assert partial.because == f"{found.because}{doubt}"


def test_an_ild_says_why_it_is_not_called_rapid():
    assert "no hypoxaemia on record within 90 days" in lungs(ild(ago(5))).because
    assert "more than 31 days from it" in lungs(ild(ago(100)), low(ago(5))).because
    assert (
        "home oxygen (2025-06"
        in lungs(ild(ago(10)), low(ago(5)), condition("home-oxygen", began=at("2025-06"))).because
    )
    assert "do not settle" in lungs(ild(None), low(ago(5))).because
    assert lungs(ild(None), low(ago(5))).earliest is None


@pytest.mark.parametrize(
    ("facts", "answers", "because"),
    [
        ([], {}, "no interstitial lung disease among the conditions on record"),
        ([unread("conditions")], {}, "a condition that may be an interstitial lung disease could not be read"),
        ([], {"conditions": "partial"}, "the conditions were not answered in full, and no ILD is among those at hand"),
        ([rpild(label="MDA5-ILD", began=ago(9))], {}, "recorded as rapidly progressive ILD: MDA5-ILD, 2026-02-20"),
        ([rpild()], {}, "recorded as rapidly progressive ILD: condition on record, without a date"),
        (
            [ild(ago(400), label="Fibrosis", clinical="remission")],
            {},
            "the recorded ILD is inactive, in remission or resolved: Fibrosis, 2025-01-25",
        ),
        ([ild(ago(5))], {}, "ILD since 2026-02-24; no hypoxaemia on record within 90 days"),
        ([ild(ago(5)), low(ago(91))], {}, "ILD since 2026-02-24; no hypoxaemia on record within 90 days"),
        (
            [ild(ago(100)), low(ago(5))],
            {},
            "ILD since 2025-11-21; hypoxaemia of the last 90 days lies more than 31 days from it: not called rapid",
        ),
        (
            [ild(ago(9)), low(ago(5)), condition("home-oxygen", began=at("2025-06"))],
            {},
            "ILD since 2026-02-20, but home oxygen (2025-06) more than 31 days before it: not called rapid",
        ),
        (
            [ild(ago(9)), low(ago(5)), low(ago(60))],
            {},
            "ILD since 2026-02-20, but hypoxaemia (PaO2 50 mmHg on 2025-12-31 (limit 60 mmHg)) more than 31 days "
            "before it: not called rapid",
        ),
        (
            [ild(None), low(ago(5))],
            {},
            "ILD without a certain first date, and hypoxaemia (PaO2 50 mmHg on 2026-02-24 (limit 60 mmHg)): "
            "the dates do not settle whether the course is rapid",
        ),
    ],
)
def test_the_lungs_in_words(facts, answers, because):
    for order in permutations(facts):
        assert lungs(*order, answers=answers).because == because


@pytest.mark.parametrize(
    ("onset", "gas", "apart"),
    [
        ("2026-02-20", "2026-02-20T08:00", "the same day"),
        ("2026-02-20", "2026-02-15T08:00", "5 days earlier"),
        ("2026-02-15", "2026-02-16T08:00", "1 days later"),
        ("2026-02", "2026-02-15T08:00", "about 14 days apart at most"),
        ("2026-02", "2026-02-20T08:00", "about 19 days apart at most"),
    ],
)
def test_how_far_apart_ild_and_hypoxaemia_lie(onset, gas, apart):
    found = lungs(ild(at(onset)), low(at(gas)))
    assert f" and hypoxaemia {apart} (" in found.because


def test_of_several_moments_the_last_that_fits_is_told():
    old, first, last = low(ago(91)), low(ago(8)), low(ago(3))
    fact = ild(ago(10))
    for order in permutations((first, last)):
        found = lungs(fact, *order)
        assert found.evidence == (fact.source, last.source)
        assert "7 days later" in found.because
    assert lungs(fact, old, last).status == "ild"  # ill long before


def test_the_evidence_of_the_lungs():
    rapid = [rpild(id="a", began=ago(9)), rpild(id="b", began=ago(7)), ild(ago(400), id="c")]
    for order in permutations(rapid):
        found = lungs(*order)
        assert found.evidence == ("Condition/a", "Condition/b")
        assert found.earliest == ago(400)
    past = lungs(ild(ago(400), clinical="resolved", id="c"))
    assert (past.evidence, past.earliest) == (("Condition/c",), ago(400))
    assert lungs(rpild()).earliest is None
    assert lungs(ild(None, clinical="resolved")).earliest is None
    unsettled = lungs(ild(None, id="c"), low(ago(5)))
    assert unsettled.evidence[0] == "Condition/c"
    assert len(unsettled.evidence) == 2
    assert lungs(ild(ago(5), id="c")).evidence == ("Condition/c",)


@pytest.mark.parametrize(
    ("order", "old"),
    [
        ({}, True),
        ({"status": "on-hold"}, True),
        ({"status": "completed"}, True),
        ({"status": "revoked"}, False),
        ({"status": "draft"}, False),
        ({"intent": "plan"}, False),
        ({"intent": "proposal"}, False),
        ({"refused": True}, False),
    ],
)
def test_an_order_of_home_oxygen_that_stood_makes_an_ild_old(order, old):
    oxygen = service("home-oxygen", when=ago(200), **order)
    assert outcome(ild(ago(10)), low(ago(5)), oxygen) == (ILD_ONLY if old else INFERRED)


@pytest.mark.parametrize("concept", ["pao2", "pf-ratio", "spo2", "a-a-gradient"])
def test_an_inference_says_that_a_result_could_not_be_read(concept):
    doubt = "; not all results could be read, so earlier hypoxaemia is not excluded"
    facts = [ild(at("2026-02-01")), low(at("2026-02-20T08:00"))]
    assert lungs(*facts, unread("observations", concept)).because.endswith(doubt)
    assert not lungs(*facts, unread("observations", "ferritin")).because.endswith(doubt)


@pytest.mark.parametrize("concept", ["ild", "rpild"])
def test_a_condition_that_could_not_be_read_may_be_the_lung_disease(concept):
    assert lungs(unread("conditions", concept)).status == "unknown"


def test_of_several_past_conditions_the_earliest_dated_one_is_named():
    past = [
        ild(ago(400), label="Older", clinical="resolved", id="z"),
        ild(ago(200), label="Newer", clinical="resolved", id="a"),
        ild(None, label="Undated", clinical="resolved", id="0"),
    ]
    for order in permutations(past):
        found = lungs(*order)
        assert found.because.endswith(": Older, 2025-01-25")
        assert found.evidence == ("Condition/z", "Condition/a", "Condition/0")


def test_two_ild_without_a_certain_date_do_not_settle_it():
    """One has no date, the other could not be read and may have begun at any time until today."""
    facts = [ild(None), unread("conditions", "ild", when=at("2026-03-01")), low(ago(5))]
    for order in permutations(facts):
        assert outcome(*order) == UNSETTLED


@pytest.mark.parametrize("concept", ["ild", "rpild"])
def test_a_condition_that_could_not_be_read_is_told_as_such(concept):
    assert lungs(unread("conditions", concept)).because == (
        "a condition that may be an interstitial lung disease could not be read"
    )


@pytest.mark.parametrize("gas", [[], [low(ago(100))], [low(ago(60))]])
def test_an_ild_that_is_not_rapid_keeps_its_first_date(gas):
    assert lungs(ild(ago(5)), *gas).earliest == ago(5)


def test_an_unsettled_ild_keeps_its_first_date():
    found = lungs(ild(at("2026-01")), low(at("2026-02-10T08:00")))
    assert (found.dates_unsettled, found.earliest) == (True, at("2026-01"))


def californian(*facts) -> LungDisease:
    """At a site whose calendar day begins at eight o'clock UTC."""
    policy, patient = replace(GUIDELINE.policy, zone="America/Los_Angeles"), record(*facts)
    return lung_disease(patient, gases(patient, (55, 55), policy, AS_OF), policy, AS_OF)


@pytest.mark.parametrize(
    ("onset", "gas", "because"),
    [
        (
            "2026-01-10T02:00",
            "2026-02-10T12:00",
            "ILD since 2026-01-09; hypoxaemia of the last 90 days lies more than 31 days from it: not called rapid",
        ),
        (
            "2026-01-10T09:00",
            "2026-02-10T12:00",
            "inferred from ILD since 2026-01-10 and hypoxaemia 31 days later (PaO2 50 mmHg on 2026-02-10 "
            "(limit 60 mmHg))",
        ),
        (
            "2026-02-11T02:00",
            "2026-01-10T12:00",
            "inferred from ILD since 2026-02-10 and hypoxaemia 31 days earlier (PaO2 50 mmHg on 2026-01-10 "
            "(limit 60 mmHg))",
        ),
        (
            "2026-02-11T09:00",
            "2026-01-10T12:00",
            "ILD since 2026-02-11; hypoxaemia of the last 90 days lies more than 31 days from it: not called rapid",
        ),
        (
            "2026-02-10T02:00",
            "2026-02-10T09:00",
            "inferred from ILD since 2026-02-09 and hypoxaemia 1 days later (PaO2 50 mmHg on 2026-02-10 "
            "(limit 60 mmHg))",
        ),
    ],
)
def test_the_days_between_ild_and_hypoxaemia_are_the_sites(onset, gas, because):
    assert californian(ild(at(onset)), low(at(gas))).because == because


@pytest.mark.parametrize(
    ("began", "because"),
    [
        ("2026-01-20T02:00", "ILD since 2026-02-20, but home oxygen (2026-01-19) more than 31 days before it: "),
        ("2026-01-20T09:00", "inferred from ILD since 2026-02-20 and hypoxaemia 4 days later "),
    ],
)
def test_the_day_of_home_oxygen_is_the_sites(began, because):
    facts = [ild(at("2026-02-20T12:00")), low(at("2026-02-24T12:00")), condition("home-oxygen", began=at(began))]
    assert californian(*facts).because.startswith(because)


def test_the_day_of_a_recorded_rpild_is_the_sites():
    found = californian(rpild(label="RP-ILD", began=at("2026-02-20T02:00")))
    assert found.because == "recorded as rapidly progressive ILD: RP-ILD, 2026-02-19"
