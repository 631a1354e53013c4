"""Facts that were read lately, kept for some minutes: in an order dialogue the same chart comes with every change.

Only in this process, never on disk, in a log or in a figure. A fact is found again under a keyed digest of everything
that it was read from, so that nothing else can lead to it, and the memory holds no name, id or text by which to look
for a patient. What is remembered was not judged: that is done anew in each call, as of its moment.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Final
from weakref import WeakSet

LIFETIME_SECONDS: Final = 600.0
"""Since they were read, however often they are asked for."""
MOST_ANSWERS: Final = 4096
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one process, by an estimate that is rather too high."""
_BYTES_PER_FACT: Final = 1500
_LARGEST_SHARE: Final = 8
"""One search answer may take the eighth part, and no more: it must not push out all the others."""

Facts = tuple[object, ...]
Basis = tuple[object, ...]


# no representation: one that found its way into an error report would tell of a patient
@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    facts: Facts
    basis: Basis
    until: float
    size: int


class FactsMemory:
    """The facts of search answers, by digest. Threads may share it; a forked process begins with an empty one.

    `seconds` is a clock that never goes back.
    """

    def __init__(
        self, seconds: Callable[[], float], most_answers: int = MOST_ANSWERS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._seconds = seconds
        self._most_answers = most_answers
        self._most_bytes = most_bytes
        self.begin()
        _MEMORIES.add(self)

    def begin(self) -> None:
        """Forgets everything, the key of the digests too."""
        self._lock = Lock()
        self._key = os.urandom(32)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._size = 0

    @property
    def answers(self) -> int:
        """The search answers whose facts it holds."""
        return len(self._kept)

    @property
    def size(self) -> int:
        """The bytes that it holds, estimated."""
        return self._size

    def digest(self, said: bytes) -> bytes:
        """The name under which facts that were read from `said` are kept."""
        digest = sha256(self._key)
        digest.update(said)
        return digest.digest()

    def recall(self, name: bytes, basis: Basis) -> Facts | None:
        """The facts of this name, if they were read on the very same `basis` (knowledge, by identity)."""
        with self._lock:
            self._forget_expired()
            kept = self._kept.get(name)
        if kept is None or not _same(kept.basis, basis):
            return None
        return kept.facts

    def keep(self, name: bytes, basis: Basis, facts: Facts, said: int) -> None:
        """Remembers facts that were read from `said` bytes; the oldest go where there is no room."""
        size = said + _BYTES_PER_FACT * (1 + len(facts))
        if size > self._most_bytes // _LARGEST_SHARE:
            return
        with self._lock:
            before = self._kept.pop(name, None)
            self._size += size - (before.size if before is not None else 0)
            self._kept[name] = _Kept(facts, basis, self._seconds() + LIFETIME_SECONDS, size)
            self._forget_expired()
            while self._size > self._most_bytes or len(self._kept) > self._most_answers:
                self._forget_oldest()

    def forget_expired(self) -> None:
        """Lets go of what is too old; to be called now and then, for no call may come that would."""
        with self._lock:
            self._forget_expired()

    def _forget_expired(self) -> None:
        now = self._seconds()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._size -= kept.size


@dataclass(frozen=True, slots=True)
class ClientMemory:
    """The memory as the calls of one client use it ("" where callers are not identified)."""

    facts: FactsMemory
    client: str


def _same(first: Basis, second: Basis) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))


_MEMORIES: WeakSet[FactsMemory] = WeakSet()


def _begin_anew() -> None:
    for memory in list(_MEMORIES):
        memory.begin()


# a lock that another thread held would stay locked in the child, and what the parent read is not the child's to keep
os.register_at_fork(after_in_child=_begin_anew)
