"""Rows Z of the conformance checklist: who may call."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings
from tests.contract.conformance import check_error
from tests.unit.service.security.issuer import (
    NOW,
    OTHER,
    PUBLIC_URL,
    Json,
    KeyServer,
    base64url,
    claims,
    clients_file,
    compact,
    header,
    jwk,
    key_set,
    member,
    private_key,
    serving_keys,
    token,
)

VIEW, SIGN = "/cds-services/mda5-rpild-patient-view", "/cds-services/mda5-rpild-order-sign"
FEEDBACK = f"{VIEW}/feedback"
DISCOVERY = "/cds-services"
SECONDS = int(NOW.timestamp())
ORIGIN = "https://sandbox.example.org"
RSA_ISSUER = "https://rsa.example.org"
CALL: Json = {
    "hook": "patient-view",
    "hookInstance": "00000000-0000-4000-8000-000000000001",
    "context": {"patientId": "p-12345", "userId": "Practitioner/1"},
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": "p-12345", "birthDate": "1960-01-01"},
        "observations": None,
        "medications": None,
        "conditions": None,
    },
}
OUTCOME = {"card": "c9b3a2b4", "outcome": "accepted", "outcomeTimestamp": "2026-03-01T09:00:00Z"}
SAID: Json = {"feedback": [OUTCOME | {"acceptedSuggestions": [{"id": "e56e1945"}]}]}


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    """Where the client `OTHER` publishes its keys."""
    with serving_keys() as server:
        server.body = key_set(jwk(which=1, kid="other-1"))
        yield server


@pytest.fixture(scope="module")
def site(keys: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """The service of a site with three clients: keys in a file, at a URL, and of RSA."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "rsa.json").write_bytes(key_set(jwk("2048", kid="rsa-1")))
    clients = clients_file(
        folder,
        member(),
        {"issuer": OTHER, "jwks_url": keys.url},
        member(issuer=RSA_ISSUER, jwks_file="rsa.json"),
    )
    settings = Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients, cors_origins=(ORIGIN,))
    return create_app(settings, clock=lambda: NOW).test_client()


def send(site: FlaskClient, text: str | None, path: str = VIEW) -> TestResponse:
    """What a route answers to a good call with that token."""
    headers = {} if text is None else {"Authorization": f"Bearer {text}"}
    if path == DISCOVERY:
        return site.get(path, headers=headers)
    return site.post(path, json=SAID if path == FEEDBACK else CALL, headers=headers)


def refused(site: FlaskClient, text: str | None, path: str = VIEW) -> str:
    """The diagnostics of a 401 that is as it has to be."""
    answer = send(site, text, path)
    assert answer.status_code == 401, answer.text
    assert check_error(401, answer.headers, answer.data, CALL) == []
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="mda5-cds"')
    assert ('error="invalid_token"' in answer.headers["WWW-Authenticate"]) is (text is not None)
    diagnostics: str = answer.get_json()["issue"][0]["diagnostics"]
    assert text is None or text not in answer.text
    return diagnostics


@pytest.mark.parametrize("path", [DISCOVERY, VIEW, SIGN, FEEDBACK])
@pytest.mark.parametrize("text", [None, "x", "x.y.z"])
def test_z1_z2_every_route_wants_a_token(site: FlaskClient, path: str, text: str | None) -> None:
    refused(site, text, path)


@pytest.mark.parametrize("path", [DISCOVERY, VIEW, FEEDBACK])
def test_z2_every_route_takes_one(site: FlaskClient, path: str) -> None:
    assert send(site, token(aud=PUBLIC_URL + path), path).status_code == 200


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_z3_header_members_that_are_needed(site: FlaskClient, name: str) -> None:
    text = compact(header(**{name: ...}), claims(), private_key("P-384"), "ES384")
    assert name in refused(site, text)


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "iat", "jti"])
def test_z3_claims_that_are_needed(site: FlaskClient, name: str) -> None:
    assert name in refused(site, token(**{name: ...}))


