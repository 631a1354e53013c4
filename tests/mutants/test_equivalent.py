"""The mutants that are listed as equivalent: each is of a line that still stands, and has a reason."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text(encoding="utf-8"))["mutant"]


@pytest.mark.parametrize("entry", LISTED, ids=lambda entry: f"{entry['path']} {entry['becomes']}")
def test_the_line_that_is_changed_still_stands(entry: dict[str, str]) -> None:
    assert entry.keys() == {"path", "function", "was", "becomes", "why"}
    lines = {line.strip() for line in (ROOT / entry["path"]).read_text(encoding="utf-8").splitlines()}
    assert entry["was"] in lines
    assert entry["becomes"] != entry["was"]
    assert entry["why"]


def test_none_is_listed_twice() -> None:
    places = [(entry["path"], entry["function"], entry["was"], entry["becomes"]) for entry in LISTED]
    assert len(places) == len(set(places))
