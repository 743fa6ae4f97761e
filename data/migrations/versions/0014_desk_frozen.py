"""What held when the editor of a warning was opened, so that it can be looked at again when it is signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from data.store.tables import Json

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("warning", sa.Column("frozen", Json, server_default="{}", nullable=False))
