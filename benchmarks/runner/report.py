"""What was measured: the rows, as a short table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.runner.processes import cpu_model
from benchmarks.runner.servers import ROOT
from benchmarks.targets import TARGETS, Target

RESULTS = ROOT / "benchmarks" / "results"
_HEADINGS = ("measure", "service", "compared with", "ratio", "target", "goal", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One measure in its unit. `other` is what it is compared with (the yardstick, unless `beside` names something
    else); a target is of the ratio, or of the value where `of_value`."""

    measure: str
    value: float
    unit: str
    other: float | None = None
    beside: str = "(b)"
    of_value: bool = False

    @property
    def ratio(self) -> float | None:
        """The value over what it is compared with."""
        return self.value / self.other if self.other else None

    @property
    def target(self) -> Target | None:
        """What is to be reached, if anything."""
        return TARGETS.get(self.measure)

    @property
    def judged(self) -> float:
        """The number that the target is about."""
        return self.value if self.of_value or self.ratio is None else self.ratio

    @property
    def verdict(self) -> str:
        """Whether it is reached: "goal met", "met" or "not met"; "" without a target."""
        if self.target is None:
            return ""
        if self.target.goal_met(self.judged):
            return "goal met"
        return "met" if self.target.met(self.judged) else "not met"


def table(rows: Sequence[Row]) -> str:
    """The rows for reading in a terminal."""
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    other = f"{_number(row.other)} {row.beside}" if row.other else ""
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    bound = goal = ""
    if row.target is not None:
        sign = "≤" if row.target.side == "at most" else "≥"
        bound = f"{sign} {row.target.bound:g}"
        goal = f"{sign} {row.target.goal:g}" if row.target.goal is not None else ""
    return row.measure, f"{_number(row.value)} {row.unit}", other, ratio, bound, goal, row.verdict


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def as_json(rows: Iterable[Row], when: datetime, checked: int, compared: int) -> dict[str, object]:
    """The rows with what is needed to compare them with those of another day."""
    return {
        "date": when.date().isoformat(),
        "version": version("mda5-cds"),
        "commit": commit(),
        "machine": {"cores": os.cpu_count(), "cpu": cpu_model(), "python": platform.python_version()},
        "answers": {"checked": checked, "compared": compared},
        "measures": [
            {
                "measure": row.measure,
                "value": round(row.value, 4),
                "unit": row.unit,
                **({"other": round(row.other, 4), "beside": row.beside} if row.other else {}),
                **({"ratio": round(row.ratio, 4)} if row.ratio is not None else {}),
                **({"verdict": row.verdict} if row.verdict else {}),
            }
            for row in rows
        ],
    }


def save(content: dict[str, object], folder: Path) -> Path:
    """Writes the results as a file named for the day and the commit; gives the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{content['date']}-{content['commit'] or content['version']}.json"
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def commit() -> str | None:
    """The short commit, marked when files have changed since; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip() or None
