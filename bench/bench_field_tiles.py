"""Tiles of a stored field of 24 million cells over HTTP, beside the tilers that people would use otherwise.

    python bench/bench_field_tiles.py [--rows 3500] [--columns 7000] [--tiles 25] [--zooms 3,4,5,6,8,10]

Ours: picture and value tiles through the API, from the archive as it is stored. Peers: XarrayReader of rio-tiler on
the same Zarr, and titiler.core over a Cloud-Optimized GeoTIFF of the same values with overviews, asked in-process as
well (requirements-bench.txt). Cold: nothing open and the files dropped from the page cache before each tile; warm:
asked a second time. `cpu` is processor time, which a machine shared with others does not lengthen as much. The ratio
is the peer's time over that of our picture tile. All draw random tiles over the field.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from flask import Flask

import api
from api.context import EXTENSION
from bench.bench_tiles import a_step, tiles_at
from data.model import FieldStep
from data.settings import Settings
from data.store.engine import Store, open_store
from data.store.fields import FieldSink
from data.store.migrate import migrate
from data.store.sink import PutContext

Tile = tuple[int, int, int]
Ask = Callable[[Tile], int]  # bytes of the answer
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def forget(folder: Path) -> None:
    """Drop files from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def keep(store: Store, home: Path, step: FieldStep) -> Any:
    """Store the step as an ingest run does; its row."""
    context = PutContext(source="bench", payload_id=None, received_at=NOW, home=home)
    prepared = FieldSink().prepare(context, [step])
    with store.write() as connection:
        FieldSink().put(connection, context, prepared)
    return SimpleNamespace(**prepared[0])


def ours(store: Store, home: Path, number: int, kind: str) -> tuple[Ask, Callable[[], None]]:
    """A request to the API, and how to make it cold."""
    server = Flask("field-tiles")
    settings = Settings(home=home, database_url=str(store.engine.url), web_threads=4)
    api.register(server, store, settings, clock=lambda: NOW, watch=lambda: lambda: True)
    client = server.test_client()
    address = {"picture": "/t/field/{}/{}/{}/{}.png", "value": "/t/value/{}/{}/{}/{}.bin"}[kind]

    def ask(tile: Tile) -> int:
        answer = client.get(address.format(number, *tile), headers={"Accept-Encoding": "gzip, zstd"})
        assert answer.status_code in (200, 204), answer.data
        return len(answer.data)

    def cool() -> None:
        server.extensions[EXTENSION]._steps.clear()
        forget(home / "fields")

    return ask, cool


def rio_tiler(home: Path, row: Any) -> tuple[Ask, Callable[[], None]]:
    """XarrayReader on the same Zarr group."""
    import xarray as xr
    from rio_tiler.colormap import cmap
    from rio_tiler.errors import TileOutsideBounds
    from rio_tiler.io import XarrayReader

    held: list[Any] = []
    colours = cmap.get("cividis")

    def opened() -> Any:
        if not held:
            array = xr.open_zarr(home / "fields" / row.store, consolidated=True)[row.quantity].squeeze(drop=True)
            held.append(array.rename(lon="x", lat="y").rio.write_crs("EPSG:4326"))
        return held[0]

    def ask(tile: Tile) -> int:
        zoom, x, y = tile
        try:
            with XarrayReader(opened()) as reader:
                image = reader.tile(x, y, zoom, tilesize=256)
        except TileOutsideBounds:
            return 0
        image.rescale(in_range=((0, 100),))
        return len(image.render(img_format="PNG", colormap=colours, zlevel=1))

    def cool() -> None:
        held.clear()
        forget(home / "fields")

    return ask, cool


