"""A store in an SQLite file, and how it is lost and found again."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from service.store import Store
from service.store.tables import used_tokens
from tests.unit.service.store.rows import NOON, count, lost, run, until

Open = Callable[[str], Store]
TOKEN = {"digest": "a", "expires_at": NOON}


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_memory_is_shared_by_threads_and_taken_in_turns(open_store: Open) -> None:
    store = open_store("sqlite://")
    with store.begin() as connection:
        connection.execute(insert(used_tokens), TOKEN)
        assert lost(store) == "another thread holds the database for too long"
    until(lambda: store.state() == "ok")
    assert count(store, used_tokens) == 1


def test_the_file_and_its_folder_are_this_users_alone(sqlite_url: str, open_store: Open) -> None:
    open_store(sqlite_url).migrate()
    path = path_of(sqlite_url)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path.parent, *path.parent.iterdir())}
    assert modes.pop("state") == 0o700
    assert set(modes.values()) == {0o600}


def test_an_unwritable_folder_is_a_lost_store(open_store: Open) -> None:
    store = open_store("sqlite:////proc/no-such-folder/store.sqlite3")
    assert lost(store).startswith("the database file cannot be opened")
    assert store.state() == "lost"


def test_a_file_that_is_no_database_is_a_lost_store(sqlite_url: str, open_store: Open) -> None:
    path = path_of(sqlite_url)
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    assert lost(open_store(sqlite_url)) == "the database file is no SQLite database"


def test_a_file_that_may_not_be_written_is_a_lost_store() -> None:
    # not where pytest keeps its files: those folders are open to this user alone
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        assert (
            run("write_protected", f"sqlite:///{folder}/state/store.sqlite3")
            == "the database file may not be written\n"
        )


def test_a_writer_that_does_not_end_is_a_lost_store(sqlite_url: str, open_store: Open) -> None:
    store = open_store(sqlite_url)
    store.migrate()
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with store.begin(reading=True) as connection:  # who reads need not wait
        assert connection.execute(select(used_tokens)).all() == []
    assert lost(store) == "another process holds the database for too long"
    other.close()
    until(lambda: store.state() == "ok")


def test_a_folder_that_another_process_does_not_let_go_is_a_lost_store(sqlite_url: str, open_store: Open) -> None:
    folder = path_of(sqlite_url).parent
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    store = open_store(sqlite_url)
    assert lost(store) == "another process holds the database's folder for too long"
    os.close(handle)
    until(lambda: store.state() == "ok")


def test_a_full_disk_is_a_lost_store_until_there_is_room(sqlite_url: str) -> None:
    why, *after = run("fill_disk", sqlite_url).splitlines()
    assert why in {"the disk is full", "the disk failed"}
    assert after == ["lost", "True"]


def test_a_folder_that_goes_and_comes_back(sqlite_url: str, open_store: Open) -> None:
    store, folder = open_store(sqlite_url), path_of(sqlite_url).parent
    store.migrate()
    shutil.move(folder, folder.with_name("away"))
    assert lost(store).startswith("the database file cannot be opened")
    assert not folder.exists()
    shutil.move(folder.with_name("away"), folder)
    until(lambda: store.state() == "ok")


def test_a_folder_that_comes_only_after_the_start(sqlite_url: str, open_store: Open) -> None:
    store, folder = open_store(sqlite_url), path_of(sqlite_url).parent
    folder.touch()
    assert store.state() == "lost"
    folder.unlink()
    until(lambda: store.state() == "ok")


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_file_that_is_deleted_or_replaced(sqlite_url: str, open_store: Open, replaced: bool) -> None:
    store, other = open_store(sqlite_url), open_store(f"{sqlite_url}-other")
    for each in (store, other):
        with each.begin() as connection:
            connection.execute(insert(used_tokens), TOKEN)
    other.close()
    path_of(sqlite_url).unlink()
    if replaced:
        for suffix in ("-wal", "-shm"):
            Path(f"{path_of(sqlite_url)}{suffix}").unlink()
        path_of(f"{sqlite_url}-other").rename(path_of(sqlite_url))
    assert count(store, used_tokens) == replaced
    assert store.state() == "ok"
