"""The database and the key of its hashes. Nothing is made or migrated here: an older version may be using it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, insert, make_url
from sqlalchemy.exc import SQLAlchemyError

from service.doctor.finding import Finding, ok, warning, wrong
from service.settings import Settings
from service.store import KeyedHash, Store, StoreLost
from service.store.lost import why_lost
from service.store.migrate import MIGRATIONS, NEWER
from service.store.postgres import postgres_engine
from service.store.sqlite import SqliteFile, file_engine, sqlite_path
from service.store.tables import used_tokens
from service.variables import PREFIX

_ABOUT = "database"
_LATER = "made or brought up to date when the service starts"


def check_database(settings: Settings) -> Iterator[Finding]:
    """Whether feedback and the audit can be kept."""
    try:
        Store(settings.database_url).close()
        url = make_url(settings.database_url)
        path = sqlite_path(url) if url.drivername.startswith("sqlite") else None
    except ValueError as error:
        yield wrong(_ABOUT, f"{PREFIX}DATABASE_URL: {error}")
        return
    if path is not None:
        yield _file(path)
    elif url.drivername.startswith("sqlite"):
        yield warning(_ABOUT, "in memory: what is kept is gone at the next stop, and no other process sees it")
    else:
        yield _written(
            postgres_engine(url),
            f"PostgreSQL database {url.database or 'of this user'} on {url.host or 'this machine'}",
        )


def _file(path: Path) -> Finding:
    if path.exists():
        return _written(file_engine(SqliteFile(path)), str(path))
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if _takes_files(folder):
        return ok(_ABOUT, f"{path} will be {_LATER}")
    return wrong(_ABOUT, f"{path} cannot be made: {folder} is no folder that this user may write to")


def _takes_files(folder: Path) -> bool:
    """Tries it, and leaves nothing: rights alone do not tell, least of all root."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _written(engine: Engine, name: str) -> Finding:
    """Does once what the service will do first, a row or a table, and takes it back."""
    try:
        with engine.connect() as connection, connection.begin() as transaction:
            found, known, newest = _revisions(connection)
            if not found <= known:
                return wrong(_ABOUT, f"{name}: {NEWER}")
            if found == newest:
                connection.execute(insert(used_tokens).values(digest="doctor", expires_at=datetime.now(UTC)))
            else:
                Table("mda5_cds_doctor", MetaData(), Column("id", Integer)).create(connection)
            transaction.rollback()
    except StoreLost as lost:
        return wrong(_ABOUT, f"{name}: {lost.why}")
    except SQLAlchemyError as error:
        return wrong(_ABOUT, f"{name}: {why_lost(error) or 'it cannot be used'}")
    finally:
        engine.dispose()
    state = "are up to date" if found == newest else f"will be {_LATER}"
    return ok(_ABOUT, f"{name} can be written; its tables {state}")


def _revisions(connection: Connection) -> tuple[set[str], set[str], set[str]]:
    """The revisions of the tables, those that this version knows, and the newest of these."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    found = {*MigrationContext.configure(connection).get_current_heads()}
    return found, {script.revision for script in scripts.walk_revisions()}, {*scripts.get_heads()}


def check_hash_key(settings: Settings) -> Iterator[Finding]:
    """Whether the audit can tell patients and users apart."""
    about = "hash key"
    if settings.hash_key_file is None:
        why = "the audit holds neither patients nor users, not even as hashes"
        yield warning(about, f"{PREFIX}HASH_KEY_FILE is not set: {why}")
        return
    try:
        KeyedHash.from_file(settings.hash_key_file)
    except ValueError as error:
        yield wrong(about, str(error))
    else:
        yield ok(about, "patients and users stand in the audit as keyed hashes; keep the key, and keep it apart")
