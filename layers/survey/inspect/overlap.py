"""Checks between areas: overlaps, and gaps that are closed in on all sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from layers.geodesy import KM_PER_DEGREE
from layers.survey.inspect.delivery import Batch, Files
from layers.survey.inspect.rules import Rule
from layers.survey.inspect.spill import strip_edges, strip_of

CHECKS = ("overlap", "gap")
LONGEST_GAP_M = 2_000.0  # a longer gap is land that nobody surveyed
SCHEMA = pa.schema([("row", pa.int64()), ("wkb", pa.binary())])

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Between:
    """What a rule found: rows, the other row of each, a point, and square metres. A gap has the row beside it."""

    rows: NDArray[np.int64]
    other: NDArray[np.int64]
    lon: Array
    lat: Array
    m2: Array

    def kept(self, mine: NDArray[np.bool_]) -> Between:
        """Some of them."""
        return Between(
            rows=self.rows[mine], other=self.other[mine], lon=self.lon[mine], lat=self.lat[mine], m2=self.m2[mine]
        )


class Areas:
    """Areas put aside in strips, each in every strip that it touches."""

    def __init__(self, files: Files, rules: Sequence[Rule], folder: Path) -> None:
        self._rules, self._edges = rules, strip_edges(files)
        self._paths = [folder / f"areas-{number:04d}.scratch" for number in range(len(self._edges) + 1)]
        self._writers = [pa.ipc.new_stream(str(path), SCHEMA) for path in self._paths]
        self._margin = LONGEST_GAP_M / 1000 / KM_PER_DEGREE if any(one.check == "gap" for one in rules) else 0.0

    def take(self, batch: Batch) -> None:
        """Put the valid areas of a batch aside."""
        import shapely

        shapes = batch.shapes
        usable = np.flatnonzero((shapely.get_dimensions(shapes) == 2) & shapely.is_valid(shapes))
        if not len(usable):
            return
        west, south, east, north = shapely.bounds(shapes[usable]).T
        margin = self._margin / np.maximum(np.cos(np.radians(np.maximum(np.abs(south), np.abs(north)))), 0.01)
        low, high = strip_of(self._edges, west - margin), strip_of(self._edges, east + margin)
        for number, writer in enumerate(self._writers):
            mine = usable[(low <= number) & (high >= number)]
            if len(mine):
                columns = [pa.array(batch.rows[mine]), pa.array(batch.wkb[mine], pa.binary())]
                writer.write_batch(pa.record_batch(columns, schema=SCHEMA))

    def found(self) -> Iterator[tuple[Rule, Between]]:
        """What each rule found in each strip."""
        import shapely

        for writer in self._writers:
            writer.close()
        for strip, path in enumerate(self._paths):
            with pa.memory_map(str(path)) as file:
                table = pa.ipc.open_stream(file).read_all()
                rows, wkb = table["row"].to_numpy(), table["wkb"].to_numpy()
            shapes = np.asarray(shapely.from_wkb(wkb), dtype=object)
            path.unlink()
            for rule in self._rules:
                if not len(shapes):
                    continue
                if rule.check == "overlap":
                    begins, found = _overlaps(rows, shapes, float(rule.given.get("least_m2", 0.0)))
                else:
                    begins, found = _gaps(rows, shapes, float(rule.given["widest_m"]))
                yield rule, found.kept(strip_of(self._edges, begins) == strip)


def _overlaps(rows: Array, shapes: Array, least_m2: float) -> tuple[Array, Between]:
    """Pairs with common ground; a pair belongs to the strip in which its common box begins."""
    import shapely

    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    earlier = rows[two] < rows[one]
    one, two = one[earlier], two[earlier]
    common = shapely.intersection(shapes[one], shapes[two])
    size = _m2(common)
    big = size > max(least_m2, 1e-4)  # areas that only touch have none but rounding
    one, two, common, size = one[big], two[big], common[big], size[big]
    west = shapely.bounds(shapes)[:, 0]
    point = shapely.point_on_surface(common)
    return np.maximum(west[one], west[two]), Between(
        rows=rows[one], other=rows[two], lon=shapely.get_x(point), lat=shapely.get_y(point), m2=size
    )


def _gaps(rows: Array, shapes: Array, widest_m: float) -> tuple[Array, Between]:
    """Holes in the union of all, not wider than a limit: as wide as the largest circle that fits in."""
    import shapely

    whole = shapely.get_parts(shapely.union_all(shapes))
    holes = np.array([shapely.Polygon(ring) for part in whole for ring in part.interiors], dtype=object)
    if not len(holes):
        nothing = np.empty(0)
        return nothing, Between(rows=rows[:0], other=rows[:0], lon=nothing, lat=nothing, m2=nothing)
    box = shapely.bounds(holes)
    metre = 1 / (1000 * KM_PER_DEGREE)
    narrow = np.cos(np.radians((box[:, 1] + box[:, 3]) / 2))
    across = np.array([_width(hole, scale) for hole, scale in zip(holes, narrow, strict=True)])
    long = np.maximum((box[:, 2] - box[:, 0]) * narrow, box[:, 3] - box[:, 1]) / metre
    kept = (across <= widest_m) & (long <= LONGEST_GAP_M)
    point = shapely.point_on_surface(holes[kept])
    beside = shapely.STRtree(shapes).nearest(point) if kept.any() else np.empty(0, np.int64)
    return box[kept, 0], Between(
        rows=rows[beside], other=np.full(int(kept.sum()), -1), lon=shapely.get_x(point), lat=shapely.get_y(point),
        m2=_m2(holes[kept]),
    )  # fmt: skip


def _width(hole: Any, narrow: float) -> float:
    """How wide a hole is [m]."""
    import shapely

    flat = shapely.transform(hole, lambda points: points * [narrow, 1.0] * 1000 * KM_PER_DEGREE)
    return 2 * float(shapely.maximum_inscribed_circle(flat).length)


def _m2(shapes: Array) -> Array:
    """The ground of small areas [m2]: square degrees, scaled at their middle latitude."""
    import shapely

    box = shapely.bounds(shapes)
    middle = np.radians((box[:, 1] + box[:, 3]) / 2)
    return np.asarray(np.nan_to_num(shapely.area(shapes) * (1000 * KM_PER_DEGREE) ** 2 * np.cos(middle)))
