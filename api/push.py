"""Messages to browsers: who asked for them, for which places, from which level on. Nothing of a person is kept.

Anybody may subscribe, so everything is checked here: the request comes from a page of ours, the address leads to a
push service that the operator allows, and nobody subscribes in bulk. A subscription ends by the person's own word,
with the secret that only that browser has, or when the push service says that it is gone.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Annotated, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from alerts.channels.vapid import public_key, vapid_key
from api.answers import fault, fresh
from api.public.bulletin import bulletin
from data.errors import ConfigError
from data.regions import load_regions
from data.store.tables import push_subscription

LARGEST = 8 << 10
MOST_REGIONS = 20
MOST_SUBSCRIPTIONS = 200_000
POINT = 65  # octets of an uncompressed point on P-256 (RFC 8291, section 3.1)
SECRET = 16  # octets of the shared secret (section 3.2)
LOOPBACK = ("127.0.0.1", "::1", "localhost")

blueprint = Blueprint("push", __name__)

Text = Annotated[str, StringConstraints(max_length=2000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Keys(_Strict):
    """What the browser made for this subscription."""

    p256dh: Text
    auth: Text


class Subscription(BaseModel):
    """As `PushSubscription.toJSON()` writes it; browsers add fields of their own."""

    endpoint: Text
    keys: Keys


class Wish(_Strict):
    """Who wants to be told, and of what."""

    subscription: Subscription
    regions: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=80)], ...], Field(max_length=MOST_REGIONS)
    ] = ()
    least_level: Annotated[int, Field(ge=1, le=4)] = 3
    locale: Literal["en", "zh"] = "en"


class End(_Strict):
    """Who wants to be told no more; `auth` proves that it is the same browser."""

    endpoint: Text
    auth: Text


@blueprint.before_request
def _from_our_pages() -> Response | None:
    """A page of ours, and not too often; the guard has compared the origin where there is one."""
    if not bulletin().settings.push_services:
        return fault(404, "not_set_up", "This office has not set up messages to telephones.")
    if request.method != "POST":
        return None
    request.max_content_length = LARGEST
    if request.mimetype != "application/json":
        return fault(415, "not_json", "Send JSON.")
    if not request.headers.get("Origin"):
        return fault(403, "no_origin", "This request does not say which page it comes from.")
    wait = bulletin().subscribing.wait_s(request.remote_addr or "", bulletin().clock())
    return fault(429, "too_many", "Too many requests.", **{"Retry-After": str(wait)}) if wait else None


@blueprint.get("/public/push/key")
def key() -> Response:
    """The public key that a browser's push service must know us by."""
    return fresh({"key": public_key(vapid_key(bulletin().settings.home))})


@blueprint.post("/public/push")
def subscribe() -> Response:
    """Keep a subscription; the same browser again changes its own."""
    try:
        wish = Wish.model_validate(request.get_json(silent=True))
    except ValidationError:
        return fault(400, "not_understood", "This subscription cannot be read.")
    faults = _faults(wish)
    if faults:
        return fault(400, "refused", faults)
    told, table = wish.subscription, push_subscription
    values = {
        "p256dh": told.keys.p256dh, "auth": told.keys.auth, "regions": list(wish.regions), "gone_at": None,
        "least_level": wish.least_level, "locale": wish.locale,
    }  # fmt: skip
    with bulletin().store.write() as connection:
        mine = table.c.endpoint == told.endpoint
        held = connection.execute(sa.select(table.c.auth).where(mine).with_for_update()).scalar_one_or_none()
        if held is not None and not hmac.compare_digest(held.encode(), told.keys.auth.encode()):
            return fault(403, "not_yours", "This subscription belongs to another browser.")
        if held is not None:
            connection.execute(table.update().where(mine).values(values))
            return fresh({"kept": True})
        count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        if count >= MOST_SUBSCRIPTIONS:
            return fault(503, "full", "No more subscriptions can be kept.")
        created = {"endpoint": told.endpoint, "created_at": bulletin().clock()}
        connection.execute(table.insert().values({**values, **created}))
    return fresh({"kept": True}, 201)


@blueprint.post("/public/push/end")
def unsubscribe() -> Response:
    """Forget a subscription; the answer is the same whether there was one."""
    try:
        end = End.model_validate(request.get_json(silent=True))
    except ValidationError:
        return fault(400, "not_understood", "This subscription cannot be read.")
    table = push_subscription
    with bulletin().store.write() as connection:
        connection.execute(sa.delete(table).where(table.c.endpoint == end.endpoint, table.c.auth == end.auth))
    return fresh({"kept": False})


def _faults(wish: Wish) -> str:
    """Why a subscription is not kept; empty where it is."""
    if not allowed(wish.subscription.endpoint, bulletin().settings.push_services):
        return "The push service of this browser is not one that this office uses."
    if len(_octets(wish.subscription.keys.p256dh)) != POINT or len(_octets(wish.subscription.keys.auth)) != SECRET:
        return "The keys of this subscription are not such."
    try:
        index = load_regions(bulletin().settings.base_dir)
    except ConfigError:
        return "The places are not known here." if wish.regions else ""
    unknown = [code for code in wish.regions if index.by_code(code) is None]
    return f"There is no such place: {unknown[0]!r}." if unknown else ""


def allowed(endpoint: str, services: tuple[str, ...]) -> bool:
    """Whether an address leads to one of the push services.

    Parameters
    ----------
    services
        Hosts, or host:port; `*.example.org` stands for every host below example.org. Without encryption only what is
        on this machine.
    """
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not endpoint.isascii() or not endpoint.isprintable() or parts.username is not None or "\\" in endpoint:
        return False
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        return False
    plain = port is None or (parts.scheme == "https" and port == 443)
    named = {host, f"{host}:443"} if plain else {f"{host}:{port}"}
    below = plain and any(one.startswith("*.") and host.endswith(one[1:]) for one in services)
    return bool(host) and (below or bool(named.intersection(services)))


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
