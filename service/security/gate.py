"""The gate: who may call, and how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from flask import Request

from service.errors import Forbidden, NotIdentified
from service.sandbox import official
from service.security.caller import Caller
from service.security.clients import TrustedClient, read_trusted_clients
from service.security.jwks import published_key_set
from service.security.keys import PLACES, ClientKeys, Fetch, fetch_key_set
from service.security.rates import RequestRates, issuer_key, refused_key
from service.security.replay import SeenTokens, SharedTokens
from service.security.tokens import bad_token, check_claims, check_header, check_signature, take_apart, url_of_ours
from service.settings import Settings, SettingsError
from service.variables import PREFIX, is_loopback

Clock = Callable[[], datetime]


def _nothing() -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class _Trusted:
    client: TrustedClient
    keys: ClientKeys


class Gate:
    """Admits callers. Without `trusted` nobody is identified, and everybody is admitted."""

    def __init__(
        self,
        trusted: Mapping[str, _Trusted] | None,
        seen: SeenTokens,
        rates: RequestRates,
        clock: Clock,
        public_url: str | None = None,
    ) -> None:
        self._trusted = trusted
        self._seen = seen
        self._rates = rates
        self._clock = clock
        self._public_url = public_url

    def admit(self, request: Request) -> Caller:
        """Who calls. Raises NotIdentified, Forbidden, TooManyRequests, or Unavailable when keys cannot be had."""
        return self._known(request, of_page=False)

    def recognise(self, request: Request) -> Caller:
        """Who calls, for the sandbox's page: its token may be for any URL of this service, and is not spent.

        The page asks several things for each call of the service, with one token. Raises as `admit` does.
        """
        return self._known(request, of_page=True)

    def _known(self, request: Request, *, of_page: bool) -> Caller:
        if self._trusted is None:
            self._rates.count_address(request.remote_addr)
            return Caller()
        try:
            return self._identify(request, self._trusted, of_page)
        except NotIdentified:
            # counted apart from the client's own calls: a stranger's flood must not silence it
            self._rates.count_address(request.remote_addr)
            raise

    def _identify(self, request: Request, trusted: Mapping[str, _Trusted], of_page: bool) -> Caller:
        token = take_apart(request.headers.get("Authorization"))
        issuer = token.issuer
        if issuer not in trusted:
            raise bad_token("iss is no trusted client")
        client, keys = trusted[issuer].client, trusted[issuer].keys
        # what needs no key comes first: keys are fetched only for a token that is otherwise right
        algorithm, kid = check_header(token, client)
        called = self._called(request)
        url = url_of_ours(token, called.removesuffix(request.path)) or called if of_page else called
        claims = check_claims(token, url, self._clock())
        check_signature(token, algorithm, keys.with_kid(kid))
        if client.tenants and claims.tenant not in client.tenants:
            self._rates.count(refused_key(issuer))
            raise Forbidden("this client may not call for the tenant of its token")
        self._rates.check(issuer_key(issuer))
        if not of_page and not self._seen.first_use(issuer, claims.jti, claims.expires):
            raise bad_token("jti was used before")
        self._rates.count(issuer_key(issuer))
        return Caller(issuer, claims.tenant)

    def _called(self, request: Request) -> str:
        if self._public_url is not None:
            return self._public_url + request.path
        if is_loopback(urlsplit(request.base_url).hostname or ""):
            return request.base_url
        raise bad_token(f"aud cannot be checked: {PREFIX}PUBLIC_URL is not set")


def build_gate(
    settings: Settings,
    *,
    clock: Clock,
    tokens: SharedTokens | None,
    processes: int = 1,
    on_unshared: Callable[[], None] = _nothing,
    on_stale_keys: Callable[[], None] = _nothing,
    fetch: Fetch = fetch_key_set,
) -> Gate:
    """The gate that the settings ask for; SettingsError when the trusted-clients file cannot be used.

    `on_unshared` hears of each token that the shared memory could not be asked about, `on_stale_keys` of each key set
    that could not be refreshed.
    """
    rates = RequestRates.per_minute(settings.requests_per_minute, processes)
    seen = SeenTokens(tokens, on_unshared, clock)
    if settings.auth == "off":
        return Gate(None, seen, rates, clock)
    if settings.trusted_clients is None:
        raise SettingsError((f"{PREFIX}AUTH=jwt needs {PREFIX}TRUSTED_CLIENTS, the file of the clients that may call",))
    places = threading.BoundedSemaphore(PLACES)
    trusted = {
        client.issuer: _Trusted(client, ClientKeys(client, clock, fetch=fetch, places=places, on_failure=on_stale_keys))
        for client in (*_granted(settings), *read_trusted_clients(settings.trusted_clients))
    }
    return Gate(trusted, seen, rates, clock, settings.public_url.rstrip("/") if settings.public_url else None)


def _granted(settings: Settings) -> tuple[TrustedClient, ...]:
    """Whom sandbox mode trusts besides; a listed client of the same issuer takes its place."""
    if not settings.sandbox:
        return ()
    return (TrustedClient(official.ISSUER, published_key_set(), jku=official.KEY_SET_URL, algorithms=("ES384",)),)
