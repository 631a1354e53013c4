"""FHIR servers that know the charts of the calls under way: one that is honest, and those that stall, fail and lie.

They are one server; the first segment of a base URL says how what lies beneath behaves. What may be answered to a call
that has to ask it, and why:

* **honest**, in one page or several: the answer to the whole chart.
* It **fails** (each fault of `tests.acceptance.test_fhir_faults`, and stalling): nothing of the key can be had. 412 for
  a required key. For optional ones the answer to a call whose EHR says for these keys that it failed.
* It **mixes others in** (their resources among the patient's): the answer to the Bundle as it came; and the cards are
  those of the honest chart, for what is another's is left out. Another's Patient is not the one asked for: 412.
* It **says that there is more** than it sends (`total`), or leads on and on (`next`): the answer to a prefetch that
  came so, which is not answered in full.

Whoever the server is: 503 with `Retry-After`, while too many calls wait for FHIR servers; and on a machine that is
too busy the budget may run out before an honest server has answered: then what it did not answer counts as failed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

import orjson

from service.prefetch import REQUIRED_KEYS, SEARCHED
from tests.acceptance.ehr import KEYS, lacking, replaced
from tests.acceptance.test_fhir_faults import FAULTS, NO_VALUE
from tests.fault_server import Call, fhir, searchset
from tests.fhir_server import TOKEN
from tests.soak.patients import MARK, STORIES, Json, path_of, told_of

Parts = Iterable[bytes | float]

BUDGET_SECONDS = 2.0
PAGE = 4


@cache
def _bomb() -> Parts:
    return list(FAULTS["sends a bomb"](Call(0, "GET", "/", {}, b"")))


CHEAPER: Mapping[str, Callable[[Call], Parts]] = MappingProxyType(
    {
        "stalls": lambda _: [BUDGET_SECONDS + 1],
        "stalls after the head": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", BUDGET_SECONDS + 1],
        "sends a bomb": lambda _: _bomb(),
    }
)
"""Faults that take a minute, or much work to make: here nobody waits longer than anybody listens."""
FAILING = {name.replace(" ", "-"): CHEAPER.get(name, fault) for name, fault in FAULTS.items()}
STALLING = tuple(name for name in FAILING if name.startswith(("stalls", "drips")))
QUICK = tuple(name for name in FAILING if name not in STALLING)
LYING = ("others", "total", "endless")


@dataclass(frozen=True, slots=True)
class Errand:
    """A body that is sent to a route, and what may be answered to it.

    `obtainable`: bodies, the answer to any of which is right, the best first; `refusals`: the statuses that may
    come instead, `lacks` the keys that a 412 may name; `cards_of` (if any): the body whose cards a 200 must show.
    """

    kind: str
    path: str
    body: bytes
    obtainable: Callable[[], Iterator[bytes]]
    refusals: frozenset[int] = frozenset()
    lacks: tuple[str, ...] = ()
    cards_of: bytes | None = None


def whole(kind: str, request: Json) -> Errand:
    """A call that brings everything: one answer is right."""
    return as_it_is(kind, path_of(request), orjson.dumps(request))


def as_it_is(kind: str, path: str, body: bytes) -> Errand:
    """Any body to which, whatever it is, one answer is right."""
    return Errand(kind, path, body, lambda: iter((body,)))


@dataclass
class Charts:
    """The charts, by patient; and the script of the server."""

    base: str = ""
    _charts: dict[str, Json] = field(default_factory=dict)

    @contextmanager
    def known(self, request: Json) -> Iterator[None]:
        """The server knows the chart of this call meanwhile."""
        patient = request["context"]["patientId"]
        self._charts[patient] = request["prefetch"]
        try:
            yield
        finally:
            self._charts.pop(patient, None)

    def script(self, call: Call) -> Parts:
        """What the server does with a request."""
        _, way, _, kind, *more = urlsplit(call.target).path.split("/")
        if call.headers.get("authorization") != f"Bearer {TOKEN}":
            return fhir(NO_VALUE, 401)
        if way in FAILING:
            return FAILING[way](call)
        query = parse_qs(urlsplit(call.target).query or call.body.decode())
        patient = more[0] if kind == "Patient" else query["patient"][0]
        chart = self._charts.get(patient)
        if chart is None:
            return fhir(NO_VALUE, 404)
        page = int(query.get("page", ["1"])[0])
        if kind == "Patient":
            return fhir(_another(chart)["patient"] if way == "others" else chart["patient"])
        return fhir(_searched(way, chart, _key(kind), page, f"/{way}/fhir/{kind}?patient={patient}&page={page + 1}"))


def _searched(way: str, chart: Json, key: str, page: int, following: str) -> Json:
    """The Bundle that answers a search."""
    own = _resources(chart, key)
    if way == "paged":
        begin = (page - 1) * PAGE
        more = following if len(own) > begin + PAGE else None
        return searchset(*own[begin : begin + PAGE], next_url=more)
    if way == "endless":
        return searchset(*(own if page == 1 else ()), next_url=following)
    if way == "others":
        return searchset(*_resources(_another(chart), key), *own)
    if way == "total":
        return searchset(*own, total=len(own) + 3)
    return searchset(*own, total=len(own))


def fetching(rng: Random, charts: Charts, way: str, request: Json) -> Errand:
    """A call that lacks some of its chart, which a server of this kind is to give."""
    keys = tuple(rng.sample(KEYS, rng.choice((1, 1, 2, 3, len(KEYS)))))
    if way in LYING and "patient" in keys and way != "others":
        keys = tuple(key for key in keys if key != "patient") or ("observations",)
    return errand(way, request, f"{charts.base}/{way}/fhir", keys)


def errand(way: str, request: Json, base: str, keys: Sequence[str]) -> Errand:
    """The call without these keys, to be fetched from `base`, where it goes in this way."""
    required = tuple(key for key in keys if key in REQUIRED_KEYS)
    kind = "stalling" if way in STALLING else "failing" if way in FAILING else way
    calls = Errand(kind, path_of(request), orjson.dumps(lacking(base, request, *keys)), lambda: iter(()))
    # for what is required nothing can be put in its place; what is optional is never refused for
    calls = replace(calls, refusals=frozenset({412, 503} if required else {503}), lacks=required)
    if way in ("honest", "paged", "real"):
        return replace(calls, obtainable=lambda: _in_time(way, request, keys))
    if way in FAILING or (way == "others" and "patient" in keys):
        failed = orjson.dumps(replaced(request, **dict.fromkeys(keys, NO_VALUE)))
        return calls if required else replace(calls, obtainable=lambda: iter((failed,)))
    came = {key: _searched(way, request["prefetch"], key, 1, f"{base}/on-and-on") for key in keys}
    calls = replace(calls, obtainable=lambda: _lies(request, came))
    return replace(calls, cards_of=orjson.dumps(request)) if way == "others" else calls


def _in_time(way: str, request: Json, keys: Sequence[str]) -> Iterator[bytes]:
    """The whole chart; then, for the machine that was too busy, what may have come of it in time."""
    partial = [[request["prefetch"][key], *_late(way, request["prefetch"], key)] for key in keys]
    for values in itertools.islice(itertools.product(*partial), 4096):
        yield orjson.dumps(replaced(request, **dict(zip(keys, values, strict=True))))


def _late(way: str, chart: Json, key: str) -> Iterator[Json]:
    if key not in REQUIRED_KEYS:
        yield NO_VALUE
    own = _resources(chart, key) if key != "patient" else []
    if way == "paged":
        for end in range(PAGE, len(own), PAGE):
            yield searchset(*own[:end], next_url="/more")


def _lies(request: Json, came: Mapping[str, Json]) -> Iterator[bytes]:
    """What came; on a machine that is too busy, without some of it."""
    partial = [[value, *([] if key in REQUIRED_KEYS else [NO_VALUE])] for key, value in came.items()]
    for values in itertools.product(*partial):
        yield orjson.dumps(replaced(request, **dict(zip(came, values, strict=True))))


def off_the_list(rng: Random, request: Json) -> Errand:
    """A call that names a server that may not be called: nobody calls it, and the answer is known without."""
    keys = rng.sample(KEYS, rng.choice((1, 2)))
    return whole("off the list", lacking("https://ehr.example.org/fhir", request, *keys))


def _resources(chart: Json, key: str) -> list[Json]:
    return [each["resource"] for each in (chart[key] or {}).get("entry", ())]


def _key(kind: str) -> str:
    return next(key for key, searched in SEARCHED.items() if searched == kind)


def _another(chart: Json) -> Json:
    """The chart of somebody else, the same for one patient whenever it is asked for."""
    patient: str = chart["patient"]["id"]
    story = STORIES[int(patient.rpartition("-")[2]) % len(STORIES)]
    prefetch: Json = told_of(f"{MARK}-other-than-{patient}", story)["prefetch"]
    return prefetch
