"""Deliveries with faults whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
import yaml

from data.regions import areas_of, default_base_dir, load_regions
from layers.survey.inspect.rules import Rule

UNITS = ("CN-110108", "CN-110114", "CN-120116")  # Haidian, Changping, Binhai
FAULTY = ("elsewhere", "swapped", "unknown", "no_unit", "twice", "near", "id_twice", "metres", "minutes", "origin",
          "nowhere", "many_floors", "no_floors", "repaired", "grade")  # fmt: skip


def buildings(count: int = 3_000, each: int = 5, seed: int = 7) -> tuple[pa.Table, dict[str, set[str]]]:
    """Buildings inside three counties, and by fault the identities of those that were spoilt in that way."""
    draw = np.random.default_rng(seed)
    index, base = load_regions(default_base_dir()), default_base_dir()
    areas = areas_of(base, [int(index.by_code(code) or 0) for code in UNITS])
    unit = draw.integers(0, len(UNITS), count)
    points = np.array([inside(areas[place], draw) for place in unit])
    floors = draw.integers(2, 8, count).astype(float)
    table: dict[str, Any] = {
        "id": np.array([f"b{number}" for number in range(count)], object),
        "lon": points[:, 0], "lat": points[:, 1],
        "county": np.array([UNITS[place][3:] for place in unit], object),
        "floors": floors, "area": floors * draw.uniform(50, 400, count), "year": draw.integers(1950, 2020, count),
        "repaired": np.where(draw.random(count) < 0.2, 2021.0, np.nan),
        "grade": np.array(["1", "2", "3"], object)[draw.integers(0, 3, count)],
    }  # fmt: skip
    spoilt = draw.permutation(np.arange(count // 2, count))[: each * len(FAULTY)].reshape(len(FAULTY), each)
    truth = {}
    for fault, rows in zip(FAULTY, spoilt, strict=True):
        truth[fault] = {str(name) for name in table["id"][rows]}
        _spoil(table, fault, rows)
    return pa.table(
        {name: pa.array(values, from_pandas=True) for name, values in table.items()}
    ), truth  # fmt: skip


def inside(area: Any, draw: np.random.Generator) -> tuple[float, float]:
    """A point well inside an area."""
    inner = area.buffer(-0.02)
    west, south, east, north = inner.bounds
    while True:
        lon, lat = draw.uniform(west, east), draw.uniform(south, north)
        if shapely.intersects_xy(inner, lon, lat):
            return float(lon), float(lat)


def _spoil(table: dict[str, Any], fault: str, rows: Any) -> None:
    lon, lat, first = table["lon"], table["lat"], np.arange(len(rows))
    match fault:
        case "elsewhere":
            table["county"][rows] = "440106"
        case "swapped":
            lon[rows], lat[rows] = lat[rows], lon[rows].copy()
        case "unknown":
            table["county"][rows] = "999999"
        case "no_unit":
            table["county"][rows] = None
        case "twice":
            lon[rows], lat[rows] = lon[first], lat[first]
            table["county"][rows] = table["county"][first]
        case "near":  # 1.5 m away from an earlier one, with the same values
            for name in ("lon", "county", "floors", "area", "year"):
                table[name][rows] = table[name][first + 100]
            lat[rows] = lat[first + 100] + 1.5 / 111_195
        case "id_twice":
            table["id"][rows] = table["id"][first + 200]
        case "metres":
            lon[rows], lat[rows] = lon[rows] * 4_000 + 39e6 - 4e5, lat[rows] * 111_000
        case "minutes":
            lon[rows], lat[rows] = (np.floor(one[rows]) * 100 + (one[rows] % 1) * 60 for one in (lon, lat))
        case "origin":
            lon[rows], lat[rows] = 0.0, 0.0
        case "nowhere":
            lon[rows] = np.nan
        case "many_floors":
            table["floors"][rows] = 900.0
        case "no_floors":
            table["floors"][rows] = np.nan
        case "repaired":
            table["repaired"][rows] = 1900.0
        case "grade":
            table["grade"][rows] = "9"


def deliver(table: pa.Table, folder: Path, parts: int = 2) -> Path:
    """A delivery's folder with a table in several files."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-table.num_rows // parts)
    for number in range(parts):
        pq.write_table(table.slice(number * size, size), folder / f"part-{number:05d}.parquet", row_group_size=500)
    return folder


def shaped(shapes: list[Any], ids: list[str] | None = None) -> pa.Table:
    """A table of geometries; bytes go in as they are, None is none."""
    wkb = [one if one is None or isinstance(one, bytes) else shapely.to_wkb(one) for one in shapes]
    names = ids or [f"a{number}" for number in range(len(shapes))]
    return pa.table({"id": names, "geometry": pa.array(wkb, pa.binary())})


def rule(written: str) -> Rule:
    """A rule from YAML, with the sentences that every rule must have."""
    given = yaml.safe_load(written)
    head = {name: given.pop(name) for name in ("check",)}
    severity = given.pop("severity", "error")
    return Rule(id=given.pop("id", head["check"]), severity=severity, en="a", zh="一", given=given, **head)
