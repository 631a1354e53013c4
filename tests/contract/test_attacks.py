"""Attacks from outside: bent tokens, routes approached sideways, servers that lead astray, callers that hog."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fixtures
from service.app import create_app
from service.headers import header_set
from service.settings import Settings
from service.worker import MOST_CALLS, MOST_IDLE
from tests.acceptance.ehr import answered, assessment, lacking, service
from tests.contract.conformance import check_error
from tests.fault_server import Call, fault_server, fhir, searchset
from tests.log_watch import sensitive
from tests.server import Running, running, until
from tests.unit.service.security.issuer import (
    ISSUER,
    NOW,
    PUBLIC_URL,
    base64url,
    claims,
    clients_file,
    compact,
    header,
    jwk,
    member,
    private_key,
    token,
)

pytestmark = pytest.mark.load

DISCOVERY = "/cds-services"
VIEW = f"{DISCOVERY}/mda5-rpild-patient-view"
AUD = PUBLIC_URL + DISCOVERY
SECONDS = int(NOW.timestamp())
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# far more than an answer takes, and far less than the 10 s for which each of these attacks would make others wait
AT_ONCE = 4.0


# --- tokens ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """The service of a site with one client."""
    clients = clients_file(tmp_path_factory.mktemp("site"), member())
    settings = Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients)
    return create_app(settings, clock=lambda: NOW).test_client()


def status(site: FlaskClient, text: str) -> int:
    """What discovery answers to that token."""
    answer = site.get(DISCOVERY, headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code in {200, 401}
    assert answer.status_code == 200 or check_error(401, answer.headers, answer.data) == []
    return answer.status_code


def signed(head: Any = None, body: Any = None) -> str:
    """A token truly signed, over whatever stands in it; bytes as they are."""
    key = private_key("P-384")
    return compact(header() if head is None else head, claims(aud=AUD) if body is None else body, key, "ES384")


def with_twice(members: dict[str, Any], name: str, other: Any, *, first: bool) -> bytes:
    """The members as JSON, one of them given twice."""
    text, double = json.dumps(members), json.dumps({name: other})
    return (f"{double[:-1]}, {text[1:]}" if first else f"{text[:-1]}, {double[1:]}").encode()


def test_what_is_signed_here_is_admitted(site: FlaskClient) -> None:
    assert status(site, signed()) == 200


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("name", "other"),
    [("aud", "https://evil.example.org"), ("jti", "other"), ("exp", 1), ("iss", "https://evil.example.org")],
)
def test_a_claim_given_twice_is_refused_whichever_counts(site: FlaskClient, name: str, other: Any, first: bool) -> None:
    assert status(site, signed(body=with_twice(claims(aud=AUD), name, other, first=first))) == 401


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("name", "other"), [("alg", "none"), ("alg", "HS384"), ("kid", "key-2"), ("typ", "JWS")])
def test_a_header_member_given_twice_is_refused(site: FlaskClient, name: str, other: Any, first: bool) -> None:
    assert status(site, signed(with_twice(header(), name, other, first=first))) == 401


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_token_is_utf_8(site: FlaskClient, coding: str) -> None:
    assert status(site, signed(body=json.dumps(claims(aud=AUD)).encode(coding))) == 401
    assert status(site, signed(json.dumps(header()).encode(coding))) == 401


@pytest.mark.parametrize(
    "kid",
    [
        *("../../../../dev/null", "/dev/null", "key-1' OR '1'='1", "key-1; DROP TABLE keys", "key-1\x00", "key-1 "),
        *("KEY-1", "\u212aey-1", "key\u20101", "key-1\u200b", "https://evil.example.org/k", "0", "x" * 4000, ""),
        *(1, None, True, ["key-1"], {"kid": "key-1"}),
    ],
)
def test_a_kid_is_compared_and_nothing_else(site: FlaskClient, kid: Any) -> None:
    assert status(site, signed(header(kid=kid))) == 401


@pytest.mark.parametrize(
    "more",
    [
        {"alg": "es384"},
        {"alg": "ES384 "},
        {"alg": "\u0415S384"},
        {"alg": "PS384"},
        {"alg": ["ES384"]},
        {"crit": []},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
        {"jwk": {"kty": "EC"}},
        {"jwk": None},
        {"jku": "https://evil.example.org/jwks.json"},
        {"jku": ""},
        {"jku": [ISSUER]},
    ],
    ids=str,
)
def test_a_header_that_asks_for_more(site: FlaskClient, more: dict[str, Any]) -> None:
    assert status(site, signed(header(**more))) == 401


@pytest.mark.parametrize("name", ["x5u", "x5c", "jwk"])
def test_a_key_that_the_token_brings_checks_nothing(site: FlaskClient, name: str) -> None:
    brought = {"x5u": "https://evil.example.org/c.pem", "x5c": ["MIIB"], "jwk": jwk(which=1)}[name]
    assert status(site, compact(header(**{name: brought}), claims(aud=AUD), private_key("P-384", 1), "ES384")) == 401


@pytest.mark.parametrize(
    "audience",
    [
        *(AUD.upper(), AUD.replace("https", "HTTPS"), AUD.replace("cds.", "CDS."), AUD.replace("org/", "org:443/")),
        *(AUD.replace("cds-", "%63ds-"), f"{AUD}//", f"{AUD}?", f"{AUD}#", f"{AUD} ", f"{AUD}/..", AUD[:-1]),
        *(PUBLIC_URL, DISCOVERY, "*", "", [], [[AUD]], {"aud": AUD}, None, True, f"{AUD},{AUD}"),
    ],
    ids=str,
)
def test_an_audience_is_the_url_to_the_letter(site: FlaskClient, audience: Any) -> None:
    assert status(site, signed(body=claims(aud=audience))) == 401


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"iat": SECONDS - 300, "exp": SECONDS - 59}, 200),
        ({"iat": SECONDS - 300, "exp": SECONDS - 60}, 401),
        ({"iat": SECONDS - 300, "exp": SECONDS - 59.5}, 200),
        ({"iat": SECONDS + 60, "exp": SECONDS + 300}, 200),
        ({"iat": SECONDS + 61, "exp": SECONDS + 300}, 401),
        ({"nbf": SECONDS + 60}, 200),
        ({"nbf": SECONDS + 61}, 401),
        ({"iat": SECONDS - 600, "exp": SECONDS + 300}, 200),
        ({"iat": SECONDS - 600, "exp": SECONDS + 300.5}, 401),
        ({"iat": SECONDS, "exp": SECONDS}, 401),
        ({"exp": 10**400}, 401),
        ({"exp": float("inf")}, 401),
        ({"exp": float("nan")}, 401),
        ({"exp": -1}, 401),
        ({"exp": [SECONDS + 9]}, 401),
        ({"iss": f"{ISSUER}/"}, 401),
        ({"iss": [ISSUER]}, 401),
        ({"jti": "\ud800"}, 401),
        ({"jti": "x" * 513}, 401),
    ],
    ids=lambda value: str(value)[:40],
)
def test_claims_at_their_limits(site: FlaskClient, changes: dict[str, Any], found: int) -> None:
    assert status(site, signed(body=claims(aud=AUD, **changes))) == found


@pytest.mark.parametrize(
    "body",
    [b"[" * 2000 + b"]" * 2000, b'{"a":' * 900 + b"1" + b"}" * 900, b'{"exp":' + b"9" * 5000 + b"}", b"\xff", b""],
    ids=["arrays", "objects", "digits", "no text", "nothing"],
)
def test_a_payload_or_header_to_choke_on(site: FlaskClient, body: bytes) -> None:
    assert status(site, signed(body=body)) == 401
    assert status(site, signed(body)) == 401


def test_a_spent_token_is_spent_in_every_spelling(site: FlaskClient) -> None:
    text = signed()
    assert status(site, text) == 200
    head, body, signature = text.split(".")
    # base64 ends in bits that mean nothing, and an ECDSA signature (r, s) is as good as (r, n - s)
    others = [f"{text[:-1]}{sign}" for sign in ALPHABET]
    others += [f"{head[:-1]}{sign}.{body}.{signature}" for sign in ALPHABET]
    others += [f"{head}.{body[:-1]}{sign}.{signature}" for sign in ALPHABET]
    others += [f"{text}=", f"{text}==", f"{head}=.{body}.{signature}", f"{text} ", f"  {text}", f'"{text}"', f"{text}."]
    others.append(f"{head}.{body}.{base64url(_mirrored(signature))}")
    assert {status(site, other) for other in others} == {401}


def _mirrored(signature: str) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return raw[:48] + (order - int.from_bytes(raw[48:], "big")).to_bytes(48, "big")


# --- routes ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real server that identifies its callers, at a public URL of https."""
    home = tmp_path_factory.mktemp("home")
    with _guarded(home, CORS_ORIGINS="https://sandbox.example.org", MAX_BODY_BYTES="100000") as server:
        yield server


