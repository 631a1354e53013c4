"""The course as JSON, for a table and a legend. Nothing null or empty but the lists of the first level."""

from __future__ import annotations

from service.course.model import Bar, Course, Panel, Value
from service.course.words import day, plain

Json = dict[str, object]


def course_json(course: Course) -> Json:
    """Panels with their values and thresholds, therapies, moments, and notes on what the picture does not show."""
    return {
        "panels": [_panel(panel, course) for panel in course.panels],
        "therapies": [_therapy(bar, course) for bar in course.bars],
        "moments": [
            {"id": each.id, "label": each.label, "date": day(each.when, course.zone)} for each in course.moments
        ],
        "notes": list(course.notes),
    }


def _panel(panel: Panel, course: Course) -> Json:
    return _filled(
        {
            "id": panel.id,
            "title": panel.title,
            "unit": panel.unit,
            "values": [_value(value, course) for value in panel.values],
            "thresholds": [
                {"value": limit.value, "label": limit.label, "source": limit.source} for limit in panel.thresholds
            ],
        }
    )


def _value(value: Value, course: Course) -> Json:
    return _filled(
        {
            "date": day(value.when, course.zone) if value.when else None,
            "value": value.number,
            "comparator": value.comparator,
            "recorded": plain(value.recorded),
            "kind": value.kind,
            "used": value.used,
            "why": value.why,
            "roles": list(value.roles),
            "reference": value.sources[0],
            "references": list(value.sources) if len(value.sources) > 1 else None,
        }
    )


def _therapy(bar: Bar, course: Course) -> Json:
    return _filled(
        {
            "agent": bar.agent,
            "label": bar.label,
            "status": bar.status,
            "start": day(bar.since, course.zone) if bar.since else None,
            "end": day(bar.until, course.zone) if bar.until else None,
        }
    )


def _filled(members: Json) -> Json:
    """Without null and empty members; `false` and zero are neither. Lists of a panel stay."""
    return {
        name: value
        for name, value in members.items()
        if value is not None and value != "" and (value != [] or name in ("values", "thresholds"))
    }
