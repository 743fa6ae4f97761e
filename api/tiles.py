"""Tiles: the base map and surveys as PMTiles files read by range, fields as pictures of one stored step."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Response, request, send_file

from access.guard import needs
from api.answers import FOREVER, fault
from api.context import api
from data.errors import StoreError
from data.store.tables import dataset

BASE_FILES = ("base", "regions")
PMTILES = "application/vnd.pmtiles"
DEEPEST_ZOOM = 22

blueprint = Blueprint("tiles", __name__)


@blueprint.get("/t/base/<name>.pmtiles")
@needs("watch.view")
def base(name: str) -> Response:
    """A file of the base map; answers ranges with 206."""
    if name not in BASE_FILES:
        return fault(404, "not_found", "There is no such base map.")
    return _file(api().settings.base_dir / f"{name}.pmtiles", "Base data is missing: run `make setup`.")


@blueprint.get("/t/survey/<int:number>.pmtiles")
@needs("watch.view")
def survey(number: int) -> Response:
    """The tiles of one survey delivery."""
    with api().store.read() as connection:
        name = connection.execute(sa.select(dataset.c.tiles).where(dataset.c.id == number)).scalar_one_or_none()
    if not name:
        return fault(404, "not_found", "There are no tiles of such a survey.")
    return _file(api().settings.home / "survey" / name, "The tiles of this survey are gone.")


@blueprint.get("/t/field/<int:number>/<int:zoom>/<int:x>/<int:y>.png")
@needs("watch.view")
def field(number: int, zoom: int, x: int, y: int) -> Response:
    """One tile of one stored step; a step never changes, so neither does its tile."""
    from data.store.fields import find_step

    if zoom > DEEPEST_ZOOM or x >= 1 << zoom or y >= 1 << zoom:
        return fault(404, "not_found", "There is no such tile.")
    here = api()
    with here.store.read() as connection:
        row = find_step(connection, number)
    if row is None:
        return fault(404, "not_found", "There is no such field step.")
    try:
        picture = here.steps().tile(row, zoom, x, y)
    except StoreError as error:
        return fault(410, "gone", str(error))
    response = Response(picture, 200 if picture else 204, content_type="image/png")
    response.headers["Cache-Control"] = FOREVER
    return response


def _file(path: Path, missing: str) -> Response:
    if not path.is_file():
        return fault(404, "not_found", missing)
    response = send_file(path, mimetype=PMTILES, conditional=True, etag=True)
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") else "private, no-cache"
    return response
