"""Statistics of regions kept per step, and what was derived from which steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "region_slot",
        sa.Column("step_id", Key, nullable=False),
        sa.Column("regions", sa.String(16), nullable=False),
        sa.Column("series", sa.String(64), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["step_id"], ["field_step.id"], name=op.f("fk_region_slot_step_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_region_slot")),
        sa.UniqueConstraint("regions", "series", "slot", name=op.f("uq_region_slot_regions_series_slot")),
    )
    op.create_table(
        "derivation",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("grid", sa.String(64), nullable=False),
        sa.Column("run_at", UtcTime(), nullable=False),
        sa.Column("valid_at", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("inputs", Json, nullable=False),
        sa.Column("step_ids", Json, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "source", "grid", "run_at", "valid_at", name=op.f("pk_derivation")),
    )
    op.create_index(op.f("ix_derivation_valid_at"), "derivation", ["valid_at"])
