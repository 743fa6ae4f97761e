"""Fields for the Plan page, written for tests and pictures: hourly rain over the Mississippi, with a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.model import FieldStep
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext

LON = -97.0 + 0.125 + np.arange(48) * 0.25
LAT = 43.0 - 0.125 - np.arange(32) * 0.25
CENTRE = (-91.0, 39.0)  # of the heaviest rain at the newest hour [degrees]
HOURS, AHEAD, YEARS = 8, 6, 14
SOURCE = "rain_grid"


def storm(lon: float, lat: float, peak: float) -> NDArray[np.float32]:
    """Rain around a centre [mm]; the south-east corner of the grid is missing."""
    x, y = np.meshgrid(LON, LAT)
    values = peak * np.exp(-(((x - lon) / 2.5) ** 2 + ((y - lat) / 2.0) ** 2))
    values[(x > -88.5) & (y < 36.5)] = np.nan
    return np.asarray(values, np.float32)


def step(valid_at: datetime, values: NDArray[np.float32], **changes: Any) -> FieldStep:
    """One hour of rain."""
    made = FieldStep(
        quantity="precipitation", unit="mm", valid_at=valid_at, run_at=valid_at, lon=LON, lat=LAT, values=values,
        accumulation_s=3600, attributes={"title": "Precipitation"},
    )  # fmt: skip
    return replace(made, **changes)


def hours(now: datetime) -> list[FieldStep]:
    """Rain that moves east: the last hours, and a forecast of the next ones."""
    newest = now.replace(minute=0, second=0, microsecond=0)
    east, north = CENTRE
    past = [
        step(newest - timedelta(hours=back), storm(east - back / 2, north, 60 - 4 * back)) for back in range(HOURS)
    ]
    ahead = [
        step(newest + timedelta(hours=n), storm(east + n / 2, north, 60 + 2 * n), run_at=newest, forecast=True)
        for n in range(1, AHEAD + 1)
    ]
    return past + ahead


def years(now: datetime) -> list[FieldStep]:
    """The largest hourly rain of each year, cell by cell."""
    draw = np.random.default_rng(7)
    made = []
    for year in range(now.year - YEARS, now.year):
        values = draw.gumbel(30.0, 9.0, (LAT.size, LON.size)).clip(5).astype(np.float32)
        at = datetime(year, 12, 31, 12, tzinfo=UTC)
        made.append(step(at, values, quantity="precipitation_1h_annual_max"))
    return made


def people(at: datetime) -> FieldStep:
    """People by cell: a thousand everywhere, a million in the cell at the centre of the storm."""
    values = np.full((LAT.size, LON.size), 1000.0, np.float32)
    values[np.abs(LAT - CENTRE[1]).argmin(), np.abs(LON - CENTRE[0]).argmin()] = 1e6
    title = "People of the test grid"
    return step(at, values, quantity="population", unit="1", accumulation_s=0, attributes={"title": title})


def keep(store: Store, home: Path, steps: Sequence[FieldStep], now: datetime, source: str = SOURCE) -> None:
    """Put steps into the archive as a feed's run does."""
    context = PutContext(source=source, payload_id=0, received_at=now, home=home)
    sink = FieldSink()
    prepared = sink.prepare(context, steps)
    with store.write() as connection:
        sink.put(connection, context, prepared)


def fill(store: Store, home: Path, now: datetime) -> None:
    """Everything of the scene."""
    keep(store, home, [*hours(now), *years(now)], now)
    keep(store, home, [people(datetime(2025, 1, 1, tzinfo=UTC))], now, source="people_grid")
