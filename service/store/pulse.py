"""Whether the database answers: the last outcome, and in the background the next try."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from service.store.forks import around_forks
from service.store.lost import StoreLost

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""Between two tries to reach a database that is lost."""
FRESH_SECONDS = 2.0
"""How long the last outcome is believed."""
PATIENCE_SECONDS = 1.0
"""How long a question waits for the try that it started when nothing is known yet; a quarter of it otherwise."""
LAST_TRY_SECONDS = 3.0
"""How long the end waits for the try under way."""


class Pulse:
    """What is known of the database. While it is lost nobody waits for it: one thread tries, until it answers.

    `attempt` tries once: it raises StoreLost, and reports its outcome here by `answered` or `lost` as every transaction
    does.
    """

    def __init__(self, attempt: Callable[[], None]) -> None:
        self._attempt = attempt
        self._why: str | None = None
        self._known_at: float | None = None
        self._start()
        around_forks(in_child=self._start)

    def _start(self) -> None:
        self._changed = threading.Condition()
        self._watcher: threading.Thread | None = None
        self._closed = False
        if self._why is not None:  # nobody tries in this process yet: the next transaction does
            self._why = self._known_at = None

    @property
    def why(self) -> str | None:
        """Why the database is lost; None when it is not, as far as is known."""
        return self._why

    def check(self) -> None:
        """Raises StoreLost at once while the database is lost."""
        if self._why is not None:
            raise StoreLost(self._why)

    def answered(self) -> None:
        """A transaction succeeded."""
        self._note(None)

    def lost(self, why: str) -> None:
        """A transaction failed because of the database."""
        if self._why is None:
            log.warning("the store is lost: %s", why)
        self._note(why)

    def is_well(self) -> bool:
        """Whether the database answered lately; asks it when that is not known, and waits a moment for the answer."""
        with self._changed:
            if self._is_stale() and self._watcher is None:
                patience = PATIENCE_SECONDS if self._known_at is None else PATIENCE_SECONDS / 4
                self._watch()
                self._changed.wait_for(lambda: not self._is_stale(), patience)
            return self._why is None and self._known_at is not None

    def close(self) -> None:
        """Ends the tries, and waits for the one under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            watcher = self._watcher
        if watcher is not None:
            watcher.join(LAST_TRY_SECONDS)

    def _is_stale(self) -> bool:
        return self._known_at is None or time.monotonic() - self._known_at > FRESH_SECONDS

    def _note(self, why: str | None) -> None:
        with self._changed:
            if self._why is not None and why is None:
                log.warning("the store is back")
            self._why = why
            self._known_at = time.monotonic()
            if why is not None:
                self._watch()
            self._changed.notify_all()

    def _watch(self) -> None:
        if self._watcher is None and not self._closed:
            self._watcher = threading.Thread(target=self._try_until_it_answers, name="store-pulse", daemon=True)
            self._watcher.start()

    def _try_until_it_answers(self) -> None:
        while True:
            self._try_once()
            with self._changed:
                if self._why is not None:
                    self._changed.wait_for(lambda: self._closed, PAUSE_SECONDS)
                if self._why is None or self._closed:
                    self._watcher = None
                    return

    def _try_once(self) -> None:
        try:
            self._attempt()
        except StoreLost:
            pass  # it was noted where it happened
        except Exception as error:
            log.error("unexpected %s while trying the store", type(error).__name__)
