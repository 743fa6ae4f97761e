"""Records as they are delivered: Parquet files, read by row group, turned into keys, codes and numbers.

A record that cannot be used is told with its row and the reason; the others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.survey import NOWHERE, keys_of
from layers.survey.schema import SHAPE_BYTES, Schema, missing
from layers.survey.shapes.place import places

POINT_BYTES = 21  # of a WKB point: byte order, type, x, y
ROW_BITS = 40  # of a record's number: the row within its file; above it the number of the file
REASONS = ("no position", "outside the map", "not a point", "not a line or polygon")

Array = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """One row group of one file, or only some of its rows."""

    file: int
    group: int
    first_row: int
    rows: int
    only: Array | None = field(default=None, compare=False)

    @property
    def number(self) -> int:
        """The number of its first record in a delivery."""
        return (self.file << ROW_BITS) + self.first_row

    @property
    def count(self) -> int:
        """How many records are asked for."""
        return self.rows if self.only is None else len(self.only)


def tasks_of(paths: Sequence[Path], schema: Schema) -> list[Task]:
    """Every row group of the files, in order.

    Raises
    ------
    LayerError
        If a file cannot be read or lacks a column; all faults at once.
    """
    tasks, faults = [], []
    for number, path in enumerate(paths):
        try:
            metadata = pq.read_metadata(path)
            present = set(pq.read_schema(path).names)
        except (OSError, pa.ArrowInvalid) as error:
            faults.append(f"{path.name}: {error}")
            continue
        faults += [f"{path.name}: no column {name}" for name in needed(schema) if name not in present]
        first = 0
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            tasks.append(Task(number, group, first, rows))
            first += rows
    if faults:
        raise LayerError("; ".join(faults))
    return tasks


def needed(schema: Schema) -> list[str]:
    """The columns that a build reads."""
    position = [schema.geometry] if schema.geometry else [schema.lon, schema.lat]
    facets = [facet.name for facet in schema.facets]
    return [*position, *([schema.region] if schema.region else []), *facets, *(one.name for one in schema.columns)]


def shape_bytes(paths: Sequence[str], schema: Schema) -> float:
    """How many bytes a shape has on average; 0 without shapes."""
    size = rows = 0
    for path in paths if schema.shapes else ():
        metadata = pq.read_metadata(path)
        place = next(at for at in range(metadata.num_columns) if metadata.schema.column(at).path == schema.geometry)
        rows += metadata.num_rows
        groups = range(metadata.num_row_groups)
        size += sum(metadata.row_group(group).column(place).total_uncompressed_size for group in groups)
    return size / rows if rows else 0.0


@dataclass(frozen=True)
class Batch:
    """The records of a row group, in the order of the file, column by column.

    Records that cannot be used have `NOWHERE` for a key; `left_out` are their numbers, `reasons` the places of their
    reasons in `REASONS`; `outside` counts values that a column's kind cannot hold and that are kept as missing.
    """

    columns: dict[str, Array]
    shapes: pa.Array | None
    left_out: Array
    reasons: Array
    outside: dict[str, int]


def read_group(path: str, group: int, columns: list[str]) -> pa.Table:
    """Some columns of a row group."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=columns, use_threads=False)


class Reader:
    """The files of a delivery, each opened once; for one thread, as Parquet readers are."""

    def __init__(self, paths: Sequence[str], schema: Schema) -> None:
        self._paths, self._schema = paths, schema
        self._open: dict[int, Any] = {}

    def records(self, task: Task) -> Batch:
        """The records of a row group; LayerError where a column is not what the schema says."""
        schema = self._schema
        table = self._table(task, needed(schema))
        lon, lat, strange = _positions(table, schema)
        key = np.empty(len(lon), np.uint64)
        keys_of(lon, lat, key)
        taken = np.arange(task.rows) if task.only is None else task.only
        rows = taken.astype(np.uint64) + np.uint64(task.number)
        columns, outside = {"key": key, "row": rows, "code": _codes(table, schema)}, {}
        for column in schema.columns:
            columns[column.name], outside[column.name] = _numbers(table[column.name], column.kind)
        shapes = None
        if schema.shapes:
            shapes = pc.fill_null(_flat(table[schema.geometry]), b"")
            columns[SHAPE_BYTES] = pc.binary_length(shapes).to_numpy(False).astype(np.uint32)
        lost = np.flatnonzero(key == NOWHERE)
        nowhere = np.isnan(lon[lost]) | np.isnan(lat[lost])
        reason = np.where(strange[lost], 3 if schema.shapes else 2, np.where(nowhere, 0, 1)).astype(np.uint8)
        return Batch(columns, shapes, rows[lost], reason, outside)

    def keys(self, task: Task, step: int = 1) -> Array:
        """The keys of a row group, or of each `step`th record; `NOWHERE` where one cannot be used."""
        schema = self._schema
        table = self._table(task, [schema.geometry] if schema.geometry else [schema.lon, schema.lat])
        if step > 1:
            table = table.take(pa.array(np.arange(0, table.num_rows, step)))
        lon, lat, _ = _positions(table, schema)
        key = np.empty(len(lon), np.uint64)
        keys_of(lon, lat, key)
        return key

    def _table(self, task: Task, columns: list[str]) -> pa.Table:
        if task.file not in self._open:
            self._open[task.file] = pq.ParquetFile(self._paths[task.file])
        table = self._open[task.file].read_row_group(task.group, columns=columns, use_threads=False)
        return table if task.only is None else table.take(pa.array(task.only))


