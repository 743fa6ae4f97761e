"""Files that belong to a public warning: what its author attached, and the pictures, sounds and videos made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, send_file
from werkzeug.wrappers import Response as AnyResponse

from alerts.media.produce import folder_of, state_of
from alerts.published import Published, find_attachment, is_published
from api.public.answers import CHECK_EACH_TIME, public
from api.public.bulletin import bulletin

SHA256 = re.compile(r"[0-9a-f]{64}")
SHOWN = re.compile(r"image/(png|jpeg|gif|webp)|application/pdf|(audio|video)/[a-z0-9.+-]+|text/plain")
TO_SHOW = ("video/", "audio/", "image/", "application/pdf")

blueprint = Blueprint("public_files", __name__)


@dataclass(frozen=True)
class Medium:
    """A file that was made of a warning."""

    address: str
    title: str
    note: str


@blueprint.errorhandler(sa.exc.SQLAlchemyError)
def unreadable(_error: Exception) -> Response:
    """The store fails: whether the file is public cannot be told."""
    return public("We cannot tell at present: the records cannot be read.\n", "text/plain; charset=utf-8", 503)


@blueprint.get("/public/file/<sha256>")
def attached(sha256: str) -> AnyResponse:
    """What the author attached, once the message is public."""
    with bulletin().store.read() as connection:
        found = find_attachment(connection, sha256) if SHA256.fullmatch(sha256) else None
    path = bulletin().settings.home / "attachments" / sha256
    if found is None or not path.is_file():
        return _missing()
    return _sent(path, found["media_type"], found["name"])


@blueprint.get("/public/media/<sha256>/<name>")
def made(sha256: str, name: str) -> AnyResponse:
    """What was made of the exact message with this digest."""
    home = bulletin().settings.home
    with bulletin().store.read() as connection:
        known = SHA256.fullmatch(sha256) is not None and is_published(connection, sha256)
    files = (state_of(home, sha256).manifest or {}).get("files", ()) if known else ()
    found = next((one for one in files if one["name"] == name), None)
    if found is None:
        return _missing()
    return _sent(folder_of(home, sha256) / found["name"], found["media_type"], found["name"])


def media_of(one: Published) -> list[Medium]:
    """The videos, sounds and pictures of a message, as far as they are made."""
    sha256 = one.issued.signed_sha256
    manifest = state_of(bulletin().settings.home, sha256).manifest or {}
    return [
        Medium(f"/public/media/{sha256}/{file['name']}", file["description"], _size(file["size"]))
        for file in manifest.get("files", ())
        if file["media_type"].startswith(TO_SHOW)
    ]


def _sent(path: Any, media_type: str, name: str) -> AnyResponse:
    """A file; what a browser might run is only ever saved."""
    shown = SHOWN.fullmatch(media_type) is not None
    response = send_file(
        path, mimetype=media_type if shown else "application/octet-stream", as_attachment=not shown,
        download_name=name, conditional=True, etag=True,
    )  # fmt: skip
    response.headers["Cache-Control"] = CHECK_EACH_TIME
    return response


def _missing() -> Response:
    return public("There is no such file.\n", "text/plain; charset=utf-8", 404)


def _size(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB" if octets >= 100_000 else f"{octets / 1e3:.0f} kB"
