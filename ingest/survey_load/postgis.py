"""A table of a PostGIS database, read through a cursor of the server in bounded memory.

The operator names the address on the command line. A table may have changed since a load was ended half-way, so it is
read anew from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from data.errors import Unreachable
from ingest.survey_gdal import layer_of_table
from ingest.survey_load.mapping import LoadMapping
from ingest.survey_load.reading import DONE, refuse_layer, write_json, write_layer
from ingest.survey_load.sources import Came
from ingest.survey_load.streams import PIECE, Stream, by_columns
from ingest.survey_load.suggesting import SAMPLE_ROWS, Beginning
from ingest.survey_text import columns_of

SHAPE_TYPES = ("geometry", "geography")


def read_table(came: Came, folder: Path, mapping: LoadMapping) -> None:
    """Read a table into pieces, as files are.

    Raises
    ------
    Unreachable
        If the database does not answer, or not to the end.
    """
    for path in folder.glob("[0-9]*"):
        path.unlink()
    with _cursor(came) as (cursor, columns, shape, crs):
        if not shape and not (mapping.position.lon and mapping.position.lat):
            refuse_layer(folder, 0, came.name, "a table without geometry: name its coordinates in position")
        else:
            stream = Stream(came.name, lambda _skip: _pieces(cursor, columns, shape, crs, came.name, mapping))
            write_layer(folder, 0, stream, mapping, came.path)
    write_json(folder / DONE, {"name": came.name})


def beginning_of_table(came: Came) -> Beginning:
    """The first records of a table, for guessing."""
    with _cursor(came) as (cursor, columns, shape, _crs):
        rows = cursor.fetchmany(SAMPLE_ROWS)
    names = [name for name in columns if name != shape]
    return Beginning(columns_of([_named(row, columns, names) for row in rows]), has_geometry=bool(shape))


@contextmanager
def _cursor(came: Came) -> Iterator[tuple[Any, list[str], str, str]]:
    """A cursor over all of a table, its columns, which of them is the geometry ("" for none), and the CRS of that."""
    import psycopg
    from psycopg import sql

    named = sql.Identifier(*came.name.split("."))
    try:
        with psycopg.connect(came.table, connect_timeout=10) as connection:
            connection.read_only = True
            types = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(named)).description or ()
            known = connection.execute(
                "SELECT oid, typname FROM pg_type WHERE typname = ANY(%s)", [list(SHAPE_TYPES)]
            )
            oids = {oid for oid, _ in known}
            columns = [column.name for column in types]
            shape = next((column.name for column in types if column.type_code in oids), "")
            crs = _crs(connection, named, shape) if shape else ""
            wanted = [
                sql.SQL("ST_AsBinary({})").format(sql.Identifier(name)) if name == shape else sql.Identifier(name)
                for name in columns
            ]
            with connection.cursor("tocsin_survey") as cursor:
                cursor.itersize = PIECE
                cursor.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(wanted), named))
                yield cursor, columns, shape, crs
    except psycopg.Error as error:
        raise Unreachable("survey load", f"{came.name}: {' '.join(str(error).split())[:200]}") from error


def _crs(connection: Any, named: Any, shape: str) -> str:
    from psycopg import sql

    asked = sql.SQL("SELECT ST_SRID({0}::geometry) FROM {1} WHERE {0} IS NOT NULL LIMIT 1")  # a geography has none
    row = connection.execute(asked.format(sql.Identifier(shape), named)).fetchone()
    return f"EPSG:{row[0]}" if row and row[0] else ""


def _pieces(
    cursor: Any, columns: Sequence[str], shape: str, crs: str, key: str, mapping: LoadMapping
) -> Iterator[tuple[Any, float]]:
    names = [name for name in columns if name != shape]
    while rows := _fetch(cursor, key):
        table = columns_of([_named(row, columns, names) for row in rows])
        if not shape:
            yield by_columns(table, key, mapping), 0.0
            continue
        wkb = np.array([row[columns.index(shape)] for row in rows], dtype=object)
        table = table.append_column("\x00shape", pa.array(wkb, pa.binary()))
        yield layer_of_table(table, "\x00shape", crs, key), 0.0


def _fetch(cursor: Any, key: str) -> list[Any]:
    import psycopg

    try:
        return list(cursor.fetchmany(PIECE))
    except psycopg.Error as error:
        raise Unreachable("survey load", f"{key}: {' '.join(str(error).split())[:200]}") from error


def _named(row: Sequence[Any], columns: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    values = dict(zip(columns, row, strict=True))
    return {name: _plain(values[name]) for name in names}


def _plain(value: Any) -> Any:
    """A value as JSON could hold it; what else a database has is its text."""
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
