"""Every route has its guard: where callers are identified, only the listed routes answer a stranger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import fixtures
from service.app import create_app
from service.discovery import SERVICES
from service.routes_operations import FRONT
from service.settings import Settings
from service.store import keep_feedback
from tests.unit.service.security.issuer import ISSUER, NOW, OTHER, PUBLIC_URL, clients_file, member, token
from tests.unit.service.store.rows import FEEDBACK

# those who run the service read these; they hold no patient data
OPEN = {"/health/live", "/health/ready", "/metrics", "/openapi.json"}
# the page with its files: nobody can give a token to a page that is not there
OPEN_IN_SANDBOX = {"/", "/sandbox/assets/<name>"}


def guarded(folder: Path, *, sandbox: bool) -> Flask:
    """The application where callers are identified."""
    settings = Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients_file(folder, member()))
    return create_app(replace(settings, sandbox=sandbox), clock=lambda: NOW)


def called(rule: str) -> str:
    """A path that the rule answers."""
    path = rule.replace("<service_id>", next(iter(SERVICES))).replace("/assets/<name>", "/assets/page.css")
    return path.replace("<name>", "refractory")


@pytest.mark.parametrize(("sandbox", "open_routes"), [(False, OPEN), (True, OPEN | OPEN_IN_SANDBOX)])
def test_only_the_listed_routes_answer_a_stranger(tmp_path: Path, sandbox: bool, open_routes: set[str]) -> None:
    app = guarded(tmp_path, sandbox=sandbox)
    client = app.test_client()
    answered: set[str] = set()
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            body: dict[str, Any] = {"json": {}} if method == "POST" else {}
            answer = client.open(called(rule.rule), method=method, **body)
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            else:
                assert answer.status_code == 200
                answered.add(rule.rule)
    assert answered == open_routes


@pytest.mark.parametrize("path", ["/sandbox/stories", "/sandbox/stories/refractory", "/sandbox/feedback"])
def test_a_known_client_reaches_what_a_stranger_does_not(tmp_path: Path, path: str) -> None:
    client = guarded(tmp_path, sandbox=True).test_client()
    given = {"Authorization": f"Bearer {token(aud=f'{PUBLIC_URL}{path}')}"}
    assert client.get(path, headers=given, query_string={"card": "x"}).status_code == 200
    # the page has one token for all that it asks: it is not spent here, and may be for another URL of the service
    assert client.get(path, headers=given, query_string={"card": "x"}).status_code == 200
    service = f"/cds-services/{next(iter(SERVICES))}"
    given = {"Authorization": f"Bearer {token(aud=PUBLIC_URL + service)}"}
    assert client.get(path, headers=given, query_string={"card": "x"}).status_code == 200
    body = fixtures.story("refractory").render(NOW)
    # the service's own routes take it once
    assert [client.post(service, json=body, headers=given).status_code for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    "aud", ["https://cds.example.org", "https://cds.example.org/other", f"{PUBLIC_URL}.example.org/x", "", [], None]
)
def test_the_page_s_token_has_to_be_for_this_service(tmp_path: Path, aud: object) -> None:
    client = guarded(tmp_path, sandbox=True).test_client()
    given = {"Authorization": f"Bearer {token(aud=aud)}"}
    assert client.get("/sandbox/stories", headers=given).status_code == 401
    late = {"Authorization": f"Bearer {token(now=NOW - timedelta(hours=1))}"}
    assert client.get("/sandbox/stories", headers=late).status_code == 401
    forged = {"Authorization": f"Bearer {token(which=1)}"}
    assert client.get("/sandbox/stories", headers=forged).status_code == 401


def test_nobody_reads_another_client_s_feedback(tmp_path: Path) -> None:
    app = guarded(tmp_path, sandbox=True)
    store = app.extensions[FRONT].store
    keep_feedback(store, [replace(FEEDBACK, client=OTHER), replace(FEEDBACK, client=ISSUER, user_comment="mine")])
    given = {"Authorization": f"Bearer {token(aud=f'{PUBLIC_URL}/sandbox/feedback')}"}
    told = app.test_client().get("/sandbox/feedback", headers=given, query_string={"card": FEEDBACK.card}).get_json()
    assert [entry.get("comment") for entry in told["entries"]] == ["mine"]
