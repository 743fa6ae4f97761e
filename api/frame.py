"""What is known of a place between two times, by the key of a cell and a bin, or by a shape and two times."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from access.guard import needs
from api.answers import fault, fresh
from api.asked import asked_box, asked_number, asked_time
from api.context import api
from api.sights import Sights
from data.errors import LayerError

if TYPE_CHECKING:
    from layers.frame.known import Known
    from layers.frame.place import Place

blueprint = Blueprint("frame", __name__, url_prefix="/api")
POINT_DIGITS = 16  # of the cell around a point that names no other: about 600 m


@blueprint.get("/frame/<cell>/<bin>.json")
@needs("plan.view")
def by_key(cell: str, bin: str) -> Response:
    """A cell and a bin of time."""
    from layers.frame.key import span_of
    from layers.frame.place import cell_place

    try:
        return _answer(cell_place(cell), *span_of(bin))
    except (LayerError, ValueError) as error:
        return fault(400, "bad_request", str(error))


@blueprint.get("/frame.json")
@needs("plan.view")
def by_place() -> Response:
    """`cell`, `bbox`, `area` (GeoJSON), `region`, or `lon` and `lat`; `bin`, or `from` and `to`."""
    try:
        return _answer(asked_place(), *asked_span())
    except (LayerError, ValueError) as error:
        return fault(400, "bad_request", str(error))


def asked_place() -> Place:
    """The place that an address names."""
    from layers.frame.key import cell_of
    from layers.frame.place import box_place, cell_place, polygon_place, region_place

    given = request.args
    if cell := given.get("cell"):
        return cell_place(cell)
    if region := given.get("region"):
        return region_place(api().regions(), region)
    if area := given.get("area"):
        return polygon_place(area)
    if box := asked_box():
        return box_place(box)
    if "lon" in given:
        digits = int(asked_number("digits")) if "digits" in given else POINT_DIGITS
        return cell_place(cell_of(asked_number("lon"), asked_number("lat"), digits))
    raise LayerError("which place: cell, bbox, area, region, or lon and lat")


def asked_span() -> tuple[datetime, datetime]:
    """The times that an address names."""
    from layers.frame.key import span_of

    if written := request.args.get("bin"):
        return span_of(written)
    start, end = asked_time("from"), asked_time("to")
    if start is None or end is None:
        raise LayerError("which times: bin, or from and to")
    return start, end


def _answer(place: Place, start: datetime, end: datetime) -> Response:
    given = request.args
    kinds = [word for word in given.get("kinds", "").split(",") if word]
    page = {name: int(asked_number(name)) for name in ("offset", "limit") if name in given}
    return fresh(known(place, start, end, kinds, **page).as_json())


def known(place: Place, start: datetime, end: datetime, kinds: list[str], **page: int) -> Known:
    """What is known, as far as the present person may see it; each reading of classified records is written down."""
    from layers.frame.known import KINDS, what_is_known

    here = api()
    wanted: list[str] = kinds or list(KINDS)
    sights = Sights(here.store, here.settings.home, here.settings.base_dir, here.clock())
    seen: list[Any] = [sights.open(name) for name in sights.names()] if "records" in wanted else []
    found = what_is_known(
        here.store, here.settings.home, here.settings.base_dir, place, start, end, now=here.clock(), kinds=wanted,
        sights=seen, **page,
    )  # fmt: skip
    for one in seen:
        sights.note(one, "rows" if one.permit.records else "counts", place=place.name)
    return found