def _positions(table: pa.Table, schema: Schema) -> tuple[Array, Array, Array]:
    """Longitude, latitude (NaN where there is none), and what is something else than a point, or than a shape."""
    if schema.shapes:
        return places(_parsed(_flat(table[schema.geometry])))
    if schema.geometry:
        return _points(table[schema.geometry].combine_chunks())
    lon, lat = (_numbers(table[name], "f8")[0] for name in (schema.lon, schema.lat))
    return lon, lat, np.zeros(len(lon), np.bool_)


def _points(geometry: pa.Array) -> tuple[Array, Array, Array]:
    """WKB points; where all are plain ones their bytes are read as they lie."""
    layout = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
    if geometry.null_count == 0 and pa.types.is_binary(geometry.type):
        first, count = geometry.offset, len(geometry)
        offsets = np.frombuffer(geometry.buffers()[1], np.int32)[first : first + count + 1]
        if (np.diff(offsets) == POINT_BYTES).all():
            flat = np.frombuffer(geometry.buffers()[2], layout, count, int(offsets[0]))
            if ((flat["order"] == 1) & (flat["type"] == 1)).all():
                return flat["x"].copy(), flat["y"].copy(), np.zeros(len(flat), np.bool_)
    shapes = _parsed(geometry)
    point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT.value
    return shapely.get_x(shapes), shapely.get_y(shapes), ~point & ~shapely.is_missing(shapes)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    found = pc.cast(column, pa.binary()).combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)


def _parsed(geometry: pa.Array) -> Array:
    """Shapes of WKB; None for what is none."""
    written = np.asarray(geometry.to_pylist(), dtype=object)
    with np.errstate(invalid="ignore"):  # coordinates that are no numbers: refused later
        found: Array = shapely.from_wkb(written, on_invalid="ignore")
    return found


def _codes(table: pa.Table, schema: Schema) -> Array:
    """Region and combination of each record in one number."""
    combination = np.zeros(table.num_rows, np.int64)
    for facet, stride in zip(schema.facets, schema.strides, strict=True):
        combination += _places(table[facet.name], facet.values) * stride
    region = _places(table[schema.region], schema.regions) if schema.region else np.zeros(table.num_rows, np.int64)
    return ((region << schema.combination_bits) | combination).astype(np.uint32)


def _places(column: pa.ChunkedArray, values: tuple[str, ...]) -> Array:
    """1 + the place of each value in the list, 0 where it has none; looked up once for each value that occurs."""
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    words = pc.cast(encoded.dictionary, pa.string())
    table = np.append(
        pc.index_in(words, value_set=pa.array(values, pa.string())).fill_null(-1).to_numpy(False) + 1, 0
    )
    return np.asarray(table[encoded.indices.fill_null(len(table) - 1).to_numpy(False)], np.int64)


def _numbers(column: pa.ChunkedArray, kind: str) -> tuple[Array, int]:
    """A column as numbers of a kind, and how many do not fit; these have what stands for "no value", as absent ones.

    Raises
    ------
    LayerError
        If it is no column of numbers.
    """
    if not (
        pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)
    ):
        raise LayerError(f"not a column of numbers but of {column.type}")
    plain = pc.cast(column, pa.uint8()) if pa.types.is_boolean(column.type) else column
    absent = plain.is_null().to_numpy() if plain.null_count else None
    values = (plain.fill_null(0) if absent is not None else plain).to_numpy()
    if kind.startswith("f"):
        found, lost = values.astype(kind, copy=absent is not None), 0
    else:
        edge = np.iinfo(kind)
        with np.errstate(invalid="ignore"):
            outside = ~((values >= edge.min) & (values <= edge.max))
            found = values.astype(kind)
        lost = int(outside.sum())
        if lost:
            found[outside] = missing(kind)
    if absent is not None:
        found[absent] = missing(kind)
    return found, lost
