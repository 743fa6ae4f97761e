"""What a drawn area holds, as a file: the outline with its numbers, its regions and its places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layers.export.files import Facts
from layers.export.tables import write_csv, write_geopackage, write_geoparquet
from layers.impact.summary import Impact


def write_area(form: str, impact: Impact, facts: Facts) -> bytes:
    """The numbers of an area as `gpkg`, `parquet` or `csv`."""
    if form == "csv":
        import pandas as pd

        columns = ["what", "name", "value", "unit", "status", "number_source", "number_vintage"]
        return write_csv(pd.DataFrame(list(_numbers(impact)), columns=columns), facts)
    if form == "parquet":
        return write_geoparquet(_outline(impact), facts)
    return write_geopackage({"area": _outline(impact), **_layers(impact)}, facts)


def _status(impact: Impact) -> str:
    return "unknown" if impact.people is None else "at least" if impact.people_at_least else "estimate or count"


def _numbers(impact: Impact) -> Iterator[tuple[Any, ...]]:
    """One line a number: what, of whom, how much, how sure, whence."""
    yield "area", "", impact.area_km2, "km2", "known", "WGS 84 ellipsoid", ""
    people = np.nan if impact.people is None else impact.people
    yield (
        "people",
        str(impact.people_note or ""),
        people,
        "1",
        _status(impact),
        impact.people_source,
        impact.people_vintage,
    )
    for place in impact.places:
        found = np.nan if place.population is None else place.population
        status = "unknown" if place.population is None else "known"
        yield "place", place.name, found, "1", status, impact.places_source, impact.places_vintage
    for region in impact.regions:
        yield "region", f"{region.code} {region.name}", region.share, "share of its ground", "known", "", ""
    for item in impact.surveyed:
        count, status = (np.nan, "unknown") if item.count is None else (item.count, "known")
        yield "surveyed", item.kind, count, "1", status, item.dataset, f"{item.received_at:%Y-%m-%d}"
    for note in impact.notes:
        yield "note", str(note), np.nan, "", "", "", ""


def _outline(impact: Impact) -> Any:
    import geopandas

    columns = {
        "area_km2": [impact.area_km2], "people": [np.nan if impact.people is None else impact.people],
        "people_status": [_status(impact)], "people_source": [impact.people_source],
        "people_vintage": [impact.people_vintage], "people_note": [str(impact.people_note or "")],
        "places_people": [impact.places_people], "notes": ["; ".join(str(note) for note in impact.notes)],
    }  # fmt: skip
    return geopandas.GeoDataFrame(columns, geometry=[impact.geometry], crs=4326)


def _layers(impact: Impact) -> dict[str, Any]:
    """Places as points and the list of regions and objects, each where there are any."""
    import geopandas
    import pandas as pd

    found: dict[str, Any] = {}
    if impact.places:
        table = pd.DataFrame([
            {"name": place.name, "name_zh": place.name_zh,
             "population": np.nan if place.population is None else place.population}
            for place in impact.places
        ])  # fmt: skip
        points = geopandas.points_from_xy([p.lon for p in impact.places], [p.lat for p in impact.places])
        found["places"] = geopandas.GeoDataFrame(table, geometry=points, crs=4326)
    if impact.regions:
        found["regions"] = pd.DataFrame(
            [
                {"code": r.code, "kind": r.kind, "name": r.name, "name_zh": r.name_zh, "share": r.share}
                for r in impact.regions
            ]
        )
    if impact.surveyed:
        found["surveyed"] = pd.DataFrame([
            {"dataset": item.dataset, "kind": item.kind, "count": np.nan if item.count is None else item.count,
             "received_at": f"{item.received_at:%Y-%m-%dT%H:%M:%SZ}"}
            for item in impact.surveyed
        ])  # fmt: skip
    return found
