"""The routes for those who run the service: health and metrics. They need no identity and wait for nobody."""

from __future__ import annotations

from typing import Literal, Protocol

from flask import Blueprint, Response, current_app, jsonify

from service.parts import PARTS, Parts
from service.telemetry.metrics import Metrics

operations = Blueprint("operations", __name__)
FRONT = "mda5-cds.front"


class _Store(Protocol):
    def state(self) -> Literal["ok", "lost"]: ...


class _Audit(Protocol):
    @property
    def waiting(self) -> int: ...


class Front(Protocol):
    """What these routes need of `app.extensions[FRONT]`; none of it may block."""

    @property
    def store(self) -> _Store: ...
    @property
    def audit(self) -> _Audit: ...
    @property
    def metrics(self) -> Metrics: ...


@operations.get("/health/live")
def live() -> Response:
    """The process answers."""
    return jsonify(status="live")


@operations.get("/health/ready")
def ready() -> Response:
    """The knowledge is loaded and this worker is warm; cards come without the store too, so that its loss is no 503."""
    parts: Parts = current_app.extensions[PARTS]
    return jsonify(status="ready", knowledge=parts.guideline.knowledge_version, store=_front().store.state())


@operations.get("/metrics")
def metrics() -> Response:
    """Prometheus' text format, summed over the server's processes."""
    front = _front()
    front.metrics.store_lost(front.store.state() == "lost")
    front.metrics.audit_waiting(front.audit.waiting)
    text, content_type = front.metrics.exposition()
    return Response(text, content_type=content_type)


def _front() -> Front:
    front: Front = current_app.extensions[FRONT]
    return front
