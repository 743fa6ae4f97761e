"""The catalogue of surveys: datasets, their deliveries, and what happened to each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "survey_dataset",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("title", Json, nullable=False),
        sa.Column("level", sa.String(12), nullable=False),
        sa.Column("unit", sa.String(40), nullable=False, server_default=""),
        sa.Column("sector", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("data_class", sa.String(12), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False, server_default=""),
        sa.Column("provenance", sa.Text(), nullable=False, server_default=""),
        sa.Column("record_schema", Json, nullable=False),
        sa.Column("mapping", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(255), nullable=False),
        sa.CheckConstraint(
            "level IN ('national', 'provincial', 'municipal', 'county')", name="ck_survey_dataset_level"
        ),
        sa.CheckConstraint(
            "data_class IN ('public', 'shared', 'restricted', 'secret')", name="ck_survey_dataset_class"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_survey_dataset"),
    )
    op.create_table(
        "survey_delivery",
        sa.Column("id", Key, nullable=False),
        sa.Column("dataset", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("unit", sa.String(40), nullable=False, server_default=""),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("sources", Json, nullable=False),
        sa.Column("notes", Json, nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("received_by", sa.String(255), nullable=False),
        sa.Column("answers", Key, nullable=True),
        sa.CheckConstraint("mode IN ('replace', 'append', 'amend')", name="ck_survey_delivery_mode"),
        sa.ForeignKeyConstraint(["dataset"], ["survey_dataset.name"], name="fk_survey_delivery_dataset"),
        sa.ForeignKeyConstraint(["answers"], ["survey_delivery.id"], name="fk_survey_delivery_answers"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_delivery"),
        sa.UniqueConstraint("dataset", "version", name="uq_survey_delivery_dataset_version"),
    )
    op.create_table(
        "survey_trace",
        sa.Column("id", Key, nullable=False),
        sa.Column("delivery_id", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["survey_delivery.id"], name="fk_survey_trace_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_trace"),
    )
    op.create_index("ix_survey_trace_delivery_id_id", "survey_trace", ["delivery_id", "id"])
