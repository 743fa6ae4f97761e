"""Where a field is at or above a value, as areas: the exact edges of its cells, so that all of it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.grid import Axis, lon_step, row_edges, segments
from data.store.fields import StepArray
from layers.impact.footprint import MOST_VERTICES, PLAIN_EDGE, Shape, footprint
from layers.impact.overlap import read_cells

MOST_CELLS = 40_000_000
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class FieldArea:
    """Where a field meets a limit. Cells without a value are not in it, and their share is said."""

    geometry: Shape  # Polygon or MultiPolygon in EPSG:4326, cut at the antimeridian; empty where no cell meets it
    cells: int
    missing_share: float  # 0..1 of the cells looked at; that part may meet the limit or not


def footprint_of_field(
    step: StepArray, threshold: float, above: bool = True, *, bounds: Bounds | None = None
) -> FieldArea:  # fmt: skip
    """The area in which a field is at or above (or at or below) a value.

    Parameters
    ----------
    step : StepArray
    threshold : float
        In the unit of the field; the value itself is included on either side.
    above : bool
        False for at or below.
    bounds : (west, south, east, north), optional
        Only cells that reach into this box [degrees].

    Raises
    ------
    LayerError
        If the threshold is not a number, or the field or the outline is too large.
    """
    if not np.isfinite(threshold):
        raise LayerError("the limit of an area must be a number")
    rows, columns = _window(step, bounds)
    if rows.size * columns.size > MOST_CELLS:
        raise LayerError(
            f"a field of {rows.size * columns.size} cells is too large for outlines: choose a smaller box"
        )
    if not (rows.size and columns.size):
        return _nothing(1.0)
    block = read_cells(step, slice(rows[0], rows[-1] + 1), slice(None))[:, columns]
    limit = np.float32(threshold)
    met = np.asarray(block >= limit if above else block <= limit)  # a comparison with NaN is no
    missing = float(np.isnan(block).mean())
    if not met.any():
        return _nothing(missing)
    shape = _outline(met, columns, step.lon, row_edges(step.lat)[rows[0] : rows[-1] + 2])
    return FieldArea(geometry=footprint(shape)[0], cells=int(met.sum()), missing_share=missing)


def _nothing(missing: float) -> FieldArea:
    import shapely

    return FieldArea(geometry=shapely.MultiPolygon(), cells=0, missing_share=missing)


def _window(step: StepArray, bounds: Bounds | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows and columns whose cells reach into a box."""
    lon, lat = step.lon, step.lat
    if bounds is None:
        return np.arange(lat.size), np.arange(lon.size)
    west, south, east, north = bounds
    edges, half = row_edges(lat), lon_step(lon) / 2
    rows = np.flatnonzero((edges[:-1] > south) & (edges[1:] < north))
    met = np.zeros(lon.size, np.bool_)
    for turn in (-360.0, 0.0, 360.0):
        met |= (lon + turn + half > west) & (lon + turn - half < east)
    return rows, np.flatnonzero(met)


def _outline(met: NDArray[np.bool_], columns: NDArray[np.intp], lon: Axis, edges: Axis) -> Shape:
    """The cells that are met, joined; blocks of columns between seams each by itself."""
    import shapely

    pieces: list[list[Shape]] = []
    for block in segments(lon):
        chosen = np.flatnonzero((columns >= block.first) & (columns < block.last))
        for run in np.split(chosen, np.flatnonzero(np.diff(columns[chosen]) != 1) + 1):
            if run.size:
                west = block.west + (columns[run[0]] - block.first) * lon_step(lon)
                across = west + np.arange(run.size + 1) * lon_step(lon)
                pieces.append(_polygons(met[:, run], across, edges))
    parts = [shapely.segmentize(shapely.MultiPolygon(piece), PLAIN_EDGE) for piece in pieces if piece]
    return parts[0] if len(parts) == 1 else shapely.union_all([footprint(part)[0] for part in parts])


def _polygons(met: NDArray[np.bool_], across: Axis, down: Axis) -> list[Shape]:
    """Polygons of joined cells, from pixel corners to degrees; neighbours by a corner alone stay apart."""
    import shapely
    from rasterio.features import shapes

    found, corners = [], 0
    marks = met.astype(np.uint8)
    for outline, _ in shapes(marks, mask=met, connectivity=4):
        rings = [_ring(ring, across, down) for ring in outline["coordinates"]]
        corners += sum(len(ring) for ring in rings)
        if corners > MOST_VERTICES:
            raise LayerError("this limit gives too many small areas: choose another value or a smaller box")
        found.append(shapely.Polygon(rings[0], rings[1:]))
    return found


def _ring(corners: Any, across: Axis, down: Axis) -> NDArray[np.float64]:
    places = np.rint(np.asarray(corners)).astype(np.intp)
    return np.column_stack([across[places[:, 0]], down[places[:, 1]]])
