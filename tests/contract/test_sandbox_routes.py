"""The sandbox over its routes: what it refuses, what it counts, and that nothing of it is there without `--sandbox`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from flask.testing import FlaskClient

import fixtures
from service.app import create_app
from service.front import what_to_know
from service.sandbox.markdown import MOST_BYTES
from service.settings import Settings, SettingsError, check_listening
from tests.conftest import NOW
from tests.contract.conformance import check_error
from tests.server import ROOT, running
from tests.unit.service.telemetry.test_metrics import samples

PATIENT_VIEW = "/cds-services/mda5-rpild-patient-view"
POSTED = ("/sandbox/markdown", "/sandbox/examination")
LIMIT = 300_000


def sandbox(**settings: Any) -> FlaskClient:
    return create_app(Settings(sandbox=True, **settings), clock=lambda: NOW).test_client()


@pytest.fixture(scope="module")
def page() -> FlaskClient:
    return sandbox(max_body_bytes=LIMIT)


def test_the_stories(page: FlaskClient) -> None:
    told = page.get("/sandbox/stories").get_json()
    assert [story["name"] for story in told["stories"]] == list(fixtures.names())
    assert all(list(story) == ["name", "title", "story", "hook"] for story in told["stories"])
    assert told["services"] == {
        hook: f"/cds-services/mda5-rpild-{hook}" for hook in ("patient-view", "order-select", "order-sign")
    }
    assert (told["auth"], told["mode"], told["topicsOff"]) == ("off", "live", [])
    assert told["first"] in fixtures.names()
    assert told["version"]


def test_how_the_service_is_set_is_told() -> None:
    told = sandbox(mode="silent", topics_off=frozenset({"rec-7", "dose"})).get("/sandbox/stories").get_json()
    assert (told["mode"], told["topicsOff"]) == ("silent", ["dose", "rec-7"])


def test_a_story_is_dated_by_the_clock(page: FlaskClient) -> None:
    assert page.get("/sandbox/stories/refractory").get_json() == fixtures.story("refractory").render(NOW)


@pytest.mark.parametrize("name", ["nobody", "%2e%2e", "refractory.toml", "..%2frefractory"])
def test_an_unknown_story(page: FlaskClient, name: str) -> None:
    answer = page.get(f"/sandbox/stories/{name}")
    assert check_error(404, answer.headers, answer.data) == []
    assert answer.status_code == 404


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"texts": [NaN]}', "application/json", 400),
        (b'{"texts": ' + b"[" * 70 + b"]" * 70 + b"}", "application/json", 400),
        (b'{"texts": ["' + b"x" * LIMIT + b'"]}', "application/json", 413),
    ],
    ids=["text", "form", "broken", "array", "nan", "deep", "large"],
)
def test_the_rules_for_bodies_are_the_service_s(
    page: FlaskClient, path: str, data: bytes, kind: str, status: int
) -> None:
    answer = page.post(path, data=data, content_type=kind)
    assert answer.status_code == status
    assert check_error(status, answer.headers, answer.data) == []


def test_the_markdown_has_a_limit_of_its_own(page: FlaskClient) -> None:
    data = b'{"texts": ["' + b"x" * MOST_BYTES + b'"]}'
    assert len(data) < LIMIT
    assert page.post("/sandbox/markdown", data=data, content_type="application/json").status_code == 413


def test_details_of_cards_are_rendered(page: FlaskClient) -> None:
    cards = page.post(PATIENT_VIEW, json=fixtures.story("refractory").render(NOW)).get_json()["cards"]
    answer = page.post("/sandbox/markdown", json={"texts": [card["detail"] for card in cards]})
    html = answer.get_json()["html"]
    assert len(html) == len(cards)
    assert all("<" in each and "**" not in each for each in html)


@pytest.mark.parametrize("path", ["/sandbox/stories", "/sandbox/feedback", *POSTED])
def test_other_methods(page: FlaskClient, path: str) -> None:
    answer = page.delete(path)
    assert check_error(405, answer.headers, answer.data) == []
    assert answer.headers["Allow"]


def test_feedback_is_read_back(page: FlaskClient) -> None:
    card = page.post(PATIENT_VIEW, json=fixtures.story("refractory").render(NOW)).get_json()["cards"][0]["uuid"]
    assert page.get("/sandbox/feedback", query_string={"card": card}).get_json() == {"entries": []}
    reason = {"code": "patient-refuses", "system": "https://example.org/reasons", "display": "Refuses"}
    entry = {
        "card": card,
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-01T09:59:00Z",
        "overrideReason": {"reason": reason, "userComment": "later"},
    }
    assert page.post(f"{PATIENT_VIEW}/feedback", json={"feedback": [entry]}).status_code == 200
    (stored,) = page.get("/sandbox/feedback", query_string={"card": card}).get_json()["entries"]
    assert stored == {
        "receivedAt": "2026-03-01T10:00:00Z",
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-01T09:59:00Z",
        "suggestions": [],
        "reason": reason,
        "comment": "later",
    }


def test_the_page_s_calls_count_as_its_own_and_not_as_the_service_s() -> None:
    page, body = sandbox(), fixtures.story("refractory").render(NOW)
    assert page.post("/sandbox/examination", json=body).status_code == 200
    counted = page.get("/metrics").text
    assert samples(counted)[("calls_total", "unidentified", "/sandbox/examination", "200")] == 1
    assert "mda5-rpild" not in counted
    assert "mda5_cds_prefetch_keys_total{" not in counted
    assert "mda5_cds_cards_total{" not in counted


def test_a_lost_store_is_said_and_cards_still_come(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    page = sandbox(database_url=f"sqlite:///{tmp_path}/file/cds.sqlite3")
    answer = page.get("/sandbox/feedback?card=6f2b3a52-8f4e-4d0e-9a60-6d9d8f6c7a11")
    assert (answer.status_code, check_error(503, answer.headers, answer.data)) == (503, [])
    assert page.post(PATIENT_VIEW, json=fixtures.story("refractory").render(NOW)).get_json()["cards"]


def test_a_silent_service_explains_all_the_same() -> None:
    page, body = sandbox(mode="silent"), fixtures.story("refractory").render(NOW)
    assert page.post(PATIENT_VIEW, json=body).get_json()["cards"] == []
    assert any(topic["speaks"] for topic in page.post("/sandbox/examination", json=body).get_json()["topics"])


@pytest.mark.parametrize("auth", ["off", "jwt"])
def test_it_listens_on_this_machine_alone(auth: Literal["off", "jwt"]) -> None:
    settings = Settings(sandbox=True, auth=auth, public_url="https://cds.example.org")
    check_listening(settings, "127.0.0.1")
    with pytest.raises(SettingsError, match=r"refusing to listen on 192\.0\.2\.1: --sandbox"):
        check_listening(settings, "192.0.2.1")
    check_listening(replace(settings, insecure=True), "192.0.2.1")


def test_the_start_says_that_it_is_for_trying_out() -> None:
    assert [sentence for sentence in what_to_know(Settings(auth="jwt", sandbox=True)) if "not for patients" in sentence]


def test_the_published_description_is_of_the_service_alone(page: FlaskClient) -> None:
    """The page's routes are no API: they change with the page, and nobody else may build on them."""
    described = page.get("/openapi.json").get_json()
    assert [path for path in described["paths"] if path == "/" or "sandbox" in path] == []
    assert "no story" not in str(described)


