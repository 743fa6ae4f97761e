"""Payloads as they were received, for whoever has to find out what a provider sent."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response

from access.guard import needs
from api.answers import fault
from api.context import api
from data.errors import StoreError
from data.store.archive import Archive
from data.store.tables import payload as table

blueprint = Blueprint("payloads", __name__)


@blueprint.get("/api/payloads/<int:number>")
@needs("payload.download")
def download(number: int) -> Response:
    """The bytes, always as a file to save and never as a page: they are somebody else's."""
    with api().store.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.id == number)).one_or_none()
    if row is None:
        return fault(404, "not_found", "There is no such payload.")
    try:
        body = Archive(api().settings.home / "payloads").get(row.sha256)
    except StoreError as error:
        return fault(410, "damaged", str(error))
    name = f"{row.source}-{row.received_at:%Y%m%dT%H%M%SZ}-{row.sha256[:12]}{_suffix(row.name)}"
    response = Response(body, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _suffix(name: str) -> str:
    """The last part of a name where it is harmless in a header."""
    _, dot, suffix = name.rpartition(".")
    return f".{suffix}" if dot and suffix.isascii() and suffix.isalnum() and len(suffix) <= 8 else ""
