"""How often a client may call."""

from __future__ import annotations

import ipaddress
import math
import os
import threading
import time
from typing import TYPE_CHECKING

from service.errors import TooManyRequests

# late where they are needed: without a limit nothing of them is loaded
if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import RateLimiter

# what one subscriber of an IPv6 network has to himself
_IPV6_NETWORK_BITS = 64


class RequestRates:
    """Counts the calls of each client in this process over a sliding window. `limit` None: no limit."""

    def __init__(self, limit: RateLimitItem | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._limiter: RateLimiter | None = None
        self._process = 0

    @classmethod
    def per_minute(cls, calls: int | None, processes: int = 1) -> RequestRates:
        """This process's share of `calls` a minute, at least one; None: no limit."""
        if calls is None:
            return cls(None)
        from limits import RateLimitItemPerMinute

        return cls(RateLimitItemPerMinute(max(1, calls // processes)))

    def check(self, client: str) -> None:
        """Raises TooManyRequests when the next call of `client` would be too many; counts nothing."""
        if self._limit is not None and not self._of_this_process().test(self._limit, client):
            raise self._refusal(self._limit, client)

    def count(self, client: str) -> None:
        """Counts a call of `client`; raises TooManyRequests when it is one too many."""
        if self._limit is not None and not self._of_this_process().hit(self._limit, client):
            raise self._refusal(self._limit, client)

    def count_address(self, address: str | None) -> None:
        """Counts a call that came from a remote address, of a client that is not known; raises as `count` does."""
        if self._limit is not None:
            self.count(address_key(address))

    def _of_this_process(self) -> RateLimiter:
        """Built after the fork: the storage starts threads, and they do not survive one."""
        with self._lock:
            if self._limiter is None or self._process != os.getpid():
                self._limiter, self._process = _new_limiter(), os.getpid()
            return self._limiter

    def _refusal(self, limit: RateLimitItem, client: str) -> TooManyRequests:
        wait = self._of_this_process().get_window_stats(limit, client).reset_time - time.time()
        return TooManyRequests("this client calls more often than it may; slow down", max(1, math.floor(wait) + 1))


def _new_limiter() -> RateLimiter:
    from limits.storage import MemoryStorage
    from limits.strategies import SlidingWindowCounterRateLimiter

    return SlidingWindowCounterRateLimiter(MemoryStorage())


def address_key(address: str | None) -> str:
    """What calls from one remote address are counted under; an IPv6 address stands for its /64 network."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return f"address:{parsed}"
    if parsed.ipv4_mapped is not None:
        return f"address:{parsed.ipv4_mapped}"
    return f"address:{ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False)}"


def issuer_key(issuer: str) -> str:
    """What the calls of an identified client are counted under."""
    return f"issuer:{issuer}"


def refused_key(issuer: str) -> str:
    """What its calls for tenants that are not its own are counted under: they must not silence the others."""
    return f"refused:{issuer}"
