"""Answers of the machine API: compact JSON, and how long each may be kept."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from access.guard import needs

FOREVER = "private, max-age=31536000, immutable"


def compact(value: Any) -> bytes:
    """JSON without spaces; NaN is refused, because a missing number is null and never anything else."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def versioned(body: bytes, media_type: str = "application/json") -> Response:
    """A body that may be kept for ever under its version, and not at all without one."""
    response = Response(body, content_type=media_type)
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") else "no-store"
    return response


def fresh(value: Any, status: int = 200) -> Response:
    """JSON that is never kept."""
    response = Response(compact(value), status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def fault(status: int, code: str, message: str, **headers: str) -> Response:
    """An error as JSON: a word for programs, a sentence for people."""
    response = fresh({"error": code, "message": message}, status)
    response.headers.extend(headers)
    return response


@needs("watch.view")
def unknown_address(rest: str) -> Response:
    """The answer for an address of ours that does not exist; else the pages would answer it with 200."""
    return fault(404, "not_found", "There is nothing at this address.")
