"""The assessment as the response extension `mda5-cds.assessment` (contract, section 3). Nothing null or empty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cds_cards.assessment import Assessment
from cds_cards.disease import AntiMda5, LungDisease
from cds_cards.guideline import GUIDELINE_ID, Guideline
from cds_cards.refractoriness import CriterionResult, Point
from cds_cards.risk import RiskFactor
from cds_cards.therapy import Course, Therapy
from cds_cards.timeline import When

Json = dict[str, object]


def assessment_json(assessment: Assessment, guideline: Guideline) -> Json:
    """The extension's object, without empty members."""
    return pruned(
        {
            "asOf": _instant(assessment.as_of),
            "guideline": {
                "id": GUIDELINE_ID,
                "doi": guideline.doi,
                "knowledgeVersion": guideline.knowledge_version,
            },
            "population": {"status": assessment.population.status, "why": assessment.population.why},
            "antiMda5": _antibody(assessment.anti_mda5),
            "lungDisease": _lungs(assessment.lung_disease),
            "risk": {
                "level": assessment.risk.level,
                "factors": [_factor(factor) for factor in assessment.risk.factors],
            },
            "therapy": _therapy(assessment.therapy),
            "refractoriness": {
                "status": assessment.refractoriness.status,
                "why": assessment.refractoriness.why,
                "criteria": [_criterion(item) for item in assessment.refractoriness.criteria],
            },
            "respiratoryFailure": {
                "lifeThreatening": assessment.respiratory_failure.life_threatening,
                "why": assessment.respiratory_failure.because,
                "evidence": list(assessment.respiratory_failure.evidence),
            },
            "infection": {
                "status": assessment.infection.status,
                "why": assessment.infection.because,
                "evidence": list(assessment.infection.evidence),
            },
            "recommendations": [
                {"id": item.id, "grades": list(item.grades), "status": item.status, "why": item.why}
                for item in assessment.recommendations
            ],
            "dataGaps": [{"id": gap.id, "why": gap.why} for gap in assessment.gaps],
            "ignored": [{"reference": item.reference, "why": item.why} for item in assessment.ignored],
        }
    )


def pruned(value: Json) -> Json:
    """The object without null and empty members, at every depth (CDS Hooks: no element is null or empty)."""
    kept = {name: _pruned(member) for name, member in value.items()}
    return {name: member for name, member in kept.items() if not _empty(member)}


def _pruned(value: object) -> object:
    if isinstance(value, Mapping):
        return pruned(dict(value))
    if isinstance(value, list | tuple):
        return [member for member in map(_pruned, value) if not _empty(member)]
    return value


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _antibody(antibody: AntiMda5) -> Json:
    titre: Json = {}
    if antibody.titre is not None:
        newest, earlier = antibody.titre.newest, antibody.titre.earlier
        titre = {"recorded": newest.recorded, "value": newest.value, "unit": newest.unit, "date": newest.when.text}
        titre["evidence"] = [newest.source]
        if earlier is not None:
            titre["earlier"] = {"recorded": earlier.recorded, "date": earlier.when.text, "evidence": [earlier.source]}
    return {
        "status": antibody.status,
        "why": antibody.because,
        "titre": titre,
        "evidence": list(antibody.evidence),
    }


def _lungs(lungs: LungDisease) -> Json:
    return {
        "status": lungs.status,
        "certainty": lungs.certainty,
        "why": lungs.because,
        "evidence": list(lungs.evidence),
    }


def _factor(factor: RiskFactor) -> Json:
    return {
        "id": factor.id,
        "status": factor.status,
        "value": factor.value,
        "unit": factor.unit,
        "date": factor.date,
        "evidence": list(factor.evidence),
        "why": factor.why,
    }


def _therapy(therapy: Therapy) -> Json:
    return {
        "stage": therapy.stage,
        "phase": therapy.phase,
        "complete": therapy.complete,
        "combinationSince": _text(therapy.combination_since),
        "daysOnCombination": _days(therapy.days_on_combination),
        "assessedSince": _text(therapy.assessed_since),
        "agents": [_course(course) for course in therapy.courses],
    }


def _course(course: Course) -> Json:
    return {
        "agent": course.agent,
        "class": course.agent_class,
        "since": _text(course.since),
        "until": _text(course.end),
        "status": course.status,
        "confidence": "text" if course.by_text else None,
        "evidence": list(course.evidence),
    }


def _criterion(item: CriterionResult) -> Json:
    return {
        "id": item.id,
        "status": item.verdict.value,
        "baseline": _point(item.baseline),
        "followUp": _point(item.follow_up),
        "why": item.why,
    }


def _point(point: Point | None) -> Json:
    if point is None:
        return {}
    return {
        "value": point.value,
        "unit": point.unit,
        "date": point.when.text,
        "derived": point.derived or None,
        "evidence": [point.source],
    }


def _days(days: tuple[int, int] | None) -> int | None:
    """The day count, when the dates settle it."""
    return days[0] if days is not None and days[0] == days[1] else None


def _text(when: When | None) -> str | None:
    return when.text if when is not None else None


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
