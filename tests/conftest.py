"""What many tests share: the application as it runs, at a fixed instant."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings

from tests.log_watch import LogWatch

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)

# the same examples in every run: a failure is found by the change that caused it, and a slow machine is none
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Watches what the run writes to its logs."""
    config.pluginmanager.register(LogWatch(config), "log-watch")


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
