"""CAP messages that other systems push: taken with the token of the feed, on the disk before they are answered."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.answers import fault, fresh
from api.context import api
from data.errors import ConfigError
from data.pushed import MOST_WAITING, spools
from data.safe_xml import MAX_BYTES

blueprint = Blueprint("cap_in", __name__)


@blueprint.post("/cap/in/<key>")
def take(key: str) -> Response:
    """Keep one message. Whether it is good CAP the next run of the feed finds out; its fault is on the Feeds page."""
    here, request.max_content_length = api(), MAX_BYTES
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    spool = next((one for one in spools(here.settings.sources) if one.key == key), None)
    try:
        known = spool is not None and scheme.lower() == "bearer" and spool.opens_for(token.strip())
    except ConfigError:
        return fault(503, "not_ready", "The token of this feed cannot be read here.")
    if not known or spool is None:
        return fault(401, "unknown_token", "This token is not known.", **{"WWW-Authenticate": "Bearer"})
    if len(spool.waiting()) >= MOST_WAITING:
        return fault(503, "full", "Too much waits already.", **{"Retry-After": "60"})
    body = request.get_data()
    if not body:
        return fault(400, "empty", "There is no message.")
    return fresh({"kept": spool.keep(body, here.clock())}, 202)
