"""A word across a picture, again and again, so that no part that is cut out of it goes without."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.export.picture_text import Typeface

HALO = "#ffffff"  # shows on dark ground
TURNED = 24  # degrees
ACROSS, DOWN = 3, 4  # how often
SHARE = 0.27  # of the picture's width, that one word takes


@dataclass(frozen=True)
class Ink:
    """The colour of a word, and how much of it covers what is beneath."""

    colour: str
    strength: float


EXERCISE = Ink("#6d28d9", 0.34)  # purple as on the pages of an exercise
COPY = Ink("#1b1f24", 0.14)


def watermark(image: Any, fonts: Path, word: str, ink: Ink = EXERCISE) -> None:
    """Write a word slantwise over a whole picture.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB; drawn on.
    fonts : Path
        The folder of `fonts.css`.
    """
    width, height = image.size
    wide = round(SHARE * width)
    rim, letters = (_mask(fonts, word, wide, ink.strength, halo=halo) for halo in (True, False))
    layers = [(HALO, rim), (ink.colour, letters)]
    for row in range(DOWN):
        for column in range(ACROSS):
            for colour, mask in layers:
                x = round(width * (column + 0.25 + row % 2 / 2) / ACROSS - mask.width / 2)
                y = round(height * (row + 0.5) / DOWN - mask.height / 2)
                image.paste(colour, (x, y), mask)


def _mask(fonts: Path, word: str, width: int, strength: float, *, halo: bool = False) -> Any:
    """The slanted word as a mask; with `halo` the rim around its letters."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter

    face = Typeface(fonts, 100 * width / Typeface(fonts, 100, bold=True).width(word), bold=True)
    flat = Image.new("L", (round(face.width(word)) + 16, round(face.line)), 0)
    face.draw(ImageDraw.Draw(flat), 8, 0.78 * face.line, word, "white")
    if halo:
        flat = ImageChops.subtract(flat.filter(ImageFilter.MaxFilter(7)), flat)
    turned = flat.rotate(TURNED, expand=True, resample=Image.Resampling.BICUBIC)
    return turned.point([round(value * strength) for value in range(256)])
