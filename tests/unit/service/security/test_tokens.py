"""What a token must be: each rule at its limit, each refusal in words that quote nothing of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import NotIdentified
from service.security.gate import Gate, build_gate
from service.security.tokens import LONGEST_TOKEN
from service.settings import Settings
from tests.unit.service.security.issuer import (
    ISSUER,
    NOW,
    OTHER,
    PUBLIC_URL,
    URL,
    base64url,
    bearer,
    calling,
    claims,
    clients_file,
    compact,
    header,
    jwk,
    key_set,
    member,
    private_key,
    token,
)

SECONDS = int(NOW.timestamp())
ALL = ["ES384", "RS384", "ES256", "RS256", "PS384"]
TOKEN_URL = "https://ehr.example.org/jwks.json"


def gate_for(folder: Path, *members: Any, fetch: Any = None) -> Gate:
    own = Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients_file(folder, *members))
    return build_gate(own, clock=lambda: NOW, tokens=None, **({"fetch": fetch} if fetch else {}))


@pytest.fixture(scope="session")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A client with a P-384 key and the default algorithms, one with a key of each kind and all of them."""
    folder = tmp_path_factory.mktemp("clients")
    keys = [jwk(), jwk("P-256", kid="p256"), jwk("2048", kid="rsa"), jwk("3072", kid="key-1"), jwk(which=1, kid="more")]
    (folder / "all.json").write_bytes(key_set(*keys))
    return gate_for(folder, member(jku=TOKEN_URL), member(issuer=OTHER, jwks_file="all.json", algorithms=ALL))


def refusal(gate: Gate, text: str) -> str:
    """Why a token is refused; the words hold nothing of it."""
    with pytest.raises(NotIdentified) as refused:
        gate.admit(bearer(text))
    error = refused.value
    assert error.headers == {"WWW-Authenticate": 'Bearer realm="mda5-cds", error="invalid_token"'}
    assert error.__cause__ is None
    for part in text.split("."):
        assert len(part) < 8 or part not in error.diagnostics
    assert ISSUER not in error.diagnostics
    return error.diagnostics


def test_a_good_token(gate: Gate) -> None:
    caller = gate.admit(bearer(token()))
    assert (caller.issuer, caller.tenant) == (ISSUER, "")


@pytest.mark.parametrize(
    ("algorithm", "kind", "which", "kid"),
    [
        ("ES384", "P-384", 0, "key-1"),
        ("ES384", "P-384", 1, "more"),
        ("ES256", "P-256", 0, "p256"),
        ("RS384", "2048", 0, "rsa"),
        ("RS256", "2048", 0, "rsa"),
        ("PS384", "2048", 0, "rsa"),
        # one kid, two keys: the one that fits
        ("RS384", "3072", 0, "key-1"),
    ],
)
def test_the_allowed_algorithms(gate: Gate, algorithm: str, kind: str, which: int, kid: str) -> None:
    text = token(kind, which, header(alg=algorithm, kid=kid), iss=OTHER)
    assert gate.admit(bearer(text)).issuer == OTHER


