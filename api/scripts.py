"""Scripts and styles, compressed once per process: anew for each visitor it would be half of the first view."""

from __future__ import annotations

import mimetypes
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from flask import Blueprint, Response, request
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as AnyResponse

from access.guard import needs
from api.answers import unknown_address
from data.settings import ROOT

blueprint = Blueprint("scripts", __name__)

ASSETS = ROOT / "assets"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}
SUITES = "/_dash-component-suites/"  # their addresses carry a fingerprint of what they hold
QUALITY = 6  # 30 ms a megabyte


@lru_cache(maxsize=64)
def _packed(path: Path, _modified_ns: int) -> tuple[bytes, bytes, str]:
    """A file raw, its brotli form, and its tag."""
    import brotli

    raw = path.read_bytes()
    return raw, brotli.compress(raw, quality=QUALITY), blake2b(raw, digest_size=12).hexdigest()


@blueprint.get("/assets/vendor/<path:name>", defaults={"folder": "vendor"})
@blueprint.get("/assets/map/<path:name>", defaults={"folder": "map"})
@needs("app.load")
def script(folder: str, name: str) -> AnyResponse:
    """A file of a folder of the assets; asked again, it is a 304."""
    found = safe_join(str(ASSETS / folder), name)
    path = Path(found) if found else None
    if path is None or not path.is_file():
        return unknown_address(name)
    if path.suffix not in TYPES:
        answer = Response(path.read_bytes(), mimetype=mimetypes.guess_type(name)[0] or "application/octet-stream")
        answer.cache_control.max_age = 86_400
    else:
        raw, packed, tag = _packed(path, path.stat().st_mtime_ns)
        takes = _takes_brotli()
        answer = Response(packed if takes else raw, mimetype=TYPES[path.suffix])
        if takes:
            answer.headers["Content-Encoding"] = "br"
        answer.vary.add("Accept-Encoding")
        answer.set_etag(f"{tag}-{'br' if takes else 'raw'}")
        answer.cache_control.no_cache = True  # ask first: the name stays the same when the file changes
    answer.cache_control.private = True
    return answer.make_conditional(request)


def pack_suite(response: Response) -> Response:
    """Give a component library's answer its compressed form, made at the first request of this process."""
    if not request.path.startswith(SUITES) or response.status_code != 200 or not _takes_brotli():
        return response
    packed = _suites.get(request.full_path)
    if packed is None:
        import brotli

        response.direct_passthrough = False
        packed = _suites[request.full_path] = brotli.compress(response.get_data(), quality=QUALITY)
    response.direct_passthrough = False
    response.set_data(packed)
    response.headers["Content-Encoding"] = "br"
    response.vary.add("Accept-Encoding")
    return response


_suites: dict[str, bytes] = {}


def _takes_brotli() -> bool:
    return request.accept_encodings.quality("br") > 0
