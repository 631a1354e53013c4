"""Whether a calcineurin inhibitor is feasible, per agent (rec-3's trigger; site policy)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict, unanimous
from cds_cards.guideline import Agent, Guideline
from cds_cards.on_record import allergies_to, allergy_text, diagnoses_of
from cds_cards.record import PatientRecord, Result
from cds_cards.series import Current, below, current, figure, lower_is_worse, unread_since
from cds_cards.timeline import aged_at_most

_EGFR_UNIT = "mL/min/1.73 m²"


@dataclass(frozen=True, slots=True)
class Kidney:
    """`low`: current eGFR below the policy's limit; unknown without a current one."""

    low: Verdict
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Barrier:
    """One reason why a calcineurin inhibitor is not feasible; `allergy` when it is an allergy or intolerance."""

    why: str
    evidence: tuple[str, ...]
    allergy: bool = False


def kidney(record: PatientRecord, guideline: Guideline, as_of: datetime) -> Kidney:
    """The current eGFR against the policy's limit (strictly below). Without a current one: unknown."""
    policy = guideline.policy
    zone, limit = ZoneInfo(policy.zone), policy.cni_egfr_min
    usable = tuple(result for result in record.results_of("egfr") if result.value is not None)
    found = current(usable, as_of, timedelta(days=policy.lab_current_days), lower_is_worse)
    values = found.surely
    if not values:
        return Kidney(Verdict.UNKNOWN, f"eGFR unknown: {_no_current(record, found, guideline, as_of)}")
    low = unanimous(_below(result, limit) for result in values)
    text = "; ".join(f"{_egfr(result)} on {result.when.day(zone)}" for result in values)
    evidence = tuple(result.source for result in values)
    if low is Verdict.MET:
        return Kidney(low, f"{text}, below {limit:g} (site policy)", evidence)
    if unread_since(record.unread_of("observations", "egfr"), values):
        # A known low value stands; a good one does not answer for a newer result that nobody could read.
        return Kidney(Verdict.UNKNOWN, f"eGFR unknown: after {text} a result could not be read", evidence)
    if low is Verdict.UNKNOWN:
        return Kidney(low, f"eGFR unknown: {text} does not settle whether it is below {limit:g}", evidence)
    return Kidney(low, f"{text}, not below {limit:g} (site policy)", evidence)


def cni_barriers(agent: Agent, record: PatientRecord, guideline: Guideline, renal: Kidney) -> tuple[Barrier, ...]:
    """Why it is not feasible: allergy to it or its class, CNI-induced TMA or PRES, current eGFR below the limit."""
    zone = ZoneInfo(guideline.policy.zone)
    barriers = [
        Barrier(allergy_text(item, agent, zone), (item.source,), allergy=True)
        for item in allergies_to(agent, record, guideline)
    ]
    what = guideline.conditions["cni-toxicity"].label
    for item in diagnoses_of(record, "cni-toxicity"):
        dated = f", {item.began.day(zone)}" if item.began is not None else ""
        by_text = ", recognised by its text" if item.by_text else ""
        # No code says what caused it: on record, it is taken as the calcineurin inhibitor's doing.
        barriers.append(Barrier(f"{what} on record{dated}{by_text} (site policy)", (item.source,)))
    if renal.low is Verdict.MET:
        barriers.append(Barrier(renal.why, renal.evidence))
    return tuple(barriers)


def _no_current(record: PatientRecord, found: Current, guideline: Guideline, as_of: datetime) -> str:
    days = guideline.policy.lab_current_days
    stale = found.stale
    if stale is not None:
        older = aged_at_most(stale.when, as_of, timedelta(days=days)) is Verdict.NOT_MET
        age = f"older than {days:g} days" if older else f"not surely within {days:g} days"
        return f"the latest, {_egfr(stale)} of {stale.when.day(ZoneInfo(guideline.policy.zone))}, is {age}"
    if any("egfr" in item.concepts for item in record.unread_of("observations", "egfr")):
        return "the result on record could not be read"
    return "no usable result on record"


def _below(result: Result, limit: float) -> Verdict:
    return Verdict.UNKNOWN if result.value is None else below(result.value, result.comparator, limit)


def _egfr(result: Result) -> str:
    return result.recorded if result.value is None else f"eGFR {figure(result.value, _EGFR_UNIT, result.comparator)}"