@pytest.mark.parametrize(
    "algorithm", ["ES256", "RS256", "PS384", "ES512", "EdDSA", "es384", "", None, 1, ["ES384"], ...]
)
def test_an_algorithm_that_is_not_allowed(gate: Gate, algorithm: Any) -> None:
    head = header(alg=algorithm)
    assert "alg" in refusal(gate, compact(head, claims(), private_key("P-384"), "ES384"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("signature", ["", "AA", base64url(b"x" * 96)])
def test_unsigned(gate: Gate, algorithm: str, signature: str) -> None:
    body = f"{base64url(json.dumps(header(alg=algorithm)).encode())}.{base64url(json.dumps(claims()).encode())}"
    refusal(gate, f"{body}.{signature}")
    refusal(gate, body)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
@pytest.mark.parametrize("issuer", [ISSUER, OTHER])
def test_a_public_key_is_no_shared_secret(gate: Gate, algorithm: str, form: PublicFormat, issuer: str) -> None:
    secret = private_key("2048").public_key().public_bytes(Encoding.PEM, form)
    body = ".".join(
        base64url(json.dumps(part).encode()) for part in (header(alg=algorithm, kid="rsa"), claims(iss=issuer))
    )
    signature = hmac.new(secret, body.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    assert "alg" in refusal(gate, f"{body}.{base64url(signature)}")


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (header(typ=...), "typ"),
        (header(typ=None), "typ"),
        (header(typ=""), "typ"),
        (header(typ="JOSE"), "typ"),
        (header(typ=["JWT"]), "typ"),
        (header(kid=...), "kid"),
        (header(kid=""), "kid"),
        (header(kid="key-2"), "kid"),
        (header(kid="more"), "kid"),
        (header(crit=["exp"]), "decoded"),
        (header(crit=["b64"], b64=True), "crit"),
        (header(b64=False), "decoded"),
        (header(jwk=jwk()), "jwk"),
        (header(jku="https://evil.example.org/jwks.json"), "jku"),
        (header(jku=TOKEN_URL + "/"), "jku"),
        (header(jku=""), "jku"),
        (header(jku=None), "jku"),
    ],
)
def test_headers_that_are_refused(gate: Gate, head: Any, says: str) -> None:
    assert says in refusal(gate, token(head=head))


@pytest.mark.parametrize(
    "head", [header(typ="jwt"), header(typ="Jwt"), header(jku=TOKEN_URL), header(x5u="https://x", x5c=["AA"], x5t="x")]
)
def test_headers_that_are_taken(gate: Gate, head: Any) -> None:
    assert gate.admit(bearer(token(head=head))).issuer == ISSUER


def test_a_jku_needs_one_to_be_configured(gate: Gate) -> None:
    assert "jku" in refusal(gate, token(head=header(jku=TOKEN_URL), iss=OTHER))


def test_a_kid_of_another_client_is_unknown_here(gate: Gate) -> None:
    assert "kid" in refusal(gate, token("P-384", 1, header(kid="more")))
    assert "signature" in refusal(gate, token("P-384", 1, header(kid="key-1")))


def test_a_kid_whose_key_is_of_another_kind(gate: Gate) -> None:
    assert "fits alg" in refusal(gate, token("P-384", 0, header(kid="rsa"), iss=OTHER))


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti"])
@pytest.mark.parametrize("value", [..., None, "", [], {}, True, "soon", float("nan"), float("inf"), -1, 10**30])
def test_claims_that_are_needed(gate: Gate, claim: str, value: Any) -> None:
    if (claim, value) != ("jti", "soon"):
        assert claim in refusal(gate, token(**{claim: value}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": ISSUER + "/"}, "iss"),
        ({"iss": "https://EHR.example.org"}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"iss": "\ud800"}, "iss"),
        ({"aud": PUBLIC_URL}, "aud"),
        ({"aud": URL + "/feedback"}, "aud"),
        ({"aud": URL + "//"}, "aud"),
        ({"aud": URL + "?"}, "aud"),
        ({"aud": URL.replace("patient-view", "order-sign")}, "aud"),
        ({"aud": URL.replace("https", "http")}, "aud"),
        ({"aud": URL.upper()}, "aud"),
        ({"aud": [PUBLIC_URL, None, 5, [URL]]}, "aud"),
        ({"aud": {"url": URL}}, "aud"),
        ({"jti": " " * 3 + "\n"}, "jti"),
        ({"jti": "x" * 513}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "\ud800"}, "jti"),
        # skew is a minute
        ({"exp": SECONDS - 60, "iat": SECONDS - 300}, "exp"),
        ({"iat": SECONDS + 61}, "iat"),
        ({"iat": SECONDS + 60.5}, "iat"),
        ({"nbf": SECONDS + 61}, "nbf"),
        ({"nbf": None}, "nbf"),
        ({"nbf": "now"}, "nbf"),
        ({"nbf": False}, "nbf"),
        # a life has two ends and lasts 15 minutes at most
        ({"exp": SECONDS}, "exp is not after iat"),
        ({"exp": SECONDS - 30}, "exp is not after iat"),
        ({"exp": SECONDS + 901}, "lives longer"),
        ({"exp": SECONDS + 840, "iat": SECONDS - 61}, "lives longer"),
    ],
)
def test_claims_that_are_refused(gate: Gate, changes: Any, says: str) -> None:
    assert says in refusal(gate, token(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": URL + "/"},
        {"aud": [URL]},
        {"aud": [PUBLIC_URL, URL]},
        {"jti": "x" * 512},
        {"jti": "ä+/= 1"},
        {"exp": SECONDS - 59, "iat": SECONDS - 300},
        {"iat": SECONDS + 60},
        {"iat": SECONDS + 0.5},
        {"nbf": SECONDS + 60},
        {"nbf": SECONDS - 300},
        {"exp": SECONDS + 900},
        {"exp": SECONDS + 900.0, "nbf": SECONDS - 300},
        {"exp": SECONDS + 1},
        {"sub": "somebody", "scope": ["a"], "tenant": 5},
    ],
)
def test_claims_that_are_taken(gate: Gate, changes: Any) -> None:
    text = token(**({"jti": f"taken-{changes}"} | changes))
    assert gate.admit(bearer(text)).issuer == ISSUER


