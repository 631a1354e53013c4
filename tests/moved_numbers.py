"""Does each number of `cds_cards/knowledge/` decide anything? Moved by a step, it must fail a test of behaviour.

`make numbers` moves them all (about an hour), `python -m tests.moved_numbers lab_current_days` one. The tests that
compare the files with a second table are left out: there, every moved number fails anyway. As a pytest plugin this
module moves the number that the environment names. Exit code 1 names the numbers that may move unseen.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from cds_cards import knowledge

MOVED = "MOVED_NUMBER"
BEHAVIOUR = ("tests/unit/cds_cards", "tests/stories/test_stories.py")
PROVENANCE = frozenset({"may_be_zero", "allowed"})
Path = tuple[str | int, ...]


def numbers(node: Any, path: Path = ()) -> Iterator[tuple[Path, float]]:
    """The numbers below `node`, with the path to each."""
    if isinstance(node, bool) or (path and path[-1] in PROVENANCE):
        return
    if isinstance(node, int | float):
        yield path, node
    elif isinstance(node, Mapping):
        for name, member in node.items():
            yield from numbers(member, (*path, name))
    elif isinstance(node, list):
        for place, member in enumerate(node):
            yield from numbers(member, (*path, place))


def moved(files: Mapping[str, Any], path: Path, value: float) -> Mapping[str, Any]:
    """A copy of the files with `value` at `path`."""
    copied = copy.deepcopy(dict(files))
    owner: Any = copied
    for step in path[:-1]:
        owner = owner[step]
    owner[path[-1]] = value
    return copied


def steps(value: float) -> tuple[float, float]:
    """One step up and one down: a whole one where the number is whole, else a unit of its last digit."""
    digits = f"{value:g}".partition(".")[2]
    step = 10.0 ** -len(digits)
    return (value + 1, value - 1) if isinstance(value, int) else (round(value + step, 6), round(value - step, 6))


def seen(path: Path, value: float) -> bool:
    """Whether a test of behaviour fails with the number moved (or the start refuses it)."""
    name = ".".join(map(str, path))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.moved_numbers", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, *BEHAVIOUR], env={**os.environ, MOVED: f"{name}={value!r}"}, capture_output=True, check=False
    )
    return run.returncode != 0


def main(wanted: list[str]) -> int:
    """Moves every number whose path holds one of `wanted` (all, when none is given)."""
    unseen = []
    for path, value in numbers(dict(knowledge.read_files())):
        name = ".".join(map(str, path))
        if path[0] == "products" or (wanted and not any(part in name for part in wanted)):
            continue
        for step in steps(value):
            outcome = "a test fails" if seen(path, step) else "UNSEEN"
            print(f"{name}: {value!r} -> {step!r}: {outcome}", flush=True)
            unseen += [name] * (outcome == "UNSEEN")
    print(f"{len(unseen)} moved numbers that no test of behaviour saw")
    return 1 if unseen else 0


def _move(setting: str) -> None:
    name, _, value = setting.rpartition("=")
    files = knowledge.read_files()
    path = next(path for path, _ in numbers(dict(files)) if ".".join(map(str, path)) == name)
    changed = moved(files, path, float(value) if "." in value else int(value))
    knowledge.read_files = lambda: changed  # type: ignore[assignment]


if MOVED in os.environ:
    _move(os.environ[MOVED])

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
