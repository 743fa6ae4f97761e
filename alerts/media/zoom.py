"""The way of a video from the country to the area: maps of a few scales, each frame cut out of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alerts.media.map_picture import AreaMap, draw_map
from layers.export.picture_frame import Bounds

WIDEST_DEG = 26.0  # height of what is seen at first, where the area is not larger itself
MAPS = 3  # between the first view and the last


def zoom_frames(area: AreaMap, size: tuple[int, int], base_dir: Path, number: int) -> Iterator[Any]:
    """Pictures of the map, from far to near; after `number` of them the last, with names, once.

    Parameters
    ----------
    area : AreaMap
    size : (width, height) [pixels]
    base_dir : Path
        Where the base data is.
    number : int
        Frames of the way.
    """
    from PIL import Image

    near = area.bounds
    factor = _factor(near)
    scales = [factor ** (1 - step / MAPS) for step in range(MAPS)] if factor > 1.2 else []
    maps = [draw_map(area, size, base_dir, bounds=_around(near, scale), names=False) for scale in scales]
    last = draw_map(area, size, base_dir)
    for frame in range(number if maps else 0):
        way = frame / number
        scale = factor ** (1 - way * way * (3 - 2 * way))  # slow at both ends
        held = max((index for index in range(len(maps)) if scales[index] >= scale * 0.999), default=0)
        part = min(1.0, scale / scales[held])
        left, top = size[0] * (1 - part) / 2, size[1] * (1 - part) / 2
        box = (left, top, size[0] - left, size[1] - top)
        yield maps[held].resize(size, Image.Resampling.BILINEAR, box=box)
    yield last


def _factor(near: Bounds) -> float:
    """How much larger the first view is; its middle stays, so that it must not pass a pole."""
    _, south, _, north = near
    middle, half = (south + north) / 2, (north - south) / 2
    room = 0.95 * (90.0 - abs(middle))
    return max(1.0, min(WIDEST_DEG / 2, room) / half, 1.0)


def _around(near: Bounds, scale: float) -> Bounds:
    west, south, east, north = near
    x, y = (west + east) / 2, (south + north) / 2
    wide, high = (east - west) / 2 * scale, (north - south) / 2 * scale
    return x - wide, y - high, x + wide, y + high
