"""Printed maps: each pixel where the place is, unknown hatched, the same bytes each time, in both languages."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.errors import LayerError
from data.text import translator
from layers.export.files import Facts, export_field, export_regions
from layers.export.map import colours, field_map, fit, region_map
from layers.export.picture_frame import bar_km, degrees, frame
from layers.export.picture_page import PAGE, panel
from layers.export.picture_text import Typeface
from layers.layer import RegionValues
from layers.ramps import palette
from tests.conftest import tries
from tests.layers.test_export import BASE, FACTS, FONTS, counties

KM = Facts(title="x", quantity="air_temperature", unit="degC", source="s", made_at=FACTS.made_at)


def world(values: Any) -> Any:
    values = np.asarray(values, np.float32)
    ny, nx = values.shape
    lon, lat = -180.0 + np.arange(nx) * 360 / nx, 90.0 - (np.arange(ny) + 0.5) * 180 / ny
    row = SimpleNamespace(west=-180, south=-90, east=180, north=90, attributes={})
    return SimpleNamespace(levels=(values,), lon=lon, lat=lat, row=row)


def opened(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def test_picture_is_a_sheet_that_says_what_it_is() -> None:
    made = export_regions("png", counties(), FACTS, base_dir=BASE, fonts=FONTS)
    image = opened(made.body)
    assert image.size == PAGE
    assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert image.info["Title"] == FACTS.title
    assert image.info["Valid_at"] == "2026-03-01T12:00:56Z"
    assert image.info["Licence"] == "CC BY 4.0"
    again = export_regions("png", counties(), FACTS, base_dir=BASE, fonts=FONTS)
    assert made.body == again.body


def test_pdf_is_one_page_a4_with_title_and_given_date() -> None:
    body = export_regions("pdf", counties(), replace(FACTS, locale="zh"), base_dir=BASE, fonts=FONTS).body
    assert body.startswith(b"%PDF-")
    assert b"D:20260301123456Z" in body
    assert body.count(b"/Type /Page\n") + body.count(b"/Type /Page ") == 1
    assert "雨量".encode("utf-16-be") in body
    box = next(line for line in body.split(b"\n") if b"/MediaBox" in line).decode()
    width, height = (float(word) for word in box.split("[")[1].split("]")[0].split()[2:])
    assert (width / 72 * 25.4, height / 72 * 25.4) == pytest.approx((297, 210), abs=0.3)
    assert body == export_regions("pdf", counties(), replace(FACTS, locale="zh"), base_dir=BASE, fonts=FONTS).body


def test_region_pixels_have_the_colour_of_their_value_and_unknown_is_marked() -> None:
    values = counties()
    content = region_map(values, FACTS, BASE, None)
    window = fit(content, 400, 300)
    rgb, shown, below, unknown = colours(content, window)
    table = palette(content.ramp)
    from data.regions import load_regions

    index = load_regions(BASE)
    for number, rid in enumerate(values.rid.tolist()):
        column, row = window.pixels(np.array([[index.lon[rid], index.lat[rid]]]))[0].astype(int)
        marks = (bool(shown[row, column]), bool(below[row, column]), bool(unknown[row, column]))
        value = values.value[number]
        if not values.watched[number]:
            assert marks == (False, False, False), number
        elif np.isnan(value):
            assert marks == (False, False, True), number
        elif value < 0.1:
            assert marks == (False, True, False), number
        else:
            assert marks == (True, False, False), number
            assert rgb[row, column].tolist() == table.rgb[table.index(np.array([value], np.float32))][0].tolist()


@settings(max_examples=tries(25, 8), deadline=None)
@given(west=st.floats(-180, 180), south=st.floats(-80, 60), size=st.floats(1, 30))
def test_field_pixels_are_the_cells_below_them_also_over_the_antimeridian(
    west: float, south: float, size: float
) -> None:
    step = world(np.random.default_rng(1).uniform(-30, 30, (90, 180)))
    step.levels[0][10:20] = np.nan
    content = field_map(step, KM, BASE, (west, south, west + size, south + size))
    window = fit(content, 60, 40)
    values, held = content.paint(window)
    assert held.all()
    for row, column in ((0, 0), (20, 30), (window.height - 1, window.width - 1)):
        x = window.lon()[column]
        cell = np.argmin(np.abs((step.lon - x + 180) % 360 - 180)), np.argmin(np.abs(step.lat - window.lat()[row]))
        assert values[row, column] == pytest.approx(step.levels[0][cell[1], cell[0]], nan_ok=True)


def test_outside_the_grid_is_not_unknown_but_not_covered() -> None:
    step = world(np.full((90, 180), 5.0))
    inside = slice(40, 50)
    step.levels, step.lon, step.lat = (step.levels[0][inside, inside],), step.lon[inside], step.lat[inside]
    content = field_map(step, KM, BASE, (-180, -90, 180, 90))
    _, shown, below, unknown = colours(content, fit(content, 360, 180))
    assert shown.sum() == pytest.approx(20 * 20, abs=80)
    assert not unknown.any()
    assert not below.any()


def test_unknown_cells_are_hatched_on_the_sheet() -> None:
    step = world(np.full((90, 180), np.nan))
    image = opened(export_field("png", step, KM, base_dir=BASE, fonts=FONTS).body).convert("L")
    middle = np.asarray(image)[700:900, 700:1100]
    dark, light = (middle < 140).mean(), (middle > 190).mean()
    assert 0.15 < dark < 0.45
    assert light > 0.45


def test_colours_of_another_scale_are_not_those_of_the_field() -> None:
    share = replace(counties(), unit="1", value=np.linspace(0, 1, counties().rid.size))
    assert region_map(share, FACTS, BASE, None).ramp.stops[-1][0] == 1.0
    assert region_map(counties(), FACTS, BASE, None).ramp.stops[-1][0] == 250.0
    risk = replace(FACTS, quantity="composite_risk", unit="1")
    assert [stop for stop, _ in region_map(share, risk, BASE, None).ramp.stops] == [0.0, 2.0, 3.5, 5.0, 6.5]


def test_no_regions_make_no_map() -> None:
    empty = RegionValues(
        quantity="q", unit="mm", rid=np.empty(0, np.int32), value=np.empty(0), observed_at=np.empty(0),
        valid_share=np.empty(0), watched=np.empty(0, np.bool_),
    )  # fmt: skip
    with pytest.raises(LayerError, match="no regions"):
        export_regions("png", empty, FACTS, base_dir=BASE, fonts=FONTS)


def test_missing_typefaces_are_named(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="make setup"):
        export_field("png", world(np.ones((4, 8))), KM, base_dir=BASE, fonts=tmp_path)


def test_chinese_and_latin_letters_come_from_the_files_that_have_them() -> None:
    face = Typeface(FONTS, 30)
    assert face.width("郑州") == pytest.approx(60, abs=2)
    assert face.width("≥ 50 mm") > face.width("50 mm")
    lines = face.wrap("河南省郑州市二十四小时降水量（平均）, mean over the region", 300)
    assert len(lines) > 2
    assert all(face.width(line) <= 330 for line in lines)
    assert "".join(lines).replace(" ", "") == "河南省郑州市二十四小时降水量（平均）,meanovertheregion"


@given(
    west=st.floats(-180, 180), width=st.floats(0, 360), south=st.floats(-90, 90), height=st.floats(0, 90),
    panel=st.sampled_from([(800, 600), (300, 900), (1700, 1100)]),
)  # fmt: skip
def test_window_holds_what_it_shows_and_stays_on_the_globe(
    west: float, width: float, south: float, height: float, panel: tuple[int, int]
) -> None:
    north = min(south + height, 90.0)
    window = frame((west, south, west + width, north), *panel)
    assert -90.0001 <= window.south <= south + 1e-6
    assert north - 1e-6 <= window.north <= 90.0001
    assert window.west <= west + 1e-6
    assert window.east >= west + width - 1e-6
    assert window.east - window.west <= 360.0001
    assert window.width <= panel[0] + 1
    assert window.height <= panel[1] + 1
    middle = np.cos(np.radians(np.clip((south + north) / 2, -80, 80)))
    assert window.dx * middle == pytest.approx(window.dy, rel=0.02 + 2 / min(window.width, window.height))


@pytest.mark.parametrize(
    ("value", "letters", "text"),
    [(113.5, "EW", "113.5°E"), (-0.25, "EW", "0.25°W"), (190.0, "EW", "170°W"), (180.0, "EW", "180°"),
     (0.0, "NS", "0°"), (-33.0, "NS", "33°S")],
)  # fmt: skip
def test_degrees_are_written_as_on_maps(value: float, letters: str, text: str) -> None:
    assert degrees(value, letters) == text


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 200.0), (0.3, 100.0), (12.3, 2000.0), (0.004, 1.0)])
def test_scale_bar_has_a_round_length(scale: float, expected: float) -> None:
    assert bar_km(scale, 400) == expected


def test_words_on_the_sheet_are_translated() -> None:
    t = translator("zh")
    texts = [
        "Statistic: {name}", "over {hours} h", "Valid at {time}", "Forecast of {time}", "Source: {name}", "Legend",
        "Notes: {notes}", "Outlines and places: {credits}", "Made at {time}", "Unknown", "No data covers it",
        "Equirectangular, true to scale along the middle parallel (WGS 84)",
    ]  # fmt: skip
    assert [text for text in texts if t(text) == text] == []


def test_a_chinese_map_has_the_national_lines_of_china() -> None:
    content = field_map(world(np.full((90, 180), 20.0)), KM, BASE, (105.0, 5.0, 125.0, 25.0))
    window = fit(content, 400, 400)
    plain, chinese = (np.asarray(panel(content, window, chinese=wished), np.int16) for wished in (False, True))
    rows, columns = np.nonzero(np.abs(plain - chinese).max(axis=2) > 60)
    lon, lat = window.west + columns * window.dx, window.north - rows * window.dy
    dash = (lon > 108.0) & (lon < 110.5) & (lat > 12.0) & (lat < 17.0)  # off Viet Nam: nothing else is drawn there
    assert dash.any()
