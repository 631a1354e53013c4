"""For every reader: by keyboard alone, by screen reader (axe-core), in the dark, in a narrow window, on paper."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.visit import Visit
from tests.server import Running

pytestmark = pytest.mark.browser

# opens the first of each kind of fold, and no other: to look at each letter of each is slow, and they are alike
_ONE_OF_EACH = """() => {
  const seen = new Set();
  for (const each of document.querySelectorAll("details")) {
    const kind = [each.closest("section")?.id, each.className, each.dataset.status].join();
    each.open = !seen.has(kind);
    seen.add(kind);
  }
}"""
_FOCUSED = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== "none";
  return [element.matches(WANTED), seen, element.outerHTML.slice(0, 80)];
}"""


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Presses Tab until it is there; on the way the focus can be seen everywhere."""
    for _ in range(most):
        page.keyboard.press("Tab")
        there, seen, what = page.evaluate(_FOCUSED.replace("WANTED", repr(selector)))
        assert seen, f"no focus to be seen: {what}"
        if there:
            return
    raise AssertionError(f"{selector} is not within {most} tabs")


def test_the_keyboard_does_it_all(visit: Visit) -> None:
    page = visit.open()
    tab_to(page, "a[href^='#']", most=1)  # past everything
    tab_to(page, "#story")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#story").input_value()
    assert chosen != "refractory"
    page.keyboard.press("ArrowUp")
    expect(page.locator("#request")).to_have_value(re.compile('"patientId": "refractory"'))
    tab_to(page, "#send")
    visit.answered.clear()
    with page.expect_response(lambda response: "/cds-services/" in response.url):
        page.keyboard.press("Enter")
    visit.settled()
    expect(page.locator("#send")).to_be_focused()
    tab_to(page, "#cards details.resource > summary")
    page.keyboard.press("Enter")
    expect(page.locator("#cards details.resource[open]")).to_have_count(1)
    tab_to(page, "#cards .suggestion button")
    topic = page.evaluate("document.activeElement.closest('.card').dataset.topic")
    page.keyboard.press("Space")
    expect(visit.card(topic).locator(".feedback")).to_contain_text("accepted", ignore_case=True)


def findings(page: Page, *, contrast: bool = True) -> list[Any]:
    """What axe-core objects to, whatever its weight; contrast takes most of its time."""
    options = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": contrast}}}
    violations = Axe().run(page, options=options).response["violations"]
    return [(each["impact"], each["id"], [node["html"][:200] for node in each["nodes"]][:4]) for each in violations]


def test_axe_has_nothing_to_say_by_day(visit: Visit) -> None:
    page = visit.open()
    page.evaluate(_ONE_OF_EACH)
    assert findings(page) == []
    visit.open_all()
    assert findings(page, contrast=False) == []


def test_axe_has_nothing_to_say_in_the_dark(visiting: Visiting, site: Running) -> None:
    visit = visiting(site, color_scheme="dark")
    page = visit.open()
    visit.keep("dark")
    page.evaluate(_ONE_OF_EACH)
    assert findings(page) == []
    visit.expects("400")
    visit.send({"hook": "patient-view"})
    expect(page.locator("#error")).to_be_visible()
    assert findings(page) == []


def test_a_narrow_window_scrolls_one_way_and_reads_as_well(visiting: Visiting, site: Running) -> None:
    visit = visiting(site, viewport={"width": 320, "height": 640})
    page = visit.open()
    width = "[document.documentElement.scrollWidth, document.body.scrollWidth]"
    visit.keep("narrow", full_page=True)
    assert page.evaluate(width) == [320, 320]
    visit.open_all()
    assert page.evaluate(width) == [320, 320]
    assert findings(page, contrast=False) == []
    visit.expects("400")
    visit.send({"hook": "patient-view", "hookInstance": "x" * 500, "context": {}})
    assert page.evaluate(width) == [320, 320]


def test_paper_takes_the_story_on_one_page(visiting: Visiting, site: Running) -> None:
    visit = visiting(site, color_scheme="dark")
    page = visit.open()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        printed = page.pdf(format="A4", print_background=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
        visit.keep_bytes(f"print-{scheme}.pdf", printed)
    page.emulate_media(media="print")
    for shown in ("#cards", "#course svg", "#why"):
        expect(page.locator(shown).first).to_be_visible()
    for hidden in ("#request", "#send", "#messages"):
        expect(page.locator(hidden)).to_be_hidden()
