"""The invisible mark: which of four grid points a record is rounded to.

Coordinates are rounded to a grid of one step. Two by two, its points make blocks; a secret function of the copy's
number and the block allows one of the four. Each record goes to the nearest allowed point. In a file, the share of
records on allowed points is 1 for the reader whose copy it is and 1/4 for everybody else, whatever was cut away, put
in another order or rounded to the step again: every record tells by itself, so nothing has to be put in line first.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

from data.errors import LayerError

METRES_A_DEGREE = 111_320.0  # of latitude, the most there are
FARTHEST = 1.5 * np.sqrt(2)  # steps from a record to the allowed point of its own block
CHANCE = 0.25  # that a record stands on an allowed point of a copy that it does not come from
DIGITS = (7, 6, 5, 4, 3)
Floats = NDArray[np.float64]
Array = NDArray[Any]


def digits_for(accuracy_m: float) -> int:
    """Decimals of a degree to which a copy may be rounded so that no record moves farther than this.

    Raises
    ------
    LayerError
        If there is no such grid: 0.03 m is the least.
    """
    fitting = [digits for digits in DIGITS if FARTHEST * METRES_A_DEGREE / 10**digits <= accuracy_m]
    if not fitting:
        raise LayerError(f"a mark moves records by up to 0.03 m; {accuracy_m} m is less")
    return fitting[-1]


@dataclass(frozen=True)
class Mark:
    """The mark of one copy.

    Parameters
    ----------
    secret : bytes
        Of the office; who has it can trace copies, and could make them.
    copy : int
        Number of the copy.
    digits : int
        Decimals of a degree of the grid.
    """

    secret: bytes
    copy: int
    digits: int

    def coarser(self, digits: int) -> Mark:
        """The mark on a grid of at most so many decimals; each grid has choices of its own."""
        return self if digits >= self.digits else replace(self, digits=digits)

    def place(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Where the copy has these records [degrees]: on the nearest allowed points, within 1.5 steps each way."""
        scale = 10.0**self.digits
        x, y = lon * scale, lat * scale
        east = np.cos(np.radians(lat))
        best, at_x, at_y = np.full(len(x), np.inf), np.zeros(len(x)), np.zeros(len(x))
        own_x, own_y = _block(x), _block(y)
        side_x, side_y = np.where(x < 2 * own_x + 0.5, -1, 1), np.where(y < 2 * own_y + 0.5, -1, 1)
        for across, along in ((0, 0), (0, 1), (1, 0), (1, 1)):  # points of blocks on the other side are farther
            block_x, block_y = own_x + across * side_x, own_y + along * side_y
            right, upper = self._allowed(block_x, block_y)
            point_x, point_y = 2.0 * block_x + right, 2.0 * block_y + upper
            away = ((point_x - x) * east) ** 2 + (point_y - y) ** 2
            inside = (np.abs(point_x) <= 180 * scale) & (np.abs(point_y) <= 90 * scale)
            nearer = (away < best) & inside & (np.abs(point_x - x) <= 1.5) & (np.abs(point_y - y) <= 1.5)
            best[nearer], at_x[nearer], at_y[nearer] = away[nearer], point_x[nearer], point_y[nearer]
        found = np.isfinite(best)
        return np.where(found, at_x / scale, np.rint(x) / scale), np.where(found, at_y / scale, np.rint(y) / scale)

    def hits(self, points: Array) -> tuple[int, int]:
        """How many of the points of `points_of` are allowed, and how many there are.

        For a file that knows nothing of this mark, hits are drawn with chance 1/4, each block by itself.
        """
        right, upper = self._allowed(points[:, 0] >> 1, points[:, 1] >> 1)
        return int(((points[:, 0] & 1) == right).sum(where=(points[:, 1] & 1) == upper)), len(points)

    def _allowed(self, block_x: Array, block_y: Array) -> tuple[Array, Array]:
        word = self.draw(np.column_stack([block_x, block_y]).astype("<i8"))
        return word & 1, (word >> 1) & 1

    def draw(self, places: Array) -> Array:
        """A byte for each row of 16 bytes, which nobody foretells without the secret."""
        key = hmac.new(self.secret, f"survey copy {self.copy} {self.digits}".encode(), hashlib.sha256).digest()
        cipher = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 a keyed function of each block, nothing is hidden
        out = cipher.update(np.ascontiguousarray(places).tobytes())
        return np.frombuffer(out, np.uint8)[::16].astype(np.int64)


def points_of(lon: Floats, lat: Floats, digits: int) -> Array:
    """Grid points on which a file has records, one of each block."""
    scale = 10.0**digits
    x, y = np.rint(lon * scale).astype(np.int64), np.rint(lat * scale).astype(np.int64)
    _, first = np.unique((x >> 1) * (1 << 32) + (y >> 1), return_index=True)
    return np.column_stack([x[first], y[first]])


def _block(grid: Floats) -> Array:
    return np.floor((grid + 0.5) / 2).astype(np.int64)
