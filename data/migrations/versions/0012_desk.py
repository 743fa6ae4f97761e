"""The warning desk: messages with every edition and decision, approvals by two people, and what goes out to whom.

A delivery is now of a notice or of an approved warning; what is sent stands once in `outgoing`. Rows that wait when
the program is renewed are taken over with their keys, so that nothing is lost and nothing is sent twice.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json, Key, UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEPT = ("warning_edition", "warning_decision", "approval")
SAID = "editions, decisions and approvals of warnings are kept as they are"
REFUSE_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{said}'); END
"""
REFUSE_POSTGRESQL = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION warning_history_refuse();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION warning_history_refuse();
"""
FUNCTION_POSTGRESQL = """
CREATE FUNCTION warning_history_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{said}'; END $$;
"""
# An issued message is what it was; of an approved one the text changes only where its approval goes with it.
FIXED = ("content_sha256", "body_sha256", "status", "kind", "identifier", "sender", "sent_at", "expires_at")
CHANGED_SQLITE = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in (*FIXED, "body"))
CHANGED_POSTGRESQL = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in (*FIXED, "body"))
FIXED_SQLITE = f"""
CREATE TRIGGER warning_fixed BEFORE UPDATE ON warning
WHEN (OLD.state = 'issued' OR (OLD.approval_id IS NOT NULL AND NEW.approval_id IS NOT NULL)) AND ({CHANGED_SQLITE})
BEGIN SELECT RAISE(ABORT, 'what was approved stays as it is'); END
"""
FIXED_POSTGRESQL = f"""
CREATE FUNCTION warning_fixed_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'what was approved stays as it is'; END $$;
CREATE TRIGGER warning_fixed BEFORE UPDATE ON warning FOR EACH ROW
WHEN ((OLD.state = 'issued' OR (OLD.approval_id IS NOT NULL AND NEW.approval_id IS NOT NULL))
    AND ({CHANGED_POSTGRESQL}))
