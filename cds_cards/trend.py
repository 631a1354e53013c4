"""The course of a marker: its newest value against its baseline at the last step of therapy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict
from cds_cards.guideline import Guideline, Policy
from cds_cards.record import PatientRecord, Result
from cds_cards.series import above, below, current, newest, one_per_date
from cds_cards.timeline import When, calendar_days, days_apart, within_days

_Apart = Sequence[tuple[Result, tuple[int, int]]]
"""Results with the least and the greatest number of calendar days that each lies after the step of therapy."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A marker's newest value and its baseline (earlier value), both usable; `below_baseline` None when not known."""

    newest: Result | None
    baseline: Result | None
    below_baseline: bool | None


def ferritin_trend(record: PatientRecord, since: When | None, guideline: Guideline, as_of: datetime) -> Trend:
    """Ferritin (ng/mL) against its baseline: the value at `since`, the last step of therapy, by the policy's clock.

    Without `since` the value before the newest stands for the baseline. A stale newest value, overlapping dates or
    no value at the step leave it not known.
    """
    policy = guideline.policy
    usable = [result for result in record.results_of("ferritin") if result.value is not None]
    candidates = current(usable, as_of, timedelta(days=policy.lab_current_days))
    if not candidates.candidates:
        return Trend(None, None, None)
    last = candidates.candidates[-1][0]
    final = [result for result in usable if last.preliminary or not result.preliminary]
    base = _previous(final, last) if since is None else _baseline(final, since, policy)
    if base is None or base is last or base.unit != last.unit:
        return Trend(last, None, None)
    known = len(candidates.surely) == 1
    return Trend(last, base, _is_below(last, base) if known else None)


def newest_kl6(record: PatientRecord, as_of: datetime) -> Result | None:
    """The newest usable KL-6 up to `as_of`, however old: an ILD marker that is shown and never judged."""
    usable = [r for r in record.results_of("kl-6") if r.value is not None and r.when.start <= as_of]
    candidates = newest([r for r in usable if not r.preliminary] or usable)
    return candidates[-1] if candidates else None


def _previous(results: Sequence[Result], last: Result) -> Result | None:
    before = newest(result for result in results if result.when.end < last.when.start)
    return before[0] if len(before) == 1 else None


def _baseline(results: Sequence[Result], since: When, policy: Policy) -> Result | None:
    """The last value around the step of therapy, else the first of the days after; None when dates leave it open."""
    dated, zone = one_per_date(results), ZoneInfo(policy.zone)
    # what the windows are asked of: how many days each result lies after the step
    began = calendar_days(since, zone)
    apart = [(result, days_apart(began, calendar_days(result.when, zone))) for result in dated]
    before, after = policy.baseline_before_days, policy.baseline_after_days
    around, open_ = _split(apart, -before, after)
    if around or open_:
        last = newest((*around, *open_))
        return last[0] if len(last) == 1 and last[0] in around else None
    late, open_ = _split(apart, 0, policy.baseline_late_days)
    first = late[0] if late else None
    if first is None or any(result.when.start <= first.when.end for result in (*late[1:], *open_)):
        return None
    return first


def _split(results: _Apart, first: int, last: int) -> tuple[list[Result], list[Result]]:
    """Those on calendar days `first` to `last` of the step (day 0 = its start) for sure, and those that may be."""
    verdicts = [(result, within_days(days, first, last)) for result, days in results]
    return [r for r, v in verdicts if v is Verdict.MET], [r for r, v in verdicts if v is Verdict.UNKNOWN]


def _is_below(last: Result, base: Result) -> bool | None:
    """Whether the newest value lies below the baseline; censored values decide only what they can."""
    if last.value is None or base.value is None:
        return None
    if base.comparator is None:
        verdict = below(last.value, last.comparator, base.value)
    elif last.comparator in (None, "<", "<="):
        verdict = above(base.value, base.comparator, last.value)
        if last.comparator is not None and verdict is Verdict.NOT_MET:
            verdict = Verdict.UNKNOWN  # the newest is below a bound that the baseline does not reach: neither way
    else:
        return None
    return {Verdict.MET: True, Verdict.NOT_MET: False}.get(verdict)
