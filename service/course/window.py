"""The time that the picture shows: from a month before the present therapy, a year at most, to a little after now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from service.course.model import Bar, Moment, Panel, Window

LONGEST = timedelta(days=365)
LEAD = timedelta(days=30)
SHORTEST = timedelta(days=21)
_MARGIN = 0.04
_ROOM = 0.1
"""After now, for what is drafted or planned."""
_AHEAD = 0.25
"""What lies ahead is shown up to this share of what lies behind."""


def window_of(panels: Sequence[Panel], bars: Sequence[Bar], moments: Sequence[Moment], as_of: datetime) -> Window:
    """A month before the earliest therapy of the last year, else the earliest value of it; at least three weeks."""
    oldest = as_of - LONGEST
    starts = [start for bar in bars if (start := _begun(bar, oldest, as_of)) is not None]
    values = [when for when in _dates(panels) if oldest <= when <= as_of]
    start = max(oldest, min(starts) - LEAD) if starts else min(values, default=as_of)
    # nothing is gained by an empty month: begin where the first value or course of the window lies
    inside = [when for when in (*values, *(max(each, start) for each in starts)) if when >= start]
    begin = min(as_of - SHORTEST, min(inside, default=start))
    behind = as_of - begin
    ahead = as_of + behind * _AHEAD
    later = [when for when in (*_dates(panels), *(each.when.end for each in moments)) if as_of < when <= ahead]
    margin = behind * (_MARGIN if all(bar.status in ("active", "past") for bar in bars) else _ROOM)
    return Window(begin - behind * _MARGIN, max((*later, as_of)) + margin)


def _begun(bar: Bar, oldest: datetime, as_of: datetime) -> datetime | None:
    """The start of a course that ran within the last year; the start of that year where it began earlier."""
    if bar.status not in ("active", "past") or bar.since is None or bar.since.start > as_of:
        return None
    if bar.until is not None and bar.until.end < oldest:
        return None
    return max(bar.since.start, oldest)


def _dates(panels: Sequence[Panel]) -> Iterator[datetime]:
    return (value.when.start for panel in panels for value in panel.values if value.when is not None)
