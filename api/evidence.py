"""Evidence packs for whoever works here: all that a warning stands on, in one file."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from flask import Blueprint, Response

from access import audit
from access.anchors import read as read_anchors
from access.guard import needs
from access.people import current
from api.answers import fault
from api.context import api
from data.errors import WarningError

PATIENCE_S = 5.0  # a pack can be as large as its payloads: one at a time

blueprint = Blueprint("evidence", __name__)
_place = threading.BoundedSemaphore(1)


@blueprint.get("/api/warnings/<int:number>/evidence.zip")
@needs("evidence.view")
def evidence(number: int) -> Response:
    """The pack; that it was made, and by whom, is in the audit chain."""
    from alerts.evidence.pack import make_pack

    if not _place.acquire(timeout=PATIENCE_S):
        return fault(503, "busy", "Another pack is being made: try again in a minute.", **{"Retry-After": "60"})
    here = api()
    try:
        settings = here.settings
        pack = make_pack(here.store, settings.home, settings.base_dir, number, anchors_in(settings.audit_anchor))
    except WarningError as error:
        return fault(404, "not_found", str(error))
    finally:
        _place.release()
    digest = hashlib.sha256(pack).hexdigest()
    with here.store.write() as connection:
        audit.append(
            connection, at=here.clock(), actor=current().email, action="evidence.made", object=str(number),
            detail={"sha256": digest},
        )  # fmt: skip
    response = Response(pack, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="warning-{number}-{digest[:12]}.zip"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def anchors_in(folder: Path | None) -> list[tuple[int, str]]:
    """Heads of the audit chain that were kept elsewhere."""
    return [anchor for path in sorted(folder.glob("*.jsonl")) for anchor in read_anchors(path)] if folder else []
