"""Layers of survey files, read piece by piece in bounded memory, from any piece on."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from data.errors import BadPayload
from data.model import Reject
from ingest.survey_found import Found
from ingest.survey_gdal import (
    SAMPLE,
    Named,
    geoparquet_column,
    layer_of_arrow,
    layer_of_table,
    name_layers,
    one_line,
)
from ingest.survey_load.coordinates import read_degrees
from ingest.survey_load.mapping import LoadMapping
from ingest.survey_table import Layer
from ingest.survey_text import (
    feature_of_line,
    layer_of_features,
    layer_of_records,
    open_table,
    read_geojson,
    records_of,
    text_encoding,
)

PIECE = 65_536  # records
ODD = "tocsin-survey-odd"  # what is done with bytes that are no text
LONGEST = 1 << 20  # characters of one value in a table
BETWEEN = re.compile(r"[ \t\r\n,]*")
LARGE = 64 << 20  # bytes of GeoJSON that are read at once; a larger file feature by feature

Pieces = Iterator[tuple[Layer, float]]  # each with the share of the layer that has been read


@dataclass(frozen=True)
class Stream:
    """One layer: `read(n)` gives its pieces from record n on."""

    key: str
    read: Callable[[int], Pieces]
    sparse: bool = False  # records have the columns they like


def streams(found: Found, mapping: LoadMapping, source: str) -> Iterator[Stream | Reject]:
    """The layers of a file that the mapping means.

    Raises
    ------
    BadPayload
        If the file cannot be opened as what it seems to be.
    """
    path, key = found.path, found.stem
    match found.kind:
        case "gdal":
            for one in name_layers(path, key, source, encoding=mapping.encoding):
                if isinstance(one, Reject):
                    if not mapping.layers:
                        yield one
                elif not mapping.layers or one.name in mapping.layers:
                    yield Stream(one.key, lambda skip, one=one: _of_gdal(path, one, skip))  # type: ignore[misc]
        case "parquet":
            yield Stream(key, lambda skip: _of_parquet(path, key, mapping, source, skip))
        case "table":
            yield Stream(key, lambda skip: _of_table(path, key, mapping, source, skip))
        case "lines":
            yield Stream(key, lambda skip: _of_lines(path, key, skip), sparse=True)
        case "geojson":
            yield Stream(key, lambda skip: _of_geojson(path, key, source, skip), sparse=True)


def _of_gdal(path: Path, named: Named, skip: int) -> Pieces:
    import pyarrow as pa
    import pyogrio

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        total = max(int(pyogrio.read_info(path, layer=named.name, encoding=named.encoding or None)["features"]), 1)
    notes = [f"GDAL: {one_line(warning.message, path)}" for warning in heard[:5]]
    options: dict[str, Any] = {"layer": named.name, "encoding": named.encoding or None, "skip_features": skip}
    with pyogrio.open_arrow(path, batch_size=PIECE, use_pyarrow=True, **options) as (meta, reader):
        place = skip
        for batch in reader:
            if not batch.num_rows:
                continue
            at = {"skip_features": place, "max_features": batch.num_rows}
            layer = layer_of_arrow(path, named, pa.Table.from_batches([batch]), meta, **at)
            layer.notes += notes
            place += batch.num_rows
            yield layer, min(place / total, 1.0)


def _of_parquet(path: Path, key: str, mapping: LoadMapping, source: str, skip: int) -> Pieces:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            columns = mapping.position if mapping.position.lon and mapping.position.lat else None
            named = None if columns else geoparquet_column(file.schema_arrow, source)
            place, total = 0, max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(PIECE):
                place += batch.num_rows
                if place <= skip:
                    continue
                table = pa.Table.from_batches([batch])
                share = place / total
                yield (
                    (by_columns(table, key, mapping) if named is None else layer_of_table(table, *named, key)),
                    share,
                )
    except (pa.ArrowException, OSError) as error:
        raise BadPayload(source, f"not a Parquet file: {one_line(error, path)}") from error


def by_columns(table: Any, key: str, mapping: LoadMapping) -> Layer:
    """A table whose places are two of its columns."""
    import numpy as np
    import shapely

    lon, lat = (
        np.array(table[name].combine_chunks().cast("float64").fill_null(np.nan), float)
        for name in (mapping.position.lon, mapping.position.lat)
    )
    shapes = np.empty(table.num_rows, dtype=object)
    given = ~(np.isnan(lon) | np.isnan(lat))
    shapes[given] = shapely.points(lon[given], lat[given])
    unreadable = dict.fromkeys(np.flatnonzero(~given).tolist(), "no coordinates")
    return Layer(
        key=key, title=key, attributes=table.replace_schema_metadata(None), geometries=shapes, crs="",
        unreadable=unreadable,
    )  # fmt: skip


def _of_table(path: Path, key: str, mapping: LoadMapping, source: str, skip: int) -> Pieces:
    position, size = mapping.position, max(path.stat().st_size, 1)
    with _long_cells(), path.open("rb") as file:
        sample = file.read(SAMPLE)
        encoding = _checked_encoding(sample, mapping.encoding, source)
        file.seek(0)
        odd: set[str] = set()

        def replace(error: UnicodeError) -> tuple[str, int]:
            odd.add(error.reason if isinstance(error, UnicodeDecodeError) else str(error))
            return "\ufffd", getattr(error, "end", 0)

        codecs.register_error(ODD, replace)
        lines = io.TextIOWrapper(file, encoding, errors=ODD, newline="")
        reader, layout = open_table(lines, source, lon=position.lon, lat=position.lat, crs=position.crs)
        number = read_degrees if position.form == "degrees-minutes" else float
        records = itertools.islice(records_of(reader, source), skip, None)
        while piece := list(itertools.islice(records, PIECE)):
            layer = layer_of_records(piece, layout, key, number, as_text=True)
            layer.notes += [f"bytes that are no {encoding} stand as \ufffd"] if odd else []
            yield layer, min(file.tell() / size, 1.0)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells of records may be long while a table is read; the limit is the process's, and others trust it."""
    usual = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _checked_encoding(sample: bytes, configured: str, source: str) -> str:
    """The codec, which fits at least the beginning."""
    encoding = text_encoding(sample, configured)
    whole = (
        sample[: sample.rfind(b"\n") + 1] if len(sample) >= SAMPLE and not encoding.startswith("utf-16") else sample
    )
    try:
        whole.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        if not encoding.startswith("utf-16") or len(sample) < SAMPLE:
            raise BadPayload(source, f"text in an unknown encoding: {error}"[:200]) from error
    return encoding


