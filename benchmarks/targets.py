"""What has to be reached, measure by measure: the target, and the goal beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a measure in the measure's own unit; `goal` is the stricter one, where there is one."""

    side: Literal["at most", "at least"]
    bound: float
    goal: float | None = None

    def met(self, value: float) -> bool:
        """Whether the target is reached."""
        return value <= self.bound if self.side == "at most" else value >= self.bound

    def goal_met(self, value: float) -> bool:
        """Whether the goal is reached; False where there is none."""
        if self.goal is None:
            return False
        return value <= self.goal if self.side == "at most" else value >= self.goal


# measure → target. A ratio is that of the service to the yardstick, which parses the same bodies as JSON.
TARGETS: Mapping[str, Target] = {
    "p50, 1 client": Target("at most", 3.0, goal=2.2),
    "throughput, 1 client": Target("at least", 0.35, goal=0.45),
    "throughput, 8 clients": Target("at least", 0.35, goal=0.45),
    "throughput, 32 clients": Target("at least", 0.35, goal=0.45),
    "p99 over p50, 1 client": Target("at most", 4.0),
    "p50, encounter again": Target("at most", 1.5, goal=1.2),
    "body ×25 over ×1": Target("at most", 12.0),
    "memory in flight": Target("at most", 10.0),
    "ready from start": Target("at most", 1.5),
    "ready from start, new database": Target("at most", 1.5),
}
