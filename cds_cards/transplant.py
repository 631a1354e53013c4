"""Transplant referral (rec-7) and extracorporeal support (rec-6): what is on record of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict
from cds_cards.guideline import Guideline
from cds_cards.on_record import diagnoses_of
from cds_cards.record import Key, PatientRecord, Procedure, ServiceOrder
from cds_cards.timeline import When, aged_at_most

_REFERRALS = frozenset({"transplant-referral", "transplant-evaluation"})
_PROCEDURES = frozenset({"transplant-evaluation", "lung-transplant"})
# FHIR request-status: what was never asked, or not yet. `revoked` is a refusal.
_NOT_ASKED = frozenset({"draft", "entered-in-error", "cancelled", "unknown"})
_NEVER = frozenset({"entered-in-error", "unknown"})
_NOT_GIVEN = _NEVER | {"not-done", "preparation"}
_NO_ORDER = frozenset({"proposal", "plan"})
_SOURCES: dict[Key, tuple[str, ...]] = {
    "referrals": tuple(sorted(_REFERRALS)),
    "procedures": tuple(sorted(_PROCEDURES)),
    "conditions": ("awaiting-lung-transplant",),
}


@dataclass(frozen=True, slots=True)
class Transplant:
    """What is on record of transplantation and ECMO.

    `addressed`: referral, evaluation, awaiting or refusal on record (unknown when `referrals` or `procedures` is).
    `ecmo_running`, `ecmo_recent` by policy; both False where nothing says so, and `ecmo_why` tells what is not known.
    """

    addressed: Verdict
    addressed_why: str
    ecmo_running: bool
    ecmo_recent: bool
    ecmo_why: str
    evidence: tuple[str, ...] = ()
    ecmo_evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """One ECMO on record: still running, and whether it ran within the policy's days."""

    source: str
    running: bool
    recent: Verdict
    why: str


def transplant(record: PatientRecord, guideline: Guideline, as_of: datetime) -> Transplant:
    """Whether transplantation was addressed, and whether ECMO runs or ran within the policy's days."""
    zone = ZoneInfo(guideline.policy.zone)
    found = sorted(_addressed(record, zone))
    runs = sorted(_runs(record, guideline, as_of), key=lambda run: run.source)
    verdict, why = Verdict.MET, "; ".join(text for _, text in found)
    if not found:
        verdict, why = _unaddressed(record)
    return Transplant(
        addressed=verdict,
        addressed_why=why,
        ecmo_running=any(run.running for run in runs),
        ecmo_recent=any(run.recent is Verdict.MET for run in runs),
        ecmo_why="; ".join(run.why for run in runs) or _no_ecmo(record),
        evidence=tuple(dict.fromkeys(source for source, _ in found)),
        ecmo_evidence=tuple(dict.fromkeys(run.source for run in runs)),
    )


def _addressed(record: PatientRecord, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    for order in record.services:
        text = _service(order)
        if text and order.concepts & _REFERRALS:
            yield order.source, text + _dated(order.when, zone)
    for procedure in record.procedures:
        if procedure.status in _NEVER or not procedure.concepts & _PROCEDURES:
            continue
        if procedure.status == "not-done":
            yield procedure.source, "lung transplantation or its evaluation not done" + _dated(procedure.start, zone)
        elif "transplant-evaluation" in procedure.concepts:
            yield procedure.source, "evaluated for lung transplantation" + _dated(procedure.start, zone)
    for item in diagnoses_of(record, "awaiting-lung-transplant"):
        yield item.source, "awaiting lung transplantation" + _dated(item.began, zone)


def _service(order: ServiceOrder) -> str:
    """What a ServiceRequest says of the referral; empty when it says nothing."""
    if order.status in _NOT_ASKED:
        return ""
    if order.refused or order.status == "revoked":
        return "referral for lung transplantation refused"
    # A proposal or a plan is no referral yet.
    return "" if order.intent in _NO_ORDER else "referred for lung transplantation"


def _unaddressed(record: PatientRecord) -> tuple[Verdict, str]:
    unknown = [key for key, concepts in _SOURCES.items() if not record.read_in_full(key, *concepts)]
    if not unknown:
        return Verdict.NOT_MET, "no referral, evaluation or refusal of lung transplantation on record"
    where = ", ".join(unknown)
    return Verdict.UNKNOWN, f"no referral for lung transplantation was seen, but not all could be read: {where}"


def _runs(record: PatientRecord, guideline: Guideline, as_of: datetime) -> Iterator[_Run]:
    zone = ZoneInfo(guideline.policy.zone)
    limit = timedelta(days=guideline.policy.ecmo_recent_days)
    for item in record.procedures:
        if "ecmo" not in item.concepts or item.status in _NOT_GIVEN:
            continue
        if item.status == "in-progress" and (item.end is None or item.end.start > as_of):
            yield _Run(item.source, True, Verdict.MET, f"ECMO in progress{_dated(item.start, zone, 'since')}")
            continue
        last = item.end or item.start
        recent = aged_at_most(last, as_of, limit) if last is not None else Verdict.UNKNOWN
        yield _Run(item.source, False, recent, _past(item, recent, guideline))


def _past(item: Procedure, recent: Verdict, guideline: Guideline) -> str:
    zone, days = ZoneInfo(guideline.policy.zone), guideline.policy.ecmo_recent_days
    within = {
        Verdict.MET: f"within {days:g} days",
        Verdict.NOT_MET: f"more than {days:g} days ago",
        Verdict.UNKNOWN: f"its date does not settle whether within {days:g} days",
    }[recent]
    ended = _dated(item.end, zone, "until") if item.end is not None else _dated(item.start, zone, "of")
    return f"ECMO{ended or ' without a date'} ({within})"


def _no_ecmo(record: PatientRecord) -> str:
    if record.read_in_full("procedures", "ecmo"):
        return "no ECMO on record"
    return "no ECMO was seen, but not all procedures could be read"


def _dated(when: When | None, zone: ZoneInfo, word: str = "on") -> str:
    return "" if when is None else f" {word} {when.day(zone)}"
