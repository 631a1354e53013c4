"""A token is good for one call: the memory of the `jti`s that were used."""

from __future__ import annotations

import hashlib
import heapq
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from service.store import StoreLost

MOST_REMEMBERED = 100_000
"""Per process; about 20 MB. More than one client may send at the default rate while its tokens live."""


class SharedTokens(Protocol):
    """The memory that all workers and replicas share."""

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Whether nobody used it before; raises StoreLost when that cannot be told."""


class SeenTokens:
    """Admits each `jti` of an issuer once, until it expires.

    This process remembers first, then the `shared` memory decides for all. While that one is lost, or when there is
    none, each process knows only what it saw itself; `on_unshared` hears of each such call. Beyond `most` tokens the
    one that expires first is forgotten here.
    """

    def __init__(
        self,
        shared: SharedTokens | None,
        on_unshared: Callable[[], None],
        clock: Callable[[], datetime],
        most: int = MOST_REMEMBERED,
    ) -> None:
        self._shared = shared
        self._on_unshared = on_unshared
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._seen: set[bytes] = set()
        self._by_expiry: list[tuple[datetime, bytes]] = []

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Whether this is the first call with it. `expires`: when the token is refused anyway, skew included."""
        if not self._first_here(hashlib.sha256(f"{issuer}\0{jti}".encode()).digest(), expires):
            return False
        if self._shared is None:
            return True
        try:
            return self._shared.first_use(issuer, jti, expires)
        except StoreLost:
            self._on_unshared()
            return True

    def _first_here(self, digest: bytes, expires: datetime) -> bool:
        now = self._clock()
        with self._lock:
            while self._by_expiry and self._by_expiry[0][0] <= now:
                self._forget_first()
            if digest in self._seen:
                return False
            if len(self._seen) >= self._most:
                self._forget_first()
            self._seen.add(digest)
            heapq.heappush(self._by_expiry, (expires, digest))
            return True

    def _forget_first(self) -> None:
        self._seen.discard(heapq.heappop(self._by_expiry)[1])
