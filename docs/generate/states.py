"""What the assessment may say of a patient, when it says so, and how often in the stories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import get_args, get_type_hints

from cds_cards.criteria import Verdict
from cds_cards.disease import AntiMda5, Infection, LungDisease, Population, RespiratoryFailure
from cds_cards.failure import CRITERIA
from cds_cards.refractoriness import RefractorinessAssessment
from cds_cards.risk import RiskClassification
from cds_cards.therapy import Therapy
from docs.generate.evaluated import Evaluated, Evaluation
from docs.generate.markdown import joined, table
from docs.generate.words import Words, amount

_FIELDS: Mapping[str, tuple[type, str]] = {
    "population": (Population, "status"),
    "anti-mda5": (AntiMda5, "status"),
    "lung-disease": (LungDisease, "status"),
    "risk": (RiskClassification, "level"),
    "stage": (Therapy, "stage"),
    "phase": (Therapy, "phase"),
    "refractoriness": (RefractorinessAssessment, "status"),
    "respiratory-failure": (RespiratoryFailure, "life_threatening"),
    "infection": (Infection, "status"),
}


def possible() -> Mapping[str, tuple[str, ...]]:
    """All that each part of the assessment may say, by the types of the code; and the five criteria."""
    return {
        **{name: get_args(get_type_hints(owner)[field]) for name, (owner, field) in _FIELDS.items()},
        "criteria": CRITERIA,
    }


def said(story: Evaluated) -> Mapping[str, str]:
    """What the assessment of a story says, part by part."""
    found = story.assessment
    return {
        "population": found.population.status,
        "anti-mda5": found.anti_mda5.status,
        "lung-disease": found.lung_disease.status,
        "risk": found.risk.level,
        "stage": found.therapy.stage,
        "phase": found.therapy.phase,
        "refractoriness": found.refractoriness.status,
        "respiratory-failure": found.respiratory_failure.life_threatening,
        "infection": found.infection.status,
    }


def section(evaluation: Evaluation, words: Words) -> str:
    """A table for each part of the assessment."""
    told = Counter(pair for story in evaluation.stories for pair in said(story).items())
    parts = []
    for name in _FIELDS:
        entry = words.tables["statuses"][name]
        rows = ((f"`{value}`", words.fill(entry[value]), str(told[name, value])) for value in possible()[name])
        parts += [f"### {entry['title']}", table(("said", "when", "stories"), rows)]
        parts += [_factors(evaluation, words)] if name == "risk" else []
        parts += [_criteria(evaluation, words)] if name == "refractoriness" else []
    return joined("## What is found of a patient", *parts)


def _criteria(evaluation: Evaluation, words: Words) -> str:
    entry = words.tables["statuses"]["criteria"]
    results = Counter(
        (item.id, item.verdict) for story in evaluation.stories for item in story.assessment.refractoriness.criteria
    )
    return joined(
        f"### {entry['title']}",
        words.paragraph("criteria"),
        table(
            ("criterion", "met when", "met", "not met", "unknown"),
            (
                (f"`{name}`", words.fill(entry[name]), *(str(results[name, verdict]) for verdict in Verdict))
                for name in CRITERIA
            ),
        ),
    )


def _factors(evaluation: Evaluation, words: Words) -> str:
    return joined(
        words.paragraph("factors"),
        table(
            ("risk factor", "limit", "source"),
            (
                (f"{rule.label} (`{rule.id}`)", f"> {amount(rule.threshold, rule.unit)}", rule.source)
                for rule in evaluation.guideline.risk_factors.values()
            ),
        ),
    )
