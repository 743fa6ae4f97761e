"""What leaves an exercise says so, in whatever form, and what leaves a real office does not."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
from PIL import Image
from rasterio.io import MemoryFile

from data.store.exercise import MARK
from layers.export.files import Facts, export_field, export_regions
from layers.export.picture_mark import watermark
from tests.layers.test_export import BASE, FACTS, FONTS, counties, field, on_disk

SAID = f"{MARK}: zhengzhou_2021"
EXERCISE = replace(FACTS, exercise="zhengzhou_2021")


def of_csv(body: bytes, _: Path) -> object:
    return pd.read_csv(io.BytesIO(body)).get("exercise", pd.Series([None])).unique().tolist()


def of_geopackage(body: bytes, folder: Path) -> object:
    return [pyogrio.read_info(on_disk(folder, body))["layer_metadata"].get("EXERCISE")]


def of_parquet(body: bytes, _: Path) -> object:
    words = pd.read_json(io.BytesIO(pq.read_schema(io.BytesIO(body)).metadata[b"tocsin"]), typ="series")
    return [words.get("exercise")]


def of_png(body: bytes, _: Path) -> object:
    return [Image.open(io.BytesIO(body)).info.get("Exercise")]


@pytest.mark.parametrize(
    ("form", "told"), [("csv", of_csv), ("gpkg", of_geopackage), ("parquet", of_parquet), ("png", of_png)]
)
def test_file_of_regions_says_so(form: str, told: Callable[[bytes, Path], object], tmp_path: Path) -> None:
    made = export_regions(form, counties(), EXERCISE, base_dir=BASE, fonts=FONTS)
    assert made.name.startswith("EXERCISE_") and told(made.body, tmp_path) == [SAID]
    real = export_regions(form, counties(), FACTS, base_dir=BASE, fonts=FONTS)
    assert "EXERCISE" not in real.name and told(real.body, tmp_path) in ([None], [None, None])


def test_grid_says_so() -> None:
    def tags(facts: Facts) -> str | None:
        body = export_field("tif", field(), facts, base_dir=BASE, fonts=FONTS).body
        with MemoryFile(body) as memory, memory.open() as file:
            found: str | None = file.tags().get("EXERCISE")
            return found

    assert tags(EXERCISE) == SAID and tags(FACTS) is None


def test_printed_map_says_so_everywhere_also_on_dark_ground() -> None:
    def page(facts: Facts) -> np.ndarray:
        body = export_regions("png", counties(), facts, base_dir=BASE, fonts=FONTS).body
        return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"), np.int16)

    real, marked = page(FACTS), page(EXERCISE)
    height, width = real.shape[:2]
    for top in range(0, height - 600, 200):
        for left in range(0, width - 800, 200):  # whoever cuts a piece out of it
            piece = np.s_[top : top + 600, left : left + 800]
            changed = np.abs(real[piece] - marked[piece]).max(axis=2) > 20
            assert changed.mean() > 0.02, (top, left)


@pytest.mark.parametrize("ground", ["#ffffff", "#08306b", "#000000", "#6d28d9"])
def test_mark_shows_on_any_ground(ground: str) -> None:
    image = Image.new("RGB", (900, 600), ground)
    plain = np.asarray(image, np.int16).copy()
    watermark(image, FONTS, MARK)
    assert (np.abs(np.asarray(image, np.int16) - plain).max(axis=2) > 20).mean() > 0.01
