"""What many tests share: the application as it runs, at a fixed instant."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

from tests.log_watch import LogWatch

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
COUNTED = Path(__file__).parent / "unit"
# what the service does with callers, stores and servers; the others tell a patient's story from end to end
COUNTED_TOO = {f"test_{name}.py" for name in ("errors", "feedback", "identity", "operations", "response", "tolerance")}

# the same examples in every run: a failure is found by the change that caused it, and a slow machine is none
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Watches what the run writes to its logs."""
    config.pluginmanager.register(LogWatch(config), "log-watch")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay until the end: nothing is gained by looking among them for what could be freed."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is not counted for the coverage, and what is not run again under the second Python.

    Coverage counts what tests reach that look at one thing at a time: to measure makes everything more than twice as
    slow, and what load, stories and drawn examples merely pass through is not shown to be right by that. Drawn examples
    are the same in every run; once is enough.
    """
    for item in items:
        drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if drawn:
            item.add_marker("load")
        if item.get_closest_marker("load") or not _counted(item.path):
            item.add_marker("no_cover")


def _counted(path: Path) -> bool:
    return COUNTED in path.parents or (path.parent.name == "acceptance" and path.name in COUNTED_TOO)


@pytest.fixture
def now() -> datetime:
    """The instant at which the application of the tests lives."""
    return NOW


@pytest.fixture(scope="session")
def app() -> Flask:
    """The application with default settings, except that its log tells all it can, and a clock that stands still."""
    # imported late: tests of cds_cards alone need no service
    from service.app import create_app
    from service.settings import Settings

    return create_app(Settings(log_level="DEBUG"), clock=lambda: NOW)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of `app`."""
    return app.test_client()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With MDA5_CDS_TEST_ALL=1 a skipped test is a failed one: what was promised has to run."""
    report: pytest.TestReport = yield
    expected = hasattr(report, "wasxfail")
    if report.skipped and not expected and os.environ.get("MDA5_CDS_TEST_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, but MDA5_CDS_TEST_ALL=1: {report.longrepr}"
    return report
