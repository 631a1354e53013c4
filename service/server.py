"""The service under gunicorn: knowledge loaded and warmed once, then forked."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from flask import Flask
from gunicorn.app.base import BaseApplication

from service.app import create_app
from service.settings import Settings, check_listening

# a few threads per worker: sync workers starve behind slow callers, many threads lose on large bodies
THREADS = 4
GRACE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, app: Flask, address: Address, workers: int) -> None:
        self._app = app
        self._options = {
            "bind": str(address),
            "workers": workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "preload_app": True,
            "graceful_timeout": GRACE_SECONDS,
            "proc_name": "mda5-cds",
            # it would be written under $HOME, which a read-only container does not have
            "control_socket_disable": True,
            # what is loaded now lives as long as the process: the collector need not look at it again
            "pre_fork": lambda arbiter, worker: gc.freeze(),
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


def serve(settings: Settings, address: Address, workers: int) -> None:
    """Answers calls until SIGTERM or SIGINT; SettingsError when it must not start."""
    check_listening(settings, address.host)
    _Server(create_app(settings), address, workers).run()
