"""What the survey store is measured beside: DuckDB, datashader, tippecanoe, PostGIS, and its own build over Dask.

Each takes the delivery that `bench_survey.py` made. Counts are compared with ours: a difference ends the bench.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bench.survey_records import FILTER, SCHEMA, processor_s, timed
from data.store.engine import open_store
from data.store.surveys import tippecanoe
from layers.survey.build import build
from layers.survey.choice import choose
from layers.survey.store import Store
from layers.survey.tiles import density
from tests.postgres import postgres, postgres_binaries

# Identities stay in the delivery: the store knows the file and row of each record.
COLUMNS = "lon, lat, county, sector, hazard, grade, year, floors, value, area"
SQL = "sector = 'hospital' AND grade IN ('3', '4', '5')"
USABLE = "lon >= -180 AND lon < 180 AND lat > -85.05 AND lat < 85.05"
X = "((lon + 180) / 360)"
Y = "(0.5 - ln((1 + sin(radians(lat))) / (1 - sin(radians(lat)))) / (4 * pi()))"
VIEWS = ((0, 0, 0), (4, 13, 6), (6, 53, 25), (8, 210, 100), (10, 842, 402))
SORTED_MOST = 200_000_000  # what DuckDB sorts and datashader holds beside the store on a small machine
TIPPECANOE_RECORDS = 1_000_000
POSTGIS_RECORDS = 10_000_000


class Different(SystemExit):
    """A peer counts otherwise than we do."""


def peers(files: Sequence[Path], store: Store, build_s: float, folder: Path) -> Iterator[tuple[str, Any]]:
    """Everything that is installed here, one after the other; what they leave in `folder` is taken away."""
    for name, peer in (
        ("duckdb", lambda room: duckdb_peer(files, store, build_s, room)),
        ("datashader", lambda room: datashader_peer(files, store)),
        ("dask", lambda room: dask_peer(files, store, build_s, room)),
        ("tippecanoe", lambda room: tippecanoe_peer(files, room)),
        ("postgis", lambda room: postgis_peer(files, room)),
    ):
        if name in ("datashader", "dask") and store.rows > SORTED_MOST:
            continue
        with tempfile.TemporaryDirectory(dir=folder) as room:
            yield name, peer(Path(room))


def own_view(store: Store, view: tuple[int, int, int]) -> tuple[float, int]:
    """Seconds of a filtered view with its picture, the best of three; and how many records it shows."""
    chosen = choose(SCHEMA, FILTER)
    seconds = min(timed(lambda: density(store.grid(*view, chosen)))[0] for _ in range(3))
    return seconds, int(store.grid(*view, chosen).sum())


def duckdb_peer(files: Sequence[Path], store: Store, build_s: float, folder: Path) -> dict[str, Any]:
    """Sort and count one level where that fits this machine; and the filtered views, whose counts must be ours."""
    import duckdb

    base = duckdb.connect(config={"threads": 2, "memory_limit": "4GB", "temp_directory": str(folder / "duck")})
    source = f"read_parquet({[str(path) for path in files]})"
    found: dict[str, Any] = {}
    if store.rows > SORTED_MOST:
        sums = ", ".join(f"count(*) FILTER (WHERE {_inside(view)})" for view in VIEWS)
        seconds, rows = timed(
            lambda: base.execute(f"SELECT {sums} FROM {source} WHERE {SQL} AND {USABLE}").fetchall()
        )
        for view, theirs in zip(VIEWS, rows[0], strict=True):
            _same(view, own_view(store, view)[1], theirs, "DuckDB")
        return {"views_equal": len(VIEWS), "one_pass_s": round(seconds, 1)}
    cell = f"CAST(floor({X} * 65536) AS UINTEGER), CAST(floor({Y} * 65536) AS UINTEGER)"
    ordered, level = folder / "sorted.parquet", folder / "level.parquet"
    before = processor_s()
    seconds = 0.0
    for statement in (
        f"COPY (SELECT {COLUMNS} FROM {source} WHERE {USABLE} ORDER BY {cell}) TO '{ordered}' (FORMAT parquet)",
        f"COPY (SELECT {cell}, sector, hazard, grade, count(*) FROM {source} WHERE {USABLE} GROUP BY ALL)"
        f" TO '{level}' (FORMAT parquet)",
    ):
        seconds += timed(lambda: base.execute(statement))[0]  # noqa: B023
    found["build_s"], found["build_ratio"] = round(seconds, 2), round(seconds / build_s, 1)
    found["build_processor_s"] = round(processor_s() - before, 2)
    for view in VIEWS:
        own_s, own = own_view(store, view)
        query = f"SELECT count(*) FROM '{ordered}' WHERE {SQL} AND {_inside(view)}"
        seconds, rows = timed(lambda: base.execute(query).fetchall())  # noqa: B023
        _same(view, own, rows[0][0], "DuckDB")
        found[f"zoom {view[0]}"] = {"records": own, "ours_ms": _ms(own_s), "ratio": round(seconds / own_s, 1)}
    return found


def datashader_peer(files: Sequence[Path], store: Store) -> dict[str, Any]:
    """The same filtered views with a picture, from a frame in memory."""
    import datashader
    import datashader.transfer_functions as shading
    import pandas

    table = pq.read_table(list(files), columns=["lon", "lat", "sector", "grade"]).to_pandas(self_destruct=True)
    sine = np.sin(np.radians(table["lat"]))
    columns = {"x": (table["lon"] + 180) / 360, "y": 0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)}
    frame = pandas.DataFrame({**columns, "sector": table["sector"], "grade": table["grade"]})
    del table, sine, columns
    found: dict[str, Any] = {}
    for zoom, x, y in VIEWS:
        size = 2.0**-zoom

        def draw() -> Any:
            chosen = frame[(frame["sector"] == "hospital") & frame["grade"].isin(["3", "4", "5"])]
            canvas = datashader.Canvas(256, 256, (x * size, (x + 1) * size), (y * size, (y + 1) * size))  # noqa: B023
            return shading.shade(canvas.points(chosen, "x", "y"), how="log").to_bytesio()

        draw()
        seconds, (own_s, _) = min(timed(draw)[0] for _ in range(2)), own_view(store, (zoom, x, y))
        found[f"zoom {zoom}"] = {"ours_ms": _ms(own_s), "ratio": round(seconds / own_s, 1)}
    return found


def dask_peer(files: Sequence[Path], store: Store, build_s: float, folder: Path) -> dict[str, Any]:
    """The same build over a Dask cluster of this machine: it must leave the same bytes."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None, local_directory=str(folder)
        ) as cluster,
        Client(cluster) as client,
    ):
        executor = client.get_executor()
        seconds, _ = timed(lambda: build(files, folder / "over_dask", SCHEMA, executor=executor))
    if _digests(folder / "over_dask") != _digests(store.folder):
        raise Different("Dask leaves other bytes than processes of this machine")
    return {"build_s": round(seconds, 2), "of_ours": round(seconds / build_s, 3), "same_bytes": True}


