"""What the service holds: memory, threads, files, connections to the database; and whether it grows.

Memory is the proportional share (PSS) of the parent and its workers together. A garbage collector, an allocator and the
calls under way make it go up and down: growth is the median slope between any two measurements (Theil and Sen), which
single high or low ones do not move, and it counts as growth only beyond how much the measurements scatter around it.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Vitals:
    """At one moment (monotonic clock). Memory of parent and workers together in KiB; threads and files of the worker
    that has most."""

    at: float
    workers: frozenset[int]
    pss: int
    rss: int
    threads: int
    files: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Of several measurements: from the first fifth to the last (medians), growth over all of the time by the median
    slope, and the scatter around it (median of the distances). KiB."""

    first: float
    last: float
    growth: float
    scatter: float


def workers_of(parent: int) -> frozenset[int]:
    """The processes that this one started and that live."""
    children = (PROC / str(parent) / "task" / str(parent) / "children").read_text(encoding="ascii")
    return frozenset(pid for pid in map(int, children.split()) if lives(pid))


def lives(pid: int) -> bool:
    """Whether the process is there, and no mere entry that its parent has not looked at yet."""
    try:
        return (PROC / str(pid) / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def taken(parent: int) -> Vitals | None:
    """Now; None when a process ended meanwhile."""
    with suppress(OSError):
        workers = workers_of(parent)
        memory = [_memory(pid) for pid in (parent, *workers)]
        return Vitals(
            at=time.monotonic(),
            workers=workers,
            pss=sum(pss for pss, _ in memory),
            rss=sum(rss for _, rss in memory),
            threads=max(_entries(pid, "task") for pid in workers),
            files=max(_entries(pid, "fd") for pid in workers),
        )
    return None


def trend(measured: Sequence[tuple[float, float]]) -> Trend:
    """Of (instant, KiB), at least two."""
    pairs = itertools.combinations(measured, 2)
    slope = statistics.median((later[1] - before[1]) / (later[0] - before[0]) for before, later in pairs)
    level = statistics.median(value - slope * at for at, value in measured)
    scatter = statistics.median(abs(value - slope * at - level) for at, value in measured)
    values, fifth = [value for _, value in measured], max(1, len(measured) // 5)
    first, last = statistics.median(values[:fifth]), statistics.median(values[-fifth:])
    return Trend(first, last, slope * (measured[-1][0] - measured[0][0]), scatter)


def _memory(pid: int) -> tuple[int, int]:
    lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    found = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(found["Pss"]), int(found["Rss"])


def _entries(pid: int, folder: str) -> int:
    return sum(1 for _ in (PROC / str(pid) / folder).iterdir())
