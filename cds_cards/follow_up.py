"""The clock of a trend (site policy): which value is the baseline of a step of therapy, and which the follow-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from cds_cards.blood_gas import GasValue
from cds_cards.criteria import Verdict, all_of
from cds_cards.guideline import Policy
from cds_cards.record import Result
from cds_cards.timeline import When, aged_at_most, calendar_days, days_apart, reaches_day, within_days

Days = tuple[date, date]
"""The first and the last calendar day of a date, in the site's zone."""

_DECIMALS = 9
"""Differences smaller than this are the arithmetic's, not the patient's."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a trend in its canonical unit; of two of one instant the later `issued` counts, else the worse.

    `days` are those of `when`: every window asks for them.
    """

    value: float
    comparator: str | None
    when: When
    days: Days
    sources: tuple[str, ...]
    unit: str | None
    worse: float
    derived: bool = False
    fio2: float | None = None
    issued: datetime | None = None
    preliminary: bool = False
    flag: bool | None = None
    assumption: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The values that may be the one looked for, oldest first. `sure`: one of them is, whatever the dates mean."""

    values: tuple[Value, ...] = ()
    sure: bool = True

    @property
    def shown(self) -> Value | None:
        """The one for a sentence."""
        return self.values[-1] if self.values else None


@dataclass(frozen=True)
class Step:
    """The step of therapy whose response is judged: its start, and the instant from which ages are counted back."""

    since: When
    policy: Policy
    as_of: datetime

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's zone."""
        return ZoneInfo(self.policy.zone)

    @cached_property
    def _days(self) -> Days:
        return calendar_days(self.since, self.zone)

    def within(self, days: Days, first: int, last: int) -> Verdict:
        """Whether a date lies on calendar days `first` to `last` of the step."""
        return within_days(days_apart(self._days, days), first, last)

    def from_day(self, days: Days, first: int) -> Verdict:
        """Whether a date lies on calendar day `first` of the step or later."""
        return reaches_day(days_apart(self._days, days), first)

    def baseline(self, values: Iterable[Value]) -> Choice:
        """The last value around the start, else the first of the days after it."""
        pool, policy = tuple(values), self.policy
        before, after = -policy.baseline_before_days, policy.baseline_after_days
        around = last(pool, lambda value: self.within(value.days, before, after))
        if around.values and around.sure:
            return around
        late = first(pool, lambda value: self.within(value.days, 0, policy.baseline_late_days))
        return Choice((*late.values, *around.values), sure=not around.values and late.sure)

    def follow_up(self, values: Iterable[Value], baseline: Value) -> Choice:
        """The newest value that is late enough after the start and after the baseline, and not too old."""
        policy = self.policy
        distance, limit = policy.follow_up_after_baseline_days, timedelta(days=policy.follow_up_current_days)

        def fits(value: Value) -> Verdict:
            late = self.from_day(value.days, policy.follow_up_from_day)
            apart = reaches_day(days_apart(baseline.days, value.days), distance)
            return all_of((late, apart, aged_at_most(value.when, self.as_of, limit)))

        return last([value for value in values if value is not baseline and value != baseline], fits)


Within = Callable[[Value], Verdict]


def last(values: Iterable[Value], within: Within) -> Choice:
    """The newest value within the limits."""
    pool = _pool(values, within)
    latest = max((value.when.start for value, verdict in pool if verdict is Verdict.MET), default=None)
    found = tuple(value for value, _ in pool if latest is None or value.when.end >= latest)
    return Choice(found, sure=latest is not None)


def first(values: Iterable[Value], within: Within) -> Choice:
    """The oldest value within the limits."""
    pool = _pool(values, within)
    earliest = min((value.when.end for value, verdict in pool if verdict is Verdict.MET), default=None)
    found = tuple(value for value, _ in pool if earliest is None or value.when.start <= earliest)
    return Choice(found, sure=earliest is not None)


def _pool(values: Iterable[Value], within: Within) -> list[tuple[Value, Verdict]]:
    """Values within the limits or perhaps so, oldest first; preliminary ones only where there is no final one."""
    judged: list[tuple[Value, Verdict]] = [
        (value, verdict) for value in values if (verdict := within(value)) is not Verdict.NOT_MET
    ]
    if len(judged) < 2:
        return judged
    final = [(value, verdict) for value, verdict in judged if not value.preliminary]
    by_date: dict[tuple[datetime, datetime], list[tuple[Value, Verdict]]] = {}
    for value, verdict in final or judged:
        by_date.setdefault((value.when.start, value.when.end), []).append((value, verdict))
    return [_of_one_date(by_date[date]) for date in sorted(by_date)]


def _of_one_date(group: list[tuple[Value, Verdict]]) -> tuple[Value, Verdict]:
    if len(group) == 1:
        return group[0]
    issued = [value.issued for value, _ in group if value.issued is not None]
    if len(issued) == len(group):
        group = [item for item in group if item[0].issued == max(issued)]
    return max(group, key=lambda item: (item[0].worse, item[0].sources, item[0].comparator or ""))


def of_results(results: Iterable[Result], zone: ZoneInfo) -> tuple[Value, ...]:
    """Laboratory results of which more is worse."""
    return tuple(
        Value(
            value=result.value,
            comparator=result.comparator,
            when=result.when,
            days=calendar_days(result.when, zone),
            sources=(result.source,),
            unit=result.unit,
            worse=result.value,
            issued=result.issued,
            preliminary=result.preliminary,
            assumption=result.assumption,
        )
        for result in results
        if result.value is not None
    )


def of_flags(results: Iterable[Result], zone: ZoneInfo) -> tuple[Value, ...]:
    """Yes-or-no observations; yes is worse."""
    return tuple(
        Value(
            value=float(result.flag),
            comparator=None,
            when=result.when,
            days=calendar_days(result.when, zone),
            sources=(result.source,),
            unit=None,
            worse=float(result.flag),
            issued=result.issued,
            preliminary=result.preliminary,
            flag=result.flag,
        )
        for result in results
        if result.flag is not None
    )


def of_gases(gases: Iterable[GasValue], unit: str, zone: ZoneInfo, *, higher_is_worse: bool) -> tuple[Value, ...]:
    """Gradients (higher is worse) or ratios (lower is)."""
    return tuple(
        Value(
            value=gas.value,
            comparator=gas.comparator,
            when=gas.when,
            days=calendar_days(gas.when, zone),
            sources=gas.sources,
            unit=unit,
            worse=gas.value if higher_is_worse else -gas.value,
            derived=gas.derived,
            fio2=gas.fio2,
        )
        for gas in gases
    )


def reaches(value: float, comparator: str | None, bound: float, bound_comparator: str | None = None) -> Verdict:
    """Whether a value is at least another one; censored ones decide only what they can."""
    excess = round(value - bound, _DECIMALS)
    below, above = ("<", "<="), (">", ">=")
    if comparator not in below and bound_comparator not in above and excess >= 0:
        return Verdict.MET
    surely_less = excess < 0 or (excess == 0 and (comparator == "<" or bound_comparator == ">"))
    if comparator not in above and bound_comparator not in below and surely_less:
        return Verdict.NOT_MET
    return Verdict.UNKNOWN
