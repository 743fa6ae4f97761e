"""Records that stand alone are drawn larger than the cell they lie in, so that nobody overlooks them.

Only the picture changes: counts, and what a pixel between records stands for, are taken from the grid as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

AROUND = 3  # cells to each side that are looked at
FEW = 2  # cells with records among those, itself one of them, up to which a cell stands alone
BLOCK = 4  # pixels of a cell from which it is seen as it is
RIM = 255  # the colour around a sign, so that it is seen on any ground; nothing else has it
Shades = NDArray[np.uint8]
Sign = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # pixels of the sign, and of the rim around it


def sign(rows: Sequence[str]) -> Sign:
    """A sign as it is written: `#` is drawn, `o` is the rim."""
    written = np.array([list(row) for row in rows])
    return written == "#", written == "o"


DOT = sign((".ooo.", "o###o", "o###o", "o###o", ".ooo."))


def enlarged(shade: Shades, scale: int = 1, drawn: Sign = DOT) -> Shades:
    """The pixels of a picture: cells as they are, and those that stand alone as a sign in their colour.

    Parameters
    ----------
    shade : array (rows, columns)
        Colour numbers of the cells below `RIM`; 0 is empty.
    scale : int
        Pixels of a cell each way.
    drawn : Sign
        Kept inside the picture: at its edge a sign stands up to half its width beside its cell.
    """
    pixels = np.kron(shade, np.ones((scale, scale), np.uint8)) if scale > 1 else shade.copy()
    rows, columns = np.nonzero(standing_alone(shade > 0))
    if scale >= BLOCK or not rows.size:
        return pixels
    for down in range(scale):  # at an edge the sign stands beside its cell
        for right in range(scale):
            pixels[rows * scale + down, columns * scale + right] = 0
    colours, flat = shade[rows, columns], pixels.reshape(-1)
    half = len(drawn[0]) // 2
    top, left = (
        np.clip(at * scale + scale // 2 - half, 0, side - 2 * half - 1)
        for at, side in zip((rows, columns), pixels.shape, strict=True)
    )
    corner, wide = top * pixels.shape[1] + left, pixels.shape[1]
    for mask, rim in ((drawn[1], True), (drawn[0], False)):  # no rim covers a sign
        for down, right in np.argwhere(mask).tolist():
            place = corner + down * wide + right
            free = flat[place] == 0 if rim else (flat[place] == 0) | (flat[place] == RIM)
            flat[place[free]] = RIM if rim else colours[free]
    return pixels


def standing_alone(filled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells with at most one other near them; what lies beyond the tile is not looked at."""
    return np.asarray(filled & (_near(filled) <= FEW))


def _near(filled: NDArray[np.bool_]) -> NDArray[Any]:
    """How many cells of the square around each are filled."""
    padded = np.pad(filled, ((AROUND + 1, AROUND),) * 2).astype(np.int32)
    total, side = padded.cumsum(axis=0).cumsum(axis=1), 2 * AROUND + 1
    found = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return np.asarray(found)
