"""Newest, current and preliminary results; what censored values decide."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from cds_cards.criteria import Verdict
from cds_cards.series import above, below, current, figure, higher_is_worse, lower_is_worse, newest, unread_since
from tests.unit.cds_cards.facts import AS_OF, ago, at, result, unread

M, N, U = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
MONTH = timedelta(days=30)


def ferritin(value, when, **rest):
    return result("ferritin", value, when, **rest)


@pytest.mark.parametrize(
    ("value", "comparator", "is_above", "is_below"),
    [
        (499, None, N, M),
        (500, None, N, N),
        (501, None, M, N),
        (500.000000000001, None, N, N),  # arithmetic, not the patient
        (400, ">", U, U),
        (500, ">", M, N),
        (500, ">=", U, N),
        (501, ">=", M, N),
        (600, "<", U, U),
        (500, "<", N, M),
        (500, "<=", N, U),
        (499, "<=", N, M),
        (501, "ad", U, U),
        (500.1, None, M, N),
        (499.9, None, N, M),
        (500.1, "<", U, U),
        (501, "<", U, U),
        (500.1, "<=", U, U),
        (499.9, ">", U, U),
        (499, ">=", U, U),
    ],
)
def test_what_a_censored_value_decides(value, comparator, is_above, is_below):
    assert above(value, comparator, 500) is is_above
    assert below(value, comparator, 500) is is_below


@pytest.mark.parametrize(
    ("value", "unit", "comparator", "text"),
    [
        (1523.0, "ng/mL", None, "1523 ng/mL"),
        (52.5, "mm[Hg]", None, "52.5 mmHg"),
        (0.4, "1", None, "0.4"),
        (1000.0, "ng/mL", ">", ">1000 ng/mL"),
        (1234567.0, "U/mL", None, "1234567 U/mL"),
        (299.96, "mm[Hg]", None, "299.96 mmHg"),  # no decimal makes it the limit
        (299.94, "mm[Hg]", None, "299.9 mmHg"),
        (300.04, "mm[Hg]", "<", "<300.04 mmHg"),
        (0.12345, "1", None, "0.123"),
        (99.96, "ng/mL", None, "99.96 ng/mL"),
        (3.0, None, None, "3"),
        (3.0, "", None, "3"),
    ],
)
def test_figures(value, unit, comparator, text):
    assert figure(value, unit, comparator) == text


def test_the_newest_of_one_instant_is_the_later_issued_else_the_worse():
    low, high = ferritin(400, ago(1)), ferritin(900, ago(1))
    first = ferritin(900, ago(1), issued=AS_OF - timedelta(hours=5))
    corrected = ferritin(400, ago(1), issued=AS_OF - timedelta(hours=4))
    older = ferritin(2000, ago(2))
    for pool in permutations((low, high, older)):
        assert newest(pool, higher_is_worse) == (high,)
        assert newest(pool, lower_is_worse) == (low,)
    for pool in permutations((first, corrected, older)):
        assert newest(pool) == (corrected,)
    assert newest((first, low)) == (first,)  # one without `issued`: the worse
    assert newest(()) == ()


def test_of_equal_results_the_order_does_not_choose():
    sources = [ferritin(900, ago(1), id=name) for name in "abc"]
    codes = [ferritin(900, ago(1), id="a", code=name) for name in ("s|1", "s|2")]
    bounds = [ferritin(900, ago(1), id="a", comparator=name) for name in (None, "<", ">")]
    for alike in (sources, codes, bounds):
        assert {newest(pool) for pool in permutations(alike)} == {(alike[-1],)}


def test_a_value_that_is_none_is_the_least_bad():
    none, low = ferritin(None, ago(1)), ferritin(-5, ago(1))
    assert newest((none, low), higher_is_worse) == newest((low, none), lower_is_worse) == (low,)


def test_overlapping_dates_leave_several_candidates():
    day, hour, month, before = (
        ferritin(1, at("2026-02-20")),
        ferritin(2, at("2026-02-20T08:00")),
        ferritin(3, at("2026-02")),
        ferritin(4, at("2026-02-19")),
    )
    for pool in permutations((day, hour, month, before)):
        assert [r.value for r in newest(pool)] == [3, 1, 2]


@pytest.mark.parametrize(("days", "surely"), [(29, True), (30, True), (30.001, False)])
def test_current_within_the_limit(days, surely):
    found = current([ferritin(900, ago(days))], AS_OF, MONTH)
    assert bool(found.surely) is surely
    assert (found.stale is None) is surely


def test_a_candidate_that_is_the_newest_cannot_be_older_than_the_others():
    """Of "January" and the 30th of January the newest is 30 days old at most, whichever it is."""
    month, day = ferritin(900, at("2026-01")), ferritin(800, ago(29.5))
    assert current([month, day], AS_OF, MONTH).surely == (month, day)
    assert current([month], AS_OF, MONTH).surely == ()
    assert current([month], AS_OF, MONTH).stale is month
    assert current([], AS_OF, MONTH).stale is None


@pytest.mark.parametrize(
    ("final_days", "counted"),
    [(10, "final"), (30, "final"), (30.001, "preliminary"), (0.5, "final")],
)
def test_a_preliminary_result_counts_only_where_no_final_one_is_current(final_days, counted):
    preliminary, final = ferritin(1500, ago(1), preliminary=True), ferritin(300, ago(final_days))
    for pool in permutations((preliminary, final)):
        assert current(pool, AS_OF, MONTH).surely == ((preliminary,) if counted == "preliminary" else (final,))


def test_a_final_result_that_follows_replaces_a_preliminary_one():
    preliminary, final = ferritin(1500, ago(50), preliminary=True), ferritin(300, ago(49))
    assert current([preliminary, final], AS_OF, MONTH).stale is final


def test_a_preliminary_result_of_the_instant_of_a_final_one_gives_way():
    preliminary, final = ferritin(1500, ago(50), preliminary=True), ferritin(300, ago(50))
    for pool in permutations((preliminary, final)):
        assert current(pool, AS_OF, MONTH).candidates == ((final, N),)
    overlapping = ferritin(300, at("2026-01"))
    assert [r for r, _ in current((preliminary, overlapping), AS_OF, timedelta(days=1)).candidates] == [overlapping]


def test_unread_results_that_may_be_newer():
    used = (ferritin(300, ago(5)),)
    assert unread_since([unread("observations", "ferritin")], used)
    assert unread_since([unread("observations", "ferritin", when=ago(5))], used)
    assert not unread_since([unread("observations", "ferritin", when=ago(5.1))], used)
    assert unread_since([unread("observations", "ferritin", when=at("2026-02"))], used)
    assert not unread_since([unread("observations", "ferritin", when=ago(6))], (*used, ferritin(300, ago(5.5))))
    assert unread_since([unread("observations", "ferritin", when=ago(5.2))], (*used, ferritin(300, ago(5.5))))
    assert unread_since([unread("observations", when=ago(90))], ())
    assert not unread_since([], used)
