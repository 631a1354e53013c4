"""FHIR dates → the interval they stand for, in the site's zone when they name none."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date, datetime, timedelta, tzinfo

from cds_cards.timeline import When

_FORM = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d+)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
_COMPLETE = re.compile(r"[1-8]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
"""An instant as nearly all are written: Python reads it just as it is taken apart below, and sooner."""
_FIRST_YEAR, _LAST_YEAR = 1000, 8999
"""Beyond these no date is meant, and arithmetic on it would leave the calendar's range."""
_NO_END_YEAR = 9999
"""What databases write for "no end"."""
_TICK = timedelta(microseconds=1)


def with_zone(text: str, zone: tzinfo) -> str:
    """A dateTime with seconds and zone, as FHIR requires; anything else as it is."""
    match = _FORM.fullmatch(text)
    if match is None or match["hour"] is None or (match["second"] is not None and match["zone"] is not None):
        return text
    if match["zone"] is not None:
        stem, offset = text[: match.start("zone")], match["zone"]
    else:
        stem, offset = text, _offset(text, zone)
    return f"{stem}{'' if match['second'] else ':00'}{offset}"


def when(value: object, zone: tzinfo) -> When | None:
    """The interval of a year, month, day or instant; None when it is no date."""
    if isinstance(value, str) and _COMPLETE(value):
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            return None
        return When(read, read, value)
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None or not _FIRST_YEAR <= int(match["year"]) <= _LAST_YEAR:
        return None
    try:
        return _instant(match, zone) if match["hour"] else _days(match, zone)
    except (ValueError, OverflowError):
        return None


def end_of(value: object, zone: tzinfo) -> When | None:
    """The end of a period; None when it states none, be it by the last year of the calendar. ValueError: unreadable."""
    if value is None or (isinstance(value, str) and value.startswith(str(_NO_END_YEAR))):
        return None
    read = when(value, zone)
    if read is None:
        raise ValueError("no date")
    return read


def spanning(parts: Iterable[When]) -> When:
    """From the earliest start to the latest end (at least one part)."""
    known = tuple(parts)
    first, last = min(known, key=lambda part: part.start), max(known, key=lambda part: part.end)
    return When(first.start, last.end, first.text if first == last else f"{first.text} to {last.text}")


def moment(value: object, zone: tzinfo) -> datetime | None:
    """An instant such as `issued` or `meta.lastUpdated`; None when it is none."""
    read = when(value, zone)
    return read.start if read is not None and read.exact else None


def _instant(match: re.Match[str], zone: tzinfo) -> When:
    second = int(match["second"] or 0)
    parts = [int(match[name]) for name in ("year", "month", "day", "hour", "minute")]
    offset = match["zone"]
    own_zone = zone if offset is None else datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo
    # a leap second (60) is the first instant of the next minute
    read = datetime(parts[0], parts[1], parts[2], parts[3], parts[4], tzinfo=own_zone) + timedelta(
        seconds=second, microseconds=int(float(match["fraction"] or 0) * 1_000_000)
    )
    if second > 60:
        raise ValueError("no such second")
    return When(read, read, match.string)


def _days(match: re.Match[str], zone: tzinfo) -> When:
    year = int(match["year"])
    month, day = (int(match[name]) if match[name] else None for name in ("month", "day"))
    first = date(year, 1 if month is None else month, 1 if day is None else day)
    if day is not None:
        following = first + timedelta(days=1)
    elif month is not None:
        following = date(year + month // 12, month % 12 + 1, 1)
    else:
        following = date(year + 1, 1, 1)
    return When(_midnight(first, zone), _midnight(following, zone) - _TICK, match.string)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _offset(text: str, zone: tzinfo) -> str:
    """The site's offset from UTC at that moment, `+01:00`; "" when the text is no moment."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone, microsecond=0).isoformat()[19:25]
    except (ValueError, OverflowError):
        return ""


def shifted(start: When, days: int, months: int = 0) -> When:
    """The interval moved by days and calendar months. ValueError: beyond the calendar."""
    try:
        return When(_shift(start.start, days, months), _shift(start.end, days, months), start.text)
    except OverflowError:
        raise ValueError("beyond the calendar") from None


def _shift(moment: datetime, days: int, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise ValueError("beyond the calendar")
    day = min(moment.day, monthrange(year, month)[1])
    moved = moment.replace(year=year, month=month, day=day) + timedelta(days=days)
    if not _FIRST_YEAR <= moved.year <= _LAST_YEAR:
        raise ValueError("beyond the calendar")
    return moved
