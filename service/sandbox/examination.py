"""Why the cards of a request are what they are, and the course of the disease; as the page reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from cds_cards.criteria import Finding, Verdict
from cds_cards.explanation import LABELS, TopicExplanation, explain
from cds_cards.guideline import Guideline
from cds_cards.plan import Plan
from cds_cards.standing import Standing
from service.course import chart, course_json, course_of
from service.discovery import SERVICE_OF_HOOK
from service.errors import InvalidField
from service.parts import Parts
from service.respond import Examination, examine
from service.wire import decode_request, instant

Json = dict[str, object]
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def examination_json(body: Mapping[str, object], client: str, as_of: str | None, parts: Parts) -> Json:
    """What `respond` found of the same request at `as_of` (an ISO 8601 instant; None: now).

    Raises what the service itself refuses the request with.
    """
    service = SERVICE_OF_HOOK.get(str(body.get("hook")))
    if service is None:
        raise InvalidField(f"hook must be one of {', '.join(SERVICE_OF_HOOK)}")
    request = decode_request(body, service, parts.settings, client)
    if as_of is not None:
        request = replace(request, as_of=_as_of(as_of))
    seen = examine(request, parts)
    return explanation_json(seen.plan, parts.settings.topics_off) | _pictured(seen, parts.guideline)


def explanation_json(plan: Plan, off: frozenset[str]) -> Json:
    """Every recommendation and topic with its findings, what is missing, and what was left out. `off`: topics that are
    switched off. Lists may be empty; nothing is null."""
    explained, assessment = explain(plan), plan.assessment
    return {
        "asOf": assessment.as_of.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "recommendations": [_recommendation(item, plan.guideline) for item in explained.recommendations],
        "topics": [_topic(topic, off) for topic in explained.topics],
        "missing": [
            {"id": gap.id, "why": gap.why, "settles": list(gap.settles), "bearsOn": list(gap.bears_on)}
            for gap in explained.missing
        ],
        "ignored": [{"reference": item.reference, "why": item.why} for item in assessment.ignored],
    }


def _as_of(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError:
        raise InvalidField("asOf must be an ISO 8601 instant with its zone, as 2026-03-01T10:00:00Z") from None


def _recommendation(item: Standing, guideline: Guideline) -> Json:
    return {
        "id": item.id,
        "title": guideline.recommendations[item.id].title,
        "grades": list(item.grades),
        "status": item.status,
        "why": item.why,
        "findings": _findings(item.findings),
    }


def _topic(topic: TopicExplanation, off: frozenset[str]) -> Json:
    found: Json = {"topic": topic.topic, "speaks": topic.speaks, "findings": _findings(topic.findings)}
    if topic.indicator is not None:
        found["indicator"] = topic.indicator
    if topic.topic in off:
        found["switchedOff"] = True
    return found


def _findings(findings: Sequence[Finding]) -> list[Json]:
    return [
        {
            "criterion": finding.criterion,
            "label": LABELS[finding.criterion],
            "verdict": finding.verdict.value,
            "because": finding.because,
            "evidence": list(finding.evidence),
            "needs": list(finding.needs) if finding.verdict is Verdict.UNKNOWN else [],
        }
        for finding in findings
    ]


def _pictured(seen: Examination, guideline: Guideline) -> Json:
    # imported late: what draws is heavy, starts threads, and must not be there before the processes fork
    from service.course.picture import svg

    course = course_of(seen.record, seen.plan.assessment, guideline)
    pictures = {theme: svg(chart(course, theme)) for theme in _THEMES}
    return {"course": course_json(course), "pictures": pictures}
