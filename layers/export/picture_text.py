"""Text in pictures, with the typefaces of the pages: each character from the font file that has it."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from data.errors import LayerError

SHEETS = ("fonts.css", "fonts-zh.css")  # the first that has a character gives it
FACE = re.compile(r"font-weight:\s*(\d+);.*?url\(([^)]+)\).*?unicode-range:\s*([^;]+);", re.DOTALL)
NO_BREAK_BEFORE = "，。；：！？、）》」』】,.;:!?)%"


class Typeface:
    """One size and weight of the house typeface.

    Raises
    ------
    LayerError
        Where the fonts have not been set up.
    """

    def __init__(self, folder: Path, size: float, *, bold: bool = False) -> None:
        self._folder, self.size, self._bold = folder, size, bold
        if not (folder / SHEETS[0]).is_file():
            raise LayerError("the typefaces of pictures are missing: run `make setup`")

    @property
    def line(self) -> float:
        """The height of a line."""
        return self.size * 1.4

    def width(self, text: str) -> float:
        return float(sum(font.getlength(run) for font, run in self._runs(text)))

    def draw(
        self, canvas: Any, x: float, y: float, text: str, fill: str, *, halo: str = "", anchor: str = "l"
    ) -> None:
        """Write on a Pillow canvas; `y` is the baseline, `anchor` l, m or r says what `x` is."""
        x -= {"l": 0.0, "m": 0.5, "r": 1.0}[anchor] * self.width(text)
        stroke = {"stroke_width": max(2, round(self.size / 9)), "stroke_fill": halo} if halo else {}
        for font, run in self._runs(text):
            canvas.text((round(x), round(y)), run, font=font, fill=fill, anchor="ls", **stroke)
            x += font.getlength(run)

    def wrap(self, text: str, width: float) -> list[str]:
        """The text in lines that fit, broken at spaces and between Chinese characters."""
        lines = [""]
        for piece in re.findall(r"[ -~À-῿‐-⁯]+?(?: +|$)|[^ ] *", text.replace("\n", " ")):
            fits = self.width(lines[-1] + piece.rstrip()) <= width or piece[0] in NO_BREAK_BEFORE
            if fits or not lines[-1]:
                lines[-1] += piece
            else:
                lines.append(piece)
        return [line.strip() for line in lines if line.strip()]

    def _runs(self, text: str) -> list[tuple[Any, str]]:
        named = ((_file_of(self._folder, ord(letter), self._bold), letter) for letter in text)
        return [
            (_font(self._folder / name, round(self.size)), "".join(letter for _, letter in run))
            for name, run in groupby(named, key=lambda pair: pair[0])
        ]


@lru_cache(maxsize=256)
def _font(path: Path, size: int) -> Any:
    from PIL import ImageFont

    # The basic layout is the same on every machine; the other one depends on libraries of the system.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _file_of(folder: Path, letter: int, bold: bool) -> str:
    """The font file for a character; that of the Latin letters where none has it."""
    for sheet in SHEETS:
        for wanted in ("700", "400") if bold else ("400",):
            starts, ends, names = _ranges(folder / sheet, wanted)
            place = bisect_right(starts, letter) - 1
            if place >= 0 and letter <= ends[place]:
                return names[place]
    return _file_of(folder, ord("?"), bold)


@lru_cache(maxsize=8)
def _ranges(sheet: Path, weight: str) -> tuple[list[int], list[int], list[str]]:
    """Ranges of characters in order, with the file of each."""
    found: list[tuple[int, int, str]] = []
    text = sheet.read_text(encoding="utf-8") if sheet.is_file() else ""
    for block in text.split("@font-face")[1:]:
        match = FACE.search(block)
        if match and match[1] == weight:
            for part in match[3].split(","):
                first, _, last = part.strip().removeprefix("U+").partition("-")
                found.append((int(first, 16), int(last or first, 16), match[2]))
    found.sort()
    return [row[0] for row in found], [row[1] for row in found], [row[2] for row in found]
