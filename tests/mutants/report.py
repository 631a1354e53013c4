"""What became of the mutants: a table by module, the score, and each survivor that `equivalent.toml` does not list."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants.mutations import Mutant
from tests.mutants.trial import KILLED, NO_TESTS, SURVIVED, TIMEOUT

GOAL = 0.9
LISTED = Path(__file__).with_name("equivalent.toml")
EQUIVALENT = "equivalent"
_COLUMNS = (KILLED, TIMEOUT, SURVIVED, NO_TESTS, EQUIVALENT)


@dataclass(frozen=True, slots=True)
class Module:
    """A module with its mutants; `outside` changes would lie outside its functions, and are not made."""

    name: str
    mutants: tuple[Mutant, ...]
    outside: int


def listed() -> dict[tuple[str, str, str, str], str]:
    """The mutants that nobody can tell from the original, with the reason: (path, function, was, becomes) → why."""
    entries = tomllib.loads(LISTED.read_text(encoding="utf-8")).get("mutant", [])
    return {(each["path"], each["function"], each["was"], each["becomes"]): each["why"] for each in entries}


def report(modules: Sequence[Module], outcomes: Mapping[str, Mapping[str, Any]], sample: int, *, whole: bool) -> int:
    """Prints it all. The exit code: 1 below the goal, or when the list of equivalent mutants is wrong."""
    equivalent = listed()
    total: Counter[str] = Counter()
    print(f"{'module':44}{'mutants':>8}{'tried':>7}" + "".join(f"{name:>11}" for name in _COLUMNS) + f"{'score':>8}")
    survivors = []
    for module in modules:
        counts: Counter[str] = Counter()
        for mutant in module.mutants:
            counts[_outcome(mutant, outcomes, equivalent)] += 1
            if _outcome(mutant, outcomes, equivalent) in (SURVIVED, NO_TESTS):
                survivors.append(mutant)
        _line(module.name, len(module.mutants), counts)
        total += counts
    _line("all", sum(len(module.mutants) for module in modules), total)
    outside = sum(module.outside for module in modules)
    print(f"not made: {outside} changes outside functions (tables, constants, fields)")
    print("\nsurvivors that are not listed:" if survivors else "\nno survivors but those that are listed")
    for mutant in survivors:
        print(f"  {mutant.path}:{mutant.lines[0]} {mutant.function}\n    - {mutant.was}\n    + {mutant.becomes}")
    wrong = _wrong(modules, outcomes, equivalent) if whole else []
    for line in wrong:
        print(f"equivalent.toml: {line}")
    return _verdict(total, sample) or bool(wrong)


def _outcome(mutant: Mutant, outcomes: Mapping[str, Mapping[str, Any]], equivalent: Mapping[Any, str]) -> str:
    outcome = outcomes[mutant.key]["outcome"] if mutant.key in outcomes else ""
    return EQUIVALENT if outcome in (SURVIVED, NO_TESTS) and _place(mutant) in equivalent else outcome


def _place(mutant: Mutant) -> tuple[str, str, str, str]:
    return mutant.path, mutant.function, mutant.was, mutant.becomes


def _line(name: str, made: int, counts: Mapping[str, int]) -> None:
    tried = sum(counts[name] for name in _COLUMNS)
    score = f"{_score(counts):8.1%}" if tried - counts[EQUIVALENT] else f"{'–':>8}"
    print(f"{name:44}{made:8}{tried:7}" + "".join(f"{counts[column]:11}" for column in _COLUMNS) + score)


def _score(counts: Mapping[str, int]) -> float:
    tried = sum(counts[name] for name in _COLUMNS) - counts[EQUIVALENT]
    return (counts[KILLED] + counts[TIMEOUT]) / tried if tried else 0.0


def _verdict(total: Mapping[str, int], sample: int) -> int:
    tried = sum(total[name] for name in _COLUMNS) - total[EQUIVALENT]
    score = _score(total)
    # of a sample: the half-width within which the score of all lies, 19 times of 20
    spread = f" ± {1.96 * math.sqrt(score * (1 - score) / tried):.1%}" if sample > 1 and tried else ""
    print(f"\n{score:.1%}{spread} of {tried} mutants killed; the goal is {GOAL:.0%}")
    return int(score < GOAL)


def _wrong(
    modules: Iterable[Module], outcomes: Mapping[str, Mapping[str, Any]], entries: Mapping[Any, str]
) -> list[str]:
    there = {_place(mutant): mutant for module in modules for mutant in module.mutants}
    gone = [f"no such mutant: {' | '.join(place)}" for place in entries if place not in there]
    seen = [
        f"a test kills it: {' | '.join(place)}"
        for place in entries
        if place in there and outcomes.get(there[place].key, {}).get("outcome") in (KILLED, TIMEOUT)
    ]
    return gone + seen
