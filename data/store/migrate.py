"""Bring a database to the version of this code; refuse one that is newer."""

from __future__ import annotations

from pathlib import Path

from data.errors import StoreError
from data.store.engine import Store, open_store

FOLDER = Path(__file__).resolve().parent.parent / "migrations"


def migrate(store: Store) -> str:
    """Run the migrations that are missing. Returns the revision reached.

    Raises
    ------
    StoreError
        If the database was written by a newer version.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    assert head is not None
    with store.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return head
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(f"the database is at revision {current}, which this version does not know: it is newer")
    with store.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head


def open_migrated(url: str) -> Store:
    """The store, once it can be reached, brought to this version."""
    store = open_store(url)
    store.wait_ready()
    migrate(store)
    return store
