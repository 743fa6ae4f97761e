"""How many records of a delivered survey could not be taken over: rules that count them must know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("rejected", sa.Integer(), nullable=True))
