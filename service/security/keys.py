"""The keys of one trusted client, kept between calls and looked up again when they may have changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.errors import Unavailable
from service.outgoing.door import Deadline, Outgoing, OutgoingError
from service.security.clients import TrustedClient
from service.security.jwks import KeySet, KeySetError, VerificationKey, read_key_set

log = logging.getLogger(__name__)

BETWEEN_ATTEMPTS = timedelta(minutes=1)
FRESH = timedelta(hours=1)
USABLE = timedelta(days=1)
FETCH_SECONDS = 2.5
MAX_BYTES = 256 * 1024
PLACES = 3
"""Calls of one process that may wait for keys at once: the other threads go on answering."""

Fetch = Callable[[str], bytes]
Aside = Callable[[Callable[[], None]], None]


class KeysUnreachable(Exception):
    """A key set could not be fetched; the message is the reason, in own words."""


def fetch_key_set(url: str) -> bytes:
    """The body of a key set at a fixed URL; raises KeysUnreachable."""
    try:
        reply = Outgoing().send(
            "GET",
            url,
            headers={"Accept": "application/jwk-set+json, application/json"},
            deadline=Deadline.after(FETCH_SECONDS),
            max_bytes=MAX_BYTES,
        )
    except OutgoingError as error:
        raise KeysUnreachable(error.why) from None
    if reply.status != 200:
        raise KeysUnreachable(f"the server answered {reply.status}")
    return reply.body


def load_keys(client: TrustedClient, fetch: Fetch = fetch_key_set) -> KeySet:
    """The client's key set as its file or URL gives it now; raises KeysUnreachable or KeySetError."""
    if isinstance(client.key_set, KeySet):
        return client.key_set
    if isinstance(client.key_set, str):
        return read_key_set(fetch(client.key_set), client.algorithms)
    try:
        return read_key_set(client.key_set.read_bytes(), client.algorithms)
    except OSError as error:
        raise KeysUnreachable(f"the file cannot be read: {error.strerror}") from None


def in_background(work: Callable[[], None]) -> None:
    """Runs `work` in a thread of its own; leaves it when the system has no thread to give."""
    with suppress(RuntimeError):
        threading.Thread(target=work, daemon=True).start()


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet
    since: datetime


class ClientKeys:
    """The keys of one client: there at once, read from a file at once, or from a URL when first needed.

    They are read again when an hour old (aside: the old ones serve on, for a day at most), and for a `kid` that is not
    among them, at most once a minute, failures counted in.
    `places` bounds the calls that wait for keys, over all clients; `on_failure` hears of each refresh that failed.
    """

    def __init__(
        self,
        client: TrustedClient,
        clock: Callable[[], datetime],
        *,
        fetch: Fetch = fetch_key_set,
        places: threading.Semaphore | None = None,
        on_failure: Callable[[], None] = lambda: None,
        aside: Aside = in_background,
    ) -> None:
        self._client = client
        self._clock = clock
        self._fetch = fetch
        self._places = places or threading.BoundedSemaphore(PLACES)
        self._on_failure = on_failure
        self._aside = aside
        self._refreshing = threading.Lock()
        self._last_attempt: datetime | None = None
        self._held: _Held | None = None
        if not isinstance(client.key_set, str):
            # nobody has to wait for a file
            self._load()

    def with_kid(self, kid: str) -> tuple[VerificationKey, ...]:
        """The client's keys of that id, none if it has none; Unavailable when no keys can be had at all."""
        held = self._usable()
        if held is None:
            return self._obtain(kid)
        if not _young(held.since, self._clock(), FRESH):
            self._refresh_aside()
        return held.keys.with_kid(kid) or self._look_again(held, kid)

    def _usable(self) -> _Held | None:
        held = self._held
        return held if held is not None and _young(held.since, self._clock(), USABLE) else None

    def _obtain(self, kid: str) -> tuple[VerificationKey, ...]:
        with self._waiting():
            held = self._usable()
            if held is None:
                held = self._load() if self._may_attempt() else None
            if held is None:
                raise Unavailable("the keys of this client cannot be obtained at present", self._pause())
            found = held.keys.with_kid(kid)
            if not found:
                # it was looked for in keys that are new: not again within the minute
                self._last_attempt = held.since
            return found

    def _look_again(self, held: _Held, kid: str) -> tuple[VerificationKey, ...]:
        if self._held is held and not self._may_attempt():
            return ()
        with self._waiting():
            # another call may have fetched them while this one waited
            if self._held is held and self._may_attempt():
                self._load()
                # not before: who comes meanwhile waits for these keys
                self._last_attempt = self._clock()
            return self._held.keys.with_kid(kid) if self._held is not None else ()

    def _refresh_aside(self) -> None:
        if self._may_attempt() and not self._refreshing.locked():
            self._aside(self._refresh_if_idle)

    def _refresh_if_idle(self) -> None:
        if not self._refreshing.acquire(blocking=False):
            return
        try:
            held = self._held
            if self._may_attempt() and not (held and _young(held.since, self._clock(), FRESH)):
                self._load()
        finally:
            self._refreshing.release()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Unavailable("the keys of clients are being fetched", 1)
        try:
            with self._refreshing:
                yield
        finally:
            self._places.release()

    def _load(self) -> _Held | None:
        """Fetches the keys; None, and what was held stays, when that fails."""
        try:
            self._held = _Held(load_keys(self._client, self._fetch), self._clock())
        except (KeysUnreachable, KeySetError) as error:
            self._last_attempt = self._clock()
            log.warning("the keys of client %s could not be refreshed: %s", self._client.issuer, error)
            self._on_failure()
            return None
        return self._held

    def _may_attempt(self) -> bool:
        return self._last_attempt is None or not _young(self._last_attempt, self._clock(), BETWEEN_ATTEMPTS)

    def _pause(self) -> int:
        """Seconds until the next attempt."""
        since = self._clock() - self._last_attempt if self._last_attempt else timedelta()
        return int((BETWEEN_ATTEMPTS - since).total_seconds())


def _young(since: datetime, now: datetime, limit: timedelta) -> bool:
    """Less than `limit` old; nothing is young for ever when the clock is set back."""
    return abs(now - since) < limit
