"""FHIR Timing → how many administrations a day, a week and a course bring."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

Json = Mapping[str, Any]

_DAYS = {"s": 1 / 86400, "min": 1 / 1440, "h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0}
"""Days in a UnitsOfTime code; a month counts 30 days, a year 365."""
_DAILY_CODES = {
    "QD": 1,
    "AM": 1,
    "PM": 1,
    "BED": 1,
    "BID": 2,
    "TID": 3,
    "QID": 4,
    "Q24H": 1,
    "Q12H": 2,
    "Q8H": 3,
    "Q6H": 4,
    "Q4H": 6,
    "Q3H": 8,
    "Q2H": 12,
    "Q1H": 24,
}
"""Administrations a day of v3-GTSAbbreviation (http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation), and two more
that orders carry."""
_RARER_CODES = {"QOD": 2.0, "WK": 7.0, "MO": 30.0}
"""Days from one administration to the next, same code system."""
_MEALS = {"C": 3, "AC": 3, "PC": 3}
"""EventTiming codes that stand for every meal; all others are one moment of the day."""
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class UnreadTiming(ValueError):
    """The timing cannot be turned into administrations; the text says why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Administrations: the most in any day (`per_day`) and week (`per_week`), and `in_all` when the course ends.

    `duration_hours` is how long one administration runs. `daily`: at least once a day; `every_days`: of a rarer timing,
    the least days from one administration to the next.
    """

    per_day: float | None = None
    per_week: float | None = None
    in_all: float | None = None
    duration_hours: float | None = None
    daily: bool | None = None
    every_days: float | None = None


@dataclass(frozen=True, slots=True)
class _Rate:
    """The most in any day and week, whether at least daily, and the least days apart of what is rarer."""

    per_day: float
    per_week: float
    daily: bool
    every_days: float | None = None


def schedule(timing: Json | None) -> Schedule:
    """The administrations of one Dosage.timing; an empty Schedule when none is stated. Raises UnreadTiming."""
    if not timing:
        return Schedule()
    if timing.get("event"):
        return _events(timing["event"])
    repeat: Json = timing.get("repeat") or {}
    duration = _duration(repeat)
    days = _bounds_days(repeat)
    count = _number(repeat, "countMax") or _number(repeat, "count")
    rate = _rate(repeat) or _coded(timing.get("code"))
    if rate is None:
        if count == 1:
            return Schedule(1, 1, 1, duration, False)
        if count is None and not repeat and (timing.get("code") or {}).get("text"):
            raise UnreadTiming("the timing is in words only")
        return Schedule(in_all=count, duration_hours=duration)
    in_all = count if count is not None else (None if days is None else _within(rate, days))
    most = math.inf if in_all is None else in_all
    return Schedule(min(rate.per_day, most), min(rate.per_week, most), in_all, duration, rate.daily, rate.every_days)


def _rate(repeat: Json) -> _Rate | None:
    """The administrations by the most frequent reading of ranges."""
    times = repeat.get("timeOfDay") or []
    moments = repeat.get("when") or []
    weekdays = repeat.get("dayOfWeek") or []
    frequency = _number(repeat, "frequencyMax") or _number(repeat, "frequency")
    period, unit = _number(repeat, "period"), repeat.get("periodUnit")
    on_day = float(len(times) or sum(_MEALS.get(moment, 1) for moment in moments))
    if weekdays:
        daily_part = on_day or (frequency if frequency and (period, unit) in ((1, "d"), (None, None)) else 1.0)
        return _on_weekdays(daily_part, set(weekdays))
    if period is None or unit is None:
        if frequency is not None and not on_day:
            raise UnreadTiming("the timing states a frequency without a period")
        return _Rate(on_day, on_day * 7, True) if on_day else None
    if unit not in _DAYS or period <= 0:
        raise UnreadTiming("the timing's period cannot be read")
    days = period * _DAYS[unit]
    if on_day:
        rarer = days > 1
        return _Rate(on_day, on_day * math.ceil(7 / days) if rarer else on_day * 7, not rarer, days if rarer else None)
    return _most(frequency or 1.0, days)


def _most(frequency: float, days: float) -> _Rate:
    if frequency / days >= 1:
        return _Rate(frequency / days, frequency / days * 7, True)
    # which day of the period brings how many is not said: one each, as far apart as they go
    per_week = math.ceil(7 / days) * frequency if days <= 7 else min(frequency, 7.0)
    return _Rate(1.0, float(per_week), False, days / frequency)


def _on_weekdays(on_day: float, weekdays: set[str]) -> _Rate:
    days = sorted(_WEEKDAYS.index(day) for day in weekdays if day in _WEEKDAYS)
    if len(days) < len(weekdays):
        raise UnreadTiming("the timing's days of the week cannot be read")
    apart = min(later - earlier for earlier, later in pairwise([*days, days[0] + 7]))
    daily = len(days) == 7
    return _Rate(on_day, on_day * len(days), daily, None if daily else float(apart))


def _coded(code: Json | None) -> _Rate | None:
    code = code or {}
    # the abbreviation itself may be all that the text holds: "BID", "b.i.d."
    written = str(code.get("text") or "").replace(".", "").strip().upper()
    for symbol in (*(coding.get("code") for coding in code.get("coding") or []), written):
        if symbol in _DAILY_CODES:
            return _Rate(float(_DAILY_CODES[symbol]), _DAILY_CODES[symbol] * 7.0, True)
        if symbol in _RARER_CODES:
            return _most(1.0, _RARER_CODES[symbol])
    return None


def _events(events: list[str]) -> Schedule:
    try:
        days = sorted(date.fromisoformat(str(event)[:10]) for event in events)
    except ValueError:
        raise UnreadTiming("the timing's dates are partial") from None
    per_week = max(sum(0 <= (other - day).days < 7 for other in days) for day in days)
    apart = min(((later - earlier).days for earlier, later in pairwise(days) if later > earlier), default=None)
    every = None if apart is None else float(apart)
    return Schedule(float(max(Counter(days).values())), float(per_week), float(len(days)), None, False, every)


def _within(rate: _Rate, days: float) -> float:
    """Administrations in a course of `days` days: at least one."""
    if rate.daily:
        return max(1.0, rate.per_day * days)
    if rate.every_days is not None and rate.per_day == 1:
        # the first on its first day, and no more a week than the timing brings
        apart = max(rate.every_days, 7 / rate.per_week)
        return float(math.floor((max(days, 1.0) - 1) / apart) + 1)
    return float(max(1, math.ceil(rate.per_week * days / 7)))


def _duration(repeat: Json) -> float | None:
    value, unit = _number(repeat, "durationMax") or _number(repeat, "duration"), repeat.get("durationUnit")
    return None if value is None or unit not in _DAYS else value * _DAYS[unit] * 24


def _bounds_days(repeat: Json) -> float | None:
    period = repeat.get("boundsPeriod") or {}
    if period.get("start") and period.get("end"):
        return _days_of(str(period["start"]), str(period["end"]))
    bounds = repeat.get("boundsDuration") or (repeat.get("boundsRange") or {}).get("high") or {}
    value, unit = _number(bounds, "value"), bounds.get("code") or bounds.get("unit")
    return None if value is None or unit not in _DAYS else value * _DAYS[unit]


def _days_of(start: str, end: str) -> float | None:
    """Days of a period, both included when they are dates; None when they are partial or no dates."""
    try:
        if "T" in start and "T" in end:
            return max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 86400)
        return float((date.fromisoformat(end[:10]) - date.fromisoformat(start[:10])).days + 1)
    except (ValueError, TypeError):
        return None


def _number(source: Json, name: str) -> float | None:
    value = source.get(name)
    return None if value is None or isinstance(value, bool) else float(value)
