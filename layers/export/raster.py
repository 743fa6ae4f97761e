"""A field as a cloud-optimised GeoTIFF: CRS, unit, missing value and all facts in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.grid import Axis, is_even, lon_step, row_edges
from data.store.fields import StepArray
from layers.impact.overlap import read_cells

if TYPE_CHECKING:
    from layers.export.files import Bounds, Facts

MOST_CELLS = 60_000_000
UNEVEN = "Rows of uneven height were put on even ones, each taking the row that it lies in."


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a field on even columns; longitudes run on past 180 where it crosses the antimeridian."""

    lon: Axis  # (nx,) centres, increasing
    lat: Axis  # (ny,) centres, decreasing
    edges: Axis  # (ny + 1,) of the rows
    values: NDArray[np.float32]
    categorical: bool


def read_block(step: StepArray, bounds: Bounds | None = None, *, most: int = MOST_CELLS) -> Block:
    """The cells of a field that reach into a box.

    Raises
    ------
    LayerError
        If there are none, or more than `most`.
    """
    lon, place = _columns(step.lon, bounds)
    edges = row_edges(step.lat).clip(-90.0, 90.0)
    south, north = (-90.0, 90.0) if bounds is None else (bounds[1], bounds[3])
    rows = np.flatnonzero((edges[:-1] > south) & (edges[1:] < north))
    if not rows.size or not (place >= 0).any():
        raise LayerError("the field has no cell in this box")
    if rows.size * lon.size > most:
        raise LayerError(f"{rows.size * lon.size} cells are too many for this format (at most {most}): take a box")
    known = place[place >= 0]
    read = read_cells(step, slice(rows[0], rows[-1] + 1), slice(int(known.min()), int(known.max()) + 1))
    values = np.full((rows.size, lon.size), np.nan, np.float32)
    values[:, place >= 0] = read[:, known - known.min()]
    categorical = bool(getattr(step.row, "attributes", {}).get("categorical"))
    return Block(lon, step.lat[rows], edges[rows[0] : rows[-1] + 2], values, categorical)


def _columns(lon: Axis, bounds: Bounds | None) -> tuple[Axis, NDArray[np.intp]]:
    """Even columns from west to east, and the column of the field for each; -1 where it has none."""
    step = lon_step(lon)
    turned = lon
    if bounds is None:
        gap = np.diff(np.append(lon, lon[0] + 360.0))
        if gap.max() > 1.5 * step:  # what is not all round begins after its widest gap
            first = (int(np.argmax(gap)) + 1) % lon.size
            turned = np.where(np.arange(lon.size) < first, lon + 360.0, lon)
    else:
        west, _, east, _ = bounds
        # The turn that puts a column at or after the western edge; nothing is taken twice.
        turned = lon + 360.0 * np.ceil((west - step / 2 - lon) / 360.0 + 1e-12)
        turned = np.where(turned < min(east, west + 360.0) + step / 2 - 1e-9, turned, np.nan)
    chosen = np.flatnonzero(np.isfinite(turned))
    if not chosen.size:
        return np.empty(0), np.empty(0, np.intp)
    order = chosen[np.argsort(turned[chosen])]
    number = np.rint((turned[order] - turned[order[0]]) / step).astype(np.intp)
    place = np.full(int(number[-1]) + 1, -1, np.intp)
    place[number] = order
    return turned[order[0]] + np.arange(place.size) * step, place


def write_cog(block: Block, facts: Facts) -> bytes:
    """The GeoTIFF: EPSG:4326, float32, NaN where nothing is known."""
    from rasterio.io import MemoryFile
    from rasterio.transform import Affine

    values, notes = _even(block)
    height, width = values.shape
    step = float(block.lon[1] - block.lon[0]) if block.lon.size > 1 else float(block.edges[0] - block.edges[1])
    west, east = float(block.lon[0]) - step / 2, float(block.lon[-1]) + step / 2
    north, south = float(block.edges[0]), float(block.edges[-1])
    transform = Affine((east - west) / width, 0.0, west, 0.0, (south - north) / height, north)
    options: dict[str, Any] = {
        "driver": "COG", "width": width, "height": height, "count": 1, "dtype": "float32", "crs": "EPSG:4326",
        "transform": transform, "nodata": float("nan"), "compress": "deflate", "predictor": "yes",
        "overview_resampling": "nearest" if block.categorical else "average",
    }  # fmt: skip
    words = facts.words()
    words["notes"] = "; ".join([*facts.notes, *notes])
    with MemoryFile() as memory:
        with memory.open(**options) as file:
            file.write(values, 1)
            file.set_band_description(1, facts.quantity)
            file.set_band_unit(1, facts.unit)
            file.update_tags(**{key.upper(): value for key, value in words.items() if value})
        return bytes(memory.read())


def _even(block: Block) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Values on rows of even height."""
    if block.lat.size < 2 or is_even(block.lat):
        return block.values, ()
    height = float(np.diff(-block.edges).min())
    count = max(1, round(float(block.edges[0] - block.edges[-1]) / height))
    centres = block.edges[0] - (np.arange(count) + 0.5) * (block.edges[0] - block.edges[-1]) / count
    row = (np.searchsorted(-block.edges, -centres, side="right") - 1).clip(0, block.lat.size - 1)
    return block.values[row], (UNEVEN,)
