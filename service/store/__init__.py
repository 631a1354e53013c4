"""What is kept: answered calls, feedback, used tokens; in SQLite or PostgreSQL."""

from service.store.audit import AuditLog, AuditRow, ShownCard
from service.store.feedback import FeedbackRow, Kept, keep_feedback
from service.store.hashes import KeyedHash
from service.store.lost import StoreLost
from service.store.store import Store
from service.store.tokens import UsedTokens

__all__ = [
    "AuditLog",
    "AuditRow",
    "FeedbackRow",
    "Kept",
    "KeyedHash",
    "ShownCard",
    "Store",
    "StoreLost",
    "UsedTokens",
    "keep_feedback",
]
