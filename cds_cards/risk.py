"""Prognosis: the guideline's markers, and the site's levels over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.antibody import AntiMda5
from cds_cards.criteria import Verdict, unanimous
from cds_cards.disease import Population
from cds_cards.guideline import Guideline, RiskFactorRule
from cds_cards.record import PatientRecord, Result
from cds_cards.series import above, current, figure, unread_since
from cds_cards.timeline import aged_at_most, whole_years
from cds_cards.trend import Trend, ferritin_trend, newest_kl6

__all__ = ["RiskClassification", "RiskFactor", "Trend", "ferritin_trend", "newest_kl6", "relapse_signs", "risk"]

FactorStatus = Literal["present", "absent", "unknown"]
DECISIVE = "ferritin-over-1000"
"""The factor that alone makes the risk very high."""
RELAPSE = "ferritin-over-500"
"""The factor that alone makes a relapse possible in maintenance."""
_STATUS: dict[Verdict, FactorStatus] = {Verdict.MET: "present", Verdict.NOT_MET: "absent", Verdict.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class RiskFactor:
    """One marker. `value` in `unit` (canonical), `date` as a day; `assumption` when a molar mass decided."""

    id: str
    status: FactorStatus
    why: str
    value: float | None = None
    unit: str | None = None
    date: str | None = None
    evidence: tuple[str, ...] = ()
    assumption: str | None = None


@dataclass(frozen=True, slots=True)
class RiskClassification:
    """The level and the factors behind it, in the order of knowledge/."""

    level: Literal["very-high", "high", "standard", "indeterminate"]
    factors: tuple[RiskFactor, ...]


def risk(record: PatientRecord, population: Population, guideline: Guideline, as_of: datetime) -> RiskClassification:
    """Every marker present, absent or unknown (strictly over its threshold), and the site's level.

    A factor is absent only when the observations were answered in full and nothing unreadable may be the newer value.
    """
    factors = tuple(
        _age(rule, record, population, guideline, as_of)
        if rule.concept == "age"
        else _marker(rule, record, guideline, as_of)
        for rule in guideline.risk_factors.values()
    )
    present = {factor.id for factor in factors if factor.status == "present"}
    if DECISIVE in present:
        return RiskClassification("very-high", factors)
    if present:
        return RiskClassification("high", factors)
    known = all(factor.status == "absent" for factor in factors)
    return RiskClassification("standard" if known else "indeterminate", factors)


def _age(
    rule: RiskFactorRule, record: PatientRecord, population: Population, guideline: Guideline, as_of: datetime
) -> RiskFactor:
    """Completed years: someone of 60 is not over 60."""
    born = record.person.born
    # The population's age is unknown near the adult age; this threshold may be settled all the same.
    years = population.age or (whole_years(born, as_of, ZoneInfo(guideline.policy.zone)) if born else None)
    if years is None:
        return RiskFactor(rule.id, "unknown", "the birth date is not known")
    verdict = unanimous(above(age, None, rule.threshold) for age in years)
    shown = str(years[0]) if years[0] == years[1] else f"{years[0]} to {years[1]}"
    why = f"age {shown} years; over {rule.threshold:g} counts, {rule.threshold:g} itself does not"
    sources = (record.person.source,)
    if years[0] != years[1]:
        return RiskFactor(rule.id, _STATUS[verdict], why, evidence=sources)
    return RiskFactor(rule.id, _STATUS[verdict], why, float(years[0]), rule.unit, evidence=sources)


def _marker(rule: RiskFactorRule, record: PatientRecord, guideline: Guideline, as_of: datetime) -> RiskFactor:
    """A laboratory marker: its newest usable value, if that is current, against the threshold."""
    limit = timedelta(days=guideline.policy.lab_current_days)
    usable = [r for r in record.results_of(rule.concept) if r.value is not None and r.unit == rule.unit]
    found = current(usable, as_of, limit)
    used = found.surely
    if not used:
        return _without_value(rule, found.stale, bool(record.unread_of("observations", rule.concept)), guideline)
    zone = ZoneInfo(guideline.policy.zone)
    verdict = unanimous(above(r.value, r.comparator, rule.threshold) for r in used if r.value is not None)
    doubt = _doubt(record, used, verdict)
    if verdict is Verdict.NOT_MET and doubt:
        verdict = Verdict.UNKNOWN
    told = " and ".join(_told(rule, result, guideline) for result in used)
    shown = used[-1]
    exact = len(used) == 1 and shown.comparator is None
    return RiskFactor(
        rule.id,
        _STATUS[verdict],
        f"{told}; limit {figure(rule.threshold, rule.unit)}{doubt}",
        shown.value if exact else None,
        shown.unit if exact else None,
        shown.when.day(zone),
        tuple(dict.fromkeys(result.source for result in used)),
        next((r.assumption for r in used if r.assumption), None) if verdict is not Verdict.UNKNOWN else None,
    )


def _doubt(record: PatientRecord, used: tuple[Result, ...], verdict: Verdict) -> str:
    """What keeps the marker from being known to be absent, for the end of a sentence; empty when nothing does."""
    if verdict is Verdict.UNKNOWN:
        return "; their dates overlap" if len(used) > 1 else "; the censored value does not decide"
    if verdict is Verdict.MET:
        return ""
    if record.answers.get("observations") != "complete":
        return "; the observations were not answered in full, so a newer value is not excluded"
    unread = unread_since(record.unread_of("observations", used[0].concept), used)
    return "; a value that may be newer could not be read" if unread else ""


def _without_value(rule: RiskFactorRule, stale: Result | None, unread: bool, guideline: Guideline) -> RiskFactor:
    days = f"{guideline.policy.lab_current_days:g} days"
    also = "; one could not be read" if unread else ""
    if stale is None:
        return RiskFactor(rule.id, "unknown", f"no usable {_label(rule, guideline)} on record{also}")
    latest = stale.when.day(ZoneInfo(guideline.policy.zone))
    aged = f"latest {latest} is {'older than' if stale.when.exact else 'not surely within'} {days}"
    return RiskFactor(rule.id, "unknown", f"{aged}{also}", evidence=(stale.source,))


def _told(rule: RiskFactorRule, result: Result, guideline: Guideline) -> str:
    """A value with unit and date; as recorded too, when that was in another unit."""
    zone = ZoneInfo(guideline.policy.zone)
    value = figure(result.value, result.unit, result.comparator) if result.value is not None else result.recorded
    kept = "" if result.recorded.replace(" ", "") == value.replace(" ", "") else f" (recorded as {result.recorded})"
    return f"{_label(rule, guideline)} {value}{kept} on {result.when.day(zone)}"


def _label(rule: RiskFactorRule, guideline: Guideline) -> str:
    concept = guideline.observations.get(rule.concept)
    return concept.label if concept else rule.concept


def relapse_signs(
    risk: RiskClassification, anti_mda5: AntiMda5, guideline: Guideline, as_of: datetime
) -> tuple[str, ...]:
    """What speaks of a relapse in maintenance: a current ferritin over the lower level, or titre that doubled."""
    policy, zone = guideline.policy, ZoneInfo(guideline.policy.zone)
    ferritin = next(factor for factor in risk.factors if factor.id == RELAPSE)
    assumed = f"; {ferritin.assumption}" if ferritin.assumption else ""
    signs = (f"{ferritin.why}{assumed}",) if ferritin.status == "present" else ()
    titre = anti_mda5.titre
    if titre is None or titre.earlier is None or not titre.risen_by(policy.titre_rise_factor):
        return signs
    if aged_at_most(titre.newest.when, as_of, timedelta(days=policy.lab_current_days)) is not Verdict.MET:
        return signs
    rise = (
        f"anti-MDA5 titre from {titre.earlier.recorded} on {titre.earlier.when.day(zone)} "
        f"to {titre.newest.recorded} on {titre.newest.when.day(zone)}, same assay"
    )
    return (*signs, rise)
