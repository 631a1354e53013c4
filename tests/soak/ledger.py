"""What was sent, what came back and what broke: written down while it happens."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tests.soak.connection import Broken, Reply

Entry = tuple[str, datetime]
"""Of feedback: its card, and when the clinician acted."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A call that was answered with 200: who it was about, and the cards it showed. `opened`: its connection."""

    instance: str
    patient: str
    cards: tuple[str, ...]
    opened: float
    sent: float
    done: float


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker's end. Whatever was answered until `settled` was in the database; then it was killed, and by `over` it
    was gone."""

    settled: float
    over: float


@dataclass
class Ledger:
    """Of one run. Instants on the monotonic clock."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    evaluated: list[Evaluated] = field(default_factory=list)
    unanswered: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Calls that nobody can say of whether they were answered: they may stand in the audit, and need not."""
    acknowledged: set[Entry] = field(default_factory=set)
    """Feedback that was answered with 200, and all that was sent."""
    sent: set[Entry] = field(default_factory=set)
    kills: list[Kill] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    alive: dict[float, float] = field(default_factory=dict)
    """When a connection, named by its beginning, last took a call that it also answered."""
    failures: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ended(self, kind: str, outcome: str) -> None:
        """A call of this kind ended so."""
        with self._lock:
            self.outcomes[kind, outcome] += 1

    def answered(self, reply: Reply, instance: str, patient: str, cards: Iterable[str], timed: bool) -> None:
        """An evaluation reached its caller. `timed`: nothing but the service had a part in it."""
        with self._lock:
            times = (reply.opened, reply.sent, reply.done)
            self.evaluated.append(Evaluated(instance, patient, tuple(sorted(cards)), *times))
            if timed:
                self.seconds.append(reply.done - reply.sent)

    def lived(self, reply: Reply) -> None:
        """A call was answered on a connection."""
        with self._lock:
            self.alive[reply.opened] = reply.sent

    def left(self, instance: str, patient: str) -> None:
        """Nobody waited for this call's answer, or it broke off."""
        with self._lock:
            self.unanswered[instance, patient] += 1

    def broke(self, kind: str, broken: Broken) -> None:
        """A connection broke under a call of this kind."""
        with self._lock:
            self.outcomes[kind, "broken"] += 1
            self.broken.append(broken)

    def killed(self, settled: float, over: float) -> None:
        """A worker was killed."""
        with self._lock:
            self.kills.append(Kill(settled, over))

    def fed_back(self, entries: Iterable[Entry], acknowledged: bool) -> None:
        """Feedback was sent; or acknowledged."""
        with self._lock:
            (self.acknowledged if acknowledged else self.sent).update(entries)

    def failed(self, error: BaseException) -> None:
        """Something is wrong."""
        with self._lock:
            self.failures.append(error)

    def count(self, outcome: str, *kinds: str) -> int:
        """How many calls of these kinds (of all, when none is named) ended so."""
        with self._lock:
            return sum(n for (kind, how), n in self.outcomes.items() if how == outcome and (not kinds or kind in kinds))

    def answered_until(self, instant: float, but_for: Container[str]) -> list[Evaluated]:
        """The evaluations that had reached their callers, but for those of these instances."""
        with self._lock:
            return [each for each in self.evaluated if each.done <= instant and each.instance not in but_for]

    def unexplained(self) -> list[Broken]:
        """The broken connections that no killed worker explains: they were opened after its end, or broke before it."""
        return [
            each
            for each in self.broken
            if not any(each.opened <= kill.over and each.at >= kill.settled for kill in self.kills)
        ]

    def may_be_missing(self) -> set[str]:
        """The calls that a killed worker may have answered and not yet written down.

        It took them after all before was known to be written, on a connection that is not known to have outlived it.
        """
        return {
            each.instance
            for each in self.evaluated
            for kill in self.kills
            if each.done >= kill.settled and each.sent <= kill.over and self.alive[each.opened] <= kill.over
        }
