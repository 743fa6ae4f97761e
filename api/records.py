"""Survey records, as the present person may see them: stores, their tiles under any choice, counts and copies."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import shapely
from flask import Blueprint, Response, request, send_file

from access.guard import needs
from api.answers import FOREVER, fault, fresh
from api.asked import asked_box
from api.context import api
from api.export import FONTS, Busy, place
from api.inspection import locale_asked
from api.sights import Sights
from data.errors import LayerError, NotPermitted
from data.store.catalogue import list_datasets
from data.store.exercise import scenario_of
from data.text import translator

if TYPE_CHECKING:
    from layers.export.files import Facts
    from layers.survey.marks.book import Notice
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
    draw = found.points if kind == "mvt" else found.picture
    return answer_tile(found, (name,), (zoom, x, y), kind, draw)


def answer_tile(
    found: Sight, named: tuple[object, ...], tile: tuple[int, int, int], kind: str, draw: Callable[..., bytes]
) -> Response:
    """A tile that `draw` makes of zoom, x, y and the choice that is asked for, or that the browser has it already."""
    if tile[0] > DEEPEST_ZOOM:
        return fault(404, "not_found", "There is no such tile.")
    written = request.args.get("where", "")
    reader = found.permit.reader if found.permit.classified and kind == "mvt" else ""  # it carries their mark
    tag = _tag(*named, found.key, reader, *tile, kind, written)
    body, media_type = b"", VECTOR if kind == "mvt" else "image/png"
    if tag not in request.if_none_match:
        try:
            body = draw(*tile, found.choose(written))
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
        book = sights().book()
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


@blueprint.get("/api/records/<name>/map.<any(png, pdf):form>")
@needs("plan.view")
def drawn(name: str, form: str) -> Response:
    """A printed map of what is chosen: `?where=`, `?bbox=`, `?locale=`, and `?purpose=`, as a copy has it."""
    from layers.export.records import export_records, extent

    found, asked, here = _open(name), request.args, api()
    if isinstance(found, Response):
        return found
    try:
        choice, book = found.choose(asked.get("where", "")), sights().book()
        box = asked_box() or extent(found, choice)
        mark, notice = book.begin(found.permit, asked.get("purpose", ""), form, here.clock())
        sights().note(found, "export", copy=mark.copy, purpose=notice.purpose, where=asked.get("where", ""))
        facts = _facts(found, notice)
        with place():
            made = export_records(
                form, found, choice, facts, base_dir=here.settings.base_dir, fonts=FONTS, bounds=box, mark=mark
            )
        book.finish(mark, found.tally(choice).total or 0)
    except NotPermitted as error:
        return fault(403, "not_permitted", str(error))
    except (LayerError, ValueError) as error:
        return fault(400, "bad_request", str(error))
    except Busy:
        return fault(503, "busy", "Other files are being made: try again in a minute.", **{"Retry-After": "60"})
    response = Response(made.body, content_type=made.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-copy-{mark.copy}.{form}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _facts(seen: Sight, notice: Notice) -> Facts:
    """What a printed map says of itself: whose copy it is, of what, and how its numbers were rounded."""
    from layers.export.files import Facts, credits_of
    from layers.export.records import QUANTITY, UNIT

    here, permit, locale = api(), seen.permit, locale_asked()
    t = translator(locale)
    with here.store.read() as connection:
        row = next((one for one in list_datasets(connection) if one.name == permit.dataset), None)
    rounded = t("rounded down to multiples of {n}, and fewer are not told").format(n=permit.least)
    return Facts(
        title=(row.title.get(locale) or row.title.get("en") if row else "") or permit.dataset, quantity=QUANTITY,
        unit=UNIT, source=(row.provenance if row else "") or permit.dataset, licence=row.licence if row else "",
        made_at=notice.at, zone=here.settings.zone, locale=locale, reader=permit.reader,
        notes=(notice.line(), *((rounded,) if permit.least > 1 else ())), exercise=scenario_of(here.clock),
        credits=credits_of(here.settings.base_dir, ()),
        copy=f"{permit.reader} · {notice.number}" if permit.classified else "",
    )  # fmt: skip


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
