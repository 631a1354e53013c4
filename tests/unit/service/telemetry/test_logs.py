"""The log's lines: what they say, and what they never do."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from service.settings import Settings
from service.telemetry.logs import OWN_LOGGERS, LineFormatter, configure_logging
from service.telemetry.trace import begin_trace

SECRET = "Doe, Jane"
LIBRARIES = ["werkzeug", "gunicorn.error", "urllib3.connectionpool", "sqlalchemy.engine", "alembic", "py.warnings", "x"]


class Written:
    """What standard error gets."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self) -> str:
        return self._capsys.readouterr().err

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """Standard error; logging is put back afterwards."""
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    root, own = logging.getLogger(), [logging.getLogger(name) for name in OWN_LOGGERS]
    before = root.handlers[:], root.level, [logger.level for logger in own]
    yield Written(capsys)
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    for logger, level in zip(own, before[2], strict=True):
        logger.setLevel(level)


def record(logger: str, message: str, *args: object, **more: Any) -> dict[str, Any]:
    """A record as the log shows it."""
    made = logging.getLogger(logger).makeRecord(logger, logging.WARNING, "place.py", 7, message, args, None, **more)
    line: dict[str, Any] = json.loads(LineFormatter().format(made))
    return line


def failure() -> Any:
    """What `exc_info` is, of an exception that says too much."""
    try:
        raise KeyError(SECRET)
    except KeyError:
        return sys.exc_info()


def test_a_line_says_when_how_bad_who_and_what(written: Written) -> None:
    configure_logging(Settings())
    logging.getLogger("service.somewhere").warning("%d rows lost", 3)
    (line,) = written.lines()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line.pop("time"))).total_seconds()) < 60
    assert line == {"level": "WARNING", "logger": "service.somewhere", "message": "3 rows lost"}


def test_a_line_belongs_to_its_request() -> None:
    with Flask("logged").test_request_context():
        trace = begin_trace(None)
        line = record("service.x", "said")
        assert (line["request_id"], line["trace_id"]) == (trace.request_id, trace.trace_id)


@pytest.mark.parametrize("logger", ["service.x", *LIBRARIES])
def test_an_exception_is_its_type_and_place(logger: str) -> None:
    made = logging.LogRecord(logger, logging.ERROR, "place.py", 7, "it failed", (), failure(), sinfo=SECRET)
    made.exc_text = SECRET
    text = LineFormatter().format(made)
    assert SECRET not in text
    assert json.loads(text)["exception"] == "KeyError"
    assert json.loads(text)["place"].startswith(__file__)


@pytest.mark.parametrize("logger", LIBRARIES)
@pytest.mark.parametrize("args", [(SECRET,), ()])
def test_a_library_is_quoted_by_place_only(logger: str, args: tuple[str, ...]) -> None:
    message = "Invalid request from %s" if args else f"Invalid request from {SECRET}"
    assert record(logger, message, *args)["message"] == "at place:7"


def test_a_library_says_of_the_server_itself() -> None:
    assert record("gunicorn.error", "Booting worker with pid: %s", 42)["message"] == "Booting worker with pid: 42"


def test_only_known_fields_of_our_own_are_written() -> None:
    extra = {"status": 200, "route": "/x", "patient": SECRET}
    assert record("service.x", "said", extra=extra).keys() >= {"status", "route"}
    assert "patient" not in record("service.x", "said", extra=extra)
    assert "route" not in record("werkzeug", "said", extra=extra)


@pytest.mark.parametrize("args", [(), (1, 2), ("x",)])
def test_a_record_that_cannot_be_formatted_is_named_by_its_place(args: tuple[object, ...]) -> None:
    assert record("service.x", "%d and %(more)s", *args)["message"] in {"%d and %(more)s", "at place:7"}


def test_debug_is_for_us_alone(written: Written) -> None:
    configure_logging(Settings(log_level="DEBUG"))
    for name in ("service.x", *LIBRARIES):
        logging.getLogger(name).debug("whispered")
        logging.getLogger(name).info("said")
    assert {line["logger"] for line in written.lines()} == {"service.x"}


def test_a_higher_level_holds_for_all(written: Written) -> None:
    configure_logging(Settings(log_level="ERROR"))
    for name in ("service.x", "werkzeug"):
        logging.getLogger(name).warning("said")
        logging.getLogger(name).error("shouted")
    assert [(line["logger"], line["level"]) for line in written.lines()] == [
        ("service.x", "ERROR"),
        ("werkzeug", "ERROR"),
    ]


def test_a_broken_record_prints_nothing_of_itself(written: Written) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    configure_logging(Settings())
    logging.getLogger("service.x").warning("%s", Unprintable())
    assert SECRET not in written.text()


def test_warnings_are_lines_too(written: Written) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        configure_logging(Settings())
        warnings.warn_explicit(SECRET, DeprecationWarning, "old.py", 3)
        logging.captureWarnings(False)
    text = written.text()
    assert json.loads(text)["logger"] == "py.warnings"
    assert SECRET not in text


def test_what_nobody_catches_is_a_line_without_its_message(written: Written) -> None:
    configure_logging(Settings())
    kind, value, where = failure()
    sys.excepthook(kind, value, where)
    thread = threading.Thread(target=lambda: int(SECRET))
    thread.start()
    thread.join()
    text = written.text()
    assert [json.loads(line)["exception"] for line in text.splitlines()] == ["KeyError", "ValueError"]
    assert SECRET not in text


def test_an_interrupt_from_the_keyboard_is_no_failure(written: Written) -> None:
    configure_logging(Settings())
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert written.lines() == []


def test_a_process_that_dies_of_an_exception_says_so_without_its_message() -> None:
    script = (
        "from service.settings import Settings; from service.telemetry.logs import configure_logging\n"
        f"configure_logging(Settings()); raise KeyError({SECRET!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, json.loads(done.stderr)["exception"]) == (1, "KeyError")
    assert SECRET not in done.stderr
