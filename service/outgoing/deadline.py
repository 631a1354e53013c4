"""One budget of time for an exchange, with its own clock, and why an exchange fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


class OutgoingError(Exception):
    """No usable answer. `why` is in own words: no part of the URL, nothing that was sent or received."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Refused(OutgoingError):
    """This service does not call there: the address, or where a redirect leads, is not allowed."""


class TimedOut(OutgoingError):
    """The deadline passed before the answer was complete."""


class Unreachable(OutgoingError):
    """No connection: the name, the network, or TLS."""


class Dropped(Unreachable):
    """The connection was made, and ended before the answer was complete."""


class TooLarge(OutgoingError):
    """The answer is larger than was allowed."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a budget of time. `ends` is an instant of the monotonic clock, in seconds."""

    ends: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds left; 0 when it is over."""
        return max(0.0, self.ends - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.left() <= 0


_RUNNING: ContextVar[Deadline] = ContextVar("deadline of the exchange under way in this thread")


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Within, every connection of this thread waits no longer than `deadline`."""
    token = _RUNNING.set(deadline)
    try:
        yield
    finally:
        _RUNNING.reset(token)


def time_left() -> float:
    """Seconds left of the exchange under way in this thread; TimedOut when there are none."""
    left = _RUNNING.get().left()
    if left <= 0:
        raise TimedOut("the time budget ran out")
    return left