EXECUTE FUNCTION warning_fixed_refuse();
"""


def upgrade() -> None:
    before = sa.Table("delivery", sa.MetaData(), autoload_with=op.get_bind())
    waiting = op.get_bind().execute(sa.select(before)).mappings().all()
    op.drop_table("delivery")
    _warnings()
    _recipients()
    _queue()
    _take_over([dict(row) for row in waiting])
    _protect()


def _take_over(rows: list[dict[str, Any]]) -> None:
    """Deliveries of notices as the version before kept them, with their texts."""
    connection, tables = op.get_bind(), sa.MetaData()
    kept = sa.Table("outgoing", tables, autoload_with=connection)
    queue = sa.Table("delivery", tables, autoload_with=connection)
    texts = {row["payload_sha256"]: (row.pop("body"), row["next_at"]) for row in rows}
    for digest, (body, at) in texts.items():
        values = {"sha256": digest, "form": "notice", "body": str(body).encode(), "created_at": at}
        connection.execute(kept.insert().values(values))
    for row in rows:
        connection.execute(queue.insert().values({**row, "created_at": row["next_at"]}))


def _protect() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in KEPT:
            for verb in ("UPDATE", "DELETE"):
                op.execute(REFUSE_SQLITE.format(table=table, verb=verb, said=SAID))
        op.execute(FIXED_SQLITE)
        return
    op.execute(FUNCTION_POSTGRESQL.format(said=SAID))
    for table in KEPT:
        op.execute(REFUSE_POSTGRESQL.format(table=table))
    op.execute(FIXED_POSTGRESQL)


def _warnings() -> None:
    op.create_table(
        "warning",
        sa.Column("id", Key, nullable=False),
        sa.Column("chain", Key, nullable=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("hazard", sa.String(80), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("proposal_id", Key, nullable=True),
        sa.Column("rule", sa.String(120), server_default="", nullable=False),
        sa.Column("digest", sa.String(64), server_default="", nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("submitted_at", UtcTime(), nullable=True),
        sa.Column("approval_id", Key, nullable=True),
        sa.Column("identifier", sa.String(200), nullable=True),
        sa.Column("sender", sa.String(200), server_default="", nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("onset_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.String(64), server_default="", nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=True),
        sa.Column("signed_sha256", sa.String(64), server_default="", nullable=False),
        sa.Column("certificate_sha256", sa.String(64), server_default="", nullable=False),
        sa.Column("issued_at", UtcTime(), nullable=True),
        sa.Column("replaced_by", Key, nullable=True),
        sa.Column("unsigned_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("lock_by", sa.String(255), server_default="", nullable=False),
        sa.Column("lock_until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_warning"),
        sa.UniqueConstraint("sender", "identifier", "sent_at", name="uq_warning_sender_identifier_sent_at"),
    )
    op.create_index("ix_warning_chain", "warning", ["chain"])
    op.create_index("ix_warning_expires_at", "warning", ["expires_at"])
    op.create_index("ix_warning_state_id", "warning", ["state", "id"])
    op.create_table(
        "warning_edition",
        sa.Column("warning_id", Key, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["warning_id"], ["warning.id"], name="fk_warning_edition_warning_id"),
        sa.PrimaryKeyConstraint("warning_id", "number", name="pk_warning_edition"),
    )
    op.create_table(
        "warning_decision",
        sa.Column("id", Key, nullable=False),
        sa.Column("warning_id", Key, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["warning_id"], ["warning.id"], name="fk_warning_decision_warning_id"),
        sa.PrimaryKeyConstraint("id", name="pk_warning_decision"),
    )
    op.create_index("ix_warning_decision_warning_id_id", "warning_decision", ["warning_id", "id"])
    op.create_table(
        "approval",
        sa.Column("id", Key, nullable=False),
        sa.Column("warning_id", Key, nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("approver", sa.String(255), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("proved_at", UtcTime(), nullable=False),
        sa.Column("standing_order_id", Key, nullable=True),
        sa.Column("record", Json, nullable=False),
        sa.CheckConstraint("author <> approver", name="ck_approval_two_people"),
        sa.ForeignKeyConstraint(["warning_id"], ["warning.id"], name="fk_approval_warning_id"),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
        sa.UniqueConstraint("warning_id", "edition", name="uq_approval_warning_id_edition"),
    )
    op.create_table(
        "standing_order",
        sa.Column("id", Key, nullable=False),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("least_level", sa.Integer(), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("first_by", sa.String(255), nullable=False),
        sa.Column("first_at", UtcTime(), nullable=False),
        sa.Column("second_by", sa.String(255), nullable=True),
        sa.Column("second_at", UtcTime(), nullable=True),
        sa.Column("starts_at", UtcTime(), nullable=False),
        sa.Column("ends_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_by", sa.String(255), server_default="", nullable=False),
        sa.CheckConstraint("second_by IS NULL OR second_by <> first_by", name="ck_standing_order_two_people"),
        sa.PrimaryKeyConstraint("id", name="pk_standing_order"),
    )
    op.create_index("ix_standing_order_rule", "standing_order", ["rule"])


def _recipients() -> None:
    op.create_table(
        "recipient_group",
        sa.Column("id", Key, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("statuses", Json, nullable=False),
        sa.Column("regions", Json, nullable=False),
        sa.Column("hazards", Json, nullable=False),
        sa.Column("least_level", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_to", sa.Integer(), nullable=True),
        sa.Column("quiet_up_to", sa.Integer(), server_default="0", nullable=False),
        sa.Column("escalate_to", sa.String(120), server_default="", nullable=False),
        sa.Column("escalate_after_s", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recipient_group"),
        sa.UniqueConstraint("name", name="uq_recipient_group_name"),
    )
    op.create_table(
        "recipient",
        sa.Column("id", Key, nullable=False),
        sa.Column("group_id", Key, nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.String(200), server_default="", nullable=False),
        sa.Column("locale", sa.String(8), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("failed_at", UtcTime(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["recipient_group.id"], name="fk_recipient_group_id"),
        sa.PrimaryKeyConstraint("id", name="pk_recipient"),
        sa.UniqueConstraint("group_id", "channel", "address", name="uq_recipient_group_id_channel_address"),
    )
    op.create_table(
        "push_subscription",
        sa.Column("id", Key, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("p256dh", sa.Text(), nullable=False),
        sa.Column("auth", sa.Text(), nullable=False),
        sa.Column("regions", Json, nullable=False),
        sa.Column("least_level", sa.Integer(), nullable=False),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("gone_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_push_subscription"),
        sa.UniqueConstraint("endpoint", name="uq_push_subscription_endpoint"),
    )


def _queue() -> None:
    op.create_table(
        "outgoing",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("form", sa.String(20), nullable=False),
        sa.Column("locale", sa.String(8), server_default="", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_outgoing"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", Key, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("notice_id", Key, nullable=True),
        sa.Column("warning_id", Key, nullable=True),
        sa.Column("approval_id", Key, nullable=True),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("recipient_group", sa.String(120), server_default="", nullable=False),
        sa.Column("locale", sa.String(8), server_default="", nullable=False),
        sa.Column("payload_sha256", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("lease_by", sa.String(120), server_default="", nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("receipt", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("acknowledged_at", UtcTime(), nullable=True),
        sa.Column("token_sha256", sa.String(64), server_default="", nullable=False),
        sa.CheckConstraint("(notice_id IS NULL) = (approval_id IS NOT NULL)", name="ck_delivery_one_reason"),
        sa.CheckConstraint("(warning_id IS NULL) = (approval_id IS NULL)", name="ck_delivery_approved"),
        sa.ForeignKeyConstraint(["approval_id"], ["approval.id"], name="fk_delivery_approval_id"),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_delivery_notice_id"),
        sa.ForeignKeyConstraint(["payload_sha256"], ["outgoing.sha256"], name="fk_delivery_payload_sha256"),
        sa.ForeignKeyConstraint(["warning_id"], ["warning.id"], name="fk_delivery_warning_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("key", name="uq_delivery_key"),
    )
    op.create_index("ix_delivery_state_next_at", "delivery", ["state", "next_at"])
    op.create_index("ix_delivery_warning_id", "delivery", ["warning_id"])
    op.create_table(
        "delivery_attempt",
        sa.Column("id", Key, nullable=False),
        sa.Column("delivery_id", Key, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("receipt", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_delivery_attempt_delivery_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempt"),
    )
    op.create_index("ix_delivery_attempt_delivery_id_id", "delivery_attempt", ["delivery_id", "id"])
