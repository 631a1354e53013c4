"""All measures in turn, or some of them by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from benchmarks.runner import measures
from benchmarks.runner.report import Row
from benchmarks.runner.run import Run
from benchmarks.runner.servers import Server, service, yardstick

_COMPARED: Mapping[str, Callable[[Run, Server, Server], Iterator[Row]]] = {
    "fresh": measures.each_call_another_patient,
    "again": measures.same_encounter_again,
    "sizes": measures.longer_charts,
    "jwt": lambda run, ours, _: measures.identified_callers(run, ours),
}
_ALONE: Mapping[str, Callable[[Run], Iterator[Row]]] = {
    "memory": measures.memory_in_flight,
    "ready": measures.time_until_ready,
}
NAMES = (*_COMPARED, *_ALONE)


def measured(run: Run, names: Collection[str]) -> Iterator[Row]:
    """The rows of these measures, as they come. ServerFailed when a server fails or an answer is wrong."""
    compared = [measure for name, measure in _COMPARED.items() if name in names]
    if compared:
        with service(run.folder("service")) as ours, yardstick(run.folder("yardstick")) as theirs:
            for measure in compared:
                yield from measure(run, ours, theirs)
    for name, alone in _ALONE.items():
        if name in names:
            yield from alone(run)
