"""Survey records with known truth, for the tests of the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from layers.survey.schema import Column, Facet, Schema

SECTORS = ("housing", "school", "hospital", "bridge")
GRADES = ("1", "2", "3")
REGIONS = ("110101", "110102", "120101")
SCHEMA = Schema(
    facets=(Facet(name="sector", values=SECTORS), Facet(name="grade", values=GRADES)),
    regions=REGIONS,
    region="county",
    columns=(Column(name="floors", kind="i2"), Column(name="area", kind="f4")),
)


def make(count: int, seed: int = 1) -> pa.Table:
    """Records around two towns and scattered; some without grade, of an unknown county, or nowhere."""
    draw = np.random.default_rng(seed)
    town = draw.choice([0, 1, 2], count, p=[0.5, 0.4, 0.1])
    lon = np.where(town == 0, draw.normal(116.4, 0.1, count), draw.normal(117.2, 0.05, count))
    lat = np.where(town == 0, draw.normal(39.9, 0.1, count), draw.normal(39.1, 0.05, count))
    lon = np.where(town == 2, draw.uniform(73, 135, count), lon)
    lat = np.where(town == 2, draw.uniform(18, 54, count), lat)
    lon[:3], lat[:3] = [np.nan, 500.0, 116.0], [40.0, 40.0, 95.0]
    twice = count // 100
    lon[10 : 10 + twice], lat[10 : 10 + twice] = lon[-twice:], lat[-twice:]
    grade = draw.integers(1, 4, count)
    floors = draw.integers(1, 30, count).astype(float)
    floors[5] = 1e9
    return pa.table(
        {
            "lon": lon, "lat": lat,
            "sector": pa.array(np.array(SECTORS)[draw.integers(0, 4, count)]).dictionary_encode(),
            "grade": pa.array(grade.astype(str), mask=draw.random(count) < 0.05),
            "county": pa.array(np.array((*REGIONS, "999999"))[draw.integers(0, 4, count)]),
            "floors": pa.array(floors, mask=np.arange(count) % 50 == 7),
            "area": draw.gamma(2, 60, count).astype(np.float32),
            "name": pa.array([f"object {index}" for index in range(count)]),
        }
    )  # fmt: skip


def write(table: pa.Table, path: Path, row_group: int = 4_000) -> Path:
    """A delivery as a file of several row groups."""
    pq.write_table(table, path, row_group_size=row_group)
    return path
