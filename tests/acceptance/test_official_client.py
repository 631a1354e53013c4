"""The public CDS Hooks Sandbox calls: a page of another origin, in a browser, with a token that it signs itself.

What it sends and how is taken from its source (github.com/cds-hooks/sandbox at 3b7e2554) and from requests captured
while it ran, which lie beside the project.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from markdown_it import MarkdownIt
from werkzeug.test import TestResponse

import fixtures
from service.app import create_app
from service.discovery import SERVICE_OF_HOOK, SERVICES
from service.prefetch import REQUIRED_KEYS
from service.sandbox import official
from service.settings import Settings
from tests.acceptance.fhir import NOW, Json
from tests.contract.conformance import check_error, check_response
from tests.contract.test_real_messages import regrouped, resources
from tests.server import Running, running
from tests.unit.service.security.issuer import PUBLIC_URL, clients_file, member

MESSAGES = Path(__file__).parents[3] / "shared" / "real-data" / "cds-hooks-sandbox-requests"
CAPTURED = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(MESSAGES.glob("*.json"))}
CALLS = [name for name, body in CAPTURED.items() if "hook" in body]
FEEDBACK = [name for name, body in CAPTURED.items() if "hook" not in body]

VIEW = "/cds-services/mda5-rpild-patient-view"
ORIGIN = official.ORIGINS[0]


# --- as a browser lets it call ---------------------------------------------------------------------------------------


def preflight(server: Running, path: str, method: str, headers: str, origin: str = ORIGIN) -> requests.Response:
    """What Chromium asks before a public page may call this machine; the private network as before version 142."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
        "Access-Control-Request-Private-Network": "true",
    }
    return server.http.options(server.url(path), headers=asked, timeout=20)


def allows(answer: requests.Response, method: str, headers: str, origin: str = ORIGIN) -> bool:
    """Whether a browser goes on after that preflight."""
    said = {name: answer.headers.get(f"Access-Control-Allow-{name}", "") for name in ("Origin", "Methods", "Headers")}
    return (
        answer.ok
        and said["Origin"] == origin
        and method in said["Methods"].split(", ")
        and set(headers.split(",")) <= set(said["Headers"].lower().split(", "))
        and answer.headers.get("Access-Control-Allow-Private-Network") == "true"
    )


def call(server: Running, path: str, body: Json | None = None, origin: str = ORIGIN) -> requests.Response:
    """A call as its browser makes it: asked for first, then with the headers of its source. The page may read it."""
    method, wanted = ("GET", "authorization") if body is None else ("POST", "authorization,content-type")
    assert allows(preflight(server, path, method, wanted, origin), method, wanted, origin)
    # only feedback is sent with its library's own Accept
    accept = "application/json, text/plain, */*" if path.endswith("/feedback") else "application/json"
    headers = {"Origin": origin, "Accept": accept, "Authorization": f"Bearer {signed(VIEW)}"}
    answer = server.http.request(method, server.url(path), headers=headers, json=body, timeout=20)
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    return answer


def id_of(body: Json) -> str:
    return SERVICE_OF_HOOK[body["hook"]].id


def look_round(server: Running, origin: str) -> None:
    """Discovery: it shows the services by hook, fills the marks of each query and splits it at its question mark."""
    services = call(server, "/cds-services", origin=origin).json()["services"]
    assert {each["id"]: each["hook"] for each in services} == {each.id: each.hook for each in SERVICES.values()}
    for query in (query for each in services for query in each["prefetch"].values()):
        assert "{{" not in query.replace("{{context.patientId}}", "")
        assert query.count("?") <= 1


def open_a_chart(server: Running, name: str) -> None:
    """A captured call: with the keys of other services told which are missing, with ours answered with silence."""
    real = CAPTURED[name]
    path = f"/cds-services/{id_of(real)}"
    answer = call(server, path, real)
    assert check_error(412, answer.headers, answer.content, real) == [], name
    told = answer.json()["issue"][0]["diagnostics"]
    assert {key for key in REQUIRED_KEYS if key in told} == set(REQUIRED_KEYS) - set(real["prefetch"]), name
    ours = {**real, "prefetch": regrouped(list(resources(real["prefetch"])))["prefetch"]}
    answer = call(server, path, ours)
    assert check_response(answer.status_code, answer.headers, answer.content, ours) == [], name
    assert answer.json()["cards"] == [], name


