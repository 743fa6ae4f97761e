"""Rules as people write them: versions kept for ever, decisions, drafts, and trials asked for on the page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None

KEPT = ("rule_edition", "rule_decision")
REFUSE_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'versions and decisions of rules are kept as they are'); END
"""
REFUSE_POSTGRESQL = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION rule_history_refuse();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION rule_history_refuse();
"""
FUNCTION_POSTGRESQL = """
CREATE FUNCTION rule_history_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'versions and decisions of rules are kept as they are'; END $$;
"""


def upgrade() -> None:
    op.create_table(
        "rule_edition",
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("based_on", sa.String(64), server_default="", nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "number", name="pk_rule_edition"),
        sa.UniqueConstraint("rule", "digest", name="uq_rule_edition_rule_digest"),
    )
    op.create_table(
        "rule_decision",
        sa.Column("id", Key, nullable=False),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("proof_id", Key, nullable=True),
        sa.ForeignKeyConstraint(["proof_id"], ["proof.id"], name="fk_rule_decision_proof_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rule_decision"),
    )
    op.create_index("ix_rule_decision_rule_id", "rule_decision", ["rule", "id"])
    op.create_table(
        "rule_draft",
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("person", sa.String(255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "person", name="pk_rule_draft"),
    )
    _trials()
    if op.get_context().dialect.name == "sqlite":
        for table in KEPT:
            for verb in ("UPDATE", "DELETE"):
                op.execute(REFUSE_SQLITE.format(table=table, verb=verb))
    else:
        op.execute(FUNCTION_POSTGRESQL)
        for table in KEPT:
            op.execute(REFUSE_POSTGRESQL.format(table=table))


def _trials() -> None:
    op.create_table(
        "proof_opening",
        sa.Column("proof_id", Key, nullable=False),
        sa.Column("person", sa.String(255), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["proof_id"], ["proof.id"], name="fk_proof_opening_proof_id"),
        sa.PrimaryKeyConstraint("proof_id", "person", name="pk_proof_opening"),
    )
    op.create_table(
        "proof_job",
        sa.Column("id", Key, nullable=False),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("asked", Json, nullable=False),
        sa.Column("history", sa.LargeBinary(), nullable=True),
        sa.Column("truth", sa.LargeBinary(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("beat_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("proof_id", Key, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_proof_job"),
    )
    op.create_index("ix_proof_job_rule_id", "proof_job", ["rule", "id"])
