"""Contract, sections 2, 5 and 6, as whoever connects an EHR meets them: the wire, the settings, the command line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fixtures
from service import cli
from service.app import create_app
from service.discovery import SERVICE_OF_HOOK
from service.settings import Settings, read_settings
from tests.acceptance.ehr import KEYS, lacking, story
from tests.acceptance.fhir import (
    FERRITIN,
    NOW,
    PREDNISONE,
    Json,
    answer,
    bundle,
    call,
    cards,
    obs,
    order,
    patient,
    positive,
    post,
    rpild,
)
from tests.contract.conformance import check_error
from tests.fhir_server import FhirServer
from tests.server import Running, running
from tests.unit.service.security.issuer import PUBLIC_URL, clients_file, jwk, key_set, member
from tests.unit.service.telemetry.test_metrics import samples

pytestmark = pytest.mark.no_cover

MESSAGES = Path(__file__).parents[3] / "shared" / "real-data" / "cds-hooks-sandbox-requests"
VIEW = "/cds-services/mda5-rpild-patient-view"
ROUTES = ("/cds-services", VIEW, f"{VIEW}/feedback", "/health/live", "/health/ready", "/metrics", "/openapi.json")
BROWSER = "https://ehr.example.org"
UNTREATED = (positive(), rpild(), obs(FERRITIN, 1500, "ng/mL"))
ACCESS = {"access_token": "t0ken.t0ken", "token_type": "Bearer", "expires_in": 300, "scope": "s", "subject": "c"}
OFF_LIST = {"fhirServer": "https://elsewhere.example.org/fhir", "fhirAuthorization": ACCESS}
LISTED = {**OFF_LIST, "fhirServer": "https://ehr.invalid/fhir"}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
OTHERS_DRAFT = {"draftOrders": bundle(order(PREDNISONE, subject={"reference": "Patient/other"}))}

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two processes of the service, as an EHR reaches them."""
    with running(tmp_path_factory.mktemp("home"), workers=2) as server:
        yield server


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return code, *capsys.readouterr()

    return run


def service(**settings: Any) -> FlaskClient:
    """The service at the instant of the tests."""
    return create_app(Settings(**settings), clock=lambda: NOW).test_client()


# --- the wire --------------------------------------------------------------------------------------------------------


def spoken(connection: socket.socket, head: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
    """Status and headers of the answer to a request on a connection; the rest of the answer is read away."""
    connection.sendall(f"{head}\r\nHost: x\r\nContent-Type: text/plain\r\n".encode() + body)
    file = connection.makefile("rb", buffering=0)
    lines = []
    while (line := file.readline().decode().strip()) or not lines:
        lines.append(line)
    headers = dict(each.split(": ", 1) for each in lines[1:])
    left = int(headers["Content-Length"])
    while left:
        left -= len(file.read(left))
    return int(lines[0].split()[1]), headers


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"Content-Length: 65535\r\n\r\n" + b"x" * 65535, "keep-alive"),
        (b"Content-Length: 65536\r\n\r\n" + b"x" * 65536, "close"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nxx\r\n0\r\n\r\n", "keep-alive"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"z\r\nxx\r\n", "close"),
    ],
    ids=["small", "large", "chunked", "broken chunk"],
)
def test_a_connection_that_is_promised_stays_open_and_the_other_is_announced(
    live: Running, body: bytes, kept: str
) -> None:
    with live.connect() as connection:
        status, headers = spoken(connection, f"POST {VIEW} HTTP/1.1", body)
        assert (status, headers["Connection"]) == (415, kept)
        if kept == "keep-alive":
            assert spoken(connection, "GET /cds-services HTTP/1.1", b"\r\n")[0] == 200
        else:
            assert connection.recv(1) == b""