def click(server: Running, name: str) -> None:
    """A story's card, a suggestion of it accepted, and dismissed with a reason."""
    cards = call(server, VIEW, fixtures.story(name).render(datetime.now(UTC))).json()["cards"]
    card = next(each for each in cards if "suggestions" in each)
    reason = {key: card["overrideReasons"][0][key] for key in ("code", "system")}
    told = {"card": card["uuid"], "outcomeTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    accepted = {**told, "outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
    dismissed = {**told, "outcome": "overridden", "overrideReason": {"reason": reason}}
    for entry in (accepted, dismissed):
        assert call(server, f"{VIEW}/feedback", {"feedback": [entry]}).status_code == 200


def test_a_visit_from_its_page(tmp_path: Path) -> None:
    """One service, started once: it is the dear part."""
    with running(tmp_path, arguments=("--sandbox",)) as server:
        for origin in official.ORIGINS:
            look_round(server, origin)
        click(server, "refractory")
        for name in CALLS:
            open_a_chart(server, name)
        for name in FEEDBACK:
            assert call(server, f"{VIEW}/feedback", CAPTURED[name]).status_code == 200, name
        for origin in ("https://evil.example.org", "http://localhost:3000", "http://sandbox.cds-hooks.org"):
            asked = preflight(server, VIEW, "POST", "authorization,content-type", origin)
            assert not [name for name in asked.headers if name.startswith("Access-Control-Allow-")], origin


@pytest.mark.skipif(not MESSAGES.is_dir(), reason="the messages of others are not here")
def test_the_captured_requests_were_part_of_it() -> None:
    assert (len(CALLS), len(FEEDBACK)) == (7, 7)


# --- what it makes of the cards --------------------------------------------------------------------------------------


# between them every form of suggestion: new drugs, a switch, a removal, a lower dose, tests, referrals
STORIES = (
    "refractory",
    "untreated",
    "azathioprine-ordered",
    "mycophenolate-overdose",
)


@pytest.fixture(scope="module")
def told(app: Flask) -> list[Json]:
    """The cards of these stories."""
    bodies = [fixtures.story(name).render(NOW) for name in STORIES]
    answers = [app.test_client().post(f"/cds-services/{id_of(body)}", json=body) for body in bodies]
    return [card for answer in answers for card in answer.get_json()["cards"]]


def test_every_card_has_what_it_shows(told: list[Json]) -> None:
    assert told
    for card in told:
        assert card["uuid"]
        assert card["summary"]
        assert card["indicator"] in {"info", "warning", "critical"}
        assert card["source"]["label"]
        assert all(reason["display"] and reason["code"] for reason in card["overrideReasons"])


def test_its_markdown_takes_html_and_there_is_none(told: list[Json]) -> None:
    # it renders raw HTML in a card's detail: what a record says must never arrive as such
    reader = MarkdownIt("gfm-like", {"html": True})
    for card in told:
        tokens = [each for token in reader.parse(card["detail"]) for each in (token, *(token.children or ()))]
        assert not [each.content for each in tokens if each.type.startswith("html")]


def drug_in_its_form(suggestion: Json) -> str | None:
    """The drug that its prescription form shows after the click: it takes the first action that concerns a drug.

    "" for an empty form, None where nothing changes.
    """
    for action in suggestion["actions"]:
        if action["type"] == "delete":
            return ""
        drug = action["resource"].get("medicationCodeableConcept")
        if drug is not None:
            # without either it goes on to the next action
            assert drug["text"]
            assert drug["coding"][0]["code"]
            return str(drug["text"])
    return None


def test_every_suggestion_can_be_clicked_and_taken_over(told: list[Json]) -> None:
    suggestions = [each for card in told for each in card.get("suggestions", ())]
    shown = {drug_in_its_form(each) for each in suggestions}
    assert {None, ""} < shown
    for each in suggestions:
        # without a label the click does nothing, without a uuid no feedback is sent
        assert each["label"]
        assert each["uuid"]
        assert all(action["description"] for action in each["actions"])


def test_a_switch_shows_the_new_drug(told: list[Json]) -> None:
    switches = [each for card in told for each in card.get("suggestions", ()) if each["label"].startswith("Switch ")]
    assert switches
    for each in switches:
        assert each["label"].endswith(f" to {drug_in_its_form(each)}")


# --- who it says it is -----------------------------------------------------------------------------------------------

LOCAL = "http://127.0.0.1:8000"
ISSUED = int(NOW.timestamp()) - 30
# signed once with the private key that its repository publishes (keys/ecprivkey.pem), which is not kept here
SIGNATURES = {
    "/cds-services": (
        "NYI2PhzxkqslZY1Kzy_CdYtaief4ARNwv1m90DpObfscPMkW9p3OCcysKeMZ3HAX"
        "0qAC-Ljk91dCQwC0PvXyRuyAFIcDciLscHEpQYbJaijCvifqdloTGWt3zwElmryM"
    ),
    VIEW: (
        "UAE3PEoaWULjr_9vj3uUmz54k6y3dxpbsMXDd_9AGmgMV4_3EWIhvGpGBwh1j1V0"
        "Kbrfc79K-hZexwa1IxKw4qxHR2sDeJjUcxAjmtKUo_coKkSCof2i1gfIsTMpbsic"
    ),
    f"{VIEW}/feedback": (
        "hhTaWKEefrlIfFJN2AgK60k-zNhZ2WTHAeiCZIz2ZHD5RcoQy3LY6S43a3bOKiCB"
        "BwNLnzKqk10IwL7vR5vDUrDL4zns_VvLKEw-23vxtq8B945zQ5tIuT5zi8LN1PDX"
    ),
}
PATHS = list(SIGNATURES)


def token(url: str, signature: str, number: int = 0) -> str:
    """Its token for a URL, member by member as its source writes it."""
    header = {"alg": "ES384", "typ": "JWT", "kid": official.PUBLISHED_KEY["kid"], "jku": official.KEY_SET_URL}
    jti = f"00000000-0000-4000-8000-{number:012}"
    claims = {"iss": official.ISSUER, "aud": url, "exp": ISSUED + 300, "iat": ISSUED, "jti": jti}
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    return ".".join([*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


def signed(path: str) -> str:
    return token(LOCAL + path, SIGNATURES[path], PATHS.index(path))


def service(folder: Path, *, sandbox: bool, clients: tuple[Any, ...] = (), **settings: Any) -> FlaskClient:
    file = clients_file(folder, *(clients or (member(),)))
    own = Settings(auth="jwt", trusted_clients=file, sandbox=sandbox, **settings)
    return create_app(own, clock=lambda: NOW).test_client()


def send(client: FlaskClient, text: str, path: str) -> TestResponse:
    view = fixtures.story("refractory").render(NOW)
    told = {"feedback": [{"card": "0", "outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:00:00Z"}]}
    body = {VIEW: view, f"{VIEW}/feedback": told}.get(path)
    method = "POST" if body else "GET"
    headers = {"Authorization": f"Bearer {text}"}
    return client.open(path, method=method, base_url=LOCAL, headers=headers, json=body)


def refusal(answer: TestResponse) -> str:
    assert answer.status_code == 401, answer.text
    return str(answer.get_json()["issue"][0]["diagnostics"])


def test_its_published_key_is_trusted_in_sandbox_mode(tmp_path: Path) -> None:
    client = service(tmp_path, sandbox=True)
    assert [send(client, signed(path), path).status_code for path in PATHS] == [200, 200, 200]
    # and like every other client's: once, for one URL
    assert "jti was used before" in refusal(send(client, signed(VIEW), VIEW))
    assert "aud" in refusal(send(client, signed(VIEW), f"{VIEW}/feedback"))


def test_its_published_key_is_trusted_nowhere_else(tmp_path: Path) -> None:
    client = service(tmp_path, sandbox=False)
    assert ["iss is no trusted client" in refusal(send(client, signed(path), path)) for path in PATHS] == [True] * 3


def test_a_token_that_it_did_not_sign(tmp_path: Path) -> None:
    client = service(tmp_path, sandbox=True)
    assert "signature" in refusal(send(client, token(LOCAL + VIEW, SIGNATURES[VIEW], number=9), VIEW))


def test_a_listed_client_of_its_name_takes_its_place(tmp_path: Path) -> None:
    listed = member(issuer=official.ISSUER, jku=official.KEY_SET_URL)
    assert "kid" in refusal(send(service(tmp_path, sandbox=True, clients=(listed,)), signed(VIEW), VIEW))


def test_where_the_service_has_a_public_url_the_tokens_are_for_that_one(tmp_path: Path) -> None:
    client = service(tmp_path, sandbox=True, public_url=PUBLIC_URL)
    assert "aud" in refusal(send(client, signed(VIEW), VIEW))
