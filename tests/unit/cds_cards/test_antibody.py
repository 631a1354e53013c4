"""Anti-MDA5 ever positive, only negative or unknown; the titre of one assay; a pending test."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from cds_cards.disease import Titre, anti_mda5, antibody_pending
from cds_cards.knowledge import load_guideline
from tests.unit.cds_cards.facts import AS_OF, ago, at, record, result, service, unread


@pytest.fixture(scope="module")
def policy():
    return load_guideline().policy


POSITIVE, NEGATIVE, DOUBTFUL = ("positive",), ("negative",), ("borderline",)


def antibody(words, days=1.0, **rest):
    return result("anti-mda5", when=ago(days), words=words, **rest)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([], "unknown"),
        ([antibody(POSITIVE, 3000)], "positive"),
        ([antibody(NEGATIVE)], "negative"),
        ([antibody(DOUBTFUL)], "unknown"),
        ([antibody(POSITIVE, 90), antibody(NEGATIVE, 2)], "positive"),
        ([antibody(NEGATIVE, 90), antibody(POSITIVE, 2)], "positive"),
        ([antibody(NEGATIVE, 90), antibody(NEGATIVE, 2)], "negative"),
        ([antibody(NEGATIVE, 90), antibody(DOUBTFUL, 2)], "unknown"),
        ([antibody(POSITIVE, 90), antibody(DOUBTFUL, 2)], "positive"),
        ([antibody(NEGATIVE), unread("observations", "anti-mda5")], "unknown"),
        ([antibody(NEGATIVE), unread("observations")], "unknown"),
        ([antibody(NEGATIVE), unread("observations", "ferritin")], "negative"),
        ([antibody(POSITIVE), unread("observations", "anti-mda5")], "positive"),
        ([antibody(POSITIVE, preliminary=True)], "positive"),
        ([antibody(POSITIVE, 2, preliminary=True), antibody(NEGATIVE, 1)], "negative"),
        ([antibody(POSITIVE, 2, preliminary=True), antibody(NEGATIVE, 30)], "negative"),
        ([antibody(POSITIVE, 2, preliminary=True), antibody(NEGATIVE, 31)], "positive"),
        ([antibody(POSITIVE, 90, preliminary=True), antibody(NEGATIVE, 89)], "negative"),
    ],
)
def test_antibody_status(policy, facts, status):
    for order in permutations(facts):
        assert anti_mda5(record(*order), policy, AS_OF).status == status


def test_an_incomplete_search_never_makes_it_negative(policy):
    for answer in ("partial", "missing"):
        assert (
            anti_mda5(record(antibody(NEGATIVE), answers={"observations": answer}), policy, AS_OF).status == "unknown"
        )
        assert (
            anti_mda5(record(antibody(POSITIVE), answers={"observations": answer}), policy, AS_OF).status == "positive"
        )


def test_a_later_negative_is_shown(policy):
    first, later = antibody(POSITIVE, 90), antibody(NEGATIVE, 2)
    found = anti_mda5(record(later, first, antibody(NEGATIVE, 200), antibody(DOUBTFUL, 1, id="odd")), policy, AS_OF)
    assert found.later_negative is later
    assert found.evidence == (first.source, later.source)
    assert found.undecided == ("Observation/odd",)
    assert "positive on 2025-12-01" in found.because
    assert "a later negative of 2026-02-27 does not undo it" in found.because
    assert anti_mda5(record(antibody(NEGATIVE, 90), antibody(POSITIVE, 2)), policy, AS_OF).later_negative is None


def titre(value, days, code="http://loinc.org|105529-2", **rest):
    return result("anti-mda5", value, ago(days), code=code, **rest)


def test_a_titre_is_followed_within_one_assay(policy):
    first, second, third = titre(50, 90), titre(80, 40), titre(120, 3)
    other, index = titre(9, 1, code="http://loinc.org|88725-7"), titre(3, 20, unit="index")
    for order in permutations((first, second, third, index)):
        found = anti_mda5(record(*order), policy, AS_OF).titre
        assert found == Titre(third, second)
    assert anti_mda5(record(first, third, other), policy, AS_OF).titre == Titre(other)
    assert anti_mda5(record(antibody(POSITIVE)), policy, AS_OF).titre is None
    untold = [titre(50, 90, code=""), titre(120, 3, code="")]
    assert anti_mda5(record(*untold), policy, AS_OF).titre == Titre(untold[1])


def test_steps_and_units_are_two_assays(policy):
    steps = result("anti-mda5", when=ago(90), code="x|1", titre_steps=160.0)
    units = result("anti-mda5", 900, ago(1), code="x|1", unit=None)
    assert anti_mda5(record(steps, units), policy, AS_OF).titre == Titre(units)


def test_of_two_assays_of_one_day_the_one_that_rose_is_shown(policy):
    facts = [titre(50, 90), titre(50, 1), titre(50, 90, code="x|2"), titre(200, 1, code="x|2")]
    for order in permutations(facts):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(facts[3], facts[2])
    more = [titre(50, 90), titre(200, 1, id="a"), titre(50, 90, code="x|2"), titre(90, 1, code="x|2", id="b")]
    alone = [titre(50, 90), titre(60, 1, id="a"), titre(999, 1, code="x|2", id="b")]  # a rise is shown, not a number
    for order in permutations(more):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(more[1], more[0])
    for order in permutations(alone):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(alone[1], alone[0])


@pytest.mark.parametrize(
    ("earlier", "newest", "risen"),
    [
        ((100, None), (199, None), False),
        ((100, None), (200, None), True),
        ((100, None), (201, None), True),
        ((100, None), (200, ">"), True),
        ((100, None), (200, ">="), True),
        ((100, None), (150, ">"), False),
        ((100, None), (400, "<"), False),
        ((100, "<"), (200, None), True),
        ((100, ">"), (900, None), False),
        ((0, None), (900, None), False),
    ],
)
def test_risen_by_a_factor(earlier, newest, risen):
    pair = Titre(titre(newest[0], 1, comparator=newest[1]), titre(earlier[0], 90, comparator=earlier[1]))
    assert pair.risen_by(2) is risen
    assert Titre(pair.newest).risen_by(2) is False


@pytest.mark.parametrize(
    ("facts", "pending"),
    [
        ([], False),
        ([service("anti-mda5-test")], True),
        ([service("anti-mda5-test", "completed")], False),
        ([service("anti-mda5-test", "draft")], False),
        ([service("anti-mda5-test", refused=True)], False),
        ([service("pft")], False),
        ([antibody(DOUBTFUL, 1, preliminary=True)], True),
        ([antibody(DOUBTFUL, 31, preliminary=True)], False),
        ([antibody(DOUBTFUL, 2, preliminary=True), antibody(DOUBTFUL, 1)], False),
        ([antibody(DOUBTFUL, 1)], False),
    ],
)
def test_antibody_pending(policy, facts, pending):
    assert antibody_pending(record(*facts), policy, AS_OF) is pending


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        ([], "no anti-MDA5 result on record"),
        ([unread("observations", "anti-mda5")], "an anti-MDA5 result may be among what could not be read"),
        (
            [antibody(NEGATIVE, 90), antibody(DOUBTFUL, 2, recorded="borderline")],
            "the anti-MDA5 result of 2026-02-27 (borderline) is neither positive nor negative",
        ),
        (
            [antibody(NEGATIVE, 90), antibody(NEGATIVE, 2), unread("observations")],
            "anti-MDA5 negative on 2026-02-27, but not all results could be read: a positive is not excluded",
        ),
        (
            [antibody(NEGATIVE, 90), antibody(NEGATIVE, 2)],
            "anti-MDA5 negative, last on 2026-02-27; no positive result on record",
        ),
        (
            [
                antibody(POSITIVE, 90, recorded="1:160"),
                antibody(POSITIVE, 40, recorded="1:320"),
                antibody(NEGATIVE, 60),
            ],
            "anti-MDA5 positive on 2026-01-20 (1:320)",
        ),
    ],
)
def test_it_is_said_which_result_decides(policy, facts, because):
    for order in permutations(facts):
        assert anti_mda5(record(*order), policy, AS_OF).because == because


def test_the_evidence_of_the_antibody(policy):
    facts = [antibody(NEGATIVE, 90, id="a"), antibody(NEGATIVE, 60, id="b"), antibody(DOUBTFUL, 2, id="c")]
    found = anti_mda5(record(*facts), policy, AS_OF)
    assert (found.evidence, found.undecided) == (("Observation/a", "Observation/b"), ("Observation/c",))
    assert anti_mda5(record(*facts[:2]), policy, AS_OF).evidence == ("Observation/a", "Observation/b")
    number = titre(12, 5)
    assert anti_mda5(record(facts[2], number), policy, AS_OF).titre == Titre(number)
    assert anti_mda5(record(facts[0], titre(12, 5, words=NEGATIVE)), policy, AS_OF).titre is not None
    positives = [antibody(POSITIVE, 50, id="d"), antibody(POSITIVE, 40, id="e"), antibody(NEGATIVE, 40, id="f")]
    later = [antibody(NEGATIVE, 20, id="g"), antibody(NEGATIVE, 10, id="h")]
    assert anti_mda5(record(*positives), policy, AS_OF).later_negative is None
    told = anti_mda5(record(*positives, *later), policy, AS_OF)
    assert told.evidence == ("Observation/d", "Observation/e", "Observation/h")
    assert told.later_negative is later[1]


def test_overlapping_dates_of_a_titre_do_not_say_which_came_first(policy):
    month = result("anti-mda5", 50, at("2026-02"), code="x|1")
    day, before = result("anti-mda5", 120, at("2026-02-20"), code="x|1"), result("anti-mda5", 9, ago(90), code="x|1")
    assert anti_mda5(record(month, day), policy, AS_OF).titre == Titre(day)
    assert anti_mda5(record(before, day), policy, AS_OF).titre == Titre(day, before)


@pytest.mark.parametrize(
    ("earlier", "newest", "risen"),
    [
        ((100, "<="), (200, None), True),
        ((100, ">="), (900, None), False),
        ((100, None), (199, ">="), False),
        ((100, None), (201, "<="), False),
        ((1, None), (2, None), True),
        ((0.5, None), (1, None), True),
        ((-1, None), (9, None), False),
    ],
)
def test_risen_by_a_factor_at_its_bounds(earlier, newest, risen):
    pair = Titre(titre(newest[0], 1, comparator=newest[1]), titre(earlier[0], 90, comparator=earlier[1]))
    assert pair.risen_by(2) is risen


@pytest.mark.parametrize(("when", "pending"), [(ago(30), True), (at("2026-01-30"), False), (at("2026-01-31"), True)])
def test_a_preliminary_result_is_pending_while_it_is_surely_current(policy, when, pending):
    fact = result("anti-mda5", when=when, words=DOUBTFUL, preliminary=True)
    assert antibody_pending(record(fact), policy, AS_OF) is pending


def test_the_days_of_the_results_are_the_sites(policy):
    """In California it is still the day before."""
    site = replace(policy, zone="America/Los_Angeles")
    first = result("anti-mda5", when=at("2025-12-01T02:00"), words=POSITIVE, recorded="1:160")
    later = result("anti-mda5", when=at("2026-02-27T02:00"), words=NEGATIVE)
    doubtful = result("anti-mda5", when=at("2026-02-27T02:00"), words=DOUBTFUL, recorded="borderline")
    assert anti_mda5(record(first, later), site, AS_OF).because == (
        "anti-MDA5 positive on 2025-11-30 (1:160); a later negative of 2026-02-26 does not undo it"
    )
    assert anti_mda5(record(later), site, AS_OF).because == (
        "anti-MDA5 negative, last on 2026-02-26; no positive result on record"
    )
    assert anti_mda5(record(later), site, AS_OF).status == "negative"
    assert anti_mda5(record(later, doubtful), site, AS_OF).because == (
        "the anti-MDA5 result of 2026-02-26 (borderline) is neither positive nor negative"
    )
    assert anti_mda5(record(later, answers={"observations": "partial"}), site, AS_OF).because == (
        "anti-MDA5 negative on 2026-02-26, but not all results could be read: a positive is not excluded"
    )


def test_of_two_assays_that_rose_on_one_day_the_one_that_rose_more_is_shown(policy):
    """By 90 from 10, not by 15 from 80."""
    steep = [titre(10, 90), titre(100, 1, id="a")]
    flat = [titre(80, 90, code="x|2"), titre(95, 1, code="x|2", id="b")]
    for order in permutations((*steep, *flat)):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(steep[1], steep[0])


def test_of_two_numbers_of_one_instant_the_higher_is_the_titre(policy):
    low, high, older = titre(80, 1, id="z"), titre(120, 1, id="a"), titre(50, 90)
    for order in permutations((low, high, older)):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(high, older)
    first = [titre(50, 90, id="z"), titre(70, 90, id="a")]
    for order in permutations((*first, high)):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(high, first[1])


def test_of_a_number_and_a_titre_of_one_resource_the_number_is_shown(policy):
    number = result("anti-mda5", 90, ago(1), code="x|1", unit=None, id="both")
    steps = result("anti-mda5", when=ago(1), code="x|1", titre_steps=160.0, id="both")
    for order in permutations((number, steps)):
        assert anti_mda5(record(*order), policy, AS_OF).titre == Titre(number)


@pytest.mark.parametrize("comparator", [None, ">", ">="])
def test_a_rise_by_the_factor_counts_though_a_computer_cannot_hold_it_exactly(comparator):
    """Three times 1.1 is a hair more than 3.3 to a computer, not to a physician."""
    pair = Titre(titre(3.3, 1, comparator=comparator), titre(3, 90))
    assert pair.risen_by(1.1)
    assert not Titre(titre(3.29, 1, comparator=comparator), titre(3, 90)).risen_by(1.1)


def test_what_could_not_be_read_of_another_test_says_nothing_of_the_antibody(policy):
    found = anti_mda5(record(unread("observations", "ferritin")), policy, AS_OF)
    assert (found.status, found.because) == ("unknown", "no anti-MDA5 result on record")
    found = anti_mda5(record(unread("observations", "anti-mda5")), policy, AS_OF)
    assert found.because == "an anti-MDA5 result may be among what could not be read"


def test_of_two_titres_of_one_date_the_higher_is_the_titre(policy):
    low, high = (
        result("anti-mda5", when=ago(1), code="x|1", titre_steps=steps, id=name)
        for steps, name in ((80.0, "z"), (640.0, "a"))
    )
    older = result("anti-mda5", when=ago(90), code="x|1", titre_steps=160.0, id="older")
    for order in permutations((low, high, older)):
        found = anti_mda5(record(*order), policy, AS_OF).titre
        assert found == Titre(high, older)
        assert found.risen_by(4)
        assert not found.risen_by(4.1)
