"""A printed map: title, what is shown with its unknowns, outlines, legend, scale, times, source and credits."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.errors import LayerError
from data.grid import fractional_column, fractional_row
from data.store.fields import StepArray
from data.text import translator
from layers.export.picture_frame import Bounds, Frame, frame
from layers.fields import FIELDS
from layers.layer import Ramp, RegionValues
from layers.ramps import palette, ramp_for
from layers.risk import RISK_RAMP

if TYPE_CHECKING:
    from layers.export.files import Facts
    from layers.survey.marks.mark import Mark

MOST_READ = 30_000_000  # cells read for a picture; past it an overview is
OWN_RAMPS = {"composite_risk": RISK_RAMP}
Numbers = NDArray[np.float32]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class MapContent:
    """What a map shows. `paint` gives for a window the values (NaN unknown) and where there is anything at all."""

    bounds: Bounds
    ramp: Ramp
    unit: str
    paint: Callable[[Frame], tuple[Numbers, Marks]]
    borders: NDArray[np.object_]  # drawn over it, thin
    countries: NDArray[np.object_]
    national: NDArray[np.object_]  # lines of the map of China as published there; drawn on a Chinese map only
    places: NDArray[np.object_]  # rows (lon, lat, name, name_zh), largest first
    nothing: str = ""  # what it means that a place has no colour, where that is known


def region_map(values: RegionValues, facts: Facts, base_dir: Path, bounds: Bounds | None) -> MapContent:
    """Regions filled with the colour of their value."""
    import shapely

    from data.regions import load_geometries, load_regions

    if not values.rid.size:
        raise LayerError("there are no regions to draw")
    found, shapes = load_geometries(base_dir, sorted(set(load_regions(base_dir).kind[values.rid].tolist())))
    shapes = shapes[np.searchsorted(found, values.rid)]
    told = values.watched
    box = tuple(shapely.total_bounds(shapes[told] if told.any() else shapes).tolist())

    def paint(window: Frame) -> tuple[Numbers, Marks]:
        label = _labels(window, shapes)
        values_here = np.append(values.value, np.nan).astype(np.float32)[label]  # -1: no region
        return values_here, np.append(told, False)[label]

    house = FIELDS.get(facts.quantity)  # a share of area or a number of people is not on the scale of the field
    ramp = _ramp("" if house and house.unit != values.unit else facts.quantity, values.value)
    return MapContent(
        bounds=bounds or box, ramp=ramp, unit=values.unit, paint=paint, borders=shapes, **world(base_dir)
    )  # fmt: skip


def field_map(step: StepArray, facts: Facts, base_dir: Path, bounds: Bounds | None) -> MapContent:
    """A field cell by cell."""
    row = step.row
    sample = np.asarray(step.levels[-1][:], np.float64)

    def paint(window: Frame) -> tuple[Numbers, Marks]:
        return _sampled(step, window)

    box = (float(row.west), float(row.south), float(row.east), float(row.north))
    return MapContent(
        bounds=bounds or box, ramp=_ramp(facts.quantity, sample), unit=facts.unit, paint=paint,
        borders=np.empty(0, object), **world(base_dir),
    )  # fmt: skip


def _ramp(quantity: str, values: NDArray[np.float64]) -> Ramp:
    if quantity in OWN_RAMPS:
        return OWN_RAMPS[quantity]
    known = values[np.isfinite(values)]
    return ramp_for(quantity, *((float(known.min()), float(known.max())) if known.size else (0.0, 1.0)))


def world(base_dir: Path) -> dict[str, Any]:
    """Countries, the largest places, and where the base data holds China its national lines."""
    import pyarrow.parquet as pq

    from data.regions import load_geometries, load_regions
    from data.setup.china import border_lines

    table = pq.read_table(base_dir / "places.parquet", columns=["lon", "lat", "name", "name_zh", "population"])
    rows = np.array([table[name].to_pylist() for name in ("lon", "lat", "name", "name_zh")], dtype=object).T
    order = np.argsort(-np.nan_to_num(table["population"].to_numpy().astype(np.float64), nan=0.0), kind="stable")
    lines = [line for _, line in border_lines()] if load_regions(base_dir).of_kind("cn-province").size else []
    national = np.empty(len(lines), object)
    national[:] = lines
    return {"countries": load_geometries(base_dir, ["country"])[1], "national": national, "places": rows[order]}


def _labels(window: Frame, shapes: NDArray[np.object_]) -> NDArray[np.int32]:
    """The number of the shape at each pixel, -1 where there is none."""
    from rasterio.features import rasterize

    parts = [(part, number + 1) for number, part in window.shown(shapes)]
    size = (window.height, window.width)
    if not parts:
        return np.full(size, -1, np.int32)
    found = rasterize(parts, out_shape=size, transform=window.transform(), fill=0, dtype="int32")
    return np.asarray(found - 1, np.int32)


def _sampled(step: StepArray, window: Frame) -> tuple[Numbers, Marks]:
    """The cell at each pixel, and whether the grid has one there."""
    columns, rows = fractional_column(step.lon, window.lon()), fractional_row(step.lat, window.lat())
    across, down = np.flatnonzero(np.isfinite(columns)), np.flatnonzero(np.isfinite(rows))
    values = np.full((window.height, window.width), np.nan, np.float32)
    held = np.zeros(values.shape, np.bool_)
    if across.size and down.size:
        c, r = np.rint(columns[across]).astype(np.intp), np.rint(rows[down]).astype(np.intp)
        level = 0
        while np.ptp(c) * np.ptp(r) / 4**level > MOST_READ and level < len(step.levels) - 1:
            level += 1
        array = step.levels[level]
        r, c = (r >> level).clip(0, array.shape[0] - 1), (c >> level).clip(0, array.shape[1] - 1)
        block = np.asarray(array[r.min() : r.max() + 1, c.min() : c.max() + 1], np.float32)
        values[np.ix_(down, across)] = block[np.ix_(r - r.min(), c - c.min())]
        held[np.ix_(down, across)] = True
    return values, held


def export_map(form: str, content: MapContent, facts: Facts, fonts: Path, mark: Mark | None = None) -> bytes:
    """The page as `png` or `pdf`: A4 across at 200 dots an inch, the same bytes for the same input.

    `mark` goes under the whole of it, and is not seen.
    """
    from layers.export.picture_page import DPI, draw_page
    from layers.survey.marks.picture import marked_picture

    t = translator(facts.locale)
    page = draw_page(content, facts, fonts, t)
    page = page if mark is None else marked_picture(page, mark)
    words, out = facts.words(), io.BytesIO()
    if form == "pdf":
        made = time.gmtime(facts.made_at.timestamp())
        page.save(
            out, "PDF", resolution=DPI, quality=95, subsampling=0, title=facts.title, author=facts.source,
            subject="; ".join(f"{key}: {value}" for key, value in words.items()), creator="Tocsin", producer="Tocsin",
            creationDate=made, modDate=made,
        )  # fmt: skip
        return out.getvalue()
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for key, value in words.items():
        texts.add_itxt(key.capitalize(), value)
    page.save(out, "PNG", dpi=(DPI, DPI), pnginfo=texts)
    return out.getvalue()


def colours(content: MapContent, window: Frame) -> tuple[NDArray[np.uint8], Marks, Marks, Marks]:
    """Of each pixel its colour; whether it has one, is known and below the first one, is unknown."""
    values, held = content.paint(window)
    table = palette(content.ramp)
    index = table.index(values)
    unknown = held & np.isnan(values)
    return table.rgb[index], held & (index > 0), held & (index == 0) & ~unknown, unknown


def finer(window: Frame, factor: int) -> Frame:
    """The same window with more pixels."""
    return replace(window, width=window.width * factor, height=window.height * factor)


def fit(content: MapContent, width: int, height: int) -> Frame:
    """The window of a content in a panel."""
    return frame(content.bounds, width, height)
