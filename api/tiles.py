"""Tiles: the base map and surveys as PMTiles files read by range, fields as pictures or values of one stored step."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Blueprint, Response, request, send_file

from access.guard import needs
from api.answers import FOREVER, fault
from api.context import api
from data.errors import StoreError
from data.store.tables import dataset

if TYPE_CHECKING:
    from layers.fields import OpenSteps
    from layers.tiles import Picture

    Draw = Callable[[OpenSteps, Any], bytes]

BASE_FILES = ("base", "regions")
PMTILES = "application/vnd.pmtiles"
VALUES = "application/octet-stream"
DEEPEST_ZOOM = 22
MINUTE = "%Y%m%dT%H%MZ"
BRIEFLY = "private, max-age=60"  # a step at a time may be corrected; the tag says whether it was

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
    """One picture tile of one stored step; a step never changes, so neither does its tile."""
    return _of_step(number, zoom, x, y, "image/png", lambda steps, row: steps.tile(row, zoom, x, y))


@blueprint.get("/t/value/<int:number>/<int:zoom>/<int:x>/<int:y>.bin")
@needs("watch.view")
def value(number: int, zoom: int, x: int, y: int) -> Response:
    """One value tile of one stored step, for programs that colour themselves; see layers/value_tiles.py."""
    return _of_step(number, zoom, x, y, VALUES, lambda steps, row: steps.values(row, zoom, x, y))


@blueprint.get("/t/field/<quantity>/<run>/<valid>/<int:zoom>/<int:x>/<int:y>.<any(png, webp):kind>")
@needs("watch.view")
def field_at(quantity: str, run: str, valid: str, zoom: int, x: int, y: int, kind: Picture) -> Response:
    """A picture tile by quantity, run time and valid time; `?series=` where several series have such a step."""
    from data.store.field_series import key_of
    from data.store.fields import find_steps

    try:
        run_at, valid_at = (_minute(text) for text in (run, valid))
    except ValueError:
        return fault(400, "bad_request", "Times are written as 20261121T0600Z.")
    here = api()
    with here.store.read() as connection:
        rows = find_steps(connection, quantity=quantity, since=valid_at - timedelta(minutes=1), until=valid_at)
    asked = request.args.get("series")
    found = {
        str(key_of(row)): row
        for row in rows
        if (row.valid_at, row.run_at) == (valid_at, run_at) and asked in (None, str(key_of(row)))
    }
    if len(found) > 1:
        return fault(409, "ambiguous", f"Several series have this step; add ?series= with one of: {', '.join(found)}")
    for row in found.values():
        return _of_row(
            row, zoom, x, y, f"image/{kind}", lambda steps, row: steps.tile(row, zoom, x, y, kind=kind), keep=BRIEFLY
        )
    return fault(404, "not_found", "There is no such field step.")


def _minute(text: str) -> datetime:
    return datetime.strptime(text, MINUTE).replace(tzinfo=UTC)


def _of_step(number: int, zoom: int, x: int, y: int, media_type: str, draw: Draw) -> Response:
    """A tile of the step with this number."""
    from data.store.fields import find_step

    tag = _tag(number, zoom, x, y, media_type)
    if tag in request.if_none_match:  # a number stands for what the step holds: nothing needs to be looked up
        return _unchanged(tag, FOREVER)
    here = api()

    def find(number: int) -> Any:
        with here.store.read() as connection:
            return find_step(connection, number)

    row = here.steps().row(number, find)
    if row is None:
        return fault(404, "not_found", "There is no such field step.")
    return _of_row(row, zoom, x, y, media_type, draw, keep=FOREVER)


def _of_row(row: Any, zoom: int, x: int, y: int, media_type: str, draw: Draw, *, keep: str) -> Response:
    if zoom > DEEPEST_ZOOM or x >= 1 << zoom or y >= 1 << zoom:
        return fault(404, "not_found", "There is no such tile.")
    tag = _tag(row.id, zoom, x, y, media_type)
    if tag in request.if_none_match:
        return _unchanged(tag, keep)
    try:
        body = draw(api().steps(), row)
    except StoreError as error:
        return fault(410, "gone", str(error))
    body, coding = _packed(body) if media_type == VALUES and body else (body, "")
    response = Response(body, 200 if body else 204, content_type=media_type)
    response.headers["Cache-Control"] = keep
    response.set_etag(tag)
    if coding:
        response.headers["Content-Encoding"] = coding
    if media_type == VALUES:
        response.headers["Vary"] = "Accept-Encoding"
    return response


def _packed(body: bytes) -> tuple[bytes, str]:
    """A body in the quickest coding that the asking program reads."""
    if request.accept_encodings["zstd"]:
        from backports import zstd

        return zstd.compress(body, 1), "zstd"
    if request.accept_encodings["gzip"]:
        return gzip.compress(body, 1, mtime=0), "gzip"
    return body, ""


def _tag(number: int, zoom: int, x: int, y: int, media_type: str) -> str:
    from layers.value_tiles import FORMAT

    return f"{number:x}-{zoom}-{x}-{y}-{media_type.rpartition('/')[2]}-{FORMAT}"


def _unchanged(tag: str, keep: str) -> Response:
    response = Response(status=304)
    response.headers["Cache-Control"] = keep
    response.set_etag(tag)
    return response


def _file(path: Path, missing: str) -> Response:
    if not path.is_file():
        return fault(404, "not_found", missing)
    response = send_file(path, mimetype=PMTILES, conditional=True, etag=True)
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") else "private, no-cache"
    return response
