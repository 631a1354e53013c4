"""The tables: calls answered, cards shown, feedback received, tokens used.

Patient and user stand here as keyed hashes only. Instants are stored and read as aware datetimes in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcInstant(TypeDecorator[datetime]):
    """An aware datetime, in UTC when read. SQLite knows no zones: UTC is stored there, and marked so when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What is stored; ValueError for an instant without its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What is read."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class FreeText(TypeDecorator[str]):
    """Text from outside: what PostgreSQL cannot store (NUL, half a surrogate pair) becomes U+FFFD in both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored."""
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("answered_at", UtcInstant, nullable=False, index=True),
    Column("service", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("client", FreeText, nullable=False),
    Column("mode", Text, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("knowledge_version", Text, nullable=False),
    Column("patient_hash", Text),
    Column("user_hash", Text),
    Column("instance_hash", Text),
    Column("card_count", Integer, nullable=False),
)
"""One row for each answered call. `mode`: live or silent; `client`: "" where callers are not identified."""

shown_cards = Table(
    "shown_cards",
    metadata,
    Column("call_id", Text, ForeignKey(calls.c.id, ondelete="CASCADE"), primary_key=True),
    Column("uuid", Text, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("indicator", Text, nullable=False),
    Index(None, "uuid"),
)
"""One row for each card of each call; in silent mode, what would have been shown. A call's rows go with it."""

feedback = Table(
    "feedback",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("received_at", UtcInstant, nullable=False, index=True),
    Column("client", FreeText, nullable=False),
    Column("service", Text, nullable=False),
    Column("card", FreeText, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("outcome_at", UtcInstant, nullable=False),
    Column("timestamp_doubtful", Boolean, nullable=False),
    Column("suggestions", FreeText, nullable=False),
    Column("reason_code", FreeText),
    Column("reason_system", FreeText),
    Column("reason_display", FreeText),
    Column("user_comment", FreeText),
    Index(None, "client", "card"),
)
"""One row for each entry. `suggestions`: the ids of those accepted, a JSON array as text, "[]" for none."""

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("expires_at", UtcInstant, nullable=False, index=True),
)
"""One row for each token that was presented, until it has been expired for a while."""