def _guarded(home: Path, **more: str) -> Any:
    clients = clients_file(home, member())
    return running(home, AUTH="jwt", PUBLIC_URL=PUBLIC_URL, TRUSTED_CLIENTS=str(clients), **more)


def now_token(path: str = DISCOVERY) -> str:
    """A good token for a service that goes by the day's clock."""
    text = token(now=datetime.now(UTC), aud=PUBLIC_URL + path)
    sensitive(text)
    return text


def told(server: Running, request: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by lower-case name and body of the answer to a raw request."""
    lines = "".join(f"{line}\r\n" for line in (request, "Host: evil.example.org", "Connection: close", *headers))
    with server.connect() as connection, connection.makefile("rb") as file:
        connection.sendall(f"{lines}\r\n".encode("latin-1"))
        head, _, body = file.read().partition(b"\r\n\r\n")
    first, *more = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in more)}, body


@pytest.mark.parametrize(
    "target",
    [
        *(f"{DISCOVERY}/", f"/{DISCOVERY}", f"{DISCOVERY}//", f"/.{DISCOVERY}", f"/x/..{DISCOVERY}", "/%63ds-services"),
        *(
            f"{DISCOVERY};x",
            f"{DISCOVERY}%2f",
            f"{DISCOVERY}%00",
            "/CDS-services",
            f"http://evil.example.org{DISCOVERY}",
        ),
        *("//evil.example.org/", "/health/live/..", "/health/../cds-services", "/metrics/../cds-services", "//"),
    ],
)
def test_no_way_round_the_gate_and_none_elsewhere(server: Running, target: str) -> None:
    found, headers, body = told(server, f"GET {target} HTTP/1.1")
    assert found in {401, 404}
    assert check_error(found, headers, body) == []
    assert "location" not in headers
    assert b"evil" not in body


@pytest.mark.parametrize(
    ("method", "found"), [("HEAD", 401), ("OPTIONS", 200), ("TRACE", 405), ("FOO", 405), ("PUT", 405), ("POST", 405)]
)
def test_other_methods_tell_nothing(server: Running, method: str, found: int) -> None:
    override = "X-HTTP-Method-Override: GET"
    status, _, body = told(server, f"{method} {DISCOVERY} HTTP/1.1", override, "Content-Length: 0")
    assert status == found
    assert b"services" not in body


def test_a_token_comes_in_one_authorization_header(server: Running) -> None:
    get = f"GET {DISCOVERY} HTTP/1.1"
    text = now_token()
    bearer = f"Authorization: Bearer {text}"
    assert told(server, f"GET {DISCOVERY}?access_token={text} HTTP/1.1")[0] == 401
    assert told(server, get, f"Cookie: access_token={text}; Authorization=Bearer {text}")[0] == 401
    assert told(server, get, f"HTTP_AUTHORIZATION: Bearer {text}", f"X-Authorization: {text}")[0] == 401
    assert told(server, get, bearer, bearer)[0] == 401
    assert told(server, get, "Authorization: Basic eDp5", bearer)[0] == 401
    assert told(server, get, bearer, "Authorization: Basic eDp5")[0] == 401
    # none of these has spent it
    assert told(server, get, bearer)[0] == 200


POST = f"POST {VIEW} HTTP/1.1"
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("GET /health/live HTTP/1.1",), 200),
        ((f"OPTIONS {DISCOVERY} HTTP/1.1",), 200),
        ((POST, JSON, "Content-Length: 0"), 400),
        ((f"GET {DISCOVERY} HTTP/1.1",), 401),
        (("GET /nowhere HTTP/1.1",), 404),
        ((f"PUT {DISCOVERY} HTTP/1.1", "Content-Length: 0"), 405),
        ((POST, JSON, "Content-Length: 999999999"), 413),
        ((POST, "Content-Length: 0"), 415),
        # from here on the application never hears of it
        (("GET / NONSENSE",), 400),
        ((POST, JSON, "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        ((POST, JSON, "Content-Length: 5", "Content-Length: 6"), 400),
        (("GET /" + "x" * 5000 + " HTTP/1.1",), 414),
        (("GET / HTTP/1.1", "X-Long: " + "x" * 9000), 431),
        ((POST, JSON, "Transfer-Encoding: nonsense"), 501),
    ],
    ids=lambda value: str(value)[:50],
)
def test_every_answer_has_the_header_set(server: Running, lines: tuple[str, ...], found: int) -> None:
    status, headers, _ = told(server, *lines)
    assert status == found
    expected = header_set(Settings(public_url=PUBLIC_URL))
    assert {name: headers.get(name.lower()) for name in expected} == dict(expected)
    assert "strict-transport-security" in headers
    assert "gunicorn" not in headers.get("server", "")


# --- where a FHIR server leads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("https://[::169.254.169.254]/fhir", "https://[64:ff9b::a9fe:a9fe]/fhir", "https://0251.0376.0251.0376/fhir"),
        *("https://169\u3002254\u3002169\u3002254/fhir", "https://\u2460\u2465\u2468.254.169.254/fhir"),
        *("https://169.254.169.254:443/fhir", "https://x@169.254.169.254/fhir", "https://0/fhir", "https://[::]/fhir"),
        *("https://%31%36%39.254.169.254/fhir", "https:\\\\169.254.169.254\\fhir", "https://metadata/fhir"),
    ],
)
def test_a_metadata_service_in_disguise_is_off_every_list(address: str) -> None:
    whole = fixtures.story("refractory").render(NOW)
    answered(service(address), lacking(address, whole, "conditions"), 403)


@pytest.mark.parametrize(
    "form",
    [
        *("\\\\{other}\\fhir", "/\\{other}/fhir", "http:\\\\{other}/fhir", "///{other}/fhir", "http:///{other}/fhir"),
        *("http://{here}\\@{other}/fhir", "http://{here}#@{other}/fhir", "http://{other}#@{here}/fhir", "//{other}"),
        *("\thttp://{other}/fhir", "ht\ntp://{other}/fhir", "http://{here}@{other}/", "http://{here},{other}/"),
        *("http://{other}\r\nX: {here}/fhir", "file:///etc/passwd", "gopher://{other}/", "http://[::ffff:127.0.0.1]/x"),
    ],
    ids=repr,
)
def test_a_link_that_two_readers_read_differently_leads_nowhere_else(form: str) -> None:
    whole = fixtures.story("refractory").render(NOW)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        other = f"127.0.0.1:{elsewhere.getsockname()[1]}"

        def leads_away(call: Call) -> Any:
            link = form.format(other=other, here=call.headers["host"])
            order = {"resourceType": "MedicationRequest", "id": "o", "status": "active", "intent": "order"}
            about = {"subject": {"reference": "Patient/refractory"}, "medicationReference": {"reference": link}}
            return fhir(searchset({**order, **about}, next_url=link))

        with fault_server(leads_away) as relay:
            asked = lacking(f"{relay.base}/fhir", whole, "medications")
            assert assessment(service(f"{relay.base}/fhir"), asked)["therapy"]["stage"] == "unknown"
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


# --- what one caller can take from the others ------------------------------------------------------------------------


@contextmanager
def many(server: Running, number: int, said: bytes) -> Iterator[list[socket.socket]]:
    """So many connections on which that was said."""
    with ExitStack() as open_:
        connections = [open_.enter_context(server.connect()) for _ in range(number)]
        for connection in connections:
            connection.sendall(said)
        yield connections


def assert_served(server: Running, path: str) -> None:
    """It answers, and without waiting for anybody's time to run out."""
    started = time.monotonic()
    assert server.get(path).status_code == 200
    assert time.monotonic() - started < AT_ONCE


@pytest.fixture
def open_server(tmp_path: Path) -> Iterator[Running]:
    """A server of one process, that has nobody else's connections to clear away."""
    with running(tmp_path) as server:
        yield server


@pytest.mark.parametrize("said", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["silent", "kept alive"])
def test_however_many_connections_are_idle(open_server: Running, said: bytes) -> None:
    with many(open_server, 2 * MOST_IDLE + 50, said) as connections:
        for path in ("/health/live", "/health/ready", DISCOVERY):
            assert_served(open_server, path)
        # those that came last have not been ended for it
        connections[-1].sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with connections[-1].makefile("rb") as answer:  # to its end: head and body may come apart
            assert b"live" in answer.read()


def test_who_does_not_hang_up_holds_no_thread(open_server: Running) -> None:
    with many(open_server, 40, f"GET {DISCOVERY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()) as waiting:
        for connection in waiting:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        assert_served(open_server, DISCOVERY)


def test_a_call_too_many_is_turned_away_and_health_is_not(open_server: Running) -> None:
    head = (
        b"POST "
        + VIEW.encode()
        + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    )
    with many(open_server, MOST_CALLS, head):
        found, headers, body = told(open_server, f"GET {DISCOVERY} HTTP/1.1")
        assert (found, headers["retry-after"], check_error(found, headers, body)) == (503, "1", [])
        assert "content-security-policy" in headers
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert_served(open_server, path)
    until(lambda: told(open_server, f"GET {DISCOVERY} HTTP/1.1")[0] == 200, 10)


# --- what stays behind -----------------------------------------------------------------------------------------------

PATIENT, USER, FAMILY, NOTE = "secret-patient-7", "Practitioner/secret-user-7", "Secretname", "secret note 7"
FHIR_TOKEN, INSTANCE = "secret-access-token-7", "secret-instance-7"
SECRETS = (PATIENT, "secret-user-7", FAMILY, NOTE, FHIR_TOKEN, INSTANCE)


def _call(fhir_server: str, **prefetch: Any) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "id": PATIENT, "birthDate": "1961-07-07", "name": [{"family": FAMILY}]}
    return {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "context": {"patientId": PATIENT, "userId": USER},
        "fhirServer": fhir_server,
        "fhirAuthorization": {"access_token": FHIR_TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "x"},
        "prefetch": {"patient": patient, "observations": None, "medications": None, "conditions": None, **prefetch},
    }


def test_nothing_of_the_patient_stays_behind(tmp_path: Path) -> None:
    """Not in refusals, the log at its most talkative, the figures and their files, nor in the bytes of the database."""
    sensitive(*SECRETS)
    (tmp_path / "key").write_bytes(b"k" * 32)
    database, metrics = tmp_path / "store" / "db.sqlite3", tmp_path / "metrics"
    metrics.mkdir()

    def fails(call: Call) -> Any:
        return fhir({"resourceType": "OperationOutcome", "issue": [{"diagnostics": f"{PATIENT} {FHIR_TOKEN}"}]}, 500)

    with fault_server(fails) as ehr, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(metrics))
        more = {"LOG_LEVEL": "DEBUG", "HASH_KEY_FILE": str(tmp_path / "key"), "FHIR_SERVERS": f"{ehr.base}/fhir"}
        with _guarded(tmp_path, DATABASE_URL=f"sqlite:///{database}", **more) as server:
            whole = _call(f"{ehr.base}/fhir")
            note = {"resourceType": "Condition", "id": NOTE, "note": [{"text": NOTE}]}
            lacks = {name: value for name, value in whole["prefetch"].items() if name != "conditions"}
            refusals = [
                (412, {**whole, "prefetch": lacks}),
                (403, {**whole, "prefetch": lacks, "fhirServer": f"https://{PATIENT}.example.org"}),
                (400, {**whole, "context": {"patientId": PATIENT, "userId": [USER]}}),
                (400, {**whole, "hook": FAMILY}),
                (400, {**whole, "context": {"patientId": f"x{PATIENT}", "userId": USER}}),
                (422, {**whole, "prefetch": {**lacks, "patient": NOTE}}),
            ]
            told_ = [_posted(server, body, status) for status, body in refusals]
            _posted(server, _call(f"{ehr.base}/fhir", conditions={"resourceType": "Bundle", "entry": [note]}), 200)
            told_ += [_posted(server, json.dumps(whole)[:-5], 400)]
            unknown = server.http.post(server.url(f"/cds-services/{PATIENT}"), json=whole, timeout=10)
            told_ += [unknown.text, str(unknown.headers), server.get("/metrics").text, server.get(f"/{PATIENT}").text]
            left = [server.log.read_bytes(), *(path.read_bytes() for path in metrics.iterdir())]
            left += [path.read_bytes() for path in _until_written(database)]
    assert any(b"mda5-rpild-patient-view" in data for data in left), "the call is in the store"
    for secret in SECRETS:
        assert not [text for text in told_ if secret in text]
        assert not [data[:80] for data in left if secret.encode() in data]
    assert ehr.calls, "the token went where it belongs"


def _posted(server: Running, body: Any, status: int) -> str:
    """The answer, of that status, to a call with a good token."""
    headers = {"Authorization": f"Bearer {now_token(VIEW)}", "Content-Type": "application/json"}
    data = body if isinstance(body, str) else json.dumps(body)
    answer = server.http.post(server.url(VIEW), data=data, headers=headers, timeout=20)
    assert answer.status_code == status, answer.text
    return f"{answer.text} {answer.headers}"


def _until_written(database: Path) -> list[Path]:
    """The files of the database, once the call is in them."""
    files = [database, Path(f"{database}-wal")]
    until(lambda: any(b"mda5-rpild-patient-view" in file.read_bytes() for file in files if file.exists()), 10)
    return [file for file in files if file.exists()]
