"""The service's own description: OpenAPI 3.1 of every route, derived from what the code itself uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import fixtures
from cds_cards.guideline import Guideline
from service.discovery import SERVICES, HookService
from service.errors import ServiceError
from service.openapi.schemas import request_name, schemas
from service.openapi.words import TEXT, WHOLE, Schema, ref, said
from service.settings import Settings

Json = dict[str, Any]

DISTRIBUTION = "mda5-cds"
_SCHEME = "clientToken"
# OpenAPI 3.1 lets a bearer scheme name the role that is asked of the caller
_ROLE = "cds-client"
_SHOWN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
_STORIES = {
    "patient-view": "published-1",
    "order-select": "drug-not-chosen",
    "order-sign": "cyclophosphamide-and-fertility",
}
"""The story that stands as the example of each hook; the smallest that says something."""

_OF_THE_CALLER = (401, 403, 429, 503)
_OF_THE_BODY = (400, 404, 413, 415)
_OF_THE_DATA = (412, 422)
_EVERYWHERE = (405,)
_HEADERS = {
    401: {"WWW-Authenticate": said(TEXT, "How to prove who is calling.")},
    405: {"Allow": said(TEXT, "The methods of this path.")},
    429: {"Retry-After": said(WHOLE, "Seconds.")},
    503: {"Retry-After": said(WHOLE, "Seconds.")},
}
_REQUEST_ID = {"X-Request-ID": said(TEXT, "Names this call in the service's log.")}


def openapi(settings: Settings, guideline: Guideline) -> Json:
    """The OpenAPI document of the service as it is configured, ready for JSON; nothing in it is null or empty."""
    components: Json = {"schemas": schemas(settings, guideline), "responses": dict(_refusals())}
    if settings.auth == "jwt":
        components["securitySchemes"] = {_SCHEME: _scheme()}
    return {
        "openapi": "3.1.0",
        "info": _info(guideline),
        "servers": [{"url": settings.public_url or "/"}],
        "paths": dict(_paths(settings)),
        "components": components,
    }


def _info(guideline: Guideline) -> Json:
    return {
        "title": "mda5-cds",
        "version": version(DISTRIBUTION),
        "summary": "CDS Hooks service for anti-MDA5 dermatomyositis with rapidly progressive ILD.",
        "description": f"Knowledge {guideline.knowledge_version}, from: {guideline.citation} (doi:{guideline.doi}).",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _scheme() -> Json:
    return {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "CDS Hooks: a JWT signed by a trusted client, new for every call; aud is the URL called.",
    }


def _paths(settings: Settings) -> Iterator[tuple[str, Json]]:
    closed = settings.auth == "jwt"
    yield "/cds-services", {"get": _guarded(closed, "discovery", "The services.", _json("Discovery"), _OF_THE_CALLER)}
    for service in SERVICES.values():
        yield f"/cds-services/{service.id}", {"post": _call(service, closed)}
        yield f"/cds-services/{service.id}/feedback", {"post": _feedback(service, closed)}
    yield "/health/live", {"get": _operation("live", "The process answers.", _json("Live"))}
    yield "/health/ready", {"get": _operation("ready", "Knowledge loaded, worker warm.", _json("Ready"))}
    text: Json = {"text/plain": {"schema": TEXT}}
    yield "/metrics", {"get": _operation("metrics", "Counters and times for Prometheus.", text)}
    own: Json = {"application/json": {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    yield "/openapi.json", {"get": _operation("description", "This description.", own)}


def _call(service: HookService, closed: bool) -> Json:
    statuses = (*_OF_THE_CALLER, *_OF_THE_BODY, *_OF_THE_DATA)
    operation = _guarded(closed, service.hook, service.title, _json("Response"), statuses)
    body = _body(request_name(service), dict(_examples(service)))
    return {**operation, "description": service.description, "requestBody": body}


def _examples(service: HookService) -> Iterator[tuple[str, Json]]:
    """A story. What its prefetch knows to be empty is shown as the search that found nothing."""
    story = fixtures.story(_STORIES[service.hook])
    body = story.render(_SHOWN)
    nothing = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    prefetch = {key: nothing if found is None else found for key, found in body["prefetch"].items()}
    yield story.name, {"summary": story.story, "value": {**body, "prefetch": prefetch}}


def _feedback(service: HookService, closed: bool) -> Json:
    summary = f"What became of the cards of {service.id}. Kept before the answer; repeating it changes nothing."
    operation = _guarded(
        closed, f"{service.hook}-feedback", summary, _json("OperationOutcome"), (*_OF_THE_CALLER, *_OF_THE_BODY)
    )
    entry = {
        "card": "0f1f6a5e-6d0b-5c3e-9f0a-3a5a4d2b9c11",
        "outcome": "accepted",
        "outcomeTimestamp": _SHOWN.isoformat().replace("+00:00", "Z"),
        "acceptedSuggestions": [{"id": "5b1d1f0e-2f57-5d0c-8a53-7c1c6e0f4d22"}],
    }
    named = {"accepted": {"summary": "One suggestion was accepted.", "value": {"feedback": [entry]}}}
    return {**operation, "requestBody": _body("Feedback", named)}


def _guarded(closed: bool, name: str, summary: str, content: Json, refusals: Iterable[int]) -> Json:
    operation = _operation(name, summary, content, refusals)
    return {**operation, "security": [{_SCHEME: [_ROLE]}]} if closed else operation


def _operation(name: str, summary: str, content: Json, refusals: Iterable[int] = ()) -> Json:
    answer = {"description": summary, "headers": _headers(_REQUEST_ID), "content": content}
    refused = {str(status): ref(_name(status), "responses") for status in sorted({*refusals, *_EVERYWHERE})}
    return {"operationId": name, "summary": summary, "responses": {"200": answer, **refused}}


def _body(schema: str, examples: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": ref(schema), "examples": examples}}}


def _json(schema: str) -> Json:
    return {"application/json": {"schema": ref(schema)}}


def _refusals() -> Iterator[tuple[str, Json]]:
    for status in sorted({*_OF_THE_CALLER, *_OF_THE_BODY, *_OF_THE_DATA, *_EVERYWHERE}):
        yield (
            _name(status),
            {
                "description": " ".join(_meanings(status)),
                "headers": _headers({**_REQUEST_ID, **_HEADERS.get(status, {})}),
                "content": _json("OperationOutcome"),
            },
        )


def _headers(schemas_by_name: dict[str, Schema]) -> Json:
    return {name: {"required": True, "schema": schema} for name, schema in schemas_by_name.items()}


def _name(status: int) -> str:
    return f"Status{status}"


def _meanings(status: int) -> Iterator[str]:
    """What a status means: the first sentence of each error that carries it; 405 is the router's."""
    if status in _EVERYWHERE:
        yield "The path has other methods, those of Allow."
    for kind in ServiceError.__subclasses__():
        # the sandbox's routes are no part of the API, whether its modules are loaded or not
        if kind.status == status and not kind.__module__.startswith("service.sandbox."):
            yield (kind.__doc__ or "").partition(". ")[0].strip().rstrip(".") + "."
