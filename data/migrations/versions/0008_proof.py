"""Trials of rules on the past, and what really happened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "proof",
        sa.Column("id", Key, nullable=False),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof")),
    )
    op.create_index(op.f("ix_proof_digest_id"), "proof", ["digest", "id"])
    op.create_table(
        "truth_event",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("hazard", sa.String(80), nullable=False),
        sa.Column("region", sa.String(80), server_default="", nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("radius_km", sa.Double(), nullable=True),
        sa.Column("start_at", UtcTime(), nullable=False),
        sa.Column("end_at", UtcTime(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("added_at", UtcTime(), nullable=False),
        sa.Column("added_by", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_truth_event")),
    )
    op.create_index(op.f("ix_truth_event_start_at"), "truth_event", ["start_at"])
