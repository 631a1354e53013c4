"""Hypoxaemia by the site's policy: at which moments a limit was crossed, and whether it is crossed now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cds_cards.blood_gas import GasValue
from cds_cards.criteria import Verdict, unanimous
from cds_cards.guideline import REMEMBERED, Policy
from cds_cards.record import Result
from cds_cards.series import above, below, figure
from cds_cards.timeline import When

MMHG = "mm[Hg]"


@dataclass(frozen=True, slots=True)
class HypoxaemiaEvent:
    """One moment at which a limit of the policy was crossed, and by which value."""

    when: When
    because: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value held against its limit. `said`, the sentence on it, is written when it is asked for: mostly it is not.

    `limit` and `note` are words of that sentence, `gas` what it may have been derived from.
    """

    verdict: Verdict
    kind: str
    value: float
    comparator: str | None
    unit: str
    when: When
    sources: tuple[str, ...]
    limit: str
    zone: ZoneInfo
    note: str = ""
    gas: GasValue | None = None

    @property
    def said(self) -> str:
        """The sentence that names value, date and limit."""
        number = figure(self.value, self.unit, self.comparator)
        derived = f", derived from {self.gas.recorded}" if self.gas is not None and self.gas.derived else ""
        return f"{self.kind} {number} on {self.when.day(self.zone)}{self.note}{derived} ({self.limit})"


def of_pressures(values: Iterable[GasValue], policy: Policy) -> list[Reading]:
    """Each arterial PaO2: whether it lies below the limit."""
    return _held_below("PaO2", values, policy.hypoxaemia_pao2, policy)


def of_ratios(values: Iterable[GasValue], policy: Policy) -> list[Reading]:
    """Each arterial PaO2/FiO2: whether it lies below the limit."""
    return _held_below("PaO2/FiO2", values, policy.hypoxaemia_pf, policy)


def of_gradients(values: Iterable[GasValue], age: tuple[int, int] | None, policy: Policy) -> list[Reading]:
    """Each A-aDO2 on room air, for which alone the limit holds: whether it lies above the age's limit."""
    kind, zone = "A-aDO2 on room air", ZoneInfo(policy.zone)
    on_air = on_room_air(values, policy)
    if age is None:
        return [_reading(Verdict.UNKNOWN, kind, value, "limit by age, which is unknown", zone) for value in on_air]
    limits = [gradient_limit(years, policy) for years in age]
    words = f"limit by age {figure(limits[-1], MMHG)}"
    verdicts = [unanimous(above(value.value, value.comparator, limit) for limit in limits) for value in on_air]
    return [_reading(verdict, kind, value, words, zone) for value, verdict in zip(on_air, verdicts, strict=True)]


def on_room_air(values: Iterable[GasValue], policy: Policy) -> list[GasValue]:
    """The values of gases that were drawn on room air."""
    return [v for v in values if v.fio2 is not None and above(v.fio2, None, policy.room_air_fio2) is not Verdict.MET]


def gradient_limit(years: int, policy: Policy) -> float:
    """The upper limit of A-aDO2 (mmHg) on room air at an age in whole years."""
    return years / policy.gradient_age_divisor + policy.gradient_age_offset


def of_saturations(results: Iterable[Result], policy: Policy) -> Iterator[Reading]:
    """Each SpO2, oldest first: met when it and another one in the policy's hours before it lie below the limit."""
    window, zone = timedelta(hours=policy.spo2_pair_hours), ZoneInfo(policy.zone)
    limit = f"{_limit(policy.hypoxaemia_spo2, '%')}, twice"
    low: list[Result] = []
    for result in results:
        if result.value is None:
            continue
        verdict = below(result.value, result.comparator, policy.hypoxaemia_spo2)
        note: str = ""
        sources: tuple[str, ...] = (result.source,)
        if verdict is Verdict.MET:
            partner = _partner(result, low, window)
            low.append(result)
            if partner is not None and partner.value is not None:
                before = figure(partner.value, "%", partner.comparator)
                note = f" and {before} within {policy.spo2_pair_hours:g} hours before"
                sources = tuple(dict.fromkeys((partner.source, result.source)))
            else:
                verdict, note = Verdict.NOT_MET, ", low once only"
        yield Reading(verdict, "SpO2", result.value, result.comparator, "%", result.when, sources, limit, zone, note)


def _partner(result: Result, low: list[Result], window: timedelta) -> Result | None:
    """The last low value before this one that lies within the window for sure."""
    for earlier in reversed(low):
        if result.when.start - earlier.when.start > window:
            return None
        if max(result.when.end - earlier.when.start, earlier.when.end - result.when.start) <= window:
            return earlier
    return None


@lru_cache(8 * REMEMBERED)
def _limit(limit: float, unit: str) -> str:
    """A limit of the policy, for a sentence."""
    return f"limit {figure(limit, unit)}"


def _held_below(kind: str, values: Iterable[GasValue], limit: float, policy: Policy) -> list[Reading]:
    words, zone = _limit(limit, MMHG), ZoneInfo(policy.zone)
    return [_reading(below(value.value, value.comparator, limit), kind, value, words, zone) for value in values]


def _reading(verdict: Verdict, kind: str, value: GasValue, limit: str, zone: ZoneInfo) -> Reading:
    return Reading(
        verdict, kind, value.value, value.comparator, MMHG, value.when, value.sources, limit, zone, gas=value
    )
