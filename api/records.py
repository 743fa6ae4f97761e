"""Survey records: which stores there are, their tiles under any choice, and exact counts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import shapely
from flask import Blueprint, Response, request

from access.guard import needs
from api.answers import FOREVER, fault, fresh
from api.context import api
from data.errors import LayerError

if TYPE_CHECKING:
    from layers.survey.shelf import Shelf
    from layers.survey.store import Store

VECTOR = "application/vnd.mapbox-vector-tile"
DEEPEST_ZOOM = 20

blueprint = Blueprint("records", __name__)


def _shelf() -> Shelf:
    from layers.survey.shelf import shelf_of

    return shelf_of(api().settings.home)


@blueprint.get("/api/records.json")
@needs("plan.view")
def stores() -> Response:
    """Every store, with what can be chosen in it."""
    shelf = _shelf()
    return fresh([describe(name, shelf.open(name)) for name in shelf.names()])


def describe(name: str, store: Store) -> dict[str, Any]:
    """What a store holds."""
    facets = {facet.name: list(facet.values) for facet in store.schema.facets}
    return {"name": name, "stamp": store.stamp, "rows": store.rows, "facets": facets,
            "regions": len(store.schema.regions), "bounds": store.bounds}  # fmt: skip


@blueprint.get("/t/records/<name>/<int:zoom>/<int:x>/<int:y>.<any(png, mvt):kind>")
@needs("plan.view")
def tile(name: str, zoom: int, x: int, y: int, kind: str) -> Response:
    """How many records there are as a picture, or the records; `?where=` as JSON, `?v=` the store's stamp."""
    from layers.survey.shelf import read_choice
    from layers.survey.tiles import density, points

    try:
        store = _shelf().open(name)
    except LayerError as error:
        return fault(404, "not_found", str(error))
    if zoom > DEEPEST_ZOOM:
        return fault(404, "not_found", "There is no such tile.")
    tag = _tag(name, store.stamp, zoom, x, y, kind, request.args.get("where", ""))
    body, media_type = b"", VECTOR if kind == "mvt" else "image/png"
    if tag not in request.if_none_match:
        try:
            choice = read_choice(store.schema, request.args.get("where", ""))
            if kind == "mvt":
                body = points(store, zoom, x, y, choice) or b""
            else:
                grid = store.grid(zoom, x, y, choice)
                body = density(grid) if grid.any() else b""
        except LayerError as error:
            return fault(404 if str(error).startswith("no such tile") else 400, "bad_request", str(error))
    response = Response(body, 200 if body else 204, content_type=media_type)
    if tag in request.if_none_match:
        response.status_code = 304
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") == store.stamp else "private, no-cache"
    response.set_etag(tag)
    return response


@blueprint.get("/api/records/<name>/counts.json")
@needs("plan.view")
def counts(name: str) -> Response:
    """Exact counts by facet and region: of the whole store, or inside `?area=` (GeoJSON polygon), under `?where=`."""
    from layers.survey.polygon import tally_polygon
    from layers.survey.shelf import read_choice

    try:
        store = _shelf().open(name)
    except LayerError as error:
        return fault(404, "not_found", str(error))
    try:
        choice, area = read_choice(store.schema, request.args.get("where", "")), request.args.get("area", "")
        tally = tally_polygon(store, shapely.from_geojson(area), choice) if area else store.tally(choice)
    except (LayerError, shapely.errors.ShapelyError, ValueError) as error:
        return fault(400, "bad_request", str(error))
    facets = {facet.name: tally.by_facet(facet.name) for facet in store.schema.facets}
    return fresh({"records": tally.total, "facets": facets, "regions": tally.by_region()})


def _tag(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
