"""Answers for everybody: how long they may be kept, and in which language."""

from __future__ import annotations

from flask import Response, request

from api.public.bulletin import bulletin
from data.text import pick_locale

CHECK_EACH_TIME = "public, no-cache"  # kept by whoever wants to, asked about before each use
FOR_A_DAY = "public, max-age=86400"


def locale_of() -> str:
    """The reader's language: as the address says, or as the browser asks; nothing is remembered of anybody."""
    accepted = request.headers.get("Accept-Language", "")
    return pick_locale(request.values.get("lang", ""), accepted, bulletin().settings.locale)


def public(body: bytes | str, media_type: str, status: int = 200, keep: str = CHECK_EACH_TIME) -> Response:
    """An answer that belongs to nobody in particular; failures are not kept."""
    response = Response(body, status, content_type=media_type)
    response.headers["Cache-Control"] = keep if status == 200 else "no-store"
    return response