def titiler(folder: Path, step: FieldStep) -> tuple[Ask, Callable[[], None]]:
    """titiler.core over a COG of the same values, asked over ASGI."""
    import httpx
    import rasterio
    from fastapi import FastAPI
    from rasterio.shutil import copy
    from rasterio.transform import from_origin
    from titiler.core.factory import TilerFactory

    folder.mkdir()
    cell_x, cell_y = step.lon[1] - step.lon[0], step.lat[0] - step.lat[1]
    profile = {
        "driver": "GTiff", "width": step.lon.size, "height": step.lat.size, "count": 1, "dtype": "float32",
        "crs": "EPSG:4326", "nodata": float("nan"),
        "transform": from_origin(step.lon[0] - cell_x / 2, step.lat[0] + cell_y / 2, cell_x, cell_y),
    }  # fmt: skip
    with rasterio.open(folder / "plain.tif", "w", **profile) as plain:
        plain.write(step.values, 1)
    copy(folder / "plain.tif", folder / "cog.tif", driver="COG", compress="ZSTD", blocksize=512)
    (folder / "plain.tif").unlink()
    app = FastAPI()
    app.include_router(TilerFactory().router)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench")
    loop = asyncio.new_event_loop()
    query = {"url": str(folder / "cog.tif"), "rescale": "0,100", "colormap_name": "cividis", "tilesize": 256}

    def ask(tile: Tile) -> int:
        zoom, x, y = tile
        address = f"/tiles/WebMercatorQuad/{zoom}/{x}/{y}.png"
        answer = loop.run_until_complete(client.get(address, params=query))
        assert answer.status_code in (200, 404), answer.text
        return len(answer.content)

    return ask, lambda: forget(folder)


def measure(ask: Ask, cool: Callable[[], None], tiles: Sequence[Tile]) -> dict[str, Any]:
    """Times of the clock and of the processor [ms], cold and warm."""
    ask(tiles[0])  # imports and the first connection are not the tile's
    taken: dict[str, list[tuple[float, float]]] = {"cold": [], "warm": []}
    sizes = []
    for tile in tiles:
        cool()
        for times in taken.values():
            begun, worked = time.perf_counter(), time.process_time()
            size = ask(tile)
            times.append((time.perf_counter() - begun, time.process_time() - worked))
        sizes.append(size)
    found: dict[str, Any] = {"bytes_p50": int(np.median(sizes))}
    for name, times in taken.items():
        wall, cpu = np.array(times).T * 1e3
        p50, p95 = np.percentile(wall, (50, 95))
        found[name] = {
            "p50_ms": round(p50, 1),
            "p95_ms": round(p95, 1),
            "cpu_p50_ms": round(float(np.median(cpu)), 1),
        }
    return found


def ratios(peer: dict[str, Any], own: dict[str, Any]) -> dict[str, float]:
    return {
        f"{state}_{share}": round(peer[state][share + "_ms"] / max(own[state][share + "_ms"], 0.05), 1)
        for state in ("cold", "warm") for share in ("p50", "p95", "cpu_p50")
    }  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=3500)
    options.add_argument("--columns", type=int, default=7000)
    options.add_argument("--tiles", type=int, default=25)
    options.add_argument("--zooms", default="3,4,5,6,8,10")
    given = options.parse_args()
    warnings.simplefilter("ignore")  # of the peers
    step = a_step(given.rows, given.columns)
    zooms = [int(zoom) for zoom in given.zooms.split(",")]
    tiles = [(zoom, x, y) for zoom in zooms for x, y in tiles_at(zoom, given.tiles)]
    result: dict[str, Any] = {"cells": int(step.values.size), "tiles": len(tiles), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        migrate(store)
        row = keep(store, home, step)
        askers = {
            "picture": ours(store, home, row.id, "picture"), "value": ours(store, home, row.id, "value"),
            "titiler_cog": titiler(home / "cog", step), "rio_tiler_zarr": rio_tiler(home, row),
        }  # fmt: skip
        for label, (ask, cool) in askers.items():
            few = tiles if label != "rio_tiler_zarr" else tiles[:: max(1, len(tiles) // 40)]  # slow
            result[label] = measure(ask, cool, few)
        store.close()
    for peer in ("titiler_cog", "rio_tiler_zarr"):
        result[peer]["ratio"] = ratios(result[peer], result["picture"])
    result["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
