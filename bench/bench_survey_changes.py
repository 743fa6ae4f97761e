"""Amendments and comparisons of survey records made here, checked against a store built anew.

    python -m bench.bench_survey_changes [--records 1e6] [--share 0.01] [--folder FOLDER]

Builds a store, delivers a share of its records once more, moved and some of them deleted, and times the amendment, a
comparison of the two deliveries, and making one segment of all. The amended store must give the same counts as one
built from what is true then: a difference ends the bench with an error. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.bench_survey import density, spread, views
from bench.survey_records import FILTER, SCHEMA, make, processor_s, timed
from layers.survey.build import build, compact, part_of
from layers.survey.choice import choose
from layers.survey.compare import compare
from layers.survey.store import Store


def changes(source: Path, share: float) -> tuple[pa.Table, pa.Table]:
    """The amendment, and the whole delivery as it is after it."""
    table = pq.read_table(source)
    draw = np.random.default_rng(8)
    rows = np.sort(draw.choice(table.num_rows, int(table.num_rows * share), replace=False))
    later = table.take(pa.array(rows))
    moved = np.clip(later["lon"].to_numpy() + draw.normal(0, 0.5, len(rows)), -179, 179)
    later = later.set_column(later.schema.get_field_index("lon"), "lon", pa.array(moved))
    gone = draw.random(len(rows)) < 0.2
    kept = np.ones(table.num_rows, np.bool_)
    kept[rows] = False
    whole = pa.concat_tables([table.filter(pa.array(kept)), later.filter(pa.array(~gone))])
    return later.append_column("deleted", pa.array(gone)), whole


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=float, default=1e6)
    options.add_argument("--share", type=float, default=0.01)
    options.add_argument("--folder", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        store, files = folder / "store", make(folder, int(given.records), 1)
        source = files[0]
        build_s, _ = timed(lambda: build([source], store, SCHEMA))
        amendment, whole = changes(source, given.share)
        pq.write_table(amendment, folder / "2.parquet", row_group_size=1_000_000)
        pq.write_table(whole, folder / "3.parquet", row_group_size=1_000_000)
        before = processor_s()
        amend_s, entry = timed(lambda: build([folder / "2.parquet"], store, SCHEMA, mode="amend"))
        amend_cpu_s = processor_s() - before
        build([folder / "3.parquet"], folder / "anew", SCHEMA)
        amended, anew = Store(store), Store(folder / "anew")
        tiles, chosen = views(files, 340), choose(SCHEMA, FILTER)
        for tile in tiles:
            if amended.grid(*tile, chosen).sum() != anew.grid(*tile, chosen).sum():
                raise SystemExit(f"{tile}: the amended store counts otherwise than one built anew")
        times = {
            kind: spread([timed(lambda t=tile, s=one: density(s.grid(*t, chosen)))[0] for tile in tiles])
            for kind, one in (("amended", amended), ("anew", anew))
        }
        old, new = (part_of([folder / f"{number}.parquet"], folder, SCHEMA) for number in (1, 3))
        before = processor_s()
        compare_s, comparison = timed(lambda: compare(old, new, SCHEMA, folder / "compared"))
        compare_cpu_s = processor_s() - before
        compact_s, _ = timed(lambda: compact(store))
        if Store(store).rows != anew.rows:
            raise SystemExit("one segment of all holds other records")
        facts = {
            "records": int(given.records), "load": os.getloadavg()[0], "build_s": round(build_s, 2),
            "amended": entry["amended"], "amend_s": round(amend_s, 2), "amend_processor_s": round(amend_cpu_s, 2),
            "tile_filtered": times, "comparison": comparison.facts, "compare_s": round(compare_s, 2),
            "compare_processor_s": round(compare_cpu_s, 2), "compact_s": round(compact_s, 2),
        }  # fmt: skip
    print(json.dumps(facts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
