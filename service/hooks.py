"""The routes of the CDS Hooks API and of health."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request

from service.discovery import SERVICES, discovery
from service.errors import UnknownService
from service.json_body import decode_json, read_body
from service.parts import Parts
from service.respond import respond
from service.wire import decode_request

routes = Blueprint("hooks", __name__)
PARTS = "mda5-cds.parts"


def _parts() -> Parts:
    parts: Parts = current_app.extensions[PARTS]
    return parts


@routes.get("/cds-services")
def list_services() -> Response:
    """Discovery."""
    return jsonify(discovery(_parts().guideline))


@routes.post("/cds-services/<service_id>")
def call_service(service_id: str) -> Response:
    """One hook call."""
    parts = _parts()
    body = decode_json(read_body(request, parts.settings.max_body_bytes), parts.settings.max_nesting)
    service = SERVICES.get(service_id)
    if service is None:
        raise UnknownService("there is no CDS service with this id")
    return jsonify(respond(decode_request(body, service, parts.settings), parts))


@routes.get("/health/live")
def live() -> Response:
    """The process answers."""
    return jsonify(status="live")


@routes.get("/health/ready")
def ready() -> Response:
    """The knowledge is loaded and this worker is warm: the routes exist only from then on."""
    return jsonify(status="ready", knowledge=_parts().guideline.knowledge_version)
