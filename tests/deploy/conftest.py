"""What the tests of the deployment share: replicas behind the proxy, and containers, when their tools are here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database import PostgresServer, postgres_server, postgres_url, sqlite_url
from tests.deploy.containers import PROGRAMS, Containers
from tests.deploy.proxy import nginx
from tests.deploy.source_replicas import Deployed, deployed_from_source
from tests.deploy.trial import prepare

__all__ = ["postgres_server", "postgres_url", "sqlite_url"]


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


@pytest.fixture(scope="session")
def openssl() -> None:
    """The program by which `prepare` makes keys."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl (Debian: openssl)")


@pytest.fixture(scope="session")
def proxy_programs(openssl: None) -> None:
    """What a trial site and its proxy need."""
    if nginx() is None:
        pytest.skip("needs nginx (Debian: nginx-light)")


@pytest.fixture(scope="package")
def prepared(openssl: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `prepare` makes for cds.example.org."""
    folder = tmp_path_factory.mktemp("prepared") / "site"
    made = prepare(folder, "cds.example.org")
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="package")
def deployed(
    proxy_programs: None, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """Two replicas from the source and the proxy, until the last test of the deployment is done."""
    with deployed_from_source(postgres_server, tmp_path_factory.mktemp("deployed")) as deployed:
        yield deployed
