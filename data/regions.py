"""Regions: a light index that every process can hold, and their areas read only where somebody needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import ConfigError

if TYPE_CHECKING:
    import shapely

KINDS = ("country", "admin1", "cn-province", "cn-prefecture", "cn-county", "us-state", "us-county")
DEPTH = {"country": 0, "admin1": 1, "cn-province": 1, "us-state": 1}
DEPTH |= {"cn-prefecture": 2, "us-county": 2, "cn-county": 3}
FINEST_FIRST = tuple(sorted(KINDS, key=lambda kind: (-DEPTH[kind], KINDS.index(kind))))

Texts = NDArray[np.str_]
Numbers = NDArray[np.float64]
Rids = NDArray[np.int32]


def default_base_dir() -> Path:
    """Where set-up puts the base data."""
    return Path(__file__).resolve().parent / "var" / "base"


@dataclass(frozen=True, eq=False)
class RegionIndex:
    """Every region by its row number `rid`; arrays are in that order and read-only.

    `parent_rid` is -1 at the top; `bbox` has the columns west, south, east, north [degrees] of the plane, so that a
    region on the antimeridian spans -180 to 180; `lon`, `lat` are a point inside. `population` is known for countries
    and NaN elsewhere; `places_population` sums the populated places inside, which is a weight and not a census.
    """

    code: Texts
    kind: Texts
    pack: Texts
    name: Texts
    name_zh: Texts
    parent_rid: Rids
    population: Numbers
    places_population: Numbers
    lon: Numbers
    lat: Numbers
    bbox: Numbers
    base_dir: Path

    def __len__(self) -> int:
        return len(self.code)

    @cached_property
    def rid(self) -> Rids:
        """0 to n-1."""
        return np.arange(len(self), dtype=np.int32)

    @cached_property
    def _rid_of_code(self) -> dict[str, int]:
        return {code: rid for rid, code in enumerate(self.code.tolist())}

    @cached_property
    def _rids_of_kind(self) -> dict[str, Rids]:
        return {kind: np.flatnonzero(self.kind == kind).astype(np.int32) for kind in KINDS}

    @cached_property
    def _children(self) -> dict[int, Rids]:
        order = np.argsort(self.parent_rid, kind="stable").astype(np.int32)
        parents, starts = np.unique(self.parent_rid[order], return_index=True)
        return dict(zip(parents.tolist(), np.split(order, starts[1:].tolist()), strict=True))

    def by_code(self, code: str) -> int | None:
        """The rid of a code, or None."""
        return self._rid_of_code.get(code)

    def of_kind(self, kind: str) -> Rids:
        """The rids of a kind in order; KeyError for a word that is not a kind."""
        return self._rids_of_kind[kind]

    def children(self, rid: int) -> Rids:
        """The regions one step below."""
        return self._children.get(rid, np.empty(0, dtype=np.int32))

    def ancestors(self, rid: int) -> tuple[int, ...]:
        """The regions above, nearest first."""
        found = []
        above = int(self.parent_rid[rid])
        while above >= 0:
            found.append(above)
            above = int(self.parent_rid[above])
        return tuple(found)

    def chain(self, rid: int) -> tuple[int, ...]:
        """The region itself and those above it, nearest first."""
        return (rid, *self.ancestors(rid))

    def descendants(self, rid: int) -> Iterator[int]:
        """The regions below, all the way down."""
        for child in self.children(rid).tolist():
            yield child
            yield from self.descendants(child)


@dataclass(frozen=True, eq=False)
class _Areas:
    rids: Rids
    geometries: NDArray[np.object_]
    tree: shapely.STRtree


def load_regions(base_dir: Path | None = None) -> RegionIndex:
    """The index of the base data in `base_dir`; read once per process and file.

    Raises
    ------
    ConfigError
        Where the base data has not been built.
    """
    folder = base_dir or default_base_dir()
    path = folder / "regions_index.npz"
    if not path.is_file():
        raise ConfigError([f"base data is missing in {folder}: run `make setup`"])
    return _load(folder, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(folder: Path, _modified: int) -> RegionIndex:
    with np.load(folder / "regions_index.npz", allow_pickle=False) as file:
        columns = {name: file[name] for name in file.files}
    bbox = np.column_stack([columns[name] for name in ("west", "south", "east", "north")])
    for values in (bbox, *columns.values()):
        values.setflags(write=False)
    own = [field.name for field in fields(RegionIndex) if field.name in columns]
    return RegionIndex(**{name: columns[name] for name in own}, bbox=bbox, base_dir=folder)


def load_geometries(base_dir: Path, kinds: Collection[str]) -> tuple[Rids, NDArray[np.object_]]:
    """The areas of some kinds.

    Returns
    -------
    rids : array of int32
        In ascending order.
    geometries : array of shapely geometries
        EPSG:4326, valid, Polygon or MultiPolygon, in the order of `rids`.
    """
    import pyarrow.parquet as pq
    import shapely

    path = base_dir / "regions.parquet"
    if not path.is_file():
        raise ConfigError([f"base data is missing in {base_dir}: run `make setup`"])
    table = pq.read_table(path, columns=["rid", "geometry"], filters=[("kind", "in", list(kinds))])
    rids = table["rid"].to_numpy().astype(np.int32)
    geometries = np.asarray(shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False)), dtype=object)
    order = np.argsort(rids)
    return rids[order], geometries[order]


@lru_cache(maxsize=len(KINDS))
def _areas(base_dir: Path, kind: str, _modified: int) -> _Areas:
    import shapely

    rids, geometries = load_geometries(base_dir, [kind])
    shapely.prepare(geometries)
    return _Areas(rids, geometries, shapely.STRtree(geometries))


def locate(
    lon: float, lat: float, kind: str | Literal["leaf"] = "leaf", *, base_dir: Path | None = None
) -> int | None:
    """The region at a point.

    Parameters
    ----------
    lon, lat : float
        [degrees]. Any longitude is brought to -180..180; +180 and -180 are the same meridian.
    kind : str
        A kind, or `leaf` for the finest kind that has a region there.
    base_dir : Path, optional
        Where the base data is.

    Returns
    -------
    int or None
        The rid; on a shared border the lowest of them; None at sea, outside the latitudes, or for NaN.
    """
    folder = base_dir or default_base_dir()
    if not (np.isfinite(lon) and -90.0 <= lat <= 90.0):
        return None
    for wanted in FINEST_FIRST if kind == "leaf" else (kind,):
        found = _locate_in(folder, wanted, float(lon), float(lat))
        if found is not None:
            return found
    return None


def _locate_in(folder: Path, kind: str, lon: float, lat: float) -> int | None:
    import shapely

    load_regions(folder)
    areas = _areas(folder, kind, (folder / "regions.parquet").stat().st_mtime_ns)
    hits: list[int] = []
    for meridian in _meridians(lon, lat):
        point = shapely.Point(meridian, lat)
        near = areas.tree.query(point)
        hits += areas.rids[near[shapely.intersects(areas.geometries[near], point)]].tolist()
    return min(hits, default=None)


def _meridians(lon: float, lat: float) -> tuple[float, ...]:
    """The longitudes under which a point may be written: both at the antimeridian, the same one at a pole."""
    if abs(lat) == 90.0:
        return (0.0,)
    wrapped = (lon + 180.0) % 360.0 - 180.0
    return (-180.0, 180.0) if wrapped == -180.0 else (wrapped,)


def areas_near(base_dir: Path, kind: str, area: shapely.Geometry) -> tuple[Rids, NDArray[np.object_]]:
    """The regions of a kind whose boxes meet an area, in order, and their areas; kept in memory by kind."""
    held = _areas(base_dir, kind, (base_dir / "regions.parquet").stat().st_mtime_ns)
    near = np.sort(held.tree.query(area))
    return held.rids[near], held.geometries[near]


def areas_of(base_dir: Path, rids: Sequence[int]) -> NDArray[np.object_]:
    """The areas of some regions in their order; kept in memory by kind.

    Raises
    ------
    KeyError
        For a number that is no region.
    """
    index, modified = load_regions(base_dir), (base_dir / "regions.parquet").stat().st_mtime_ns
    found: dict[int, shapely.Geometry] = {}
    for kind in sorted({str(index.kind[rid]) for rid in rids if 0 <= rid < len(index)}):
        held = _areas(base_dir, kind, modified)
        wanted = np.flatnonzero(np.isin(held.rids, np.asarray(rids)))
        found |= dict(zip(held.rids[wanted].tolist(), held.geometries[wanted], strict=True))
    return np.array([found[int(rid)] for rid in rids], dtype=object)
