"""The service under gunicorn: knowledge loaded and warmed once, then forked."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from prometheus_client.multiprocess import mark_process_dead

from service.app import create_app
from service.front import Front
from service.headers import header_set
from service.parts import PARTS
from service.routes_operations import FRONT
from service.settings import Settings, check_listening
from service.telemetry.folder import memory_folder, prepare_metrics_folder, remove_metrics_folder
from service.telemetry.logs import configure_logging
from service.worker import MOST_IDLE, Worker

log = logging.getLogger(__name__)

# three of them may wait for FHIR servers at once; more would only share the same interpreter among more calls
THREADS = 8
# beyond the FHIR budget: to finish the answer, and to write down what waits for the store
GRACE_SECONDS = 16
# an EHR's proxy keeps connections for about a minute: it must never send on one that is being closed here
KEEPALIVE_SECONDS = 75
LONGEST_REQUEST_LINE = 4094
MOST_HEADERS = 64
LONGEST_HEADER = 8190
# of a body that nobody wanted, in bytes: for more it is cheaper to begin a new connection
LARGEST_REST = 64 * 1024
# the collector's thresholds: a chart is some ten thousand objects, none of which is a cycle
COLLECTED_AFTER = (50_000, 20, 100)

StartResponse = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Log(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's log without handlers of its own: its records go where all others go. No access log."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel(max(logging.INFO, logging.getLogger("service").getEffectiveLevel()))


class _Body:
    """A request's body. What gunicorn cannot parse of it counts as a connection that broke: Flask answers 400."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._source = request.body

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self._source.read(size)
        except ParseException as error:
            raise OSError(type(error).__name__) from None
        return data

    def settle(self) -> None:
        """Before the answer goes out: reads what the application left, or has the answer say that the connection ends.

        gunicorn does so after the answer, and closes a connection that it has just promised to keep: whoever shares it
        loses the next call.
        """
        try:
            rest = self.read(LARGEST_REST)
        except OSError:
            rest = b""
        if self._source.failed or len(rest) == LARGEST_REST:
            self._request.force_close()


def _take_body(worker: Worker, request: Any) -> None:
    request.body = _Body(request)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, app: Flask, address: Address, workers: int, settings: Settings) -> None:
        self._app = app
        self._headers = header_set(settings)
        self._options = {
            "bind": str(address),
            "workers": workers,
            "worker_class": Worker,
            "threads": THREADS,
            "worker_connections": MOST_IDLE,
            "preload_app": True,
            "keepalive": KEEPALIVE_SECONDS,
            "graceful_timeout": round(GRACE_SECONDS + settings.fhir_budget_seconds),
            "limit_request_line": LONGEST_REQUEST_LINE,
            "limit_request_fields": MOST_HEADERS,
            "limit_request_field_size": LONGEST_HEADER,
            # nothing here depends on what a proxy says of the caller, so nobody is believed
            "forwarded_allow_ips": "",
            "worker_tmp_dir": memory_folder(),
            "logger_class": _Log,
            "proc_name": "mda5-cds",
            # it would be written under $HOME, which a read-only container does not have
            "control_socket_disable": True,
            "pre_fork": lambda arbiter, worker: _spare_collecting(),
            "when_ready": lambda arbiter: self._all_set(arbiter, settings),
            "post_worker_init": self._make_ready,
            "pre_request": _take_body,
            "child_exit": lambda arbiter, worker: _forget_process(worker.pid),
            "worker_exit": self._close_front,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[[dict[str, Any], StartResponse], Any]:
        return self._answer

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Any:
        answer = self._app(environ, start_response)
        environ["wsgi.input"].settle()
        return answer

    def _all_set(self, arbiter: Arbiter, settings: Settings) -> None:
        # what this process found of the store while it loaded is no news once the workers run
        _forget_process(os.getpid())
        if settings.sandbox:
            log.info("the sandbox: open %s/", arbiter.LISTENERS[0])

    def _make_ready(self, worker: Worker) -> None:
        """Keeps this process's share of the gauges fresh, and has facts that are too old go, though nobody calls."""
        front: Front = self._app.extensions[FRONT]
        facts = self._app.extensions[PARTS].facts

        def report() -> None:
            front.metrics.audit_waiting(front.audit.waiting)
            if facts is not None:
                facts.forget_expired()

        worker.headers = self._headers
        worker.report = report

    def _close_front(self, arbiter: object, worker: Worker) -> None:
        """What waits for the store is written before the process ends; called in the arbiter too, for the dead."""
        front: Front = self._app.extensions[FRONT]
        if worker.pid == os.getpid():
            front.close()


def serve(settings: Settings, address: Address, workers: int) -> None:
    """Answers calls until SIGTERM or SIGINT; SettingsError when it must not start."""
    check_listening(settings, address.host)
    configure_logging(settings)
    # the answers' `Server` header: our name instead of the server's
    wsgi.SERVER = "mda5-cds"
    with _shared_counts():
        _Server(create_app(settings, processes=workers), address, workers, settings).run()


@contextmanager
def _shared_counts() -> Iterator[None]:
    owner = os.getpid()
    folder = prepare_metrics_folder()
    try:
        yield
    finally:
        # workers leave through here as well
        if os.getpid() == owner:
            remove_metrics_folder(folder)


def _spare_collecting() -> None:
    """What is loaded now lives as long as the process, and what a call makes goes with the call."""
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def _forget_process(pid: int) -> None:
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
