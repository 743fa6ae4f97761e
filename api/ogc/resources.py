"""Which collections the present person has, as pygeoapi is configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from access.people import current
from api.context import api
from api.ogc.listed import LISTED
from api.ogc.names import CRS84, WORLD, field_id
from api.records import sights
from data.store.catalogue import list_datasets
from data.store.field_series import list_series

TILES = {"mvt": "application/vnd.mapbox-vector-tile", "png": "image/png"}
NETCDF = {"name": "netcdf", "mimetype": "application/x-netcdf"}
MOST_ITEMS = 1_000


def configuration(base: str) -> dict[str, Any]:
    """Everything that pygeoapi asks of a server."""
    return {
        "server": {
            "url": base, "mimetype": "application/json; charset=UTF-8", "encoding": "utf-8",
            "languages": ["en", "zh"],
            "pretty_print": False, "limits": {"default_items": 10, "max_items": MOST_ITEMS, "on_exceed": "throttle"},
            "map": {"url": base, "attribution": ""}, "gzip": False, "cors": False,
        },
        "logging": {"level": "CRITICAL"},
        "metadata": {
            "identification": {
                "title": "Tocsin", "description": "Hazards, warnings and surveys of this office",
                "keywords": ["hazard", "warning", "survey"], "keywords_type": "theme", "terms_of_service": base,
                "url": base,
            },
            "license": {"name": "as said of each collection", "url": base},
            "provider": {"name": "Tocsin", "url": base},
            "contact": {"name": "the office", "address": "", "url": base},
        },
        "resources": collections(),
    }  # fmt: skip


def collections() -> dict[str, Any]:
    """By identifier: what everybody has, the fields, and the datasets that this person may see."""
    found = {name: _listed(name) for name in LISTED if name != "catalogue" or current().may("plan.view")}
    return found | _fields() | (_records() if current().may("plan.view") else {})


def _listed(name: str) -> dict[str, Any]:
    listing = LISTED[name]
    kind = "record" if name == "catalogue" else "feature"
    provider = {"type": kind, "name": "api.ogc.listed.Listed", "data": name}
    return _collection(listing.title, listing.description, WORLD, provider)


def _records() -> dict[str, Any]:
    seen = sights()
    with api().store.read() as connection:
        titles = {row.name: row.title for row in list_datasets(connection)}
    found = {}
    for name in seen.names():
        sight = seen.open(name)
        form = "mvt" if sight.permit.records else "png"
        tiles = {
            "type": "tile", "name": "api.ogc.records.RecordTiles", "data": name,
            "options": {"zoom": {"min": 0, "max": 20}}, "format": {"name": form, "mimetype": TILES[form]},
        }  # fmt: skip
        single = {"type": "feature", "name": "api.ogc.records.Records", "data": name}
        about = f"Survey records; class {sight.permit.data_class}"
        providers = [single, tiles] if sight.permit.records else [tiles]
        found[f"records-{name}"] = _collection(
            titles.get(name, {"en": name}), about, sight.bounds or WORLD, *providers
        )
    return found


def _fields() -> dict[str, Any]:
    with api().store.read() as connection:
        series = list_series(connection)
    found = {}
    for one in series:
        data = str(one.key)
        edr = {"type": "edr", "name": "api.ogc.gridded.FieldQueries", "data": data}
        coverage = {"type": "coverage", "name": "api.ogc.gridded.FieldCoverage", "data": data, "format": NETCDF}
        words = {"en": f"{one.title or one.key.quantity} ({one.key.source})"}
        west, south, east, north = one.bounds
        box = [max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)]
        extent = {"begin": one.first_at, "end": one.last_at}
        found[field_id(data)] = _collection(
            words, f"{one.key.quantity} [{one.unit}]", box, coverage, edr, time=extent
        )
    return found


def _collection(
    title: Mapping[str, str], description: str, bbox: list[float], *providers: dict[str, Any], time: Any = None
) -> dict[str, Any]:
    extents: dict[str, Any] = {"spatial": {"bbox": bbox, "crs": CRS84}} | ({"temporal": time} if time else {})
    own = [{"crs": [CRS84], "storage_crs": CRS84, "id_field": "id"} | one for one in providers]
    own[0]["default"] = True
    return {
        "type": "collection", "title": dict(title), "description": description, "keywords": [], "links": [],
        "extents": extents, "providers": own,
    }  # fmt: skip
