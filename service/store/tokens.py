"""Tokens presented before, shared by all workers and replicas."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as AnswerTimeout
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import delete

from service.store.forks import around_forks
from service.store.lost import StoreLost
from service.store.store import Store
from service.store.tables import used_tokens

KEPT = timedelta(hours=1)
"""How long a token stays known after its expiry; no token may be admitted that expires later than this from now."""
SECONDS_BETWEEN_CLEARINGS = 600.0
WAIT_SECONDS = 0.5
"""How long a call waits for the database's word. A database that is stuck is noticed only after seconds, and a card
that comes so late helps nobody."""
ASKERS = 8
"""Threads that ask, as many as answer calls."""


class UsedTokens:
    """Which tokens were presented, by issuer and `jti`, kept as digests."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cleared = time.monotonic()
        self._start_over()
        around_forks(in_child=self._start_over)

    def _start_over(self) -> None:
        self._askers = ThreadPoolExecutor(ASKERS, thread_name_prefix="tokens")

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Whether nobody presented this token before, on any replica; from now on it is used.

        `expires` with its zone. Raises StoreLost, also when the answer takes longer than `WAIT_SECONDS`.
        """
        if self._store.lost:
            raise StoreLost("the database was lost a moment ago")
        asked = self._askers.submit(self._insert, issuer, jti, expires)
        try:
            first = asked.result(WAIT_SECONDS)
        except AnswerTimeout:
            asked.cancel()
            raise StoreLost("the database does not answer in time") from None
        if first and time.monotonic() - self._cleared >= SECONDS_BETWEEN_CLEARINGS:
            self._cleared = time.monotonic()
            self._askers.submit(self._clear, expires)
        return first

    def _insert(self, issuer: str, jti: str, expires: datetime) -> bool:
        return self._store.append({used_tokens: [{"digest": _digest(issuer, jti), "expires_at": expires}]}) == 1

    def _clear(self, expires: datetime) -> None:
        """Forgets by the caller's clock: a token admitted now expires soon; what expired long before it is over."""
        # whether the clearing succeeds says nothing about the token
        with suppress(StoreLost), self._store.begin() as connection:
            connection.execute(delete(used_tokens).where(used_tokens.c.expires_at < expires - KEPT))


def _digest(issuer: str, jti: str) -> str:
    # the length keeps two pairs apart whose texts join to the same
    text = f"{len(issuer)}:{issuer}{jti}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
