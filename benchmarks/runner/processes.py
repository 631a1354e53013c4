"""What the system says of a process: CPU time and memory. Linux only."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What all threads of a process had so far, in seconds, to the nanosecond: CPU, and waiting for a core that was
    taken by others."""

    cpu: float
    waited: float


def scheduled(pid: int) -> Scheduled:
    """As the kernel counts it."""
    tasks = [task.read_text(encoding="ascii").split() for task in (_PROC / str(pid) / "task").glob("*/schedstat")]
    cpu, waited = (sum(int(task[column]) for task in tasks) / 1e9 for column in (0, 1))
    return Scheduled(cpu, waited)


def forget_peak(pid: int) -> None:
    """From now on `peak_bytes` counts anew."""
    (_PROC / str(pid) / "clear_refs").write_text("5", encoding="ascii")


def peak_bytes(pid: int) -> int:
    """The most memory that the process had resident."""
    return _status(pid, "VmHWM")


def resident_bytes(pid: int) -> int:
    """The memory that the process has resident."""
    return _status(pid, "VmRSS")


def cpu_model() -> str:
    """The name of this machine's processor."""
    lines = (_PROC / "cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _status(pid: int, name: str) -> int:
    lines = (_PROC / str(pid) / "status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) * 1024
