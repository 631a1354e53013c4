"""Images built and run as a cluster does, without a container service: Debian's buildah, podman and runc.

The base is Debian's own Python 3.13 under the name that the Dockerfile gives. It is made once and kept in the folder
CONTAINER_CHECK_DIR (default: one below TMPDIR); all else is removed at the end.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.log_watch import log_file

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "deploy" / "image"
PROGRAMS = ("buildah", "podman", "runc", "mmdebstrap")
BASE = "docker.io/library/python:3.13-slim"
# as Kubernetes runs it: nothing can be written but what is mounted, and no privilege is left
RESTRICTED = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:size=64m", "--cap-drop", "ALL"),  # noqa: S108
    *("--security-opt", "no-new-privileges", "--memory", "512m"),
)
ALONE = ("--network", "none")
"""A network of its own, from which nothing else is reached."""

# what podman would set by itself may be more than this machine grants
_LIMITS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
_LONGEST = 600
_NETWORK = 0x40000000  # CLONE_NEWNET


def started_with(environment: Mapping[str, str], files: Mapping[str, Path]) -> Iterator[str]:
    """The options of `podman run` for these variables and these files, mounted read-only at these paths."""
    for name, value in environment.items():
        yield from ("--env", f"{name}={value}")
    for there, here in files.items():
        yield from ("--volume", f"{here}:{there}:ro")


@dataclass(frozen=True)
class Containers:
    """The tools, all on one store. `name` is this run's own: for its image, containers and volumes."""

    folder: Path
    name: str = field(default_factory=lambda: f"mda5-cds-{uuid.uuid4().hex[:8]}")

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Containers]:
        """A store that holds the base."""
        folder = Path(os.environ.get("CONTAINER_CHECK_DIR") or Path(tempfile.gettempdir()) / "mda5-cds-containers")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "containers.conf").write_text(_LIMITS, encoding="utf-8")
        here = cls(folder)
        if here.run(*here._buildah, "images", "--quiet", BASE, check=False).returncode:
            here.run(SCRIPTS / "base.sh", BASE)
        try:
            yield here
        finally:
            here._clean_up()

    @property
    def image(self) -> str:
        return f"localhost/{self.name}"

    def build(self) -> dict[str, Any]:
        """Builds the image with the project's script, and tells what it is. Sizes in bytes."""
        # pip inside trusts what this machine trusts; nothing of it lands in the image
        authorities = ("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro") if Path("/etc/ssl/certs").is_dir() else ()
        self.run(SCRIPTS / "build.sh", self.image, "--isolation", "chroot", "--pull-never", *authorities)
        return self.inspected(self.image) | {"BaseSize": self.inspected(BASE)["Size"]}

    def inspected(self, what: str) -> dict[str, Any]:
        """What podman knows of an image or a container."""
        (found,) = json.loads(self.podman("inspect", what).stdout)
        return dict(found)

    def podman(self, *arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.run(*self._podman, *arguments, **more)

    def once(self, *arguments: str | Path, options: tuple[str, ...] = ALONE, given: str = "") -> Any:
        """Runs one command in a container of its own, and gives how it ended. `options`: as for `running`."""
        command = ("run", "--rm", "--interactive", *RESTRICTED, *options, self.image, *arguments)
        return self.podman(*command, check=False, input=given)

    def run(self, *command: str | Path, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        """One command to its end; AssertionError with what it said when it must not fail and does."""
        done = subprocess.run(
            [*map(str, command)], env=self._environment(), capture_output=True, text=True, timeout=_LONGEST, **more
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    @contextmanager
    def running(self, *command: str, options: tuple[str, ...] = ALONE) -> Iterator[Container]:
        """A command, or the image's own, in a restricted container with these options of `podman run`."""
        name = f"{self.name}-{uuid.uuid4().hex[:4]}"
        self.podman("run", "--detach", "--name", name, *RESTRICTED, *options, self.image, *command)
        process = self.inspected(name)["State"]["Pid"]
        with ThreadPoolExecutor(8, initializer=_enter, initargs=(Path(f"/proc/{process}/ns/net"),)) as inside:
            try:
                yield Container(self, name, inside)
            finally:
                log_file("container").write_text(self.podman("logs", name, check=False).stderr, encoding="utf-8")
                self.podman("rm", "--force", "--time", "0", name, check=False)

    @property
    def _storage(self) -> tuple[str, ...]:
        driver = os.environ.get("STORAGE_DRIVER", "overlay")
        folders = ("--root", str(self.folder / "store"), "--runroot", str(self.folder / "run"))
        return ("--storage-driver", driver, *folders)

    @property
    def _buildah(self) -> tuple[str, ...]:
        return ("buildah", *self._storage)

    @property
    def _podman(self) -> tuple[str, ...]:
        return ("podman", *self._storage, "--cgroup-manager", "cgroupfs", "--runtime", "runc")

    def _environment(self) -> dict[str, str]:
        own = {
            "BUILDAH": " ".join(self._buildah),
            "BUILDER": " ".join((*self._buildah, "build")),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
        }
        return {**os.environ, **own}

    def _clean_up(self) -> None:
        self.podman("volume", "rm", "--force", self.name, check=False)
        self.podman("rmi", "--force", self.image, check=False)


@dataclass(frozen=True)
class Container:
    """A container that runs. If it is `ALONE`, it is reached from its own network only, and reaches nothing else."""

    containers: Containers
    name: str
    inside: ThreadPoolExecutor

    def within(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What `work` gives; the sockets that it opens belong to the container's network."""
        return self.inside.submit(work, *arguments).result()

    def python(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program in the container, beside the service."""
        return self.containers.podman("exec", self.name, "python3", "-c", program, *arguments)

    def stop(self, seconds: int) -> int:
        """Asks it to stop, kills it after so many seconds, and gives its exit code."""
        self.containers.podman("stop", "--time", str(seconds), self.name)
        return int(self.containers.inspected(self.name)["State"]["ExitCode"])


def _enter(network: Path) -> None:
    """From now on the sockets of this thread belong to that network."""
    with network.open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _NETWORK):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
