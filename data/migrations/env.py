"""Alembic's entry: migrations run on the connection that `data.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from data.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=False,  # the caller's transaction holds everything
)
context.run_migrations()
