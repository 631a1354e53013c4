"""What the tests of the deployment share: a container on this machine, when its tools are here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.deploy.containers import PROGRAMS, Containers


@pytest.fixture
def containers() -> Iterator[Containers]:
    """A store of images with the base in it; what the test builds and starts is gone at the end."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: Debian's {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("needs root: to build and run containers without a service")
    with Containers.opened() as opened:
        yield opened
