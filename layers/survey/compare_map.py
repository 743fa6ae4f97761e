"""What a delivery changed, on the map: a colour and a sign for what was added, changed, there before, or removed.

The colours differ for who does not see red and green alike (after Okabe and Ito 2008) and in lightness; no green.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.layer import Ramp
from layers.ramps import Palette, palette
from layers.survey.lone import RIM, Sign, enlarged, sign
from layers.survey.tiles import FULL, rimmed
from layers.tiles import SIZE, picture


@dataclass(frozen=True)
class Look:
    """The colours of one record and of a full cell, the sign of a cell that stands alone, and its letter."""

    colour: str
    full: str
    drawn: Sign
    letter: str


PLUS = sign((
    "...ooooo...",
    "...o###o...",
    "...o###o...",
    "oooo###oooo",
    "o#########o",
    "o#########o",
    "o#########o",
    "oooo###oooo",
    "...o###o...",
    "...o###o...",
    "...ooooo...",
))  # fmt: skip
DIAMOND = sign((
    "...ooo...",
    "..oo#oo..",
    ".oo###oo.",
    "oo#####oo",
    "o#######o",
    "oo#####oo",
    ".oo###oo.",
    "..oo#oo..",
    "...ooo...",
))  # fmt: skip
BAR = sign((
    "...........",
    "...........",
    "...........",
    "ooooooooooo",
    "o#########o",
    "o#########o",
    "o#########o",
    "ooooooooooo",
    "...........",
    "...........",
    "...........",
))  # fmt: skip
RING = sign((
    "....ooooooo....",
    "...oo#####oo...",
    "..oo#######oo..",
    ".oo##ooooo##oo.",
    "oo##oo...oo##oo",
    "o##oo.....oo##o",
    "o##o.......o##o",
    "o##o.......o##o",
    "o##o.......o##o",
    "o##oo.....oo##o",
    "oo##oo...oo##oo",
    ".oo##ooooo##oo.",
    "..oo#######oo..",
    "...oo#####oo...",
    "....ooooooo....",
))  # fmt: skip
LOOKS = {  # in the order in which they lie on each other, the topmost last
    "removed": Look("#b5179e", "#5e0a52", BAR, "−"),
    "before": Look("#6b7280", "#30343b", RING, "○"),
    "changed": Look("#e08a00", "#7a4b00", DIAMOND, "◆"),
    "added": Look("#0072b2", "#003a5c", PLUS, "+"),
}


@lru_cache(maxsize=len(LOOKS))
def _palette(kind: str) -> Palette:
    look = LOOKS[kind]
    return rimmed(palette(Ramp(stops=((0.0, look.colour), (float(np.log10(FULL)), look.full)))))


def changes(grid: NDArray[Any], kind: str) -> bytes:
    """The records of one kind of change in a tile, as PNG: the darker the more, and signs where they stand alone."""
    number = np.asarray(grid, np.float32)
    place = np.where(number > 0, np.log10(np.maximum(number, 1)), np.nan).astype(np.float32)
    colours = _palette(kind)
    shade = np.minimum(colours.index(place), RIM - 1)
    return picture(enlarged(shade, SIZE // len(grid), LOOKS[kind].drawn), colours, "png")
