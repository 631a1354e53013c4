"""A client's JWT: what CDS Hooks asks of it, checked. Reasons name the claim, never its value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from jwt import PyJWS, PyJWTError
from jwt.utils import base64url_decode

from service.errors import NotIdentified
from service.security.clients import TrustedClient
from service.security.jwks import VerificationKey

LONGEST_TOKEN = 8 * 1024
LONGEST_TEXT = 512
SKEW = timedelta(seconds=60)
LONGEST_LIFE = timedelta(minutes=15)
# the end of year 9999: beyond it there are no dates
_LAST_SECOND = 253_402_300_799
_BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE | re.DOTALL)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart; nothing in it is checked yet."""

    text: str = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    claims: Mapping[str, object] = field(repr=False)

    @property
    def issuer(self) -> str:
        """Whose token it says it is."""
        issuer = self.claims.get("iss")
        if not isinstance(issuer, str):
            raise bad_token("iss is missing")
        return issuer


@dataclass(frozen=True, slots=True)
class Claims:
    """The checked claims that matter later. `expires`: from then on the token is refused; `tenant` "" if none."""

    jti: str
    expires: datetime
    tenant: str


def bad_token(why: str) -> NotIdentified:
    """The refusal of a token, for a reason that quotes nothing of it."""
    return NotIdentified(f"the bearer token is refused: {why}", token_given=True)


def take_apart(authorization: str | None) -> Token:
    """The token of an Authorization header; NotIdentified when there is none, or it is no signed JWT."""
    bearer = _BEARER.fullmatch(authorization or "")
    if bearer is None:
        raise NotIdentified("a bearer token is needed: Authorization: Bearer <JWT>")
    text = bearer[1]
    if len(text) > LONGEST_TOKEN:
        raise bad_token(f"it is longer than {LONGEST_TOKEN} bytes")
    if not _COMPACT.fullmatch(text):
        raise bad_token("it is not one signed JWT in compact form")
    try:
        # the library's own look first: it refuses what it would not verify
        payload = PyJWS().decode_complete(text, options={"verify_signature": False})["payload"]
        header, claims = _strict(base64url_decode(text.partition(".")[0])), _strict(payload)
    except (PyJWTError, ValueError, RecursionError):
        raise bad_token("its header or payload cannot be decoded") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise bad_token("its header or payload is no object")
    return Token(text, header, claims)


def check_header(token: Token, client: TrustedClient) -> tuple[str, str]:
    """(alg, kid) of a header that is as it has to be for this client."""
    header = token.header
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in client.algorithms:
        raise bad_token("alg is missing, or none that this client may use")
    if not isinstance(typ, str) or typ.upper() != "JWT":
        raise bad_token("typ is not JWT")
    if not isinstance(kid, str) or not kid:
        raise bad_token("kid is missing")
    if "crit" in header:
        raise bad_token("crit names extensions that this service does not know")
    if "jwk" in header:
        raise bad_token("it brings its own key (jwk)")
    if "jku" in header and header["jku"] != client.jku:
        raise bad_token("jku is not the key set URL of this client")
    return algorithm, kid


def check_claims(token: Token, url: str, now: datetime) -> Claims:
    """The claims, checked but for the signature and the reuse of `jti`; `url` is the one called."""
    claims = token.claims
    if not _is_meant_for(claims.get("aud"), url):
        raise bad_token("aud is not the URL called")
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    if now >= expires + SKEW:
        raise bad_token("it has expired (exp)")
    if issued > now + SKEW:
        raise bad_token("iat lies in the future")
    if "nbf" in claims and _instant(claims, "nbf") > now + SKEW:
        raise bad_token("it is not valid yet (nbf)")
    if not issued < expires:
        raise bad_token("exp is not after iat")
    if expires - issued > LONGEST_LIFE:
        raise bad_token(f"it lives longer than {LONGEST_LIFE.seconds // 60} minutes (exp - iat)")
    jti = claims.get("jti")
    if not _is_short_text(jti):
        raise bad_token(f"jti is missing, or no text of at most {LONGEST_TEXT} characters")
    tenant = claims.get("tenant")
    return Claims(str(jti), expires + SKEW, str(tenant) if _is_short_text(tenant) else "")


def url_of_ours(token: Token, base: str) -> str | None:
    """The first URL below `base` that the token is meant for, if any."""
    audience = token.claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return next((each for each in listed if isinstance(each, str) and each.startswith(f"{base}/")), None)


def check_signature(token: Token, algorithm: str, keys: Iterable[VerificationKey]) -> None:
    """Raises NotIdentified unless the signature is of one of the keys."""
    fitting = [key for key in keys if key.fits(algorithm)]
    if not fitting:
        raise bad_token("kid names no key of this client that fits alg")
    if not any(_is_signed(token.text, algorithm, key) for key in fitting):
        raise bad_token("the signature is not of the key that kid names")


def _strict(text: bytes) -> object:
    """JSON in UTF-8, each member named once: whoever else reads this token must not read another one."""
    return json.loads(text.decode(), object_pairs_hook=_each_once)


def _each_once(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a member is given twice")
    return found


def _is_signed(text: str, algorithm: str, key: VerificationKey) -> bool:
    try:
        PyJWS(algorithms=[algorithm]).decode_complete(text, key=key.public, algorithms=[algorithm])
    except (PyJWTError, ValueError):
        return False
    return True


def _is_meant_for(audience: object, url: str) -> bool:
    listed = audience if isinstance(audience, list) else [audience]
    return any(isinstance(each, str) and each.removesuffix("/") == url.removesuffix("/") for each in listed)


def _instant(claims: Mapping[str, object], name: str) -> datetime:
    value = claims.get(name)
    # the comparison refuses NaN and the infinities too
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND - 3600:
        raise bad_token(f"{name} is missing, or no number of seconds since 1970")
    return datetime.fromtimestamp(value, UTC)


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable()
