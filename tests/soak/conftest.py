"""The databases and the real FHIR server, where the soak finds them."""

from tests.database import postgres_server, postgres_url, sqlite_url
from tests.fhir_server import fhir_server

__all__ = ["fhir_server", "postgres_server", "postgres_url", "sqlite_url"]
