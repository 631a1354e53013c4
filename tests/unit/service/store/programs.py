"""Small programs that tests run as processes of their own: `python -m tests.unit.service.store.programs NAME URL …`."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from service.store import AuditLog, FeedbackRow, Store, StoreLost, UsedTokens, keep_feedback
from service.store import tokens as tokens_module
from service.store.tables import calls
from tests.unit.service.store.rows import FEEDBACK, NOON, audit_row, count, until

EIGHT = 8
NOBODY = 65534


def acknowledge_audit(url: str) -> None:
    """Prints the id of each row that is durable, until it is killed."""
    audit = AuditLog(Store(url), wait_seconds=60)
    while True:
        row = audit_row()
        audit.record(row)
        print(row.id, flush=True)


def acknowledge_feedback(url: str) -> None:
    """Prints the card of each entry that is kept, until it is killed; each is sent twice."""
    store = Store(url)
    while True:
        row = replace(FEEDBACK, card=str(uuid4()))
        with suppress(StoreLost):  # the other process had the file for too long: not acknowledged, nothing promised
            keep_feedback(store, [row, row])
            keep_feedback(store, [row])
            print(row.card, flush=True)


def first_uses(url: str) -> None:
    """Presents a thousand tokens, the same in every process, and prints those that were new, then `slow` and those for
    which no answer came in time."""
    tokens_module.WAIT_SECONDS = 60.0  # a commit takes as long as the machine's disk does
    store = Store(url)
    store.migrate()  # as a service does before it answers calls
    tokens = UsedTokens(store)
    print("ready", flush=True)
    sys.stdin.readline()
    new: list[int] = []
    slow: list[int] = []
    for number in range(1000):
        try:
            new += [number] * tokens.first_use("issuer", str(number), NOON + timedelta(minutes=5))
        except StoreLost:  # the other process had the file for too long
            slow.append(number)
            until(lambda: store.state() == "ok")
    print(*new, "slow", *slow, flush=True)


def keep_batches(url: str) -> None:
    """Keeps a hundred batches, the same in every process though not in the same order; prints how many were new."""
    store = Store(url)
    print("ready", flush=True)
    sys.stdin.readline()
    batches = [[replace(FEEDBACK, card=f"{batch} {number}") for number in range(10)] for batch in range(100)]
    random.shuffle(batches)
    print(sum(keep_feedback(store, random.sample(batch, 10)).stored for batch in batches), flush=True)


def migrate_at_once(url: str) -> None:
    """Eight processes migrate and write at the same moment; prints how many did."""
    start, go = os.pipe()
    children = [_fork(lambda: _migrate_when_told(url, start, go)) for _ in range(EIGHT)]
    os.close(start)
    os.close(go)
    print(sum(os.waitpid(child, 0)[1] == 0 for child in children), count(Store(url), calls), flush=True)


def _migrate_when_told(url: str, start: int, go: int) -> None:
    os.close(go)
    os.read(start, 1)  # returns when the last process has closed its end
    store = Store(url)
    store.migrate()
    audit = AuditLog(store, wait_seconds=60)
    audit.record(audit_row())
    assert audit.waiting == 0


def fork_between(url: str) -> None:
    """Parent and children use one store, before, during and after their forks; prints how many rows are there."""
    audit = AuditLog(Store(url), wait_seconds=60)
    store = Store(url)
    audit.record(audit_row())
    children = [_fork(lambda: [audit.record(audit_row()) for _ in range(20)]) for _ in range(3)]
    for _ in range(20):
        audit.record(audit_row())
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    audit.record(audit_row())
    print(count(store, calls), flush=True)


def fork_in_use(url: str) -> None:
    """Forks within a transaction; prints whether its connection is closed after it, and how many rows are there."""
    store = Store(url)
    AuditLog(store, wait_seconds=60).record(audit_row())
    with store.begin(reading=True) as connection:
        driver: Any = connection.connection.driver_connection
        assert os.waitpid(_fork(lambda: None), 0)[1] == 0
    try:
        driver.execute("SELECT 1")
    except (sqlite3.ProgrammingError, psycopg.OperationalError) as error:
        print("closed" in str(error), count(store, calls), flush=True)


def fill_disk(url: str) -> None:
    """Writes until files cannot grow, then lets them grow; prints what a caller was told, and whether it went on."""
    store = Store(url)
    store.migrate()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    kept = 0
    try:
        while True:
            kept += keep_feedback(store, [_bulky(kept)]).stored
    except StoreLost as lost:
        print(lost.why, store.state(), sep="\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(lambda: store.state() == "ok")
    print(keep_feedback(store, [_bulky(number) for number in range(kept + 1)]).known == kept, flush=True)


def write_protected(url: str) -> None:
    """Prints why the store cannot be written when its file is write-protected."""
    Store(url).migrate()
    path = Path(url.removeprefix("sqlite:///"))
    path.chmod(0o444)
    if os.getuid() == 0:  # root may write everything
        for each in (path.parent, *path.parent.iterdir()):
            os.chown(each, NOBODY, NOBODY)
        os.setuid(NOBODY)
    try:
        Store(url).migrate()
    except StoreLost as lost:
        print(lost.why)


def _bulky(number: int) -> FeedbackRow:
    return replace(FEEDBACK, card=str(number), user_comment="x" * 5000)


def _fork(work: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        print(f"child: {error!r}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2])
