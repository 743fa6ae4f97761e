"""Map and poster: the area where it is, the level by colour and shape, who signed, and what keeps drills apart."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import segno
import shapely
from PIL import Image, ImageColor, ImageDraw

from alerts.cap.model import Area, Circle, Position
from alerts.media import poster, sheet
from alerts.media.map_picture import area_map, area_of, draw_map
from alerts.media.poster import PAGE, Signature, draw_code, draw_poster, write_pdf, write_png
from alerts.media.sheet import Paragraph, draw_block, draw_mark, stamp_veil
from alerts.media.texts import COLOURS
from alerts.media.zoom import zoom_frames
from data.errors import WarningError
from data.model import Level
from data.regions import default_base_dir
from layers.export.picture_text import Typeface
from tests.alerts.media.warnings import (
    CANCEL,
    CHINESE,
    ENGLISH,
    EXERCISE,
    HOSTILE,
    RING,
    SENT,
    WARNING,
    said,
    with_text,
)

BASE = default_base_dir()
SIGNATURE = Signature(
    author="Li Wei", approver="Zhang Min", at=SENT, method="totp", body_sha256="ab" * 32, signed_sha256="cd" * 32
)
LINK = "https://warn.example/public/w/17"


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every text that is drawn."""
    drawn: list[str] = []
    real = Typeface.draw

    def draw(face: Typeface, canvas: Any, x: float, y: float, text: str, fill: str, **more: Any) -> None:
        drawn.append(text)
        real(face, canvas, x, y, text, fill, **more)

    monkeypatch.setattr(Typeface, "draw", draw)
    yield drawn


def red(image: Any) -> Any:
    return (np.abs(np.asarray(image, np.int16) - ImageColor.getrgb(COLOURS[Level.RED][0])).max(axis=2)) < 12


def test_area_is_filled_where_it_is_and_nowhere_else() -> None:
    found = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    image = draw_map(found, (400, 300), BASE, names=False)
    assert image.size == (400, 300)
    rows, columns = np.nonzero(red(image))
    _, south, _, north = found.bounds  # the window is wider: its height is that of the bounds with their margin
    lat = north - (rows + 0.5) * (north - south) * 1.08 / 300 + 0.04 * (north - south)
    assert abs(lat.max() - 35.0) < 0.03
    assert abs(lat.min() - 34.3) < 0.03
    assert abs((columns.min() + columns.max()) / 2 - 199.5) < 3
    assert rows.size > 0.8 * np.ptp(rows) * np.ptp(columns)


def test_unknown_level_is_hatched_and_never_a_colour_of_a_level() -> None:
    found = area_map(area_of(WARNING), Level.UNKNOWN, BASE, chinese=False)
    image = np.asarray(draw_map(found, (400, 300), BASE, names=False))
    middle = {tuple(pixel) for pixel in image[130:170, 180:220].reshape(-1, 3).tolist()}
    assert len(middle) > 5
    for level in (Level.NONE, Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED):
        assert ImageColor.getrgb(COLOURS[level][0]) not in middle


def test_map_is_the_same_each_time() -> None:
    found = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    assert draw_map(found, (300, 200), BASE).tobytes() == draw_map(found, (300, 200), BASE).tobytes()


def test_area_comes_from_the_message_and_from_its_regions_only_without_one() -> None:
    region = shapely.box(0, 0, 1, 1)
    assert area_of(WARNING, region).equals(shapely.Polygon(list(RING)))
    bare = replace(WARNING, info=(replace(ENGLISH, area=(Area(description="somewhere"),)),))
    assert area_of(bare, region).equals(region)
    with pytest.raises(WarningError, match="draws no area"):
        area_of(bare)


@pytest.mark.parametrize(("lon", "lat", "radius_km"), [(113.6, 34.7, 50.0), (179.9, 0.0, 30.0), (10.0, 80.0, 20.0)])
def test_circle_has_its_size_on_the_earth(lon: float, lat: float, radius_km: float) -> None:
    circle = Circle(centre=Position(lon, lat), radius_km=radius_km)
    info = replace(ENGLISH, area=(Area(description="here", circles=(circle,)),))
    shape = area_of(replace(WARNING, info=(info,)))
    _, south, _, north = shape.bounds
    assert (north - south) * 111.195 / 2 == pytest.approx(radius_km, rel=0.01)
    assert shape.contains(shapely.Point(lon, lat))


