"""A token is used once: within a process, across processes, and while the shared memory is lost."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from service.security.replay import SeenTokens, SharedTokens
from service.store import StoreLost
from tests.unit.service.security.issuer import NOW, Clock, at_once

EXPIRES = NOW + timedelta(minutes=6)


class Shared:
    """What two processes share."""

    def __init__(self) -> None:
        self.used: set[tuple[str, str]] = set()
        self.lost = False

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        if self.lost:
            raise StoreLost("the disk is full")
        first = (issuer, jti) not in self.used
        self.used.add((issuer, jti))
        return first


class Heard:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


def seen(clock: Clock, shared: SharedTokens | None = None, heard: Heard | None = None, most: int = 100) -> SeenTokens:
    return SeenTokens(shared, heard or Heard(), clock, most)


def test_once_per_issuer(clock: Clock) -> None:
    tokens = seen(clock)
    assert [tokens.first_use(*pair, EXPIRES) for pair in (("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"))] == [
        True,
        False,
        True,
        True,
    ]


def test_once_over_two_processes(clock: Clock) -> None:
    shared = Shared()
    assert seen(clock, shared).first_use("a", "1", EXPIRES)
    assert not seen(clock, shared).first_use("a", "1", EXPIRES)


def test_while_the_shared_memory_is_lost_each_process_remembers(clock: Clock) -> None:
    shared, heard = Shared(), Heard()
    tokens = seen(clock, shared, heard)
    assert tokens.first_use("a", "before", EXPIRES)
    shared.lost = True
    assert tokens.first_use("a", "1", EXPIRES)
    assert heard.times == 1
    assert not tokens.first_use("a", "1", EXPIRES)
    assert not tokens.first_use("a", "before", EXPIRES)
    assert heard.times == 1
    shared.lost = False
    assert not tokens.first_use("a", "1", EXPIRES)


def test_sixteen_threads_with_one_token(clock: Clock) -> None:
    for shared in (None, Shared()):
        tokens = seen(clock, shared)
        assert sorted(at_once(lambda tokens=tokens: tokens.first_use("a", "1", EXPIRES))) == [False] * 15 + [True]  # type: ignore[misc]


@pytest.mark.parametrize(("seconds", "again"), [(-1, False), (0, True)])
def test_what_has_expired_is_forgotten(clock: Clock, seconds: int, again: bool) -> None:
    tokens = seen(clock)
    assert tokens.first_use("a", "1", EXPIRES)
    clock.now = EXPIRES + timedelta(seconds=seconds)
    assert tokens.first_use("a", "1", EXPIRES) is again


def test_memory_is_bounded_and_the_token_that_expires_first_goes(clock: Clock) -> None:
    tokens = seen(clock, most=3)
    for jti, minutes in (("early", 1), ("late", 9), ("middle", 5)):
        assert tokens.first_use("a", jti, NOW + timedelta(minutes=minutes))
    assert not tokens.first_use("a", "early", NOW + timedelta(minutes=1))
    assert tokens.first_use("a", "one more", NOW + timedelta(minutes=7))
    assert [tokens.first_use("a", jti, EXPIRES) for jti in ("late", "middle", "one more")] == [False] * 3
    assert tokens.first_use("a", "early", NOW + timedelta(minutes=1))
