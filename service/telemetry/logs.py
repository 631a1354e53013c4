"""The log: one JSON object a line on standard error. It names places and kinds, never what somebody sent.

What the project itself logs is written with that in mind. What a library says may quote a path, a header, a parameter
or an exception's message: its words are replaced by the place in its code that said them, but for a few sentences
about the server's own life.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from pythonjsonlogger.json import JsonFormatter

from service.settings import Settings
from service.telemetry.trace import current_trace

OWN_LOGGERS: Final = ("service", "cds_cards", "__main__")
# what they say of it holds process numbers, signals and addresses of this machine only
_HARMLESS = frozenset(
    {
        "Starting gunicorn %s",
        "Listening at: %s (%s)",
        "Using worker: %s",
        "Booting worker with pid: %s",
        "Worker exiting (pid: %s)",
        "Handling signal: %s",
        "Shutting down: %s",
        "Quick shutdown requested",
        "Parent changed, shutting down: %s",
        "WORKER TIMEOUT (pid:%s)",
        "Worker (pid:%s) exited with code %s.",
        "Worker (pid:%s) was sent %s!",
        "Worker (pid:%s) was sent %s! Perhaps out of memory?",
        "Connection in use: %s",
        "Invalid address: %s",
        "Can't connect to %s",
    }
)
# of what a record carries beyond its message, only these are written
CALL_FIELDS: Final = ("method", "route", "status", "milliseconds", "client", "refusal", "missing")


class LineFormatter(JsonFormatter):
    """A record as one line of JSON. Neither exception messages nor stacks: an exception's type and place."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; never fails on a record that cannot be formatted."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message_of(record),
        }
        trace = current_trace()
        if trace is not None:
            line |= {"request_id": trace.request_id, "trace_id": trace.trace_id}
        if is_own(record.name):
            line |= {name: record.__dict__[name] for name in CALL_FIELDS if name in record.__dict__}
        if record.exc_info and record.exc_info[0] is not None:
            line |= exception_fields(record.exc_info[0], record.exc_info[2])
        return self.serialize_log_record(line)


class _LineHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard error; a record that cannot be written is named by its place alone."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Python's own version prints the record's arguments."""


def is_own(logger: str) -> bool:
    """Whether a logger is the project's."""
    return logger.split(".", 1)[0] in OWN_LOGGERS


def message_of(record: logging.LogRecord) -> str:
    """What a record may say; for a library's: where it was said."""
    if is_own(record.name) or record.msg in _HARMLESS:
        try:
            return record.getMessage()
        except (TypeError, ValueError, KeyError):
            pass
    return f"at {record.module}:{record.lineno}"


def exception_fields(kind: type[BaseException], where: TracebackType | None) -> dict[str, object]:
    """An exception's type, and the place that raised it."""
    frames = traceback.extract_tb(where, limit=-1)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    return {"exception": kind.__name__, "place": place}


def configure_logging(settings: Settings) -> None:
    """Sends every logger's records to standard error in our form; for a process that serves, once, before it does."""
    line_handler = _LineHandler(sys.stderr)
    line_handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.handlers = [line_handler]
    # libraries at DEBUG log URLs, parameters, headers
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[settings.log_level]))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(settings.log_level)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_uncaught(kind: type[BaseException], value: BaseException | None, where: TracebackType | None) -> None:
    """What nobody caught would otherwise be printed with its message."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).error("nobody caught it", exc_info=(kind, value or kind(), where))
