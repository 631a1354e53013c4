"""What the page shows is what the service says: cards, why, what is missing, the very bytes."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.visit import EXAMINATION, PATIENT_VIEW, Json, Visit

pytestmark = pytest.mark.browser

ORDER_SIGN = "/cds-services/mda5-rpild-order-sign"
_CARDS = """(cards) => cards.map((card) => [card.dataset.topic, card.dataset.indicator, card.dataset.uuid,
  card.querySelector("h3").textContent.trim()])"""
_STATUSES = """(rows) => rows.map((row) => [row.dataset.recommendation, row.dataset.status])"""


def words(text: str) -> list[str]:
    """The words of a text, in their order, whatever is between them."""
    return re.findall(r"\w+", text)


def as_told(card: Json) -> list[str]:
    """What a card's element says of it."""
    return [card["source"]["topic"]["code"], card["indicator"], card["uuid"], card["summary"]]


def check_card(shown: Locator, card: Json, drafts: Json) -> None:
    """The element shows the whole card; `drafts`: the orders of the request by reference."""
    assert card["indicator"] in shown.inner_text().lower()
    detail = shown.locator(".detail")
    # rendered: the words are there, the signs that make up GFM are not
    assert set(words(detail.inner_text())) >= set(words(re.sub(r"\]\([^)]*\)|^\d+\.", "", card["detail"], flags=re.M)))
    assert not re.search(r"\*\*|\|\s*-{3}|^\s*[-*#] ", detail.inner_text(), re.M)
    link = shown.locator(f'a[href="{card["source"]["url"]}"]').first
    assert words(card["source"]["label"])[0] in link.inner_text() or card["source"]["label"] in shown.inner_text()
    assert set(link.get_attribute("rel").split()) >= {"noopener", "noreferrer"}  # type: ignore[union-attr]
    options = shown.get_by_label("Reason for overriding").locator("option").all_inner_texts()
    reasons = [each["display"] for each in card["overrideReasons"]]
    assert options[-len(reasons) :] == reasons
    check_suggestions(shown.locator(".suggestion"), card.get("suggestions", []), drafts)


def check_suggestions(shown: Locator, suggestions: list[Json], drafts: Json) -> None:
    """Each is a button with what it would do, and the resource behind each action: as it came, or the draft deleted."""
    assert shown.count() == len(suggestions)
    for element, suggestion in zip(shown.all(), suggestions, strict=True):
        assert suggestion["label"] in element.get_by_role("button", name=suggestion["label"]).inner_text()
        assert ("recommended" in element.inner_text().lower()) >= bool(suggestion.get("isRecommended"))
        for action in suggestion["actions"]:
            assert set(words(action["description"])) <= set(words(element.inner_text()))
        resources = [
            json.loads(each)
            for each in element.locator("details.resource pre, details.drafted pre").all_text_contents()
        ]
        assert resources == [each.get("resource") or drafts[each["resourceId"]] for each in suggestion["actions"]]


def test_the_refractory_story_is_there_at_once_and_whole(visit: Visit) -> None:
    page = visit.open()
    answer = visit.answer()
    expect(page.get_by_role("heading", level=1)).to_have_text("mda5-cds sandbox")
    expect(page.get_by_label("Story", exact=True)).to_have_value("refractory")
    expect(page.get_by_label("Hook", exact=True)).to_have_value("patient-view")
    expect(page.locator("#status")).to_contain_text(f"{len(answer['cards'])} cards")

    assert answer["cards"][0]["source"]["topic"]["code"] == "rec-4"
    assert visit.cards().evaluate_all(_CARDS) == [as_told(card) for card in answer["cards"]]
    assert page.locator(".detail li").count() > 3
    visit.keep("wide", full_page=True)
    visit.open_all()
    for shown, card in zip(visit.cards().all(), answer["cards"], strict=True):
        check_card(shown, card, {})

    rows = page.locator("#why [data-recommendation]")
    expect(rows).to_have_count(13)
    assessment = answer["extension"]["mda5-cds.assessment"]
    assert rows.evaluate_all(_STATUSES) == [[each["id"], each["status"]] for each in assessment["recommendations"]]
    assert rows.locator('[data-verdict="met"]').count() > 13

    wire = visit.wire(PATIENT_VIEW)
    raw = page.locator("#messages pre").all_text_contents()
    assert wire.text() in raw
    assert wire.request.post_data in raw
    assert f"{wire.status}" in page.locator("#messages").inner_text()


