"""Marked copies as files: Parquet, CSV or GeoJSON, there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from data.errors import LayerError
from layers.export.tables import harmless
from layers.survey.marks.book import Notice
from layers.survey.marks.mark import Mark
from layers.survey.marks.order import arrange
from layers.survey.rows import GEOMETRY

Parts = Iterator[pa.Table]
NONE_CHOSEN = "No record was chosen."


def write_copy(path: Path, parts: Iterable[pa.Table], mark: Mark, notice: Notice) -> int:
    """Write records with both marks; how many.

    A CSV has the notice as its first line after `# `, GeoJSON as its member `copy`, Parquet as `copy` among what the
    schema says of itself.
    """
    write = FORMS.get(path.suffix.removeprefix("."))
    if write is None:
        raise LayerError(f"{path.name}: {', '.join(f'.{form}' for form in FORMS)}")
    partial = path.with_name(f".{path.name}")
    try:
        written = write(partial, (marked(part, mark) for part in parts), mark, notice)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return written


def marked(part: pa.Table, mark: Mark) -> pa.Table:
    """Records where the copy has them, in its order."""
    placed = moved(part, mark)
    return placed.take(pa.array(arrange(mark, placed["lon"].to_numpy(), placed["lat"].to_numpy())))


def moved(part: pa.Table, mark: Mark) -> pa.Table:
    """Records where a mark has them; of lines and polygons every corner."""
    lon, lat = mark.place(part["lon"].to_numpy(), part["lat"].to_numpy())
    placed = part.set_column(part.column_names.index("lon"), "lon", pa.array(lon))
    placed = placed.set_column(placed.column_names.index("lat"), "lat", pa.array(lat))
    if GEOMETRY in placed.column_names:
        shapes = pa.array(marked_shapes(placed[GEOMETRY].to_pylist(), mark))
        placed = placed.set_column(placed.column_names.index(GEOMETRY), GEOMETRY, shapes)
    return placed


def marked_shapes(written: list[str], mark: Mark) -> list[str]:
    """Shapes as text (WKT) with their corners where the copy has them; a corner of two shapes stays one."""

    def place(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(mark.place(corners[:, 0], corners[:, 1]))

    moved = shapely.transform(shapely.from_wkt(np.array(written, dtype=object)), place)
    return list(shapely.to_wkt(moved, rounding_precision=mark.digits))


def _write_parquet(path: Path, parts: Parts, mark: Mark, notice: Notice) -> int:
    written, writer = 0, None
    for part in parts:
        said = part.replace_schema_metadata({"copy": notice.line()})
        writer = writer or pq.ParquetWriter(path, said.schema, compression="zstd")
        writer.write_table(said)
        written += part.num_rows
    if writer is None:
        raise LayerError(NONE_CHOSEN)
    writer.close()
    return written


def _write_csv(path: Path, parts: Parts, mark: Mark, notice: Notice) -> int:
    written = 0
    with path.open("wb") as file:
        file.write(f"# {notice.line()}\n".encode())
        for part in parts:
            pc.write_csv(_harmless(part), file, pc.WriteOptions(include_header=written == 0))
            written += part.num_rows
    return written


def _harmless(part: pa.Table) -> pa.Table:
    """Words that no spreadsheet runs as a formula."""
    for place, field in enumerate(part.schema):
        if pa.types.is_string(field.type):
            part = part.set_column(
                place, field, pa.array([harmless(word) for word in part[field.name].to_pylist()], pa.string())
            )
    return part


def _write_geojson(path: Path, parts: Parts, mark: Mark, notice: Notice) -> int:
    written = 0
    with path.open("w", encoding="utf-8") as file:
        head = json.dumps(notice.line(), ensure_ascii=False)
        file.write(f'{{"type":"FeatureCollection","copy":{head},"features":[')
        for part in parts:
            for record in part.to_pylist():
                at = [round(record.pop(axis), mark.digits) for axis in ("lon", "lat")]
                shape = record.pop(GEOMETRY, None)
                drawn: object = {"type": "Point", "coordinates": at}
                drawn = drawn if shape is None else shapely.geometry.mapping(shapely.from_wkt(shape))
                feature = {"type": "Feature", "geometry": drawn, "properties": record}
                file.write(
                    ("," if written else "") + json.dumps(_plain(feature), ensure_ascii=False, allow_nan=False)
                )
                written += 1
        file.write("]}\n")
    return written


def _plain(feature: dict[str, object]) -> dict[str, object]:
    """NaN, which JSON does not know, as null."""
    properties = feature["properties"]
    assert isinstance(properties, dict)
    kept = {
        name: None if isinstance(value, float) and np.isnan(value) else value for name, value in properties.items()
    }
    return feature | {"properties": kept}


FORMS: dict[str, Callable[[Path, Parts, Mark, Notice], int]] = {
    "csv": _write_csv, "geojson": _write_geojson, "parquet": _write_parquet,
}  # fmt: skip
