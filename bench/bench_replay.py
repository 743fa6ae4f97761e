"""Replay of a busy day: 100,800 observations and 300 fields through the live code, against the day's own length.

    python bench/bench_replay.py [--hours N] [--all-rules]

700 stations over China report rain each ten minutes; each hour a NetCDF file brings 12 or 13 steps of a quarter
degree grid (281 x 161 cells). All rules that watch rain look as the live engine lets them, each ten seconds and after
each delivery. `--all-rules` takes every rule of the house. The share of each part is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import xarray as xr
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alerts import replay
from alerts.scenario import stamp, write_scenario
from data.clock import iso
from data.settings import Settings
from pages.past import rehearsal

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STATIONS, EVERY, FIELDS = 700, timedelta(minutes=10), 300
LON, LAT = np.arange(70.0, 140.1, 0.25), np.arange(15.0, 55.1, 0.25)
FEEDS = [
    {
        "source": "station_table", "key": "rain", "url": "scenario:rain", "station": "id", "lon": "lon", "lat": "lat",
        "time": "time", "values": {"precipitation": {"column": "rain", "unit": "mm"}},
    },
    {"source": "grid_files", "key": "model", "url": "scenario:model"},
]  # fmt: skip
RAIN = ["cma/rainstorm.yaml", "generic/landslide.yaml"]


def station_table(at: datetime, lon: np.ndarray, lat: np.ndarray, generator: np.random.Generator) -> bytes:
    rain = np.round(generator.gamma(0.15, 6.0, STATIONS), 1)
    rows = [f"s{k},{lon[k]:.3f},{lat[k]:.3f},{iso(at)},{rain[k]}" for k in range(STATIONS)]
    return ("id,lon,lat,time,rain\n" + "\n".join(rows) + "\n").encode()


def forecast(at: datetime, steps: int, generator: np.random.Generator, folder: Path) -> bytes:
    """A forecast of hourly rain as NetCDF with CF names."""
    values = generator.gamma(0.2, 4.0, (steps, len(LAT), len(LON))).astype(np.float32)
    ends = [np.datetime64((at + timedelta(hours=k + 1)).replace(tzinfo=None), "ns") for k in range(steps)]
    bounds = np.stack([np.array(ends) - np.timedelta64(1, "h"), np.array(ends)], axis=1)
    data = xr.Dataset(
        {
            "rain": (("time", "lat", "lon"), values,
                     {"standard_name": "precipitation_amount", "units": "kg m-2", "cell_methods": "time: sum"}),
            "time_bounds": (("time", "bound"), bounds),
        },
        coords={
            "time": ("time", ends, {"standard_name": "time", "bounds": "time_bounds"}),
            "lat": ("lat", LAT, {"standard_name": "latitude", "units": "degrees_north"}),
            "lon": ("lon", LON, {"standard_name": "longitude", "units": "degrees_east"}),
            "forecast_reference_time": ((), np.datetime64(at.replace(tzinfo=None), "ns"),
                                        {"standard_name": "forecast_reference_time"}),
        },
    )  # fmt: skip
    path = folder / "f.nc"
    times = {"units": "hours since 2026-03-01"}
    encoding = {"rain": {"zlib": True, "complevel": 1}, "time": times, "time_bounds": times}
    data.to_netcdf(path, encoding=encoding)
    return path.read_bytes()


def make_day(path: Path, hours: int, all_rules: bool) -> tuple[int, int]:
    """The scenario; returns how many observations and fields are in it."""
    generator = np.random.default_rng(4)
    lon, lat = generator.uniform(100, 120, STATIONS), generator.uniform(23, 40, STATIONS)
    end = BEGIN + timedelta(hours=hours)
    head = {
        "name": "busy_day", "title": {"en": "Busy day", "zh": "繁忙的一天"}, "from": iso(BEGIN), "to": iso(end),
        "status": "reconstruction", "about": {"en": "Made up.", "zh": "虚构。"}, "rules": [] if all_rules else RAIN,
    }  # fmt: skip
    members = {"scenario.yaml": yaml.safe_dump(head).encode(), "feeds.yaml": yaml.safe_dump(FEEDS).encode()}
    observations = fields = 0
    with tempfile.TemporaryDirectory() as folder:
        at = BEGIN
        while at < end:
            name = f"payloads/rain/{stamp(at + timedelta(minutes=2))}_rain.csv"
            members[name] = station_table(at, lon, lat, generator)
            observations += STATIONS
            at += EVERY
        for hour in range(hours):
            at = BEGIN + timedelta(hours=hour)
            steps = FIELDS // 24 + (hour % 2)
            body = forecast(at, steps, generator, Path(folder))
            members[f"payloads/model/{stamp(at + timedelta(minutes=5))}_model.nc"] = body
            fields += steps
    write_scenario(path, members)
    return observations, fields


def processor_s() -> float:
    """Processor time of this process and of the children that have ended [s]."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@contextlib.contextmanager
def timed(spent: dict[str, float], target: object, name: str, label: str):
    """Add up the time that a function takes."""
    original = getattr(target, name)

    def wrapped(*args, **more):
        began = time.perf_counter()
        try:
            return original(*args, **more)
        finally:
            spent[label] = spent.get(label, 0.0) + time.perf_counter() - began
            spent[f"{label} times"] = spent.get(f"{label} times", 0) + 1

    setattr(target, name, wrapped)
    yield
    setattr(target, name, original)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--all-rules", action="store_true")
    options = parser.parse_args()
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        observations, fields = make_day(Path(folder) / "day.zip", options.hours, options.all_rules)
        for target, name, label in (
            (replay, "evaluate_all", "looks"), (replay, "is_settled", "dry looks"),
            (rehearsal.Carrier, "__call__", "deliveries"), (replay.Replayer, "_work", "work on fields"),
        ):  # fmt: skip
            stack.enter_context(timed(spent, target, name, label))
        out = io.StringIO()
        began, used = time.perf_counter(), processor_s()
        with contextlib.redirect_stdout(out):
            status = rehearsal.run_replay(
                Settings(home=Path(folder) / "live"), str(Path(folder) / "day.zip"), home=Path(folder) / "replay",
                speed=0, until=None, resume=False, as_json=True,
            )  # fmt: skip
        seconds, used = time.perf_counter() - began, processor_s() - used
    told = json.loads(out.getvalue())
    rejected = sum(feed["rejected"] for feed in told["feeds"].values())
    print(
        f"{observations} observations, {fields} fields, {options.hours} h: {seconds:.1f} s, "
        f"{options.hours * 3600 / seconds:.0f} times real time (target 1,000); "
        f"{used:.1f} s of processor time: {options.hours * 3600 / used:.0f} times"
    )
    print(
        f"{len(told['transitions'])} transitions, {len(told['proposals'])} proposals, {rejected} rejected; "
        f"{told['transitions_sha256'][:16]}"
    )
    for label in sorted(name for name in spent if not name.endswith("times")):
        print(f"  {label}: {spent[label]:.1f} s in {spent[f'{label} times']:.0f} calls")
    print(f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
