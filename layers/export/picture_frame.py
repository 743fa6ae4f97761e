"""The window of a printed map: what part of the world it shows, and where a place lies in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.geodesy import KM_PER_DEGREE

MARGIN = 0.04  # of the width and height, round what is shown
SMALLEST = 0.2  # degrees
STEPS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0)
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """An equirectangular map, true to scale along its middle parallel; `east` may pass 180."""

    west: float
    south: float
    east: float
    north: float
    width: int  # pixels
    height: int

    @property
    def dx(self) -> float:
        """Degrees of longitude of a pixel."""
        return (self.east - self.west) / self.width

    @property
    def dy(self) -> float:
        return (self.north - self.south) / self.height

    @property
    def km_per_pixel(self) -> float:
        return self.dy * KM_PER_DEGREE

    def lon(self) -> NDArray[np.float64]:
        """Longitudes of the columns, within [-180, 180)."""
        return np.asarray((self.west + (np.arange(self.width) + 0.5) * self.dx + 180.0) % 360.0 - 180.0)

    def lat(self) -> NDArray[np.float64]:
        """Latitudes of the rows, north first."""
        return np.asarray(self.north - (np.arange(self.height) + 0.5) * self.dy)

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) columns and rows of longitudes and latitudes."""
        return np.column_stack([(points[:, 0] - self.west) / self.dx, (self.north - points[:, 1]) / self.dy])

    def transform(self) -> Any:
        """From pixels to degrees, as rasterio takes it."""
        from rasterio.transform import Affine

        return Affine(self.dx, 0.0, self.west, 0.0, -self.dy, self.north)

    def shown(self, shapes: NDArray[np.object_]) -> Iterator[tuple[int, Any]]:
        """The number and the part of each shape in the window, thinned to its pixels, also a turn away."""
        import shapely
        from shapely.affinity import translate

        bounds = shapely.bounds(shapes)
        rows = (bounds[:, 1] < self.north) & (bounds[:, 3] > self.south)
        for turn in (-360.0, 0.0, 360.0):
            near = rows & (bounds[:, 0] + turn < self.east) & (bounds[:, 2] + turn > self.west)
            for number in np.flatnonzero(near).tolist():
                part = translate(shapes[number], turn) if turn else shapes[number]
                part = shapely.simplify(shapely.clip_by_rect(part, *self._around()), self.dy / 2)
                if not part.is_empty:
                    yield number, part

    def _around(self) -> Bounds:
        """A little more than the window, so that its own edge is not drawn as a border."""
        return self.west - 4 * self.dx, self.south - 4 * self.dy, self.east + 4 * self.dx, self.north + 4 * self.dy

    def lines(self, most: int = 7) -> tuple[list[float], list[float]]:
        """Meridians and parallels for a grid of few round numbers."""
        return tuple(  # type: ignore[return-value]
            _round_numbers(low, high, most) for low, high in ((self.west, self.east), (self.south, self.north))
        )


def _round_numbers(low: float, high: float, most: int) -> list[float]:
    step = next((step for step in STEPS if (high - low) / step <= most), STEPS[-1])
    return [float(number) for number in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def frame(bounds: Bounds, width: int, height: int) -> Frame:
    """The window that shows a box, filled up to the shape of the panel as far as the world goes."""
    west, south, east, north = bounds
    middle_lat = float(np.clip((south + north) / 2, -80.0, 80.0))
    squeeze = float(np.cos(np.radians(middle_lat)))
    wide = max(east - west, SMALLEST) * (1 + 2 * MARGIN)
    high = max(north - south, SMALLEST) * (1 + 2 * MARGIN)
    scale = max(wide * squeeze / width, high / height)  # degrees of latitude of a pixel
    wide, high = min(width * scale / squeeze, 360.0), min(height * scale, 180.0)
    low = float(np.clip((south + north) / 2 - high / 2, -90.0, 90.0 - high))
    left = (west + east) / 2 - wide / 2
    return Frame(
        west=left, south=low, east=left + wide, north=low + high, width=max(1, round(wide * squeeze / scale)),
        height=max(1, round(high / scale)),
    )  # fmt: skip


def bar_km(km_per_pixel: float, longest: float) -> float:
    """The longest round length [km] of a scale bar of at most so many pixels."""
    most = km_per_pixel * longest
    power = 10.0 ** np.floor(np.log10(most))
    return float(next(step * power for step in (5.0, 2.0, 1.0) if step * power <= most))


def degrees(value: float, letters: str) -> str:
    """A longitude or latitude in words: `letters` are those of positive and negative."""
    turned = (value + 180.0) % 360.0 - 180.0 if letters == "EW" else value
    turned = round(turned, 4)
    letter = "" if abs(turned) in (0.0, 180.0) else letters[0] if turned > 0 else letters[1]
    return f"{abs(turned):g}°{letter}"
