"""Whose a drawn map is: found when it is saved anew, made smaller and cut, and nobody else accused."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.stats import binom

from data.errors import ConfigError
from data.store.engine import open_store
from layers.export.picture_page import PAGE
from layers.survey.marks import command, picture_trace
from layers.survey.marks.book import Book
from layers.survey.marks.mark import Mark
from layers.survey.marks.picture import marked_picture, waves_of
from layers.survey.marks.picture_trace import chance_of, trace_picture
from tests.layers.survey.test_marks import PERMIT, SECRET, WHY

COPIES = [Mark(SECRET, number, 5) for number in range(1, 1_001)]
OWN = COPIES[411]


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    """An empty book of copies, once on each engine."""
    store = open_store(database_url)
    yield Book(store, SECRET)
    store.close()


@lru_cache(maxsize=1)
def drawn() -> Any:
    """A page with areas, lines, letters and dots."""
    draw = np.random.default_rng(1)
    page = Image.new("RGB", PAGE, "#ffffff")
    pen = ImageDraw.Draw(page)
    pen.rectangle((150, 170, 1800, 1390), fill="#e9e5da", outline="#1b1f24", width=2)
    for _ in range(40):
        corners = [tuple(point) for point in draw.uniform((150, 170), (1800, 1390), (7, 2)).tolist()]
        pen.polygon(corners[:3], fill=tuple(draw.integers(150, 240, 3).tolist()))
        pen.line(corners[3:], fill="#2d333a", width=3)
        pen.text(corners[0], "Langfang 廊坊", fill="#1b1f24", font_size=26)
    for x, y in draw.normal((900, 800), 120, (4_000, 2)).tolist():
        pen.rectangle((x - 1, y - 1, x + 1, y + 1), fill="#00224e")
    return page


@lru_cache(maxsize=1)
def leaked() -> Any:
    return marked_picture(drawn(), OWN)


def spoilt(page: Any, *, scale: float, share: float, quality: int) -> Any:
    """A part of a page [of each side], made smaller, and saved as JPEG."""
    width, height = (round(side * share) for side in page.size)
    left, top = (round((side - own) * 0.37) for side, own in zip(page.size, (width, height), strict=True))
    part = page.crop((left, top, left + width, top + height))
    out = io.BytesIO()
    part.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC).save(
        out, "JPEG", quality=quality
    )
    return np.asarray(Image.open(out).convert("L"), np.float32)


def test_the_mark_is_not_seen() -> None:
    before, after = (np.asarray(page, np.float64) for page in (drawn(), leaked()))
    assert np.abs(after - before).max() <= 2
    assert 10 * np.log10(255**2 / ((after - before) ** 2).mean()) > 48  # dB
    assert np.asarray(leaked()).std(axis=2)[:50, :50].max() == 0  # white stays without colour


def test_a_part_made_half_as_large_and_saved_again_names_its_reader_and_none_of_999_others() -> None:
    (found,) = trace_picture(spoilt(leaked(), scale=0.5, share=0.6, quality=75), COPIES)
    assert (found.copy, found.by) == (OWN.copy, "picture")
    assert found.false_positive <= 1e-6 and found.hits > found.tried / 2


def test_nobody_is_accused_of_an_unmarked_page_or_of_another_office_s() -> None:
    assert trace_picture(spoilt(drawn(), scale=0.6, share=0.5, quality=90), COPIES) == []
    other = marked_picture(drawn(), Mark(b"another office", OWN.copy, 5))
    assert trace_picture(spoilt(other, scale=0.6, share=0.5, quality=90), COPIES) == []


def test_a_false_accusation_is_as_rare_as_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    places = picture_trace._places

    def kept(*asked: Any) -> list[Any]:
        told[:] = places(*asked)
        return told

    monkeypatch.setattr(picture_trace, "_places", kept)
    trace_picture(spoilt(leaked(), scale=0.6, share=0.4, quality=75), [OWN])
    waves = waves_of(SECRET)
    chances = np.array([chance_of(waves.signs(mark), told[0]) for mark in COPIES if mark is not OWN])
    for level in (0.1, 0.01, 0.001):
        assert (chances <= level).sum() <= binom.ppf(1 - 1e-9, len(chances), level)
    assert chances.min() > 1e-6 and np.median(chances) > 0.3


@pytest.mark.parametrize("page", [Image.new("L", (600, 400), 255), Image.new("L", (90, 90), 9)])
def test_of_an_empty_or_tiny_picture_nothing_can_be_told(page: Any) -> None:
    assert trace_picture(np.asarray(page, np.float32), COPIES[:50]) == []
    assert trace_picture(np.asarray(page, np.float32), []) == []


@pytest.mark.prove
@pytest.mark.parametrize("scale", [0.5, 0.61, 0.75, 0.9, 1.0])
@pytest.mark.parametrize(("share", "quality"), [(1.0, 75), (0.6, 75), (0.6, 95), (0.4, 90)])
def test_every_size_and_part_names_its_reader(scale: float, share: float, quality: int) -> None:
    found = trace_picture(spoilt(leaked(), scale=scale, share=share, quality=quality), COPIES)
    assert [one.copy for one in found] == [OWN.copy]


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_the_command_names_the_reader_of_a_map(
    book: Book, now: datetime, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    for _ in range(3):
        mark, _ = book.begin(PERMIT, WHY, form, now)
    page = marked_picture(drawn().crop((300, 300, 1200, 1000)), mark)
    page.save(tmp_path / f"map.{form}", **({"quality": 95} if form == "pdf" else {}))
    options = argparse.Namespace(file=tmp_path / f"map.{form}", dataset="sites", most_false=1e-6, json=True)
    assert command.main(options, book) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["pixels"], told["copies_tried"]) == (630_000, 3)
    assert [(one["copy"], one["reader"], one["by"]) for one in told["found"]] == [
        (mark.copy, PERMIT.reader, "picture")
    ]


def test_what_is_no_picture_gets_a_clear_error(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg", "c.pdf"):
        (tmp_path / name).write_bytes(b"%PDF-1.4 nothing")
        with pytest.raises(ConfigError, match="no picture"):
            command.read_grey(tmp_path / name)
