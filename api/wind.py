"""Wind tiles: both components of one stored wind at the places of symbols."""

from __future__ import annotations

from flask import Blueprint, Response, request

from access.guard import needs
from api.answers import FOREVER, fault
from api.context import api
from data.errors import LayerError, StoreError

DEEPEST_ZOOM = 22

blueprint = Blueprint("wind", __name__)


@blueprint.get("/t/wind/<int:eastward>/<int:northward>/<int:zoom>/<int:x>/<int:y>.bin")
@needs("watch.view")
def wind(eastward: int, northward: int, zoom: int, x: int, y: int) -> Response:
    """One tile of the wind of two steps; steps never change, so neither does their tile. Layout: layers/wind.py."""
    from data.store.fields import find_step
    from layers.wind import FORMAT, check_pair, wind_tile

    if zoom > DEEPEST_ZOOM or x >= 1 << zoom or y >= 1 << zoom:
        return fault(404, "not_found", "There is no such tile.")
    tag = f"wind-{eastward:x}-{northward:x}-{zoom}-{x}-{y}-{FORMAT}"
    if tag in request.if_none_match:
        return _kept(Response(status=304), tag)
    here = api()
    with here.store.read() as connection:
        rows = [find_step(connection, number) for number in (eastward, northward)]
    if None in rows:
        return fault(404, "not_found", "There is no such field step.")
    try:
        check_pair(*rows)
        first, second = (here.steps().get(row) for row in rows)
        body = wind_tile(first, second, zoom, x, y)
    except LayerError as error:
        return fault(409, "no_pair", str(error))
    except StoreError as error:
        return fault(410, "gone", str(error))
    return _kept(Response(body, 200 if body else 204, content_type="application/octet-stream"), tag)


def _kept(response: Response, tag: str) -> Response:
    response.headers["Cache-Control"] = FOREVER
    response.set_etag(tag)
    return response
