"""Visits of peers by themselves, and deliveries that a person wants on the map."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Key, UtcTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exchange_visit",
        sa.Column("peer", sa.String(40), nullable=False),
        sa.Column("began_at", UtcTime(), nullable=False),
        sa.Column("alive_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("whole_at", UtcTime(), nullable=True),
        sa.Column("arrived", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("peer", name="pk_exchange_visit"),
    )
    op.create_table(
        "survey_serving",
        sa.Column("id", Key, nullable=False),
        sa.Column("delivery_id", Key, nullable=False),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("alive_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["delivery_id"], ["survey_delivery.id"], name="fk_survey_serving_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_serving"),
    )
    op.create_index("ix_survey_serving_delivery_id", "survey_serving", ["delivery_id"])
