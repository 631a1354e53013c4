"""What the patient has: population, dermatomyositis, infection; and, from their modules, antibody, lungs, breathing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.antibody import AntiMda5, Titre, anti_mda5, antibody_pending
from cds_cards.breathing import RespiratoryFailure, respiratory_failure
from cds_cards.conditions import confirmed, counts
from cds_cards.criteria import Verdict
from cds_cards.guideline import Policy
from cds_cards.lung import LungDisease, lung_disease
from cds_cards.on_record import lasting
from cds_cards.presence import positivity
from cds_cards.record import Diagnosis, PatientRecord
from cds_cards.series import countable
from cds_cards.timeline import When, aged_at_most, whole_years

__all__ = [
    "AntiMda5",
    "Infection",
    "LungDisease",
    "Population",
    "RespiratoryFailure",
    "Titre",
    "anti_mda5",
    "antibody_pending",
    "dermatomyositis",
    "imaging_recent",
    "infection",
    "lung_disease",
    "population",
    "respiratory_failure",
]

_TRANSPLANT = "lung-transplant"
_AWAITING = "awaiting-lung-transplant"
_MARKERS = {"cmv-dna": "CMV DNA", "beta-d-glucan": "β-D-glucan"}


@dataclass(frozen=True, slots=True)
class Population:
    """Whether the guideline's population is met. `age` in whole years as (least, most), None when unknown."""

    status: Literal["in", "out"]
    why: str
    age: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Infection:
    """Never *absent*: an infection that nobody recorded is still possible."""

    status: Literal["present", "not-recorded"]
    because: str
    evidence: tuple[str, ...] = ()


def population(record: PatientRecord, policy: Policy, as_of: datetime) -> Population:
    """Out: deceased, below the adult age, lung transplant on record. Anything unknown leaves the patient in.

    The age of a partial birth date that straddles the adult age is unknown.
    """
    born = record.person.born
    years = whole_years(born, as_of, ZoneInfo(policy.zone)) if born else None
    if record.person.deceased:
        return Population("out", "the patient is recorded as deceased", years)
    if years is not None and years[1] < policy.adult_age:
        return Population("out", f"age {_span(years)}; the guideline is about adults", years)
    transplants = _transplants(record)
    if transplants:
        return Population("out", f"lung transplant on record ({', '.join(transplants)})", years)
    if years is None or years[0] < policy.adult_age:
        return Population("in", "no birth date that tells whether the patient is an adult: taken as one, without doses")
    return Population("in", f"adult, age {_span(years)}; no lung transplant on record", years)


def _transplants(record: PatientRecord) -> tuple[str, ...]:
    """Sources of a transplant that was done; awaiting one is none, nor is one that is only suspected."""
    conditions = [
        d.source for d in record.diagnoses if _TRANSPLANT in d.concepts and _AWAITING not in d.concepts and confirmed(d)
    ]
    procedures = [p.source for p in record.procedures if _TRANSPLANT in p.concepts and p.status == "completed"]
    return tuple(sorted({*conditions, *procedures}))


def _span(years: tuple[int, int]) -> str:
    return str(years[0]) if years[0] == years[1] else f"{years[0]} to {years[1]}"


def dermatomyositis(record: PatientRecord) -> bool:
    """Whether DM or CADM is on record, active or not (refuted, differential or unconfirmed ones are not)."""
    return any(d.concepts & {"dermatomyositis", "cadm"} and counts(d) for d in record.diagnoses)


def imaging_recent(record: PatientRecord, policy: Policy, as_of: datetime) -> bool:
    """Whether HRCT or lung function was done within the policy's days for sure; a plain chest CT is no HRCT."""
    done: list[When | None] = [
        procedure.end or procedure.start
        for procedure in record.procedures
        if procedure.concepts & {"hrct", "pft"} and procedure.status == "completed"
    ]
    done += [result.when for result in record.results_of("hrct", "pft") if result.variant != "ct"]
    limit = timedelta(days=policy.imaging_recent_days)
    return any(when is not None and aged_at_most(when, as_of, limit) is Verdict.MET for when in done)


def infection(record: PatientRecord, policy: Policy, as_of: datetime) -> Infection:
    """Present: an active infection begun or recorded lately, or CMV DNA or β-D-glucan above its own limit.

    An active infection whose date is missing or straddles the limit counts: it *is* recorded.
    """
    zone, limit = ZoneInfo(policy.zone), timedelta(days=policy.infection_days)
    found = [
        (d.source, f"{d.label or 'infection'} ({d.began.day(zone) if d.began else 'without a date'})")
        for d in record.diagnoses
        if "infection" in d.concepts and lasting(d, as_of) and counts(d) and _may_be_recent(d, as_of, limit)
    ]
    within = timedelta(days=policy.infection_lab_days)
    for concept, label in _MARKERS.items():
        found += [
            (result.source, f"{label} above its limit on {result.when.day(zone)} ({result.recorded})")
            for result in countable(record.results_of(concept), as_of, within)
            if positivity(result) is Verdict.MET and aged_at_most(result.when, as_of, within) is not Verdict.NOT_MET
        ]
    if not found:
        return Infection("not-recorded", "no active infection on record; that does not exclude one")
    found.sort()
    evidence = tuple(dict.fromkeys(source for source, _ in found))
    return Infection("present", "; ".join(said for _, said in found), evidence)


def _may_be_recent(diagnosis: Diagnosis, as_of: datetime, limit: timedelta) -> bool:
    dates = [when for when in (diagnosis.onset, diagnosis.recorded) if when is not None]
    return not dates or any(aged_at_most(when, as_of, limit) is not Verdict.NOT_MET for when in dates)
