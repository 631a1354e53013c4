"""The right answer, found in this process without network and store; and whether an answer is it, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from service.discovery import SERVICES
from service.errors import ServiceError, operation_outcome
from service.json_body import check_size, decode_json
from service.parts import load_parts
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes


class Truth:
    """What the code answers that the service runs, with the same settings; but it remembers nothing of other calls."""

    def __init__(self, settings: Settings) -> None:
        self._parts = load_parts(replace(settings, database_url="sqlite://", remember_facts=False))

    def of(self, path: str, body: bytes) -> Answer:
        """The answer to a body posted to the route of a service; it must need nothing from a FHIR server."""
        settings = self._parts.settings
        try:
            check_size(body, settings.max_body_bytes)
            decoded = decode_json(body, settings.max_nesting)
            call = decode_request(decoded, SERVICES[path.removeprefix("/cds-services/")], settings)
            return Answer(200, orjson.dumps(respond(call, self._parts)))
        except ServiceError as error:
            return Answer(error.status, orjson.dumps(operation_outcome(error.issue_code, error.diagnostics)))


def difference(found: Answer, right: Answer) -> str:
    """Where an answer first differs from the right one; "" when it is the right one, byte for byte."""
    if found.status != right.status:
        return f"status {found.status}, not {right.status}: {found.body[:300]!r}"
    if found.body.rstrip(b"\n") == right.body.rstrip(b"\n"):
        return ""
    try:
        return next(_differences(json.loads(found.body), json.loads(right.body)), "the same in other bytes")
    except ValueError:
        return f"no JSON: {found.body[:300]!r}"


def _differences(found: Any, right: Any, path: str = "") -> Iterator[str]:
    if type(found) is not type(right):
        yield f"{path}: {found!r:.200}, not {right!r:.200}"
    elif isinstance(found, dict):
        for name in {**right, **found}:
            if name not in found or name not in right:
                yield f"{path}.{name} is {'missing' if name not in found else 'too much'}"
            else:
                yield from _differences(found[name], right[name], f"{path}.{name}")
    elif isinstance(found, list):
        for place, pair in enumerate(zip(found, right, strict=False)):
            yield from _differences(*pair, f"{path}[{place}]")
        if len(found) != len(right):
            yield f"{path} has {len(found)} members, not {len(right)}"
    elif found != right:
        yield f"{path}: {found!r:.200}, not {right!r:.200}"
