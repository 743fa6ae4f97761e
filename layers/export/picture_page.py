"""The page of a printed map, drawn with Pillow: an A4 sheet across."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.store.exercise import MARK
from layers.export.map import MapContent, colours, finer, fit
from layers.export.picture_frame import Frame, bar_km, degrees
from layers.export.picture_mark import COPY, watermark
from layers.export.picture_text import Typeface
from layers.ramps import legend

if TYPE_CHECKING:
    from layers.export.files import Facts

DPI = 200
PAGE = (2339, 1654)  # 297 x 210 mm
MARGIN = 70
LEGEND = 430
FINER = 2  # the map is drawn larger and brought down, so that lines are smooth
SEA, LAND, PAPER, INK, QUIET = "#dde6ec", "#e9e5da", "#ffffff", "#1b1f24", "#5b6570"
BORDER, COUNTRY, GRID = "#7d8791", "#2d333a", "#c3ccd4"
HATCH_PAPER, HATCH_INK, HATCH_STEP = (214, 214, 217), (96, 98, 105), 14  # as wide as it prints well
MOST_PLACES = 14
SIGNS = {"degC": "°C", "1": "", "m3/s": "m³/s", "kg/m3": "kg/m³", "ug/m3": "µg/m³"}  # units as people write them
Translate = Callable[[str], str]


@dataclass(frozen=True)
class Sheet:
    """What is drawn on, in which language."""

    image: Any
    canvas: Any
    fonts: Path
    t: Translate

    def face(self, size: float, *, bold: bool = False) -> Typeface:
        return Typeface(self.fonts, size, bold=bold)


def draw_page(content: MapContent, facts: Facts, fonts: Path, t: Translate) -> Any:
    """The page as a Pillow image."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", PAGE, PAPER)
    sheet = Sheet(image, ImageDraw.Draw(image), fonts, t)
    top = _heading(sheet, facts)
    bottom = PAGE[1] - MARGIN - _footer(sheet, facts) - 30
    left, right = MARGIN + 80, PAGE[0] - MARGIN - LEGEND - 40
    window = fit(content, right - left, bottom - 40 - top)
    x, y = left + (right - left - window.width) // 2, top + (bottom - 40 - top - window.height) // 2
    chinese = facts.locale == "zh"
    image.paste(panel(content, window, chinese=chinese), (x, y))
    sheet.canvas.rectangle((x - 1, y - 1, x + window.width, y + window.height), outline=INK, width=2)
    _grid_labels(sheet, window, x, y)
    draw_places(sheet, content, window, x, y, chinese=chinese)
    draw_scale_bar(sheet, window, x, y)
    _legend(sheet, content, PAGE[0] - MARGIN - LEGEND, top)
    if facts.exercise:
        watermark(image, fonts, MARK)
    if facts.copy:
        watermark(image, fonts, facts.copy, COPY)
    return image


def _heading(sheet: Sheet, facts: Facts) -> int:
    """Title and what is shown when; the height at which the map begins."""
    t, y, width = sheet.t, float(MARGIN), PAGE[0] - 2 * MARGIN
    title, line = sheet.face(50, bold=True), sheet.face(31)
    for text in title.wrap(facts.title, width)[:2]:
        y += title.line * 0.8
        title.draw(sheet.canvas, MARGIN, y, text, INK)
        y += title.line * 0.2
    parts = [t("Statistic: {name}").format(name=t(facts.statistic))] if facts.statistic else []
    if facts.accumulation_s:
        parts.append(t("over {hours} h").format(hours=f"{facts.accumulation_s / 3600:g}"))
    if facts.valid_at:
        parts.append(t("Valid at {time}").format(time=_time(facts, facts.valid_at)))
    if facts.run_at and facts.forecast:
        parts.append(t("Forecast of {time}").format(time=_time(facts, facts.run_at)))
    for text in line.wrap(" · ".join(parts), width)[:2]:
        y += line.line
        line.draw(sheet.canvas, MARGIN, y, text, INK)
    return int(y) + 34


def _time(facts: Facts, at: datetime) -> str:
    return at.astimezone(facts.zone).isoformat(sep=" ", timespec="minutes").replace("+00:00", " UTC")


