"""An index over the steps of a series in order of time."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_field_step_quantity_source_accumulation_s_grid_valid_at"),
        "field_step",
        ["quantity", "source", "accumulation_s", "grid", "valid_at"],
    )
