"""Mutes with an end, an owner and a reason, and earlier states of rules for data that come late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Key, UtcTime

revision = "0006"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mute",
        sa.Column("id", Key, nullable=False),
        sa.Column("rule", sa.String(120), server_default="", nullable=False),
        sa.Column("hazard", sa.String(120), server_default="", nullable=False),
        sa.Column("region", sa.String(80), server_default="", nullable=False),
        sa.Column("up_to", sa.Integer(), nullable=False),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_by", sa.String(255), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mute")),
    )
    op.create_index(op.f("ix_mute_ends_at"), "mute", ["ends_at"])
    op.create_table(
        "rule_checkpoint",
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "at", name=op.f("pk_rule_checkpoint")),
    )
    op.add_column("rule_state", sa.Column("seen_payload", Key, nullable=True))