@pytest.mark.parametrize("path", ["/cds-services//", "/cds-services//mda5-rpild-patient-view", "/health//live"])
def test_a_doubled_slash_leads_nowhere_else(live: Running, path: str) -> None:
    answered = live.http.post(live.url(path), json=call(), headers={"Host": "evil.example.org"}, allow_redirects=False)
    assert (answered.status_code, check_error(404, answered.headers, answered.content)) == (404, [])
    assert "Location" not in answered.headers


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("auth", ["off", "jwt"])
def test_a_browser_may_ask_before_it_calls(tmp_path: Path, path: str, auth: str) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(jwk()))
    identity = {"auth": "jwt", "public_url": PUBLIC_URL, "trusted_clients": clients_file(tmp_path, member())}
    client = service(cors_origins=(BROWSER,), **(identity if auth == "jwt" else {}))
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    allowed = client.options(path, headers={"Origin": BROWSER, **asked})
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, BROWSER)
    assert allowed.headers["Access-Control-Allow-Headers"].lower() == "authorization, content-type"
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert (
        "Access-Control-Allow-Origin" not in client.options(path, headers={"Origin": "https://x.org", **asked}).headers
    )
    # and what it is answered then it may read, refusals too
    answered = client.post(path, json={}, headers={"Origin": BROWSER})
    assert answered.status_code >= 400
    assert answered.headers["Access-Control-Allow-Origin"] == BROWSER


# --- refusals: the end of the order of precedence --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({**call(patient=None, conditions=...), **OFF_LIST}, 412, "patient, conditions"),
        ({**call(patient=None, conditions=...), **LISTED}, 412, "patient, conditions"),
        ({**call(patient=...), **OFF_LIST}, 412, "patient"),
        ({**call(who={"resourceType": "Practitioner", "id": "p1"}, conditions=...), **OFF_LIST}, 422, "patient"),
        ({**call(who=[], conditions=...), **OFF_LIST}, 422, "patient"),
        ({**call(who=patient(id="other"), conditions=...), **OFF_LIST}, 400, "context.patientId"),
        ({**call(hook="order-sign", context=OTHERS_DRAFT, conditions=...), **OFF_LIST}, 400, "draftOrders"),
        ({**call(hook="order-sign", context=OTHERS_DRAFT, conditions=...), **LISTED}, 400, "draftOrders"),
        (call(hook="order-sign", context=OTHERS_DRAFT, conditions=...), 400, "draftOrders"),
        ({**call(hook="order-sign", context=OTHERS_DRAFT, patient=...), **OFF_LIST}, 412, "patient"),
        ({**call(conditions=...), **OFF_LIST}, 403, "conditions"),
        ({**call(conditions=...), **LISTED, "fhirServer": "http://ehr.invalid/fhir"}, 403, "conditions"),
        ({**call(observations=...), **LISTED}, 412, "observations"),
        ({**call(conditions=FAILED, observations=...), **OFF_LIST}, 412, "observations, conditions"),
        ({**call(patient=None), "fhirAuthorization": ACCESS}, 400, "fhirServer"),
    ],
)
def test_of_several_faults_the_first_of_the_order_is_told(body: Json, status: int, named: str) -> None:
    answered = post(service(fhir_servers=(LISTED["fhirServer"],), fhir_budget_seconds=0.3), body)
    assert (answered.status_code, check_error(status, answered.headers, answered.data, body)) == (status, [])
    assert named in answered.get_json()["issue"][0]["diagnostics"]


def test_a_server_off_the_list_that_need_not_be_called_is_ignored() -> None:
    for lacks in ({}, {"allergies": ..., "procedures": ..., "referrals": ..., "administrations": ...}):
        assert post(service(), {**call(*UNTREATED, **lacks), **OFF_LIST}).status_code == 200


# --- cards and their ids ---------------------------------------------------------------------------------------------


def test_the_same_call_a_little_later_gets_the_same_ids() -> None:
    now = [NOW]
    client = create_app(Settings(), clock=lambda: now[0]).test_client()
    for name in fixtures.names():
        request = fixtures.story(name).render(NOW)
        told = []
        for seconds in (0, 1, 61):
            now[0] = NOW + timedelta(seconds=seconds)
            told.append([card["uuid"] for card in post(client, request).get_json()["cards"]])
        assert told[0] == told[1] == told[2], name
        assert len(set(told[0])) == len(told[0])


