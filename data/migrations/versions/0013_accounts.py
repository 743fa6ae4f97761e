"""Accounts of people who sign: sessions as rows, second factors, limits by region and hazard, invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Key, UtcTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("user", "fs_uniquifier", new_column_name="handle")
    op.create_table(
        "user_scope",
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), primary_key=True),
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("value", sa.String(80), primary_key=True),
    )
    op.create_table(
        "user_session",
        sa.Column("id", Key, primary_key=True),
        sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("began_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_by", sa.String(255), server_default="", nullable=False),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("proved_at", UtcTime(), nullable=False),
        sa.Column("proved_by", sa.String(20), nullable=False),
        sa.Column("proved_twice", sa.Boolean(), nullable=False),
        sa.Column("address", sa.String(64), server_default="", nullable=False),
        sa.Column("agent", sa.String(300), server_default="", nullable=False),
    )
    op.create_index(op.f("ix_user_session_user_id_ended_at"), "user_session", ["user_id", "ended_at"])
    op.create_table(
        "user_factor",
        sa.Column("id", Key, primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret", sa.Text(), server_default="", nullable=False),
        sa.Column("counter", Key, server_default="0", nullable=False),
        sa.Column("credential", sa.String(1400), nullable=True, unique=True),
        sa.Column("public_key", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.String(255), server_default="", nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
    )
    op.create_index(op.f("ix_user_factor_user_id"), "user_factor", ["user_id"])
    op.create_table(
        "recovery_code",
        sa.Column("id", Key, primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.UniqueConstraint("user_id", "code_hash"),
    )
    op.create_table(
        "invitation",
        sa.Column("id", Key, primary_key=True),
        sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
    )
    op.create_index(op.f("ix_invitation_user_id"), "invitation", ["user_id"])
    op.create_table(
        "user_identity",
        sa.Column("issuer", sa.String(500), primary_key=True),
        sa.Column("subject", sa.String(255), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
    )
