"""How many processes suit the CPUs that this service may use: those of its container, not those of the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

# one that is lost, or kept busy, must not leave callers without an answer
FEWEST_WORKERS = 2
# a whole hospital's EHR needs fewer; beyond that replicas serve better, for they can fail one by one
MOST_WORKERS = 8
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def workers_for_cpus(groups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """One process for each CPU that may be used, part of one included, from 2 to 8.

    `groups` is where the control groups are mounted, `own` the file that names this process's.
    """
    usable = min((_cpus(), *_quotas(groups, own)))
    return min(max(math.ceil(usable), FEWEST_WORKERS), MOST_WORKERS)


def _cpus() -> float:
    """Those that this process is allowed to run on."""
    # from Python 3.13 on; before, and elsewhere than on Linux, by what there is
    count = getattr(os, "process_cpu_count", None)
    if count is not None:
        return float(count() or 1)
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _quotas(groups: Path, own: Path) -> tuple[float, ...]:
    """The limits, in CPUs, of this process's control group and of those above it; none where none is set."""
    found = (_quota(folder) for folder in _folders(groups, own))
    return tuple(quota for quota in found if quota is not None)


def _folders(groups: Path, own: Path) -> tuple[Path, ...]:
    """Where limits may stand: version 2 in one tree, version 1 in a tree of the CPU's own.

    In a container the own group may be mounted as the root, while its name is the host's: then that name leads nowhere.
    """
    found = []
    for line in _read(own).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        tree = groups / controllers if controllers else groups
        group = tree / name.lstrip("/")
        found += [tree, *(folder for folder in (group, *group.parents) if folder.is_relative_to(tree))]
    return tuple(dict.fromkeys(found))


def _quota(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    if not words:
        words = [*_read(folder / "cpu.cfs_quota_us").split(), *_read(folder / "cpu.cfs_period_us").split()]
    if len(words) != 2 or not all(word.isascii() and word.isdigit() and int(word) for word in words):
        # "max", or -1 in version 1: no limit
        return None
    return int(words[0]) / int(words[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
