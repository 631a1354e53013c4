"""What decides and is not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_cards.criteria import Verdict
from cds_cards.disease import AntiMda5, LungDisease, Population, RespiratoryFailure
from cds_cards.dosing import BodySize
from cds_cards.guideline import Guideline
from cds_cards.levels import CniLevel
from cds_cards.orders.entry import NO_DRAFTS, OrderEntry, dose_gaps
from cds_cards.record import Key, PatientRecord
from cds_cards.refractoriness import RefractorinessAssessment
from cds_cards.risk import RiskClassification
from cds_cards.safety import Safety
from cds_cards.therapy import Therapy

GAP_IDS = (
    "anti-mda5",
    "lung-disease",
    "ferritin",
    "crp",
    "age",
    "medications",
    "combination-start",
    "respiratory-failure",
    "egfr",
    "weight",
    "height",
    "dose",
    "calcineurin-level",
    "observations",
    "allergies",
    "procedures",
    "referrals",
    "respiratory-symptoms",
    "a-a-gradient",
    "imaging",
    "clinician-impression",
)
"""The contract's ids in their fixed order; the criterion `ferritin` shares its id with the laboratory value."""

_FACTOR_GAPS = {
    "ferritin-over-1000": "ferritin",
    "ferritin-over-500": "ferritin",
    "crp-over-1": "crp",
    "age-over-60": "age",
}
# A page of conditions that is missing may hold the lung disease; one of administrations may hold a pulse.
_KEY_GAPS: dict[Key, str] = {
    "observations": "observations",
    "conditions": "lung-disease",
    "medications": "medications",
    "administrations": "medications",
    "allergies": "allergies",
    "procedures": "procedures",
    "referrals": "referrals",
}
_OPTIONAL: tuple[Key, ...] = ("allergies", "procedures", "referrals")


@dataclass(frozen=True, slots=True)
class DataGap:
    """Something that decides and is not known. `id` of the contract's list."""

    id: str
    why: str


def gaps(
    record: PatientRecord,
    population: Population,
    anti_mda5: AntiMda5,
    lung_disease: LungDisease,
    risk: RiskClassification,
    therapy: Therapy,
    refractoriness: RefractorinessAssessment,
    respiratory_failure: RespiratoryFailure,
    safety: Safety,
    levels: tuple[CniLevel, ...],
    body_size: BodySize,
    guideline: Guideline,
    entry: OrderEntry = NO_DRAFTS,
) -> tuple[DataGap, ...]:
    """The gaps, one per id, in the contract's order; none for a patient outside the population."""
    if population.status == "out":
        return ()
    found = [
        *_disease(population, anti_mda5, lung_disease, respiratory_failure),
        *_factors(risk),
        *_treatment(therapy, safety, levels),
        *_response(therapy, refractoriness, guideline),
        *body_size.gaps,
        *safety.unknowns,
        *dose_gaps(entry, guideline),
        *_searches(record),
    ]
    reasons: dict[str, list[str]] = {}
    for name, why in found:
        reasons.setdefault(name, []).append(why)
    return tuple(DataGap(name, "; ".join(dict.fromkeys(reasons[name]))) for name in GAP_IDS if name in reasons)


def _disease(
    population: Population, anti_mda5: AntiMda5, lung_disease: LungDisease, failure: RespiratoryFailure
) -> Iterator[tuple[str, str]]:
    if population.age is None:
        yield "age", "the age is not known"
    if anti_mda5.status == "unknown":
        yield "anti-mda5", anti_mda5.because
    if lung_disease.status == "unknown" or lung_disease.dates_unsettled:
        yield "lung-disease", lung_disease.because
    if failure.life_threatening == "unknown":
        yield "respiratory-failure", failure.because


def _factors(risk: RiskClassification) -> Iterator[tuple[str, str]]:
    for factor in risk.factors:
        if factor.status == "unknown" and factor.id in _FACTOR_GAPS:
            yield _FACTOR_GAPS[factor.id], factor.why


def _treatment(therapy: Therapy, safety: Safety, levels: tuple[CniLevel, ...]) -> Iterator[tuple[str, str]]:
    if not therapy.complete:
        named = "; ".join(therapy.unread) or "the medication search was not answered in full"
        yield "medications", f"not all medication orders could be read: {named}"
    if therapy.start_unknown:
        yield "combination-start", "the day on which the combination was complete is not known"
    if safety.egfr_unknown:
        yield "egfr", safety.egfr_why or "no current eGFR"
    for level in levels:
        if level.due is not Verdict.NOT_MET:
            yield "calcineurin-level", level.due_why


def _response(
    therapy: Therapy, refractoriness: RefractorinessAssessment, guideline: Guideline
) -> Iterator[tuple[str, str]]:
    """The unknown criteria, in the days in which they decide."""
    days = therapy.days_assessed
    if days is None or days[1] < guideline.policy.assess_from_day or days[0] > guideline.policy.assess_until_day:
        return
    for criterion in refractoriness.criteria:
        if criterion.verdict is Verdict.UNKNOWN:
            yield criterion.id, criterion.why


def _searches(record: PatientRecord) -> Iterator[tuple[str, str]]:
    for key, name in _KEY_GAPS.items():
        answer = record.answers.get(key, "missing")
        if answer == "partial":
            yield name, f"not all pages of `{key}` could be fetched; what they hold is not known"
        elif answer == "missing" and key in _OPTIONAL:
            yield name, f"`{key}` was not given; nothing is called absent on that ground"
        if key in _OPTIONAL:
            unread = sorted({item.source for item in record.unread_of(key)})
            if unread:
                yield name, f"could not be read: {', '.join(unread)}"
        elif key == "observations" and any(not item.concepts for item in record.unread_of(key)):
            sources = sorted({item.source for item in record.unread_of(key) if not item.concepts})
            yield name, f"could not be read, and may have told anything: {', '.join(sources)}"
