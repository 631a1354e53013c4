"""Which test executes which line of `cds_cards/`, and how long it takes: kept for each file of tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.mutants.mutations import ROOT, Mutant

# fast, within the process, and about the core
TESTS = ("tests/unit/cds_cards", "tests/stories", "tests/test_knowledge.py", "tests/test_guideline_fidelity.py")
BEFORE_ANY_TEST = -1
# what decides the outcome of a test besides its own file
_SHARED = ("cds_cards", "service", "fixtures", "tests/unit", "tests/stories", "tests/contract", "tests")


@dataclass(frozen=True, slots=True)
class Learnt:
    """Of one file of tests: the seconds of each; by module and line the places (in `seconds`) of those that run it."""

    digest: str
    seconds: dict[str, float]
    lines: dict[str, dict[str, list[int]]]


@dataclass(frozen=True)
class Executed:
    """All files of tests, by their path."""

    files: Mapping[str, Learnt]

    @cached_property
    def seconds(self) -> dict[str, float]:
        """By test (pytest's node id)."""
        return {node: spent for learnt in self.files.values() for node, spent in learnt.seconds.items()}

    @cached_property
    def _nodes(self) -> dict[str, tuple[str, ...]]:
        return {file: tuple(learnt.seconds) for file, learnt in self.files.items()}

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that execute the mutated statement, in their order."""
        return [
            self._nodes[file][place]
            for file, learnt in self.files.items()
            for place in sorted(_places(learnt, mutant))
            if place != BEFORE_ANY_TEST
        ]

    def early(self, mutant: Mutant) -> bool:
        """Whether the mutated statement is executed before any test runs."""
        return any(BEFORE_ANY_TEST in _places(learnt, mutant) for learnt in self.files.values())

    def digest_of(self, mutant: Mutant) -> str:
        """Changes with whatever may change the outcome of a survivor."""
        concerned = (learnt.digest for learnt in self.files.values() if _places(learnt, mutant))
        return hashlib.sha256(" ".join(sorted(concerned)).encode()).hexdigest()[:16]


def _places(learnt: Learnt, mutant: Mutant) -> set[int]:
    by_line = learnt.lines.get(mutant.path, {})
    first, last = mutant.lines
    return {place for line in range(first, last + 1) for place in by_line.get(str(line), ())}


def digests() -> dict[str, str]:
    """Of each file of tests, with all that it stands on."""
    shared = hashlib.sha256()
    for file in sorted({*_supports()}):
        shared.update(file.read_bytes())
    return {
        file.relative_to(ROOT).as_posix(): hashlib.sha256(shared.digest() + file.read_bytes()).hexdigest()[:16]
        for file in _test_files()
    }


def _test_files() -> Iterable[Path]:
    for name in TESTS:
        path = ROOT / name
        yield from [path] if path.is_file() else sorted(path.glob("test_*.py"))


def _supports() -> Iterable[Path]:
    for name in _SHARED:
        folder = ROOT / name
        deep = not name.startswith("tests")
        for ending in ("py", "toml"):
            found = folder.rglob(f"*.{ending}") if deep else folder.glob(f"*.{ending}")
            yield from (file for file in found if deep or not file.name.startswith("test_"))


def load(folder: Path) -> Executed:
    """What is known and still true."""
    true = digests()
    kept = {file: json.loads(place(folder, file).read_text("utf-8")) for file in true if place(folder, file).exists()}
    return Executed({file: Learnt(**told) for file, told in kept.items() if told["digest"] == true[file]})


def save(folder: Path, file: str, told: Mapping[str, Any]) -> None:
    """Keeps what was learnt of one file: the fields of `Learnt`."""
    place(folder, file).write_text(json.dumps(told), encoding="utf-8")


def place(folder: Path, file: str) -> Path:
    """Where it is kept."""
    return folder / f"executed.{file.replace('/', '.')}.json"
