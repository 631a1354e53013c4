"""What a soak found, as JSON and as a page to read."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.soak.accounts import Accounts
from tests.soak.vitals import Trend, Vitals


@dataclass(frozen=True, slots=True)
class Report:
    """Of one run. Times in seconds of the clients' clocks, in milliseconds those that the service measured."""

    seconds: float
    database: str
    outcomes: dict[tuple[str, str], int]
    client_seconds: list[float]
    service_milliseconds: list[float]
    outages: dict[str, int]
    kills: int
    broken: int
    most_broken: int
    accounts: Accounts
    lost: int
    held: tuple[Vitals, Vitals]
    """After warm-up, under load; and at the end, at rest."""
    memory: Trend
    course_of_memory: list[tuple[float, float]]
    database_connections: int | None

    def as_json(self) -> dict[str, Any]:
        """Everything, times as percentiles."""
        by_kind: dict[str, dict[str, int]] = defaultdict(dict)
        for (kind, outcome), number in sorted(self.outcomes.items()):
            by_kind[kind][outcome] = number
        return {
            "seconds": round(self.seconds),
            "database": self.database,
            "calls": by_kind,
            "milliseconds": {
                "as the clients saw it": _percentiles([1000 * each for each in self.client_seconds]),
                "in the service": _percentiles(self.service_milliseconds),
            },
            "outages of the database": self.outages,
            "workers killed": self.kills,
            "connections broken": {"found": self.broken, "at most": self.most_broken},
            "accounts": {name: value for name, value in asdict(self.accounts).items() if name != "wrong"},
            "audit rows lost": self.lost,
            "memory in KiB": asdict(self.memory),
            "seconds, and memory in MiB": self.course_of_memory,
            "first": _held(self.held[0]),
            "last": {**_held(self.held[1]), "database connections": self.database_connections},
        }

    def __str__(self) -> str:
        told = self.as_json()
        lines = [f"soak of {told['seconds']} s, 2 workers, {self.database}", "", "calls, by kind and outcome"]
        for kind, outcomes in told["calls"].items():
            lines.append(f"  {kind:<14}" + ", ".join(f"{outcome}: {number:,}" for outcome, number in outcomes.items()))
        for whose, times in told["milliseconds"].items():
            lines.append(f"good calls, {whose}: p50 {times['p50']} ms, p99 {times['p99']} ms")
        of, memory = self.accounts, self.memory
        lines += [
            "",
            "database lost: " + ", ".join(f"{number} × {way}" for way, number in self.outages.items()),
            f"workers killed: {self.kills}; connections that broke: {self.broken} (at most {self.most_broken})",
            f"audit: {of.evaluated:,} answered calls, {of.rows:,} rows, {of.rows_of_unanswered} of them of calls whose "
            f"answer nobody got; counted as lost: {self.lost}; gone with a killed worker: {of.gone_with_workers}",
            f"feedback: {of.acknowledged:,} entries acknowledged, {of.kept:,} kept",
            f"memory (PSS of all processes): first {memory.first / 1024:.1f} MiB, last {memory.last / 1024:.1f}; "
            f"growth {memory.growth / 1024:+.1f}, scatter ±{memory.scatter / 1024:.1f}",
            f"at first, under load: {told['first']}",
            f"at last, at rest:     {told['last']}",
        ]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> None:
        """`soak.json` and `soak.txt`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "soak.json").write_text(json.dumps(self.as_json(), ensure_ascii=False) + "\n", "utf-8")
        (folder / "soak.txt").write_text(str(self), "utf-8")


def _percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    if not ordered:
        return {}
    return {f"p{p}": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 1) for p in (50, 90, 99)} | {
        "most": round(ordered[-1], 1),
        "number": len(ordered),
    }


def _held(vitals: Vitals) -> dict[str, float]:
    return {
        "PSS MiB": round(vitals.pss / 1024, 1),
        "RSS MiB": round(vitals.rss / 1024, 1),
        "threads": vitals.threads,
        "files": vitals.files,
    }
