"""A token is new once."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.store import Store, StoreLost, UsedTokens
from service.store import tokens as module
from service.store.tables import used_tokens
from tests.unit.service.store.rows import NOON, count

SOON = NOON + timedelta(minutes=15)


@pytest.fixture(autouse=True)
def slow_disks_are_waited_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here is what the database says, not when; but for the test of the stuck one."""
    if "stuck" not in request.node.name:
        monkeypatch.setattr(module, "WAIT_SECONDS", 30.0)


def test_a_token_is_new_once_for_its_issuer(store: Store) -> None:
    tokens = UsedTokens(store)
    assert [tokens.first_use(*pair, SOON) for pair in (("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"))] == [
        *(True, False),
        *(True, True),
    ]


def test_pairs_that_join_to_the_same_text_are_two(store: Store) -> None:
    tokens = UsedTokens(store)
    assert [tokens.first_use(*pair, SOON) for pair in (("a1", "2"), ("a", "12"), ("1:a", ""), ("", "1:a"))] == [
        True
    ] * 4


def test_sixteen_threads_present_one_token(store: Store) -> None:
    tokens = UsedTokens(store)
    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(lambda _: tokens.first_use("a", "1", SOON), range(16))) == 1


@pytest.mark.parametrize(
    ("later", "first_again"),
    [(module.KEPT, False), (module.KEPT + timedelta(microseconds=1), True)],
    ids=["just kept", "just forgotten"],
)
def test_tokens_are_forgotten_when_they_have_been_expired_for_long(
    store: Store, monkeypatch: pytest.MonkeyPatch, later: timedelta, first_again: bool
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_CLEARINGS", 0)
    monkeypatch.setattr(module, "ASKERS", 1)  # so that a clearing is over before the next question
    tokens = UsedTokens(store)
    tokens.first_use("a", "old", SOON)
    tokens.first_use("a", "new", SOON + later)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_CLEARINGS", 600)
    assert tokens.first_use("a", "old", SOON) is first_again


def test_clearing_is_rare(store: Store) -> None:
    tokens = UsedTokens(store)
    times: list[datetime] = [SOON, SOON + 10 * module.KEPT, SOON + 20 * module.KEPT]
    assert all(tokens.first_use("a", str(number), each) for number, each in enumerate(times))
    assert count(store, used_tokens) == 3


def test_nobody_waits_long_for_a_database_that_is_stuck(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    with closing(Store(f"sqlite:///{file}")) as store:
        tokens = UsedTokens(store)
        assert tokens.first_use("a", "1", SOON)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            with pytest.raises(StoreLost, match="in time"):
                tokens.first_use("a", "2", SOON)
            assert module.WAIT_SECONDS <= time.monotonic() - begun < 2 * module.WAIT_SECONDS
            other.execute("ROLLBACK")
        assert not tokens.first_use("a", "1", SOON)


def test_no_token_is_admitted_by_a_lost_store() -> None:
    with pytest.raises(StoreLost):
        UsedTokens(Store("sqlite:////proc/no-such-folder/store.sqlite3")).first_use("a", "1", SOON)
