"""Many steps as one xarray Dataset, read where it is asked for and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import StoreError
from data.store import field_cf
from data.store.field_files import open_step, variable_name

OF_FILES = ("coordinates", "_FillValue")  # attributes that xarray writes itself


def open_dataset(home: Path, rows: Sequence[Any]) -> Any:
    """One CF dataset (time, lat, lon) over rows of `field_step` of one quantity, unit and grid.

    Parameters
    ----------
    home : Path
        Where the archive is.
    rows : sequence of rows
        In the order in which the times are to stand, as from `best_steps`.

    Returns
    -------
    xarray.Dataset
        The variable has the name of the quantity. Nothing but the axes is read; a selection reads the chunks that it
        touches. `dataset.chunk({"time": 24})` hands it to Dask.

    Raises
    ------
    StoreError
        For no rows, rows that do not belong together, or steps that are gone (also later, when they are read).
    """
    import xarray

    from data.store.field_stack import Place, Stack, lazy

    if len({(row.quantity, row.unit, row.grid) for row in rows}) != 1:
        raise StoreError("a dataset is of one quantity, unit and grid, and of at least one step")
    first = open_step(home, rows[0])
    stack = Stack(home, [Place(row.store, row.quantity) for row in rows], (len(rows), first.lat.size, first.lon.size))
    name = variable_name(rows[0].quantity)
    found = xarray.Dataset(
        {name: (("time", "lat", "lon"), lazy(stack), _attributes(first, rows))},
        {**_time_axes(rows), "lat": ("lat", first.lat, field_cf.LAT), "lon": ("lon", first.lon, field_cf.LON),
         "crs": ((), np.int32(0), field_cf.CRS)},
        {"Conventions": field_cf.CONVENTIONS, "quantity": rows[0].quantity},
    )  # fmt: skip
    for axis in ("time", "time_bnds", "forecast_reference_time"):
        found[axis].encoding.update(**field_cf.TIME_UNITS, dtype="int64")
    return found


def _time_axes(rows: Sequence[Any]) -> dict[str, Any]:
    """Everything that runs along time; which steps are forecasts is a coordinate too."""
    valid = [row.valid_at for row in rows]
    begin = [row.valid_at - timedelta(seconds=row.accumulation_s) for row in rows]
    return {
        "time": ("time", _times(valid), {"standard_name": "time", "bounds": "time_bnds"}),
        "time_bnds": (("time", "bnds"), np.stack([_times(begin), _times(valid)], axis=1)),
        "forecast_reference_time": (
            "time", _times([row.run_at for row in rows]), {"standard_name": "forecast_reference_time"},
        ),
        "forecast": ("time", np.array([bool(row.forecast) for row in rows]), {"long_name": "step of a forecast"}),
    }  # fmt: skip


def _times(times: Sequence[datetime]) -> NDArray[Any]:
    return np.array([at.replace(tzinfo=None) for at in times], "datetime64[ns]")


def _attributes(first: Any, rows: Sequence[Any]) -> dict[str, Any]:
    """The attributes of the first step; a cell method only where all steps share it."""
    stored = dict(first.levels[0].attrs)
    kept = {name: value for name, value in stored.items() if name not in OF_FILES}
    if len({row.accumulation_s for row in rows}) != 1:
        kept.pop("cell_methods", None)
    return {"grid_mapping": "crs", **kept, "units": rows[0].unit}
