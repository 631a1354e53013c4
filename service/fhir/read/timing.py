"""FHIR Timing → how many administrations a day, a week and a course bring."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
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
    "Q8H": 3,
    "Q6H": 4,
    "Q4H": 6,
    "Q3H": 8,
    "Q2H": 12,
    "Q1H": 24,
}
"""Administrations a day of v3-GTSAbbreviation (http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation)."""
_RARER_CODES = {"QOD": 2.0, "WK": 7.0, "MO": 30.0}
"""Days from one administration to the next, same code system."""
_MEALS = {"C": 3, "AC": 3, "PC": 3}
"""EventTiming codes that stand for every meal; all others are one moment of the day."""


class UnreadTiming(ValueError):
    """The timing cannot be turned into administrations; the text says why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Administrations: the most in any day (`per_day`) and week (`per_week`), and `in_all` when the course ends.

    `duration_hours` is how long one administration runs. `daily`: at least once a day.
    """

    per_day: float | None = None
    per_week: float | None = None
    in_all: float | None = None
    duration_hours: float | None = None
    daily: bool | None = None


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
    per_day, per_week, daily = rate
    in_all = count if count is not None else (None if days is None else _within(per_week, per_day, daily, days))
    if in_all is not None:
        per_day, per_week = min(per_day, in_all), min(per_week, in_all)
    return Schedule(per_day, per_week, in_all, duration, daily)


def _rate(repeat: Json) -> tuple[float, float, bool] | None:
    """(most a day, most a week, at least daily) by the most frequent reading of ranges."""
    times = repeat.get("timeOfDay") or []
    moments = repeat.get("when") or []
    weekdays = repeat.get("dayOfWeek") or []
    frequency = _number(repeat, "frequencyMax") or _number(repeat, "frequency")
    period, unit = _number(repeat, "period"), repeat.get("periodUnit")
    on_day = float(len(times) or sum(_MEALS.get(moment, 1) for moment in moments))
    if weekdays:
        daily_part = on_day or (frequency if frequency and (period, unit) in ((1, "d"), (None, None)) else 1.0)
        return daily_part, daily_part * len(set(weekdays)), len(set(weekdays)) == 7
    if period is None or unit is None:
        if frequency is not None and not on_day:
            raise UnreadTiming("the timing states a frequency without a period")
        return (on_day, on_day * 7, True) if on_day else None
    if unit not in _DAYS or period <= 0:
        raise UnreadTiming("the timing's period cannot be read")
    days = period * _DAYS[unit]
    if on_day:
        return on_day, on_day * max(1.0, math.ceil(7 / days)) if days > 1 else on_day * 7, days <= 1
    return _most(frequency or 1.0, days)


def _most(frequency: float, days: float) -> tuple[float, float, bool]:
    daily = frequency / days >= 1
    per_day = frequency / days if daily else 1.0
    per_week = frequency / days * 7 if daily or days <= 7 else min(frequency, 7.0)
    if not daily and days <= 7:
        per_week = float(math.ceil(7 / days)) * frequency
    return per_day, per_week, daily


def _coded(code: Json | None) -> tuple[float, float, bool] | None:
    for coding in (code or {}).get("coding") or []:
        symbol = coding.get("code")
        if symbol in _DAILY_CODES:
            return float(_DAILY_CODES[symbol]), _DAILY_CODES[symbol] * 7.0, True
        if symbol in _RARER_CODES:
            return _most(1.0, _RARER_CODES[symbol])
    return None


def _events(events: list[str]) -> Schedule:
    try:
        days = sorted(date.fromisoformat(str(event)[:10]) for event in events)
    except ValueError:
        raise UnreadTiming("the timing's dates are partial") from None
    per_week = max(sum(0 <= (other - day).days < 7 for other in days) for day in days)
    return Schedule(float(max(Counter(days).values())), float(per_week), float(len(days)), None, False)


def _within(per_week: float, per_day: float, daily: bool, days: float) -> float:
    """Administrations in a course of `days` days: at least one."""
    return max(1.0, per_day * days if daily else math.ceil(per_week * days / 7))


def _duration(repeat: Json) -> float | None:
    value, unit = _number(repeat, "durationMax") or _number(repeat, "duration"), repeat.get("durationUnit")
    return None if value is None or unit not in _DAYS else value * _DAYS[unit] * 24


def _bounds_days(repeat: Json) -> float | None:
    bounds = repeat.get("boundsDuration") or (repeat.get("boundsRange") or {}).get("high") or {}
    value, unit = _number(bounds, "value"), bounds.get("code") or bounds.get("unit")
    return None if value is None or unit not in _DAYS else value * _DAYS[unit]


def _number(source: Json, name: str) -> float | None:
    value = source.get(name)
    return None if value is None or isinstance(value, bool) else float(value)
