"""Key sets: what can check a signature is taken, what is secret is refused, the rest is left aside."""

from __future__ import annotations

from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm
from jwt.utils import to_base64url_uint

from service.security.jwks import KINDS, KeySetError, read_key_set
from tests.unit.service.security.issuer import jwk, key_set, private_key

ALL = tuple(KINDS)


def short_rsa(bits: int) -> dict[str, Any]:
    """A public RSA key of so many bits, its modulus any odd number of them."""
    numbers = RSAAlgorithm.to_jwk(private_key("2048").public_key(), as_dict=True)
    numbers.pop("key_ops")
    return {**numbers, "kid": "short", "n": to_base64url_uint((1 << (bits - 1)) | 1).decode()}


def problems(text: bytes, algorithms: tuple[str, ...] = ALL) -> str:
    with pytest.raises(KeySetError) as refused:
        read_key_set(text, algorithms)
    return "\n".join(refused.value.problems)


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [("P-384", {"ES384"}), ("P-256", {"ES256"}), ("2048", {"RS384", "RS256", "PS384"})],
)
def test_a_key_fits_the_algorithms_of_its_kind(kind: str, algorithms: set[str]) -> None:
    (key,) = read_key_set(key_set(jwk(kind)), ALL).keys
    assert {algorithm for algorithm in (*ALL, "HS256", "none") if key.fits(algorithm)} == algorithms


def test_a_key_that_names_its_algorithm_fits_that_one_only() -> None:
    (key,) = read_key_set(key_set(jwk("2048", alg="PS384")), ALL).keys
    assert [algorithm for algorithm in ALL if key.fits(algorithm)] == ["PS384"]


def test_keys_are_found_by_kid_and_one_kid_may_have_several() -> None:
    keys = read_key_set(key_set(jwk(kid="a+/="), jwk("2048", kid="a+/="), jwk(which=1, kid="b")), ALL)
    assert [key.kind for key in keys.with_kid("a+/=")] == ["P-384", "RSA"]
    assert keys.with_kid("A+/=") == ()
    assert keys.flaws == ()


@pytest.mark.parametrize(
    "foreign",
    [
        jwk(use="enc"),
        jwk(key_ops=["sign"]),
        jwk(key_ops="verify"),
        jwk("P-521"),
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "AA"},
        jwk(alg="ES256"),
        jwk("2048", alg="RS512"),
        jwk("2048", alg=["RS384"]),
        jwk(kty=["EC"]),
    ],
)
def test_keys_for_something_else_are_no_flaw(foreign: dict[str, Any]) -> None:
    keys = read_key_set(key_set(foreign, jwk("P-256")), ALL)
    assert [key.kind for key in keys.keys] == ["P-256"]
    assert keys.flaws == ()
    assert "no key that can check" in problems(key_set(foreign))


@pytest.mark.parametrize(("more", "fits"), [({"use": "sig"}, 1), ({"key_ops": ["verify"]}, 1), ({"use": "sign"}, 0)])
def test_keys_for_signatures(more: dict[str, Any], fits: int) -> None:
    assert len(read_key_set(key_set(jwk(**more), jwk("2048")), ALL).keys) == 1 + fits


@pytest.mark.parametrize(
    ("flawed", "says"),
    [
        (jwk(kid=...), "has no kid"),
        (jwk(kid=""), "has no kid"),
        (jwk(kid=7), "has no kid"),
        (jwk(x=...), "lacks x or y"),
        (jwk(y=5), "lacks x or y"),
        (jwk("2048", e=None), "lacks n or e"),
        (jwk(x="AAAA"), "is damaged"),
        (jwk(x="!"), "is damaged"),
        (jwk(crv="P-256"), "is damaged"),
        (jwk(x="A" * 64), "is damaged"),
        (jwk("2048", e="Ag"), "is damaged"),
        (jwk("2048", n=""), "is damaged"),
        (short_rsa(2047), "RSA key of 2047 bits"),
    ],
)
def test_a_flawed_key_is_named_by_its_place(flawed: dict[str, Any], says: str) -> None:
    keys = read_key_set(key_set(jwk("P-256"), flawed), ALL)
    assert len(keys.keys) == 1
    assert len(keys.flaws) == 1
    assert keys.flaws[0].startswith("key 2 ")
    assert says in keys.flaws[0]
    assert says in problems(key_set(flawed))


def test_an_rsa_key_of_2048_bits_is_long_enough() -> None:
    assert read_key_set(key_set(jwk("2048")), ALL).flaws == ()


@pytest.mark.parametrize("kind", ["P-384", "P-256", "2048"])
def test_a_private_key_is_refused_with_the_whole_set(kind: str) -> None:
    said = problems(key_set(jwk(), jwk(kind, private=True)))
    assert said.startswith("key 2 is a private key")


def test_a_symmetric_key_is_refused_with_the_whole_set() -> None:
    assert "key 1 is symmetric" in problems(key_set({"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, jwk()))


def test_no_key_for_the_allowed_algorithms() -> None:
    assert "RS384, PS384" in problems(key_set(jwk()), ("RS384", "PS384"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no key set"),
        (b"{}", "no key set"),
        (b'{"keys": []}', "no key set"),
        (b'{"keys": {}}', "no key set"),
        (b'{"keys": [1]}', "no key set"),
        (b'{"keys": [{}]}', "no key that can check"),
    ],
)
def test_what_is_no_key_set(text: bytes, says: str) -> None:
    assert says in problems(text)
