"""The hazard log names its proofs, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import fixtures

ROOT = Path(__file__).parents[1]
SAFETY = ROOT / "docs" / "safety.md"
COLUMNS = ["id", "hazard", "severity", "cause", "how the design prevents it", "proof"]
# `tests/….py::test_name`, with the story it is run for where one is meant
PROOF = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<test>\w+)(?:\[(?P<story>[\w-]+)\])?`")


def _rows() -> list[list[str]]:
    """The cells of the hazard table, its heading first."""
    section = SAFETY.read_text(encoding="utf-8").split("## Hazard log", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [rows[0], *rows[2:]]


HAZARDS = _rows()[1:]


@cache
def _tests_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_the_table_has_its_columns() -> None:
    assert _rows()[0] == COLUMNS
    assert all(len(row) == len(COLUMNS) and all(row) for row in HAZARDS)


def test_hazards_are_numbered_without_a_gap() -> None:
    assert [row[0] for row in HAZARDS] == [f"H-{number:02}" for number in range(1, len(HAZARDS) + 1)]


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda row: str(row[0]))
def test_every_hazard_has_proofs_that_exist(hazard: list[str]) -> None:
    cell = hazard[-1]
    proofs = list(PROOF.finditer(cell))
    assert proofs, f"{hazard[0]} names no test"
    assert PROOF.sub("", cell).strip(" ·") == "", f"{hazard[0]} names something that is no test: {cell}"
    for proof in proofs:
        assert (ROOT / proof["file"]).is_file(), proof.group()
        assert proof["test"].startswith("test_"), proof.group()
        assert proof["test"] in _tests_in(proof["file"]), proof.group()
        assert proof["story"] is None or proof["story"] in fixtures.names(), proof.group()
