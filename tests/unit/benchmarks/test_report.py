"""What is made of the numbers: ratios, verdicts, the table, the file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.runner.report import Row, as_json, save, table
from benchmarks.targets import TARGETS, Target


@pytest.mark.parametrize(("value", "verdict"), [(2.2, "goal met"), (2.3, "met"), (3.0, "met"), (3.1, "not met")])
def test_at_most(value: float, verdict: str) -> None:
    assert Row("p50, 1 client", value * 1.5, "ms", 1.5).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.45, "goal met"), (0.35, "met"), (0.34, "not met")])
def test_at_least(value: float, verdict: str) -> None:
    assert Row("throughput, 8 clients", value * 600, "/s", 600).verdict == verdict


def test_a_target_of_the_value_itself() -> None:
    row = Row("memory in flight", 9.0, "B per byte", 2.0, of_value=True)
    assert (row.ratio, row.judged, row.verdict) == (4.5, 9.0, "met")


def test_without_a_target() -> None:
    assert Row("p99, 1 client", 5.0, "ms", 2.0).verdict == ""
    assert not Target("at most", 1.0).goal_met(0.5)


def test_the_table() -> None:
    heading, _, first, second = table([Row("p50, 1 client", 4.0, "ms", 1.6), Row("p50 with JWT", 1234.0, "ms")]).split(
        "\n"
    )
    assert heading.split() == ["measure", "service", "compared", "with", "ratio", "target", "goal"]
    assert first.split() == ["p50,", "1", "client", "4.00", "ms", "1.60", "(b)", "2.50", "≤", "3", "≤", "2.2", "met"]
    assert second.split() == ["p50", "with", "JWT", "1,234", "ms"]


def test_the_file(tmp_path: Path) -> None:
    rows = [Row("p50, 1 client", 4.0, "ms", 1.6), Row("ready from start", 1.2, "s")]
    content = as_json(rows, datetime(2026, 3, 1, 10, 0, tzinfo=UTC), checked=7, compared=3)
    file = save(content, tmp_path / "results")
    assert file.name.startswith("2026-03-01-")
    read = json.loads(file.read_text("utf-8"))
    assert read["answers"] == {"checked": 7, "compared": 3}
    assert read["measures"][0] == {
        "measure": "p50, 1 client",
        "value": 4.0,
        "unit": "ms",
        "other": 1.6,
        "beside": "(b)",
        "ratio": 2.5,
        "verdict": "met",
    }
    assert read["measures"][1] == {"measure": "ready from start", "value": 1.2, "unit": "s", "verdict": "met"}
    assert {"cores", "cpu", "python"} == set(read["machine"])


def test_no_goal_is_looser_than_its_target() -> None:
    for target in TARGETS.values():
        assert target.goal is None or target.met(target.goal)
