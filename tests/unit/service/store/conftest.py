"""The databases of these tests, and stores that are closed at their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from service.store import Store
from tests.database import database_url, postgres, postgres_server, postgres_url, sqlite_url

__all__ = ["database_url", "open_store", "postgres", "postgres_server", "postgres_url", "sqlite_url", "store"]


@pytest.fixture
def open_store() -> Iterator[Callable[[str], Store]]:
    """Opens a store at a URL; closed after the test."""
    opened: list[Store] = []

    def open_store(url: str) -> Store:
        opened.append(Store(url))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(database_url: str, open_store: Callable[[str], Store]) -> Store:
    """A store on each kind of database."""
    return open_store(database_url)
