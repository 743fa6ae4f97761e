"""Survey layers in binary formats, read through GDAL and Arrow; the caller has made sure which format it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadPayload
from data.model import Reject
from ingest.survey_table import Geometries, Layer

OTHER = frozenset(range(8, 18))  # WKB types with arcs, and surfaces of patches: GDAL makes plain ones of them
SAMPLE = 1 << 20  # bytes of a table looked at to tell its encoding


@dataclass(frozen=True)
class Named:
    """A layer of a file that has geometry."""

    name: str  # in the file
    key: str  # with the file's
    encoding: str
    notes: tuple[str, ...]


def read_layers(path: Path, stem: str, source: str, *, encoding: str = "") -> Iterator[Layer | Reject]:
    """Every layer of a file, or why it cannot be used.

    Raises
    ------
    BadPayload
        If GDAL cannot open the file.
    """
    for one in name_layers(path, stem, source, encoding=encoding):
        if isinstance(one, Reject):
            yield one
            continue
        try:
            yield _read_layer(path, one)
        except Exception as error:  # GDAL and Arrow raise a dozen unrelated classes; the next layer may be good
            yield Reject(id=one.key, reason=f"cannot be read: {one_line(error, path)}")


def name_layers(path: Path, stem: str, source: str, *, encoding: str = "") -> list[Named | Reject]:
    """The layers of a file; BadPayload if GDAL cannot open it."""
    import pyogrio
    from pyogrio.errors import DataSourceError

    if path.name.endswith(".pbf"):
        pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": "NO"})  # node ids need not increase
    notes: list[str] = []
    if path.suffix.lower() == ".shp":
        encoding, notes = table_encoding(path, encoding)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each layer says again what matters, when it is read
            layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    except DataSourceError as error:
        raise BadPayload(source, f"cannot be opened: {one_line(error, path)}") from error
    found: list[Named | Reject] = []
    for name, kind in layers:
        key = stem if len(layers) == 1 else f"{stem}/{name}"
        named = Named(name, key, encoding, tuple(notes))
        found.append(Reject(id=key, reason="a table without geometry") if kind is None else named)
    return found


def read_parquet(path: Path, key: str, source: str) -> Layer:
    """A GeoParquet file whose geometry is WKB.

    Raises
    ------
    BadPayload
        If it is not Parquet, or its metadata does not say where the geometry is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise BadPayload(source, f"not a Parquet file: {one_line(error, path)}") from error
    name, crs = geoparquet_column(table.schema, source)
    return layer_of_table(table, name, crs, key)


def geoparquet_column(schema: Any, source: str) -> tuple[str, str]:
    """Where the geometry of a GeoParquet file is, and its CRS; BadPayload where that is not said or not WKB."""
    import json

    try:
        metadata = json.loads((schema.metadata or {}).get(b"geo", b"null"))
    except ValueError as error:
        raise BadPayload(source, f"GeoParquet metadata that are no JSON: {error}") from error
    name = metadata.get("primary_column") if isinstance(metadata, dict) else None
    columns = metadata.get("columns") if isinstance(metadata, dict) else None
    column = columns.get(name) if isinstance(columns, dict) else None
    if not isinstance(column, dict) or name not in schema.names:
        raise BadPayload(source, "a Parquet file without GeoParquet metadata")
    if column.get("encoding") != "WKB":
        raise BadPayload(source, f"geometry encoding {str(column.get('encoding'))[:40]!r} is not supported, only WKB")
    crs = json.dumps(column["crs"]) if column.get("crs") else "" if "crs" in column else "OGC:CRS84"
    return str(name), crs


def layer_of_table(table: Any, name: str, crs: str, key: str) -> Layer:
    """An Arrow table with a column of WKB."""
    shapes, unreadable = shapes_of(table[name].to_numpy(zero_copy_only=False))
    return Layer(
        key=key, title=key, attributes=table.drop_columns([name]).replace_schema_metadata(None), geometries=shapes,
        crs=crs, unreadable=unreadable,
    )  # fmt: skip


def table_encoding(path: Path, configured: str) -> tuple[str, list[str]]:
    """How to read a shapefile's table ("" lets GDAL follow what the file says), and a note where that is a guess."""
    if configured:
        return configured, []
    if path.with_suffix(".cpg").exists():
        return "", []
    with path.with_suffix(".dbf").open("rb") as file:
        head = file.read(SAMPLE)
    if len(head) < 32 or head[29] not in (0x00, 0x57):  # 0x57 says "ANSI", which is whatever the writer's system had
        return "", []
    guess = guess_encoding(_texts_of(head))
    return guess, [f"the table does not say its encoding: {guess} guessed"] if guess else []


