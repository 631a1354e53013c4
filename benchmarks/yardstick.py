"""What the service is measured against: Flask routes that do next to nothing, under the same kind of server.

`/parse` parses the body as JSON by Flask's own `request.get_json()` and gives a small answer; `/constant` gives a
constant one. The server is gunicorn's own threaded worker with the service's numbers (one process, threads,
keep-alive) and its frozen collector, without what the service adds: that is part of what is measured.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from flask import Flask, request
from gunicorn.app.base import BaseApplication

PARSE, CONSTANT = "/parse", "/constant"


def create_yardstick() -> Flask:
    """The application with its two routes."""
    app = Flask("yardstick")

    @app.post(PARSE)
    def parse() -> dict[str, object]:
        body = request.get_json()
        return {"hook": body["hook"], "keys": len(body["prefetch"])}

    @app.get(CONSTANT)
    def constant() -> dict[str, object]:
        return {"cards": []}

    return app


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, threads: int, keepalive: int, folder: str) -> None:
        self._threads = threads
        self._keepalive = keepalive
        self._folder = folder
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": "127.0.0.1:0",
            "workers": 1,
            "worker_class": "gthread",
            "threads": self._threads,
            "preload_app": True,
            "keepalive": self._keepalive,
            "worker_tmp_dir": self._folder,
            "control_socket_disable": True,
            "pre_fork": lambda arbiter, worker: gc.freeze(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_yardstick()


if __name__ == "__main__":
    # the service's numbers, given by the runner: this process loads nothing of the service
    _Server(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]).run()
