"""Rows of several tables in one transaction, the shortest way to each database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Table, select

from service.store import Store, StoreLost
from service.store.insert import Rows
from service.store.migrate import MIGRATIONS, NEWEST
from service.store.tables import calls, shown_cards, used_tokens
from tests.unit.service.store.rows import NOON, count

CALL = {
    **dict.fromkeys(column.name for column in calls.columns),
    "id": "1",
    "answered_at": NOON,
    "service": "s",
    "hook": "patient-view",
    "client": "a\0b",
    "mode": "live",
    "milliseconds": 3,
    "knowledge_version": "1",
    "card_count": 2,
}


def card(uuid: str, call: str = "1") -> dict[str, object]:
    return {"call_id": call, "uuid": uuid, "topic": "risk", "indicator": "info"}


def token(digest: str) -> dict[str, object]:
    return {"digest": digest, "expires_at": NOON}


def test_rows_of_several_tables_are_stored_as_they_are_read(store: Store) -> None:
    assert store.append({calls: [CALL], shown_cards: [card("x"), card("y")]}) == 2
    with store.begin() as connection:
        kept = connection.execute(select(calls)).mappings().one()
        cards = connection.execute(select(shown_cards).order_by(shown_cards.c.uuid)).mappings().all()
    assert dict(kept) == {**CALL, "client": "a\ufffdb"}
    assert [dict(row) for row in cards] == [card("x"), card("y")]


def test_only_what_is_new_counts(store: Store) -> None:
    rows = [[token("a")], [token("a")], [token("a"), token("b"), token("b"), token("c")], []]
    assert [store.append({used_tokens: given}) for given in rows] == [1, 0, 2, 0]
    later = {"digest": "a", "expires_at": NOON + timedelta(days=1)}
    assert store.append({used_tokens: [later]}) == 0
    with store.begin() as connection:
        first = connection.execute(select(used_tokens.c.expires_at).where(used_tokens.c.digest == "a")).scalar_one()
    assert first == NOON


@pytest.mark.parametrize(
    "rows",
    [
        {calls: [CALL], shown_cards: [card("x"), card("y", call="unknown")]},
        {calls: [CALL], shown_cards: [{**card("x"), "topic": None}]},
        {calls: [CALL, {**CALL, "id": "2", "answered_at": NOON.replace(tzinfo=None)}]},
    ],
    ids=["a card of no call", "a missing value", "an instant without its zone"],
)
def test_all_or_none(store: Store, rows: Mapping[Table, Rows]) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 - each database has its own
        store.append(rows)
    assert not isinstance(refused.value, StoreLost)
    assert (count(store, calls), count(store, shown_cards)) == (0, 0)
    assert store.append({calls: [CALL]}) == 1


def test_a_table_that_is_gone_is_a_lost_store(store: Store) -> None:
    with store.begin() as connection:
        used_tokens.drop(connection)
    with pytest.raises(StoreLost, match="lacks tables"):
        store.append({used_tokens: [token("a")]})
    assert store.lost


def test_the_newest_revision_is_the_last_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST]


def test_what_a_start_with_a_current_schema_need_not_load(sqlite_url: str, open_store: Callable[[str], Store]) -> None:
    """Alembic and PostgreSQL's driver are half of what the store would load."""
    open_store(sqlite_url).migrate()
    program = f"import sys; from service.store import Store; Store({sqlite_url!r}).migrate(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert not {"alembic", "psycopg"} & set(loaded.stdout.split())