def _of_lines(path: Path, key: str, skip: int) -> Pieces:
    size = max(path.stat().st_size, 1)
    with path.open("rb") as file:
        given = (line for line in iter(file.readline, b"") if line.strip(b" \t\r\n\x1e"))
        features = itertools.islice(map(feature_of_line, given), skip, None)
        while piece := list(itertools.islice(features, PIECE)):
            yield layer_of_features(piece, key), min(file.tell() / size, 1.0)


def _of_geojson(path: Path, key: str, source: str, skip: int) -> Pieces:
    size = path.stat().st_size
    if size <= LARGE:
        layer = read_geojson(path.read_bytes(), key, source)
        rows = len(layer.geometries)
        for start in range(skip, rows, PIECE):
            yield _slice(layer, start, min(start + PIECE, rows)), min((start + PIECE) / rows, 1.0)
        return
    with path.open("r", encoding="utf-8-sig") as text:
        crs, features = _features_one_by_one(text, source)
        for _ in itertools.islice(features, skip):
            pass
        while piece := list(itertools.islice(features, PIECE)):
            yield layer_of_features(piece, key, crs), min(os.lseek(text.fileno(), 0, os.SEEK_CUR) / size, 1.0)


def _slice(layer: Layer, start: int, stop: int) -> Layer:
    def moved(told: dict[int, str]) -> dict[int, str]:
        return {row - start: text for row, text in told.items() if start <= row < stop}

    return Layer(
        key=layer.key, title=layer.title, attributes=layer.attributes.slice(start, stop - start),
        geometries=layer.geometries[start:stop], crs=layer.crs, notes=list(layer.notes),
        unreadable=moved(layer.unreadable), raw=moved(layer.raw),
    )  # fmt: skip


def _features_one_by_one(text: TextIO, source: str) -> tuple[str, Iterator[Any]]:
    """The CRS that stands before the features of a large collection, and the features as they come.

    Raises
    ------
    BadPayload
        If it has no list of features, or one that is no JSON or is cut off; the latter while they are read.
    """
    decoder = json.JSONDecoder()
    head = text.read(1 << 20)
    mark = head.find('"features"')
    begin = head.find("[", mark)
    if mark < 0 or begin < 0:
        raise BadPayload(source, "a large file without a list of features near its beginning")
    crs = ""
    if (at := head.find('"crs"', 0, mark)) >= 0:
        member = decoder.raw_decode(head, head.index("{", at))[0]
        crs = str(member.get("properties", {}).get("name", ""))

    def read() -> Iterator[Any]:
        buffer, at = head, begin + 1
        while True:
            between = BETWEEN.match(buffer, at)
            at = between.end() if between else at
            if buffer.startswith("]", at):
                return
            try:
                feature, at = decoder.raw_decode(buffer, at)
            except ValueError as error:
                more = text.read(1 << 20)
                if not more or len(buffer) - at > LARGE:
                    raise BadPayload(source, f"not JSON, or cut off: {error}"[:200]) from error
                buffer, at = buffer[at:] + more, 0
                continue
            yield feature

    return crs, read()
