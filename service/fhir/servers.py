"""Which FHIR servers may be called: those that the operator listed, and nothing beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.outgoing.addresses import names_what_must_not_be_called
from service.outgoing.door import origin
from service.variables import is_loopback

_UNPLAIN_PATH = re.compile(r"//|/\.{1,2}(?:/|$)|%(?:2e|2f|5c)|[?#;]", re.IGNORECASE)
"""What a server might resolve to another path than the one that was compared."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Base:
    origin: tuple[str, str, int]
    path: tuple[str, ...]

    def holds(self, other: _Base) -> bool:
        return self.origin == other.origin and other.path[: len(self.path)] == self.path

    def __str__(self) -> str:
        scheme, host, port = self.origin
        shown = f"[{host}]" if ":" in host else host
        place = shown if port == _DEFAULT_PORTS[scheme] else f"{shown}:{port}"
        return "/".join((f"{scheme}://{place}", *self.path))


class FhirServers:
    """The allow list, of base URLs. One that is no base URL, or must never be called, allows nothing."""

    def __init__(self, listed: Iterable[str]) -> None:
        self._bases = tuple(base for each in listed if (base := _base(each)) is not None)

    def permitted(self, fhir_server: str) -> str | None:
        """The base URL in one way of writing it, without a trailing slash; None when it may not be called.

        Permitted is what is listed, and what lies beneath it by whole segments of the path.
        """
        base = _base(fhir_server)
        if base is None or not any(listed.holds(base) for listed in self._bases):
            return None
        return str(base)


def _base(url: str) -> _Base | None:
    """https, or this machine; no user, query, fragment or path that could mean another; no metadata service."""
    place = origin(url)
    if place is None or "?" in url or "#" in url:
        return None
    scheme, host, _ = place
    path = urlsplit(url).path
    if _UNPLAIN_PATH.search(path) or names_what_must_not_be_called(host):
        return None
    if scheme != "https" and not is_loopback(host):
        return None
    return _Base(place, tuple(path.removesuffix("/").split("/")[1:]))
