"""Sharing of surveys: terms, grants, reads and copies; and tokens for programs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "survey_terms",
        sa.Column("dataset", sa.String(80), nullable=False),
        sa.Column("least", sa.Integer(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("changed_by", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("dataset", name="pk_survey_terms"),
    )
    _grants()
    op.create_table(
        "survey_read",
        sa.Column("dataset", sa.String(80), nullable=False),
        sa.Column("reader", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("hour", UtcTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "reader", "kind", "hour", name="pk_survey_read"),
    )
    op.create_table(
        "survey_copy",
        sa.Column("id", Key, nullable=False),
        sa.Column("dataset", sa.String(80), nullable=False),
        sa.Column("reader", sa.String(255), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("form", sa.String(10), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("step_deg", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_survey_copy"),
    )
    op.create_index("ix_survey_copy_dataset", "survey_copy", ["dataset"])
    _tokens()


def _grants() -> None:
    op.create_table(
        "survey_grant",
        sa.Column("id", Key, nullable=False),
        sa.Column("dataset", sa.String(80), nullable=False),
        sa.Column("asked_by", sa.String(255), nullable=False),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("allows", sa.String(10), nullable=False),
        sa.Column("regions", Json, nullable=False),
        sa.Column("facets", Json, nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("decided_by", sa.String(255), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("revoked_by", sa.String(255), nullable=False, server_default=""),
        sa.CheckConstraint("allows IN ('counts', 'records', 'export')", name="ck_survey_grant_allows"),
        sa.CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="ck_survey_grant_two_people"),
        sa.CheckConstraint("(granted IS NULL) = (decided_by IS NULL)", name="ck_survey_grant_decided_whole"),
        sa.PrimaryKeyConstraint("id", name="pk_survey_grant"),
    )
    op.create_index("ix_survey_grant_dataset_asked_by", "survey_grant", ["dataset", "asked_by"])


def _tokens() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", Key, nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("actions", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("revoked_by", sa.String(255), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_api_token_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_sha256", name="uq_api_token_token_sha256"),
    )
    op.create_index("ix_api_token_user_id", "api_token", ["user_id"])
