"""What a delivery changed, as tiles: a picture and single records of each kind of change, under the same permit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from access.guard import needs
from api.answers import fault
from api.records import answer_tile, sights
from data.errors import LayerError, NotPermitted

if TYPE_CHECKING:
    from layers.survey.choice import Choice
    from layers.survey.sight import Sight

blueprint = Blueprint("changes", __name__)


@blueprint.get("/t/changes/<name>/<int:old>-<int:new>/<what>/<int:zoom>/<int:x>/<int:y>.<any(png, mvt):kind>")
@needs("plan.view")
def tile(name: str, old: int, new: int, what: str, zoom: int, x: int, y: int, kind: str) -> Response:
    """`what` is added, changed, before or removed; `?where=` and `?v=` as tiles of records have them."""
    try:
        found = sights().compared(name, (old, new), what)
    except LayerError as error:
        return fault(404, "not_found", str(error))
    except NotPermitted as error:
        return fault(403, "not_permitted", str(error))
    draw = found.points if kind == "mvt" else partial(_picture, found, what)
    return answer_tile(found, (name, old, new, what), (zoom, x, y), kind, draw)


def _picture(seen: Sight, what: str, zoom: int, x: int, y: int, choice: Choice) -> bytes:
    from layers.survey.compare_map import changes

    grid = seen.grid(zoom, x, y, choice)
    return changes(grid, what) if grid.any() else b""