@pytest.mark.parametrize("part", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 3000, b'"x"', b"9" * 5000])
def test_parts_that_are_no_object(gate: Gate, part: bytes) -> None:
    for head, body in ((part, claims()), (header(), part)):
        refusal(gate, compact(head, body, private_key("P-384"), "ES384"))


def test_a_token_of_the_largest_size(gate: Gate) -> None:
    smallest = len(token(pad=""))
    # three bytes make four characters
    about = (LONGEST_TOKEN - smallest) * 3 // 4
    for pad in range(about - 6, about + 6):
        text = token(pad="x" * pad)
        if len(text) > LONGEST_TOKEN:
            assert "longer than 8192 bytes" in refusal(gate, text)
        else:
            assert gate.admit(bearer(text)).issuer == ISSUER


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer", "Token abc", "Bearerabc", "\xe4"],
)
def test_no_token(gate: Gate, authorization: str | None) -> None:
    with pytest.raises(NotIdentified, match="a bearer token is needed") as refused:
        gate.admit(calling(authorization))
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="mda5-cds"'}


def test_the_scheme_in_any_case(gate: Gate) -> None:
    for scheme in ("bearer ", "BEARER ", "Bearer   "):
        gate.admit(calling(f"{scheme}{token()}"))


@pytest.mark.parametrize("joined", ["{0},Bearer {1}", "{0}, {1}", "{0} {1}", "{0}\t", "{0};x", "{0}="])
def test_one_token_and_nothing_beside_it(gate: Gate, joined: str) -> None:
    assert "compact form" in refusal(gate, joined.format(token(), token()))


def test_no_keys_are_fetched_for_a_token_that_is_refused_anyway(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return key_set()

    gate = gate_for(tmp_path, {"issuer": ISSUER, "jwks_url": TOKEN_URL}, fetch=fetch)
    for text in (
        token(iss=OTHER),
        token(head=header(jku="https://evil.example.org/jwks.json")),
        token(head=header(typ=...)),
        token(head=header(kid=...)),
        token("P-256", 0, header(alg="ES256")),
        token(aud=PUBLIC_URL),
        token(exp=SECONDS - 600, iat=SECONDS - 700),
        token(jti=...),
        "x.y.z",
    ):
        refusal(gate, text)
    assert asked == []
    gate.admit(bearer(token(head=header(jku=TOKEN_URL))))
    assert asked == [TOKEN_URL]


MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = token(jti="property")
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)


@MANY
@given(text=st.text())
def test_any_text_is_refused(gate: Gate, text: str) -> None:
    try:
        request = bearer(text.replace("\r", "").replace("\n", ""))
    except UnicodeEncodeError:
        return
    with pytest.raises(NotIdentified):
        gate.admit(request)


@MANY
@given(place=st.integers(0, len(GOOD) - 1), instead=st.text(st.characters(max_codepoint=255), max_size=3))
def test_a_damaged_token_is_refused(gate: Gate, place: int, instead: str) -> None:
    damaged = (GOOD[:place] + instead + GOOD[place + 1 :]).replace("\r", "").replace("\n", "")
    if damaged.strip() == GOOD:
        return
    with pytest.raises(NotIdentified):
        gate.admit(bearer(damaged))


@MANY
@given(
    head=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jku", "b64", "jwk"]), JSON),
    body=st.dictionaries(st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti"]), JSON, min_size=1),
)
def test_any_header_and_claims_are_refused_or_fit(gate: Gate, head: Any, body: Any) -> None:
    text = compact(header() | head, claims() | body, private_key("P-384", 7), "ES384")
    with pytest.raises(NotIdentified):
        gate.admit(bearer(text))
