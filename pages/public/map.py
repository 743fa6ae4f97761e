"""The small map of warnings: one static drawing made on the server from base data, without scripts or tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from alerts.media.map_picture import area_of as drawn_area
from alerts.published import Published
from api.public.card import SHAPES
from api.search import Places, load_places
from data.model import Level
from data.regions import RegionIndex

WIDTH, HEIGHT = 600, 400
MARGIN = 0.2  # of the span, on each side
LEAST_SPAN = 0.8  # degrees of latitude
LARGEST = 36_000  # characters; coarser until it fits
MOST_BACKDROP = 160
MOST_REGIONS = 400
MOST_PLACES = 7
SHEET = shapely.box(0, 0, WIDTH, HEIGHT)
LETTER = 11.0  # width of a letter of a name; Chinese ones are nearly twice as wide
KINDS = (  # the width [degrees] down to which each kind of border helps
    (25.0, ("country",)),
    (5.0, ("cn-province", "us-state", "country")),
    (0.0, ("cn-prefecture", "us-county", "cn-province", "us-state", "country")),
)


class Frame:
    """A part of the Earth on paper: degrees to units, north up, true to shape in its middle."""

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        middle = (south + north) / 2
        self.squeeze = max(0.1, float(np.cos(np.radians(middle))))
        tall = max((north - south) * (1 + 2 * MARGIN), LEAST_SPAN)
        wide = max((east - west) * (1 + 2 * MARGIN) * self.squeeze, LEAST_SPAN)
        tall = max(tall, wide * HEIGHT / WIDTH)
        self.scale = HEIGHT / tall
        wide = WIDTH / self.scale / self.squeeze
        centre = (west + east) / 2
        self.west, self.north = centre - wide / 2, middle + tall / 2
        self.box = (self.west, middle - tall / 2, centre + wide / 2, self.north)

    def on_paper(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Columns x, y from columns lon, lat."""
        x = (lonlat[:, 0] - self.west) * self.scale * self.squeeze
        return np.column_stack([x, (self.north - lonlat[:, 1]) * self.scale])


def drawing(found: Sequence[Published], index: RegionIndex, locale: str, title: str) -> str:
    """An SVG of where these warnings hold; empty where no place of any is known."""
    areas = [(one.issued.level, area) for one in found if (area := area_of(one, index)) is not None]
    if not areas:
        return ""
    frame = Frame(*shapely.total_bounds(np.array([area for _, area in areas], dtype=object)).tolist())
    backdrop = read_areas(index.base_dir, _near(index, frame))
    for tolerance in (0.6, 1.2, 2.5, 5.0):
        land = _path(backdrop, frame, tolerance)
        warned = "".join(
            f'<path class="area level-{level.key}" d="{_path([area], frame, tolerance)}"/>'
            for level, area in sorted(areas, key=lambda pair: pair[0])
        )
        if len(land) + len(warned) <= LARGEST:
            break
    names = _names(load_places(index.base_dir), frame, locale)
    return (
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        f'<path class="land" d="{land}"/>{warned}{names}{_marks(areas, frame)}</svg>'
    )


def area_of(one: Published, index: RegionIndex) -> shapely.Geometry | None:
    """Where a warning holds: as the message draws it, or its regions where it draws nothing."""
    drawn = any(area.polygons or area.circles for info in one.alert.info for area in info.area)
    if drawn:
        return drawn_area(one.alert)
    rids = [rid for code in one.issued.regions if (rid := index.by_code(code)) is not None]
    shapes = read_areas(index.base_dir, rids if len(rids) <= MOST_REGIONS else ())
    if not len(shapes):
        shapes = np.array([shapely.box(*index.bbox[rid].tolist()) for rid in rids], dtype=object)
    return shapely.union_all(shapely.make_valid(shapes)) if len(shapes) else None


def read_areas(base_dir: Path, rids: Iterable[int]) -> NDArray[np.object_]:
    """The areas of some regions; none where the base data has no areas."""
    import pyarrow.parquet as pq

    path, wanted = base_dir / "regions.parquet", [int(rid) for rid in rids]
    if not wanted or not path.is_file():
        return np.empty(0, dtype=object)
    table = pq.read_table(path, columns=["geometry"], filters=[("rid", "in", wanted)])
    return np.asarray(shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False)), dtype=object)