def tippecanoe_peer(files: Sequence[Path], folder: Path) -> dict[str, Any]:
    """Vector tiles of the first million records, zoom 0 to 14, beside a store of them."""
    program = tippecanoe()
    if program is None:
        return {"left_out": "tippecanoe is not installed"}
    part = _first(files, TIPPECANOE_RECORDS, folder / "million.parquet")
    own_s, _ = timed(lambda: build([part], folder / "million", SCHEMA))
    table = pq.read_table(part)
    names = {"lon": "longitude", "lat": "latitude"}
    pa.csv.write_csv(_plain(table.rename_columns([names.get(n, n) for n in table.column_names])), folder / "m.csv")
    order = [str(program), "-q", "-Z0", "-z14", "--drop-densest-as-needed", "-t", str(folder)]
    before = processor_s()
    seconds, _ = timed(
        lambda: subprocess.run([*order, "-o", str(folder / "m.pmtiles"), str(folder / "m.csv")], check=True)
    )
    return {
        "records": table.num_rows, "ours_s": round(own_s, 2), "build_s": round(seconds, 1),
        "build_processor_s": round(processor_s() - before, 1), "ratio": round(seconds / own_s, 1),
    }  # fmt: skip


def postgis_peer(files: Sequence[Path], folder: Path) -> dict[str, Any]:
    """A table of the first ten million records with an index over their places, beside a store of them."""
    import psycopg

    if postgres_binaries() is None:
        return {"left_out": "PostgreSQL is not installed"}
    room = {"fsync": "off", "shared_buffers": "2GB", "maintenance_work_mem": "1GB", "max_wal_size": "8GB",
            "work_mem": "256MB"}  # fmt: skip
    with tempfile.TemporaryDirectory() as within, postgres(room, within=_open_to_all(within)) as address:
        open_store(f"{address}/postgres").wait_ready(30)
        with psycopg.connect(f"{address}/postgres", autocommit=True) as base:
            try:
                base.execute("CREATE EXTENSION postgis")
            except psycopg.errors.FeatureNotSupported:
                return {"left_out": "PostGIS is not installed"}
            return _beside_postgis(base, _first(files, POSTGIS_RECORDS, folder / "ten.parquet"), folder / "ten")


