"""Survey layers written as text: GeoJSON and tables with coordinate columns. No foreign parser sees these bytes.

GDAL guesses formats by content, and some of what it would take for JSON or CSV is an instruction to open another
file.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from data.errors import BadPayload
from ingest.safe_json import parse_json
from ingest.survey_table import Geometries, Layer, read_crs

SHAPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
LON_NAMES = ("lon", "long", "longitude", "lng", "经度", "longitude_deg", "lon_dd", "decimallongitude", "x")
LAT_NAMES = ("lat", "latitude", "纬度", "latitude_deg", "lat_dd", "decimallatitude", "y")
MOST_COLUMNS = 2_000
NESTED = "invalid geometry: its coordinates are not nested as its type needs"
WHOLE = r"-?(0|[1-9]\d{0,17})"  # without leading zeros, which only codes have
NUMBER = r"-?((0|[1-9]\d*)(\.\d+)?|\.\d+)([eE][-+]?\d+)?"


def read_geojson(body: bytes, key: str, source: str) -> Layer:
    """A layer from a feature collection, one feature, or one geometry.

    Raises
    ------
    BadPayload
        If it is not JSON, or not GeoJSON.

    Notes
    -----
    Coordinates are WGS 84 by RFC 7946; the `crs` member of the 2008 format still occurs and is honoured.
    """
    document = parse_json(body, source, max_bytes=len(body)).value
    return layer_of_features(_features(document, source), key, _crs_member(document))


def read_lines(body: bytes, key: str, source: str) -> Layer:
    """A layer from a sequence of features, one a line, with or without the record separators of RFC 8142.

    Raises
    ------
    BadPayload
        If no line of it is a feature.
    """
    features = [feature_of_line(line) for line in body.splitlines() if line.strip(b" \t\x1e")]
    if not any(isinstance(feature, dict) for feature in features):
        raise BadPayload(source, "no line of it is a GeoJSON feature")
    return layer_of_features(features, key)


def feature_of_line(line: bytes) -> Any:
    """The feature on a line; the line itself as text where it is none."""
    text = line.strip(b" \t\r\n\x1e\xef\xbb\xbf")
    try:
        found = parse_json(text, "line", max_bytes=len(text)).value
    except BadPayload:
        return text.decode("utf-8", "replace")
    if isinstance(found, dict) and found.get("type") in SHAPES:
        return {"type": "Feature", "geometry": found, "properties": {}}
    return found


def text_encoding(sample: bytes, configured: str = "") -> str:
    """The codec for a table that begins with these bytes."""
    from ingest.survey_gdal import guess_encoding

    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        configured = configured or "utf-16"
    chosen = configured or guess_encoding(sample.replace(b",", b" ").replace(b"\n", b" ")) or "utf-8"
    return "utf-8-sig" if chosen.lower() in ("utf-8", "utf8") else chosen


def layer_of_features(features: Sequence[Any], key: str, crs: str = "") -> Layer:
    """Features as a layer; one that cannot be used has no geometry, a reason, and what it said."""
    notes: list[str] = []
    shapes: Geometries = np.empty(len(features), dtype=object)
    unreadable: dict[int, str] = {}
    raw: dict[int, str] = {}
    rows: list[Mapping[str, Any]] = []
    for row, feature in enumerate(features):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        rows.append(properties if isinstance(properties, dict) else {})
        if properties is not None and not isinstance(properties, dict):
            notes.append("properties that are no object are left out")
        try:
            shapes[row] = _shape(feature, notes)
        except ValueError as error:
            unreadable[row] = str(error)
            raw[row] = json.dumps(feature, ensure_ascii=False)
    return Layer(
        key=key, title=key, attributes=columns_of(rows), geometries=shapes, crs=crs or "OGC:CRS84", notes=notes,
        unreadable=unreadable, raw=raw,
    )  # fmt: skip


def read_csv(text: str, key: str, source: str, *, lon: str = "", lat: str = "", crs: str = "") -> Layer:
    """A layer of points from a table whose first row names its columns.

    Parameters
    ----------
    lon, lat : str
        Names of the coordinate columns; found by their usual names when empty.
    crs : str
        Of the coordinates. Without it, columns named for longitude and latitude are WGS 84 degrees, and others
        (x and y, or as configured) are for `finish` to judge.

    Raises
    ------
    BadPayload
        If there is no header, or no coordinate columns are found.
    """
    reader, layout = open_table(io.StringIO(text), source, lon=lon, lat=lat, crs=crs)
    return layer_of_records(list(records_of(reader, source)), layout, key)


@dataclass(frozen=True)
class Layout:
    """What the first row of a table says."""

    header: tuple[str, ...]
    delimiter: str
    across: int  # columns of the coordinates
    along: int
    crs: str


def open_table(
    lines: Iterable[str], source: str, *, lon: str = "", lat: str = "", crs: str = "", any_columns: bool = False
) -> tuple[Any, Layout]:
    """A reader that stands behind the header, and what this says; as `read_csv` otherwise.

    `any_columns` takes a table for which nobody has named its coordinates yet.
    """
    remaining = iter(lines)
    first = next(remaining, "")
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(chain([first], remaining), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise BadPayload(source, f"not a table: line {reader.line_num}: {error}") from error
    if len(header) > MOST_COLUMNS:
        raise BadPayload(source, f"the table has more than {MOST_COLUMNS} columns")
    across, along = _column(header, lon, LON_NAMES), _column(header, lat, LAT_NAMES)
    if any_columns:
        return reader, Layout(tuple(header), delimiter, -1, -1, crs)
    if across is None or along is None:
        raise BadPayload(source, "no coordinate columns: name them with lon_column and lat_column")
    if not crs and header[across].lower() in LON_NAMES[:-1] and header[along].lower() in LAT_NAMES[:-1]:
        crs = "EPSG:4326"
    return reader, Layout(tuple(header), delimiter, across, along, crs)


def records_of(reader: Any, source: str) -> Iterator[list[str]]:
    """The rows of a table that are not empty; BadPayload where it is none."""
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise BadPayload(source, f"not a table: line {reader.line_num}: {error}") from error


def layer_of_records(
    records: Sequence[Sequence[str]], layout: Layout, key: str, number: Callable[[str], float] = float, *,
    as_text: bool = False,
) -> Layer:  # fmt: skip
    """Rows of a table as a layer of points; `number` reads a coordinate.

    `as_text` leaves values as they are written, for a reader who sees only a piece of the table.
    """
    import shapely

    header, across, along = layout.header, layout.across, layout.along
    comma = layout.delimiter == ";"
    shapes: Geometries = np.empty(len(records), dtype=object)
    unreadable: dict[int, str] = {}
    raw: dict[int, str] = {}
    x, y = np.full((2, len(records)), np.nan)
    for row, record in enumerate(records):
        if len(record) != len(header):
            unreadable[row] = f"{len(record)} values for {len(header)} columns"
            raw[row] = layout.delimiter.join(record)
            continue
        try:
            x[row], y[row] = _position(record[across], record[along], comma, number)
        except ValueError as error:
            unreadable[row] = str(error)
    found = ~np.isnan(x)
    shapes[found] = shapely.points(x[found], y[found])
    fitted = [record if len(record) == len(header) else [""] * len(header) for record in records]
    return Layer(
        key=key, title=key, attributes=_table(header, fitted, as_text), geometries=shapes, crs=layout.crs,
        unreadable=unreadable, raw=raw, as_text=as_text,
    )  # fmt: skip


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Any:
    """An Arrow table from property objects: one type a column, JSON text where types are mixed or nested."""
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row))[:MOST_COLUMNS]
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds <= {bool} or kinds <= {str}:
            column = pa.array(values, type=pa.bool_() if kinds == {bool} else pa.string())
        elif kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
            column = pa.array(values, type=pa.int64())
        elif kinds <= {int, float}:
            column = pa.array([None if value is None else float(value) for value in values], type=pa.float64())
        else:
            texts = [
                value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                for value in values
            ]
            column = pa.array(texts, type=pa.string())
        columns[name] = column
    return pa.table(columns)


def _features(document: Any, source: str) -> list[Any]:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise BadPayload(source, "a FeatureCollection without a list of features")
        return features
    if kind == "Feature" or kind in SHAPES:
        return [document if kind == "Feature" else {"type": "Feature", "geometry": document}]
    raise BadPayload(source, f"JSON that is not GeoJSON: its type is {str(kind)[:40]!r}")


def _crs_member(document: Any) -> str:
    """The name in the old `crs` member; "" for none. A null or odd one is kept as text, for `finish` to refuse."""
    if "crs" not in document or document["crs"] is None:
        return ""
    member = document["crs"]
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) and name else json.dumps(member)[:200]


def _shape(feature: Any, notes: list[str]) -> Any:
    import shapely
    from shapely.errors import ShapelyError

    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if geometry is None:
        raise ValueError("no geometry")
    if not isinstance(geometry, dict) or geometry.get("type") not in SHAPES:
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        raise ValueError(f"not a geometry type: {str(kind)[:40]!r}")
    _check_numbers(geometry, notes)
    try:
        return shapely.from_geojson(json.dumps(geometry))
    except (ShapelyError, ValueError) as error:
        raise ValueError(f"invalid geometry: {' '.join(str(error).split())[:160]}") from error


def _check_numbers(geometry: Any, notes: list[str]) -> None:
    """Every position has two or more finite numbers and the right depth of lists."""
    if not isinstance(geometry, dict):
        raise ValueError("invalid geometry: a member is no object")
    if geometry.get("type") == "GeometryCollection":
        members = geometry.get("geometries")
        if not isinstance(members, list):
            raise ValueError("invalid geometry: no list of geometries")
        for member in members:
            _check_numbers(member, notes)
        return
    depths = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
    depth = depths.get(str(geometry.get("type")))
    if depth is None:
        raise ValueError(f"not a geometry type: {str(geometry.get('type'))[:40]!r}")
    level: list[Any] = [geometry.get("coordinates")]
    for _ in range(depth):
        if not all(isinstance(item, list) for item in level):
            raise ValueError(NESTED)
        level = [inner for item in level for inner in item]
    for position in level:
        if not isinstance(position, list) or any(isinstance(number, list) for number in position):
            raise ValueError(NESTED)
        if len(position) < 2 and not (depth == 0 and not position):
            raise ValueError("invalid geometry: a position needs two numbers")
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in position):
            raise ValueError("invalid geometry: a coordinate is not a number")
        if len(position) > 3:
            del position[3:]
            notes.append("positions with more than three numbers: the others left out")


def _column(header: Sequence[str], wanted: str, usual: Sequence[str]) -> int | None:
    lowered = [name.lower() for name in header]
    for name in (wanted,) if wanted else usual:
        if name.lower() in lowered:
            return lowered.index(name.lower())
    return None


def _position(lon: str, lat: str, comma: bool, number: Callable[[str], float]) -> tuple[float, float]:
    texts = [value.strip().replace(",", ".") if comma else value.strip() for value in (lon, lat)]
    if not all(texts):
        raise ValueError("no coordinates")
    try:
        x, y = (number(value) for value in texts)
    except ValueError:
        raise ValueError(f"coordinates are not numbers: {lon[:20]!r}, {lat[:20]!r}") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError("a coordinate is not a finite number")
    return x, y


def _table(header: Sequence[str], records: Sequence[Sequence[str]], as_text: bool) -> Any:
    """Numbers where every value is one; codes with leading zeros stay text, blanks are missing."""
    import pyarrow as pa

    columns = [pa.array([record[place] for record in records], pa.string()) for place in range(len(header))]
    read = bare if as_text else typed
    return pa.Table.from_arrays([read(column) for column in columns], names=list(header))


def bare(texts: Any) -> Any:
    """An Arrow column of texts without blanks around them; blank ones are missing."""
    import pyarrow.compute as pc

    found = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(found, ""), None, found)


def typed(column: Any) -> Any:
    """An Arrow column of texts as whole numbers, numbers, or texts; blanks are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = bare(column)
    if texts.null_count == len(texts):
        return texts
    if pc.all(pc.match_substring_regex(texts, f"^({WHOLE})$")).as_py():
        return texts.cast(pa.int64())
    if pc.all(pc.match_substring_regex(texts, f"^({NUMBER})$")).as_py():
        return texts.cast(pa.float64())
    return texts


def known_crs(written: str) -> str:
    """A CRS as configured; ValueError when there is no such thing."""
    read_crs(written)
    return written
