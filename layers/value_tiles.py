"""Value tiles: a tile's numbers as 16-bit codes, so that the browser colours, compares and names them itself.

A body is `offset` and `step` as two little-endian float64, then 256 x 256 codes: all low bytes, then all high bytes,
each code as the difference from its left neighbour modulo 65,536 (rows start at 0). Code 0 is missing, and code `c`
stands for `offset + (c - 1) * step`. See docs/decisions/0006.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.tiles import SIZE, Sampling, sample_tile

FORMAT = 1  # part of every address and tag: another layout is another tile
CODES = 65_000
NOISE = 0.01  # of a step: a decimal number kept as float32 lies this close to it, or closer


@dataclass(frozen=True)
class Lattice:
    """The values that codes stand for: `offset + k * step`, k from 0."""

    offset: float
    step: float

    def encode(self, values: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Codes of values, rounded down so that a class limit on the lattice is never crossed; 0 for NaN."""
        place = np.floor((values.astype(np.float64) - self.offset) / self.step + NOISE)
        codes = np.clip(place, 0, CODES + 1) + 1
        return np.where(np.isnan(values), 0, codes).astype(np.uint16)

    def decode(self, codes: NDArray[np.uint16]) -> NDArray[np.float64]:
        """Values of codes; NaN for 0."""
        return np.where(codes == 0, np.nan, self.offset + (codes.astype(np.float64) - 1) * self.step)


def lattice(low: float, high: float) -> Lattice:
    """The finest lattice of steps of 1, 2 or 5 times a power of ten with 65,000 codes over `low` to `high`.

    Such steps hold the limits of classes and the decimals that providers pack exactly; whole classes stay whole.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        high = low = low if math.isfinite(low) else 0.0
    least = max((high - low) / CODES, abs(low) * 1e-7, 1e-9)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    step = float(f"{step:.0e}")
    return Lattice(offset=math.floor(low / step + NOISE) * step, step=step)


def value_tile(
    levels: Sequence[Any],
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    z: int,
    x: int,
    y: int,
    scale: Lattice,
    *,
    sampling: Sampling = "nearest",
) -> bytes:
    """The body of a value tile, or no bytes where the field has nothing there; arguments as for `render_tile`."""
    values = sample_tile(levels, lon, lat, z, x, y, sampling=sampling)
    if values is None or np.isnan(values).all():
        return b""
    return pack(scale.encode(values), scale)


def pack(codes: NDArray[np.uint16], scale: Lattice) -> bytes:
    """Codes (256, 256) as a body."""
    change = codes.copy()
    change[:, 1:] -= codes[:, :-1]
    planes = change.astype("<u2").view(np.uint8).reshape(SIZE * SIZE, 2)
    return struct.pack("<dd", scale.offset, scale.step) + planes[:, 0].tobytes() + planes[:, 1].tobytes()


def unpack(body: bytes) -> tuple[NDArray[np.uint16], Lattice]:
    """The way back, as the browser goes it."""
    offset, step = struct.unpack_from("<dd", body)
    low, high = np.frombuffer(body, np.uint8, offset=16).reshape(2, SIZE, SIZE).astype(np.uint16)
    return np.cumsum(low | (high << 8), axis=1, dtype=np.uint16), Lattice(offset, step)


def range_of(levels: Sequence[Any], attributes: Any) -> tuple[float, float]:
    """Smallest and largest value of a step: as noted when it was stored, else looked up once; 0, 0 where all miss."""
    low, high = attributes.get("low"), attributes.get("high")
    if isinstance(low, int | float) and isinstance(high, int | float):
        return float(low), float(high)
    values = np.asarray(levels[0][:], np.float32)
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def deepest_zoom(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> int:
    """The zoom past which a tile of 256 pixels says nothing new: four pixels to the smaller side of a cell."""
    cell = min(abs(float(lon[-1] - lon[0])) / (lon.size - 1), abs(float(lat[-1] - lat[0])) / (lat.size - 1))
    return int(np.clip(math.ceil(math.log2(4 * 360.0 / (SIZE * max(cell, 1e-6)))), 0, 14))
