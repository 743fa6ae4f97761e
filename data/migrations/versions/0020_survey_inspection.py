"""Inspection of deliveries: runs of rules, expected counts, samples and what was found in the field."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _column(name: str, kind: object, **options: object) -> sa.Column[object]:
    return sa.Column(name, kind, nullable=bool(options.pop("nullable", False)), **options)  # type: ignore[arg-type]


def upgrade() -> None:
    op.create_table(
        "survey_inspection",
        _column("id", Key),
        _column("delivery_id", Key),
        _column("at", UtcTime()),
        _column("by", sa.String(255)),
        _column("rules", sa.String(64)),
        _column("folder", sa.Text()),
        _column("summary", Json),
        sa.ForeignKeyConstraint(["delivery_id"], ["survey_delivery.id"], name="fk_survey_inspection_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_inspection"),
    )
    op.create_index("ix_survey_inspection_delivery_id_id", "survey_inspection", ["delivery_id", "id"])
    op.create_table(
        "survey_expected",
        _column("id", Key),
        _column("dataset", sa.String(80)),
        _column("unit", sa.String(40)),
        _column("count", sa.Integer()),
        _column("source", sa.Text()),
        _column("at", UtcTime()),
        _column("by", sa.String(255)),
        sa.ForeignKeyConstraint(["dataset"], ["survey_dataset.name"], name="fk_survey_expected_dataset"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_expected"),
    )
    op.create_index("ix_survey_expected_dataset_unit_id", "survey_expected", ["dataset", "unit", "id"])
    op.create_table(
        "survey_sample",
        _column("id", Key),
        _column("delivery_id", Key),
        _column("seed", sa.BigInteger()),
        _column("design", Json),
        _column("strata", Json),
        _column("drawn_at", UtcTime()),
        _column("drawn_by", sa.String(255)),
        sa.ForeignKeyConstraint(["delivery_id"], ["survey_delivery.id"], name="fk_survey_sample_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_sample"),
    )
    op.create_index("ix_survey_sample_delivery_id_id", "survey_sample", ["delivery_id", "id"])
    op.create_table(
        "survey_sample_record",
        _column("id", Key),
        _column("sample_id", Key),
        _column("number", sa.Integer()),
        _column("row", sa.BigInteger()),
        _column("record_id", sa.Text()),
        _column("unit", sa.String(40)),
        _column("kind", sa.String(200)),
        _column("lon", sa.Float(), nullable=True),
        _column("lat", sa.Float(), nullable=True),
        _column("facts", Json),
        sa.ForeignKeyConstraint(["sample_id"], ["survey_sample.id"], name="fk_survey_sample_record_sample_id"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_sample_record"),
        sa.UniqueConstraint("sample_id", "number", name="uq_survey_sample_record_sample_id_number"),
    )
    op.create_table(
        "survey_field_finding",
        _column("id", Key),
        _column("record_id", Key),
        _column("outcome", sa.String(12)),
        _column("faults", Json),
        _column("note", sa.Text(), server_default=""),
        _column("found_by", sa.String(255)),
        _column("found_at", UtcTime()),
        _column("entered_by", sa.String(255)),
        _column("entered_at", UtcTime()),
        sa.CheckConstraint(
            "outcome IN ('right', 'faulty', 'absent', 'unreached')", name="ck_survey_field_finding_outcome"
        ),
        sa.ForeignKeyConstraint(["record_id"], ["survey_sample_record.id"], name="fk_survey_field_finding_record_id"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_field_finding"),
    )
    op.create_index("ix_survey_field_finding_record_id_id", "survey_field_finding", ["record_id", "id"])
