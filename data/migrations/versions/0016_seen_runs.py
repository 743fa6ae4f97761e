"""What a rule has seen is told by runs: bytes that come again have the number of the payload they came in first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rule_state", sa.Column("seen_runs", sa.JSON(), nullable=True))
    state = sa.table("rule_state", sa.column("rule"), sa.column("seen_payload"), sa.column("seen_runs", sa.JSON))
    run = sa.table("run", sa.column("id"), sa.column("payload_id"))
    bind = op.get_bind()
    for row in bind.execute(sa.select(state.c.rule, state.c.seen_payload).where(state.c.seen_payload.is_not(None))):
        newest = sa.select(sa.func.coalesce(sa.func.max(run.c.id), 0)).where(run.c.payload_id <= row.seen_payload)
        seen = {"newest": bind.execute(newest).scalar_one(), "missing": []}
        bind.execute(state.update().where(state.c.rule == row.rule).values(seen_runs=seen))
    op.drop_column("rule_state", "seen_payload")
