"""Survey records, as the present person may see them: stores, their tiles under any choice, counts and copies."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import shapely
from flask import Blueprint, Response, request, send_file

from access.guard import needs
from access.keys import read_keys
from api.answers import FOREVER, fault, fresh
from api.context import api
from api.sights import Sights
from data.errors import LayerError, NotPermitted

if TYPE_CHECKING:
    from layers.survey.sight import Sight

VECTOR = "application/vnd.mapbox-vector-tile"
DEEPEST_ZOOM = 20
MOST_COPIED = 1_000_000  # a minute and 0.3 GB; the command line has no limit
FORMS = {"csv": "text/csv; charset=utf-8", "geojson": "application/geo+json", "parquet": "application/octet-stream"}

blueprint = Blueprint("records", __name__)


def sights() -> Sights:
    """What the present person may see, now."""
    parts = api()
    return Sights(parts.store, parts.settings.home, parts.settings.base_dir, parts.clock())


@blueprint.get("/api/records.json")
@needs("plan.view")
def stores() -> Response:
    """Every store of which this person may see anything, with what can be chosen in it."""
    seen = sights()
    return fresh([seen.open(name).describe() for name in seen.names()])


@blueprint.get("/t/records/<name>/<int:zoom>/<int:x>/<int:y>.<any(png, mvt):kind>")
@needs("plan.view")
def tile(name: str, zoom: int, x: int, y: int, kind: str) -> Response:
    """How many records there are as a picture, or the records; `?where=` as JSON, `?v=` the store's stamp."""
    found = _open(name)
    if isinstance(found, Response):
        return found
    if zoom > DEEPEST_ZOOM:
        return fault(404, "not_found", "There is no such tile.")
    tag = _tag(name, found.key, zoom, x, y, kind, request.args.get("where", ""))
    body, media_type = b"", VECTOR if kind == "mvt" else "image/png"
    if tag not in request.if_none_match:
        try:
            choice = found.choose(request.args.get("where", ""))
            body = found.points(zoom, x, y, choice) if kind == "mvt" else found.picture(zoom, x, y, choice)
        except LayerError as error:
            return fault(404 if str(error).startswith("no such tile") else 400, "bad_request", str(error))
    sights().note_tile(found)
    response = Response(body, 200 if body else 204, content_type=media_type)
    if tag in request.if_none_match:
        response.status_code = 304
    # what is classified is asked for anew each time: a grant ends, and another person may sit down at the browser
    kept = request.args.get("v") == found.key and not found.permit.classified
    response.headers["Cache-Control"] = FOREVER if kept else "private, no-cache"
    response.set_etag(tag)
    return response


@blueprint.get("/api/records/<name>/counts.json")
@needs("plan.view")
def counts(name: str) -> Response:
    """Counts by facet and region: of all that may be seen, or inside `?area=` (GeoJSON polygon), under `?where=`."""
    found = _open(name)
    if isinstance(found, Response):
        return found
    try:
        choice, area = found.choose(request.args.get("where", "")), request.args.get("area", "")
        told = found.tally(choice, shapely.from_geojson(area) if area else None)
    except NotPermitted as error:
        return fault(403, "not_permitted", str(error))
    except (LayerError, shapely.errors.ShapelyError, ValueError) as error:
        return fault(400, "bad_request", str(error))
    sights().note(found, "counts", where=request.args.get("where", ""), area=area[:500])
    return fresh(told.as_json())


@blueprint.get("/api/records/<name>/export.<any(csv, geojson, parquet):form>")
@needs("plan.view")
def export(name: str, form: str) -> Response:
    """A marked copy of what is chosen: `?where=`, `?area=`, and `?purpose=`, a sentence that the copy carries."""
    from layers.survey.marks.book import Book
    from layers.survey.marks.copy import write_copy

    found, asked = _open(name), request.args
    if isinstance(found, Response):
        return found
    try:
        choice, area = found.choose(asked.get("where", "")), asked.get("area", "")
        outline = shapely.from_geojson(area) if area else None
        parts, total = found.every_row(outline, choice), found.tally(choice, outline).total or 0
        if total > MOST_COPIED:
            return fault(413, "too_many", f"{total:,} records: a copy over the web has at most {MOST_COPIED:,}.")
        book = Book(api().store, read_keys(api().settings.home).mark.encode())
        mark, notice = book.begin(found.permit, asked.get("purpose", ""), form, api().clock())
        sights().note(found, "export", copy=mark.copy, purpose=notice.purpose, where=asked.get("where", ""))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.{form}"
            book.finish(mark, write_copy(path, parts, mark, notice))
            file = path.open("rb")  # stays readable when the folder is gone
    except NotPermitted as error:
        return fault(403, "not_permitted", str(error))
    except (LayerError, shapely.errors.ShapelyError, ValueError) as error:
        return fault(400, "bad_request", str(error))
    response = send_file(file, FORMS[form], as_attachment=True, download_name=f"{name}-copy-{mark.copy}.{form}")
    response.headers["Cache-Control"] = "no-store"
    return response


def _open(name: str) -> Sight | Response:
    """The store as this person may see it, or the answer why not."""
    try:
        return sights().open(name)
    except LayerError as error:
        return fault(404, "not_found", str(error))
    except NotPermitted as error:
        return fault(403, "not_permitted", str(error))


def _tag(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
