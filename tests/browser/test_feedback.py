"""Accepted and overridden in the page, kept by the service, read back from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from service.cli import main
from tests.browser.visit import Json, Visit
from tests.server import Running, until

pytestmark = pytest.mark.browser


def report(home: Path, patch: pytest.MonkeyPatch, printed: pytest.CaptureFixture[str]) -> dict[str, Json]:
    """What `mda5-cds feedback report` says of each topic."""
    patch.setenv("HOME", str(home))
    assert main(["feedback", "report", "--format", "json"]) == 0
    return {each["topic"]: each for each in json.loads(printed.readouterr().out)["topics"]}


def test_a_choice_and_a_reason_are_stored_and_read_back(
    visit: Visit, site: Running, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = visit.open("escalated")
    cards = {card["source"]["topic"]["code"]: card for card in visit.answer()["cards"]}
    until(lambda: "rec-4" in report(home, monkeypatch, capsys), 30)
    before = report(home, monkeypatch, capsys)

    chosen = cards["rec-4"]["suggestions"][0]
    shown = visit.card("rec-4")
    assert cards["rec-4"]["selectionBehavior"] == "at-most-one"
    shown.locator(".suggestion").first.get_by_role("button", name=chosen["label"]).click()
    expect(shown.locator(".feedback")).to_contain_text("accepted", ignore_case=True)
    expect(shown.locator(".feedback")).to_contain_text(chosen["label"])
    buttons = shown.locator(".suggestion button")
    for number in range(1, len(cards["rec-4"]["suggestions"])):
        expect(buttons.nth(number)).to_be_disabled()

    reason = cards["risk"]["overrideReasons"][1]
    comment = 'Known since Monday: <b>"repeat"</b> & judge again, año'
    shown = visit.card("risk")
    shown.get_by_label("Reason for overriding").select_option(label=reason["display"])
    shown.get_by_label("Comment").fill(comment)
    shown.get_by_role("button", name="Override").click()
    expect(shown.locator(".feedback")).to_contain_text("overrid", ignore_case=True)
    expect(shown.locator(".feedback")).to_contain_text(reason["display"])
    expect(shown.locator(".feedback")).to_contain_text(comment)
    expect(page.locator("#messages pre", has_text="acceptedSuggestions")).to_contain_text(chosen["uuid"])

    (accepted,) = site.get(f"/sandbox/feedback?card={cards['rec-4']['uuid']}").json()["entries"]
    assert (accepted["outcome"], accepted["suggestions"]) == ("accepted", [chosen["uuid"]])
    (overridden,) = site.get(f"/sandbox/feedback?card={cards['risk']['uuid']}").json()["entries"]
    assert (overridden["outcome"], overridden["comment"]) == ("overridden", comment)
    assert overridden["reason"] == {key: reason[key] for key in ("code", "system", "display")}

    after = report(home, monkeypatch, capsys)
    assert after["rec-4"]["accepted"] == before["rec-4"]["accepted"] + 1
    assert after["risk"]["overridden"] == before["risk"]["overridden"] + 1
    assert reason["code"] in json.dumps(after["risk"]["reasons"])


def test_several_may_be_accepted_where_the_card_says_any(visit: Visit) -> None:
    visit.open("rescue")
    (card,) = [each for each in visit.answer()["cards"] if each["source"]["topic"]["code"] == "rec-5"]
    assert card["selectionBehavior"] == "any"
    buttons = visit.card("rec-5").locator(".suggestion button")
    assert buttons.count() == len(card["suggestions"]) > 1
    for suggestion, button in zip(card["suggestions"], buttons.all(), strict=True):
        button.click()
        expect(visit.card("rec-5").locator(".feedback")).to_contain_text(suggestion["label"])


def test_feedback_that_cannot_be_sent_is_said_and_sent_again(visit: Visit) -> None:
    page = visit.open("ecmo")
    (card,) = [each for each in visit.answer()["cards"] if each["source"]["topic"]["code"] == "rec-7"]
    shown, label = visit.card("rec-7"), card["suggestions"][0]["label"]
    button = shown.locator(".suggestion").first.get_by_role("button", name=label)
    visit.expects("net::ERR_FAILED")
    page.route("**/feedback", lambda route: route.abort())
    button.click()
    expect(shown.locator(".feedback")).to_contain_text("not", ignore_case=True)
    expect(shown.locator(".feedback")).not_to_contain_text(label)
    expect(button).to_be_enabled()
    page.unroute("**/feedback")
    button.click()
    expect(shown.locator(".feedback")).to_contain_text("accepted", ignore_case=True)
    expect(shown.locator(".feedback")).to_contain_text(label)


def test_feedback_whose_answer_is_lost_is_kept_once(visit: Visit) -> None:
    page = visit.open("worsening-before-day-7")
    (card,) = [each for each in visit.answer()["cards"] if each["source"]["topic"]["code"] == "refractoriness"]
    shown = visit.card("refractoriness")
    button = shown.locator(".suggestion").first.get_by_role("button", name=card["suggestions"][0]["label"])
    visit.expects("net::ERR_FAILED")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/feedback", lose_the_answer)
    button.click()
    expect(shown.locator(".feedback")).to_contain_text("not known to be stored")
    page.unroute("**/feedback")
    button.click()
    expect(shown.locator(".feedback")).to_contain_text("Stored: ")
    expect(shown.locator(".feedback")).not_to_contain_text("Before: ")
