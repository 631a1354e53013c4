"""Processes that share one database: either can be killed at any time, and nothing is lost or counted twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import Column, select

from service.store import Store, keep_feedback
from service.store.tables import calls, feedback, shown_cards
from tests import database
from tests.unit.service.store.rows import CARDS, FEEDBACK, count

pytestmark = pytest.mark.load

postgres_server, postgres_url = database.postgres_server, database.postgres_url
sqlite_url, database_url = database.sqlite_url, database.database_url

KILLS = 3
ACKNOWLEDGED_BEFORE_A_KILL = 20


@contextmanager
def running(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A program of its own process; killed at the end."""
    command = [sys.executable, "-m", "tests.unit.service.store.programs", program, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(process: subprocess.Popen[str]) -> list[str]:
    """What a process acknowledges until it is killed, at a moment that it does not choose."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(ACKNOWLEDGED_BEFORE_A_KILL)]
    process.kill()
    lines += process.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


@pytest.mark.parametrize(
    ("program", "key"), [("acknowledge_audit", calls.c.id), ("acknowledge_feedback", feedback.c.card)]
)
def test_what_was_acknowledged_survives_kill_9_and_is_there_once(
    database_url: str, program: str, key: Column[str]
) -> None:
    told: list[str] = []
    for _ in range(KILLS):
        with running(program, database_url) as process, running(program, database_url) as other:
            told += acknowledged(process)
            told += acknowledged(other)
    with closing(Store(database_url)) as store:
        with store.begin() as connection:
            kept = list(connection.execute(select(key)).scalars())
        assert len(told) >= 2 * KILLS * ACKNOWLEDGED_BEFORE_A_KILL
        assert set(told) <= set(kept)
        assert len(kept) == len(set(kept))
        assert count(store, shown_cards) == (len(kept) * len(CARDS) if key is calls.c.id else 0)


def test_a_token_is_new_to_one_of_two_processes(database_url: str) -> None:
    with running("first_uses", database_url) as one, running("first_uses", database_url) as other:
        said = [each.split("slow") for each in together(one, other)]
    new, slow = ([int(number) for each in said for number in each[part].split()] for part in (0, 1))
    assert len(new) == len(set(new)), "new to both"
    # for which no answer came, the process decides from its own memory
    assert set(new) | set(slow) == set(range(1000))
    assert len(slow) < 100


def together(*processes: subprocess.Popen[str]) -> list[str]:
    """Lets processes that are ready go at the same moment; what they say at the end."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=100)[0] for process in processes]


def test_a_batch_that_two_processes_keep_at_once_is_kept_once(database_url: str) -> None:
    with running("keep_batches", database_url) as one, running("keep_batches", database_url) as other:
        stored = [int(said) for said in together(one, other)]
    with closing(Store(database_url)) as store:
        assert sum(stored) == count(store, feedback) == 1000


def test_what_one_process_keeps_another_sees(database_url: str) -> None:
    with closing(Store(database_url)) as one, closing(Store(database_url)) as other:
        assert keep_feedback(one, [FEEDBACK]).stored == 1
        assert keep_feedback(other, [FEEDBACK]).known == 1