def _footer(sheet: Sheet, facts: Facts) -> int:
    """Source, notes and credits at the foot; how high they are."""
    t, small = sheet.t, sheet.face(22)
    texts = [f"{MARK}: {facts.exercise}"] if facts.exercise else []
    texts.append(t("Source: {name}").format(name=facts.source) + (f" · {facts.licence}" if facts.licence else ""))
    texts += [t("Made for {who}").format(who=facts.reader)] if facts.reader else []
    texts += [t("Notes: {notes}").format(notes="; ".join(facts.notes))] if facts.notes else []
    texts += [t("Outlines and places: {credits}").format(credits="; ".join(facts.credits))] if facts.credits else []
    made = t("Equirectangular, true to scale along the middle parallel (WGS 84)")
    texts.append(f"{made} · {t('Made at {time}').format(time=_time(facts, facts.made_at))} · Tocsin")
    lines = [line for text in texts for line in small.wrap(text, PAGE[0] - 2 * MARGIN)[:3]]
    y = PAGE[1] - MARGIN - (len(lines) - 1) * small.line
    for number, line in enumerate(lines):
        small.draw(sheet.canvas, MARGIN, y + number * small.line, line, QUIET)
    return round(len(lines) * small.line)


def panel(content: MapContent, window: Frame, *, chinese: bool) -> Any:
    """The map itself: sea, land, values, unknown, borders."""
    from PIL import Image, ImageColor, ImageDraw
    from rasterio.features import rasterize

    fine = finer(window, FINER)
    pixels = np.full((fine.height, fine.width, 3), ImageColor.getrgb(SEA), np.uint8)
    land = _parts(fine, content.countries)
    if land:
        mask = rasterize(land, out_shape=pixels.shape[:2], transform=fine.transform(), dtype="uint8")
        pixels[mask > 0] = ImageColor.getrgb(LAND)
    rgb, shown, below, unknown = colours(content, fine)
    pixels[below] = ImageColor.getrgb(PAPER)
    pixels[shown] = rgb[shown]
    pixels[unknown] = _hatch(fine.height, fine.width, FINER)[unknown]
    image = Image.fromarray(pixels)
    canvas = ImageDraw.Draw(image)
    meridians, parallels = fine.lines()
    for lon in meridians:
        x = (lon - fine.west) / fine.dx
        canvas.line((x, 0, x, fine.height), fill=GRID, width=1)
    for lat in parallels:
        y = (fine.north - lat) / fine.dy
        canvas.line((0, y, fine.width, y), fill=GRID, width=1)
    _outlines(canvas, fine, _parts(fine, content.borders), BORDER, 2)
    _outlines(canvas, fine, land, COUNTRY, 3)
    if chinese:
        _outlines(canvas, fine, _parts(fine, content.national), COUNTRY, 3)
    return image.resize((window.width, window.height), Image.Resampling.BOX)


def _hatch(height: int, width: int, factor: int) -> NDArray[np.uint8]:
    """The pattern that says unknown: grey with diagonal lines."""
    step = HATCH_STEP * factor
    line = (np.arange(height)[:, None] + np.arange(width)[None]) % step < step * 0.28
    return np.where(line[..., None], np.array(HATCH_INK, np.uint8), np.array(HATCH_PAPER, np.uint8))


def _parts(window: Frame, shapes: NDArray[np.object_]) -> list[Any]:
    return [part for _, part in window.shown(shapes)]


def _outlines(canvas: Any, window: Frame, parts: Sequence[Any], colour: str, width: int) -> None:
    import shapely

    for part in parts:
        pieces = shapely.get_parts(part)
        lines = pieces if part.geom_type.endswith("LineString") else shapely.get_rings(pieces)
        for line in lines:
            points = window.pixels(shapely.get_coordinates(line))
            canvas.line([tuple(point) for point in points.tolist()], fill=colour, width=width, joint="curve")


def _grid_labels(sheet: Sheet, window: Frame, x: int, y: int) -> None:
    face = sheet.face(20)
    meridians, parallels = window.lines()
    for lon in meridians:
        place = x + (lon - window.west) / window.dx
        face.draw(sheet.canvas, place, y + window.height + 26, degrees(lon, "EW"), QUIET, anchor="m")
    for lat in parallels:
        place = y + (window.north - lat) / window.dy
        face.draw(sheet.canvas, x - 10, place + 7, degrees(lat, "NS"), QUIET, anchor="r")


