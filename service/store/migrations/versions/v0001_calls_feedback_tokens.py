"""The first tables: calls, the cards they showed, feedback, used tokens. Before them there is nothing to go back to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "calls",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("answered_at", instant, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("hook", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("knowledge_version", sa.Text, nullable=False),
        sa.Column("patient_hash", sa.Text),
        sa.Column("user_hash", sa.Text),
        sa.Column("instance_hash", sa.Text),
        sa.Column("card_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_index("ix_calls_answered_at", "calls", ["answered_at"])
    op.create_table(
        "shown_cards",
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("uuid", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("indicator", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("call_id", "uuid", name="pk_shown_cards"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_shown_cards_call_id", ondelete="CASCADE"),
    )
    op.create_index("ix_shown_cards_uuid", "shown_cards", ["uuid"])
    op.create_table(
        "feedback",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("outcome_at", instant, nullable=False),
        sa.Column("timestamp_doubtful", sa.Boolean, nullable=False),
        sa.Column("suggestions", sa.Text, nullable=False),
        sa.Column("reason_code", sa.Text),
        sa.Column("reason_system", sa.Text),
        sa.Column("reason_display", sa.Text),
        sa.Column("user_comment", sa.Text),
        sa.PrimaryKeyConstraint("digest", name="pk_feedback"),
    )
    op.create_index("ix_feedback_received_at", "feedback", ["received_at"])
    op.create_index("ix_feedback_client_card", "feedback", ["client", "card"])
    op.create_table(
        "used_tokens",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_used_tokens"),
    )
    op.create_index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"])
