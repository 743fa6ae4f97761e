"""A printed map of survey records: how many there are, as far as the reader may be told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from layers.export.files import Export, Facts, named
from layers.export.map import MapContent, Marks, Numbers, export_map, world
from layers.export.picture_frame import Bounds, Frame
from layers.layer import Ramp
from layers.survey.choice import Choice
from layers.survey.lone import RIM, enlarged
from layers.survey.tiles import SHOWN, stops

if TYPE_CHECKING:
    from layers.survey.marks.mark import Mark
    from layers.survey.sight import Sight

QUANTITY, UNIT = "survey_records", "records a dot"
NOTHING = "No record is told here"
DEEPEST = 20
LAST_LAT = 85.0  # of the web Mercator map, on which records are counted
DOT = 2  # pixels that are drawn for one that is counted, as a page is drawn larger and brought down
FEW_TILES = 4  # each way, by which the extent of what is chosen is found
Counts = NDArray[np.int64]


def export_records(
    form: str, seen: Sight, choice: Choice, facts: Facts, *, base_dir: Path, fonts: Path,
    bounds: Bounds | None = None, mark: Mark | None = None,
) -> Export:  # fmt: skip
    """The records of a choice on a page, as `png` or `pdf`.

    Raises
    ------
    LayerError
        If there is none.
    """
    box = bounds or extent(seen, choice)
    ramp = Ramp(stops=tuple((float(stop["value"]), stop["colour"]) for stop in stops()), interpolate=False)

    def paint(window: Frame) -> tuple[Numbers, Marks]:
        return _painted(counted(seen, choice, window))

    content = MapContent(
        bounds=box, ramp=ramp, unit=UNIT, paint=paint, borders=np.empty(0, object), nothing=NOTHING, **world(base_dir)
    )
    return named(export_map(form, content, facts, fonts, mark), form, facts)


def extent(seen: Sight, choice: Choice) -> Bounds:
    """A box that holds the records of a choice, about as fine as they are spread; LayerError where there is none."""
    box, zoom = (-180.0, -LAST_LAT, 180.0, LAST_LAT), 0
    while True:
        found = _filled(seen, choice, box, zoom)
        if found is None:
            raise LayerError("No record is chosen here.")
        wide = max(found[2] - found[0], found[3] - found[1])
        deeper = min(DEEPEST, math.floor(math.log2(360 * FEW_TILES / 2 / wide)))
        if deeper <= zoom:
            return found
        box, zoom = found, deeper


def _filled(seen: Sight, choice: Choice, box: Bounds, zoom: int) -> Bounds | None:
    """The box of the cells with records."""
    lon, lat = [], []
    for x, y in _tiles(box, zoom):
        grid = seen.grid(zoom, x, y, choice)
        rows, columns = np.nonzero(grid)
        if rows.size:
            lon += [_lon(zoom, x + end / len(grid)) for end in (columns.min(), columns.max() + 1)]
            lat += [_lat(zoom, y + end / len(grid)) for end in (rows.min(), rows.max() + 1)]
    return (min(lon), min(lat), max(lon), max(lat)) if lon else None


def _tiles(box: Bounds, zoom: int) -> list[tuple[int, int]]:
    """Tiles that a box touches; its east may pass 180."""
    side = 2**zoom
    west, east = (math.floor((lon + 180) / 360 * side) for lon in (box[0], box[2] - 1e-9))
    north, south = (min(max(math.floor(_row(lat, side)), 0), side - 1) for lat in (box[3], box[1] + 1e-9))
    columns = dict.fromkeys(x % side for x in range(west, east + 1))
    return [(x, y) for x in columns for y in range(north, south + 1)]


def counted(seen: Sight, choice: Choice, window: Frame) -> Counts:
    """Records in every dot of a window: each counts in the one that its cell of the map lies in."""
    dots = np.zeros((window.height // DOT, window.width // DOT), np.int64)
    zoom = min(max(math.ceil(math.log2(360 / 256 / (window.dx * DOT))), 0), DEEPEST)
    for x, y in _tiles((window.west, window.south, window.east, window.north), zoom):
        grid = seen.grid(zoom, x, y, choice)
        if grid.any():
            _add(dots, grid, (zoom, x, y), window)
    return dots


def _add(dots: Counts, grid: NDArray[np.uint32], tile: tuple[int, int, int], window: Frame) -> None:
    zoom, x, y = tile
    side, (height, width) = len(grid), dots.shape
    if 360 / 2**zoom / side > window.dx * DOT * 1.01:  # coarse cells: each dot shows the one that it lies in
        lon = window.west + (np.arange(width) + 0.5) * DOT * window.dx
        lat = window.north - (np.arange(height) + 0.5) * DOT * window.dy
        columns = np.floor((((lon + 180) / 360 * 2**zoom) % 2**zoom - x) * side).astype(np.int64)
        rows = np.floor((_row(lat.clip(-LAST_LAT, LAST_LAT), 2**zoom) - y) * side).astype(np.int64)
        across, down = (np.flatnonzero((at >= 0) & (at < side)) for at in (columns, rows))
        dots[np.ix_(down, across)] = grid[np.ix_(rows[down], columns[across])]
        return
    rows, columns = np.nonzero(grid)
    lon = (_lon(zoom, x + (columns + 0.5) / side) - window.west) % 360
    lat = window.north - _lat(zoom, y + (rows + 0.5) / side)
    across, down = (lon / window.dx / DOT).astype(np.int64), np.floor(lat / window.dy / DOT).astype(np.int64)
    inside = (across < width) & (down >= 0) & (down < height)
    np.add.at(dots, (down[inside], across[inside]), grid[rows[inside], columns[inside]])


def _painted(dots: Counts) -> tuple[Numbers, Marks]:
    """Values as the page draws them; what stands alone is three dots wide."""
    shade = enlarged(np.searchsorted(SHOWN, dots, side="right").astype(np.uint8))
    shade[shade == RIM] = 0  # paper is light
    values = np.append(0, SHOWN)[shade].astype(np.float32)
    large = np.kron(values, np.ones((DOT, DOT), np.float32))
    return large, large > 0


def _lon(zoom: int, x: Any) -> Any:
    return x / 2**zoom * 360 - 180


def _lat(zoom: int, y: Any) -> Any:
    return np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y / 2**zoom))))


def _row(lat: Any, side: int) -> Any:
    """Where a latitude lies among the rows of tiles."""
    return (0.5 - np.arctanh(np.sin(np.radians(np.clip(lat, -LAST_LAT, LAST_LAT)))) / (2 * np.pi)) * side
