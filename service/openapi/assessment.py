"""The schema of the assessment extension, its enumerations read from the code that fills them."""

from __future__ import annotations

from typing import get_args

from cds_cards.antibody import AntiMda5
from cds_cards.courses import Course
from cds_cards.criteria import Verdict
from cds_cards.disease import Infection, Population, RespiratoryFailure
from cds_cards.failure import CRITERIA
from cds_cards.gaps import GAP_IDS
from cds_cards.guideline import GUIDELINE_ID, AgentClass, Guideline
from cds_cards.lung import LungDisease
from cds_cards.phase import Phase
from cds_cards.refractoriness import RefractorinessStatus
from cds_cards.risk import FactorStatus, RiskClassification
from cds_cards.stage import Stage
from cds_cards.standing import Standing
from service.openapi.words import FLAG, NUMBER, TEXT, TIME, WHOLE, Schema, choice, choices, each, record

# FHIR: a year, a month, a day or an instant
_WHEN: Schema = {"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2}(T.+)?)?)?$"}
_EVIDENCE = each({"type": "string", "minLength": 1, "examples": ["Observation/ferritin-1"]})


def assessment(guideline: Guideline) -> Schema:
    """The object under `extension["mda5-cds.assessment"]`. Unknown values and empty lists are left out."""
    return record(
        "What was found on record, what is unknown and why. Nothing in it is null or empty.",
        (
            *("asOf", "guideline", "population", "antiMda5", "lungDisease", "risk", "therapy", "refractoriness"),
            *("respiratoryFailure", "infection", "recommendations"),
        ),
        asOf=TIME,
        guideline=_guideline(),
        population=_status(choices(Population, "status")),
        antiMda5=_status(choices(AntiMda5, "status"), titre=_titre()),
        lungDisease=_status(choices(LungDisease, "status"), certainty=choices(LungDisease, "certainty")),
        risk=_risk(guideline),
        therapy=_therapy(guideline),
        refractoriness=_refractoriness(),
        respiratoryFailure=record(
            "",
            ("lifeThreatening",),
            lifeThreatening=choices(RespiratoryFailure, "life_threatening"),
            why=TEXT,
            evidence=_EVIDENCE,
        ),
        infection=_status(choices(Infection, "status")),
        recommendations=_recommendations(guideline),
        dataGaps=each(record("Something that decides and is not known.", ("id", "why"), id=choice(*GAP_IDS), why=TEXT)),
        ignored=each(record("A resource that was left out.", ("reference", "why"), reference=TEXT, why=TEXT)),
    )


def _guideline() -> Schema:
    named = ("id", "doi", "knowledgeVersion")
    return record("", named, id=choice(GUIDELINE_ID), doi=TEXT, knowledgeVersion=TEXT)


def _status(status: Schema, **more: Schema) -> Schema:
    return record("", ("status",), status=status, why=TEXT, evidence=_EVIDENCE, **more)


def _titre() -> Schema:
    earlier = record(recorded=TEXT, date=_WHEN, evidence=_EVIDENCE)
    return record(recorded=TEXT, value=NUMBER, unit=TEXT, date=_WHEN, evidence=_EVIDENCE, earlier=earlier)


def _risk(guideline: Guideline) -> Schema:
    factor = record(
        "",
        ("id", "status"),
        id=choice(*guideline.risk_factors),
        status=choice(*get_args(FactorStatus)),
        value=NUMBER,
        unit=TEXT,
        date=_WHEN,
        evidence=_EVIDENCE,
        why=TEXT,
    )
    return record("", ("level",), level=choices(RiskClassification, "level"), factors=each(factor))


def _therapy(guideline: Guideline) -> Schema:
    agent = record(
        "",
        ("agent", "class", "status"),
        agent=choice(*guideline.agents),
        since=_WHEN,
        until=_WHEN,
        status=choices(Course, "status"),
        confidence=choice("text"),
        evidence=_EVIDENCE,
        **{"class": choice(*get_args(AgentClass))},
    )
    return record(
        "",
        ("stage", "phase", "complete"),
        stage=choice(*get_args(Stage)),
        phase=choice(*get_args(Phase)),
        complete=FLAG,
        combinationSince=_WHEN,
        daysOnCombination=WHOLE,
        assessedSince=_WHEN,
        agents=each(agent),
    )


def _refractoriness() -> Schema:
    point = record(value=NUMBER, unit=TEXT, date=_WHEN, derived=FLAG, evidence=_EVIDENCE)
    criterion = record(
        "",
        ("id", "status"),
        id=choice(*CRITERIA),
        status=choice(*(verdict.value for verdict in Verdict)),
        baseline=point,
        followUp=point,
        why=TEXT,
    )
    return record("", ("status",), status=choice(*get_args(RefractorinessStatus)), why=TEXT, criteria=each(criterion))


def _recommendations(guideline: Guideline) -> Schema:
    grades = dict.fromkeys(grade for item in guideline.recommendations.values() for grade in item.grades)
    recommendation = record(
        "",
        ("id", "grades", "status", "why"),
        id=choice(*guideline.recommendations),
        grades=each(choice(*grades)),
        status=choices(Standing, "status"),
        why=TEXT,
    )
    number = len(guideline.recommendations)
    return {**each(recommendation), "minItems": number, "maxItems": number}
