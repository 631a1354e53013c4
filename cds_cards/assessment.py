"""The assessment: one pure function of the record, the guideline with the site's policy, and `as_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_cards.criteria import Verdict
from cds_cards.disease import (
    AntiMda5,
    Infection,
    LungDisease,
    Population,
    RespiratoryFailure,
    anti_mda5,
    antibody_pending,
    dermatomyositis,
    imaging_recent,
    infection,
    lung_disease,
    population,
    respiratory_failure,
)
from cds_cards.dosing import BodySize, body_size
from cds_cards.gaps import DataGap, gaps
from cds_cards.gas import Gases, gases, hypoxaemic
from cds_cards.guideline import Guideline
from cds_cards.levels import CniLevel, levels
from cds_cards.orders.entry import NO_DRAFTS, OrderEntry, order_entry
from cds_cards.record import PatientRecord, Result
from cds_cards.refractoriness import RefractorinessAssessment, refractoriness
from cds_cards.risk import RiskClassification, Trend, ferritin_trend, newest_kl6, relapse_signs, risk
from cds_cards.safety import Safety, safety
from cds_cards.standing import Standing, standings
from cds_cards.therapy import Therapy, therapy
from cds_cards.transplant import Transplant, transplant


@dataclass(frozen=True, slots=True)
class Ignored:
    """A resource that did not count, and why."""

    reference: str
    why: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that is known of the patient at `as_of`, in the order of the contract.

    `hypoxaemic`: hypoxaemia for rec-5; `dermatomyositis`: DM or CADM on record; `antibody_pending`: the test is
    ordered or pending; `imaging_recent`: HRCT or lung function within the policy's days. `ferritin`: its trend for the
    risk card; `answers`: how each key was answered. `entry`: the drafted orders.
    """

    as_of: datetime
    population: Population
    anti_mda5: AntiMda5
    lung_disease: LungDisease
    risk: RiskClassification
    therapy: Therapy
    refractoriness: RefractorinessAssessment
    respiratory_failure: RespiratoryFailure
    infection: Infection
    gases: Gases
    hypoxaemic: Verdict
    hypoxaemic_why: str
    safety: Safety
    levels: tuple[CniLevel, ...]
    body_size: BodySize
    transplant: Transplant
    ferritin: Trend
    kl6: Result | None
    dermatomyositis: bool
    antibody_pending: bool
    imaging_recent: bool
    relapse_signs: tuple[str, ...]
    recommendations: tuple[Standing, ...]
    gaps: tuple[DataGap, ...]
    ignored: tuple[Ignored, ...]
    answers: Mapping[str, str]
    entry: OrderEntry = NO_DRAFTS

    def standing(self, recommendation: str) -> Standing:
        """The standing of one recommendation."""
        return next(item for item in self.recommendations if item.id == recommendation)


def assess(record: PatientRecord, guideline: Guideline, as_of: datetime) -> Assessment:
    """Judge the record as it stood at `as_of` (zone-aware) by the guideline and the site's policy.

    Pure: the same record, guideline and `as_of` give the same assessment, whatever the order of the facts.
    """
    policy = guideline.policy
    record = record.until(as_of, policy.skew)
    people = population(record, policy, as_of)
    breath = gases(record, people.age, policy, as_of)
    antibody = anti_mda5(record, policy, as_of)
    lungs = lung_disease(record, breath, policy, as_of)
    factors = risk(record, people, guideline, as_of)
    treatment = therapy(record, breath, guideline, as_of)
    response = refractoriness(record, breath, treatment, guideline, as_of)
    failure = respiratory_failure(record, breath, policy, as_of)
    screens = safety(record, people, treatment, guideline, as_of)
    monitored = levels(record, treatment, guideline, as_of)
    size = body_size(record, people, guideline, as_of)
    referral = transplant(record, guideline, as_of)
    entry = order_entry(record, treatment, size, guideline)
    low_oxygen, low_oxygen_why = hypoxaemic(breath, record, policy, as_of)
    return Assessment(
        as_of=as_of,
        population=people,
        anti_mda5=antibody,
        lung_disease=lungs,
        risk=factors,
        therapy=treatment,
        refractoriness=response,
        respiratory_failure=failure,
        infection=infection(record, policy, as_of),
        gases=breath,
        hypoxaemic=low_oxygen,
        hypoxaemic_why=low_oxygen_why,
        safety=screens,
        levels=monitored,
        body_size=size,
        transplant=referral,
        ferritin=ferritin_trend(record, treatment.assessed_since, guideline, as_of),
        kl6=newest_kl6(record, as_of),
        dermatomyositis=dermatomyositis(record),
        antibody_pending=antibody_pending(record, policy, as_of),
        imaging_recent=imaging_recent(record, policy, as_of),
        relapse_signs=relapse_signs(factors, antibody, guideline, as_of),
        recommendations=standings(people, antibody, lungs, treatment, response, failure, screens, referral, guideline),
        gaps=gaps(
            record,
            people,
            antibody,
            lungs,
            factors,
            treatment,
            response,
            failure,
            screens,
            monitored,
            size,
            guideline,
            entry,
        ),
        ignored=_ignored(record),
        answers={str(key): answer for key, answer in record.answers.items()},
        entry=entry,
    )


def _ignored(record: PatientRecord) -> tuple[Ignored, ...]:
    """What could not be read and what was set aside, once each, by reference."""
    unread = {Ignored(item.source, item.why) for item in record.unread}
    return tuple(sorted(unread | {Ignored(item.source, item.why) for item in record.set_aside}, key=_named))


def _named(item: Ignored) -> tuple[str, str]:
    return item.reference, item.why
