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
from service.telemetry.trace import REQUEST_ID_HEADER, TRACEPARENT, Trace, begin_trace

log = logging.getLogger(__name__)
PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})
UNROUTED = "unrouted"


@dataclass(slots=True)
class Call:
    """What is known so far of the call being answered; `started` on the monotonic clock, in seconds."""

    trace: Trace
    started: float = field(default_factory=time.monotonic)
    client: str = UNIDENTIFIED
    refusal: str = ""
    prefetch: Mapping[str, str] = field(default_factory=dict)


def watch_calls(app: Flask, metrics: Metrics) -> None:
    """Watches every call of `app`. Register it before anything else that runs before or after a request."""

    def finish(response: Response) -> Response:
        call: Call = g.mda5_cds_call
        seconds, route = time.monotonic() - call.started, _route()
        if route not in PROBES:
            _count(call, route, response.status_code, seconds, metrics)
        response.headers[REQUEST_ID_HEADER] = call.trace.request_id
        _log(call, route, response.status_code, seconds)
        return response

    app.before_request(_begin)
    app.after_request(finish)


def note_client(label: str) -> None:
    """Says who calls: `Caller.label`."""
    if (call := _current_call()) is not None:
        call.client = label


def note_refusal(kind: str) -> None:
    """Says why the call is refused: the name of the error's class."""
    if (call := _current_call()) is not None:
        call.refusal = kind


def note_prefetch(states: Mapping[str, str]) -> None:
    """Says what the call carries for each prefetch key: given, empty, missing or failed."""
    if (call := _current_call()) is not None:
        call.prefetch = dict(states)


def _begin() -> None:
    g.mda5_cds_call = Call(begin_trace(request.headers.get(TRACEPARENT)))


def _current_call() -> Call | None:
    """Outside a request there is no call to note anything of."""
    return g.get("mda5_cds_call") if has_request_context() else None


def _log(call: Call, route: str, status: int, seconds: float) -> None:
    """One line for one call; probes of health and metrics only where DEBUG is asked for."""
    level = logging.DEBUG if route in PROBES else logging.INFO
    if not log.isEnabledFor(level):
        return
    fields: dict[str, object] = {
        "method": _method(),
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
        "client": call.client,
    }
    if status >= 400:
        fields["refusal"] = _refusal(call, status)
    if missing := [key for key, state in call.prefetch.items() if state == "missing"]:
        fields["missing"] = missing
    log.log(level, "call answered", extra=fields)


def _count(call: Call, route: str, status: int, seconds: float, metrics: Metrics) -> None:
    metrics.call(_service(route), call.client, status, seconds)
    if status >= 400:
        metrics.refused(status, _refusal(call, status))
    for key, state in call.prefetch.items():
        metrics.prefetch(call.client, key, state)


def _route() -> str:
    """The rule, never the path: what stands in a path is the caller's."""
    rule = request.url_rule
    return rule.rule if rule else UNROUTED


def _service(route: str) -> str:
    """The CDS service called, told apart from its feedback; other routes by their rule."""
    service_id = (request.view_args or {}).get("service_id")
    if service_id is None:
        return route
    name = service_id if service_id in SERVICES else OTHER
    return f"{name}/feedback" if route.endswith("/feedback") else name


def _method() -> str:
    """A method may be any word that somebody sends."""
    return request.method if request.method in {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} else OTHER


def _refusal(call: Call, status: int) -> str:
    """What was noted; what routing itself refuses by its status."""
    return call.refusal or {404: "NotFound", 405: "MethodNotAllowed", 500: "Unexpected"}.get(status, f"Status{status}")
