"""Deliveries to and from other Tocsins: every request bears the signature of a peer that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request

from access import audit
from api.answers import fault, fresh
from api.context import api
from layers.survey.exchange import inbox, outbox, verdict
from layers.survey.exchange.key import read_json
from layers.survey.exchange.manifest import MOST_BYTES
from layers.survey.exchange.office import Desk
from layers.survey.exchange.refusal import Refusal
from layers.survey.exchange.wire import who_asks

LARGEST_PIECE = 4 << 20  # bytes of a request that carries a part of a piece

blueprint = Blueprint("exchange", __name__, url_prefix="/exchange")

View = Callable[..., Any]


def _desk() -> Desk:
    parts = api()
    return Desk(parts.store, parts.settings.home, parts.settings.exchange, audit.append)


def peers_only(most: int = 1 << 20) -> Callable[[View], View]:
    """A view that is called with the desk and the name of the peer that signed the request; others are refused.

    Parameters
    ----------
    most : int
        Bytes that a request may carry. Nobody's body is read before its header names a key that the settings know.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        def answer(**parts: Any) -> Any:
            desk, header = _desk(), request.headers.get("Authorization", "")
            try:
                words = header.split(" ")
                desk.peer_of_key(words[1] if len(words) == 4 else "")
                request.max_content_length = most
                path = request.full_path.rstrip("?")
                name = who_asks(desk, request.method, path, request.get_data(), header, api().clock())
                given = view(desk, name, **parts)
                return given if isinstance(given, Response) else fresh(given)
            except Refusal as refusal:
                return fault(refusal.status, "refused", refusal.reason)

        return answer

    return wrap


@blueprint.post("/offer")
@peers_only(MOST_BYTES)
def offer(desk: Desk, name: str) -> Any:
    """A manifest comes; what is wanted of it."""
    return inbox.offered(desk, name, read_json(request.get_data()), api().clock())


@blueprint.post("/piece/<content>/<sha>/<int:start>")
@peers_only(LARGEST_PIECE)
def take(desk: Desk, name: str, content: str, sha: str, start: int) -> Any:
    """A part of a piece comes."""
    return inbox.take(desk, name, content, sha, start, request.get_data(), api().clock())


@blueprint.post("/finish/<content>")
@peers_only()
def finish(desk: Desk, name: str, content: str) -> Any:
    """All has come: the receipt, or what is wanted again."""
    return inbox.finish(desk, name, content, api().clock())


@blueprint.get("/verdict/<content>")
@peers_only()
def tell(desk: Desk, name: str, content: str) -> Any:
    """What became of a delivery."""
    return verdict.verdict_of(desk, name, content, api().clock())


@blueprint.get("/offers")
@peers_only()
def offers(desk: Desk, name: str) -> Any:
    """What this peer may fetch."""
    return outbox.offers(desk, name)


@blueprint.get("/manifest/<int:number>")
@peers_only()
def manifest(desk: Desk, name: str, number: int) -> Any:
    """The manifest of a delivery, signed for this peer."""
    now = api().clock()
    return outbox.seal(desk, name, outbox.manifest_for(desk, name, number, now), number, now)


@blueprint.get("/piece/<int:number>/<sha>/<int:start>/<int:end>")
@peers_only()
def give(desk: Desk, name: str, number: int, sha: str, start: int, end: int) -> Any:
    """Bytes of a piece."""
    if not start < end <= start + LARGEST_PIECE:
        raise Refusal(f"at most {LARGEST_PIECE} bytes at once", status=400)
    body = outbox.piece(desk, name, number, sha, start, end)
    return Response(body, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})


@blueprint.post("/receipt")
@peers_only()
def receipt(desk: Desk, name: str) -> Any:
    """A receipt for what was fetched."""
    return {"kept": outbox.receipted(desk, name, read_json(request.get_data()), api().clock())["content"]}
