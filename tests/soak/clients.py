"""Those who call: each with a thread and a connection of its own, one call after the other, each answer judged."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson

from cds_cards.guideline import Guideline
from service.discovery import discovery
from tests.soak import ills
from tests.soak.connection import Broken, Connection, Reply
from tests.soak.ehrs import LYING, QUICK, STALLING, Charts, Errand, as_it_is, errand, fetching, off_the_list, whole
from tests.soak.judging import Wrong, judged, refused_well
from tests.soak.ledger import Ledger
from tests.soak.patients import CHARTS, ORDERED, Json, any_call, called, encounter, new_patient, path_of, stranger_to
from tests.soak.truth import Truth


@dataclass
class Scene:
    """What all clients share. `real`: charts that are on a real FHIR server at `real_base`."""

    port: int
    truth: Truth
    guideline: Guideline
    ledger: Ledger
    charts: Charts
    real_base: str = ""
    real: Sequence[Json] = ()
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def ready(self) -> Json:
        """What health says beside the state of the store."""
        return {"status": "ready", "knowledge": self.guideline.knowledge_version}

    def lasts(self) -> bool:
        """Whether to go on: nobody has said that it is over, and nothing is wrong."""
        return not self.over.is_set() and not self.ledger.failures


class Client:
    """One who calls the service. A `round` is what one of the functions below does with it."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene, self.ledger = scene, scene.ledger
        self.rng = Random(name)  # noqa: S311  # the same calls in every run
        self.connection = Connection(scene.port)
        self.owed: list[tuple[str, Sequence[Json]]] = []

    def run(self, round_: Callable[[Client], None], pause: float) -> None:
        """Rounds until it is over; whatever goes wrong ends the run."""
        try:
            while self.scene.lasts():
                round_(self)
                self.scene.over.wait(pause)
        except Exception as error:
            self.ledger.failed(error)
        finally:
            self.connection.close()

    def ask(self, errand: Errand, *, alone: bool = False) -> Reply | None:
        """The judged answer; None when the connection broke. `alone`: on a connection for this call only."""
        if alone:
            self.connection.close()
        reply = self.send(errand.kind, "POST", errand.path, errand.body, _JSON)
        if reply is None:
            self.ledger.left(*who(errand.body))
        else:
            self.take(errand, reply)
        return reply

    def take(self, errand: Errand, reply: Reply) -> None:
        """Writes an answer down, and judges it."""
        self.ledger.lived(reply)
        if reply.answer.status == 200:
            cards = [card["uuid"] for card in orjson.loads(reply.answer.body)["cards"]]
            timed = errand.kind in {"whole", "encounter"}
            self.ledger.answered(reply, *who(errand.body), cards, timed=timed)
        self.ledger.ended(errand.kind, judged(errand, reply, self.scene.truth))

    def send(self, kind: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply | None:
        """The answer as it came; None when the connection broke."""
        try:
            reply = self.connection.send(method, path, body, headers)
        except Broken as broken:
            self.ledger.broke(kind, broken)
            return None
        self.ledger.lived(reply)
        return reply

    def feed_back(self, path: str, entries: Sequence[Json]) -> None:
        """Sends feedback; what is not acknowledged is sent again later."""
        sent = {(each["card"], datetime.fromisoformat(each["outcomeTimestamp"])) for each in entries}
        self.ledger.fed_back(sent, acknowledged=False)
        reply = self.send("feedback", "POST", f"{path}/feedback", orjson.dumps({"feedback": entries}), _JSON)
        if reply is None or reply.answer.status != 200:
            self.owed.append((path, entries))
        else:
            self.ledger.fed_back(sent, acknowledged=True)
        if reply is None:
            return
        if reply.answer.status != 200:
            refused_well(reply)
        if reply.answer.status not in {200, 503}:
            raise Wrong(f"feedback: {reply.answer}")
        self.ledger.ended("feedback", str(reply.answer.status))


def who(body: bytes) -> tuple[str, str]:
    """The hook instance and the patient that a body names; "" where it cannot be read."""
    try:
        request = orjson.loads(body)
        return str(request["hookInstance"]), str(request["context"]["patientId"])
    except (ValueError, KeyError, TypeError):
        return "", ""


def clinician(client: Client) -> None:
    """Somebody else's chart, all of it in the call, and what was done with its cards."""
    request = any_call(client.rng)
    reply = client.ask(whole("whole", request))
    if client.owed:
        client.feed_back(*client.owed.pop(0))
    if reply is not None and reply.answer.status == 200:
        cards = orjson.loads(reply.answer.body)["cards"]
        entries = [_entry(card, accepted=client.rng.random() < 0.5) for card in cards]
        if entries:
            client.feed_back(path_of(request), entries)
            if client.rng.random() < 0.2:  # an EHR that is not sure sends it again
                client.feed_back(path_of(request), entries)


def _entry(card: Mapping[str, Any], accepted: bool) -> Json:
    at = datetime.now(UTC).isoformat()
    if accepted and "suggestions" in card:
        chosen = [{"id": card["suggestions"][0]["uuid"]}]
        return {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": at, "acceptedSuggestions": chosen}
    reason = {"reason": {name: card["overrideReasons"][0][name] for name in ("code", "system")}}
    return {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": at, "overrideReason": reason}


def at_work(client: Client) -> None:
    """An encounter with one patient, hook after hook, each a small change from the one before."""
    for request in an_encounter(client.rng):
        if client.scene.lasts():
            client.ask(whole("encounter", request))


def an_encounter(rng: Random) -> Iterator[Json]:
    """Of a new patient."""
    chart = rng.choice(CHARTS)
    return encounter(new_patient(), chart, rng.choice(ORDERED), stranger_to(chart, rng.choice(CHARTS)))


def of_ways(*ways: str) -> Callable[[Client], None]:
    """Calls that lack something, which servers of these kinds are to give, in turn."""
    turns = itertools.cycle(ways)

    def round_(client: Client) -> None:
        request = any_call(client.rng)
        with client.scene.charts.known(request):
            client.ask(fetching(client.rng, client.scene.charts, next(turns), request), alone=True)

    return round_


honest, lied_to, failed_by, stalled = of_ways("honest", "paged"), of_ways(*LYING), of_ways(*QUICK), of_ways(*STALLING)


def of_the_real_server(client: Client) -> None:
    """A chart that is on a real FHIR server, without some of its keys; or one whose server may not be called."""
    request = called(client.rng.choice(client.scene.real))
    keys = client.rng.sample(tuple(request["prefetch"]), client.rng.choice((1, 2, 8)))
    client.ask(errand("real", request, client.scene.real_base, keys), alone=True)
    client.ask(off_the_list(client.rng, any_call(client.rng)))


def ill(client: Client) -> None:
    """A body that is no good, and a request that is none."""
    client.ask(as_it_is("ill", *ills.any_body(client.rng)))
    method, path, headers, status = client.rng.choice(_NO_REQUESTS)
    reply = client.send("ill", method, path, b"{}" if method == "POST" else None, headers)
    if reply is not None:
        refused_well(reply)
        if reply.answer.status != status:
            raise Wrong(f"{method} {path} {headers}: {reply.answer}")
        client.ledger.ended("ill", str(status))


_JSON = {"Content-Type": "application/json"}
_NO_REQUESTS: tuple[tuple[str, str, Mapping[str, str], int], ...] = (
    ("POST", "/cds-services/mda5-rpild-patient-view", {"Content-Type": "text/plain"}, 415),
    ("POST", "/cds-services/mda5-rpild-patient-view", {}, 415),
    ("POST", "/cds-services/mda5-rpild-order-sign", {**_JSON, "Content-Encoding": "gzip"}, 415),
    ("POST", "/cds-services/somebody-elses", _JSON, 404),
    ("GET", "/cds-services/mda5-rpild-patient-view", {}, 405),
    ("PUT", "/cds-services", {}, 405),
    ("GET", "/nowhere", {}, 404),
)


def operator(client: Client) -> None:
    """Discovery, health and metrics: they answer whatever else goes on."""
    scene = client.scene
    right = {
        "/cds-services": orjson.dumps(discovery(scene.guideline)),
        "/health/live": b'{"status":"live"}',
    }
    for path in (*right, "/health/ready", "/metrics"):
        reply = client.send("operations", "GET", path, None, {})
        if reply is None:
            continue
        if reply.answer.status != 200 or (path in right and reply.answer.body.strip() != right[path]):
            raise Wrong(f"{path}: {reply.answer}")
        if path == "/health/ready":
            told = orjson.loads(reply.answer.body)
            if told.pop("store") not in {"ok", "lost"} or told != scene.ready:
                raise Wrong(f"{path}: {reply.answer}")
        client.ledger.ended("operations", "right")
