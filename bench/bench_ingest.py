"""Parse and store of the largest recorded feeds, and how much of the time is our own code.

The peer is the parser library alone on the same bytes in the same run: `json.loads`, `csv.reader`, or `eccodes`
reading every message and its values. Run: python bench/bench_ingest.py [FOLDER OF RECORDED FEEDS]
"""

from __future__ import annotations

import csv
import gc
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from data.model import Payload  # noqa: E402
from data.store.archive import Archive  # noqa: E402
from data.store.engine import open_store  # noqa: E402
from data.store.migrate import migrate  # noqa: E402
from ingest.child import parse_in_child  # noqa: E402
from ingest.runner import Desk, ingest_payloads  # noqa: E402
from ingest.source import Source  # noqa: E402
from ingest.station_table import StationTable  # noqa: E402
from ingest.usgs_quakes import UsgsQuakes  # noqa: E402
from ingest.water_services import WaterServices  # noqa: E402

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUNDS = 7
TABLE = {
    "source": "station_table", "station": "id", "lon": "longitude", "lat": "latitude", "time": "time",
    "values": {"magnitude": {"column": "mag"}, "depth": {"column": "depth"}},
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A feed and the library that reads it."""

    name: str
    source: Source
    body: bytes
    library: Callable[[bytes], Any]


def seconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Median time of a piece of work."""
    taken = []
    for _ in range(rounds):
        gc.collect()
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def read_csv(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode())))


def read_grib(body: bytes) -> int:
    """Every message with its values, by the library alone."""
    from ingest.grid_libraries import load_decoder

    eccodes = load_decoder("eccodes")
    with tempfile.NamedTemporaryFile(suffix=".grib") as file:
        file.write(body)
        file.flush()
        count = 0
        with Path(file.name).open("rb") as opened:
            while (message := eccodes.codes_grib_new_from_file(opened)) is not None:
                eccodes.codes_get_values(message)
                eccodes.codes_release(message)
                count += 1
    return count


def month_of_quakes(day: bytes, times: int) -> bytes:
    """A recorded day many times over, as large as a month's feed, each day with ids of its own."""
    document = json.loads(day)
    features = []
    for copy in range(times):
        for feature in document["features"]:
            properties = {**feature["properties"], "ids": f",{copy}{feature['id']},"}
            properties["time"] += copy * 86_400_000
            features.append({**feature, "id": f"{copy}{feature['id']}", "properties": properties})
    return json.dumps({**document, "features": features}).encode()


def many_gauges(iv: bytes, sites: int, readings: int) -> bytes:
    """A recorded response as large as a state's: the same series at many sites with many readings."""
    document = json.loads(iv)
    series = document["value"]["timeSeries"][0]
    begun = datetime(2026, 2, 1, tzinfo=UTC).timestamp()
    document["value"]["timeSeries"] = [
        {
            **series,
            "sourceInfo": {**series["sourceInfo"], "siteCode": [{"value": f"{site:08d}"}]},
            "values": [
                {
                    "value": [
                        {
                            "value": str(900 + number),
                            "qualifiers": ["P"],
                            "dateTime": datetime.fromtimestamp(begun + number * 900, UTC).isoformat(),
                        }
                        for number in range(readings)
                    ]
                }
            ],
        }
        for site in range(sites)
    ]
    return json.dumps(document).encode()


def cases(folder: Path) -> list[Case]:
    day = (folder / "usgs_geojson/all_day_2014-02-05.geojson").read_bytes()
    iv = (folder / "hydro/waterservices_iv.txt").read_bytes()
    found = [
        Case("USGS day, 198 events", UsgsQuakes(), day, json.loads),
        Case("USGS month, 5,940 events", UsgsQuakes(), month_of_quakes(day, 30), json.loads),
        Case(
            "USGS detail, all versions",
            UsgsQuakes(),
            (folder / "usgs_detail/detail_allversions_us10007uph_png_M7.9.geojson").read_bytes(),
            json.loads,
        ),
        Case("river gauges, 400 x 12 readings", WaterServices(), many_gauges(iv, 400, 12), json.loads),
        Case("river gauges, 400 x 96 readings", WaterServices(), many_gauges(iv, 400, 96), json.loads),
        Case(
            "table, 4,256 rows x 2",
            StationTable.configured(TABLE),
            (folder / "truth/usgs_catalog_tohoku.csv").read_bytes(),
            read_csv,
        ),
    ]
    return found + grib_cases(folder)


def grib_cases(folder: Path) -> list[Case]:
    from ingest.grid_files import GridFiles

    files = sorted((folder / "grib").glob("*"), key=lambda path: -path.stat().st_size)
    plain = [path for path in files if path.read_bytes()[:4] == b"GRIB"][:2]
    return [Case(f"GRIB {path.name[:34]}", GridFiles(), path.read_bytes(), read_grib) for path in plain]


def measure(case: Case, folder: Path) -> None:
    key = case.source.spec.key
    payload = Payload(source=key, body=case.body, received_at=NOW, name="feed")
    library_s = seconds(lambda: case.library(case.body))
    parse_s = seconds(lambda: case.source.parse(payload))
    stores = []
    again_s = 0.0
    for number in range(3):
        home = folder / f"{abs(hash(case.name))}-{number}"
        home.mkdir()
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        migrate(store)
        desk = Desk(store=store, archive=Archive(home / "payloads"), home=home, clock=lambda: NOW)
        begun = time.perf_counter()
        ingest_payloads(case.source, desk, [payload])
        stores.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        ingest_payloads(case.source, desk, [payload])
        again_s = time.perf_counter() - begun
        store.close()
    whole_s = statistics.median(stores)
    ours = max(0.0, parse_s - library_s) / parse_s
    print(
        f"{case.name:40} {len(case.body) / 1e6:8.2f} {library_s * 1e3:9.1f} {parse_s * 1e3:9.1f} {ours:7.0%}"
        f" {whole_s * 1e3:10.1f} {again_s * 1e3:10.1f}"
    )


def measure_child() -> None:
    """What a process of its own costs a payload."""
    source = UsgsQuakes()
    payload = Payload(source="usgs_quakes", body=b'{"type":"FeatureCollection","features":[]}', received_at=NOW)
    child_s = seconds(lambda: parse_in_child(source, payload), 5)
    print(f"\nchild process, an empty feed: {child_s * 1e3:.0f} ms a payload")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "fixtures"
    if not folder.is_dir():
        sys.exit(f"the recorded feeds are not at {folder}")
    print("milliseconds, medians; ours = share of parse beyond the library alone; GRIB is stored through a child")
    print(f"{'feed':40} {'MB':>8} {'library':>9} {'parse':>9} {'ours':>7} {'first run':>10} {'same again':>10}")
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        for case in cases(folder):
            measure(case, Path(name))
    measure_child()


if __name__ == "__main__":
    main()
