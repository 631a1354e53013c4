"""A slow answer, an answer that comes too late, and callers that have to say who they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

import fixtures
from tests.browser.conftest import Visiting
from tests.browser.visit import PATIENT_VIEW, Visit
from tests.server import Running, running
from tests.unit.service.security.issuer import clients_file, member, token

pytestmark = pytest.mark.browser


def test_a_wait_is_said_and_a_late_answer_overwrites_nothing(visit: Visit) -> None:
    page = visit.open()
    held: list[Route] = []
    page.route(f"**{PATIENT_VIEW}", lambda route: held.append(route), times=1)
    page.locator("#send").click()
    expect(page.locator("#status")).to_contain_text("Sending")
    expect(page.locator("main")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#send")).to_be_enabled()  # a second thought needs no wait
    visit.keep("waiting")

    visit.send(fixtures.story("kidney-failure").render(datetime.now(UTC)))
    second = [card["uuid"] for card in visit.answer()["cards"]]
    uuids = "(cards) => cards.map((card) => card.dataset.uuid)"
    assert visit.cards().evaluate_all(uuids) == second

    # the page has given up the first: its answer, whenever it comes, reaches nobody
    (late,) = held
    late.continue_()
    assert late.request.response() is None
    assert late.request.failure == "net::ERR_ABORTED"
    visit.settled()
    assert visit.cards().evaluate_all(uuids) == second


def test_a_service_that_is_gone_is_said_in_words(visit: Visit) -> None:
    page = visit.open()
    visit.expects("net::ERR_FAILED")
    page.route(f"**{PATIENT_VIEW}", lambda route: route.abort())
    page.locator("#send").click()
    expect(page.locator("#error")).to_be_visible()
    expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
    assert visit.cards().count() == 0


@pytest.fixture
def site_with_callers(tmp_path: Path) -> Iterator[Running]:
    """A sandbox whose callers sign their calls."""
    clients = str(clients_file(tmp_path, member()))
    with running(tmp_path, arguments=("--sandbox",), AUTH="jwt", TRUSTED_CLIENTS=clients) as server:
        yield server


def test_a_caller_says_who_it_is(visiting: Visiting, site_with_callers: Running) -> None:
    visit = visiting(site_with_callers)
    page = visit.page
    visit.expects("401")
    page.goto(site_with_callers.url("/"))
    expect(page.locator("#error")).to_contain_text("401")
    expect(page.locator("#error")).to_contain_text("token")

    aud = site_with_callers.url(PATIENT_VIEW)
    page.locator("#identity").evaluate("(each) => { each.open = true }")
    page.get_by_label("Bearer token").fill(token(now=datetime.now(UTC), aud=aud))
    request = fixtures.story("untreated").render(datetime.now(UTC))
    visit.send(request)
    expect(page.locator("#error")).to_be_empty()
    answer = visit.answer()
    assert visit.cards().count() == len(answer["cards"]) > 0
    expect(page.locator("#why [data-recommendation]")).to_have_count(13)
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]

    # a token is good for one call: another one for the feedback
    topic = answer["cards"][0]["source"]["topic"]["code"]
    accept = visit.card(topic).locator(".suggestion button").first
    accept.click()
    expect(visit.card(topic).locator(".feedback")).to_contain_text(re.compile("not.* stored.*401.*token", re.I))
    page.get_by_label("Bearer token").fill(token(now=datetime.now(UTC), aud=f"{aud}/feedback"))
    accept.click()
    expect(visit.card(topic).locator(".feedback")).to_contain_text(re.compile("accepted", re.I))
