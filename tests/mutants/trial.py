"""A pytest plugin: tries each mutant in a child of the process that has collected the tests.

A child puts one mutant in place, runs the tests that execute the mutated statement (those that killed a neighbour
first), and ends with the first that fails.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.mutants import executed
from tests.mutants.mutations import Mutant, put_in_place

JOB = "MUTANTS_JOB"
KILLED, SURVIVED, TIMEOUT, NO_TESTS = "killed", "survived", "timeout", "no tests"
# CPU: a mutant may make a test slower, but not this much
PATIENCE = 4
LEAST_PATIENCE = 10
MEMORY = 3 * 1024**3
# a test that takes longer looks at many things that others look at one by one
LONGEST = 1.0
REMEMBERED_KILLERS = 4
WARMING = "test_stories.py"
_FAILED, _BROKEN = 41, 42


def without_drawn_examples(items: list[pytest.Item]) -> None:
    """Leaves out the tests marked `load`: one of them takes as long as a hundred others."""
    items[:] = [item for item in items if item.get_closest_marker("load") is None]


@dataclass(slots=True)
class _Child:
    mutant: Mutant
    tests: Sequence[str]
    began: float
    told: int
    """The end of a pipe on which the child tells which test failed."""


class Trial:
    """Tries the mutants of a job: with the folder of what was learnt, where to write, and how many at once."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._mutants = [Mutant(**{**each, "lines": tuple(each["lines"])}) for each in job["mutants"]]
        self._executed = executed.load(Path(job["folder"]))
        self._out = Path(job["out"])
        self._at_once: int = job["at_once"]
        self._killers: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._running: dict[int, _Child] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The same tests as when it was learnt what they execute."""
        without_drawn_examples(items)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own loop."""
        self._items = {item.nodeid: item for item in session.items}
        if self._items.keys() != self._executed.seconds.keys():
            raise pytest.UsageError("a file changed since it was learnt what the tests execute: begin again")
        _warm(session.items)
        for mutant in self._mutants:
            while len(self._running) >= self._at_once:
                self._wait()
            tests = self._ordered(mutant)
            if tests:
                self._start(mutant, tests)
            else:
                self._write(mutant, NO_TESTS, 0, 0.0)
        while self._running:
            self._wait()
        return True

    def _ordered(self, mutant: Mutant) -> list[str]:
        """Those that killed a neighbour, those of the module's own file, then the others, the fast files first."""
        tests = [test for test in self._executed.tests_of(mutant) if self._executed.seconds[test] < LONGEST]
        spent: dict[str, list[float]] = defaultdict(list)
        for test in tests:
            spent[_file(test)].append(self._executed.seconds[test])
        own = f"/test_{Path(mutant.path).stem}.py"
        files = sorted(spent, key=lambda file: (not file.endswith(own), sum(spent[file]) / len(spent[file])))
        place = {file: number for number, file in enumerate(files)}
        killers = [test for test in reversed(self._killers[mutant.path, mutant.function]) if test in tests]
        others = (test for test in tests if test not in killers)
        return [*killers, *sorted(others, key=lambda test: place[_file(test)])]

    def _start(self, mutant: Mutant, tests: Sequence[str]) -> None:
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(told)
            limit = LEAST_PATIENCE + round(PATIENCE * sum(self._executed.seconds[test] for test in tests))
            _try(mutant, [self._items[test] for test in tests], limit, tell)
        os.close(tell)
        self._running[child] = _Child(mutant, tests, time.monotonic(), told)

    def _wait(self) -> None:
        process, status = os.wait()
        child = self._running.pop(process)
        with os.fdopen(child.told) as pipe:
            place = pipe.read()
        code = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - child.began
        if code == _BROKEN:
            raise pytest.UsageError(f"could not be put in place: {child.mutant}: {place}")
        if code == _FAILED:
            killer = child.tests[int(place)]
            self._remember(child.mutant, killer)
            self._write(child.mutant, KILLED, int(place) + 1, seconds, killer)
        elif code == 0:
            self._write(child.mutant, SURVIVED, len(child.tests), seconds)
        else:
            self._write(child.mutant, TIMEOUT if code in (-signal.SIGXCPU, -signal.SIGALRM) else KILLED, 0, seconds)

    def _remember(self, mutant: Mutant, killer: str) -> None:
        killers = self._killers[mutant.path, mutant.function]
        if killer in killers:
            killers.remove(killer)
        killers.append(killer)
        del killers[:-REMEMBERED_KILLERS]

    def _write(self, mutant: Mutant, outcome: str, tests: int, seconds: float, killer: str = "") -> None:
        row = {"key": mutant.key, "outcome": outcome, "tests": tests, "seconds": round(seconds, 3), "killer": killer}
        row["digest"] = self._executed.digest_of(mutant)
        with self._out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")


def _warm(items: Sequence[pytest.Item]) -> None:
    """Runs one story here, so that no child has to load Flask and the models of FHIR for itself."""
    for item in items:
        if item.path.name == WARMING:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            break
    gc.collect()
    gc.freeze()


def _file(test: str) -> str:
    return test.partition("::")[0]


class _Listener:
    """Ends the process with the first report of a failure."""

    def __init__(self, tell: int) -> None:
        self._tell = tell
        self.place = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._tell, str(self.place).encode())
            os._exit(_FAILED)


def _try(mutant: Mutant, items: Iterable[pytest.Item], limit: int, tell: int) -> NoReturn:
    """In the child: never returns."""
    listener = _Listener(tell)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 10 * limit)
        put_in_place(mutant)
    except BaseException as fault:
        os.write(tell, repr(fault)[:200].encode())
        os._exit(_BROKEN)
    try:
        for listener.place, (item, following) in enumerate(pairwise((*items, None))):
            assert item is not None
            if listener.place == 0:
                item.config.pluginmanager.register(listener)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    except BaseException:
        os.write(tell, str(listener.place).encode())
        os._exit(_FAILED)
    os._exit(0)


def pytest_configure(config: pytest.Config) -> None:
    """Begins the job that the environment names."""
    if JOB in os.environ:
        config.pluginmanager.register(Trial(json.loads(Path(os.environ[JOB]).read_text(encoding="utf-8"))))
