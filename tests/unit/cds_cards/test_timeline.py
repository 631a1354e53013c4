"""Intervals, elapsed time, calendar days and years, each at its bounds and with dates that straddle them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cds_cards.criteria import Verdict
from cds_cards.timeline import (
    When,
    aged_at_most,
    days_at_least,
    days_at_most,
    days_between,
    instant,
    reaches_day,
    whole_years,
    within_days,
)
from tests.unit.cds_cards.facts import AS_OF, ago, at

M, N, U = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN
MONTH = timedelta(days=30)


@pytest.mark.parametrize(
    ("when", "verdict"),
    [
        (ago(29), M),
        (ago(30), M),
        (ago(30, microseconds=1), N),
        (at("2026-01-31"), M),
        (at("2026-01-30"), U),  # the limit falls into this day
        (at("2026-01-29"), N),
        (at("2026-03"), M),  # began with this month, and cannot lie after today
        (at("2026-01"), U),
        (at("2025"), N),
        (instant(AS_OF + timedelta(minutes=5)), M),  # clock skew: today
        (When(ago(40).start, ago(30).end, "ends at the limit"), U),
        (When(ago(40).start, ago(30, microseconds=1).end, "ends before it"), N),
        (When(ago(30).start, ago(1).end, "begins at the limit"), M),
    ],
)
def test_age_is_elapsed_time(when, verdict):
    assert aged_at_most(when, AS_OF, MONTH) is verdict


def test_calendar_days_are_those_of_the_site():
    late, early = instant(datetime(2026, 2, 1, 23, 30, tzinfo=UTC)), instant(datetime(2026, 2, 2, 0, 30, tzinfo=UTC))
    assert days_between(late, early, UTC) == (1, 1)
    assert days_between(late, early, ZoneInfo("Europe/Madrid")) == (0, 0)
    evening, morning = at("2026-02-03T02:00"), at("2026-02-03T09:00")
    assert days_between(evening, morning, ZoneInfo("America/Los_Angeles")) == (1, 1)
    assert days_at_least(evening, morning, 1, ZoneInfo("America/Los_Angeles")) is M
    assert days_at_most(evening, morning, 0, ZoneInfo("America/Los_Angeles")) is N
    assert days_between(early, late, UTC) == (-1, -1)
    assert days_at_most(late, early, 0, ZoneInfo("Europe/Madrid")) is M
    assert days_at_least(late, early, 1, ZoneInfo("Europe/Madrid")) is N
    assert days_between(at("2026-02"), at("2026-03-01"), UTC) == (1, 28)


@pytest.mark.parametrize(
    ("later", "least", "most"),
    [
        ("2026-02-07", N, M),
        ("2026-02-08", M, M),
        ("2026-02-09", M, N),
        ("2026-02", U, U),
        ("2026-03", M, N),
        (When(at("2026-02-06").start, at("2026-02-08").end, "the 6th to the 8th"), U, M),
        (When(at("2026-02-06").start, at("2026-02-07").end, "the 6th or the 7th"), N, M),
        (When(at("2026-02-08").start, at("2026-02-09").end, "the 8th or the 9th"), M, U),
    ],
)
def test_day_seven(later, least, most):
    assert days_at_least(at("2026-02-01"), at(later), 7, UTC) is least
    assert days_at_most(at("2026-02-01"), at(later), 7, UTC) is most


@pytest.mark.parametrize(
    ("apart", "least", "within"),
    [
        ((7, 7), M, M),
        ((6, 7), U, U),
        ((7, 14), M, M),
        ((7, 15), M, U),
        ((14, 15), M, U),
        ((15, 15), M, N),
        ((6, 6), N, N),
        ((0, 6), N, N),
        ((6, 15), U, U),
    ],
)
def test_a_span_of_days_at_its_bounds(apart, least, within):
    assert reaches_day(apart, 7) is least
    assert within_days(apart, 7, 14) is within


@pytest.mark.parametrize(
    ("born", "years"),
    [
        ("1966-03-01", (60, 60)),
        ("1966-03-02", (59, 59)),
        ("1966-02-28", (60, 60)),
        ("1966", (59, 60)),
        ("1966-03", (59, 60)),
        ("1966-02", (60, 60)),
        ("2008-02-29", (18, 18)),
        ("2026", (0, 0)),
        ("2026-03-02", None),
        ("2026-03-01T10:00", (0, 0)),  # this instant
        ("2026-03-01T10:01", None),
    ],
)
def test_completed_years(born, years):
    assert whole_years(at(born), AS_OF, UTC) == years


def test_a_leap_day_birthday_comes_on_the_first_of_march():
    eve = datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert whole_years(at("2008-02-29"), eve, UTC) == (17, 17)


def test_the_part_that_is_not_after_the_moment():
    day, earlier, later = at("2026-03-01"), at("2026-02"), ago(-1)
    assert day.until(AS_OF) == When(day.start, AS_OF, "2026-03-01")
    assert earlier.until(AS_OF) is earlier
    assert later.until(AS_OF) == When(AS_OF, AS_OF, later.text)
    assert ago(0).until(AS_OF) == ago(0)


def test_an_instant_is_exact():
    assert ago(1).exact
    assert not at("2026-02-28").exact
    assert ago(1).text == "2026-02-28T10:00:00+00:00"


def test_day_for_a_sentence():
    assert at("2026-02-03T08:00").day(UTC) == "2026-02-03"
    assert at("2026-02").day(UTC) == "2026-02"
    assert at("2026-02-03T23:30").day(ZoneInfo("Europe/Madrid")) == "2026-02-04"
    assert at("2026-02-03T02:00").day(ZoneInfo("America/Los_Angeles")) == "2026-02-02"


@pytest.mark.parametrize(("hour", "years"), [(2, (55, 55)), (9, (56, 56))])
def test_years_are_completed_by_the_sites_day(hour, years):
    """Born on the 1st of March 1970 in California, whose day begins at eight o'clock UTC."""
    born = When(datetime(1970, 3, 1, 8, tzinfo=UTC), datetime(1970, 3, 2, 7, 59, tzinfo=UTC), "1970-03-01")
    assert whole_years(born, datetime(2026, 3, 1, hour, tzinfo=UTC), ZoneInfo("America/Los_Angeles")) == years
    # an hour of birth that was still the day before
    assert whole_years(
        at("1970-03-01T02:00"), datetime(2026, 3, 1, 2, tzinfo=UTC), ZoneInfo("America/Los_Angeles")
    ) == (
        56,
        56,
    )