def _texts_of(table: bytes) -> bytes:
    """Column names and text values of the records at the beginning of a dBase table."""
    first, length = int.from_bytes(table[8:10], "little"), int.from_bytes(table[10:12], "little")
    pieces: list[bytes] = []
    spans: list[tuple[int, int]] = []
    start = 1  # after the mark of deletion
    for place in range(32, min(first, len(table)) - 31, 32):
        column = table[place : place + 32]
        if column[0] == 0x0D:
            break
        pieces.append(column[:11].split(b"\x00")[0])
        if column[11:12] == b"C":
            spans.append((start, start + column[16]))
        start += column[16]
    for record in range(first, len(table) - length + 1, max(length, 1)) if first else ():
        pieces += [table[record + begin : record + end].strip() for begin, end in spans]
    return b" ".join(pieces)


def guess_encoding(sample: bytes) -> str:
    """The likeliest of UTF-8, GB18030, Big5, EUC-KR and Shift_JIS; "" for plain ASCII or none of them.

    Notes
    -----
    Each legacy encoding keeps its everyday characters in a narrow range of lead and trail bytes. The one with the
    largest share of pairs in its range wins; GB18030 wins a tie.
    """
    words = sample.replace(b"\x00", b" ").split(b" ")
    if len(sample) >= SAMPLE:
        del words[-1]  # may end within a character
    pieces = [word for word in words if not word.isascii()]
    if not pieces:
        return ""
    try:
        for piece in pieces:
            piece.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "UTF-8"
    ranges = {
        "GB18030": (range(0xB0, 0xD8), ((0xA1, 0xFE),)),
        "BIG5": (range(0xA4, 0xC7), ((0x40, 0x7E), (0xA1, 0xFE))),
        "EUC-KR": (range(0xB0, 0xC9), ((0xA1, 0xFE),)),
        "SHIFT_JIS": ((*range(0x82, 0x84), *range(0x88, 0x98)), ((0x40, 0x7E), (0x80, 0xFC))),
    }
    scores = {name: _share(pieces, name, set(leads), trails) for name, (leads, trails) in ranges.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 else ""


def _share(pieces: list[bytes], encoding: str, leads: set[int], trails: tuple[tuple[int, int], ...]) -> float:
    pairs = usual = 0
    for piece in pieces:
        try:
            text = piece.decode(encoding)
        except UnicodeDecodeError:
            return 0.0
        for character in text:
            raw = character.encode(encoding)
            if len(raw) == 2:
                pairs += 1
                usual += raw[0] in leads and any(low <= raw[1] <= high for low, high in trails)
    return usual / pairs if pairs else 0.0


def _read_layer(path: Path, named: Named) -> Layer:
    import pyogrio

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        meta, table = pyogrio.read_arrow(path, layer=named.name, encoding=named.encoding or None)
        layer = layer_of_arrow(path, named, table, meta)
    layer.notes += [f"GDAL: {one_line(warning.message, path)}" for warning in heard[:5]]
    return layer


def layer_of_arrow(path: Path, named: Named, table: Any, meta: Any, **place: int) -> Layer:
    """Features as Arrow gives them; `place` is where they stand in the layer, as `pyogrio` names it."""
    import pyogrio

    notes = list(named.notes)
    column = next(
        column
        for column in (meta["geometry_name"], "wkb_geometry", "geometry")
        if column and column in table.column_names
    )
    wkb = table[column].to_numpy(zero_copy_only=False)
    if _has_others(wkb):
        _, _, wkb, _ = pyogrio.raw.read(path, layer=named.name, columns=[], **place)
        notes.append("arcs and patches are kept as straight pieces and plain areas")
    shapes, unreadable = shapes_of(wkb)
    attributes = table.drop_columns([column]).replace_schema_metadata(None)
    return Layer(
        key=named.key, title=named.name, attributes=attributes, geometries=shapes, crs=meta["crs"] or "", notes=notes,
        unreadable=unreadable,
    )  # fmt: skip


def shapes_of(wkb: Any) -> tuple[Geometries, dict[int, str]]:
    """Geometries from WKB; rings that are not closed are closed, what cannot be read is None with a reason."""
    import shapely

    given = np.array([value is not None for value in wkb], dtype=bool)
    shapes: Geometries = np.asarray(shapely.from_wkb(wkb, on_invalid="ignore"), dtype=object)
    bad = np.flatnonzero(given & shapely.is_missing(shapes))
    for row in bad:
        shapes[row] = shapely.from_wkb(wkb[row], on_invalid="fix")
    left = [row for row in bad if shapes[row] is None]
    return shapes, {int(row): "a geometry that cannot be read" for row in left}


def _has_others(wkb: Any) -> bool:
    for value in wkb:
        if value is not None and len(value) >= 5:
            kind = int.from_bytes(value[1:5], "little" if value[0] == 1 else "big")
            if (kind & 0xFFFF) % 1000 in OTHER:
                return True
    return False


def one_line(error: object, path: Path) -> str:
    """A message without the place of our temporary folder."""
    return " ".join(str(error).replace(str(path.parent), "").split())[:200]
