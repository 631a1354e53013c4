"""FHIR dates as intervals, in the site's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.fhir.read.dates import end_of, moment, shifted, spanning, when, with_zone

MADRID = ZoneInfo("Europe/Madrid")
TICK = timedelta(microseconds=1)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "start", "next_start"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
    ],
)
def test_a_partial_date_is_the_interval_it_stands_for(text: str, start: datetime, next_start: datetime) -> None:
    read = when(text, UTC)
    assert read is not None
    assert (read.start, read.end, read.text) == (start, next_start - TICK, text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T10:00:00Z", at(2026, 3, 1, 10)),
        ("2026-03-01T10:00:00.250Z", at(2026, 3, 1, 10, 0, 0, 250_000)),
        ("2026-03-01T10:00:00+02:00", at(2026, 3, 1, 8)),
        ("2026-03-01T10:00:00-05:30", at(2026, 3, 1, 15, 30)),
        ("2026-12-31T23:59:60Z", at(2027, 1, 1)),
        ("2026-03-01T10:00Z", at(2026, 3, 1, 10)),
    ],
)
def test_an_instant_is_exact(text: str, instant: datetime) -> None:
    read = when(text, UTC)
    assert read is not None
    assert read.exact
    assert read.start == instant


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-13",
            "2026-02-30",
            "2023-02-29",
            "2026-3-1",
            "01/03/2026",
            "20260301",
            "",
            "yesterday",
            "2026-03-01 10:00",
        ),
        *(
            "2026-03-01T25:00:00Z",
            "2026-03-01T10:61:00Z",
            "2026-03-01T10:00:61Z",
            "2026-00",
            "0000",
            "0999",
            "9999-12-31",
        ),
        *("2026-03-01T10", "2026-03-01T10:00:00+2"),
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert when(text, UTC) is None
    assert moment(text, UTC) is None


@pytest.mark.parametrize("value", [None, 5, 20260301, True, {}, ["2026"]])
def test_what_is_no_text_is_no_date(value: object) -> None:
    assert when(value, UTC) is None


def test_days_and_zoneless_times_are_those_of_the_site() -> None:
    day = when("2026-03-01", MADRID)
    assert day is not None
    assert day.start == at(2026, 2, 28, 23)
    assert with_zone("2026-03-01T10:00:00", MADRID) == "2026-03-01T10:00:00+01:00"
    assert with_zone("2026-07-01T10:00", MADRID) == "2026-07-01T10:00:00+02:00"
    assert with_zone("2026-07-01T10:00:00Z", MADRID) == "2026-07-01T10:00:00Z"
    assert with_zone("2026-13-01T10:00:00", MADRID) == "2026-13-01T10:00:00"
    assert with_zone("2026-03", MADRID) == "2026-03"


@pytest.mark.parametrize("text", [None, "9999", "9999-12-31", "9999-12-31T23:59:59Z"])
def test_the_last_year_of_the_calendar_is_no_end(text: str | None) -> None:
    assert end_of(text, UTC) is None
    with pytest.raises(ValueError, match="no date"):
        end_of("soon", UTC)


def test_a_span_reaches_from_the_first_start_to_the_last_end() -> None:
    month, day = when("2026-03", UTC), when("2026-03-15", UTC)
    assert month is not None
    assert day is not None
    assert spanning([day, month]) == spanning([month, day])
    assert (spanning([day, month]).start, spanning([day, month]).end) == (month.start, month.end)


@pytest.mark.parametrize(
    ("days", "months", "shifted_to"),
    [(27, 0, "2026-02-27"), (0, 1, "2026-02-28"), (-1, 12, "2027-01-30"), (0, 13, "2027-02-28")],
)
def test_calendar_months_end_with_the_month(days: int, months: int, shifted_to: str) -> None:
    start, expected = when("2026-01-31", UTC), when(shifted_to, UTC)
    assert start is not None
    assert expected is not None
    assert shifted(start, days, months).start == expected.start
    with pytest.raises(ValueError, match="calendar"):
        shifted(start, 0, 12 * 9000)
    with pytest.raises(ValueError, match="calendar"):
        shifted(start, 10**9)
