"""Scales of the picture, decided here so that labels can be placed: time on all panels, values on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, inf, log10
from zoneinfo import ZoneInfo

from service.course.model import Course
from service.course.theme import PLOT

_LOG_FROM = 40.0
"""A logarithmic scale from this ratio of the highest to the lowest value on."""
_HEADROOM = 1.22
_DAYS = ((50, 7), (100, 14), (190, 28))
"""Days from one tick to the next, for spans up to so many days; longer ones have a tick each first of a month."""


def wall(moment: datetime, zone: ZoneInfo) -> int:
    """Milliseconds of the site's wall clock, which the picture's axis takes for UTC."""
    local = moment.astimezone(zone).replace(tzinfo=UTC)
    return round(local.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class TimeScale:
    """`first` and `last` in wall-clock milliseconds; `ticks` within."""

    first: int
    last: int
    ticks: tuple[int, ...]
    by_month: bool
    zone: ZoneInfo

    @classmethod
    def of(cls, course: Course) -> TimeScale:
        """The window of a course; ticks by weeks of therapy, or by months."""
        first, last = wall(course.window.start, course.zone), wall(course.window.end, course.zone)
        days = (last - first) / 86_400_000
        step = next((step for most, step in _DAYS if days <= most), None)
        steps = {moment.id: moment.when.start for moment in course.moments}
        anchor = steps.get("last-step", steps.get("combination", course.as_of))
        ticks = _by_days(anchor, step, first, last, course.zone) if step else _months(first, last, days)
        return cls(first, last, ticks, step is None, course.zone)

    def at(self, moment: datetime) -> int:
        """Milliseconds, not outside the window."""
        return min(max(wall(moment, self.zone), self.first), self.last)

    def pixel(self, moment: datetime) -> float:
        """Pixels from the left of the plot."""
        return (self.at(moment) - self.first) / (self.last - self.first) * PLOT


def _by_days(anchor: datetime, step: int, first: int, last: int, zone: ZoneInfo) -> tuple[int, ...]:
    midnight = wall(anchor, zone) // 86_400_000 * 86_400_000
    stride = step * 86_400_000
    start = midnight + ceil((first - midnight) / stride) * stride
    return tuple(range(start, last + 1, stride))


def _months(first: int, last: int, days: float) -> tuple[int, ...]:
    apart = 1 if days <= 250 else 2
    begin = datetime.fromtimestamp(first / 1000, UTC)
    month = begin.year * 12 + begin.month
    found: list[int] = []
    while True:
        tick = round(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)
        if tick > last:
            return tuple(found)
        found.append(tick)
        month += apart


@dataclass(frozen=True, slots=True)
class ValueScale:
    """Linear or logarithmic from `low` to `high`; values beyond are drawn at its edge."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, numbers: Sequence[float], limits: Sequence[float]) -> ValueScale | None:
        """The scale that holds these values and limits; None where there is no value."""
        if not numbers:
            return None
        positive = [number for number in (*numbers, *limits) if number > 0]
        low, high = min(*numbers, *limits, inf), max(*numbers, *limits, -inf)
        if positive and low >= 0 and max(positive) / min(positive) >= _LOG_FROM:
            return cls._logarithmic(min(positive), max(positive))
        low, high = min(0.0, low * _HEADROOM), max(0.0, high * _HEADROOM)
        high = high if high > low else low + 1.0
        return cls(low, high, False, _nice(low, high))

    @classmethod
    def _logarithmic(cls, low: float, high: float) -> ValueScale:
        bottom, top = low / 1.5, high * 2.2
        decades = [10.0**power for power in range(floor(log10(bottom)), ceil(log10(top)) + 1)]
        inside = [decade for decade in decades if bottom <= decade <= top]
        ticks = inside[:: max(1, ceil(len(inside) / 4))]
        return cls(bottom, top, True, tuple(ticks))

    def height(self, number: float) -> float:
        """From 0 at the foot to 1 at the top."""
        inside = min(max(number, self.low), self.high)
        if self.log:
            return log10(inside / self.low) / log10(self.high / self.low)
        return (inside - self.low) / (self.high - self.low)


def _nice(low: float, high: float) -> tuple[float, ...]:
    """Three to five round numbers."""
    rough = (high - low) / 4
    unit = 10.0 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    return tuple(number * step for number in range(ceil(low / step), floor(high / step) + 1))


ONE_DAY = timedelta(days=1, seconds=1)
"""An interval up to this long is drawn as one day."""
