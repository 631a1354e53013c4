"""Reads and searches of one FHIR server on behalf of one call: its token, its deadline, its bytes, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urljoin

from service.errors import MalformedJson
from service.fhir.access import FetchObservation, Limits, Observe, Outcome
from service.json_body import decode_json
from service.outgoing.door import (
    Allowance,
    Deadline,
    Dropped,
    Outgoing,
    OutgoingError,
    Refused,
    Reply,
    TimedOut,
    TooLarge,
    Unreachable,
    origin,
)

Json = dict[str, object]

LONGEST_GET: Final = 2000
"""Characters of a URL; beyond it a search is posted, for proxies cut longer ones."""
TRIES: Final = 3
FIRST_WAIT_SECONDS: Final = 0.1
_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
_OK: Final = 200
_CLIENT_ERRORS: Final = range(400, 500)
_OUTCOMES: Final[tuple[tuple[type[OutgoingError], Outcome, str], ...]] = (
    (TimedOut, "timeout", "the time budget ran out"),
    (TooLarge, "too-large", "the FHIR server sent more than is read"),
    (Unreachable, "unreachable", "the FHIR server could not be reached"),
    (Refused, "refused", "the FHIR server's address or redirect is not allowed"),
    (OutgoingError, "bad-answer", "the FHIR server's answer cannot be read"),
)


class FhirFailure(Exception):
    """The server gave nothing that can be used. `why` in plain words, without anything of the patient."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome: Outcome = outcome
        self.why = why


