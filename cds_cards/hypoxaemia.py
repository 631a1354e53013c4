"""Hypoxaemia by the site's policy: at which moments a limit was crossed, and whether it is crossed now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from cds_cards.blood_gas import GasValue
from cds_cards.criteria import Verdict, unanimous
from cds_cards.guideline import Policy
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
    """One value held against its limit: the verdict, and the sentence that names value, date and limit."""

    verdict: Verdict
    said: str
    when: When
    sources: tuple[str, ...]


def of_pressure(value: GasValue, policy: Policy) -> Reading:
    """Arterial PaO2 below the limit."""
    limit = policy.hypoxaemia_pao2
    verdict = below(value.value, value.comparator, limit)
    return _reading(verdict, "PaO2", value, f"limit {figure(limit, MMHG)}", policy)


def of_ratio(value: GasValue, policy: Policy) -> Reading:
    """Arterial PaO2/FiO2 below the limit."""
    limit = policy.hypoxaemia_pf
    verdict = below(value.value, value.comparator, limit)
    return _reading(verdict, "PaO2/FiO2", value, f"limit {figure(limit, MMHG)}", policy)


def of_gradient(value: GasValue, age: tuple[int, int] | None, policy: Policy) -> Reading | None:
    """A-aDO2 above the age's limit; None when it was not measured on room air, for which alone the limit holds."""
    if value.fio2 is None or above(value.fio2, None, policy.room_air_fio2) is Verdict.MET:
        return None
    if age is None:
        return _reading(Verdict.UNKNOWN, "A-aDO2 on room air", value, "limit by age, which is unknown", policy)
    limits = [gradient_limit(years, policy) for years in age]
    verdict = unanimous(above(value.value, value.comparator, limit) for limit in limits)
    return _reading(verdict, "A-aDO2 on room air", value, f"limit by age {figure(limits[-1], MMHG)}", policy)


def gradient_limit(years: int, policy: Policy) -> float:
    """The upper limit of A-aDO2 (mmHg) on room air at an age in whole years."""
    return years / policy.gradient_age_divisor + policy.gradient_age_offset


def of_saturations(results: Iterable[Result], policy: Policy) -> Iterator[Reading]:
    """Each SpO2, oldest first: met when it and another one in the policy's hours before it lie below the limit."""
    window, zone = timedelta(hours=policy.spo2_pair_hours), ZoneInfo(policy.zone)
    low: list[Result] = []
    for result in results:
        if result.value is None:
            continue
        said = f"SpO2 {figure(result.value, '%', result.comparator)} on {result.when.day(zone)}"
        verdict = below(result.value, result.comparator, policy.hypoxaemia_spo2)
        partner = _partner(result, low, window) if verdict is Verdict.MET else None
        if partner is not None and partner.value is not None:
            before = figure(partner.value, "%", partner.comparator)
            said += f" and {before} within {policy.spo2_pair_hours:g} hours before"
        elif verdict is Verdict.MET:
            verdict, said = Verdict.NOT_MET, f"{said}, low once only"
        sources = (result.source,) if partner is None else (partner.source, result.source)
        limit = f"limit {figure(policy.hypoxaemia_spo2, '%')}, twice"
        yield Reading(verdict, f"{said} ({limit})", result.when, tuple(dict.fromkeys(sources)))
        if below(result.value, result.comparator, policy.hypoxaemia_spo2) is Verdict.MET:
            low.append(result)


def _partner(result: Result, low: list[Result], window: timedelta) -> Result | None:
    """The last low value before this one that lies within the window for sure."""
    for earlier in reversed(low):
        if result.when.start - earlier.when.start > window:
            return None
        if max(result.when.end - earlier.when.start, earlier.when.end - result.when.start) <= window:
            return earlier
    return None


def _reading(verdict: Verdict, kind: str, value: GasValue, limit: str, policy: Policy) -> Reading:
    said = f"{kind} {figure(value.value, MMHG, value.comparator)} on {value.when.day(ZoneInfo(policy.zone))}"
    if value.derived:
        said += f", derived from {value.recorded}"
    return Reading(verdict, f"{said} ({limit})", value.when, value.sources)
