"""The application: the parts, joined and warmed before the first call."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider

from service import errors
from service.discovery import SERVICES
from service.fhir.access import FetchObservation
from service.front import build_front, build_metrics
from service.headers import protect
from service.hooks import DESCRIPTION, routes
from service.openapi.document import openapi
from service.parts import PARTS, Clock, Parts, load_parts, utc_now
from service.respond import respond
from service.routes_operations import FRONT, operations
from service.settings import Settings
from service.telemetry.calls import watch_calls
from service.telemetry.metrics import Metrics
from service.telemetry.trace import outgoing_traceparent
from service.wire import decode_request

log = logging.getLogger(__name__)


class _Json(JSONProvider):
    """JSON by orjson: the same bytes for the same answer, no NaN, UTF-8."""

    def dumps(self, obj: object, **_: object) -> str:
        return orjson.dumps(obj).decode()

    def response(self, *args: object, **kwargs: object) -> Response:
        """An answer with the bytes as they are encoded."""
        encoded = orjson.dumps(self._prepare_response_obj(args, kwargs))
        return Response(encoded, mimetype="application/json")

    def loads(self, s: str | bytes, **_: object) -> object:
        return orjson.loads(s)


def create_app(settings: Settings, clock: Clock = utc_now, processes: int = 1) -> Flask:
    """The WSGI application, one of so many `processes`. SettingsError when it must not run with these settings."""
    logging.getLogger("service").setLevel(settings.log_level)
    parts = load_parts(settings, clock)
    metrics = build_metrics(parts.guideline.knowledge_version)
    parts = _watched(parts, metrics)
    app = Flask(__name__, static_folder=None)
    app.json = _Json(app)
    app.url_map.strict_slashes = False
    # a doubled slash is no route: to mend it, the router would redirect, in HTML and to whatever host the caller named
    app.url_map.merge_slashes = False
    app.extensions[PARTS] = parts
    app.extensions[FRONT] = build_front(parts, metrics, processes)
    app.extensions[DESCRIPTION] = openapi(settings, parts.guideline)
    watch_calls(app, metrics)
    protect(app, settings)
    app.register_blueprint(routes)
    app.register_blueprint(operations)
    if settings.sandbox:
        _add_sandbox(app)
    errors.register(app)
    warm_up(parts)
    return app


def _add_sandbox(app: Flask) -> None:
    # imported late: a service that runs without the page loads nothing of it
    from service.sandbox.routes import add_sandbox

    add_sandbox(app)


def _watched(parts: Parts, metrics: Metrics) -> Parts:
    """The parts, their fetches counted and tied to the trace of the call that needs them."""

    def observe(seen: FetchObservation) -> None:
        metrics.fhir_fetch(seen.key, seen.outcome, seen.seconds)

    return replace(parts, fhir=replace(parts.fhir, observe=observe, traceparent=outgoing_traceparent))


def warm_up(parts: Parts) -> None:
    """One evaluation of a patient with nothing on record, so that no caller waits for imports and model building."""
    service = SERVICES["mda5-rpild-patient-view"]
    empty: dict[str, object] = dict.fromkeys(("observations", "medications", "conditions"))
    body = {
        "hook": service.hook,
        "hookInstance": "warm-up",
        "context": {"patientId": "warm-up", "userId": "Practitioner/warm-up"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "warm-up", "birthDate": "1970-01-01"}, **empty},
    }
    start = datetime.now(UTC)
    respond(decode_request(body, service, parts.settings), parts)
    log.info("warm after %d ms", (datetime.now(UTC) - start).total_seconds() * 1000)
