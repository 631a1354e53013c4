"""Arterial blood gases: reported and derived gradients and ratios, and hypoxaemia."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from cds_cards.blood_gas import GasResults, GasValue, blood_gases, gradients, pressures, ratios
from cds_cards.criteria import Verdict, all_of, any_of, unanimous
from cds_cards.guideline import Policy
from cds_cards.hypoxaemia import (
    HypoxaemiaEvent,
    Reading,
    of_gradients,
    of_pressures,
    of_ratios,
    of_saturations,
    on_room_air,
)
from cds_cards.record import PatientRecord, Result
from cds_cards.series import Worse, countable, higher_is_worse, lower_is_worse, one_per_date
from cds_cards.timeline import aged_at_most, whole_years

__all__ = ["OXYGENATION", "GasValue", "Gases", "HypoxaemiaEvent", "gases", "hypoxaemic"]

OXYGENATION = ("pao2", "pf-ratio", "spo2", "a-a-gradient", "fio2", "paco2")
"""The concepts that hypoxaemia is read from."""
ARTERIAL = "arterial"

Years = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Gases:
    """All arterial values on record at `as_of`, each kind sorted oldest first.

    `saturations`: each SpO2 held against its limit.
    """

    gradients: tuple[GasValue, ...]
    ratios: tuple[GasValue, ...]
    pressures: tuple[GasValue, ...]
    hypoxaemia: tuple[HypoxaemiaEvent, ...]
    saturations: tuple[Reading, ...] = ()


def gases(record: PatientRecord, population_age: Years, policy: Policy, as_of: datetime) -> Gases:
    """Every arterial gas on record: gradients (A-aDO2), P/F ratios and PaO2 in mmHg, and the moments of hypoxaemia.

    `population_age` in whole years (least, most), None when unknown: it bounds the gradient on room air.
    """
    parts = GasResults(
        pao2=_series(record, "pao2", lower_is_worse, policy, as_of, arterial=True),
        paco2=_series(record, "paco2", lower_is_worse, policy, as_of, arterial=True, exact=True),
        fio2=_series(record, "fio2", higher_is_worse, policy, as_of, exact=True),
    )
    reported_gradients = _series(record, "a-a-gradient", higher_is_worse, policy, as_of)
    reported_ratios = _series(record, "pf-ratio", lower_is_worse, policy, as_of, arterial=True)
    samples = blood_gases(parts, policy)
    alveolar = gradients(reported_gradients, samples, parts, policy)
    horowitz = ratios(reported_ratios, samples, parts, policy)
    oxygen = pressures(samples)
    saturations = tuple(of_saturations(_series(record, "spo2", lower_is_worse, policy, as_of), policy))
    readings = [
        *of_pressures(oxygen, policy),
        *of_ratios(horowitz, policy),
        *of_gradients(alveolar, population_age, policy),
        *saturations,
    ]
    events = [HypoxaemiaEvent(r.when, r.said, r.sources) for r in readings if r.verdict is Verdict.MET]
    by_date = sorted(events, key=lambda event: (event.when.start, event.when.end, event.because, event.sources))
    return Gases(alveolar, horowitz, oxygen, tuple(by_date), saturations)


def hypoxaemic(gases: Gases, record: PatientRecord, policy: Policy, as_of: datetime) -> tuple[Verdict, str]:
    """Whether any limit of the policy is crossed by the newest value of its kind within the policy's days, and why.

    Unknown when no kind has a value of these days, or when what could not be read may be one.
    """
    limit = timedelta(days=policy.hypoxaemic_days)
    born = record.person.born
    age = whole_years(born, as_of, ZoneInfo(policy.zone)) if born else None
    kinds = (
        of_pressures(_newest(gases.pressures), policy),
        of_ratios(_newest(gases.ratios), policy),
        of_gradients(_newest(on_room_air(gases.gradients, policy)), age, policy),
        _newest(gases.saturations),
    )
    recent = [kind for kind in kinds if _may_be_recent(kind, as_of, limit)]
    judged = [(_now(kind, as_of, limit), kind[-1]) for kind in recent]
    verdict = any_of([verdict for verdict, _ in judged])
    if verdict is Verdict.MET:
        return verdict, next(reading.said for met, reading in judged if met is Verdict.MET)
    within = f"within {policy.hypoxaemic_days:g} days"
    if not judged:
        return Verdict.UNKNOWN, f"no value of oxygenation {within}"
    said = "; ".join(reading.said for _, reading in judged)
    if verdict is Verdict.UNKNOWN or not _all_read(record, as_of, limit):
        return Verdict.UNKNOWN, f"hypoxaemia {within} neither shown nor excluded: {said}"
    return Verdict.NOT_MET, f"no limit crossed by the newest values {within}: {said}"


def _series(
    record: PatientRecord,
    concept: str,
    worse: Worse,
    policy: Policy,
    as_of: datetime,
    arterial: bool = False,
    exact: bool = False,
) -> tuple[Result, ...]:
    """The usable results of a concept, one for each date, oldest first; `exact`: only uncensored ones.

    For a gas *current* is the shortest period for which one speaks (that of rec-5): a final gas of last week does
    not silence the preliminary one of today.
    """
    usable = [
        result
        for result in record.results_of(concept)
        if result.value is not None
        and (result.variant == ARTERIAL or not arterial)
        and (result.comparator is None or not exact)
    ]
    if not usable:
        return ()
    return one_per_date(countable(usable, as_of, timedelta(days=policy.hypoxaemic_days)), worse)


_Dated = TypeVar("_Dated", Reading, GasValue)


def _newest(values: Sequence[_Dated]) -> tuple[_Dated, ...]:
    """The values or readings that may be the newest."""
    latest = max([value.when.start for value in values], default=None)
    return tuple([value for value in values if latest is not None and value.when.end >= latest])


def _now(kind: Iterable[Reading], as_of: datetime, limit: timedelta) -> Verdict:
    return unanimous(all_of((reading.verdict, aged_at_most(reading.when, as_of, limit))) for reading in kind)


def _may_be_recent(kind: Iterable[Reading], as_of: datetime, limit: timedelta) -> bool:
    return any(aged_at_most(reading.when, as_of, limit) is not Verdict.NOT_MET for reading in kind)


def _all_read(record: PatientRecord, as_of: datetime, limit: timedelta) -> bool:
    """Whether no value of these days can be missing."""
    if record.answers.get("observations") != "complete":
        return False
    unread = record.unread_of("observations", *OXYGENATION)
    return all(item.when is not None and aged_at_most(item.when, as_of, limit) is Verdict.NOT_MET for item in unread)