@pytest.mark.parametrize("path", [DISCOVERY, SIGN, FEEDBACK])
def test_z4_a_token_for_one_endpoint_is_none_for_another(site: FlaskClient, path: str) -> None:
    assert "aud" in refused(site, token(aud=PUBLIC_URL + VIEW), path)
    assert "aud" in refused(site, token(aud=PUBLIC_URL + path))


def test_z4_an_audience_may_be_a_list(site: FlaskClient) -> None:
    both = [PUBLIC_URL + VIEW, PUBLIC_URL + FEEDBACK]
    assert send(site, token(aud=both)).status_code == 200
    assert send(site, token(aud=both), FEEDBACK).status_code == 200


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_z5_unsigned(site: FlaskClient, algorithm: str) -> None:
    body = ".".join(base64url(json.dumps(part).encode()) for part in (header(alg=algorithm), claims()))
    refused(site, f"{body}.")
    assert "alg" in refused(site, f"{body}.{base64url(b'x')}")


@pytest.mark.parametrize(("kind", "issuer", "kid"), [("P-384", ..., "key-1"), ("2048", RSA_ISSUER, "rsa-1")])
def test_z6_a_public_key_is_no_shared_secret(site: FlaskClient, kind: str, issuer: Any, kid: str) -> None:
    secret = private_key(kind).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    named = {} if issuer is ... else {"iss": issuer}
    body = ".".join(base64url(json.dumps(part).encode()) for part in (header(alg="HS256", kid=kid), claims(**named)))
    signature = hmac.new(secret, body.encode(), hashlib.sha256).digest()
    assert "alg" in refused(site, f"{body}.{base64url(signature)}")


def test_z7_es384_and_rs384(site: FlaskClient) -> None:
    assert send(site, token()).status_code == 200
    assert send(site, token("2048", 0, header(alg="RS384", kid="rsa-1"), iss=RSA_ISSUER)).status_code == 200


def test_z8_strangers_cause_no_request(site: FlaskClient, keys: KeyServer) -> None:
    asked = keys.asked
    assert "iss" in refused(site, token(head=header(jku=keys.url), iss="https://stranger.example.org"))
    assert "jku" in refused(site, token("P-384", 1, header(kid="other-1", jku=f"{keys.url}?"), iss=OTHER))
    assert "jku" in refused(site, token(head=header(jku=keys.url)))
    assert keys.asked == asked


def test_z8_z9_keys_from_the_one_url_or_from_a_file(site: FlaskClient, keys: KeyServer) -> None:
    for head in (header(kid="other-1"), header(kid="other-1", jku=keys.url)):
        assert send(site, token("P-384", 1, head, iss=OTHER)).status_code == 200
    assert keys.asked == 1
    assert send(site, token()).status_code == 200
    assert keys.asked == 1


def test_z10_expired(site: FlaskClient) -> None:
    assert "expired" in refused(site, token(iat=SECONDS - 400, exp=SECONDS - 60))


def test_z10_a_token_is_used_once(site: FlaskClient) -> None:
    text = token()
    assert send(site, text).status_code == 200
    assert "jti" in refused(site, text)
    assert send(site, token(jti="two-issuers")).status_code == 200
    rsa = token("2048", 0, header(alg="RS384", kid="rsa-1"), iss=RSA_ISSUER, jti="two-issuers")
    assert send(site, rsa).status_code == 200


def test_z10_a_kid_is_of_its_issuers_set(site: FlaskClient) -> None:
    assert "kid" in refused(site, token("P-384", 1, header(kid="other-1")))
    assert "kid" in refused(site, token(head=header(kid="key-1"), iss=RSA_ISSUER, alg="RS384"))


@pytest.mark.parametrize("path", [DISCOVERY, VIEW, FEEDBACK, "/openapi.json", "/health/ready"])
def test_z11_a_preflight_needs_no_token(site: FlaskClient, path: str) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = site.options(path, headers=asked)
    assert answer.status_code in {200, 204}
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_z11_answers_and_refusals_can_be_read_by_the_origin(site: FlaskClient) -> None:
    for text in (token(), None):
        headers = {"Origin": ORIGIN} | ({"Authorization": f"Bearer {text}"} if text else {})
        answer = site.post(VIEW, json=CALL, headers=headers)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]
