"""Deliveries on their way to or from another Tocsin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exchange_transfer",
        sa.Column("id", Key, nullable=False),
        sa.Column("peer", sa.String(40), nullable=False),
        sa.Column("direction", sa.String(3), nullable=False),
        sa.Column("dataset", sa.String(80), nullable=False),
        sa.Column("delivery_id", Key, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("chunks_there", sa.Integer(), nullable=False),
        sa.Column("bytes", Key, nullable=False),
        sa.Column("bytes_sent", Key, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("receipt", Json, nullable=True),
        sa.Column("verdict", Json, nullable=True),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.CheckConstraint("direction IN ('out', 'in')", name="ck_exchange_transfer_direction"),
        sa.CheckConstraint("state IN ('moving', 'arrived', 'refused')", name="ck_exchange_transfer_state"),
        sa.ForeignKeyConstraint(["delivery_id"], ["survey_delivery.id"], name="fk_exchange_transfer_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exchange_transfer"),
        sa.UniqueConstraint("peer", "direction", "content", name="uq_exchange_transfer_peer_direction_content"),
    )
