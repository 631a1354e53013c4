"""Bodies that are no good: cut off, nested, of wrong types, damaged, too large. Each has one right answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import orjson

from tests.contract.test_damaged_stories import changed, places
from tests.soak.patients import Json, any_call, path_of

MAX_BODY_BYTES = 400_000
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 1.5, "", "x", "2026-02-30", "9999-12-31T23:59:60Z", "Patient/", "#", "<5", [], {}),
    *([None], {"value": 7}, {"reference": "Patient/"}, {"resourceType": "Bundle"}, [[[]]], {"start": "2026"}),
)
WRONG_TYPES: Mapping[tuple[str, ...], tuple[Any, ...]] = {
    ("hook",): (5, None, "", "order-dispense"),
    ("context",): ([], "x", None),
    ("context", "patientId"): (7, "", None, ["x"]),
    ("context", "draftOrders"): ([], "x"),
    ("context", "selections"): ("x", [1]),
    ("prefetch",): ([], "x", 3),
    ("prefetch", "patient"): ([], "x", 3, None, {"resourceType": "Practitioner"}),
    ("prefetch", "medications"): ([], "x", {"resourceType": "OperationOutcome"}),
    ("fhirAuthorization",): ([], {"access_token": "t"}),
    ("extension",): ([], {"mda5-cds.as-of": "yesterday"}, {"mda5-cds.as-of": 5}),
}


def any_body(rng: Random) -> tuple[str, bytes]:
    """A route, and the body that is sent to it."""
    request = any_call(rng)
    return path_of(request), rng.choice(_MAKERS)(rng, request)


def _damaged(rng: Random, request: Json) -> bytes:
    """Something else in one to three places of the chart or the drafts."""
    told = {name: request[name] for name in ("context", "prefetch")}
    for _ in range(rng.randint(1, 3)):
        told = changed(told, rng.choice(list(places(told))), rng.choice(VALUES))
    return orjson.dumps({**request, **told})


def _of_wrong_type(rng: Random, request: Json) -> bytes:
    path = rng.choice(tuple(WRONG_TYPES))
    value = rng.choice(WRONG_TYPES[path])
    if path[0] == "extension":  # without an instant of its own the day would decide
        return orjson.dumps({**request, "extension": value, "hook": None if value == [] else request["hook"]})
    return orjson.dumps(changed(request, path, value))


def _cut_off(rng: Random, request: Json) -> bytes:
    body = orjson.dumps(request)
    return body[: rng.randrange(len(body))]


def _nested(rng: Random, request: Json) -> bytes:
    depth = rng.choice((70, 1_000, 100_000))
    return orjson.dumps(request)[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}"


def _too_large(rng: Random, request: Json) -> bytes:
    return orjson.dumps(request).ljust(MAX_BODY_BYTES + rng.choice((1, 100_000, 2_000_000)))


def _no_json(rng: Random, request: Json) -> bytes:
    text = json.dumps(request)
    return rng.choice(
        [
            *(b"", b"null", b"[]", b"{}", b"\xff\xfe", b"nonsense", b'{"hook": NaN}', b'"' * 9),
            *(text.encode("utf-16"), text.replace(": ", ":,", 1).encode(), text.encode() + b"x", text.encode()[1:]),
        ]
    )


_MAKERS: tuple[Callable[[Random, Json], bytes], ...] = (
    *(_damaged, _damaged, _damaged, _damaged, _of_wrong_type, _of_wrong_type, _cut_off, _nested, _too_large, _no_json),
)
