"""What was found out about a content once and holds for it always: recognised codes, routes, limits, verdicts.

Only answers that depend on nothing but the content are kept. Of what may be anybody's words only a keyed digest is
kept; what a laboratory's or formulary's catalogue says of many patients alike is kept as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar

import orjson

_MOST: Final = 10_000
"""Answers kept; beyond it all are forgotten, which costs time and nothing else."""
_MOST_CATALOGUED: Final = 2_000
_LONGEST: Final = 1_000
"""Bytes of a content that is kept as it is."""
_DIGEST_SIZE: Final = 16
# so that nobody who sees a digest can try what it stands for
_KEY: Final = os.urandom(16)

KeyT = TypeVar("KeyT")
AnswerT = TypeVar("AnswerT")


class Answers(dict[KeyT, AnswerT]):
    """Answers by key, a bounded number of them."""

    def __init__(self, most: int = _MOST) -> None:
        super().__init__()
        self.most = most

    def keep(self, key: KeyT, answer: AnswerT) -> AnswerT:
        """Remembers the answer, and returns it."""
        # two threads that find it full at once empty it twice: an answer is found out again, and is the same
        if len(self) >= self.most:
            self.clear()
        self[key] = answer
        return answer


def catalogue() -> Answers[bytes, Any]:
    """For answers by a content that is kept as it is: fewer of them."""
    return Answers(_MOST_CATALOGUED)


def digest(content: object) -> bytes | None:
    """What stands for JSON content; None when it cannot be written as JSON (Python's own types, endless nesting)."""
    try:
        return blake2b(orjson.dumps(content), digest_size=_DIGEST_SIZE, key=_KEY).digest()
    except TypeError:
        return None


def catalogued(content: object) -> bytes | None:
    """The content itself, of what a catalogue says; None when it cannot be written as JSON, or is long."""
    try:
        written = orjson.dumps(content)
    except TypeError:
        return None
    return written if len(written) <= _LONGEST else None


class Remembered(Generic[AnswerT]):
    """A function of JSON content that is asked for the same content again and again.

    It must depend on the content alone, and return something that nobody changes. `key` names a content.
    """

    __slots__ = ("_answers", "_find_out", "_key")

    def __init__(self, find_out: Callable[[object], AnswerT], key: Callable[[object], bytes | None] = digest) -> None:
        self._find_out = find_out
        self._key = key
        self._answers: Answers[bytes, AnswerT] = Answers(_MOST if key is digest else _MOST_CATALOGUED)

    def __call__(self, content: object) -> AnswerT:
        """The answer for the content."""
        key = self._key(content)
        if key is None:
            return self._find_out(content)
        try:
            return self._answers[key]
        except KeyError:
            answer = self._find_out(content)
        # a number that JSON cannot say looks like null, and would be given its answer
        return answer if b"null" in orjson.dumps(content) else self._answers.keep(key, answer)
