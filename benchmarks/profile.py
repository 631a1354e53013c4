"""Where the time of one call goes, in process: CPU by stage for charts of each size, or by function.

Every call is another patient, except in the column of an encounter that calls again. Of several rounds the least
counts for each stage: what disturbs only adds.
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson

from benchmarks.bodies import SIZES, STORIES, again, patient_view
from cds_cards.assessment import assess
from cds_cards.cards import compose_cards
from cds_cards.plan import make_plan
from service.discovery import SERVICE_OF_HOOK
from service.fhir.fetch import collect
from service.fhir.memory import ClientMemory
from service.fhir.read import read_record
from service.json_body import decode_json
from service.parts import Parts, load_parts
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request
from service.wire_cards import response_json

STAGES = ("decode", "gather", "read", "assess", "plan", "compose", "encode")
_SERVICE = SERVICE_OF_HOOK["patient-view"]
_FoundT = TypeVar("_FoundT")


class Stopwatch:
    """Adds up the CPU time of each stage, in seconds."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(STAGES, 0.0)

    def time(self, stage: str, work: Callable[[], _FoundT]) -> _FoundT:
        """Does the work, as part of that stage."""
        started = time.process_time()
        found = work()
        self.spent[stage] += time.process_time() - started
        return found


def walk(body: bytes, parts: Parts, watch: Stopwatch) -> bytes:
    """One call, stage by stage: the same functions in the same order as `service.respond`."""
    settings, guideline = parts.settings, parts.guideline
    value = watch.time("decode", lambda: decode_json(body, settings.max_nesting))
    call = watch.time("decode", lambda: decode_request(value, _SERVICE, settings))
    bundle = watch.time("gather", lambda: collect(call, parts))
    memory = ClientMemory(parts.facts, call.client) if parts.facts is not None else None
    record = watch.time("read", lambda: read_record(bundle, call.patient_id, guideline, settings.canonical, memory))
    assessment = watch.time("assess", lambda: assess(record, guideline, call.as_of or parts.clock()))
    plan = watch.time("plan", lambda: make_plan(assessment, guideline, call.hook))
    cards = watch.time("compose", lambda: compose_cards(plan))
    return watch.time(
        "encode", lambda: orjson.dumps(response_json(cards, assessment, call, bundle, parts), default=str)
    )


def stages(times: int, rounds: int, *, known: bool = False) -> Mapping[str, float]:
    """CPU milliseconds a call by stage for charts of ×`times`: the mean over the stories, the least of the rounds.

    `known`: the encounter has called before.
    """
    parts = load_parts(Settings(allow_as_of=True))
    least = dict.fromkeys(STAGES, float("inf"))
    many = len(STORIES) if times < max(SIZES) else len(STORIES) // 2
    for number in range(rounds + 1):
        bodies = [patient_view(number * len(STORIES) + each, times) for each in range(many)]
        if known:
            _walked([body.encoded() for body in bodies], parts)
            bodies = [again(body, 1) for body in bodies]
        spent = _walked([body.encoded() for body in bodies], parts)
        if number:  # the first round warms
            least = {stage: min(least[stage], spent[stage] / many * 1000) for stage in STAGES}
    return least


def _walked(bodies: Sequence[bytes], parts: Parts) -> Mapping[str, float]:
    """What the stages of all these calls took together, in seconds."""
    watch = Stopwatch()
    with _quiet():
        for body in bodies:
            walk(body, parts, watch)
    return watch.spent


def print_stages(rounds: int) -> None:
    """The table: milliseconds and share, stage by stage, for each size and for an encounter that calls again."""
    found = {f"×{times}": stages(times, rounds) for times in SIZES}
    found["×1, again"] = stages(SIZES[0], rounds, known=True)
    print("CPU a call, ms".ljust(16) + "".join(name.rjust(16) for name in found))
    whole = {name: sum(spent.values()) for name, spent in found.items()}
    for stage in STAGES:
        shares = (f"{spent[stage]:.2f}  {spent[stage] / whole[name]:4.0%}" for name, spent in found.items())
        print(stage.ljust(16) + "".join(share.rjust(16) for share in shares))
    print("all".ljust(16) + "".join(f"{total:.2f}  100%".rjust(16) for total in whole.values()))


def print_functions(many: int = 60, shown: int = 40) -> None:
    """The functions that cost most at ×1, by cProfile: good for finding, not for measuring."""
    parts = load_parts(Settings(allow_as_of=True))
    bodies = [patient_view(number).encoded() for number in range(many + 1)]

    def call(body: bytes) -> Any:
        return respond(decode_request(decode_json(body, 64), _SERVICE, parts.settings), parts)

    call(bodies[0])
    profile = cProfile.Profile()
    profile.enable()
    for body in bodies[1:]:
        call(body)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(shown)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the garbage collector, whose turn would fall on whoever happens to be running."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