LOADED = """
import sys
import service.cli, service.server
from service.app import create_app
from service.settings import Settings

app = create_app(Settings())
answer = app.test_client().get("/")
names = ("service.sandbox.", "service.course", "vl_convert", "markdown_it", "linkify_it", "nh3")
print(answer.status_code, *sorted(name for name in sys.modules if name.startswith(names)))
"""


def test_without_the_sandbox_nothing_of_it_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    # what sandbox mode grants is known to the gate, which refuses it everywhere else
    assert done.stdout.split() == ["404", "service.sandbox.official"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running(tmp_path_factory.mktemp("home"), arguments=("--sandbox",)) as server:
        yield server


def test_it_runs_and_says_where(serving: Any) -> None:
    said = [line["message"] for line in serving.lines() if "sandbox" in line["message"]]
    assert f"the sandbox: open http://127.0.0.1:{serving.port}/" in said
    page = serving.get("/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "mda5-cds sandbox" in page.text


def test_several_examinations_at_once_give_each_its_own_answer(serving: Any) -> None:
    """The pictures are drawn by one library for all threads of a process."""
    names = ("refractory", "untreated", "refractory", "untreated")
    bodies = {name: serving.get(f"/sandbox/stories/{name}").json() for name in set(names)}

    def examined(name: str) -> Any:
        as_of = {"asOf": NOW.isoformat()}
        url = serving.url("/sandbox/examination")
        return serving.http.post(url, params=as_of, json=bodies[name], timeout=60).json()

    with ThreadPoolExecutor(len(names)) as threads:
        told = list(threads.map(examined, names))
    assert told[:2] == told[2:]
    assert told[0]["pictures"] != told[1]["pictures"]
