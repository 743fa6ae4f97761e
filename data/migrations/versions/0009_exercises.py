"""Rounds of evaluation with what they saw, and the exercise that a home is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evaluation_round",
        sa.Column("id", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("seen_run", Key, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation_round"),
    )
    op.create_index("ix_evaluation_round_at", "evaluation_round", ["at"])
    op.create_table(
        "exercise",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("scenario", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("title", Json, nullable=False),
        sa.Column("begin_at", UtcTime(), nullable=False),
        sa.Column("until_at", UtcTime(), nullable=False),
        sa.Column("at", UtcTime(), nullable=True),
        sa.Column("next_at", UtcTime(), nullable=True),
        sa.Column("wall_at", UtcTime(), nullable=False),
        sa.Column("speed", sa.Double(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("asked_speed", sa.Double(), nullable=False),
        sa.Column("asked_pause", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exercise"),
    )
    op.create_table(
        "exercise_log",
        sa.Column("id", Key, nullable=False),
        sa.Column("wall_at", UtcTime(), nullable=False),
        sa.Column("at", UtcTime(), nullable=True),
        sa.Column("actor", sa.String(240), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exercise_log"),
    )
