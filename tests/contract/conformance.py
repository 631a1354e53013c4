"""The project's own CDS Hooks checker: what a service SHALL do, row by row, looked for in what it really answered.

Row ids: W wire format, D discovery, P prefetch templates, H handling of a call, R response, C card, S suggestion,
A action, L link, X systemActions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from werkzeug.datastructures import Headers as WerkzeugHeaders

from tests.contract.conformance_cards import check_cards
from tests.contract.conformance_discovery import check_services
from tests.contract.conformance_row import Json, Violation

# a mapping of header names, or what a WSGI client returns
Headers = Mapping[str, str] | WerkzeugHeaders

OUR_EXTENSIONS = "mda5-cds."
SLOWEST_MS = 500.0
# the two arrays of the API that may be empty
MAY_BE_EMPTY = frozenset({"cards", "services"})


def check_discovery(body: bytes | Json, status: int = 200, headers: Headers | None = None) -> list[Violation]:
    """What is wrong with an answer to `GET /cds-services`."""
    found = [] if status == 200 else [Violation("D2", "status", f"is {status}")]
    value, broken = _parse(body)
    found += [*broken, *_check_media_type(headers)]
    if broken:
        return found
    if not isinstance(value, dict) or not isinstance(value.get("services"), list):
        return [*found, Violation("D3", "services", "is not a list")]
    return [*found, *_walk(value), *check_services(value["services"])]


def check_response(
    status: int,
    headers: Headers | None,
    body: bytes | Json,
    request: Json,
    milliseconds: float | None = None,
) -> list[Violation]:
    """What is wrong with a successful answer of a CDS service to `request`."""
    found = [] if status == 200 else [Violation("R1", "status", f"is {status}")]
    value, broken = _parse(body)
    found += [*broken, *_check_media_type(headers), *_check_secrets(value, request)]
    if milliseconds is not None and milliseconds > SLOWEST_MS:
        found.append(Violation("H15", "time", f"took {milliseconds:.0f} ms"))
    if broken:
        return found
    if not isinstance(value, dict) or not isinstance(value.get("cards"), list):
        return [*found, Violation("R1", "cards", "is not a list")]
    return [*found, *_walk(value), *_check_system_actions(value), *check_cards(value["cards"], request)]


def check_error(
    status: int, headers: Headers | None, body: bytes | Json, request: Json | None = None
) -> list[Violation]:
    """What is wrong with a refusal: an R4 OperationOutcome that tells nothing of the inside or the patient."""
    found = [] if 400 <= status < 600 else [Violation("H16", "status", f"is {status}")]
    value, broken = _parse(body)
    found += [*broken, *_check_media_type(headers)]
    if broken:
        return found
    found += [*_walk(value), *_check_outcome(value)]
    text = json.dumps(value, ensure_ascii=False)
    if "Traceback" in text or 'File \\"' in text:
        found.append(Violation("H16", "diagnostics", "shows a stack trace"))
    if any(secret in text for secret in _patient_texts(request or {})):
        found.append(Violation("H12", "diagnostics", "tells patient data"))
    return [*found, *_check_secrets(value, request or {})]


def _parse(body: bytes | Json) -> tuple[Any, list[Violation]]:
    if isinstance(body, Mapping):
        body = json.dumps(body).encode()
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant), []
    except ValueError as error:
        return None, [Violation("W7", "body", f"is not strict JSON: {error}")]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check_media_type(headers: Headers | None) -> Iterator[Violation]:
    if headers is None:
        return
    media_type = {name.lower(): value for name, value in headers.items()}.get("content-type", "").split(";")[0].strip()
    if media_type not in {"application/json", "application/fhir+json"}:
        yield Violation("W1", "Content-Type", f"is {media_type or 'missing'}")


def _walk(value: Any, path: str = "", in_fhir: bool = False) -> Iterator[Violation]:
    """Null, empty and mis-shaped elements, anywhere."""
    if value is None:
        yield Violation("W4", path, "is null")
    elif value in ("", [], {}) and path not in MAY_BE_EMPTY:
        yield Violation("W6" if path == "systemActions" else "W5", path, "is empty")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _walk(member, f"{path}[{index}]", in_fhir)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key == "extension" and not in_fhir:
                yield from _check_extension(member, f"{path}.{key}".lstrip("."))
            inside = in_fhir or key == "resource" or "resourceType" in value
            yield from _walk(member, f"{path}.{key}".lstrip("."), inside)


def _check_extension(extension: Any, path: str) -> Iterator[Violation]:
    if not isinstance(extension, dict):
        yield Violation("W8", path, "is not an object")
        return
    for key in extension:
        if not key.startswith(OUR_EXTENSIONS):
            yield Violation("W8", path, f"has the key {key}, which was not agreed")


def _check_system_actions(response: Json) -> Iterator[Violation]:
    if "systemActions" not in response:
        return
    yield Violation("X1", "systemActions", "a therapy is never automatic, and no client is known to take them")
    if not isinstance(response["systemActions"], list) or not response["systemActions"]:
        yield Violation("R2", "systemActions", "is not a non-empty array")


def _check_outcome(value: Any) -> Iterator[Violation]:
    if not isinstance(value, dict) or value.get("resourceType") != "OperationOutcome":
        yield Violation("H16", "body", "is not an OperationOutcome")
        return
    try:
        get_fhir_model_class("OperationOutcome").model_validate(value)
    except ValueError as error:
        yield Violation("H16", "body", f"is not a valid R4 OperationOutcome: {error}")
        return
    for number, issue in enumerate(value["issue"]):
        if not issue.get("diagnostics"):
            yield Violation("H16", f"issue[{number}].diagnostics", "is missing")


def _check_secrets(value: Any, request: Json) -> Iterator[Violation]:
    authorization = request.get("fhirAuthorization")
    token = authorization.get("access_token") if isinstance(authorization, Mapping) else None
    if isinstance(token, str) and token and token in json.dumps(value, ensure_ascii=False):
        yield Violation("H11", "body", "repeats the access token")


def _patient_texts(request: Json) -> Iterator[str]:
    """Names and identifiers that a refusal has no reason to repeat."""
    context, prefetch = request.get("context"), request.get("prefetch")
    if isinstance(context, Mapping) and isinstance(context.get("patientId"), str) and len(context["patientId"]) > 3:
        yield context["patientId"]
    patient = prefetch.get("patient") if isinstance(prefetch, Mapping) else None
    if not isinstance(patient, Mapping):
        return
    for key in ("name", "identifier", "birthDate", "address", "telecom"):
        yield from (text for text in _leaves(patient.get(key)) if len(text) > 3)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(member)
