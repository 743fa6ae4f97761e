"""Handovers of a shift: what there was, written by one officer and taken over by another, kept as it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SAID = "a handover stays as it was signed"
FIXED = ("number", "since", "at", "outgoing", "notes", "content", "content_sha256")
TAKEN_SQLITE = f"""
CREATE TRIGGER handover_no_update BEFORE UPDATE ON handover
WHEN OLD.accepted_at IS NOT NULL OR {" OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FIXED)}
BEGIN SELECT RAISE(ABORT, '{SAID}'); END
"""
KEPT_SQLITE = f"""
CREATE TRIGGER handover_no_delete BEFORE DELETE ON handover BEGIN SELECT RAISE(ABORT, '{SAID}'); END
"""
SAME = " OR ".join(
    f"NEW.{name}::text IS DISTINCT FROM OLD.{name}::text" if name == "content" else
    f"NEW.{name} IS DISTINCT FROM OLD.{name}"
    for name in FIXED
)  # fmt: skip
POSTGRESQL = f"""
CREATE FUNCTION handover_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{SAID}'; END $$;
CREATE TRIGGER handover_no_update BEFORE UPDATE ON handover FOR EACH ROW
WHEN (OLD.accepted_at IS NOT NULL OR {SAME}) EXECUTE FUNCTION handover_refuse();
CREATE TRIGGER handover_no_delete BEFORE DELETE ON handover FOR EACH ROW EXECUTE FUNCTION handover_refuse();
"""


def upgrade() -> None:
    op.create_table(
        "handover",
        sa.Column("number", Key, nullable=False),
        sa.Column("since", UtcTime(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("outgoing", sa.String(255), nullable=False),
        sa.Column("incoming", sa.String(255), nullable=True),
        sa.Column("accepted_at", UtcTime(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.CheckConstraint("incoming IS NULL OR incoming <> outgoing", name="ck_handover_two_people"),
        sa.CheckConstraint("(incoming IS NULL) = (accepted_at IS NULL)", name="ck_handover_taken_whole"),
        sa.PrimaryKeyConstraint("number", name="pk_handover"),
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute(TAKEN_SQLITE)
        op.execute(KEPT_SQLITE)
    else:
        op.execute(POSTGRESQL)
