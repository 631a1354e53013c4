"""As many processes as CPUs that the container may use, whichever kind of control groups says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service import cli, cpus, server
from service.cpus import FEWEST_WORKERS, MOST_WORKERS, workers_for_cpus
from service.server import Address
from service.settings import Settings

TWO = "0::/kubepods/pod1/service"
ONE = "7:memory:/pod1\n4:cpu,cpuacct:/pod1\n1:name=systemd:/"


def version_1(folder: str, quota: int) -> dict[str, str]:
    """The files of version 1 that set a limit, in microseconds of each tenth of a second."""
    return {f"{folder}/cpu.cfs_quota_us": str(quota), f"{folder}/cpu.cfs_period_us": "100000"}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 CPUs, all of which this process may run on."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: 64, raising=False)


def workers(folder: Path, own: str, files: dict[str, str]) -> int:
    """What comes of a tree of control groups."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="ascii")
    (folder / "own").write_text(own and own + "\n", encoding="ascii")
    return workers_for_cpus(folder, folder / "own")


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("own", "files", "wanted"),
    [
        ("0::/", {"cpu.max": "400000 100000"}, 4),
        ("0::/", {"cpu.max": "350000 100000"}, 4),
        ("0::/", {"cpu.max": "350000 50000"}, 7),
        ("0::/", {"cpu.max": "50000 100000"}, FEWEST_WORKERS),
        ("0::/", {"cpu.max": "3200000 100000"}, MOST_WORKERS),
        ("0::/", {"cpu.max": "max 100000"}, MOST_WORKERS),
        ("0::/", {}, MOST_WORKERS),
        # without a view of its own of the groups: the least of its own and of all above it
        (TWO, {"kubepods/pod1/service/cpu.max": "500000 100000"}, 5),
        (TWO, {"kubepods/pod1/service/cpu.max": "500000 100000", "kubepods/cpu.max": "300000 100000"}, 3),
        (TWO, {"kubepods/pod1/service/cpu.max": "max 100000", "kubepods/pod1/cpu.max": "600000 100000"}, 6),
        (TWO, {"kubepods/pod2/cpu.max": "300000 100000"}, MOST_WORKERS),
        # its own group is mounted as the root, and is known by another name
        (TWO, {"cpu.max": "300000 100000"}, 3),
        (ONE, version_1("cpu,cpuacct/pod1", 300_000), 3),
        (ONE, version_1("cpu,cpuacct", 300_000), 3),
        (
            ONE,
            version_1("cpu,cpuacct/pod1", -1),
            MOST_WORKERS,
        ),
        (ONE, version_1("memory", 300_000), MOST_WORKERS),
        # not what the kernel writes
        ("0::/", {"cpu.max": "300000 0"}, MOST_WORKERS),
        ("0::/", {"cpu.max": "300000"}, MOST_WORKERS),
        ("", {"cpu.max": "300000 100000"}, MOST_WORKERS),
    ],
)
def test_a_limit_of_the_control_groups(tmp_path: Path, own: str, files: dict[str, str], wanted: int) -> None:
    assert workers(tmp_path, own, files) == wanted


@pytest.mark.parametrize(("count", "wanted"), [(1, 2), (3, 3), (8, 8), (9, 8), (None, 2)])
def test_the_cpus_that_it_may_run_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int | None, wanted: int
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: count, raising=False)
    assert workers(tmp_path, "0::/", {"cpu.max": "6400000 100000"}) == wanted


@pytest.mark.parametrize("known", [True, False])
def test_before_python_3_13(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(5)), raising=False)
    if not known:
        monkeypatch.delattr(os, "sched_getaffinity")
    assert workers(tmp_path, "", {}) == (5 if known else 4)


def test_this_machine() -> None:
    assert FEWEST_WORKERS <= workers_for_cpus() <= max(FEWEST_WORKERS, os.cpu_count() or 1)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [([], MOST_WORKERS), (["--sandbox"], FEWEST_WORKERS), (["--workers", "1"], 1), (["--workers", "9"], 9)],
)
def test_what_is_asked_for_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], wanted: int
) -> None:
    started: list[int] = []

    def serve(settings: Settings, address: Address, processes: int) -> None:
        started.append(processes)

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(cpus, "_quotas", lambda groups, own: ())
    assert cli.main(["serve", *arguments]) == 0
    assert started == [wanted]
