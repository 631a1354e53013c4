"""Which call a log line, a fetch or an answer belongs to: W3C trace context, and an id of our own for each request."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass

from flask import g, has_request_context

TRACEPARENT = "traceparent"
REQUEST_ID_HEADER = "X-Request-ID"

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.ASCII,
)
_SAMPLED = 0x01
_INVALID_VERSION = "ff"
_FIRST_VERSION = "00"


@dataclass(frozen=True, slots=True)
class Trace:
    """One request: our own id of it (32 hexadecimal digits), and the trace that it is part of."""

    request_id: str
    trace_id: str
    sampled: bool = False

    def traceparent(self) -> str:
        """The header for a call made on behalf of this one; a new parent id each time."""
        return f"{_FIRST_VERSION}-{self.trace_id}-{secrets.token_hex(8)}-{self.sampled:02x}"


def start_trace(traceparent: str | None) -> Trace:
    """A new request's trace: the caller's where its header is well formed, otherwise one of its own."""
    request_id = uuid.uuid4().hex
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or not _usable(found):
        return Trace(request_id, request_id)
    return Trace(request_id, found["trace"], bool(int(found["flags"], 16) & _SAMPLED))


def _usable(found: re.Match[str]) -> bool:
    """Version 00 has four fields, a later one may have more; ids of zeros only name nothing."""
    if found["version"] == _INVALID_VERSION or (found["version"] == _FIRST_VERSION and found["more"]):
        return False
    return bool(found["trace"].strip("0") and found["parent"].strip("0"))


def begin_trace(traceparent: str | None) -> Trace:
    """Starts the trace of the request that is being answered."""
    g.mda5_cds_trace = trace = start_trace(traceparent)
    return trace


def current_trace() -> Trace | None:
    """The trace of the request that is being answered here; None outside one, and in threads that know of none."""
    if not has_request_context():
        return None
    found: Trace | None = g.get("mda5_cds_trace")
    return found


def outgoing_traceparent() -> str | None:
    """The `traceparent` for an outgoing call; None outside a request. Ask in the request's own thread."""
    trace = current_trace()
    return trace.traceparent() if trace else None
