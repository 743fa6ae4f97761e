"""One number a region from a gridded field: mean, sum, extremes, percentiles, share of area.

What part of which cell lies in which region is taken once a grid from exactextract and kept: cells wholly inside as
runs along the rows (a run-length coded label raster), cells on a border with their share. A field is then one pass
over memory. Regions may overlap, so that several kinds share one set.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.grid import Axis, Segment, grid_digest, is_even, row_edges, segments
from data.store.archive import write_durable
from layers.layer import RegionValues

BATCH = 128  # regions given to exactextract at a time: bounds the memory of a build
FORMAT = 1  # of the cached file; part of its name
STATISTICS = ("mean", "sum", "max", "min", "percentile", "share_above")


class FieldLike(Protocol):
    """What a statistic reads of a field: `data.model.FieldStep` has it."""

    @property
    def quantity(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def valid_at(self) -> datetime: ...
    @property
    def values(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class Weights:
    """Which part of which cell lies in which region; arrays of region i are at `*_at[i]` to `*_at[i + 1]`."""

    rid: NDArray[np.int32]  # (n,)
    inside: NDArray[np.float64]  # (n,) share of the region's area (in degrees squared) that the grid covers
    run_at: NDArray[np.int64]  # (n + 1,)
    run_first: NDArray[np.int32]  # flat index of the first cell of a run of cells wholly inside
    run_length: NDArray[np.int32]
    edge_at: NDArray[np.int64]  # (n + 1,)
    edge_cell: NDArray[np.int32]  # flat index of a cell partly inside
    edge_weight: NDArray[np.float32]  # its share, as exactextract gives it
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        return self.lat.size, self.lon.size


def build_weights(lon: Axis, lat: Axis, rids: NDArray[np.int32], geometries: NDArray[np.object_]) -> Weights:
    """Weights of areas on a grid.

    Parameters
    ----------
    lon, lat : array (nx,), (ny,)
        Cell centres [degrees]; `lat` decreasing with any spacing, `lon` increasing and even but for seams.
    rids : array (n,)
    geometries : array (n,) of shapely geometries
        EPSG:4326, cut at the antimeridian.

    Notes
    -----
    A grid whose outer columns reach past 180 meets the other side of a region by shifting it a whole turn. Uneven
    rows are handled in row numbers instead of degrees: borders are bent at each row edge, where the map is linear.
    """
    import shapely

    edges, even = row_edges(lat), is_even(lat)
    bounds, areas = shapely.bounds(geometries), shapely.area(geometries)
    parts: list[_Part] = []
    for segment in segments(lon):
        for shift in (0.0, -360.0, 360.0):
            near = (bounds[:, 0] + shift < segment.east) & (bounds[:, 2] + shift > segment.west)
            near &= (bounds[:, 1] < edges[0]) & (bounds[:, 3] > edges[-1])
            chosen = np.flatnonzero(near)
            for start in range(0, chosen.size, BATCH):
                batch = chosen[start : start + BATCH]
                shapes = _prepare(geometries[batch], shift, None if even else edges)
                parts += _coverage(shapes, batch, segment, edges, even, lon.size)
    return _pack(parts, rids, areas, lon, lat)


def _prepare(shapes: NDArray[np.object_], shift: float, edges: Axis | None) -> NDArray[np.object_]:
    """Areas moved by a turn, and in row numbers where `edges` are given."""
    import shapely

    if shift:
        shapes = shapely.transform(shapes, lambda points: points + np.array([shift, 0.0]))
    if edges is None:
        return shapes
    rows = np.arange(edges.size - 1, -1, -1, dtype=np.float64)
    low, high = edges[::-1], rows[::-1]
    bent = np.array([_bend(shape, low) for shape in shapes], dtype=object)
    return np.asarray(
        shapely.transform(bent, lambda points: np.column_stack([points[:, 0], _to_rows(points[:, 1], low, high)]))
    )


def _to_rows(lat: Axis, low: Axis, rows: Axis) -> Axis:
    """Latitude -> row number, linear in each row, and beyond the grid at the slope of its outer rows."""
    found = np.interp(lat, low, rows)
    below, above = lat < low[0], lat > low[-1]
    found[below] = rows[0] + (lat[below] - low[0]) / (low[1] - low[0])
    found[above] = rows[-1] + (lat[above] - low[-1]) / (low[-1] - low[-2])
    return np.asarray(found, np.float64)


def _bend(shape: Any, edges: Axis) -> Any:
    """The same area with a vertex wherever its border meets a row edge."""
    import shapely

    polygons = shapely.get_parts(shape)
    return shapely.multipolygons(
        [
            shapely.polygons(
                _bend_ring(polygon.exterior, edges), [_bend_ring(ring, edges) for ring in polygon.interiors] or None
            )
            for polygon in polygons
        ]
    )


def _bend_ring(ring: Any, edges: Axis) -> Any:
    import shapely

    points = shapely.get_coordinates(ring)
    start, end = points[:-1], points[1:]
    first = np.searchsorted(edges, np.minimum(start[:, 1], end[:, 1]), side="right")
    last = np.searchsorted(edges, np.maximum(start[:, 1], end[:, 1]), side="left")
    count = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(count.size), count)
    offset = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    crossed = edges[first[owner] + offset]
    along = (crossed - start[owner, 1]) / (end[owner, 1] - start[owner, 1])
    added = np.column_stack([start[owner, 0] + along * (end[owner, 0] - start[owner, 0]), crossed])
    place, segment = np.concatenate([np.zeros(len(start)), along]), np.concatenate([np.arange(len(start)), owner])
    order = np.lexsort((place, segment))
    bent = np.concatenate([start, added])[order]
    return shapely.linearrings(np.concatenate([bent, bent[:1]]))


@dataclass(frozen=True, eq=False)
class _Part:
    """What one block of columns has of one region: runs of whole cells, cells on the border, and the area covered."""

    region: int
    run_first: NDArray[np.int64]
    run_length: NDArray[np.int64]
    edge_cell: NDArray[np.int64]
    edge_weight: NDArray[np.float32]
    covered: float


def _coverage(
    shapes: NDArray[np.object_], regions: NDArray[np.intp], segment: Segment, edges: Axis, even: bool, nx: int
) -> Iterator[_Part]:
    """Parts of regions in one block of columns; each is coded as it comes, so that a large one costs little."""
    import geopandas
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    ny, width = edges.size - 1, segment.last - segment.first
    south, north = (float(edges[-1]), float(edges[0])) if even else (0.0, float(ny))
    raster = NumPyRasterSource(np.zeros((ny, width), np.uint8), segment.west, south, segment.east, north)
    frame = geopandas.GeoDataFrame(geometry=shapes, crs=4326)
    table = exact_extract(raster, frame, ["cell_id", "coverage"], output="pandas")
    area = -np.diff(edges) * (segment.east - segment.west) / width
    for region, cells, shares in zip(regions.tolist(), table["cell_id"], table["coverage"], strict=True):
        local, share = np.asarray(cells, np.int64), np.asarray(shares, np.float32)
        row, column = np.divmod(local, width)
        yield _code(region, row * nx + column + segment.first, share, area[row], nx)


def _code(
    region: int, cell: NDArray[np.int64], share: NDArray[np.float32], area: NDArray[np.float64], nx: int
) -> _Part:
    covered = float(np.dot(share.astype(np.float64), area))
    full, partial = share >= 1.0, (share > 0) & (share < 1.0)
    inner = np.sort(cell[full])
    starts = np.ones(inner.size, np.bool_)
    starts[1:] = (np.diff(inner) != 1) | (inner[1:] % nx == 0)
    place = np.flatnonzero(starts)
    length = np.diff(np.append(place, inner.size))
    return _Part(region, inner[place], length, cell[partial], share[partial], covered)


def _pack(parts: list[_Part], rids: NDArray[np.int32], areas: NDArray[np.float64], lon: Axis, lat: Axis) -> Weights:
    """The parts in order of regions."""
    parts = sorted(parts, key=lambda part: part.region)
    covered, runs, borders = (np.zeros(rids.size) for _ in range(3))
    for part in parts:
        covered[part.region] += part.covered
        runs[part.region] += part.run_first.size
        borders[part.region] += part.edge_cell.size

    def joined(name: str, kind: Any) -> NDArray[Any]:
        return np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)]).astype(kind)

    return Weights(
        rid=rids,
        inside=np.divide(covered, areas, out=np.zeros(rids.size), where=areas > 0).clip(0.0, 1.0),
        run_at=np.append(0, np.cumsum(runs)).astype(np.int64),
        run_first=joined("run_first", np.int32),
        run_length=joined("run_length", np.int32),
        edge_at=np.append(0, np.cumsum(borders)).astype(np.int64),
        edge_cell=joined("edge_cell", np.int32),
        edge_weight=joined("edge_weight", np.float32),
        lat=np.asarray(lat, np.float64),
        lon=np.asarray(lon, np.float64),
    )


def load_weights(home: Path, base_dir: Path, kinds: Collection[str], lon: Axis, lat: Axis) -> Weights:
    """Weights of all regions of some kinds on a grid; built once, kept under `weights/` in the home folder."""
    path = weights_path(home, base_dir, kinds, grid_digest(lon, lat))
    if not path.exists():
        from data.regions import load_geometries

        write_durable(path, weights_to_bytes(build_weights(lon, lat, *load_geometries(base_dir, kinds))))
    return _read(path)


def weights_path(home: Path, base_dir: Path, kinds: Collection[str], grid: str) -> Path:
    """Where the weights of some kinds on a grid are kept once they are built."""
    return home / "weights" / f"{grid}-{weights_name(base_dir, kinds)}.npz"


def weights_name(base_dir: Path, kinds: Collection[str]) -> str:
    """A name for the regions of some kinds: another one as soon as the base data are others."""
    stamp = (base_dir / "regions.parquet").stat()
    base = _file_digest(base_dir / "regions.parquet", stamp.st_mtime_ns, stamp.st_size)
    return hashlib.sha256("/".join([str(FORMAT), base, *sorted(kinds)]).encode()).hexdigest()[:16]


@lru_cache(maxsize=4)
def _file_digest(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=8)
def _read(path: Path) -> Weights:
    return weights_from_bytes(path.read_bytes())


def weights_to_bytes(weights: Weights) -> bytes:
    """An npz archive without pickles."""
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **{item.name: getattr(weights, item.name) for item in fields(weights)})
    return out.getvalue()


def weights_from_bytes(body: bytes) -> Weights:
    """The weights in such an archive."""
    with np.load(io.BytesIO(body), allow_pickle=False) as file:
        return Weights(**{item.name: file[item.name] for item in fields(Weights)})


def region_values(
    field: FieldLike,
    weights: Weights,
    statistic: str = "mean",
    *,
    above: float = np.inf,
    percentile: float = 50.0,
    by_area: bool = False,
    sources: tuple[str, ...] = (),
) -> RegionValues:
    """A statistic of a field for each region.

    Parameters
    ----------
    field : FieldLike
        On the grid of `weights`; NaN is missing, left out and counted in `valid_share`, never zero.
    weights : Weights
    statistic : {'mean', 'sum', 'max', 'min', 'percentile', 'share_above'}
        `sum` adds cell values by their covered share, as exactextract does; for a depth of water by ground area take
        the mean with `by_area`. `share_above` is the share (0..1) of the valid area at or above `above`.
    above : float
        The limit of `share_above`, in the field's unit.
    percentile : float
        0 to 100: the least value that at least this share of the valid area does not exceed (no interpolation).
    by_area : bool
        Weigh cells by their area on a sphere too, instead of all alike: matters over many degrees of latitude.

    Returns
    -------
    RegionValues
        NaN where no cell is valid. `valid_share` is the share of the whole region, so that a region that lies half
        outside the grid has at most one half. A region wholly outside is not watched.

    Raises
    ------
    LayerError
        If the field is not on the grid, or for an unknown statistic.
    """
    values = np.ascontiguousarray(field.values, np.float32)
    if values.shape != weights.shape:
        raise LayerError(f"a field of {values.shape} on weights of {weights.shape}")
    if statistic not in STATISTICS:
        raise LayerError(f"statistic {statistic!r} is not one of {', '.join(STATISTICS)}")
    table = reduce_field(values, weights, above=above, by_area=by_area)
    total, weight, everything, highest, lowest, over = table.T
    valid = weight > 0
    nothing = np.full(weight.shape, np.nan)
    if statistic == "percentile":
        value = percentiles(values, weights, percentile, by_area=by_area)
    else:
        share = np.divide(over if statistic == "share_above" else total, weight, out=nothing.copy(), where=valid)
        value = {"sum": total, "max": highest, "min": lowest}.get(statistic, share)
    watched = everything > 0
    usable = np.divide(weight, everything, out=np.zeros_like(weight), where=watched) * weights.inside
    return RegionValues(
        quantity=field.quantity,
        unit="1" if statistic == "share_above" else field.unit,
        rid=weights.rid,
        value=np.where(valid, value, np.nan),
        observed_at=np.where(watched, field.valid_at.timestamp(), np.nan),
        valid_share=usable,
        watched=watched,
        sources=sources,
    )


def reduce_field(
    values: NDArray[np.floating[Any]], weights: Weights, *, above: float = np.inf, by_area: bool = False
) -> NDArray[np.float64]:
    """(n, 6): sum, valid weight, whole weight, maximum, minimum and weight at or above a limit, in one pass."""
    from layers.kernels.zonal import reduce_regions

    table: NDArray[np.float64] = reduce_regions(
        values.ravel(), values.shape[1], weights.run_at, weights.run_first, weights.run_length, weights.edge_at,
        weights.edge_cell, weights.edge_weight, _row_weights(weights.lat, by_area), np.float32(above),
    )  # fmt: skip
    return table


def _row_weights(lat: Axis, by_area: bool) -> Axis:
    """Area of a cell of each row on a sphere, relative to the equator; or 1."""
    if not by_area:
        return np.ones(lat.size)
    edges = row_edges(lat).clip(-90.0, 90.0)
    return np.asarray(-np.diff(np.sin(np.radians(edges))) / np.radians(-np.diff(edges)), np.float64)


def percentiles(
    values: NDArray[np.float32],
    weights: Weights,
    percentile: float,
    *,
    by_area: bool = False,
    people: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """(n,): the least value that at least this share [%] of a region's valid cells, or people, does not exceed."""
    from layers.kernels.zonal import percentile_regions

    more = np.empty(0) if people is None else people.ravel()
    table: NDArray[np.float64] = percentile_regions(
        np.ascontiguousarray(values, np.float32).ravel(), values.shape[1], weights.run_at, weights.run_first,
        weights.run_length, weights.edge_at, weights.edge_cell, weights.edge_weight,
        _row_weights(weights.lat, by_area), more, percentile / 100.0,
    )  # fmt: skip
    return table