def test_way_to_the_area_ends_with_the_map_itself() -> None:
    found = area_map(area_of(WARNING), Level.RED, BASE, chinese=False)
    frames = list(zoom_frames(found, (480, 270), BASE, 4))
    assert len(frames) == 5
    share = [red(frame).mean() for frame in frames]
    assert share[0] < 0.01 < share[3] < 2 * share[4]
    assert share[4] > 0.03
    assert frames[-1].tobytes() == draw_map(found, (480, 270), BASE).tobytes()


@pytest.mark.parametrize("level", list(Level))
def test_each_level_has_a_shape_of_its_own(level: Level) -> None:
    def drawn(one: Level) -> bytes:
        image = Image.new("L", (60, 60), 255)
        draw_mark(ImageDraw.Draw(image), one, 5, 5, 50, "black")
        return image.tobytes()

    assert drawn(level) not in [drawn(other) for other in Level if other != level]


def test_poster_says_everything_in_both_languages_and_who_signed(words: list[str]) -> None:
    area = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    page = draw_poster(said(), area, BASE, SIGNATURE, LINK)
    assert page.size == PAGE
    text = "".join("".join(words).split())
    for info in (ENGLISH, CHINESE):
        for part in (info.headline, info.description, info.instruction, info.sender_name, info.area[0].description):
            assert "".join(part.split()) in text
    for part in (
        "LiWei",
        "ZhangMin",
        "totp",
        "ab" * 32,
        "cd" * 32,
        LINK,
        "2Mar202606:00UTC+8",
        "2026年3月2日06:00（UTC+8）",
    ):
        assert part in text
    assert "EXERCISE" not in text


def test_poster_is_the_same_bytes_each_time_and_dated_by_the_message() -> None:
    area = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    page, again = (draw_poster(said(), area, BASE, SIGNATURE, LINK) for _ in range(2))
    assert write_png(page, said()[0]) == write_png(again, said()[0])
    pdf = write_pdf(page, said()[0])
    assert pdf == write_pdf(again, said()[0])
    assert b"D:20260301100000Z" in pdf
    opened = Image.open(io.BytesIO(write_png(page, said()[0])))
    assert opened.info["Title"] == "Red warning: Rainstorm"


def test_poster_of_an_exercise_has_the_word_all_over_it() -> None:
    area = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    real, drill = (
        np.asarray(draw_poster(said(alert), area, BASE, SIGNATURE, LINK), np.int16) for alert in (WARNING, EXERCISE)
    )
    changed = np.abs(real - drill).max(axis=2) > 8
    for rows in np.array_split(changed, 6):
        for part in np.array_split(rows, 3, axis=1):
            assert part.mean() > 0.03
    assert stamp_veil((100, 100), []) is None


def test_unapproved_poster_says_so(words: list[str]) -> None:
    area = area_map(area_of(WARNING), Level.RED, BASE, chinese=True)
    draw_poster(said(), area, BASE, None, "")
    assert "Nobody has approved this yet." in words
    assert "尚无人审签。" in words


def test_cancelled_poster_has_no_colour_of_a_level(words: list[str]) -> None:
    one = said(CANCEL)[0]
    page = draw_poster((one,), area_map(area_of(CANCEL), one.shown_level, BASE, chinese=False), BASE, SIGNATURE, LINK)
    assert not red(page).any()
    assert words[0].startswith("CANCELLED: Red warning")


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_hostile_text_leaves_signature_and_validity_readable(
    text: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster, "draw_map", lambda _area, size, _base: Image.new("RGB", size))
    area = area_map(area_of(WARNING), Level.ORANGE, BASE, chinese=False)
    draw_poster(said(with_text(text), Level.ORANGE), area, BASE, SIGNATURE, LINK)
    for part in ("2 Mar 2026 06:00 UTC+8", "ab" * 32, LINK):
        assert any(part in drawn for drawn in words)
    if len(text) > 900:
        assert "Shortened here; the whole text is on the public page." in words


def test_block_tells_when_it_had_to_leave_something_out() -> None:
    canvas = ImageDraw.Draw(Image.new("RGB", (300, 120), "white"))
    assert not draw_block(canvas, (0, 0, 300, 120), [Paragraph("short")], (30, 20))
    assert draw_block(canvas, (0, 0, 300, 120), [Paragraph("long words " * 100)], (30, 20))
    assert draw_block(canvas, (0, 0, 300, 120), [Paragraph("x" * (sheet.MOST_CHARACTERS + 1))], (30, 20))


def test_code_is_what_scanners_expect() -> None:
    picture = np.asarray(draw_code(LINK, 250))
    size = picture.shape[0]
    assert size <= 250
    modules = len(list(segno.make(LINK, error="m", micro=False).matrix_iter(border=4)))
    assert size % modules == 0
    assert (picture[: 4 * size // modules] == 255).all()  # the quiet zone
