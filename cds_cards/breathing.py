"""Respiratory failure that threatens life, by the site's policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.blood_gas import GasValue
from cds_cards.criteria import Verdict, all_of, any_of, unanimous
from cds_cards.gas import Gases
from cds_cards.guideline import Policy
from cds_cards.record import PatientRecord, Procedure
from cds_cards.series import below, figure
from cds_cards.timeline import aged_at_most

VENTILATION = "invasive-ventilation"
ECMO = "ecmo"
_BEGUN = frozenset({"in-progress", "on-hold", "stopped", "completed"})


@dataclass(frozen=True, slots=True)
class RespiratoryFailure:
    """`life_threatening` by the policy."""

    life_threatening: Literal["yes", "no", "unknown"]
    because: str
    evidence: tuple[str, ...] = ()


def respiratory_failure(record: PatientRecord, gases: Gases, policy: Policy, as_of: datetime) -> RespiratoryFailure:
    """Yes: the newest P/F is current and below the limit, or invasive ventilation runs. No: when both are excluded.

    A P/F in mmHg, arterial, reported or derived; ECMO is no reason for *yes*, and none for *no*.
    """
    ratios = _newest(gases)
    low, said = _low_ratio(ratios, policy, as_of)
    sources = tuple(dict.fromkeys(source for ratio in ratios for source in ratio.sources))
    breaths = [(p, _running(p, policy, as_of)) for p in record.procedures if VENTILATION in p.concepts]
    ventilated = tuple(sorted(p.source for p, runs in breaths if runs is Verdict.MET))
    if low is Verdict.MET or ventilated:
        reasons = [said] if low is Verdict.MET else []
        reasons += ["invasive ventilation runs, or began lately without a recorded end"] if ventilated else []
        return RespiratoryFailure("yes", "; ".join(reasons), (*(sources if low is Verdict.MET else ()), *ventilated))
    support = any_of(_running(p, policy, as_of) for p in record.procedures if p.concepts & {VENTILATION, ECMO})
    doubts = _doubts(record, ratios, low, support)
    if doubts or low is Verdict.UNKNOWN:
        return RespiratoryFailure("unknown", "; ".join((said, *doubts)), sources)
    return RespiratoryFailure("no", f"{said}; no ventilation or ECMO running on record", sources)


def _newest(gases: Gases) -> tuple[GasValue, ...]:
    latest = max((ratio.when.start for ratio in gases.ratios), default=None)
    return tuple(ratio for ratio in gases.ratios if latest is not None and ratio.when.end >= latest)


def _low_ratio(ratios: tuple[GasValue, ...], policy: Policy, as_of: datetime) -> tuple[Verdict, str]:
    """Whether the newest P/F is below the limit and current; not met only when it is current and not below."""
    if not ratios:
        return Verdict.UNKNOWN, "no arterial PaO2/FiO2 on record"
    limit = timedelta(hours=policy.life_threatening_hours)
    fresh = all_of(aged_at_most(ratio.when, as_of, limit) for ratio in ratios)
    low = unanimous(below(r.value, r.comparator, policy.life_threatening_pf) for r in ratios)
    said = "; ".join(_named(ratio, policy) for ratio in ratios)
    if fresh is not Verdict.MET:
        return Verdict.UNKNOWN, f"the newest {said} is not surely within {policy.life_threatening_hours:g} hours"
    bound = f"limit {figure(policy.life_threatening_pf, 'mm[Hg]')}, within {policy.life_threatening_hours:g} hours"
    return low, f"{said} ({bound})"


def _named(ratio: GasValue, policy: Policy) -> str:
    value = figure(ratio.value, "mm[Hg]", ratio.comparator)
    derived = f", derived from {ratio.recorded}" if ratio.derived else ""
    return f"PaO2/FiO2 {value} on {ratio.when.day(ZoneInfo(policy.zone))}{derived}"


def _running(procedure: Procedure, policy: Policy, as_of: datetime) -> Verdict:
    """In progress, or begun within the policy's days without a stated end."""
    if procedure.status not in _BEGUN:
        return Verdict.NOT_MET
    if procedure.end is not None and procedure.end.end <= as_of:
        return Verdict.NOT_MET
    if procedure.status == "in-progress":
        return Verdict.MET
    if procedure.start is None:
        return Verdict.UNKNOWN
    begun = aged_at_most(procedure.start, as_of, timedelta(days=policy.ventilation_days))
    # An end that a partial date leaves open, today or this month, may have come already.
    ended = procedure.end is not None and procedure.end.start <= as_of
    return all_of((begun, Verdict.UNKNOWN)) if ended else begun


def _doubts(record: PatientRecord, ratios: tuple[GasValue, ...], low: Verdict, support: Verdict) -> list[str]:
    """What keeps the answer from being *no*."""
    doubts = []
    if low is Verdict.UNKNOWN and ratios:
        doubts.append("this does not settle it")
    if support is not Verdict.NOT_MET:
        doubts.append("ventilation or ECMO may be running")
    if not record.read_in_full("procedures", VENTILATION, ECMO):
        doubts.append("the procedures could not be read in full")
    if record.answers.get("observations") != "complete" or _newer_unread(record, ratios):
        doubts.append("a newer gas may be among what could not be read")
    return doubts


def _newer_unread(record: PatientRecord, ratios: tuple[GasValue, ...]) -> bool:
    used = min((ratio.when.start for ratio in ratios), default=None)
    unread = record.unread_of("observations", "pf-ratio", "pao2", "fio2")
    return any(used is None or item.when is None or item.when.end >= used for item in unread)
