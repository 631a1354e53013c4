"""Dates as FHIR gives them: an interval each, compared three-valued.

Ages counted back from `as_of` are elapsed time; distances from a start of therapy are calendar days in the site's zone.
Bounds are included. An interval that straddles a limit leaves the answer unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from cds_cards.criteria import Verdict


@dataclass(frozen=True, slots=True)
class When:
    """The interval a FHIR date stands for: `start` and `end` (both included, zone-aware), `text` as recorded."""

    start: datetime
    end: datetime
    text: str

    @property
    def exact(self) -> bool:
        """Whether it is an instant."""
        return self.start == self.end

    def until(self, as_of: datetime) -> When:
        """The part of the interval that lies not after `as_of` (at least one instant)."""
        if self.end <= as_of:
            return self
        return When(min(self.start, as_of), as_of, self.text)

    def day(self, zone: tzinfo) -> str:
        """For a sentence: the calendar day in the site's zone, or the partial date as recorded (`2026-03`)."""
        first, last = calendar_days(self, zone)
        return first.isoformat() if first == last else self.text


def instant(moment: datetime) -> When:
    """An interval of one instant."""
    return When(moment, moment, moment.isoformat())


def aged_at_most(when: When, as_of: datetime, limit: timedelta) -> Verdict:
    """Whether `when` lies at most `limit` of elapsed time before `as_of`."""
    clipped = when.until(as_of)
    if as_of - clipped.start <= limit:
        return Verdict.MET
    return Verdict.NOT_MET if as_of - clipped.end > limit else Verdict.UNKNOWN


def calendar_days(when: When, zone: tzinfo) -> tuple[date, date]:
    """The first and the last calendar day of the interval."""
    first = when.start.astimezone(zone).date()
    return first, first if when.end == when.start else when.end.astimezone(zone).date()


def days_apart(earlier: tuple[date, date], later: tuple[date, date]) -> tuple[int, int]:
    """Least and greatest number of days from one pair of first and last day to another (negative: it lies before)."""
    return (later[0] - earlier[1]).days, (later[1] - earlier[0]).days


def days_between(earlier: When, later: When, zone: tzinfo) -> tuple[int, int]:
    """Least and greatest number of calendar days from `earlier` to `later` (negative when it lies before)."""
    return days_apart(calendar_days(earlier, zone), calendar_days(later, zone))


def reaches_day(apart: tuple[int, int], days: int) -> Verdict:
    """Whether a distance (least, greatest) is at least `days`."""
    if apart[0] >= days:
        return Verdict.MET
    return Verdict.NOT_MET if apart[1] < days else Verdict.UNKNOWN


def within_days(apart: tuple[int, int], first: int, last: int) -> Verdict:
    """Whether a distance (least, greatest) is one of `first` to `last` days."""
    if apart[0] > last or apart[1] < first:
        return Verdict.NOT_MET
    return Verdict.MET if apart[0] >= first and apart[1] <= last else Verdict.UNKNOWN


def days_at_least(earlier: When, later: When, days: int, zone: tzinfo) -> Verdict:
    """Whether `later` lies at least `days` calendar days after `earlier`."""
    return reaches_day(days_between(earlier, later, zone), days)


def days_at_most(earlier: When, later: When, days: int, zone: tzinfo) -> Verdict:
    """Whether `later` lies at most `days` calendar days after `earlier`."""
    return days_at_least(earlier, later, days + 1, zone).negated()


def whole_years(born: When, as_of: datetime, zone: tzinfo) -> tuple[int, int] | None:
    """Completed years from `born` to `as_of` as (least, most); None when the birth lies after `as_of`."""
    if born.start > as_of:
        return None
    today = _day(as_of, zone)
    return _years(_day(born.until(as_of).end, zone), today), _years(_day(born.start, zone), today)


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