def test_an_order_to_be_deleted_is_shown_with_its_alternatives(visit: Visit) -> None:
    page = visit.open("azathioprine-ordered")
    expect(page.locator("#hook")).to_have_value("order-sign")
    (card,) = visit.answer(ORDER_SIGN)["cards"]
    assert visit.cards().evaluate_all(_CARDS) == [as_told(card)]
    visit.open_all()
    orders = [entry["resource"] for entry in visit.edited()["context"]["draftOrders"]["entry"]]
    check_card(visit.card("rec-8"), card, {f"{each['resourceType']}/{each['id']}": each for each in orders})
    deletes = [action for action in card["suggestions"][0]["actions"] if action["type"] == "delete"]
    assert deletes[0]["resourceId"] in visit.card("rec-8").locator(".suggestion").first.inner_text()


def test_silence_is_said_and_explained(visit: Visit) -> None:
    page = visit.open("combination-ordered")
    assert visit.answer(ORDER_SIGN)["cards"] == []
    assert visit.cards().count() == 0
    expect(page.locator("#cards")).to_contain_text("No card")
    expect(page.locator("#why [data-recommendation]")).to_have_count(13)


def test_what_is_missing_and_what_was_left_out_is_named(visit: Visit) -> None:
    page = visit.open("not-assessable")
    request = visit.edited()
    stranger = json.loads(json.dumps(request["prefetch"]["observations"]["entry"][0]))
    stranger["resource"] |= {"id": "of-another", "subject": {"reference": "Patient/another"}}
    stranger["fullUrl"] = "https://ehr.example.org/fhir/Observation/of-another"
    request["prefetch"]["observations"]["entry"].append(stranger)
    visit.send(request)
    assessment = visit.answer()["extension"]["mda5-cds.assessment"]
    missing = visit.answer(EXAMINATION)["missing"]
    assert [each["id"] for each in missing] == [each["id"] for each in assessment["dataGaps"]]
    for each in missing:
        assert set(words(each["why"])) <= set(words(page.locator("#missing").inner_text()))
    (left_out,) = assessment["ignored"]
    expect(page.locator("#ignored")).to_contain_text(left_out["reference"])
    expect(page.locator("#ignored")).to_contain_text(left_out["why"])


def test_a_refusal_is_said_in_words_and_leaves_no_card_of_another_request(visit: Visit) -> None:
    page = visit.open()
    request = visit.edited()
    del request["prefetch"]["medications"]
    visit.expects("412")
    visit.send(request)
    error = page.locator("#error")
    expect(error).to_be_visible()
    expect(error).to_contain_text("412")
    expect(error).to_contain_text(visit.answer()["issue"][0]["diagnostics"])
    assert "medications" in error.inner_text()
    assert visit.cards().count() == 0
    assert page.locator("#why [data-recommendation], #course svg").count() == 0
    visit.keep("error")

    # and it goes away with the next answer
    visit.send({**request, "prefetch": {**request["prefetch"], "medications": None}})
    expect(error).to_be_empty()
    assert visit.cards().count() > 0


def test_what_is_no_json_is_said_with_its_place_before_anything_is_sent(visit: Visit) -> None:
    page = visit.open()
    visit.answered.clear()
    page.locator("#request").fill('{"hook": "patient-view",\n "context": {\n  "userId": x}}')
    page.locator("#send").click()
    expect(page.locator("#error")).to_contain_text(re.compile("line 3", re.I))
    expect(page.locator("#request")).to_be_focused()
    assert not visit.answered


def test_the_hook_chosen_is_the_hook_called(visit: Visit) -> None:
    page = visit.open()
    visit.answered.clear()
    with page.expect_response("**/cds-services/mda5-rpild-order-select"):
        page.locator("#hook").select_option("order-select")
    visit.settled()
    assert visit.edited()["hook"] == "order-select"
    assert visit.answer("/cds-services/mda5-rpild-order-select")["cards"] == []
    # nothing is drafted: nothing to say
    expect(page.locator("#cards")).to_contain_text("No card")
