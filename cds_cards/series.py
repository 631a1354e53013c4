"""Which of several results is the newest, whether it is current, and what a (censored) value decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_cards.criteria import Verdict
from cds_cards.record import Result, Unread
from cds_cards.timeline import When, aged_at_most

Worse = Callable[[Result], float]
"""How bad a result is: of two results of one instant the greater one counts."""

_DECIMALS = 9
"""Differences smaller than this are the arithmetic's, not the patient's (84 / 0.28 is 300, not a hair below it)."""
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def higher_is_worse(result: Result) -> float:
    """For ferritin, CRP, gradients."""
    return result.value if result.value is not None else float("-inf")


def lower_is_worse(result: Result) -> float:
    """For PaO2, P/F, SpO2, eGFR."""
    return -result.value if result.value is not None else float("-inf")


def above(value: float, comparator: str | None, limit: float) -> Verdict:
    """Whether a value lies strictly above `limit`; a censored one decides only what it can."""
    excess = round(value - limit, _DECIMALS)
    if comparator is None:
        return Verdict.MET if excess > 0 else Verdict.NOT_MET
    if comparator in (">", ">="):
        return Verdict.MET if excess > 0 or (excess == 0 and comparator == ">") else Verdict.UNKNOWN
    return Verdict.NOT_MET if excess <= 0 and comparator in ("<", "<=") else Verdict.UNKNOWN


def below(value: float, comparator: str | None, limit: float) -> Verdict:
    """Whether a value lies strictly below `limit`; a censored one decides only what it can."""
    return above(-value, flipped(comparator), -limit)


def flipped(comparator: str | None) -> str | None:
    """The comparator of the negated value: a PaO2 below what was measured makes a gradient above it."""
    return comparator if comparator is None else _FLIPPED.get(comparator, comparator)


def figure(value: float, unit: str | None, comparator: str | None = None) -> str:
    """A value for a sentence: `>1000 ng/mL`, `52.5 mmHg`.

    Pressures have one decimal, unless that rounds them to the whole number that a limit may be (299.96).
    """
    decimals = 1 if unit == "mm[Hg]" and round(value, 1) != round(value) else 3
    written = f"{comparator or ''}{round(value, decimals):.12g}"
    return written if unit in (None, "", "1") else f"{written} {str(unit).replace('mm[Hg]', 'mmHg')}"


def newest(results: Iterable[Result], worse: Worse = higher_is_worse) -> tuple[Result, ...]:
    """The results that may be the newest, oldest date first: one, or several when partial dates overlap.

    Of results of the same instant the later `issued` counts, else the worse.
    """
    pool = tuple(results)
    if len(pool) < 2:
        return pool
    latest = max([result.when.start for result in pool])
    return one_per_date([result for result in pool if result.when.end >= latest], worse)


def one_per_date(results: Iterable[Result], worse: Worse = higher_is_worse) -> tuple[Result, ...]:
    """One result for each date, oldest first: of several the later `issued`, else the worse."""
    by_date: dict[tuple[datetime, datetime], list[Result]] = {}
    for result in results:
        by_date.setdefault((result.when.start, result.when.end), []).append(result)
    return tuple([_of_one_date(group, worse) for _, group in sorted(by_date.items(), key=_date)])


def _date(dated: tuple[tuple[datetime, datetime], list[Result]]) -> tuple[datetime, datetime]:
    return dated[0]


def _of_one_date(group: list[Result], worse: Worse) -> Result:
    if len(group) == 1:
        return group[0]
    if all(result.issued is not None for result in group):
        last = max(result.issued for result in group if result.issued is not None)
        group = [result for result in group if result.issued == last]
    return max(group, key=lambda result: (worse(result), result.source, result.code, result.comparator or ""))


def countable(results: Iterable[Result], as_of: datetime, limit: timedelta) -> tuple[Result, ...]:
    """The results without the preliminary ones that do not count.

    A preliminary result counts only where no final one is (or may be) at most `limit` old, or follows it.
    """
    pool = tuple(results)
    final = tuple([result for result in pool if not result.preliminary])
    if len(final) == len(pool):
        return pool
    if any(aged_at_most(result.when, as_of, limit) is not Verdict.NOT_MET for result in final):
        return final
    last = max((result.when.end for result in final), default=None)
    return tuple(result for result in pool if not result.preliminary or last is None or last < result.when.start)


@dataclass(frozen=True, slots=True)
class Current:
    """The results that may be the newest usable one, each with whether it lies within the limit."""

    candidates: tuple[tuple[Result, Verdict], ...]

    @property
    def surely(self) -> tuple[Result, ...]:
        """The candidates, when all of them are within the limit; else none."""
        if all(within is Verdict.MET for _, within in self.candidates):
            return tuple(result for result, _ in self.candidates)
        return ()

    @property
    def stale(self) -> Result | None:
        """The newest result, when none is within the limit for sure."""
        return self.candidates[-1][0] if self.candidates and not self.surely else None


def current(results: Iterable[Result], as_of: datetime, limit: timedelta, worse: Worse = higher_is_worse) -> Current:
    """The newest usable result and whether it is at most `limit` old.

    A preliminary result counts only where no final one is current.
    """
    candidates = newest(countable(results, as_of, limit), worse)
    latest = max([result.when.start for result in candidates], default=as_of)
    within = [aged_at_most(_not_before(result.when, latest), as_of, limit) for result in candidates]
    return Current(tuple(zip(candidates, within, strict=True)))


def _not_before(when: When, latest: datetime) -> When:
    """The interval in which a candidate lies if it is the newest indeed."""
    return when if when.start >= latest else When(latest, when.end, when.text)


def unread_since(unread: Iterable[Unread], used: Iterable[Result]) -> bool:
    """Whether one of the unreadable results may be as new as (or newer than) the results that were used."""
    oldest = min((result.when.start for result in used), default=None)
    return any(oldest is None or item.when is None or item.when.end >= oldest for item in unread)
