"""The databases of these tests."""

from tests.database import database_url, postgres, postgres_server, postgres_url, sqlite_url

__all__ = ["database_url", "postgres", "postgres_server", "postgres_url", "sqlite_url"]
