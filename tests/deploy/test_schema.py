"""What docs/deploy.md says of upgrade, rollback, backup and restore is what happens."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import make_url

import fixtures
from service import cli
from service.app import create_app
from service.routes_operations import FRONT
from service.settings import Settings
from service.store import Store, keep_feedback
from service.store.tables import feedback
from tests.conftest import NOW
from tests.pages import DOCS, commands
from tests.unit.service.store.rows import FEEDBACK, count

VIEW = "/cds-services/mda5-rpild-patient-view"


def keep(url: str, entries: int) -> None:
    with closing(Store(url)) as store:
        keep_feedback(store, [replace(FEEDBACK, card=str(uuid4())) for _ in range(entries)])


def kept(url: str) -> int:
    with closing(Store(url)) as store:
        return count(store, feedback)


# ── rollback: the schema of a version to come, as this version meets it ──


def set_revision(url: str, revision: str) -> None:
    """Straight in the file: the store would refuse one that it does not know."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


@pytest.fixture
def start(sqlite_url: str) -> Iterator[Any]:
    """Starts the service on the database; stopped at the end of the test."""
    apps = []

    def start() -> FlaskClient:
        apps.append(create_app(Settings(database_url=sqlite_url), clock=lambda: NOW))
        return apps[-1].test_client()

    yield start
    for app in apps:
        app.extensions[FRONT].close()


def sends_feedback(client: FlaskClient) -> int:
    entry = {"card": str(uuid4()), "outcome": "accepted", "outcomeTimestamp": "2026-03-01T09:00:00Z"}
    entry["acceptedSuggestions"] = [{"id": str(uuid4())}]  # type: ignore[assignment]
    return client.post(f"{VIEW}/feedback", json={"feedback": [entry]}).status_code


def shows_cards(client: FlaskClient) -> bool:
    return bool(client.post(VIEW, json=fixtures.story("refractory").render(NOW)).json["cards"])


def test_after_a_rollback_cards_come_and_feedback_waits_in_the_ehr(start: Any, sqlite_url: str) -> None:
    keep(sqlite_url, 1)
    set_revision(sqlite_url, "9999")
    older = start()
    assert shows_cards(older)
    assert sends_feedback(older) == 503
    ready = older.get("/health/ready")
    assert (ready.status_code, ready.json["store"]) == (200, "lost")
    set_revision(sqlite_url, "0001")  # as a restored backup has it: what waits is written at the end


def test_while_an_upgrade_runs_an_old_process_goes_on_writing(start: Any, sqlite_url: str) -> None:
    old = start()
    assert sends_feedback(old) == 200
    set_revision(sqlite_url, "9999")
    assert shows_cards(old)
    assert sends_feedback(old) == 200


# ── backup and restore, by the commands that the page names ──


def told(first: str) -> str:
    (line,) = [line for line in commands(DOCS / "deploy.md") if line.startswith(first)]
    return line


def test_a_postgresql_backup_made_while_the_service_runs(postgres_url: str, tmp_path: Path) -> None:
    keep(postgres_url, 3)
    with closing(Store(postgres_url)) as running, running.begin(reading=True):
        _run(told("pg_dump "), postgres_url, tmp_path)
    keep(postgres_url, 2)
    _run(told("pg_restore "), postgres_url, tmp_path)
    assert kept(postgres_url) == 3


def test_the_password_may_stand_in_a_file_of_services(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_url(postgres_url)
    (tmp_path / "services").write_text(f"[mda5-cds]\npassword={url.password}\n")
    without = f"postgresql://{url.username}@{url.host}:{url.port}/{url.database}?service=mda5-cds"
    monkeypatch.setenv("MDA5_CDS_DATABASE_URL", without)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    assert cli.main(["migrate"]) == 0
    assert capsys.readouterr().out == "schema: none -> 0001\n"


def _run(command: str, url: str, folder: Path) -> None:
    shell, environment = ["bash", "-c", command], {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_sqlite_backup_made_while_the_service_runs(sqlite_url: str, tmp_path: Path) -> None:
    keep(sqlite_url, 3)
    statement = shlex.split(told("python3 -m sqlite3 "))[-1]
    copy = tmp_path / "copy.sqlite3"
    with (
        closing(Store(sqlite_url)) as running,
        running.begin(reading=True),
        closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection,
    ):
        connection.execute(re.sub(r"'.*'", f"'{copy}'", statement))
    keep(sqlite_url, 2)
    assert kept(f"sqlite:///{copy}") == 3