def _beside_postgis(base: Any, part: Path, own: Path) -> dict[str, Any]:
    own_s, _ = timed(lambda: build([part], own, SCHEMA))
    store = Store(own)
    seconds, _ = timed(lambda: _fill(base, part))
    size = base.execute("SELECT pg_total_relation_size('record')").fetchone()[0]
    found: dict[str, Any] = {
        "records": store.rows, "ours_s": round(own_s, 2), "build_s": round(seconds, 1),
        "ratio": round(seconds / own_s, 1), "bytes_a_record": round(size / store.rows),
    }  # fmt: skip
    for view in VIEWS:
        found[f"zoom {view[0]}"] = _density_in(base, store, view)
    return found


def _fill(base: Any, part: Path) -> None:
    kinds = "county text, sector text, hazard text, grade text, year int2, floors int2, value float4, area float4"
    base.execute(f"CREATE UNLOGGED TABLE raw (id int8, lon float8, lat float8, {kinds})")
    with base.cursor().copy("COPY raw FROM STDIN (FORMAT csv)") as copy:
        for batch in pq.ParquetFile(part).iter_batches(100_000):
            sink = pa.BufferOutputStream()
            pa.csv.write_csv(_plain(pa.Table.from_batches([batch])), sink, pa.csv.WriteOptions(include_header=False))
            copy.write(sink.getvalue().to_pybytes())
    place = "ST_Transform(ST_SetSRID(ST_MakePoint(lon, lat), 4326), 3857) AS place"
    base.execute(f"CREATE UNLOGGED TABLE record AS SELECT {COLUMNS}, {place} FROM raw WHERE {USABLE}")
    base.execute("DROP TABLE raw")
    base.execute("CREATE INDEX ON record USING gist (place)")
    base.execute("VACUUM ANALYZE record")


def _density_in(base: Any, store: Store, view: tuple[int, int, int]) -> dict[str, float]:
    """A filtered view as 256 x 256 counts."""
    zoom, x, y = view
    query = (
        f"SELECT count(*), floor((ST_X(place) - ST_XMin(box)) / (ST_XMax(box) - ST_XMin(box)) * 256),"
        f" floor((ST_YMax(box) - ST_Y(place)) / (ST_YMax(box) - ST_YMin(box)) * 256)"
        f" FROM record, ST_TileEnvelope({zoom}, {x}, {y}) AS box WHERE place && box AND {SQL} GROUP BY 2, 3"
    )
    base.execute(query)
    seconds, rows = timed(lambda: base.execute(query).fetchall())
    own_s, own = own_view(store, view)
    theirs = sum(row[0] for row in rows)
    if abs(theirs - own) > 1:  # a record on the very edge of a tile belongs to both in PostGIS
        _same(view, own, theirs, "PostGIS")
    return {"ours_ms": _ms(own_s), "ratio": round(seconds / own_s, 1)}


def _open_to_all(folder: str) -> Path:
    """PostgreSQL runs as an account of its own, which must be able to pass."""
    Path(folder).chmod(0o711)
    return Path(folder)


def _first(files: Sequence[Path], records: int, path: Path) -> Path:
    """The first records of a delivery, in a file of their own."""
    groups = (pq.ParquetFile(file).read_row_group(g) for file in files for g in _groups(file))
    taken, writer = 0, None
    for table in islice(groups, -(-records // 1_000_000)):
        piece = table.slice(0, records - taken)
        writer = writer or pq.ParquetWriter(path, piece.schema)
        writer.write_table(piece)
        taken += piece.num_rows
    assert writer is not None
    writer.close()
    return path


def _groups(file: Path) -> Iterator[int]:
    yield from range(pq.read_metadata(file).num_row_groups)


def _plain(table: pa.Table) -> pa.Table:
    """Words as text: CSV knows no dictionaries."""
    text = [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(text))


def _inside(view: tuple[int, int, int]) -> str:
    zoom, x, y = view
    return f"floor({X} * {2**zoom}) = {x} AND floor({Y} * {2**zoom}) = {y}"


def _digests(store: Path) -> dict[str, str]:
    """What stands in the files of records, counts and the index."""
    segment = next((store / "segments").iterdir())
    wanted = [path for part in ("points", "hot", "pyramid") for path in sorted((segment / part).iterdir())]
    found = {}
    for path in wanted:
        with path.open("rb") as file:
            found[f"{path.parent.name}/{path.name}"] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _same(view: tuple[int, int, int], own: int, theirs: int, peer: str) -> None:
    if own != theirs:
        raise Different(f"{view}: {own} records here, {theirs} in {peer}")


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 2)
