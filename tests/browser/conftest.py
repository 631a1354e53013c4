"""The sandbox page in a real Chromium: one browser and one service for each process of the run.

Whatever a test does, nothing leaves the service's own origin, no dialog opens, and console and policy stay silent.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visit import Visit
from tests.server import Running, running

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
Visiting = Callable[..., Visit]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service keeps its files."""
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="session")
def site(home: Path) -> Iterator[Running]:
    """`mda5-cds serve --sandbox`, everything else as it is by default."""
    with running(home, arguments=("--sandbox",)) as server:
        yield server


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Visiting]:
    """Opens a window onto a server; at the end each is looked over and closed."""
    visits: list[Visit] = []

    def visit(server: Running, **options: object) -> Visit:
        visits.append(Visit(browser, server.url(""), **options))
        return visits[-1]

    yield visit
    for each in visits:
        each.close()


@pytest.fixture
def visit(visiting: Visiting, site: Running) -> Visit:
    """A wide window onto the sandbox, nothing opened in it yet."""
    return visiting(site)
