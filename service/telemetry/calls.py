"""Each call watched from arrival to answer: its trace, one line in the log, its place in the metrics.

What the call turns out to be (its client, why it is refused, what its prefetch carries) is noted by those who find
it out, while they answer it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Flask, Response, g, has_request_context, request

from service.discovery import SERVICES
from service.security.caller import UNIDENTIFIED
from service.telemetry.metrics import OTHER, Metrics
from service.telemetry.trace import REQUEST_ID_HEADER, TRACEPARENT, begin_trace, current_trace

log = logging.getLogger(__name__)
PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})
UNROUTED = "unrouted"


@dataclass(slots=True)
class Call:
    """What is known so far of the call being answered; `started` on the monotonic clock, in seconds."""

    started: float = field(default_factory=time.monotonic)
    client: str = UNIDENTIFIED
    refusal: str = ""
    prefetch: Mapping[str, str] = field(default_factory=dict)


def watch_calls(app: Flask, metrics: Metrics) -> None:
    """Watches every call of `app`. Register it before anything else that runs before or after a request."""

    def finish(response: Response) -> Response:
        call: Call = g.mda5_cds_call
        _count(call, response.status_code, metrics)
        return log_call(response)

    app.before_request(_begin)
    app.after_request(finish)


def note_client(label: str) -> None:
    """Says who calls: `Caller.label`."""
    _note("client", label)


def note_refusal(kind: str) -> None:
    """Says why the call is refused: the name of the error's class."""
    _note("refusal", kind)


def note_prefetch(states: Mapping[str, str]) -> None:
    """Says what the call carries for each prefetch key: given, empty, missing or failed."""
    _note("prefetch", dict(states))


def log_call(response: Response) -> Response:
    """One line for one call; probes of health and metrics only where DEBUG is asked for."""
    call: Call = g.mda5_cds_call
    trace = current_trace()
    if trace is not None:
        response.headers[REQUEST_ID_HEADER] = trace.request_id
    fields: dict[str, object] = {
        "method": _method(),
        "route": _route(),
        "status": response.status_code,
        "milliseconds": round((time.monotonic() - call.started) * 1000, 1),
        "client": call.client,
    }
    if response.status_code >= 400:
        fields["refusal"] = _refusal(call, response.status_code)
    if missing := [key for key, state in call.prefetch.items() if state == "missing"]:
        fields["missing"] = missing
    log.log(logging.DEBUG if _route() in PROBES else logging.INFO, "call answered", extra=fields)
    return response


def _begin() -> None:
    g.mda5_cds_call = Call()
    begin_trace(request.headers.get(TRACEPARENT))


def _note(name: str, value: object) -> None:
    """Outside a request there is no call to note it of."""
    if has_request_context() and "mda5_cds_call" in g:
        setattr(g.mda5_cds_call, name, value)


def _count(call: Call, status: int, metrics: Metrics) -> None:
    if _route() in PROBES:
        return
    metrics.call(_service(), call.client, status, time.monotonic() - call.started)
    if status >= 400:
        metrics.refused(status, _refusal(call, status))
    for key, state in call.prefetch.items():
        metrics.prefetch(call.client, key, state)


def _route() -> str:
    """The rule, never the path: what stands in a path is the caller's."""
    return request.url_rule.rule if request.url_rule else UNROUTED


def _service() -> str:
    """The CDS service called, told apart from its feedback; other routes by their rule."""
    service_id = (request.view_args or {}).get("service_id")
    if service_id is None:
        return _route()
    name = service_id if service_id in SERVICES else OTHER
    return f"{name}/feedback" if _route().endswith("/feedback") else name


def _method() -> str:
    """A method may be any word that somebody sends."""
    return request.method if request.method in {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} else OTHER


def _refusal(call: Call, status: int) -> str:
    """What was noted; what routing itself refuses by its status."""
    return call.refusal or {404: "NotFound", 405: "MethodNotAllowed", 500: "Unexpected"}.get(status, f"Status{status}")
