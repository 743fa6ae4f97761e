"""STAC 1.0: fields and deliveries of surveys, as catalogues of space and time know them.

Collections are the series of fields, and the datasets of which anything may be seen; items are steps and deliveries.
An asset is an address of our own: the OGC interface for fields, a copy for who may have one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from access.guard import needs
from access.people import current
from api.answers import fault, fresh
from api.context import api
from api.ogc.names import WORLD, field_id
from api.records import sights
from data.clock import iso
from data.permit import Permit
from data.store.catalogue import list_datasets, list_deliveries
from data.store.field_series import Series, best_steps, list_series

VERSION = "1.0.0"
CONFORMS_TO = (
    "https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)  # fmt: skip
MOST = 1_000

blueprint = Blueprint("stac", __name__, url_prefix="/stac")


@blueprint.get("/", strict_slashes=False)
@needs("watch.view")
def root() -> Response:
    """The catalogue."""
    children = [_link("child", f"/collections/{one['id']}", one["title"]) for one in _collections()]
    return fresh({
        "type": "Catalog", "stac_version": VERSION, "id": "tocsin", "title": "Tocsin",
        "description": "Fields and survey deliveries of this office", "conformsTo": CONFORMS_TO,
        "links": [_link("self", ""), _link("root", ""), _link("data", "/collections"),
                  _link("conformance", "/conformance"), *children],
    })  # fmt: skip


@blueprint.get("/conformance")
@needs("watch.view")
def conformance() -> Response:
    """The classes that this follows."""
    return fresh({"conformsTo": CONFORMS_TO})


@blueprint.get("/collections")
@needs("watch.view")
def collections() -> Response:
    """Every collection of which this person may see anything."""
    links = [_link("self", "/collections"), _link("root", "")]
    return fresh({"collections": list(_collections()), "links": links})


@blueprint.get("/collections/<name>")
@needs("watch.view")
def collection(name: str) -> Response:
    """One collection."""
    found = next((one for one in _collections() if one["id"] == name), None)
    return fault(404, "NotFound", "There is no such collection.") if found is None else fresh(found)


@blueprint.get("/collections/<name>/items")
@needs("watch.view")
def items(name: str) -> Response:
    """Items of a collection, the newest first: `limit` and `offset`."""
    wrong = set(request.args) - {"limit", "offset"}
    limit, offset = request.args.get("limit", "10"), request.args.get("offset", "0")
    if wrong or not (limit.isdecimal() and offset.isdecimal() and 0 < int(limit) <= MOST):
        return fault(400, "InvalidParameterValue", f"limit is 1 to {MOST}, offset a number; nothing else.")
    found = _items(name)
    if found is None:
        return fault(404, "NotFound", "There is no such collection.")
    first, after = int(offset), int(offset) + int(limit)
    links = [_link("self", f"/collections/{name}/items"), _link("collection", f"/collections/{name}")]
    if after < len(found):
        links.append(_link("next", f"/collections/{name}/items?limit={limit}&offset={after}"))
    return fresh({
        "type": "FeatureCollection", "features": found[first:after], "links": links, "numberMatched": len(found),
        "numberReturned": len(found[first:after]),
    })  # fmt: skip


@blueprint.get("/collections/<name>/items/<path:item>")
@needs("watch.view")
def item(name: str, item: str) -> Response:
    """One item."""
    found = next((one for one in _items(name) or () if one["id"] == item), None)
    return fault(404, "NotFound", "There is no such item.") if found is None else fresh(found)


def _collections() -> Iterable[dict[str, Any]]:
    with api().store.read() as connection:
        series, rows = list_series(connection), list_datasets(connection)
    for one in series:
        times: list[str | None] = [iso(one.first_at), iso(one.last_at)]
        title = f"{one.title or one.key.quantity} ({one.key.source})"
        yield _collection(field_id(str(one.key)), title, "as said of its feed", _box(one), times)
    for row, _ in _seen(rows):
        times = [iso(row.created_at), None]
        yield _collection(f"survey-{row.name}", row.title.get("en", row.name), row.licence, WORLD, times)


def _collection(name: str, title: str, licence: str, box: list[float], times: list[Any]) -> dict[str, Any]:
    return {
        "type": "Collection", "stac_version": VERSION, "id": name, "title": title, "description": title,
        "license": licence or "proprietary",
        "extent": {"spatial": {"bbox": [box]}, "temporal": {"interval": [times]}},
        "links": [_link("self", f"/collections/{name}"), _link("root", ""), _link("parent", ""),
                  _link("items", f"/collections/{name}/items")],
    }  # fmt: skip


def _items(name: str) -> list[dict[str, Any]] | None:
    """All items of a collection, the newest first; None where there is no such collection."""
    with api().store.read() as connection:
        for one in list_series(connection):
            if field_id(str(one.key)) == name:
                return [_step(name, one, row) for row in reversed(best_steps(connection, one.key))]
        rows = [row for row in list_datasets(connection) if f"survey-{row.name}" == name]
        deliveries = list_deliveries(connection, rows[0].name) if rows else []
    seen = list(_seen(rows))
    return [_delivery(name, row, seen[0][1]) for row in deliveries] if seen else None


def _seen(rows: Iterable[Any]) -> Iterable[tuple[Any, Permit]]:
    """Datasets of which this person may see anything."""
    if not current().may("plan.view"):
        return
    for row in rows:
        held = sights().permit(row.name)
        if held.counts:
            yield row, held


def _step(name: str, series: Series, row: Any) -> dict[str, Any]:
    coverage = f"{request.host_url}ogc/collections/{name}/coverage?datetime={iso(row.valid_at)}"
    assets = {
        form: {"href": f"{coverage}&f={form}", "type": kind, "roles": ["data"]}
        for form, kind in (("json", "application/prs.coverage+json"), ("netcdf", "application/x-netcdf"))
    }
    facts = {"unit": row.unit, "quantity": row.quantity, "forecast": bool(row.forecast), "run_at": iso(row.run_at)}
    return _item(name, str(row.id), _box(series), row.valid_at, facts, assets)


def _delivery(name: str, row: Any, held: Permit) -> dict[str, Any]:
    """A delivery: how much it holds is told as its dataset's counts may be."""
    facts = {"version": row.version, "mode": row.mode, "state": row.state, "unit": row.unit, "digest": row.digest}
    if held.records and not held.limits:
        facts |= {"rows": row.rows, "refused": row.refused}
    copy = f"{request.host_url}api/records/{row.dataset}/export.parquet"
    asset = {"href": copy, "type": "application/vnd.apache.parquet", "roles": ["data"],
             "description": "A marked copy of what is served; it needs ?purpose="}  # fmt: skip
    assets = {"copy": asset} if held.export and row.state == "served" else {}
    return _item(name, f"{row.dataset}-{row.version}", None, row.received_at, facts, assets)


def _item(
    name: str, item: str, box: list[float] | None, at: datetime, facts: dict[str, Any], assets: dict[str, Any]
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "Feature", "stac_version": VERSION, "id": item, "collection": name, "geometry": None,
        "properties": {"datetime": iso(at), **facts}, "assets": assets,
        "links": [_link("self", f"/collections/{name}/items/{item}"), _link("root", ""),
                  _link("parent", f"/collections/{name}"), _link("collection", f"/collections/{name}")],
    }  # fmt: skip
    if box is not None:
        west, south, east, north = box
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        made |= {"bbox": box, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    return made


def _box(series: Series) -> list[float]:
    west, south, east, north = series.bounds
    return [max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)]


def _link(rel: str, path: str, title: str = "") -> dict[str, str]:
    kind = "application/geo+json" if rel in ("items", "next") else "application/json"
    made = {"rel": rel, "href": f"{request.host_url}stac{path}", "type": kind}
    return made | ({"title": title} if title else {})