@pytest.mark.parametrize(
    "changed",
    [
        {"hookInstance": "another"},
        {"context": {"patientId": "p2", "userId": "Practitioner/d1"}},
        {"observations": bundle(positive(), obs(FERRITIN, 1600, "ng/mL"))},
    ],
    ids=["hookInstance", "patient", "content"],
)
def test_another_call_gets_ids_of_its_own(changed: Json) -> None:
    def ids(body: Json) -> Json:
        found = post(client, body)
        assert found.status_code == 200, found.text
        return {topic: card["uuid"] for topic, card in cards(found.get_json()).items()}

    client, body = service(), call(*UNTREATED)
    other = json.loads(json.dumps(body))
    if "observations" in changed:
        other["prefetch"] |= changed
    else:
        other |= changed
    if "context" in changed:
        other = json.loads(
            json.dumps(other).replace('"Patient/p1"', '"Patient/p2"').replace('"id": "p1"', '"id": "p2"')
        )
    first, second = ids(body), ids(other)
    assert first["rec-2"]
    # a card that says the same of the same patient in the same call stays the same
    same = {topic for topic in first if first[topic] == second.get(topic)}
    assert same == ({"rec-2", "rec-7", "data-gap"} & first.keys() if "observations" in changed else set())


# --- what others really send -----------------------------------------------------------------------------------------


@pytest.mark.skipif(not MESSAGES.is_dir(), reason="the messages of others are not here")
def test_the_metrics_tell_which_keys_the_public_sandbox_never_sends(tmp_path: Path) -> None:
    requests = [json.loads(file.read_text("utf-8")) for file in sorted(MESSAGES.glob("*.json"))]
    calls, feedback = [each for each in requests if "hook" in each], [each for each in requests if "hook" not in each]
    with running(tmp_path, workers=2) as server:
        for body in calls:
            url = server.url(f"/cds-services/{SERVICE_OF_HOOK[body['hook']].id}")
            refused = server.http.post(url, json=body, headers={"Connection": "close"}, timeout=20)
            assert (refused.status_code, check_error(412, refused.headers, refused.content, body)) == (412, [])
            assert "observations, medications, conditions" in refused.text
        for body in feedback:
            assert server.http.post(server.url(f"{VIEW}/feedback"), json=body, timeout=20).status_code == 200
        found = samples(server.get("/metrics").text)
    states = {key[2:]: count for key, count in found.items() if key[0] == "prefetch_keys_total"}
    assert states == {("patient", "given"): len(calls), **{(key, "missing"): len(calls) for key in KEYS[1:]}}
    told = [entry["outcome"] for body in feedback for entry in body["feedback"]]
    for outcome in ("accepted", "overridden"):
        assert found[("feedback_entries_total", outcome)] == told.count(outcome)


# --- settings --------------------------------------------------------------------------------------------------------


def set_to(**variables: str) -> FlaskClient:
    """The service as an environment makes it."""
    settings = read_settings({f"MDA5_CDS_{name}": value for name, value in variables.items()} | MEMORY)
    return create_app(settings, clock=lambda: NOW).test_client()


MEMORY = {"MDA5_CDS_DATABASE_URL": "sqlite://"}


def test_the_extension_can_be_switched_off_and_silence_is_silence() -> None:
    both = set_to(RESPONSE_EXTENSION="false", MODE="silent")
    assert post(both, call(*UNTREATED)).get_json() == {"cards": []}
    without = post(set_to(RESPONSE_EXTENSION="false"), call(*UNTREATED)).get_json()
    assert without == {"cards": answer(set_to(), *UNTREATED)["cards"]}


def test_a_topic_that_is_off_takes_no_other_with_it() -> None:
    every, fewer = answer(set_to(), *UNTREATED), answer(set_to(TOPICS_OFF="rec-2, risk"), *UNTREATED)
    assert {"rec-2", "risk"} < set(cards(every))
    assert fewer["cards"] == [each for topic, each in cards(every).items() if topic not in {"rec-2", "risk"}]
    assert fewer["extension"] == every["extension"]