class _TryAgain(FhirFailure):
    """A failure that may pass. `wait` in seconds, as the server asks."""

    def __init__(self, outcome: Outcome, why: str, wait: float = 0.0) -> None:
        super().__init__(outcome, why)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all fetches of one call share: the deadline, the bytes, the nesting of JSON, and who watches."""

    deadline: Deadline
    bytes: Allowance
    max_nesting: int
    observe: Observe

    @classmethod
    def of(cls, limits: Limits, seconds: float, observe: Observe) -> Bounds:
        """The bounds of a call that starts now and may last `seconds`."""
        return cls(Deadline.after(seconds), Allowance(limits.max_bytes), limits.max_nesting, observe)


@dataclass(frozen=True, slots=True)
class FhirClient:
    """The server at `base` (normalised, without a trailing slash). Safe to use from several threads."""

    outgoing: Outgoing
    base: str
    token: str = field(repr=False)
    bounds: Bounds
    traceparent: str | None = None

    def read(self, key: str, resource_type: str, resource_id: str) -> Json:
        """The resource of this type and id. Raises FhirFailure."""
        url = f"{self.base}/{resource_type}/{in_url(resource_id)}"

        def check(resource: Json) -> None:
            if resource.get("resourceType") != resource_type or resource.get("id") != resource_id:
                raise FhirFailure("bad-answer", f"the FHIR server's answer is not the {resource_type} asked for")

        return self._observed(key, lambda: self._get(url), check)

    def search(self, key: str, query: str) -> Json:
        """The Bundle that answers `Type?…` (percent-encoded): the first page. Raises FhirFailure."""
        url = f"{self.base}/{query}"
        resource_type, _, form = query.partition("?")
        if len(url) <= LONGEST_GET:
            return self._observed(key, lambda: self._get(url), _check_bundle)
        posted = f"{self.base}/{resource_type}/_search"
        return self._observed(key, lambda: self._send("POST", posted, form.encode()), _check_bundle)

    def page(self, key: str, url: str) -> Json:
        """The Bundle at an absolute URL that `next_url` gave. Raises FhirFailure."""
        return self._observed(key, lambda: self._get(url), _check_bundle)

    def next_url(self, link: str, resource_type: str, page_url: str | None = None) -> str:
        """Where a `next` link leads: FhirFailure when that is another origin.

        A relative one means below the base; a bare query means the page it stands on, or the type's search.
        """
        within = page_url or f"{self.base}/{resource_type}"
        try:
            target = urljoin(within if link.startswith("?") else f"{self.base}/", link)
        except ValueError:
            target = ""
        if origin(target) is None or origin(target) != origin(self.base):
            raise FhirFailure("refused", "the next page is on another server")
        return target

    def _observed(self, key: str, ask: Callable[[], Reply], check: Callable[[Json], None]) -> Json:
        start = time.monotonic()
        outcome: Outcome = "bad-answer"
        try:
            resource = self._decode(ask())
            check(resource)
            outcome = "ok"
        except FhirFailure as failure:
            outcome = failure.outcome
            raise
        finally:
            self.bounds.observe(FetchObservation(key, outcome, time.monotonic() - start))
        return resource

    def _get(self, url: str) -> Reply:
        return self._send("GET", url)

    def _send(self, method: str, url: str, body: bytes | None = None) -> Reply:
        """The answer of status 200, after as many tries as `TRIES` and the deadline allow."""
        backoff = FIRST_WAIT_SECONDS
        for _ in range(TRIES - 1):
            try:
                return self._once(method, url, body)
            except _TryAgain as failure:
                wait = max(backoff, failure.wait)
                if wait >= self.bounds.deadline.left():
                    raise  # another try would come too late
            time.sleep(wait)
            backoff *= 2
        return self._once(method, url, body)

    def _once(self, method: str, url: str, body: bytes | None) -> Reply:
        headers = {"Accept": "application/fhir+json", "Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        deadline, allowance = self.bounds.deadline, self.bounds.bytes
        try:
            reply = self.outgoing.send(method, url, headers=headers, deadline=deadline, max_bytes=allowance, body=body)
        except OutgoingError as error:
            raise _failure(error) from None
        if reply.status in _TRY_AGAIN:
            raise _TryAgain("unreachable", f"the FHIR server failed ({reply.status})", _retry_after(reply))
        if reply.status != _OK:
            refused = reply.status in _CLIENT_ERRORS
            outcome: Outcome = "refused" if refused else "unreachable"
            raise FhirFailure(outcome, f"the FHIR server {'refused' if refused else 'failed'} ({reply.status})")
        return reply

    def _decode(self, reply: Reply) -> Json:
        """The JSON object in a page; FhirFailure for HTML, for half an answer, and for an OperationOutcome."""
        try:
            resource = decode_json(reply.body, self.bounds.max_nesting)
        except MalformedJson:
            raise FhirFailure("bad-answer", "the FHIR server's answer is not FHIR JSON") from None
        if resource.get("resourceType") == "OperationOutcome":
            raise FhirFailure("bad-answer", "the FHIR server answered with an OperationOutcome")
        return resource


def in_url(resource_id: str) -> str:
    """An id as one segment or value of a URL; FhirFailure for `.` and `..`, which lead to another path.

    What a server makes of an id that is none of FHIR's is found out from its answer: a read has to bring that very id,
    and each resource of a search its subject.
    """
    if not resource_id.strip("."):
        raise FhirFailure("refused", "the id cannot be asked for")
    return quote(resource_id, safe="")


def _check_bundle(resource: Mapping[str, object]) -> None:
    if resource.get("resourceType") != "Bundle":
        raise FhirFailure("bad-answer", "the FHIR server's answer is no Bundle")


def _failure(error: OutgoingError) -> FhirFailure:
    outcome, why = next((outcome, why) for kind, outcome, why in _OUTCOMES if isinstance(error, kind))
    return _TryAgain(outcome, why) if isinstance(error, Dropped) else FhirFailure(outcome, why)


def _retry_after(reply: Reply) -> float:
    """Seconds to wait, as the server asks: a number or a date; 0 when it does not say."""
    stated = reply.headers.get("retry-after", "").strip()
    if stated.isascii() and stated.isdigit():
        return float(stated)
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
