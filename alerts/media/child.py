"""The process that makes the media of one warning: `python -m alerts.media.child FOLDER`."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alerts.cap.parse import parse
from alerts.media.make import Order, make
from alerts.media.poster import Signature
from alerts.media.programs import speaker
from data.clock import parse_time
from data.errors import TocsinError, WarningError
from data.model import Level


def run(work: Path) -> None:
    """Carry out `request.json` of a folder, and move the files to where they are looked for.

    Raises
    ------
    WarningError
        If the bytes are not those that were signed, or nothing can be made of them.
    """
    request = json.loads((work / "request.json").read_text(encoding="utf-8"))
    signed, target = (work / "signed.xml").read_bytes(), Path(request["folder"])
    if hashlib.sha256(signed).hexdigest() != request["signed_sha256"]:
        raise WarningError("the message is not the one that was signed")
    made = work / "files"
    made.mkdir()
    base_dir = Path(request["base_dir"])
    make(_order(request, signed, base_dir), made, base_dir, speaker())
    if not target.exists():  # another process may have been faster
        made.rename(target)


def _order(request: Mapping[str, Any], signed: bytes, base_dir: Path) -> Order:
    alert = parse(signed)
    found = request["approval"]
    own = next((info.web for info in alert.info if info.web), "")
    page = f"{request['public_url']}/public/w/{quote(alert.identifier, safe='')}" if request["public_url"] else ""
    signature = None
    if found:
        signature = Signature(
            author=found["author"], approver=found["approver"], method=found["method"],
            at=parse_time(found["at"]).astimezone(alert.sent_at.tzinfo), body_sha256=found["body_sha256"],
            signed_sha256=request["signed_sha256"],
        )  # fmt: skip
    return Order(
        alert=alert, level=Level(request["level"]), office=request["office"], signed_sha256=request["signed_sha256"],
        link=page or own, signature=signature, regions=_shapes(request["regions"], base_dir),
    )  # fmt: skip


def _shapes(codes: Sequence[str], base_dir: Path) -> Any:
    """The regions of these codes as one shape; None where none of them is known."""
    import shapely

    from data.regions import load_geometries, load_regions

    index = load_regions(base_dir)
    rids = {rid for code in codes if (rid := index.by_code(code)) is not None}
    if not rids:
        return None
    found, shapes = load_geometries(base_dir, sorted({str(index.kind[rid]) for rid in rids}))
    return shapely.union_all([shape for rid, shape in zip(found.tolist(), shapes, strict=True) if rid in rids])


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    except TocsinError as error:
        sys.exit(str(error))
