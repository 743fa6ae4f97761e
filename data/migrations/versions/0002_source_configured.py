"""Which configuration of a feed was last carried out, so that a person's later choice stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source_state", sa.Column("configured", sa.String(length=64), server_default="", nullable=False))
