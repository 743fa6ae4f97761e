"""Houses, fields and roads in a store beside the tree that shapely holds in memory: counts must be equal.

    python -m bench.bench_survey_shapes [--records 2e5] [--folder FOLDER]

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from bench.bench_survey import spread
from bench.survey_records import processor_s, timed
from layers.survey.build import build
from layers.survey.choice import choose
from layers.survey.plane import on_plane
from layers.survey.polygon import tally_polygon
from layers.survey.schema import Facet, Schema
from layers.survey.store import Store
from layers.survey.tiles import points

KINDS = ("house", "field", "road")
SCHEMA = Schema(facets=(Facet(name="kind", values=KINDS),), lon="", lat="", geometry="geometry", shapes=True)


def make(path: Path, count: int) -> Any:
    """Houses of four corners, fields of 24, roads of 12 points, around 300 towns; the shapes."""
    draw = np.random.default_rng(9)
    town = draw.uniform((100, 22), (120, 42), (300, 2))[draw.integers(0, 300, count)]
    centre = town + draw.normal(0, 0.1, (count, 2))
    kind = draw.choice(3, count, p=[0.8, 0.12, 0.08])
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    shapes = np.empty(count, object)
    house, field, road = (np.flatnonzero(kind == number) for number in range(3))
    side = draw.uniform(5e-5, 2e-4, (len(house), 2))
    shapes[house] = shapely.box(*(centre[house] - side).T, *(centre[house] + side).T)
    reach = draw.uniform(5e-4, 2e-3, (len(field), 24, 1))
    ring = centre[field][:, np.newaxis] + reach * np.column_stack([np.cos(angle), np.sin(angle)])
    shapes[field] = shapely.polygons(ring)
    steps = np.cumsum(draw.normal(0, 1e-3, (len(road), 12, 2)), axis=1)
    shapes[road] = shapely.linestrings(centre[road][:, np.newaxis] + steps)
    words = pa.DictionaryArray.from_arrays(pa.array(kind.astype(np.int8)), pa.array(KINDS))
    table = pa.table({"geometry": pa.array(shapely.to_wkb(shapes), pa.binary()), "kind": words})
    pq.write_table(table, path, row_group_size=100_000)
    return shapes, kind


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=float, default=2e5)
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        shapes, kind = make(folder / "a.parquet", int(given.records))
        before = processor_s()
        build_s, entry = timed(lambda: build([folder / "a.parquet"], folder / "store", SCHEMA))
        build_cpu_s = processor_s() - before
        store, chosen = Store(folder / "store"), choose(SCHEMA, {"kind": ["house"]})
        size = sum(path.stat().st_size for path in (folder / "store" / "segments").rglob("*") if path.is_file())
        flat = shapely.transform(shapes, on_plane)
        tree_s, tree = timed(lambda: shapely.STRtree(flat))
        draw = np.random.default_rng(3)
        own, peer, tiles, inside = [], [], [], []
        tally_polygon(store, shapely.Point(110, 30).buffer(0.1), chosen)
        points(store, 14, 13000, 6500)
        for index in range(40):
            area = shapely.Point(shapely.get_coordinates(shapely.centroid(shapes[draw.integers(len(shapes))]))[0])
            area = area.buffer((0.01, 0.05, 0.2, 1.0)[index % 4])
            seconds, tally = timed(lambda a=area: tally_polygon(store, a, chosen))
            drawn = shapely.transform(area, on_plane)
            shapely.prepare(drawn)
            peer_s, found = timed(lambda d=drawn: tree.query(d, predicate="intersects"))
            if tally.total != int((kind[found] == 0).sum()):
                raise SystemExit(f"{tally.total} in the store, {int((kind[found] == 0).sum())} by shapely")
            own.append(seconds)
            peer.append(peer_s)
            inside.append(tally.total)
            zoom = 8 + index % 9
            lon, lat = shapely.get_coordinates(shapely.centroid(area))[0]
            x, y = (on_plane(np.array([[lon, lat]]))[0] / 2 ** (32 - zoom)).astype(int).tolist()
            tiles.append(timed(lambda z=zoom, x=x, y=y: points(store, z, x, y))[0])
        facts = {
            "shapes": entry["rows"], "load": os.getloadavg()[0], "build_s": round(build_s, 2),
            "build_processor_s": round(build_cpu_s, 2), "bytes_a_shape": round(size / entry["rows"], 1),
            "delivered_bytes_a_shape": round((folder / "a.parquet").stat().st_size / entry["rows"], 1),
            "peak_worker_mb": entry["peak_worker_mb"], "polygon": spread(own), "shapely_tree": spread(peer),
            "shapely_tree_made_s": round(tree_s, 2), "median_inside": int(np.median(inside)), "tile": spread(tiles),
        }  # fmt: skip
    print(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