@pytest.mark.parametrize("allowed", ["true", "false"])
@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("2026-02-01T10:00:00Z", "2026-02-01T10:00:00Z"),
        ("2026-02-01T11:00:00+01:00", "2026-02-01T10:00:00Z"),
        ("2026-02-01T10:00:00", None),
        ("2026-02-01", None),
        (1, None),
    ],
)
def test_the_date_of_a_request_counts_where_it_is_allowed(allowed: str, value: Any, taken: str | None) -> None:
    answered = post(set_to(ALLOW_AS_OF=allowed), {**call(), "extension": {"mda5-cds.as-of": value}})
    if allowed == "false":
        taken = "2026-03-01T10:00:00Z"
    assert answered.status_code == (200 if taken else 400)
    if taken:
        assert answered.get_json()["extension"]["mda5-cds.assessment"]["asOf"] == taken
    else:
        assert "mda5-cds.as-of" in answered.text


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    settings = read_settings({"HOME": str(tmp_path)})
    assert (settings.auth, settings.mode, settings.fhir_servers, settings.cors_origins) == ("off", "live", (), ())
    assert (settings.max_body_bytes, settings.max_nesting) == (16 * 1024 * 1024, 64)
    assert (settings.fhir_budget_seconds, settings.canonical) == (4.0, "https://mda5-cds.example.org")
    assert (settings.response_extension, settings.allow_as_of, settings.insecure) == (True, False, False)
    assert settings.database_url.startswith("sqlite:///")


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [("--port", "65536"), ("--port", "-1"), ("--workers", "0"), ("--workers", "-1"), ("--workers", "1025")],
)
def test_a_server_that_could_answer_nobody_does_not_start(command: Command, arguments: tuple[str, ...]) -> None:
    # what is asked for after the mistake would end it too, with 0
    code, out, err = command("serve", *arguments, "--help")
    assert (code, out) == (2, "")
    assert f"argument {arguments[0]}: must be a whole number from " in err


def test_evaluate_refuses_a_body_as_large_as_http_does(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(call()).encode()
    (tmp_path / "r.json").write_bytes(body)
    for limit, code in ((len(body), 0), (len(body) - 1, 2)):
        monkeypatch.setenv("MDA5_CDS_MAX_BODY_BYTES", str(limit))
        found, _, err = command("evaluate", str(tmp_path / "r.json"))
        assert (found, f"larger than {limit} bytes" in err) == (code, code == 2)


@pytest.mark.parametrize(
    ("listed", "code", "why"),
    [(True, 0, ""), (False, 2, "fhirServer is not on the allow list of this service")],
)
def test_evaluate_fetches_what_a_request_lacks(
    command: Command,
    fhir_server: FhirServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listed: bool,
    code: int,
    why: str,
) -> None:
    whole = story(fhir_server, "refractory")
    lacks = lacking(fhir_server, whole, "observations", "conditions", "allergies", "administrations")
    monkeypatch.setenv("MDA5_CDS_FHIR_SERVERS", fhir_server.base if listed else "https://ehr.invalid/fhir")
    monkeypatch.setenv("MDA5_CDS_FHIR_BUDGET_SECONDS", "10")
    options = ("--as-of", "2026-03-01T10:00:00Z", "--format", "json")
    told = []
    for name, body in (("whole", whole), ("lacks", lacks)):
        (tmp_path / name).write_text(json.dumps(body))
        told.append(command("evaluate", str(tmp_path / name), *options))
    assert (told[0][0], told[1][0]) == (0, code)
    if listed:
        assert json.loads(told[1][1]) == json.loads(told[0][1])
        assert json.loads(told[0][1])["cards"]
    else:
        assert told[1][1] == ""
        assert why in told[1][2]
        assert ACCESS["access_token"] not in told[1][2]
