"""The course of the disease: what is drawn is what the service found, on the screen and in the table beside it."""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visit import EXAMINATION, Json, Visit

pytestmark = pytest.mark.browser

# every mark that says what it is: [name of its layer, label, tooltip, x, y, fill, stroke]
_MARKS = """(marks) => marks.map((mark) => {
  const layer = [...mark.closest(".role-mark").classList].find((each) => each.endsWith("_marks"));
  const { x, y } = mark.getBoundingClientRect();
  const said = [mark.getAttribute("aria-label"), mark.querySelector(":scope > title")?.textContent];
  return [layer.replace(/_marks$/, ""), ...said, x, y, mark.getAttribute("fill"), mark.getAttribute("stroke")];
})"""
# what does not count, and why: a member of the ferritin's resource → another value
ODD: dict[str, Json] = {
    "unit": {"valueQuantity": {"value": 900, "unit": "furlong"}},
    "number-only": {"valueQuantity": {"value": 700}},
    "early": {"status": "preliminary"},
    "censored": {"valueQuantity": {"value": 600, "unit": "ng/mL", "comparator": ">"}},
}
Mark = tuple[str, str, str, float, float, str | None, str | None]


def ferritins(request: Json) -> list[Json]:
    """The entries of ferritin, oldest first."""
    entries = request["prefetch"]["observations"]["entry"]
    return [each for each in entries if "ferritin" in each["resource"]["id"]]


def with_odd_values(request: Json) -> Json:
    """The request with ferritins that do not count, or count as a bound, a day apart before its last."""
    entries, last = request["prefetch"]["observations"]["entry"], ferritins(request)[-1]
    when = datetime.fromisoformat(last["resource"]["effectiveDateTime"])
    for days, (name, change) in enumerate(ODD.items(), start=1):
        entry = copy.deepcopy(last)
        day = (when - timedelta(days=days)).isoformat()
        entry["resource"] |= {"id": f"odd-{name}", "effectiveDateTime": day, "issued": day, **change}
        entry["fullUrl"] = f"https://ehr.example.org/fhir/Observation/odd-{name}"
        entries.append(entry)
    return request


def in_layer(marks: list[Mark], name: str) -> list[Mark]:
    """The marks of one layer, from left to right."""
    return sorted((mark for mark in marks if mark[0] == name), key=lambda mark: mark[3])


def check_panel(panel: Json, marks: list[Mark]) -> None:
    """A filled mark for each value that counts, a hollow one for each that does not, a line for each limit."""
    name = panel["id"].replace("-", "_")
    filled, hollow = in_layer(marks, f"{name}_counted"), in_layer(marks, f"{name}_hollow")
    for drawn, used in ((filled, True), (hollow, False)):
        values = [value for value in panel["values"] if value["used"] is used]
        # a label each, in the order of time, with the day, and what does not count with its reason
        assert len(drawn) == len(values), panel["id"]
        for mark, value in zip(drawn, values, strict=True):
            assert {panel["title"], value["date"]} <= {
                panel["title"] * (panel["title"] in mark[1]),
                *mark[1].replace(",", " ").split(),
            }
            assert ("derived" in mark[1]) == (value["kind"] == "derived")
            assert used or value["why"] in mark[1]
    assert not {mark[5] for mark in filled} & {mark[5] for mark in hollow}
    assert all(mark[6] for mark in hollow)
    # the higher the value, the higher its mark
    counted = [value for value in panel["values"] if value["used"] and "value" in value]
    heights = [(value["value"], -mark[4]) for value, mark in zip(counted, filled, strict=False)]
    assert [pair[1] for pair in sorted(heights)] == sorted(pair[1] for pair in heights)
    limits = in_layer(marks, f"{name}_limit")
    assert len(limits) == len(panel["thresholds"])
    for limit in panel["thresholds"]:
        assert any(limit["label"] in mark[1] and limit["source"] in mark[1] for mark in limits)


def cells(text: str) -> set[str]:
    """The words of a text."""
    return set(re.findall(r"[\w.:/-]+", text))


def test_the_picture_shows_what_the_service_found(visit: Visit) -> None:
    page = visit.open()
    visit.send(with_odd_values(visit.edited()))
    course: dict[str, Any] = visit.answer(EXAMINATION)["course"]
    picture = page.locator("#course svg").first
    expect(picture).to_have_accessible_name(re.compile("course", re.I))
    marks = [tuple(each) for each in picture.locator(".role-mark [aria-label]").evaluate_all(_MARKS)]

    ferritin = next(panel for panel in course["panels"] if panel["id"] == "ferritin")
    assert sum(not value["used"] for value in ferritin["values"]) >= 2
    assert {panel["id"] for panel in course["panels"]} >= {"ferritin", "a-a-gradient", "kl-6", "crp", "anti-mda5"}
    for panel in course["panels"]:
        check_panel(panel, marks)
    assert len(ferritin["thresholds"]) == 2
    assert all(mark[1] == mark[2] for mark in marks), "each mark has its label as a tooltip"

    bars = [mark[1].partition(":")[0] for mark in marks if mark[0].startswith("therapies_")]
    assert set(bars) == {each["label"] for each in course["therapies"]} >= {"tacrolimus", "cyclophosphamide"}
    moments = {mark[1] for mark in in_layer(marks, "moments_named")}
    assert moments == {f"{each['label']} {each['date']}" for each in course["moments"]}
    since, day_7 = (
        next(each for each in course["moments"] if each["id"] == one) for one in ("combination", "assess-from")
    )
    assert datetime.fromisoformat(day_7["date"]) - datetime.fromisoformat(since["date"]) == timedelta(days=7)
    # the lines of the moments go through every panel
    lines = picture.locator('[class*="_moment_marks"] line, [class*="_moment_marks"] path')
    assert lines.count() == len(course["moments"]) * (len(course["panels"]) + 1)


def test_the_table_says_the_same_as_the_picture(visit: Visit) -> None:
    page = visit.open("level-due")
    course = visit.answer(EXAMINATION)["course"]
    page.get_by_text("Values as a table").click()
    tables = page.locator("#course details table")
    told = [table.locator("tbody tr").all_inner_texts() for table in tables.all()]
    for panel, rows in zip(course["panels"], told, strict=False):
        assert panel["title"] in tables.nth(told.index(rows)).locator("caption").inner_text()
        assert len(rows) == len(panel["values"])
        for value, row in zip(panel["values"], rows, strict=True):
            said = [str(value[key]) for key in ("date", "recorded", "kind", "why", "reference") if key in value]
            assert cells(" ".join(said)) <= cells(row)
    rest = " ".join(line for rows in told[len(course["panels"]) :] for line in rows)
    for each in (*course["therapies"], *course["moments"]):
        assert cells(" ".join(str(value) for key, value in each.items() if key not in {"id", "agent"})) <= cells(rest)


def test_the_dark_has_a_picture_of_its_own(visit: Visit) -> None:
    page = visit.open()
    pictures = visit.answer(EXAMINATION)["pictures"]
    paper = page.locator("#course svg").first.locator("> rect").first
    grounds = {name: re.search(r'<rect[^>]*fill="([^"]+)"', svg)[1] for name, svg in pictures.items()}  # type: ignore[index]
    assert grounds["light"] != grounds["dark"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(paper).to_have_attribute("fill", grounds[scheme])
        visit.keep_bytes(f"course-{scheme}.png", page.locator("#course").screenshot())
    page.emulate_media(color_scheme="dark", media="print")
    expect(paper).to_have_attribute("fill", grounds["light"])
