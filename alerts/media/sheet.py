"""Drawing on a picture: text that fits its box, and the sign of a level by colour, shape and word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any, NamedTuple

from alerts.media.shorten import one_line, shorten
from alerts.media.texts import COLOURS
from data.model import Level
from data.settings import ROOT
from layers.export.picture_text import NO_BREAK_BEFORE, Typeface

FONTS = ROOT / "assets" / "vendor"
PAPER, INK, QUIET, TINT = "#ffffff", "#1b1f24", "#5b6570", "#f1f3f5"
STAMP, STAMP_INK = 0.2, "#7a0a5c"
MOST_CHARACTERS, MOST_HEAD = 900, 120  # of one text that is drawn at all
CORNERS = {Level.RED: 6, Level.ORANGE: 4, Level.YELLOW: 3}
Box = tuple[float, float, float, float]


class Paragraph(NamedTuple):
    """A text of a block; `scale` is its size beside that of the block."""

    text: str
    bold: bool = False
    colour: str = INK
    scale: float = 1.0


@dataclass(frozen=True)
class Line:
    """One line as it will be drawn; `y` is its baseline below the top of the block."""

    text: str
    face: Typeface
    colour: str
    y: float


def typeface(size: float, *, bold: bool = False) -> Typeface:
    return Typeface(FONTS, size, bold=bold)


def draw_block(
    canvas: Any, box: Box, paragraphs: Sequence[Paragraph], sizes: Sequence[int], anchor: str = "l"
) -> bool:
    """Write paragraphs in the largest of the sizes that fits; whether something had to be left out.

    Parameters
    ----------
    canvas : ImageDraw
    box : (left, top, right, bottom) [pixels]
    paragraphs : sequence of Paragraph
    sizes : sequence of int
        Largest first; past the last, what does not fit is cut and ends with an ellipsis.
    anchor : str
        `l` or `m`, as in `Typeface.draw`.
    """
    left, top, right, bottom = box
    wanted = [one._replace(text=shorten(one_line(one.text), MOST_CHARACTERS)) for one in paragraphs if one.text]
    cut = any(len(one_line(one.text)) > MOST_CHARACTERS for one in paragraphs)
    lines, _ = _set(wanted, _largest(wanted, sizes, right - left, bottom - top), right - left)
    fitting = [line for line in lines if line.y <= bottom - top]
    if len(fitting) < len(lines):
        cut = True
        if fitting:
            fitting[-1] = _ended(fitting[-1], right - left)
    x = left if anchor == "l" else (left + right) / 2
    for line in fitting:
        line.face.draw(canvas, x, top + line.y, line.text, line.colour, anchor=anchor)
    return cut


def draw_mark(canvas: Any, level: Level, x: float, y: float, size: float, ink: str) -> None:
    """The shape of a level in a square of `size` pixels: hexagon, diamond, triangle, circle; ? is unknown."""
    middle_x, middle_y, radius = x + size / 2, y + size / 2, size / 2
    if level in CORNERS:
        number = CORNERS[level]
        turn = pi / 6 if number == 6 else -pi / 2
        points = [
            (
                middle_x + radius * cos(turn + 2 * pi * at / number),
                middle_y + radius * sin(turn + 2 * pi * at / number),
            )
            for at in range(number)
        ]
        canvas.polygon(points, fill=ink)
    elif level is Level.BLUE:
        canvas.ellipse((x, y, x + size, y + size), fill=ink)
    elif level is Level.NONE:
        canvas.rectangle((x, middle_y - size / 12, x + size, middle_y + size / 12), fill=ink)
    else:
        canvas.ellipse((x, y, x + size, y + size), outline=ink, width=max(2, round(size / 14)))
        typeface(size * 0.7, bold=True).draw(canvas, middle_x, middle_y + size * 0.25, "?", ink, anchor="m")


def draw_head(canvas: Any, box: Box, level: Level, heads: Sequence[str], sizes: Sequence[int]) -> None:
    """A band in the colour of the level with its shape, and what it is in each language."""
    left, top, right, bottom = box
    back, ink = COLOURS[level]
    canvas.rectangle(box, fill=back)
    edge = (bottom - top) * 0.16
    size = bottom - top - 2 * edge
    size = min(size, (right - left) * 0.2)
    draw_mark(canvas, level, left + edge, top + (bottom - top - size) / 2, size, ink)
    paragraphs = [
        Paragraph(shorten(text, MOST_HEAD), bold=not number, colour=ink, scale=1.0 if not number else 0.8)
        for number, text in enumerate(heads)
    ]
    inner = (left + size + 2 * edge, top + edge / 2, right - edge, bottom - edge / 2)
    fitting = _largest(paragraphs, sizes, inner[2] - inner[0], inner[3] - inner[1])
    height = min(_set(paragraphs, fitting, inner[2] - inner[0])[1], inner[3] - inner[1])
    middle = (inner[1] + inner[3] - height) / 2
    draw_block(canvas, (inner[0], middle, inner[2], inner[3]), paragraphs, (fitting,))


def stamp_veil(size: tuple[int, int], words: Sequence[str]) -> Any:
    """How strongly each pixel shows the words that stand across the whole picture; None without words."""
    from PIL import Image, ImageDraw

    if not words:
        return None
    text, (width, height) = "   ".join(words), size
    face = typeface(min(width, height) / 11, bold=True)
    reach = round((width**2 + height**2) ** 0.5)
    veil = Image.new("L", (reach, reach), 0)
    canvas = ImageDraw.Draw(veil)
    step, wide = face.line * 2.1, face.width(text) + face.size
    for row in range(int(reach / step) + 1):
        x = -wide * (row % 2) / 2
        while x < reach:
            face.draw(canvas, x, (row + 0.8) * step, text, "white")
            x += wide
    veil = veil.rotate(30, resample=Image.Resampling.BICUBIC)
    left, top = (reach - width) // 2, (reach - height) // 2
    return veil.crop((left, top, left + width, top + height)).point([round(value * STAMP) for value in range(256)])


def lay_stamp(image: Any, veil: Any) -> None:
    """Put the words of `stamp_veil` over a picture, so that no part of it looks real."""
    if veil is not None:
        image.paste(STAMP_INK, (0, 0, *image.size), veil)


def _largest(paragraphs: Sequence[Paragraph], sizes: Sequence[int], width: float, height: float) -> int:
    """The largest of the sizes whose block is not too high; the smallest where none is."""
    low, high = 0, len(sizes) - 1
    while low < high:
        middle = (low + high) // 2
        fits = _set(paragraphs, sizes[middle], width)[1] <= height
        low, high = (low, middle) if fits else (middle + 1, high)
    return sizes[low]


def _set(paragraphs: Sequence[Paragraph], size: float, width: float) -> tuple[list[Line], float]:
    """The lines of a block, and its height."""
    lines: list[Line] = []
    y = 0.0
    for number, one in enumerate(paragraphs):
        face = typeface(size * one.scale, bold=one.bold)
        y += face.size * 0.35 if number else 0.0
        for text in _wrapped(face, one.text, width):
            y += face.line
            lines.append(Line(text, face, one.colour, y - face.size * 0.35))
    return lines, y


def _wrapped(face: Typeface, text: str, width: float) -> list[str]:
    """Lines that fit; a word that is longer than a line goes on in the next one."""
    found: list[str] = []
    for line in face.wrap(text, width):
        while len(line) > 1 and face.width(line.rstrip(NO_BREAK_BEFORE)) > width:
            at = _most_that_fits(face, line, width)
            found.append(line[:at])
            line = line[at:]
        found.append(line)
    return found


def _most_that_fits(face: Typeface, line: str, width: float) -> int:
    """How many characters of a line there is room for; one at least."""
    low, high = 1, len(line) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if face.width(line[:middle]) <= width else (low, middle - 1)
    return low


def _ended(line: Line, width: float) -> Line:
    """The last line there is room for, with an ellipsis."""
    text = shorten(line.text + " .", len(line.text) + 1)
    if line.face.width(text) > width:
        text = shorten(text, _most_that_fits(line.face, text, width - line.face.width("…")))
    return Line(text or "…", line.face, line.colour, line.y)
