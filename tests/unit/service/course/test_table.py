"""The course as JSON: what the page's table reads."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

import fixtures
from service.course import course_json, course_of
from service.discovery import SERVICE_OF_HOOK
from service.parts import load_parts
from service.respond import examine
from service.settings import Settings
from service.wire import decode_request
from tests.conftest import NOW
from tests.unit.build import order, rec, res, unread
from tests.unit.service.course.charted import course, everything

PARTS = load_parts(Settings(), lambda: NOW)


def test_a_panel_has_its_values_and_limits() -> None:
    found: Any = course_json(course(rec(res("crp", 32, 1, id="c"), order("prednisone", 14, by_text=True))))
    assert found["panels"] == [
        {
            "id": "crp",
            "title": "CRP",
            "unit": "mg/L",
            "values": [
                {
                    "date": "2026-02-28",
                    "value": 32,
                    "recorded": "32 mg/L",
                    "kind": "measured",
                    "used": True,
                    "why": "counted; newest value that counts",
                    "roles": ["newest"],
                    "reference": "Observation/c",
                }
            ],
            "thresholds": [
                {
                    "value": 10,
                    "label": "C-reactive protein over 10 mg/L (1 mg/dL)",
                    "source": "guideline final, text on prognosis and footnote of Figure 1",
                }
            ],
        }
    ]
    assert found["therapies"] == [
        {"agent": "prednisone", "label": "prednisone", "status": "active", "start": "2026-02-15"}
    ]
    assert found["moments"] == [{"id": "now", "label": "now", "date": "2026-03-01"}]


def test_a_value_without_date_and_number_has_neither() -> None:
    found: Any = course_json(course(rec(unread("observations", "crp", id="x"))))
    assert found["panels"][0]["values"] == [
        {
            "recorded": "no usable value",
            "kind": "measured",
            "used": False,
            "why": "its value could not be read",
            "reference": "Observation/x",
        }
    ]


def test_a_derived_value_names_all_that_it_comes_from() -> None:
    found: Any = course_json(course(everything()))
    gradient = next(panel for panel in found["panels"] if panel["id"] == "a-a-gradient")
    (derived,) = (value for value in gradient["values"] if value["kind"] == "derived")
    assert derived["references"] == ["Observation/pao2", "Observation/paco2", "Observation/fio2"]
    assert derived["reference"] == "Observation/pao2"


def _empty(node: object) -> bool:
    if isinstance(node, dict):
        return any(map(_empty, node.values()))
    if isinstance(node, list):
        return any(map(_empty, node))
    return node is None or node == ""


@pytest.mark.parametrize("name", fixtures.names())
def test_every_story_has_a_course_without_nulls(name: str) -> None:
    body = fixtures.story(name).render(NOW)
    seen = examine(decode_request(body, SERVICE_OF_HOOK[body["hook"]], PARTS.settings), PARTS)
    found = course_json(course_of(seen.record, seen.plan.assessment, PARTS.guideline))
    assert not _empty(found)
    assert orjson.loads(orjson.dumps(found)) == found
