"""What must not be shared between a process and the processes forked from it: connections, threads, locks."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod


def around_forks(*, before: Callable[[], None] | None = None, in_child: Callable[[], None] | None = None) -> None:
    """Calls the bound methods before each fork, and first thing in each child, as long as their object lives."""
    if before is not None:
        os.register_at_fork(before=_while_alive(WeakMethod(before)))
    if in_child is not None:
        os.register_at_fork(after_in_child=_while_alive(WeakMethod(in_child)))


def _while_alive(method: WeakMethod[Callable[[], None]]) -> Callable[[], Any]:
    def call() -> None:
        alive = method()
        if alive is not None:
            alive()

    return call
