"""The list of surveys that the map can show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from data.clock import iso


def read_surveys(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """The newest delivery of each survey dataset."""
    from data.store.surveys import read_datasets

    return [
        {
            "id": row.id,
            "source": row.source,
            "key": row.key,
            "title": row.title,
            "rows": row.rows,
            "geometry_types": row.geometry_types,
            "columns": row.columns,
            "bbox": None if row.west is None else [row.west, row.south, row.east, row.north],
            "tiles": bool(row.tiles),
            "crs_declared": row.crs_declared,
            "notes": row.notes,
            "received_at": iso(row.received_at),
        }
        for row in read_datasets(connection)
    ]
