"""What can go wrong in a call, and its one translation into an HTTP answer: a FHIR OperationOutcome.

Diagnostics name the key, never the value: what callers send is patient data.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import ClassVar

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from service.telemetry.calls import note_refusal

log = logging.getLogger(__name__)


class ServiceError(Exception):
    """A call that is refused. `status` is the HTTP status, `issue_code` FHIR's issue type, `headers` go with it."""

    status: ClassVar[int]
    issue_code: ClassVar[str]

    def __init__(self, diagnostics: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.headers: Mapping[str, str] = headers or {}


class UnsupportedMedia(ServiceError):
    """The body is not declared as plain JSON."""

    status = 415
    issue_code = "not-supported"


class BodyTooLarge(ServiceError):
    """The body exceeds the configured size."""

    status = 413
    issue_code = "too-long"


class MalformedJson(ServiceError):
    """The body is not strict UTF-8 JSON, or is nested too deeply."""

    status = 400
    issue_code = "structure"


class UnknownService(ServiceError):
    """No CDS service has this id."""

    status = 404
    issue_code = "not-found"


class MissingField(ServiceError):
    """A required field of the request is missing or empty."""

    status = 400
    issue_code = "required"


class InvalidField(ServiceError):
    """A field of the request has the wrong shape or does not belong here."""

    status = 400
    issue_code = "value"


class DataUnobtainable(ServiceError):
    """Required data came neither with the request nor from anywhere else. `keys` are prefetch keys."""

    status = 412
    issue_code = "required"

    def __init__(self, keys: tuple[str, ...], why: str = "") -> None:
        named = ", ".join(keys)
        super().__init__(f"required prefetch data could not be obtained: {named}" + (f"; {why}" if why else ""))
        self.keys = keys


class NotAPatient(ServiceError):
    """What the prefetch calls the patient is not a FHIR Patient."""

    status = 422
    issue_code = "structure"


class WrongPatient(ServiceError):
    """A resource that has to be this patient's is another's."""

    status = 400
    issue_code = "value"


class NotIdentified(ServiceError):
    """The caller did not prove who it is. `diagnostics` never quotes the token."""

    status = 401
    issue_code = "login"

    def __init__(self, diagnostics: str, *, token_given: bool = False) -> None:
        # RFC 6750: a call without any token is told the scheme only
        error = ', error="invalid_token"' if token_given else ""
        super().__init__(diagnostics, {"WWW-Authenticate": f'Bearer realm="mda5-cds"{error}'})


class Forbidden(ServiceError):
    """A known caller that may not, or a FHIR server that may not be called."""

    status = 403
    issue_code = "forbidden"


class TooManyRequests(ServiceError):
    """The caller exceeds its request rate. `retry_after` in whole seconds."""

    status = 429
    issue_code = "throttled"

    def __init__(self, diagnostics: str, retry_after: int) -> None:
        super().__init__(diagnostics, {"Retry-After": str(max(1, retry_after))})


class Unavailable(ServiceError):
    """Something that this call needs is down or busy; the same call may succeed later. `retry_after` in seconds."""

    status = 503
    issue_code = "transient"

    def __init__(self, diagnostics: str, retry_after: int) -> None:
        super().__init__(diagnostics, {"Retry-After": str(max(1, retry_after))})


def operation_outcome(issue_code: str, diagnostics: str) -> dict[str, object]:
    """An R4 OperationOutcome with one issue of severity `error`."""
    issue = {"severity": "error", "code": issue_code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def answer_service_error(error: ServiceError) -> Response:
    """The HTTP answer to a refused call."""
    note_refusal(type(error).__name__)
    answer = _answer(error.status, error.issue_code, error.diagnostics)
    answer.headers.update(error.headers)
    return answer


def answer_http_exception(error: HTTPException) -> Response:
    """The HTTP answer to what routing refuses (404, 405, redirects of the router); keeps headers such as `Allow`."""
    status = error.code or 500
    if status == BodyTooLarge.status:
        return answer_service_error(BodyTooLarge("the body is larger than this service accepts"))
    issue_code = {404: "not-found", 405: "not-supported"}.get(status, "processing")
    answer = _answer(status, issue_code, error.name)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            answer.headers[name] = value
    return answer


def answer_unexpected(error: Exception) -> Response:
    """A 500 that tells the caller nothing of the inside.

    The log names the type and the place only: the message may hold patient data.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    log.error("unexpected %s at %s", type(error).__name__, place)
    return _answer(500, "exception", "the service failed on this request; nothing was evaluated")


def register(app: Flask) -> None:
    """Makes `app` answer every error with an OperationOutcome."""
    app.register_error_handler(ServiceError, answer_service_error)
    app.register_error_handler(HTTPException, answer_http_exception)
    app.register_error_handler(Exception, answer_unexpected)


def _answer(status: int, issue_code: str, diagnostics: str) -> Response:
    answer = jsonify(operation_outcome(issue_code, diagnostics))
    answer.status_code = status
    return answer
