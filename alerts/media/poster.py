"""A warning as a sheet of paper: A4 upright, every language, map, validity, sender, signatures and a code to scan."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.media.map_picture import AreaMap, draw_map
from alerts.media.said import Said, by_language, long_time
from alerts.media.sheet import (
    INK,
    PAPER,
    QUIET,
    TINT,
    Paragraph,
    draw_block,
    draw_head,
    lay_stamp,
    stamp_veil,
)
from alerts.media.shorten import shorten
from alerts.media.texts import COLOURS

DPI = 200
PAGE = (1654, 2339)  # 210 x 297 mm
EDGE, GAP = 70, 30
HEAD, MAP, FOOT = 300, 760, 330  # pixels high
CODE = 250
HEADLINE, AREA, SENDER = 160, 240, 90  # characters
TEXT_SIZES = (42, 40, 38, 36, 34, 32, 30, 28, 26, 24, 22, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who signed a warning, and what exactly."""

    author: str
    approver: str
    at: datetime
    method: str
    body_sha256: str
    signed_sha256: str


def draw_poster(said: Sequence[Said], area: AreaMap, base_dir: Path, signature: Signature | None, link: str) -> Any:
    """The page as a Pillow image.

    Parameters
    ----------
    said : sequence of Said
        The first of each language has a column.
    area : AreaMap
    base_dir : Path
        Where the base data is.
    signature : Signature, optional
        Without one the page says that nobody has approved it.
    link : str
        The public page; "" leaves the code away.
    """
    from PIL import Image, ImageDraw

    shown = by_language(tuple(said))[:2]
    image = Image.new("RGB", PAGE, PAPER)
    canvas = ImageDraw.Draw(image)
    right = PAGE[0] - EDGE
    heads = [one.head for one in shown]
    draw_head(canvas, (0, 0, PAGE[0], HEAD), shown[0].shown_level, heads, (76, 70, 64, 58, 52, 46, 40, 34, 28))
    size = (right - EDGE, MAP)
    image.paste(draw_map(area, size, base_dir), (EDGE, HEAD + GAP))
    canvas.rectangle((EDGE, HEAD + GAP, right, HEAD + GAP + MAP), outline=INK, width=2)
    top, bottom = HEAD + MAP + 2 * GAP, PAGE[1] - FOOT - EDGE
    wide = (right - EDGE - GAP * (len(shown) - 1)) / len(shown)
    for number, one in enumerate(shown):
        left = EDGE + number * (wide + GAP)
        _column(canvas, (left, top, left + wide, bottom), one)
    _foot(image, canvas, shown, signature, link)
    lay_stamp(image, stamp_veil(PAGE, [one.stamp for one in shown if one.stamp]))
    return image


def write_png(page: Any, said: Said) -> bytes:
    """The page as PNG; the same bytes for the same page."""
    from PIL.PngImagePlugin import PngInfo

    texts, out = PngInfo(), io.BytesIO()
    texts.add_itxt("Title", said.head)
    texts.add_itxt("Author", said.sender)
    page.save(out, "PNG", dpi=(DPI, DPI), pnginfo=texts)
    return out.getvalue()


def write_pdf(page: Any, said: Said) -> bytes:
    """The page as PDF, dated by the message and not by a clock."""
    out, made = io.BytesIO(), time.gmtime(said.sent_at.timestamp())
    page.save(
        out, "PDF", resolution=DPI, quality=92, subsampling=0, title=said.head, author=said.sender, creator="Tocsin",
        producer="Tocsin", creationDate=made, modDate=made,
    )  # fmt: skip
    return out.getvalue()


def draw_code(text: str, size: int) -> Any:
    """A code to scan, as a picture of at most `size` pixels a side."""
    import segno
    from PIL import Image

    code = segno.make(text, error="m", micro=False)
    rows = [bytes(0 if cell else 255 for cell in row) for row in code.matrix_iter(border=4)]
    picture = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    times = max(1, size // picture.width)
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _column(canvas: Any, box: tuple[float, float, float, float], said: Said) -> None:
    """What is said in one language; what to do stands out."""
    t, (left, top, right, bottom) = said.t, box
    level = COLOURS[said.shown_level][0]
    texts = [
        Paragraph(shorten(said.headline, HEADLINE), bold=True, scale=1.1),
        Paragraph(t("Area"), colour=QUIET, scale=0.75),
        Paragraph(shorten(said.area, AREA), bold=True),
        Paragraph(t("In force from"), colour=QUIET, scale=0.75),
        Paragraph(long_time(said.starts_at, said.locale), bold=True),
    ]
    if said.until and said.expires_at:
        texts += [
            Paragraph(t("In force until"), colour=QUIET, scale=0.75),
            Paragraph(long_time(said.expires_at, said.locale), bold=True),
        ]
    if said.description:
        texts += [Paragraph(t("What is expected"), colour=QUIET, scale=0.75), Paragraph(said.description)]
    todo = [Paragraph(t("What to do"), colour=QUIET, scale=0.75), Paragraph(said.instruction, bold=True)]
    low = (bottom - top) * (0.66 if said.instruction else 0.97)
    cut = draw_block(canvas, (left, top, right, top + low), texts, TEXT_SIZES)
    cut = cut or len(said.headline) > HEADLINE or len(said.area) > AREA
    if said.instruction:
        canvas.rectangle((left, top + low + 12, right, bottom - 40), fill=TINT)
        canvas.rectangle((left, top + low + 12, left + 10, bottom - 40), fill=level)
        inner = (left + 30, top + low + 16, right - 16, bottom - 52)
        cut = draw_block(canvas, inner, todo, TEXT_SIZES) or cut
    if cut:
        note = Paragraph(t("Shortened here; the whole text is on the public page."), colour=QUIET)
        draw_block(canvas, (left, bottom - 38, right, bottom + 6), [note], (22, 20, 18, 16))


def _foot(image: Any, canvas: Any, shown: Sequence[Said], signature: Signature | None, link: str) -> None:
    """Who sends it, who signed it, and where the whole of it is found."""
    top, right = PAGE[1] - FOOT - EDGE + 20, PAGE[0] - EDGE
    canvas.line((EDGE, top - 12, right, top - 12), fill=INK, width=3)
    sender = " / ".join(dict.fromkeys(shorten(one.sender, SENDER) for one in shown if one.sender))
    sent = long_time(shown[0].sent_at, shown[0].locale)
    words = [Paragraph(f"{sender} · {sent}", bold=True, scale=1.25)]
    words += [Paragraph(text, scale=0.95) for one in shown for text in _signed(one, signature)]
    if signature is not None:
        words += [
            Paragraph(f"SHA-256 (approved) {signature.body_sha256}", colour=QUIET, scale=0.8),
            Paragraph(f"SHA-256 (signed) {signature.signed_sha256}", colour=QUIET, scale=0.8),
        ]
    edge = right
    if link:
        code = draw_code(link, CODE)
        edge = right - code.width - 30
        image.paste(code, (right - code.width, int(top)))
        words.append(Paragraph(link, bold=True, scale=0.95))
    draw_block(canvas, (EDGE, top, edge, PAGE[1] - EDGE + 30), words, (28, 26, 24, 22, 20, 18))


def _signed(said: Said, signature: Signature | None) -> list[str]:
    t = said.t
    if signature is None:
        return [t("Nobody has approved this yet.")]
    text = t("Written by {author}; approved by {approver}, {time}, proved by {method}.")
    return [
        text.format(
            author=signature.author, approver=signature.approver, time=long_time(signature.at, said.locale),
            method=signature.method,
        )
    ]  # fmt: skip
