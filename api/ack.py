"""The page behind the link of a message, where a recipient says that they have read it.

Opening it changes nothing: mail programs open links by themselves. The token in the address is all that is asked for;
the store knows its hash only.
"""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, make_response, render_template, request

from alerts.acknowledge import Told, acknowledge, find
from api.context import api
from data.model import Level
from data.text import LOCALES, pick_locale, translator

blueprint = Blueprint("ack", __name__, template_folder="templates", static_folder=None)

WORDS = {
    Level.RED: "Red warning", Level.ORANGE: "Orange warning", Level.YELLOW: "Yellow warning",
    Level.BLUE: "Blue warning", Level.NONE: "All clear", Level.UNKNOWN: "Warning of unknown level",
}  # fmt: skip


@blueprint.get("/ack/<token>")
def show(token: str) -> Response:
    """What the message was about, and the button."""
    with api().store.read() as connection:
        told = find(connection, token)
    return _page(told)


@blueprint.post("/ack/<token>")
def confirm(token: str) -> Response:
    """Note it; a second time changes nothing."""
    here = api()
    with here.store.write() as connection:
        told = acknowledge(connection, token, now=here.clock())
    return _page(told)


def _page(told: Told | None) -> Response:
    settings = api().settings
    wished, accepted = request.args.get("lang", ""), request.headers.get("Accept-Language", "")
    locale = pick_locale(wished, accepted, settings.locale)
    t = translator(locale)
    until = told.expires_at if told is not None else None
    level = t(WORDS[Level(told.level)]) if told is not None else ""
    headline = (told.headline.get(locale) or next(iter(told.headline.values()), "")) if told is not None else ""
    response = make_response(
        render_template(
            "api/ack.html", t=t, locale=locale, locales=LOCALES, told=told, level=level, headline=headline,
            over=until is not None and until <= api().clock(),
            at=_written(told.acknowledged_at if told is not None else None), until=_written(until),
        ),
        404 if told is None else 200,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _written(moment: datetime | None) -> str:
    """In the office's zone, with its offset."""
    return f"{moment.astimezone(api().settings.zone):%Y-%m-%d %H:%M %z}" if moment is not None else ""
