"""A pytest plugin: which test executes which line of `cds_cards/`, and how long it takes."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

# the only tracer that tells the tests apart
os.environ["COVERAGE_CORE"] = "ctrace"

import pytest
from coverage import Coverage

from tests.mutants import executed
from tests.mutants.mutations import ROOT
from tests.mutants.trial import without_drawn_examples

JOB = "MUTANTS_LEARN"
STORIES = ROOT / "tests" / "stories"


class Learning:
    """Runs each test, and tells them apart. A job names the files of tests, where to write, and how many share them."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._folder = Path(job["folder"])
        self._at_once: int = job["at_once"]
        self._failed = ""
        self._digests = executed.digests()
        self._files: list[str] = job["files"]
        self._coverage = Coverage(data_file=None, config_file=False, include=[f"{ROOT}/cds_cards/*"])
        self._coverage.start()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out what is too slow to run for each mutant."""
        without_drawn_examples(items)
        for file in {*self._files} - {item.path.relative_to(ROOT).as_posix() for item in items}:
            executed.save(self._folder, file, {"digest": self._digests[file], "seconds": {}, "lines": {}})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that fails without a mutant tells nothing about one."""
        if report.failed:
            self._failed = f"{report.nodeid}: {report.longreprtext[-500:]}"

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own loop: shares the files of tests out."""
        files: dict[Path, list[int]] = defaultdict(list)
        for number, item in enumerate(session.items):
            files[item.path].append(number)
        shares: list[list[int]] = [[] for _ in range(self._at_once)]
        for numbers in sorted(files.values(), key=len, reverse=True):
            min(shares, key=len).extend(numbers)
        children = {os.fork() or self._learn(session, share, place): place for place, share in enumerate(shares)}
        broken = [children[child] for child in children if os.waitpid(child, 0)[1]]
        if broken:
            raise pytest.UsageError("; ".join(self._fault(place).read_text("utf-8") for place in broken))
        return True

    def _fault(self, place: int) -> Path:
        return self._folder / f"fault.{place}"

    def _learn(self, session: pytest.Session, share: list[int], place: int) -> NoReturn:
        """In a child: never returns."""
        self._fault(place).write_text("a process that ran tests ended early", encoding="utf-8")
        seconds: dict[int, float] = {}
        for number, following in pairwise((*share, None)):
            assert number is not None
            item = session.items[number]
            self._coverage.switch_context(str(number))
            began = time.process_time()
            # stories share the answers within a module: with the session as the next one each test asks for itself, and
            # is seen to execute what its answer needs
            after = session if STORIES in item.path.parents else None if following is None else session.items[following]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            seconds[number] = round(time.process_time() - began, 4)
            if self._failed:
                self._fault(place).write_text(self._failed, encoding="utf-8")
                os._exit(1)
        self._coverage.stop()
        self._save(session, seconds)
        os._exit(0)

    def _save(self, session: pytest.Session, seconds: dict[int, float]) -> None:
        """One file for each file of tests."""
        by_file: dict[str, list[int]] = defaultdict(list)
        for number in seconds:
            by_file[session.items[number].path.relative_to(ROOT).as_posix()].append(number)
        data = self._coverage.get_data()
        lines = {
            Path(file).relative_to(ROOT).as_posix(): data.contexts_by_lineno(file) for file in data.measured_files()
        }
        for file, numbers in by_file.items():
            places = {str(number): place for place, number in enumerate(numbers)} | {"": executed.BEFORE_ANY_TEST}
            told = {
                module: {
                    line: found
                    for line, tests in by_line.items()
                    if (found := [places[test] for test in tests if test in places])
                }
                for module, by_line in lines.items()
            }
            spent = {session.items[number].nodeid: seconds[number] for number in numbers}
            executed.save(self._folder, file, {"digest": self._digests[file], "seconds": spent, "lines": told})


def pytest_configure(config: pytest.Config) -> None:
    """Begins before anything of the project is imported."""
    if JOB in os.environ:
        config.pluginmanager.register(Learning(json.loads(os.environ[JOB])))
