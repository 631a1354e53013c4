"""A watch over the log of the whole test run: no token, name or identifier that went through may stand in it.

Loaded by `conftest.py`. In every process of the run it writes down what the project's and the libraries' loggers say,
as the service formats it and as it was said; tests that start processes have them write to `log_file`. What must not
appear is collected by itself from what the tests send (Flask's test client and `requests`), and named by `sensitive`
where they send it in other ways. At the end everything is searched, and a find fails the run.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.exceptions import default_exceptions
from werkzeug.test import Client

import cds_cards
import service
from service.discovery import SERVICES

WATCHED = ("service", "cds_cards", "gunicorn", "werkzeug", "urllib3", "sqlalchemy", "alembic", "psycopg", "py")
# whatever the test: a JSON web token, a bearer token, a patient's reference, a resource, a password in a URL
ALWAYS = (
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+"),
    re.compile(r"[Bb]earer [\w.~+/-]{8,}"),
    re.compile(r"\b(?:Patient|Practitioner)/[\w.-]"),
    re.compile(r"(?:resourceType|birthDate|access_token)\\?[\"']\s*:"),
    re.compile(r"://[^/\s:@]+:[^/\s@]+@"),
)
OUR_WORDS = {"mda5-cds", *SERVICES}
"""What tests send and the log says, too."""
_TELLING = {
    *("access_token", "patientId", "userId", "encounterId", "id", "birthDate", "fullUrl", "reference", "subject"),
    *("identifier", "name", "telecom", "address", "contact"),
}
_VOLATILE = ("time", "request_id", "trace_id", "milliseconds")
_LARGEST_BODY = 5_000_000
_WORD = re.compile(r"[\w-]+")

_folder: Path | None = None
_written: set[str] = set()


def sensitive(*texts: str) -> None:
    """Names what must never stand in a log. Short and ordinary words are left out: they prove nothing."""
    _append("sensitive", (json.dumps(text) for text in texts if distinctive(text)))


def log_file(name: str) -> Path:
    """A new file for the standard error of a process that a test starts; it is searched at the end of the run."""
    assert _folder is not None, "the log watch is not running"
    number, path = tempfile.mkstemp(prefix=f"process-{name}-", suffix=".log", dir=_folder)
    os.close(number)
    return Path(path)


def distinctive(text: str) -> bool:
    """Whether a text, found in a log, can only have come from what was sent."""
    if text in OUR_WORDS or not text.isprintable():
        return False
    return len(text) >= 6 and len(set(text)) >= 4 and not re.fullmatch("[a-z]+|[A-Z]+", text)


def own_words() -> set[str]:
    """What the log may say of itself, whatever a test sends: the fuzzers pick their texts from the code's, too."""
    packages = (Path(package.__file__ or "").parent for package in (service, cds_cards))
    trees = [ast.parse(path.read_bytes()) for package in packages for path in package.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    classes = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    return texts | classes | {each.__name__ for each in default_exceptions.values()}


def told(value: object) -> Iterator[str]:
    """Tokens, ids, names, identifiers, addresses and birth dates, wherever they stand in a request or a resource."""
    if isinstance(value, list):
        for member in value:
            yield from told(member)
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        if name in _TELLING:
            yield from _texts(member)
        yield from told(member)


def found(lines: Iterable[str], texts: set[str]) -> dict[str, str]:
    """The lines that hold a text as a word of its own, or one of `ALWAYS`, each with what it holds.

    What changes by the call (time, ids of the call) is not searched.
    """
    by_word = defaultdict(set)
    for text in texts:
        by_word[max(_WORD.findall(text), key=len, default="")].add(text)
    leaks = {line: _leak(line, by_word) for line in dict.fromkeys(map(_steady, lines))}
    return {line: leak for line, leak in leaks.items() if leak}


def _leak(line: str, by_word: Mapping[str, set[str]]) -> str:
    """What must not stand in a line and does, or nothing.

    The words of a text that stands there whole are words of the line, so that few texts are tried.
    """
    for pattern in ALWAYS:
        if there := pattern.search(line):
            return there[0]
    for word in {"", *_WORD.findall(line)}:
        for text in by_word.get(word, ()):
            if text in line and re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", line):
                return text
    return ""


def _steady(line: str) -> str:
    """A line without its time, ids and duration, unescaped as far as it is JSON."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    return json.dumps({k: v for k, v in record.items() if k not in _VOLATILE}, ensure_ascii=False)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if "/" in value:
            yield value.rsplit("/", 1)[1]
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from () if name in {"system", "use", "type", "assigner", "resourceType"} else _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def _append(kind: str, lines: Iterator[str]) -> None:
    """Each line once, at once on disk: a process that is killed has told all it knew."""
    new = [line for line in dict.fromkeys(lines) if f"{kind} {line}" not in _written]
    if new and _folder is not None:
        _written.update(f"{kind} {line}" for line in new)
        with (_folder / f"{kind}-{os.getpid()}").open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in new)


class _Recorder(logging.Handler):
    """Writes down each record twice: as the service's log would show it, and all that it carries."""

    def __init__(self) -> None:
        super().__init__()
        from service.telemetry.logs import LineFormatter

        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".", 1)[0] in WATCHED:
            plain = logging.makeLogRecord({})
            extra = {name: value for name, value in vars(record).items() if name not in vars(plain)}
            raw = {"logger": record.name, "said": _said(record), **{name: repr(value) for name, value in extra.items()}}
            _append("log", iter((_steady(self.format(record)), _steady(json.dumps(raw, ensure_ascii=False)))))


