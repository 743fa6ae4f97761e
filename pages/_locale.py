"""The language of the present request."""

from __future__ import annotations

from flask import request

from access.people import current
from data.text import pick_locale
from pages._context import Context


def locale_of(context: Context) -> str:
    """The choice of this browser, else the person's, else the browser's own, else the office's."""
    wished = request.cookies.get("tocsin_lang", "") or current().locale
    return pick_locale(wished, request.headers.get("Accept-Language", ""), context.settings.locale)
