"""The native libraries of grid files, loaded in the one order that works.

ecCodes (eccodeslib 2.50) and pyproj each bring a PROJ of their own under the same symbol names. Whichever comes first
is the one that both use: with ecCodes first, pyproj cannot open its database, and the process crashes at its end. By
name, not by import statements, so that no tool sorts them. It also brings a SQLite 3.26, which a `sqlite3` imported
later would use instead of the system's. psycopg's binary wheel clashes in the same way when loaded after ecCodes:
another reason to decode in a child, which has no database.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load_decoder(name: str) -> Any:
    """A decoder's module, pyproj and SQLite before it."""
    import_module("sqlite3")
    import_module("pyproj")
    return import_module(name)