def draw_places(sheet: Sheet, content: MapContent, window: Frame, x: int, y: int, *, chinese: bool) -> None:
    """The largest places whose names do not run into each other."""
    face = sheet.face(23)
    taken: list[tuple[float, float, float, float]] = []
    points = np.asarray(content.places[:, :2], np.float64)
    pixels = window.pixels(np.column_stack([window.west + (points[:, 0] - window.west) % 360.0, points[:, 1]]))
    inside = ((pixels > 12) & (pixels < (window.width - 12, window.height - 12))).all(axis=1)
    for number in np.flatnonzero(inside)[: 20 * MOST_PLACES].tolist():
        column, row = pixels[number]
        name = (content.places[number, 3] if chinese else "") or content.places[number, 2]
        box = (column - 6, row - 20, column + 16 + face.width(name), row + 10)
        if box[2] > window.width or any(_meet(box, other) for other in taken):
            continue
        taken.append(box)
        sheet.canvas.ellipse((x + column - 4, y + row - 4, x + column + 4, y + row + 4), fill=INK, outline=PAPER)
        face.draw(sheet.canvas, x + column + 9, y + row + 7, name, INK, halo=PAPER)
        if len(taken) == MOST_PLACES:
            return


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def draw_scale_bar(sheet: Sheet, window: Frame, x: int, y: int) -> None:
    length = bar_km(window.km_per_pixel, min(window.width / 3, 420))
    pixels, foot = length / window.km_per_pixel, y + window.height - 24
    face, text = sheet.face(21), f"{length:g} km"
    wide = max(pixels, face.width(text)) + 28
    sheet.canvas.rectangle((x + 10, foot - 38, x + 10 + wide, foot + 14), fill=PAPER, outline=QUIET)
    sheet.canvas.rectangle((x + 24, foot, x + 24 + pixels, foot + 6), fill=INK)
    face.draw(sheet.canvas, x + 24, foot - 10, text, INK)


def _legend(sheet: Sheet, content: MapContent, x: int, y: int) -> None:
    """Colours with their values from the same stops as the map, then what has no value."""
    t, face, head = sheet.t, sheet.face(26), sheet.face(28, bold=True)
    shown = legend(content.ramp, content.unit)
    stops = shown["stops"]
    unit = SIGNS.get(content.unit, content.unit)
    at = y + 28.0
    head.draw(sheet.canvas, x, at, t("Legend") + (f" ({unit})" if unit else ""), INK)
    at += 24
    if shown["kind"] == "classes":
        rows = [(stop["colour"], f"≥ {stop['value']:g}") for stop in reversed(stops)]
        rows += [] if content.nothing else [(PAPER, f"< {stops[0]['value']:g}")]
        for colour, text in rows:
            sheet.canvas.rectangle((x, at, x + 62, at + 34), fill=colour, outline=QUIET)
            face.draw(sheet.canvas, x + 80, at + 27, text, INK)
            at += 38
    else:
        at = _gradient(sheet, stops, x, at)
    at += 22
    unknown = ((True, t("Unknown")), (False, t("No data covers it")))
    for pattern, text in ((False, t(content.nothing)),) if content.nothing else unknown:
        box = (x, round(at), x + 62, round(at) + 34)
        if pattern:
            _paste_hatch(sheet.image, box)
        else:
            sheet.canvas.rectangle(box, fill=LAND)
            sheet.canvas.polygon([(x, box[3]), (x, box[1]), (box[2], box[1])], fill=SEA)
        sheet.canvas.rectangle(box, outline=QUIET)
        for number, line in enumerate(face.wrap(text, LEGEND - 80)):
            face.draw(sheet.canvas, x + 80, at + 27 + number * face.line, line, INK)
        at += 44


def _paste_hatch(image: Any, box: tuple[int, int, int, int]) -> None:
    from PIL import Image

    image.paste(Image.fromarray(_hatch(box[3] - box[1], box[2] - box[0], 1)), box[:2])


def _gradient(sheet: Sheet, stops: Sequence[dict[str, Any]], x: int, at: float) -> float:
    """A strip of running colours, high values above, each stop at its place among the stops, as in the palette."""
    from PIL import Image, ImageColor

    height, face = 44 * len(stops), sheet.face(26)
    rgb = np.array([ImageColor.getrgb(stop["colour"]) for stop in reversed(stops)], np.float64)
    place = np.linspace(0, len(stops) - 1, height)
    strip = np.stack([np.interp(place, np.arange(len(stops)), rgb[:, channel]) for channel in range(3)], axis=-1)
    wide = np.repeat(np.rint(strip).astype(np.uint8)[:, None], 62, axis=1)
    sheet.image.paste(Image.fromarray(wide), (x, round(at)))
    sheet.canvas.rectangle((x, round(at), x + 62, round(at) + height), outline=QUIET)
    for number, stop in enumerate(reversed(stops)):
        y = at + (number * (height - 1) / max(len(stops) - 1, 1))
        face.draw(sheet.canvas, x + 80, float(np.clip(y + 9, at + 20, at + height)), f"{stop['value']:g}", INK)
    return at + height
