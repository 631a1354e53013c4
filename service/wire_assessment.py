"""The assessment as the response extension `mda5-cds.assessment` (contract, section 3). Nothing null or empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from cds_cards.assessment import Assessment
from cds_cards.disease import AntiMda5, Infection, LungDisease, RespiratoryFailure
from cds_cards.guideline import GUIDELINE_ID, Guideline
from cds_cards.refractoriness import CriterionResult, Point, RefractorinessAssessment
from cds_cards.risk import RiskFactor
from cds_cards.standing import Standing
from cds_cards.therapy import Course, Therapy
from cds_cards.timeline import When

Json = dict[str, object]


def assessment_json(assessment: Assessment, guideline: Guideline) -> Json:
    """The extension's object, without empty members."""
    return _said(
        {
            "asOf": _instant(assessment.as_of),
            "guideline": _said(
                {"id": GUIDELINE_ID, "doi": guideline.doi, "knowledgeVersion": guideline.knowledge_version}
            ),
            "population": _said({"status": assessment.population.status, "why": assessment.population.why}),
            "antiMda5": _antibody(assessment.anti_mda5),
            "lungDisease": _lungs(assessment.lung_disease),
            "risk": _said(
                {
                    "level": assessment.risk.level,
                    "factors": [_factor(factor) for factor in assessment.risk.factors],
                }
            ),
            "therapy": _therapy(assessment.therapy),
            "refractoriness": _response(assessment.refractoriness),
            "respiratoryFailure": _failure(assessment.respiratory_failure),
            "infection": _infection(assessment.infection),
            "recommendations": [_standing(item) for item in assessment.recommendations],
            "dataGaps": [_said({"id": gap.id, "why": gap.why}) for gap in assessment.gaps],
            "ignored": [_said({"reference": item.reference, "why": item.why}) for item in assessment.ignored],
        }
    )


def pruned(value: Json) -> Json:
    """The object without null and empty members, at every depth (CDS Hooks: no element is null or empty)."""
    return _said({name: _pruned(member) for name, member in value.items()})


def _pruned(value: object) -> object:
    if isinstance(value, Mapping):
        return pruned(dict(value))
    if isinstance(value, list | tuple):
        return [member for member in map(_pruned, value) if member or member == 0]
    return value


def _said(members: Json) -> Json:
    """The members that say something; of what they hold, all does. Zero and False say something."""
    return {name: member for name, member in members.items() if member or member == 0}


def _listed(texts: Iterable[str]) -> list[str]:
    return [text for text in texts if text]


def _antibody(antibody: AntiMda5) -> Json:
    titre: Json = {}
    if antibody.titre is not None:
        newest, earlier = antibody.titre.newest, antibody.titre.earlier
        titre = {"recorded": newest.recorded, "value": newest.value, "unit": newest.unit, "date": newest.when.text}
        titre["evidence"] = _listed((newest.source,))
        if earlier is not None:
            before: Json = {"recorded": earlier.recorded, "date": earlier.when.text}
            titre["earlier"] = _said({**before, "evidence": _listed((earlier.source,))})
    return _said(
        {
            "status": antibody.status,
            "why": antibody.because,
            "titre": _said(titre),
            "evidence": _listed(antibody.evidence),
        }
    )


def _lungs(lungs: LungDisease) -> Json:
    return _said(
        {
            "status": lungs.status,
            "certainty": lungs.certainty,
            "why": lungs.because,
            "evidence": _listed(lungs.evidence),
        }
    )


def _factor(factor: RiskFactor) -> Json:
    return _said(
        {
            "id": factor.id,
            "status": factor.status,
            "value": factor.value,
            "unit": factor.unit,
            "date": factor.date,
            "evidence": _listed(factor.evidence),
            "why": factor.why,
        }
    )


def _therapy(therapy: Therapy) -> Json:
    return _said(
        {
            "stage": therapy.stage,
            "phase": therapy.phase,
            "complete": therapy.complete,
            "combinationSince": _text(therapy.combination_since),
            "daysOnCombination": _days(therapy.days_on_combination),
            "assessedSince": _text(therapy.assessed_since),
            "agents": [_course(course) for course in therapy.courses],
        }
    )


def _course(course: Course) -> Json:
    return _said(
        {
            "agent": course.agent,
            "class": course.agent_class,
            "since": _text(course.since),
            "until": _text(course.end),
            "status": course.status,
            "confidence": "text" if course.by_text else None,
            "evidence": _listed(course.evidence),
        }
    )


def _response(response: RefractorinessAssessment) -> Json:
    return _said(
        {
            "status": response.status,
            "why": response.why,
            "criteria": [_criterion(item) for item in response.criteria],
        }
    )


def _criterion(item: CriterionResult) -> Json:
    return _said(
        {
            "id": item.id,
            "status": item.verdict.value,
            "baseline": _point(item.baseline),
            "followUp": _point(item.follow_up),
            "why": item.why,
        }
    )


def _point(point: Point | None) -> Json:
    if point is None:
        return {}
    return _said(
        {
            "value": point.value,
            "unit": point.unit,
            "date": point.when.text,
            "derived": point.derived or None,
            "evidence": _listed((point.source,)),
        }
    )


def _failure(failure: RespiratoryFailure) -> Json:
    return _said(
        {
            "lifeThreatening": failure.life_threatening,
            "why": failure.because,
            "evidence": _listed(failure.evidence),
        }
    )


def _infection(infection: Infection) -> Json:
    return _said(
        {
            "status": infection.status,
            "why": infection.because,
            "evidence": _listed(infection.evidence),
        }
    )


def _standing(item: Standing) -> Json:
    return _said({"id": item.id, "grades": _listed(item.grades), "status": item.status, "why": item.why})


def _days(days: tuple[int, int] | None) -> int | None:
    """The day count, when the dates settle it."""
    return days[0] if days is not None and days[0] == days[1] else None


def _text(when: When | None) -> str | None:
    return when.text if when is not None else None


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
