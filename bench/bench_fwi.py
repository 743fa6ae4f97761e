"""Fire weather: a daily step of ours against xclim's `cffwis_indices`, on the same weather and machine.

    python bench/bench_fwi.py [--size 2000] [--days 20] [--peer-size 600] [--workers 0]

Prints the time for a cell and day of each, by the clock and by the processors' time, their ratio, the time that a
year of the whole grid takes at this rate, and the largest difference on the cells that both computed. xclim keeps
every day of every cell in memory, ten arrays of 64 bits: a year of 2,000 x 2,000 cells would need 117 GB, so that it
is given a corner of the grid, `--peer-size` cells wide, and its time is counted for each cell and day. `--days 365`
is the year. By default ours uses all processors, which xclim's series does not without Dask; the ratio of processor
time is that of one thread to one thread, and is the one to read on a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from layers.derived.fire_weather import START, FireWeather, start_codes, step

NAMES = ("ffmc", "dmc", "dc", "isi", "bui", "fwi")


def weather(day: int, size: int) -> tuple[np.ndarray, ...]:
    """One made-up day [degC, %, km/h, mm], float32 (size, size): the same for the same day and size."""
    draw = np.random.default_rng(day)
    season = np.float32(12 + 14 * np.sin((day - 100) / 58.0))
    t = season + draw.standard_normal((size, size), np.float32) * np.float32(6)
    h = draw.random((size, size), np.float32) * np.float32(85) + np.float32(15)
    w = draw.random((size, size), np.float32) * np.float32(40)
    wet = draw.random((size, size), np.float32)
    p = np.where(wet > 0.7, (wet - np.float32(0.7)) * np.float32(60), np.float32(0))
    return t, h, w, p


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def months(days: int) -> np.ndarray:
    dates = np.datetime64("2001-01-01") + np.arange(days)
    return dates.astype("datetime64[M]").astype(int) % 12 + 1


def numbers(today: FireWeather) -> tuple[np.ndarray, ...]:
    return (*(getattr(today.codes, name) for name in NAMES[:3]), *(getattr(today, name) for name in NAMES[3:]))


def ours(
    size: int, days: int, corner: int, latitude: np.ndarray, workers: int | None
) -> tuple[np.ndarray, Any, Any]:  # fmt: skip
    """Seconds by both clocks in the steps, and of the corner the weather and the numbers of every day."""
    codes, total = start_codes((size, size)), np.zeros(2)
    inputs, found = [], []
    tiny = np.zeros((2, 2))
    for warm in (tiny, tiny.astype(np.float32)):  # compiles
        step(start_codes((2, 2)), warm, warm + 50, warm, warm, month=1, latitude=0.0)
    for day, month in enumerate(months(days)):
        given = weather(day, size)
        begun = clocks()
        today = step(codes, *given, month=int(month), latitude=latitude[:, None], workers=workers)
        total += clocks() - begun
        codes = today.codes
        inputs.append([part[:corner, :corner].copy() for part in given])
        found.append([part[:corner, :corner].copy() for part in numbers(today)])
    return total, np.array(inputs), np.array(found)


def peer(values: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds by both clocks of `cffwis_indices`, and its numbers (days, 6, corner, corner)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import xarray as xr
        from xclim.indices import cffwis_indices

        days, _, corner, _ = values.shape
        dims = ("time", "lat", "lon")
        coords: dict[str, Any] = {
            "time": xr.date_range("2001-01-01", periods=days, freq="D"),
            "lat": ("lat", latitude, {"units": "degrees_north"}), "lon": np.arange(corner),
        }  # fmt: skip
        weather = [
            xr.DataArray(values[:, place].astype(np.float64), dims=dims, coords=coords, attrs={"units": unit})
            for place, unit in enumerate(("degC", "%", "km/h", "mm/d"))
        ]
        starts = [xr.full_like(weather[0][0].drop_vars("time"), value).assign_attrs(units="1") for value in START]

        def run(count: int) -> tuple[np.ndarray, list[Any]]:
            t, h, w, p = (part[:count] for part in weather)
            begun = clocks()
            found = cffwis_indices(
                tas=t, hurs=h, sfcWind=w, pr=p, lat=t.lat, ffmc0=starts[0], dmc0=starts[1], dc0=starts[2]
            )
            return clocks() - begun, [part.transpose(*dims).to_numpy() for part in found]

        run(2)  # compiles
        seconds, (dc, dmc, ffmc, isi, bui, fwi) = run(days)
        return seconds, np.stack([ffmc, dmc, dc, isi, bui, fwi], axis=1)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=2000)
    options.add_argument("--days", type=int, default=20)
    options.add_argument("--peer-size", type=int, default=600)
    options.add_argument("--workers", type=int, default=0)
    given = options.parse_args()
    corner = min(given.peer_size, given.size)
    latitude = np.linspace(60.0, -50.0, given.size)

    ours_s, inputs, found = ours(given.size, given.days, corner, latitude, given.workers or None)
    ours_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    peer_s, theirs = peer(inputs, latitude[:corner])
    ours_ns = ours_s / (given.size**2 * given.days) * 1e9
    peer_ns = peer_s / (corner**2 * given.days) * 1e9
    year = given.size**2 * 365 / 1e9
    result = {
        "cells": given.size**2, "days": given.days, "workers": given.workers or os.cpu_count(),
        "ours_s_a_day": round(ours_s[0] / given.days, 3), "ours_year_s": round(ours_ns[0] * year, 1),
        "ours_ns_a_cell_and_day": round(ours_ns[0], 1), "ours_cpu_ns": round(ours_ns[1], 1),
        "ours_peak_rss_mb": ours_mb, "peer_cells": corner**2, "peer_s": round(peer_s[0], 2),
        "peer_year_s": round(peer_ns[0] * year, 1), "peer_ns_a_cell_and_day": round(peer_ns[0], 1),
        "peer_cpu_ns": round(peer_ns[1], 1), "ratio": round(peer_ns[0] / ours_ns[0], 2),
        "cpu_ratio": round(peer_ns[1] / ours_ns[1], 2), "difference": float(np.abs(found - theirs).max()),
        "load": [round(number, 2) for number in os.getloadavg()],
    }  # fmt: skip
    print(json.dumps(result, indent=1))
    return 0 if result["difference"] <= 1e-6 else 1


if __name__ == "__main__":
    raise SystemExit(main())
