"""`mda5-cds migrate`: what an init step does before the service starts, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from service import cli
from service.store import Store
from service.store.migrate import NEWER

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Exit code, standard output and standard error of the command on one database."""

    def run(url: str, *options: str) -> tuple[int, str, str]:
        monkeypatch.setenv("MDA5_CDS_DATABASE_URL", url)
        try:
            code = cli.main(["migrate", *options])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return code, *capsys.readouterr()

    return run


def set_revision(url: str, revision: str) -> None:
    store = Store(url)
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    store.close()


def test_it_makes_the_tables_and_then_leaves_them_alone(run: Run, database_url: str) -> None:
    assert run(database_url) == (0, "schema: none -> 0001\n", "")
    assert run(database_url) == (0, "schema: 0001 -> 0001, nothing to do\n", "")


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--allow-lost"], 0)])
def test_after_a_rollback_it_says_that_the_schema_is_newer(
    run: Run, database_url: str, options: list[str], code: int
) -> None:
    run(database_url)
    set_revision(database_url, "9999")
    found, out, err = run(database_url, *options)
    assert (found, out) == (code, "")
    assert NEWER in err
    assert ("cards come without it" in err) == bool(options)


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--allow-lost"], 0)])
def test_a_database_that_cannot_be_reached(run: Run, options: list[str], code: int) -> None:
    found, out, err = run("postgresql://somebody:secret@127.0.0.1:1/x", *options)
    assert (found, out) == (code, "")
    assert "the database cannot be reached" in err
    assert "secret" not in err
    assert "Traceback" not in err


def test_a_url_that_means_nothing_is_a_bad_setting_even_where_a_loss_is_allowed(run: Run) -> None:
    code, _, err = run("mysql://somewhere", "--allow-lost")
    assert code == 2
    assert "MDA5_CDS_DATABASE_URL: the database must be sqlite:///PATH or postgresql://" in err
