"""The routes of the CDS Hooks API."""

from __future__ import annotations

import time

from flask import Blueprint, Response, current_app, jsonify, request

from service.discovery import SERVICES, HookService, discovery
from service.errors import UnknownService
from service.feedback.answer import feedback_answer
from service.front import Front
from service.json_body import decode_json, read_body
from service.parts import PARTS, Parts
from service.respond import respond
from service.routes_operations import FRONT
from service.security.caller import Caller
from service.telemetry.calls import note_client, note_prefetch
from service.wire import decode_request

routes = Blueprint("hooks", __name__)
DESCRIPTION = "mda5-cds.description"


@routes.get("/cds-services")
def list_services() -> Response:
    """Discovery."""
    _admitted()
    return jsonify(discovery(_parts().guideline))


@routes.post("/cds-services/<service_id>")
def call_service(service_id: str) -> Response:
    """One hook call."""
    started = time.monotonic()
    parts, (body, service) = _parts(), _posted(service_id)
    caller = _admitted()
    call = decode_request(body, service, parts.settings, caller.client)
    note_prefetch({key: answer.status for key, answer in call.prefetch.items()})
    return jsonify(_front().answered(respond(call, parts), call, service, caller, parts, started))


@routes.post("/cds-services/<service_id>/feedback")
def take_feedback(service_id: str) -> tuple[Response, int]:
    """What clinicians did with cards."""
    body, service = _posted(service_id)
    caller = _admitted()
    front = _front()
    answer, status = feedback_answer(
        body, service.id, caller, front.store, _parts().clock(), count=front.metrics.feedback
    )
    return jsonify(answer), status


@routes.get("/openapi.json")
def describe() -> Response:
    """The service's own description."""
    return jsonify(current_app.extensions[DESCRIPTION])


def _posted(service_id: str) -> tuple[dict[str, object], HookService]:
    """The body of a call and the service that it is for: what is judged before the caller."""
    settings = _parts().settings
    body = decode_json(read_body(request, settings.max_body_bytes), settings.max_nesting)
    service = SERVICES.get(service_id)
    if service is None:
        raise UnknownService("there is no CDS service with this id")
    return body, service


def _admitted() -> Caller:
    caller = _front().gate.admit(request)
    note_client(caller.label)
    return caller


def _parts() -> Parts:
    parts: Parts = current_app.extensions[PARTS]
    return parts


def _front() -> Front:
    front: Front = current_app.extensions[FRONT]
    return front
