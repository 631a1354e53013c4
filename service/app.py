"""The application: the parts, joined and warmed before the first call."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import orjson
from flask import Flask, Response
from flask.json.provider import JSONProvider

from service import errors
from service.discovery import SERVICES
from service.hooks import PARTS, routes
from service.parts import Clock, Parts, load_parts, utc_now
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request

log = logging.getLogger(__name__)


class _Json(JSONProvider):
    """JSON by orjson: the same bytes for the same answer, no NaN, UTF-8."""

    def dumps(self, obj: object, **_: object) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: object) -> object:
        return orjson.loads(s)


def create_app(settings: Settings, clock: Clock = utc_now) -> Flask:
    """The WSGI application. Raises SettingsError when it must not run with these settings."""
    logging.getLogger("service").setLevel(settings.log_level)
    parts = load_parts(settings, clock)
    warm_up(parts)
    app = Flask(__name__, static_folder=None)
    app.json = _Json(app)
    app.url_map.strict_slashes = False
    app.extensions[PARTS] = parts
    app.register_blueprint(routes)
    app.after_request(_protect)
    errors.register(app)
    return app


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


def _protect(response: Response) -> Response:
    """Answers are about patients: nobody on the way keeps them, no browser guesses their type."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
