"""The one door for outgoing HTTP: one deadline, bounded answers, no way to where this service must not call.

The environment's proxies, cookies and .netrc are not used: what is sent is what the caller of `send` gives, and it
goes to one origin.
"""

from __future__ import annotations

import http.client
import logging
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from service.outgoing.bounded import Allowance, counted, inflated
from service.outgoing.connections import POOLS, timed
from service.outgoing.deadline import Deadline, Dropped, OutgoingError, Refused, TimedOut, TooLarge, Unreachable, until
from service.variables import is_loopback

__all__ = [
    "Allowance",
    "Deadline",
    "Dropped",
    "Outgoing",
    "OutgoingError",
    "Refused",
    "Reply",
    "TimedOut",
    "TooLarge",
    "Unreachable",
    "origin",
]

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_CHUNK = 64 * 1024
_CONNECTIONS = 32
_PORTS = {"http": 80, "https": 443}

# its debug lines quote URLs, and a FHIR query names the patient
logging.getLogger("urllib3").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status. `headers` by lower-case name; `body` decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def origin(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an absolute http(s) URL in plain ASCII; None when it is none, names a user or escapes."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or set("@%") & set(parts.netloc) or port == 0:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


class Outgoing:
    """Sends HTTP requests and keeps connections for the next ones. Safe to share between threads; opens nothing yet."""

    def __init__(self) -> None:
        self._adapter: _Adapter | None = None
        self._building = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        deadline: Deadline,
        max_bytes: int | Allowance,
        body: bytes | None = None,
    ) -> Reply:
        """The answer, complete before `deadline` and no larger than `max_bytes`.

        Redirects are followed within the same origin. Raises an `OutgoingError`.
        """
        allowance = Allowance(max_bytes) if isinstance(max_bytes, int) else max_bytes
        with until(deadline):
            for _ in range(MAX_REDIRECTS + 1):
                reply = self._exchange(_prepared(method, url, headers, body), deadline, allowance)
                if reply.status not in _REDIRECTS or "location" not in reply.headers:
                    return reply
                if method != "GET" and reply.status not in _KEEP_METHOD:
                    raise Refused("the server redirects what was posted")
                url = _within_origin(url, reply.headers["location"])
        raise Refused("the server redirects too often")

    def _exchange(self, request: requests.PreparedRequest, deadline: Deadline, allowance: Allowance) -> Reply:
        left = deadline.left()
        if left <= 0:
            raise TimedOut("the time budget ran out")
        try:
            response = self._connections().send(request, stream=True, timeout=left, verify=True)
            try:
                return _read(response, allowance)
            finally:
                response.close()
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            # none of these is kept as the cause: they quote the URL
            raise _named(error, deadline) from None

    def _connections(self) -> _Adapter:
        with self._building:
            if self._adapter is None:
                self._adapter = _Adapter()
            return self._adapter


class _Adapter(HTTPAdapter):
    """Requests' adapter over connections that keep to the deadline and to permitted addresses."""

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        self.poolmanager = urllib3.PoolManager(_CONNECTIONS, maxsize=_CONNECTIONS, ssl_context=_tls())
        self.poolmanager.pool_classes_by_scheme = POOLS

    def cert_verify(self, *args: object, **kwargs: object) -> None:
        """The context knows whom to trust; requests would load its bundle again for every connection."""


def _tls() -> ssl.SSLContext:
    """Trusts the system's authorities and the common ones, or those that SSL_CERT_FILE or SSL_CERT_DIR name."""
    context = ssl.create_default_context()
    if not os.environ.get("SSL_CERT_FILE") and not os.environ.get("SSL_CERT_DIR"):
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return timed(context)


def _prepared(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.PreparedRequest:
    place = origin(url)
    if place is None:
        raise Refused("the address is no plain http(s) URL")
    if place[0] == "http" and not is_loopback(place[1]):
        raise Refused("plain http is allowed to this machine only")
    plain = {"User-Agent": "mda5-cds", "Accept-Encoding": "gzip", **headers}
    try:
        request = requests.Request(method, url, headers=plain, data=body).prepare()
    except (requests.RequestException, ValueError):
        raise Refused("the address is no plain http(s) URL") from None
    if origin(request.url or "") != place:
        raise Refused("the address can be read in two ways")
    return request


def _within_origin(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if origin(target) is None or origin(target) != origin(url):
        raise Refused("the server redirects to another origin")
    return target


def _read(response: requests.Response, allowance: Allowance) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    stated = headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > allowance.left:
        raise TooLarge("the answer is larger than what may still be read")
    chunks: Iterator[bytes] = response.raw.stream(_CHUNK, decode_content=False)
    encoding = headers.get("content-encoding", "").strip().lower() or "identity"
    if encoding in {"gzip", "x-gzip"}:
        chunks = inflated(chunks, allowance)
    elif encoding != "identity":
        raise OutgoingError("the answer is encoded in a way that was not asked for")
    return Reply(response.status_code, headers, b"".join(counted(chunks, allowance)))


def _named(error: Exception, deadline: Deadline) -> OutgoingError:
    """The error in own words."""
    if deadline.over or isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return TimedOut("the time budget ran out")
    distrust = _cause(error, ssl.SSLCertVerificationError)
    if isinstance(distrust, ssl.SSLCertVerificationError):
        return Unreachable(f"its TLS certificate is not trusted: {distrust.verify_message}")
    if _cause(error, ssl.SSLError) is not None:
        return Unreachable("no TLS connection could be made")
    return Dropped("the connection was dropped")


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The error of that kind that an error wraps: as its cause, its context, its reason or its argument."""
    seen: list[BaseException] = [error]
    for each in seen:
        if isinstance(each, kind):
            return each
        wrapped = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        seen += [inner for inner in wrapped if isinstance(inner, BaseException) and inner not in seen]
    return None
