"""Deliveries that wait for a person: after a restored backup, or after dispatch was away for long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Key, UtcTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dispatch_hold",
        sa.Column("id", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("before_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_by", sa.String(255), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dispatch_hold"),
    )
