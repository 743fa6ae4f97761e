"""Inspections that people ask for on the page, worked on by a process of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection_job",
        sa.Column("id", Key, nullable=False),
        sa.Column("delivery_id", Key, nullable=False),
        sa.Column("actor", Json, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("phase", sa.String(20), nullable=False, server_default=""),
        sa.Column("done", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("total", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("beat_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["delivery_id"], ["survey_delivery.id"], name="fk_inspection_job_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_inspection_job"),
    )
    op.create_index("ix_inspection_job_delivery_id_id", "inspection_job", ["delivery_id", "id"])
