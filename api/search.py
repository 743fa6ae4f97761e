"""Finding a region or a place by name, in English or Chinese, or by code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from flask import Blueprint, Response, request
from numpy.typing import NDArray

from access.guard import needs
from api.answers import fresh
from api.context import api
from data.regions import RegionIndex, load_regions

MOST = 12
LONGEST_QUERY = 80

blueprint = Blueprint("search", __name__)


@blueprint.get("/api/search")
@needs("watch.view")
def search() -> Response:
    wanted = request.args.get("q", "").strip()[:LONGEST_QUERY]
    if not wanted:
        return fresh({"results": [], "more": 0})
    found, total = find(wanted, api().regions(), load_places(api().settings.base_dir))
    return fresh({"results": found, "more": total - len(found)})


@dataclass(frozen=True, eq=False)
class Places:
    """Populated places, columns in one order; `folded` is the name for comparing."""

    name: list[str]
    name_zh: list[str]
    country: list[str]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    population: NDArray[np.float64]
    folded: NDArray[np.str_]
    folded_zh: NDArray[np.str_]


def find(
    wanted: str, regions: RegionIndex, places: Places | None, most: int = MOST
) -> tuple[list[dict[str, Any]], int]:
    """Regions and places whose name starts with the words, then those that hold them; larger ones first.

    Returns
    -------
    list of dict
        The first `most` of them.
    int
        How many there are in all.
    """
    key = wanted.casefold()
    english, chinese, codes = _folded(regions.base_dir)
    score = np.maximum(_score(english, key), np.maximum(_score(chinese, key), _score(codes, key)))
    size = np.nan_to_num(regions.places_population)
    if places is not None:
        score = np.concatenate([score, np.maximum(_score(places.folded, key), _score(places.folded_zh, key))])
        size = np.concatenate([size, np.nan_to_num(places.population)])
    rows = np.flatnonzero(score)
    order = rows[np.lexsort((-size[rows], -score[rows]))]
    last = order[:most][-1:]  # of equal ones the name decides, so all that equal the last are looked at
    rest = order[most:]
    order = np.concatenate([order[:most], rest[(score[rest] == score[last]) & (size[rest] == size[last])]])
    results = [
        (-int(score[row]), -float(size[row]),
         _region(regions, row) if row < len(regions) or places is None else _place(places, row - len(regions)))
        for row in order.tolist()
    ]  # fmt: skip
    results.sort(key=lambda item: (item[0], item[1], item[2]["name"]))
    return [result for _, _, result in results[:most]], len(rows)


def _score(names: NDArray[np.str_], key: str) -> NDArray[np.int64]:
    """3 is the name itself, 2 its beginning, 1 inside it, 0 not there."""
    inside = np.strings.find(names, key) >= 0
    score: NDArray[np.int64] = inside.astype(np.int64) + np.strings.startswith(names, key) + (names == key)
    return score


@lru_cache(maxsize=2)
def _folded(base_dir: Path) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.str_]]:
    regions = load_regions(base_dir)
    english, chinese, codes = (
        np.array([str(name).casefold() for name in names.tolist()])
        for names in (regions.name, regions.name_zh, regions.code)
    )
    return english, chinese, codes


def _region(regions: RegionIndex, rid: int) -> dict[str, Any]:
    above = [str(regions.name[upper]) for upper in regions.ancestors(rid)]
    return {
        "type": "region",
        "rid": rid,
        "code": str(regions.code[rid]),
        "kind": str(regions.kind[rid]),
        "name": str(regions.name[rid]),
        "name_zh": str(regions.name_zh[rid]),
        "within": ", ".join(above),
        "lon": round(float(regions.lon[rid]), 4),
        "lat": round(float(regions.lat[rid]), 4),
        "bbox": [round(float(edge), 4) for edge in regions.bbox[rid]],
    }


def _place(places: Places, row: int) -> dict[str, Any]:
    return {
        "type": "place",
        "name": places.name[row],
        "name_zh": places.name_zh[row],
        "within": places.country[row],
        "population": int(places.population[row]) if np.isfinite(places.population[row]) else None,
        "lon": round(float(places.lon[row]), 4),
        "lat": round(float(places.lat[row]), 4),
    }


@lru_cache(maxsize=2)
def load_places(base_dir: Path) -> Places | None:
    """The populated places of the base data; None where there are none."""
    path = base_dir / "places.parquet"
    if not path.is_file():
        return None
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["name", "name_zh", "country", "lon", "lat", "population"])
    texts = {key: [value or "" for value in table[key].to_pylist()] for key in ("name", "name_zh", "country")}
    return Places(
        **texts,
        lon=table["lon"].to_numpy(),
        lat=table["lat"].to_numpy(),
        population=table["population"].to_numpy(),
        folded=np.array([name.casefold() for name in texts["name"]]),
        folded_zh=np.array([name.casefold() for name in texts["name_zh"]]),
    )