def _said(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


def _collect(headers: Any, body: object) -> None:
    """What a request says that no log may repeat."""
    for name, value in dict(headers or {}).items():
        if str(name).lower() == "authorization" and isinstance(value, str):
            sensitive(value.partition(" ")[2])
    if isinstance(body, str | bytes) and len(body) <= _LARGEST_BODY:
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return
    sensitive(*told(body))


def _watch_flask(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def opened(self: Client, *args: Any, **more: Any) -> Any:
        _collect(more.get("headers"), more.get("json", more.get("data")))
        return call(self, *args, **more)

    return opened


def _watch_requests(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sent(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> Any:
        _collect(request.headers, request.body)
        return send(self, request, **more)

    return sent


class LogWatch:
    """The plugin; the controlling process makes the folder, searches it at the end and removes it."""

    def __init__(self, config: pytest.Config) -> None:
        global _folder
        given = getattr(config, "workerinput", {}).get("log_watch")
        self._controls = given is None
        self._folder = _folder = Path(given or tempfile.mkdtemp(prefix="mda5-cds-log-watch-"))
        self._leaks: list[str] = []
        self._recorder = _Recorder()
        self._patches = pytest.MonkeyPatch()
        for client in (FlaskClient, Client):
            self._patches.setattr(client, "open", _watch_flask(client.open))
        self._patches.setattr(requests.Session, "send", _watch_requests(requests.Session.send))
        logging.getLogger().addHandler(self._recorder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist starts a worker: it writes to the same folder."""
        node.workerinput["log_watch"] = str(self._folder)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Searches, once all workers are done."""
        if not self._controls:
            return
        texts = {json.loads(line) for line in _lines(self._folder, "sensitive-*")}
        lines = {
            path.name: path.read_text("utf-8", "replace").splitlines()
            for path in sorted((*self._folder.glob("log-*"), *self._folder.glob("process-*")))
        }
        # reading the whole code for the words of the log's own takes longer than the search
        if any(found(each, texts) for each in lines.values()):
            texts -= own_words()
            for name, each in lines.items():
                self._leaks += [f"{name}: {leak!r} in: {line}" for line, leak in found(each, texts).items()]
        if self._leaks and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Shows what was found."""
        if self._leaks:
            terminalreporter.section("log watch: what went through stands in the log", red=True)
            for leak in dict.fromkeys(self._leaks):
                terminalreporter.line(leak[:1000])

    def pytest_unconfigure(self) -> None:
        """Leaves everything as it was."""
        global _folder
        _folder = None
        logging.getLogger().removeHandler(self._recorder)
        self._patches.undo()
        if self._controls:
            shutil.rmtree(self._folder, ignore_errors=True)


def _lines(folder: Path, pattern: str) -> Iterator[str]:
    for path in folder.glob(pattern):
        yield from path.read_text(encoding="utf-8").splitlines()
