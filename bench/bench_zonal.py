"""Region statistics: ours against exactextract called afresh, on the same field, regions and machine.

    python bench/bench_zonal.py [--rows 4000] [--columns 6000] [--repeat 9]

Prints the time of a build of the weights, of one field (sum, mean and maximum), of exactextract and of rasterstats
for the same three, the largest differences to exactextract and the ratios. rasterstats counts a cell by its centre:
its numbers differ. Regions are the US counties of the base data, or 3,000 Voronoi cells where there is none.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.errors import ConfigError
from data.regions import default_base_dir, load_geometries
from layers.zonal import build_weights, reduce_field, weights_from_bytes, weights_to_bytes


def regions() -> tuple[str, np.ndarray, np.ndarray]:
    """Counties of the 48 states, or cells of random points."""
    import shapely

    try:
        rids, shapes = load_geometries(default_base_dir(), ["us-county"])
        near = shapely.intersects(shapes, shapely.box(-126, 24, -66, 50))
        return "US counties", rids[near], shapes[near]
    except ConfigError:
        points = shapely.multipoints(np.random.default_rng(1).uniform((-125, 25), (-67, 49), (3000, 2)))
        shapes = np.asarray(shapely.get_parts(shapely.voronoi_polygons(points)), dtype=object)
        shapes = shapely.intersection(shapes, shapely.box(-125, 25, -67, 49))
        return "Voronoi cells", np.arange(len(shapes), dtype=np.int32), shapes


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=4000)
    options.add_argument("--columns", type=int, default=6000)
    options.add_argument("--repeat", type=int, default=9)
    given = options.parse_args()

    import geopandas
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    name, rids, shapes = regions()
    west, south, east, north = -126.0, 24.0, -66.0, 50.0
    dy, dx = (north - south) / given.rows, (east - west) / given.columns
    lat, lon = north - (np.arange(given.rows) + 0.5) * dy, west + (np.arange(given.columns) + 0.5) * dx
    field = np.random.default_rng(0).gamma(2.0, 5.0, (given.rows, given.columns)).astype(np.float32)
    field += 20 * np.sin(np.arange(given.columns, dtype=np.float32) / 300)
    field[: given.rows // 100] = np.nan

    begun = time.perf_counter()
    weights = build_weights(lon, lat, rids, shapes)
    build_s = time.perf_counter() - begun
    body = weights_to_bytes(weights)
    begun = time.perf_counter()
    weights_from_bytes(body)
    reload_s = time.perf_counter() - begun
    reduce_field(field, weights)  # compiles
    times = []
    for _ in range(given.repeat):
        begun = time.perf_counter()
        table = reduce_field(field, weights)
        times.append(time.perf_counter() - begun)
    ours_s = float(np.median(times))

    frame = geopandas.GeoDataFrame(geometry=shapes, crs=4326)
    begun = time.perf_counter()
    source = NumPyRasterSource(field, west, south, east, north)
    peer = exact_extract(source, frame, ["sum", "mean", "max"], output="pandas")
    peer_s = time.perf_counter() - begun
    from rasterio.transform import from_bounds
    from rasterstats import zonal_stats

    transform = from_bounds(west, south, east, north, given.columns, given.rows)
    begun = time.perf_counter()
    zonal_stats(list(shapes), field, affine=transform, stats=["sum", "mean", "max"], nodata=np.nan)
    rasterstats_s = time.perf_counter() - begun
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = table[:, 0] / table[:, 1]
    result = {
        "regions": name, "count": len(rids), "cells": int(field.size), "build_s": round(build_s, 2),
        "weights_mb": round(len(body) / 1e6, 1), "reload_ms": round(reload_s * 1e3, 1),
        "ours_ms": round(ours_s * 1e3, 1), "ours_worst_ms": round(max(times) * 1e3, 1),
        "exactextract_ms": round(peer_s * 1e3, 1), "ratio": round(peer_s / ours_s, 1),
        "rasterstats_ms": round(rasterstats_s * 1e3, 1), "rasterstats_ratio": round(rasterstats_s / ours_s, 1),
        "mean_difference": float(np.nanmax(np.abs(mean - peer["mean"].to_numpy()))),
        "sum_relative_difference": float(np.nanmax(np.abs(table[:, 0] / peer["sum"].to_numpy() - 1))),
        "max_difference": float(np.nanmax(np.abs(table[:, 3] - peer["max"].to_numpy()))),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    return 0 if result["ratio"] >= 40 and result["ours_ms"] < 100 else 1


if __name__ == "__main__":
    raise SystemExit(main())