def _near(index: RegionIndex, frame: Frame) -> list[int]:
    west, south, east, north = frame.box
    kinds = next(kinds for width, kinds in KINDS if east - west >= width)
    box = index.bbox
    inside = (box[:, 0] < east) & (box[:, 2] > west) & (box[:, 1] < north) & (box[:, 3] > south)
    found: list[int] = []
    for kind in reversed(kinds):  # the coarse ones first: they must not be missing
        of_kind = index.of_kind(kind)
        found += of_kind[inside[of_kind]].tolist()
    return found[:MOST_BACKDROP]


def _path(areas: Iterable[shapely.Geometry], frame: Frame, tolerance: float) -> str:
    """Outlines as relative steps in whole units."""
    sheet = shapely.box(*frame.box)
    parts = []
    for area in areas:
        cut = shapely.clip_by_rect(shapely.make_valid(area), *sheet.bounds)
        paper = shapely.simplify(shapely.transform(cut, frame.on_paper), tolerance)
        for polygon in shapely.get_parts(paper).tolist():
            if isinstance(polygon, shapely.Polygon) and polygon.area > tolerance * 4:
                parts += [_ring(ring.coords) for ring in (polygon.exterior, *polygon.interiors)]
    return "".join(parts)


def _ring(coords: Iterable[tuple[float, ...]]) -> str:
    points = np.rint(np.array([place[:2] for place in coords])).astype(int)
    steps = np.diff(points, axis=0)[:-1]
    written = "".join(f"{'' if dx < 0 or not row else ' '}{dx}{'' if dy < 0 else ' '}{dy}" for row, (dx, dy) in
                      enumerate(steps.tolist()) if dx or dy)  # fmt: skip
    return f"M{points[0][0]} {points[0][1]}l{written.strip()}z" if written else ""


def _marks(areas: Iterable[tuple[Level, shapely.Geometry]], frame: Frame) -> str:
    """The shape of each area's level inside it, so that the map reads without colour."""
    drawn = []
    for level, area in areas:
        x, y = frame.on_paper(shapely.get_coordinates(shapely.point_on_surface(area)))[0].tolist()
        if level.key in SHAPES:
            drawn.append(f'<path class="mark level-{level.key}" d="{SHAPES[level.key]}" '
                         f'transform="translate({x - 12:.0f} {y - 12:.0f})"/>')  # fmt: skip
    return "".join(drawn)


def _names(places: Places | None, frame: Frame, locale: str) -> str:
    """The largest places, as far as their names have room."""
    if places is None:
        return ""
    west, south, east, north = frame.box
    inside = (places.lon > west) & (places.lon < east) & (places.lat > south) & (places.lat < north)
    rows = np.flatnonzero(inside & np.isfinite(places.population))
    rows = rows[np.argsort(-places.population[rows], kind="stable")][:200]
    at = frame.on_paper(np.column_stack([places.lon[rows], places.lat[rows]]))
    taken: list[shapely.Geometry] = []
    drawn: list[str] = []
    for row, (x, y) in zip(rows.tolist(), at.tolist(), strict=True):
        name = (places.name_zh[row] if locale == "zh" else "") or places.name[row]
        left = x > WIDTH * 0.7
        long = sum(LETTER if letter.isascii() else LETTER * 1.8 for letter in name) + 12
        room = shapely.box(x - long if left else x - 6, y - 15, x + 6 if left else x + long, y + 15)
        if len(drawn) == MOST_PLACES:
            break
        if not SHEET.contains(room) or any(room.intersects(other) for other in taken):
            continue
        taken.append(room)
        end, shift = ("end", -8) if left else ("start", 8)
        drawn.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3"/>'
            f'<text x="{x + shift:.0f}" y="{y + 6:.0f}" text-anchor="{end}">{escape(name)}</text>'
        )
    return f'<g class="places">{"".join(drawn)}</g>'
