"""What is in the tiles: every region, under its own number, at the zoom where its kind begins."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from data.regions import KINDS, default_base_dir, load_regions
from data.setup.tiles import DEEPEST, FIRST_ZOOM, write_tiles

BASE = default_base_dir()


def layers_at(path: Path, zoom: int) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """The decoded tiles of a zoom: features by layer."""
    import mapbox_vector_tile
    from pmtiles.reader import MmapSource, all_tiles

    with path.open("rb") as handle:
        for (level, _, _), content in all_tiles(MmapSource(handle)):
            if level == zoom:
                tile = mapbox_vector_tile.decode(gzip.decompress(content))
                yield {name: layer["features"] for name, layer in tile.items()}


def numbers_at(path: Path, zoom: int) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for layers in layers_at(path, zoom):
        for name, features in layers.items():
            found.setdefault(name, set()).update(int(feature.get("id", 0)) for feature in features)
    return found


@pytest.fixture(scope="module")
def tiles() -> Path:
    path = BASE / "regions.pmtiles"
    if not path.is_file():
        pytest.skip("base data is not built: run `make setup`")
    return path


def test_every_region_is_in_the_deepest_tiles(tiles: Path) -> None:
    index = load_regions()
    found = numbers_at(tiles, DEEPEST)
    missing = {kind: len(set(index.of_kind(kind).tolist()) - found.get(kind, set())) for kind in KINDS}
    assert {kind: count for kind, count in missing.items() if count} == {}


def test_kinds_begin_at_their_zoom(tiles: Path) -> None:
    for zoom in range(4):
        expected = {kind for kind, first in FIRST_ZOOM.items() if first <= zoom}
        assert set(numbers_at(tiles, zoom)) == expected


def test_counties_of_a_whole_country_are_there_at_its_zoom(tiles: Path) -> None:
    index = load_regions()
    found = numbers_at(tiles, FIRST_ZOOM["us-county"])
    for kind in ("us-county", "cn-county"):
        shown = len(found[kind]) / len(index.of_kind(kind))
        assert shown > 0.97, f"{kind}: {shown:.3f}"


def test_tiles_stay_small(tiles: Path) -> None:
    from pmtiles.reader import MmapSource, all_tiles

    with tiles.open("rb") as handle:
        largest = max(len(content) for _, content in all_tiles(MmapSource(handle)))
    assert largest < 250_000


def test_base_map_has_its_layers() -> None:
    path = BASE / "base.pmtiles"
    if not path.is_file():
        pytest.skip("base data is not built: run `make setup`")
    names = {name for layers in layers_at(path, 4) for name in layers}
    wanted = {"land", "lakes", "rivers", "borders", "country-labels", "places"}
    assert wanted <= names
    assert names - wanted <= {"cn-border"}


def test_write_tiles_keeps_numbers_names_and_common_borders(tmp_path: Path) -> None:
    edge = np.column_stack([10 + 0.01 * np.sin(np.arange(50)), np.linspace(40, 42, 50)])
    west = shapely.Polygon([(8, 40), *edge.tolist(), (8, 42)])
    east = shapely.Polygon([(12, 42), *edge[::-1].tolist(), (12, 40)])
    features = [("cn-county", 0, {"name": "甲"}, west, 7), ("cn-county", 0, {"name": "乙"}, east, 8)]
    assert write_tiles(features, tmp_path / "two.pmtiles", "nobody") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["two.pmtiles"]
    (layers,) = list(layers_at(tmp_path / "two.pmtiles", 2))
    counties = layers["cn-county"]
    assert {(county["id"], county["properties"]["name"]) for county in counties} == {(7, "甲"), (8, "乙")}
    areas = [shapely.from_geojson(json.dumps(county["geometry"])) for county in counties]
    whole = shapely.union_all(areas)
    assert whole.geom_type == "Polygon" and not whole.interiors
    assert areas[0].intersection(areas[1]).area == 0
