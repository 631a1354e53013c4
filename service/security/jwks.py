"""A JSON Web Key Set, read: the public keys that can check a signature, and why others cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from service.sandbox.official import PUBLISHED_KEY

KINDS: Mapping[str, str] = {
    "ES384": "P-384",
    "RS384": "RSA",
    "ES256": "P-256",
    "RS256": "RSA",
    "PS384": "RSA",
}
"""Each signature algorithm that a client may be allowed, and the kind of key that it takes."""
SMALLEST_RSA_BITS = 2048

_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_NUMBERS: Mapping[str, tuple[str, ...]] = {"EC": ("x", "y"), "RSA": ("n", "e")}


class KeySetError(Exception):
    """The key set cannot be used. `problems` has one sentence each, without anything of the keys."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class _Flaw(Exception):
    """Why one key of a set cannot be used."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key. `kind` RSA or its curve; `algorithm` the only one its owner allows, None: any that fits."""

    kid: str
    kind: str
    algorithm: str | None
    public: RSAPublicKey | EllipticCurvePublicKey

    def fits(self, algorithm: str) -> bool:
        """Whether a signature of this algorithm can be this key's."""
        return KINDS.get(algorithm) == self.kind and self.algorithm in {None, algorithm}


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys, at least one. `flaws`: a sentence for each key that looks meant for us and cannot be used."""

    keys: tuple[VerificationKey, ...]
    flaws: tuple[str, ...]

    def with_kid(self, kid: str) -> tuple[VerificationKey, ...]:
        """The keys of that id; a set may give one id to several."""
        return tuple(key for key in self.keys if key.kid == kid)


def read_key_set(text: bytes, algorithms: Sequence[str]) -> KeySet:
    """The keys that can check a signature of one of `algorithms`; KeySetError when there are none, or secret ones."""
    members = _members(text)
    secrets = tuple(_secrets(members))
    if secrets:
        raise KeySetError(secrets)
    keys: list[VerificationKey] = []
    flaws: list[str] = []
    for place, member in enumerate(members, start=1):
        try:
            _refuse_published(member)
            key = _verification_key(member)
        except _Flaw as flaw:
            flaws.append(f"key {place} {flaw}")
            continue
        if key is not None and any(key.fits(algorithm) for algorithm in algorithms):
            keys.append(key)
    if not keys:
        raise KeySetError((*flaws, f"has no key that can check a signature of {', '.join(algorithms)}"))
    return KeySet(tuple(keys), tuple(flaws))


def published_key_set() -> KeySet:
    """The public CDS Hooks Sandbox's key, for sandbox mode alone."""
    key = _verification_key(PUBLISHED_KEY)
    return KeySet((key,) if key is not None else (), ())


def _members(text: bytes) -> list[Mapping[str, object]]:
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        raise KeySetError(("is not JSON",)) from None
    members = decoded.get("keys") if isinstance(decoded, dict) else None
    if not isinstance(members, list) or not members or not all(isinstance(member, dict) for member in members):
        raise KeySetError(('is no key set: {"keys": […]} with at least one key is expected',))
    return members


def _secrets(members: Sequence[Mapping[str, object]]) -> Iterator[str]:
    for place, member in enumerate(members, start=1):
        if member.get("kty") == "oct":
            yield f"key {place} is symmetric; only public keys can identify a client"
        elif _SECRET_MEMBERS & member.keys():
            yield f"key {place} is a private key; it must not lie here, and whoever owns it should replace it"


def _refuse_published(member: Mapping[str, object]) -> None:
    if member.get("x") == PUBLISHED_KEY["x"]:
        raise _Flaw("is the public CDS Hooks Sandbox's, whose private half everybody has; --sandbox alone trusts it")


def _verification_key(member: Mapping[str, object]) -> VerificationKey | None:
    """None for a key that is meant for something else."""
    if not _is_for_signatures(member):
        return None
    kty, kid, algorithm = str(member.get("kty")), member.get("kid"), member.get("alg")
    kind = str(member.get("crv")) if kty == "EC" else kty
    if kind not in KINDS.values() or (algorithm is not None and KINDS.get(str(algorithm)) != kind):
        return None
    if not isinstance(kid, str) or not kid:
        raise _Flaw("has no kid, so no token can name it")
    return VerificationKey(kid, kind, None if algorithm is None else str(algorithm), _public(member, kty))


def _is_for_signatures(member: Mapping[str, object]) -> bool:
    operations = member.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return member.get("use") in {None, "sig"}


def _public(member: Mapping[str, object], kty: str) -> RSAPublicKey | EllipticCurvePublicKey:
    if not all(isinstance(member.get(name), str) for name in _NUMBERS[kty]):
        raise _Flaw(f"lacks {' or '.join(_NUMBERS[kty])}")
    try:
        key = (ECAlgorithm if kty == "EC" else RSAAlgorithm).from_jwk(dict(member))
    except (PyJWTError, ValueError, TypeError, OverflowError):
        raise _Flaw("is damaged: its numbers are no public key") from None
    if isinstance(key, EllipticCurvePublicKey):
        return key
    if not isinstance(key, RSAPublicKey):
        raise _Flaw("is no public key")
    if key.key_size < SMALLEST_RSA_BITS:
        raise _Flaw(f"is an RSA key of {key.key_size} bits; at least {SMALLEST_RSA_BITS} are needed")
    return key
