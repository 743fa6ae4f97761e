"""The records behind a number: of a tile, a rectangle or a polygon, page by page, always in the same order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from layers.kernels.survey import cells_of, degrees_east, degrees_north, inside
from layers.survey.choice import Choice
from layers.survey.finish import SHAPE
from layers.survey.polygon import Outline, walk
from layers.survey.schema import Schema
from layers.survey.segment import Segment, tile_range
from layers.survey.shapes.find import touching
from layers.survey.source import ROW_BITS
from layers.survey.store import Store

GEOMETRY = "geometry"


def find_rows(
    store: Store, polygon: BaseGeometry, choice: Choice | None = None, *, offset: int = 0, limit: int = 100
) -> pa.Table:
    """Records inside a polygon; lines and polygons that touch it.

    Parameters
    ----------
    polygon : Polygon or MultiPolygon
        EPSG:4326; edges are straight on the web Mercator map.
    offset, limit : int
        Which of them, in the order of segments and keys.

    Returns
    -------
    pyarrow.Table
        lon, lat [degrees, within 1 cm], region and facets by their words, the other columns, and where the record
        was delivered: `segment`, `source` (number of the file) and `source_row` in it.
    """
    left, skipped = limit, offset
    pages = []
    for segment, table in _tables(store, polygon, choice or store.everything):
        if table.num_rows <= skipped:
            skipped -= table.num_rows
            continue
        page = table.slice(skipped, left)
        pages.append(readable(page, store.schema, segment))
        skipped, left = 0, left - page.num_rows
        if not left:
            break
    return pa.concat_tables(pages) if pages else readable(_none(store.schema), store.schema, "")


def every_row(store: Store, polygon: BaseGeometry, choice: Choice | None = None) -> Iterator[pa.Table]:
    """All records inside a polygon, in parts that fit into memory; with their shapes as text (WKT, EPSG:4326)."""
    for segment, table in _tables(store, polygon, choice or store.everything):
        found = readable(table, store.schema, segment)
        yield found.append_column(GEOMETRY, _as_text(table[SHAPE])) if store.schema.shapes else found


def _tables(store: Store, polygon: BaseGeometry, choice: Choice) -> Iterator[tuple[str, pa.Table]]:
    outline = Outline(polygon)
    for segment in store.segments:
        if store.schema.shapes:
            yield from _shapes(segment, outline, choice)
            continue
        for low, high, edges in _ranges(segment, outline):
            for table in segment.tables(low, high):
                wanted = _wanted(table, segment.schema, choice)
                if edges is not None:
                    keys, hit = table["key"].to_numpy(), np.empty(table.num_rows, np.bool_)
                    inside(keys, 0, len(keys), *edges, hit)
                    wanted &= hit
                if wanted.any():
                    yield segment.folder.name, table.filter(pa.array(wanted))


def _shapes(segment: Segment, outline: Outline, choice: Choice) -> Iterator[tuple[str, pa.Table]]:
    for shapes, places in touching(segment, outline.shape):
        for table in segment.tables_of(shapes, places):
            wanted = _wanted(table, segment.schema, choice)
            if wanted.any():
                yield segment.folder.name, table.filter(pa.array(wanted))


def _ranges(segment: Segment, outline: Outline) -> list[tuple[int, int, tuple[np.ndarray, ...] | None]]:  # type: ignore[type-arg]
    """Ranges of keys in their order, with the edges that a record must be tested against, or None."""
    found: list[tuple[int, int, tuple[np.ndarray, ...] | None]] = []  # type: ignore[type-arg]
    for kind, cells in walk(segment, outline):
        for cell, x, y in zip(cells.number.tolist(), cells.x.tolist(), cells.y.tolist(), strict=True):
            low, high = tile_range(cells.zoom, cell)
            found.append((low, high, None if kind == "within" else outline.edges(cells.zoom, x, y)))
    return sorted(found, key=lambda item: item[0])


def _wanted(table: pa.Table, schema: Schema, choice: Choice) -> np.ndarray:  # type: ignore[type-arg]
    combination = np.zeros(table.num_rows, np.int64)
    for facet, stride in zip(schema.facets, schema.strides, strict=True):
        combination += table[facet.name].to_numpy().astype(np.int64) * stride
    return np.asarray(choice.combinations[combination] & choice.regions[table["region"].to_numpy()])


def readable(table: pa.Table, schema: Schema, segment: str) -> pa.Table:
    """Records as people and other programs read them."""
    keys, row = table["key"].to_numpy(), table["row"].to_numpy()
    x, y = np.empty(len(keys), np.uint64), np.empty(len(keys), np.uint64)
    cells_of(keys, x, y)
    words = {facet.name: _words(table[facet.name], facet.values) for facet in schema.facets}
    return pa.table(
        {
            "lon": degrees_east(x), "lat": degrees_north(y), "region": _words(table["region"], schema.regions),
            **words, **{column.name: table[column.name] for column in schema.columns},
            "segment": pa.array([segment] * len(keys), pa.string()), "source": row >> np.uint64(ROW_BITS),
            "source_row": row & np.uint64((1 << ROW_BITS) - 1),
        }
    )  # fmt: skip


def _as_text(shapes: pa.ChunkedArray) -> pa.Array:
    return pa.array(
        shapely.to_wkt(shapely.from_wkb(np.asarray(shapes.to_pylist(), dtype=object)), rounding_precision=7)
    )


def _words(codes: pa.ChunkedArray, values: tuple[str, ...]) -> pa.Array:
    """Codes as the words that they stand for; null where there is none."""
    places = codes.to_numpy().astype(np.int32) - 1
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), pa.array(values, pa.string())).cast(
        pa.string()
    )


def _none(schema: Schema) -> pa.Table:
    empty = {"key": pa.array([], pa.uint64()), "row": pa.array([], pa.uint64()), "region": pa.array([], pa.uint16())}
    empty |= {facet.name: pa.array([], pa.uint8()) for facet in schema.facets}
    numbers = {one.name: pa.array([], pa.from_numpy_dtype(np.dtype(one.kind))) for one in schema.columns}
    return pa.table(empty | numbers)
