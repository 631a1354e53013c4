"""A site with AUTH=jwt: who gets cards, in which order calls are refused, and two processes with one memory."""

from __future__ import annotations

import http.client
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings
from tests.acceptance.fhir import NOW, Json, call, patient, positive, rpild
from tests.server import running
from tests.unit.service.security.issuer import (
    OTHER,
    PUBLIC_URL,
    HeldTime,
    clients_file,
    header,
    held_time,
    jwk,
    key_set,
    member,
    serving_keys,
    token,
)

VIEW = "/cds-services/mda5-rpild-patient-view"
CALL = call(positive(), rpild())
# a second client, whose keys are its own
THEIRS: Any = {"kind": "P-384", "which": 1, "head": header(kid="key-2"), "iss": OTHER}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site's folder with the keys of two clients."""
    (tmp_path / "theirs.json").write_bytes(key_set(jwk(which=1, kid="key-2")))
    return tmp_path


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> HeldTime:
    """The time that the request rates go by."""
    return held_time(monkeypatch)


def service(folder: Path, *members: Any, **settings: Any) -> FlaskClient:
    clients = clients_file(folder, *(members or (member(), member(issuer=OTHER, jwks_file="theirs.json"))))
    own = Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients, **settings)
    return create_app(own, clock=lambda: NOW).test_client()


def send(client: FlaskClient, text: str | None, body: Any = None, path: str = VIEW, **more: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    return client.post(path, headers=headers, **(more or {"json": CALL if body is None else body}))


def outcome(answer: TestResponse, status: int) -> str:
    """The diagnostics of a refusal."""
    assert answer.status_code == status, answer.text
    body = answer.get_json()
    assert body["resourceType"] == "OperationOutcome"
    diagnostics: str = body["issue"][0]["diagnostics"]
    return diagnostics


def uuids(answer: TestResponse) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {card["uuid"] for card in answer.get_json()["cards"]}


def test_an_identified_client_gets_cards_of_its_own(folder: Path) -> None:
    client = service(folder)
    ours, again, theirs = (uuids(send(client, text)) for text in (token(), token(), token(**THEIRS)))
    assert ours == again
    assert ours
    assert not ours & theirs


def test_health_and_metrics_need_no_token(folder: Path) -> None:
    client = service(folder)
    for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_the_order_of_refusals(folder: Path, held: HeldTime) -> None:
    client = service(folder, member(tenants=["a"]), requests_per_minute=1, max_body_bytes=20_000)
    wrong_field: Json = {**CALL, "hookInstance": ""}
    assert outcome(send(client, None, data="x", content_type="text/plain"), 415)
    assert outcome(send(client, None, {"x": "y" * 20_000}), 413)
    assert outcome(send(client, None, data="{", content_type="application/json"), 400)
    assert outcome(send(client, None, path="/cds-services/other"), 404)
    assert outcome(send(client, None, wrong_field), 401)
    assert outcome(send(client, token(tenant="b"), wrong_field), 403)
    assert "hookInstance" in outcome(send(client, token(tenant="a"), wrong_field), 400)
    assert outcome(send(client, token(tenant="a"), wrong_field), 429)
    assert outcome(send(client, token(tenant="b"), wrong_field), 429)


def test_a_tenant_that_is_not_the_clients(folder: Path) -> None:
    client = service(folder, member(tenants=["north"]))
    assert "tenant" in outcome(send(client, token(tenant="south")), 403)
    assert "tenant" in outcome(send(client, token()), 403)
    assert send(client, token(tenant="north")).status_code == 200


def test_a_client_that_calls_too_often_waits(folder: Path, held: HeldTime) -> None:
    client = service(folder, requests_per_minute=2)
    assert [send(client, token()).status_code for _ in range(3)] == [200, 200, 429]
    answer = send(client, token())
    assert outcome(answer, 429)
    assert answer.headers["Retry-After"] == "46"
    assert send(client, token(**THEIRS)).status_code == 200
    held.seconds += 46
    assert send(client, token()).status_code == 200


def test_a_flood_of_bad_tokens_is_slowed_down_and_nobody_else(folder: Path, held: HeldTime) -> None:
    client = service(folder, requests_per_minute=3)
    assert [send(client, "x.y.z").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    assert send(client, token()).status_code == 200


def test_keys_that_change_and_keys_that_cannot_be_had(folder: Path) -> None:
    with serving_keys() as keys:
        client = service(folder, {"issuer": OTHER, "jwks_url": keys.url})
        keys.status = 500
        assert outcome(send(client, token(**THEIRS, jti="kept")), 503)
        assert send(client, token(**THEIRS)).headers["Retry-After"] == "60"
        assert keys.asked == 1
        assert "mda5_cds_key_set_failures_total 1.0" in client.get("/metrics").text
        client = service(folder, {"issuer": OTHER, "jwks_url": keys.url})
        keys.status = 200
        assert send(client, token(iss=OTHER)).status_code == 200
        keys.body = key_set(jwk(which=1, kid="key-2"))
        # refused for the keys, not for what it is: the same token is good later
        assert send(client, token(**THEIRS, jti="kept")).status_code == 200
        assert outcome(send(client, token(iss=OTHER)), 401)
        assert keys.asked == 3


def test_tokens_while_the_store_is_lost(folder: Path) -> None:
    (folder / "file").write_text("")
    client = service(folder, database_url=f"sqlite:///{folder}/file/store.sqlite3")
    text = token()
    assert send(client, text).status_code == 200
    assert "jti" in outcome(send(client, text), 401)
    assert "mda5_cds_tokens_unshared_total 1.0" in client.get("/metrics").text


def test_two_workers_share_what_was_used(folder: Path) -> None:
    public = "https://cds.example.org"
    clients = str(clients_file(folder, member()))
    # the process has no other clock than the day's
    own = token(now=datetime.now(UTC), aud=public + VIEW)
    body = call(who=patient())
    with (
        running(folder, workers=2, AUTH="jwt", PUBLIC_URL=public, TRUSTED_CLIENTS=clients) as server,
        ThreadPoolExecutor(8) as callers,
    ):

        def present(text: str) -> requests.Response:
            headers = {"Authorization": f"Bearer {text}", "Connection": "close"}
            return requests.post(server.url(VIEW), json=body, headers=headers, timeout=30)

        answers = list(callers.map(present, [own] * 16))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15
        good = next(answer for answer in answers if answer.status_code == 200)
        assert not re.search(r"gunicorn|\d\.\d", good.headers.get("Server", ""))
        assert good.headers["Strict-Transport-Security"]
        fresh = [f"Bearer {token(now=datetime.now(UTC), aud=public + '/cds-services')}" for _ in range(2)]
        assert _discovery(server.port, *fresh) == 401
        assert _discovery(server.port, fresh[0]) == 200


def _discovery(port: int, *authorizations: str) -> int:
    """The status for so many Authorization headers in one call, on the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest("GET", "/cds-services")
        for authorization in authorizations:
            connection.putheader("Authorization", authorization)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()
