"""The Canadian Forest Fire Weather Index System, one daily step over any number of cells.

Three moisture codes are carried from day to day: of litter (FFMC), of loose duff (DMC) and of deep duff (DC). The
indices of a day (ISI, BUI, FWI, DSR) follow from its codes and wind. Danger classes of the FWI are data:
`data/reference/classes/fire_danger.yaml`.

A day with an input missing has no codes and no indices. The next day goes on from the last known codes if at most
`MAX_GAP_DAYS` days are missing, and the gap is told; after a longer gap the chain starts anew. Codes after a bridged
gap lack the drying and the rain of the days between. Days since the start are counted, because the deep code needs
`SPIN_UP_DAYS` days to forget the standard start. Overwintering of the DC and the shut-down in winter are left out:
codes run all year.

References
----------
Van Wagner, C. E. and Pickett, T. L. (1985): Equations and FORTRAN program for the Canadian Forest Fire Weather Index
System. Canadian Forestry Service, Forestry Technical Report 33.
Van Wagner, C. E. (1987): Development and structure of the Canadian Forest Fire Weather Index System. Forestry
Technical Report 35.
Lawson, B. D. and Armitage, O. B. (2008): Weather guide for the Canadian Forest Fire Danger Rating System. Natural
Resources Canada (start values; day lengths by latitude).
Field, R. D. et al. (2015): Development of a Global Fire Weather Database. Nat. Hazards Earth Syst. Sci. 15, 1407-1423
(limits of the latitude bands).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from layers.classes import class_table
from layers.layer import LayerSpec

START = (85.0, 6.0, 15.0)  # FFMC, DMC and DC three days after snow melt (Lawson and Armitage 2008)
SPIN_UP_DAYS = 52  # time lag of the DC (Van Wagner 1987, table 1)
MAX_GAP_DAYS = 2
RESTARTED = 255  # in place of a gap, where the chain starts anew
NOON_TOLERANCE_H = 1.5
PARALLEL_CELLS = 200_000  # fewer are done before threads are up

# Latitudes where bands meet, from south to north, and months January to December of each band.
BAND_EDGES = np.array([-30.0, -15.0, 15.0, 30.0])
DAY_LENGTHS = np.array([  # effective day length for the DMC [h]
    [11.5, 10.5, 9.2, 7.9, 6.8, 6.2, 6.5, 7.4, 8.7, 10.0, 11.2, 11.8],
    [10.1, 9.6, 9.1, 8.5, 8.1, 7.8, 7.9, 8.3, 8.9, 9.4, 9.9, 10.2],
    [9.0] * 12,
    [7.9, 8.4, 8.9, 9.5, 9.9, 10.2, 10.1, 9.7, 9.1, 8.6, 8.1, 7.8],
    [6.5, 7.5, 9.0, 12.8, 13.9, 13.9, 12.4, 10.9, 9.4, 8.0, 7.0, 6.0],
])  # fmt: skip
NORTH = [-1.6, -1.6, -1.6, 0.9, 3.8, 5.8, 6.4, 5.0, 2.4, 0.4, -1.6, -1.6]
SOUTH = NORTH[6:] + NORTH[:6]
DRYING_FACTORS = np.array([SOUTH, SOUTH, [1.39] * 12, NORTH, NORTH])  # day length factor for the DC [1]

REFERENCE = "Van Wagner and Pickett 1985 (Canadian Forestry Service, Forestry Technical Report 33)"
NEEDS = ("air_temperature", "relative_humidity", "wind_speed", "precipitation")


def _spec(quantity: str, title: str, high: float, unit: str = "1") -> LayerSpec:
    return LayerSpec(
        key=f"field:{quantity}", title=title, kind="field", quantity=quantity, unit=unit, needs=NEEDS,
        valid_range=(0.0, high), reference=REFERENCE,
    )  # fmt: skip


CODES = ("fwi_ffmc", "fwi_dmc", "fwi_dc", "fwi_days")  # carried from day to day
SPECS = (  # of what one daily step gives
    _spec("fwi", "Fire weather index", 500.0),
    _spec("fwi_ffmc", "Fine fuel moisture code", 101.0),
    _spec("fwi_dmc", "Duff moisture code", 10_000.0),
    _spec("fwi_dc", "Drought code", 10_000.0),
    _spec("fwi_isi", "Initial spread index", 2000.0),
    _spec("fwi_bui", "Build-up index", 10_000.0),
    _spec("fwi_dsr", "Daily severity rating", 2000.0),
    _spec("fwi_days", "Days since the fire weather chain began", 100_000.0, "d"),
)
DANGER_CLASS = LayerSpec(
    key="field:fire_danger_class", title="Fire danger class", kind="field", quantity="fire_danger_class", unit="1",
    needs=("fwi",), valid_range=(0.0, 5.0), reference="EFFIS technical background, fire danger forecast",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Codes:
    """What a day hands to the next, all of one shape; NaN is unknown."""

    ffmc: NDArray[np.float64]  # [1] 0 to 101
    dmc: NDArray[np.float64]  # [1]
    dc: NDArray[np.float64]  # [1]
    days: NDArray[np.float64]  # days computed since the start

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.isfinite(self.ffmc) & np.isfinite(self.dmc) & np.isfinite(self.dc) & np.isfinite(self.days)


@dataclass(frozen=True, eq=False)
class FireWeather:
    """Codes and indices of one day, all of one shape; NaN is unknown."""

    codes: Codes
    isi: NDArray[np.float64]
    bui: NDArray[np.float64]
    fwi: NDArray[np.float64]
    dsr: NDArray[np.float64]


def start_codes(shape: tuple[int, ...]) -> Codes:
    """The standard start of a chain."""
    ffmc, dmc, dc = (np.full(shape, value) for value in START)
    return Codes(ffmc, dmc, dc, np.zeros(shape))


def go_on_from(
    days_before: Sequence[Codes | None], shape: tuple[int, ...]
) -> tuple[Codes, NDArray[np.uint8]]:  # fmt: skip
    """The codes to go on from, cell by cell: the newest known of the last days, else the standard start.

    Parameters
    ----------
    days_before
        Codes of yesterday, of the day before and so on; None for a day that has none. Those beyond
        `MAX_GAP_DAYS` + 1 are not looked at.
    shape
        Of the grid.

    Returns
    -------
    codes, gap
        `gap` counts the missing days that were bridged; `RESTARTED` where the chain starts anew.
    """
    codes, gap = start_codes(shape), np.full(shape, RESTARTED, np.uint8)
    for missed, before in enumerate(days_before[: MAX_GAP_DAYS + 1]):
        if before is None:
            continue
        here = (gap == RESTARTED) & before.known
        for target, source in zip(_arrays(codes), _arrays(before), strict=True):
            np.copyto(target, source, where=here)
        gap[here] = missed
    return codes, gap


def _arrays(codes: Codes) -> tuple[NDArray[np.float64], ...]:
    return codes.ffmc, codes.dmc, codes.dc, codes.days


def step(
    yesterday: Codes,
    temperature_c: ArrayLike,
    humidity_percent: ArrayLike,
    wind_kmh: ArrayLike,
    rain24_mm: ArrayLike,
    *,
    month: int,
    latitude: ArrayLike,
    workers: int | None = None,
) -> FireWeather:
    """One day of the system.

    Parameters
    ----------
    yesterday
        Codes of the day before (see `go_on_from`), of the shape of the grid.
    temperature_c, humidity_percent, wind_kmh
        At noon, local standard time: air temperature [degC] -60 to 60, relative humidity [%] 0 to 105 (above 100 is
        taken as 100), wind at 10 m in the open [km/h] 0 to 400.
    rain24_mm
        Rain of the 24 hours up to noon [mm] 0 to 2000.
    month
        1 to 12.
    latitude
        [degrees north], broadcast to the grid (a column for rows of a lon-lat grid).
    workers
        Threads; by default as many as processors.

    Returns
    -------
    FireWeather
        NaN in every part where a number is missing or outside its range.

    Notes
    -----
    The moisture scale has the constant 147.2 of 1985, not the 147.27723 of later programs. Between 15 degrees south
    and north the day length is 9 h and the factor 1.39 all year.
    """
    from layers.kernels.fire_weather import advance

    shape = np.shape(yesterday.ffmc)
    rows = np.asarray(latitude, np.float64)
    bands = np.where(np.abs(rows) <= 90, np.searchsorted(BAND_EDGES, rows, side="right"), -1).astype(np.int8)
    band = np.broadcast_to(bands, shape).ravel()
    given = [np.broadcast_to(part, shape).ravel() for part in (temperature_c, humidity_percent, wind_kmh, rain24_mm)]
    before = [part.ravel() for part in _arrays(yesterday)]
    out = np.empty((8, band.size))
    tables = (np.ascontiguousarray(DAY_LENGTHS[:, month - 1]), np.ascontiguousarray(DRYING_FACTORS[:, month - 1]))

    def part(cells: slice) -> None:
        advance(*(item[cells] for item in (*given, *before, band)), *tables, out[:, cells])

    threads = (workers or os.cpu_count() or 1) if band.size > PARALLEL_CELLS else 1
    size = -(-band.size // threads) or 1
    slices = [slice(first, first + size) for first in range(0, band.size, size)]
    if len(slices) == 1:
        part(slices[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, slices))
    ffmc, dmc, dc, days, isi, bui, fwi, dsr = (row.reshape(shape) for row in out)
    return FireWeather(Codes(ffmc, dmc, dc, days), isi, bui, fwi, dsr)


def danger_class(fwi: ArrayLike, *, scheme: str = "fire_danger_effis", on: date | None = None) -> NDArray[np.float32]:
    """Class of each FWI by a dated table, 0 (very low) to 5 (extreme) in the European one; NaN where unknown.

    Raises
    ------
    LayerError
        If there is no such table, or it was not in force on that day.
    """
    return class_table(scheme, on).numbers(fwi)


def spin_up_share(codes: Codes) -> float:
    """Share of the known cells whose chain is younger than `SPIN_UP_DAYS`; NaN where none is known."""
    known = codes.known
    return float((codes.days[known] < SPIN_UP_DAYS).mean()) if known.any() else float("nan")


def notes_of(gap: NDArray[np.uint8], codes: Codes) -> list[str]:
    """What should be told beside a day of codes: bridged gaps, new starts, and how much is still spinning up."""
    notes = []
    for missed in range(1, MAX_GAP_DAYS + 1):
        if count := int(((gap == missed) & codes.known).sum()):
            notes.append(f"{missed} missing day(s) bridged in {count} cells")
    if count := int(((gap == RESTARTED) & codes.known).sum()):
        notes.append(f"chain started from the standard codes in {count} cells")
    if (share := spin_up_share(codes)) > 0:
        young = f"younger than {SPIN_UP_DAYS} days in {100 * share:.0f} % of the known cells"
        notes.append(f"{young}: codes not settled yet")
    return notes


def pick_noon(stack: NDArray[np.floating], hours_utc: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """The values at local noon out of steps of one quantity.

    Parameters
    ----------
    stack
        (steps, ny, nx) values.
    hours_utc
        (steps,) hour of each step after 0 UTC of the day; may be negative or above 24 towards the date line.
    lon
        (nx,) longitude of the columns [degrees east].

    Returns
    -------
    (ny, nx)
        Of each column the step nearest to noon of mean solar time; NaN where none is within `NOON_TOLERANCE_H` hours.
    """
    turned = (np.asarray(lon, np.float64) + 180.0) % 360.0 - 180.0
    distance = np.abs(np.asarray(hours_utc, np.float64)[:, None] - (12.0 - turned / 15.0))
    nearest = distance.argmin(axis=0)
    columns = np.arange(turned.size)
    picked = np.asarray(stack[nearest, :, columns], np.float64).T
    return np.where(distance[nearest, columns] <= NOON_TOLERANCE_H, picked, np.nan)
