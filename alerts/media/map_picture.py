"""The map of a warning from the base data on this machine: its area in the colour of its level, the world around."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.cap.model import Alert
from alerts.media.sheet import FONTS, INK
from alerts.media.texts import COLOURS
from data.errors import WarningError
from data.model import Level
from data.text import translator
from layers.export.map import MapContent, world
from layers.export.picture_frame import Bounds, Frame, frame
from layers.export.picture_page import Sheet, draw_places, draw_scale_bar, panel
from layers.layer import Ramp

ROOM = 0.45  # of the area's size, around it
LEAST = 0.6  # degrees shown at least
BORDER_KINDS = ("cn-province", "us-state", "admin1")
FINE_KINDS = ("cn-county", "us-county")
FINE_BELOW = 6.0  # degrees; wider maps show no counties
CIRCLE_CORNERS = 72
KM_PER_DEGREE = 111.195


@dataclass(frozen=True, kw_only=True, eq=False)
class AreaMap:
    """What a map of a warning shows."""

    area: Any  # shapely, EPSG:4326
    level: Level
    content: MapContent
    chinese: bool

    @property
    def bounds(self) -> Bounds:
        """The area with some room around it [degrees]."""
        west, south, east, north = self.area.bounds
        room = max(ROOM * max(east - west, north - south), (LEAST - min(east - west, north - south)) / 2, 0.05)
        return west - room, max(-90.0, south - room), east + room, min(90.0, north + room)


def area_of(alert: Alert, regions: Any = None) -> Any:
    """The shape that a message is about: what it draws itself, or else its regions.

    Parameters
    ----------
    alert : Alert
    regions : shapely geometry, optional
        The area of the regions that it names by codes.

    Raises
    ------
    WarningError
        If it says nowhere where.
    """
    import shapely

    parts: list[Any] = []
    for area in (area for info in alert.info for area in info.area):
        parts += [
            shapely.Polygon([(lon, lat) for lon, lat in one.ring]) for one in area.polygons if len(one.ring) > 3
        ]
        parts += [_circle(one.centre.lon, one.centre.lat, one.radius_km) for one in area.circles]
    if not parts and regions is not None:
        parts = [regions]
    found = shapely.union_all([shapely.make_valid(part) for part in parts])
    if found.is_empty:
        raise WarningError("the message draws no area, and its regions are not known")
    return found


def area_map(area: Any, level: Level, base_dir: Path, *, chinese: bool) -> AreaMap:
    """A map of an area, not drawn yet."""
    colour = COLOURS[level][0]
    value = np.nan if level is Level.UNKNOWN else 1.0
    shapes = np.empty(1, object)
    shapes[0] = area

    def paint(window: Frame) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        from rasterio.features import rasterize

        parts = [part for _, part in window.shown(shapes)]
        size = (window.height, window.width)
        inside = np.zeros(size, np.bool_)
        if parts:
            inside = rasterize(parts, out_shape=size, transform=window.transform(), dtype="uint8") > 0
        return np.where(inside, np.float32(value), np.float32(0.0)), inside

    content = MapContent(
        bounds=tuple(area.bounds), ramp=Ramp(stops=((0.5, colour),), interpolate=False), unit="", paint=paint,
        borders=np.empty(0, object), **_world(base_dir),
    )  # fmt: skip
    return AreaMap(area=area, level=level, content=content, chinese=chinese)


def draw_map(
    found: AreaMap, size: tuple[int, int], base_dir: Path, *, bounds: Bounds | None = None, names: bool = True
) -> Any:
    """The map as a Pillow image.

    Parameters
    ----------
    found : AreaMap
    size : (width, height) [pixels]
    base_dir : Path
        Where the base data is.
    bounds : Bounds, optional
        What is to be seen at least [degrees]; the area with room around it where nothing is given.
    names : bool
        With places and a scale.
    """
    from PIL import Image, ImageDraw

    window = _filled(bounds or found.bounds, size)
    content = replace(found.content, borders=_borders(base_dir, window))
    image = panel(content, window, chinese=found.chinese)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    _outline(image, found.area, window)
    if names:
        locale = "zh" if found.chinese else "en"
        sheet = Sheet(image, ImageDraw.Draw(image), FONTS, translator(locale))
        draw_places(sheet, content, window, 0, 0, chinese=found.chinese)
        draw_scale_bar(sheet, window, 0, 0)
    return image


def _filled(bounds: Bounds, size: tuple[int, int]) -> Frame:
    """A window of exactly this size around a box."""
    window = frame(bounds, *size)
    return replace(window, width=size[0], height=size[1])


@lru_cache(maxsize=1)
def _world(base_dir: Path) -> dict[str, Any]:
    return world(base_dir)


def _borders(base_dir: Path, window: Frame) -> NDArray[np.object_]:
    """Provinces, and counties on a map of a small part of the world."""
    import pyarrow.parquet as pq
    import shapely

    from data.regions import load_regions

    kinds = BORDER_KINDS + (FINE_KINDS if window.north - window.south < FINE_BELOW else ())
    index = load_regions(base_dir)
    west, south, east, north = index.bbox.T
    rows = np.isin(index.kind, kinds) & (south < window.north) & (north > window.south)
    turns = [(west + turn < window.east) & (east + turn > window.west) for turn in (-360.0, 0.0, 360.0)]
    rids = np.flatnonzero(rows & np.logical_or.reduce(turns)).tolist()
    table = pq.read_table(base_dir / "regions.parquet", columns=["geometry"], filters=[("rid", "in", rids)])
    return np.asarray(shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False)), dtype=object)


def _outline(image: Any, area: Any, window: Frame) -> None:
    import shapely
    from PIL import ImageDraw

    canvas = ImageDraw.Draw(image)
    shapes = np.empty(1, object)
    shapes[0] = area
    for _, part in window.shown(shapes):
        for ring in shapely.get_rings(shapely.get_parts(part)):
            points = window.pixels(shapely.get_coordinates(ring))
            canvas.line([tuple(point) for point in points.tolist()], fill=INK, width=4, joint="curve")


def _circle(lon: float, lat: float, radius_km: float) -> Any:
    """A circle on the earth as a polygon."""
    import shapely
    from pyproj import Geod

    if radius_km <= 0.0:
        return shapely.Point(lon, lat).buffer(0.01)
    turn = np.linspace(0.0, 360.0, CIRCLE_CORNERS, endpoint=False)
    count = np.ones_like(turn)
    lons, lats, _ = Geod(ellps="WGS84").fwd(lon * count, lat * count, turn, radius_km * 1000.0 * count)
    lons = lon + (lons - lon + 180.0) % 360.0 - 180.0
    return shapely.Polygon(np.column_stack([lons, lats]))
