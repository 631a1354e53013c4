"""The picture itself: one accessible SVG, the same every time, with nothing in it that could run or be fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

import fixtures
from service.course import chart, course_json, course_of
from service.course.picture import png, svg
from service.discovery import SERVICE_OF_HOOK
from service.parts import load_parts
from service.respond import Examination, examine
from service.settings import Settings
from service.wire import decode_request
from tests.conftest import NOW
from tests.unit.service.course.charted import SCRIPT, course, everything, labels

PARTS = load_parts(Settings(), lambda: NOW)


def examined(change: Callable[[dict[str, Any]], object] = lambda body: None) -> Examination:
    """The refractory story, changed."""
    body = fixtures.story("refractory").render(NOW)
    change(body)
    return examine(decode_request(body, SERVICE_OF_HOOK[body["hook"]], PARTS.settings), PARTS)


@pytest.fixture(scope="module")
def picture() -> str:
    """Everything that a picture can show, as SVG."""
    return svg(chart(course(everything())))


def test_it_is_one_image_with_a_name(picture: str) -> None:
    root = ElementTree.fromstring(picture)  # noqa: S314
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert (root.get("aria-label") or "").startswith("Course of the disease to 2026-03-01. Values drawn: Ferritin (")
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert 900 <= float(root.get("width") or 0) <= 930


def test_each_mark_is_told_to_screen_readers(picture: str) -> None:
    told = labels(picture)
    assert any(re.fullmatch(r"Ferritin 1,523 ng/mL on 2026-02-27, counted.*", each) for each in told)
    assert "Ferritin 1,900 ng/mL on 2026-03-04, not counted: dated after the time of this call" in told
    assert "tacrolimus: running, since 2026-02-15" in told
    assert "now 2026-03-01" in told


@pytest.mark.parametrize("name", ["ferritin_counted", "ferritin_hollow", "ferritin_limit", "therapies_running"])
def test_marks_can_be_found_by_name(picture: str, name: str) -> None:
    classes = {word for each in re.findall(r'class="([^"]*)"', picture) for word in each.split()}
    assert f"{name}_marks" in classes


def test_nothing_in_it_can_run_or_be_fetched(picture: str) -> None:
    for each in ElementTree.fromstring(picture).iter():  # noqa: S314
        assert each.tag.rpartition("}")[2] in {"svg", "g", "rect", "path", "line", "text", "tspan"}
        assert not [name for name in each.attrib if name.startswith("on") or "href" in name or name == "style"]
    assert SCRIPT not in picture
    assert "url(" not in picture
    assert "\x00" not in picture


def test_the_same_course_gives_the_same_bytes(picture: str) -> None:
    assert svg(chart(course(everything()))) == picture


def test_a_png_is_twice_the_size(picture: str) -> None:
    width = float(ElementTree.fromstring(picture).get("width") or 0)  # noqa: S314
    data = png(chart(course(everything()), "dark"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(data[16:20]) == pytest.approx(2 * width, abs=2)


def test_a_specification_cannot_load_anything() -> None:
    spec = {"data": {"url": "http://127.0.0.1:9/secret.json"}, "mark": "point"}
    with pytest.raises(ValueError, match="not allowed"):
        svg(spec)


def test_hostile_texts_of_a_record_are_only_text() -> None:
    def poison(node: object) -> None:
        if isinstance(node, dict):
            for name, member in node.items():
                if name in ("text", "display", "unit", "family", "comment") and isinstance(member, str):
                    node[name] = f"{member} {SCRIPT}"
                poison(member)
        elif isinstance(node, list):
            for member in node:
                poison(member)

    def change(body: dict[str, Any]) -> None:
        poison(body["prefetch"])
        for entry in body["prefetch"]["observations"]["entry"]:
            if "ferritin" in entry["resource"]["code"].get("text", "").lower():
                entry["resource"]["valueQuantity"] = {"value": 1, "unit": SCRIPT}

    seen = examined(change)
    found = course_of(seen.record, seen.plan.assessment, PARTS.guideline)
    assert SCRIPT in str(course_json(found)), "the text of the unit reached the course"
    drawn = svg(chart(found))
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_another_patients_resource_is_never_drawn() -> None:
    def change(body: dict[str, Any]) -> None:
        entries = body["prefetch"]["observations"]["entry"]
        ferritin = next(entry["resource"] for entry in entries if entry["resource"]["code"].get("text") == "Ferritin")
        quantity = ferritin["valueQuantity"] | {"value": 7777}
        other = ferritin | {"id": "other", "subject": {"reference": "Patient/other"}, "valueQuantity": quantity}
        entries.append({"resource": other})

    seen = examined(change)
    found = course_of(seen.record, seen.plan.assessment, PARTS.guideline)
    assert "Observation/other" in {item.reference for item in seen.plan.assessment.ignored}
    for told in (str(course_json(found)), str(chart(found))):
        assert "7777" not in told.replace(",", "")
        assert "Observation/other" not in told


def test_nobodys_name_or_id_is_in_the_picture() -> None:
    seen = examined()
    patient = seen.bundle.patient.resource
    told = str(chart(course_of(seen.record, seen.plan.assessment, PARTS.guideline)))
    assert isinstance(patient, dict)
    assert patient["id"] not in told
    for name in patient.get("name", []):
        assert name.get("family", "\x00") not in told
