"""Whether a rule is among those that are evaluated now, so that an old state is not shown as a present one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rule_state", sa.Column("loaded", sa.Boolean(), server_default=sa.true(), nullable=False))
