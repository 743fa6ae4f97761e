"""The pages that everybody may open: what is in force, one message, what was, and how to hear of the next."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Blueprint, Response, abort, render_template, request
from markupsafe import Markup

from alerts.media.said import long_time
from alerts.published import Published, chain_of, find, read_history
from api.context import Memo
from api.public.answers import FOR_A_DAY, locale_of, public
from api.public.bulletin import Picture, bulletin
from api.public.card import SHAPES, Card, card
from api.public.places import Place, concerning, place_at, places_named
from api.search import load_places
from data.errors import ConfigError
from data.regions import RegionIndex, load_regions
from data.settings import ROOT
from data.text import LOCALES, translator
from pages.public.files import media_of
from pages.public.map import drawing

ASSETS = ROOT / "assets" / "public"
TYPES = {
    "style.css": "text/css; charset=utf-8",
    "public.mjs": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "icon-192.png": "image/png",
    "icon-512.png": "image/png",
}
ON_A_PAGE = 40
NOT_HERE = "There is no such warning here. It may have been written wrongly, or it is not one of ours."

blueprint = Blueprint("public", __name__, template_folder="templates")
drawings = Memo(64)


@blueprint.errorhandler(sa.exc.SQLAlchemyError)
def unreadable(_error: Exception) -> Response:
    """The store fails: that is said, and not taken for quiet."""
    return message(503, "We cannot tell at present. The system cannot read its own records.")


@blueprint.get("/public", strict_slashes=False)
def index() -> Response:
    """What is in force, everywhere or for a place."""
    picture, locale = bulletin().picture(), locale_of()
    regions = regions_of()
    wanted, address = request.args.get("q", "")[:80], request.args.get("place", "")[:40]
    found = picture.in_force
    ended = [one for one in picture.recent if one.standing(picture.at) in ("expired", "cancelled")]
    place, choice = None, []
    if regions is not None and address:
        place = place_at(address, regions, locale)
        wanted = wanted if place is not None else address
    elif regions is not None and wanted.strip():
        choice = search(wanted, regions)
        place = choice[0] if len(choice) == 1 else None
    if place is not None and regions is not None:
        found, ended = concerning(found, place, regions), concerning(ended, place, regions)
    number = max(1, request.args.get("page", 1, type=int))
    shown = found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    return page(
        "index.html", 503 if picture.blind == "store" else 200, picture=picture, place=place, choice=choice,
        wanted=wanted, cards=cards_of(shown, picture), total=len(found), number=number,
        everywhere=len(picture.in_force), more=max(0, len(found) - number * ON_A_PAGE),
        ended=cards_of(ended[:10], picture), ended_total=len(ended), map=_map(shown, regions, locale),
    )  # fmt: skip


@blueprint.get("/public/w/<identifier>")
def one(identifier: str) -> Response:
    """One message: what, where, until when, what to do, who says so, and what came before and after."""
    picture = bulletin().picture()
    with bulletin().store.read() as connection:
        found = find(connection, identifier)
        if found is None:
            return message(404, NOT_HERE)
        chain = chain_of(connection, found.issued.chain)
    return page(
        "warning.html", picture=picture, card=cards_of([found], picture)[0], chain=cards_of(chain, picture),
        print=found.certificate_sha256, sha256=found.issued.signed_sha256, sender=found.alert.sender,
        references=[reference.identifier for reference in found.alert.references],
        resources=[one for one in found.alert.info[0].resource if one.uri.startswith(("https://", "http://"))],
        map=_map([found], regions_of(), locale_of()), media=media_of(found),
    )  # fmt: skip


@blueprint.get("/public/history")
def history() -> Response:
    """Everything that was issued, the newest first."""
    picture, before = bulletin().picture(), request.args.get("before", type=int)
    with bulletin().store.read() as connection:
        found = read_history(connection, before=before, limit=ON_A_PAGE + 1)
    older = found[ON_A_PAGE - 1].issued.id if len(found) > ON_A_PAGE else None
    return page("history.html", picture=picture, cards=cards_of(found[:ON_A_PAGE], picture), older=older)


@blueprint.get("/public/follow")
def follow() -> Response:
    """How to hear of the next warning: on this telephone, by feed, by calendar."""
    regions, address = regions_of(), request.args.get("place", "")[:40]
    place = place_at(address, regions, locale_of()) if regions is not None and address else None
    wanted = request.args.get("q", "")[:80]
    choice = []
    if regions is not None and place is None and wanted.strip():
        choice = search(wanted, regions, towns=False)
    return page(
        "follow.html", place=place, choice=choice, wanted=wanted, push=bool(bulletin().settings.push_services)
    )


@blueprint.get("/public/assets/<name>")
def asset(name: str) -> Response:
    """Style, script and icons of these pages, and nothing else."""
    if name not in TYPES:
        abort(404)
    return public(_asset(name), TYPES[name], keep=FOR_A_DAY)


@blueprint.get("/public/sw.js")
def service_worker() -> Response:
    """What keeps the last known page on a telephone, with its age."""
    response = public(_asset("sw.js"), "text/javascript; charset=utf-8")
    response.headers["Service-Worker-Allowed"] = "/public"
    return response


@blueprint.get("/public/manifest.webmanifest")
def manifest() -> Response:
    """What a telephone needs to install the page."""
    from api.answers import compact

    locale = locale_of()
    t, icons = translator(locale), ("icon-192.png", "icon-512.png")
    name = bulletin().settings.sender_name or t("Warnings")
    body = {
        "id": "/public", "name": t("{name}: warnings").format(name=name), "short_name": name[:12], "lang": locale,
        "start_url": f"/public?lang={locale}", "scope": "/public", "display": "standalone",
        "background_color": "#ffffff", "theme_color": "#1b1f24",
        "icons": [
            {"src": f"/public/assets/{icon}", "type": "image/png", "sizes": "{0}x{0}".format(icon[5:8])}
            for icon in icons
        ],
    }  # fmt: skip
    return public(compact(body), "application/manifest+json")


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page with what every one of them is given."""
    locale, office = locale_of(), bulletin().settings.sender_name
    t, at = translator(locale), bulletin().clock().astimezone(bulletin().settings.zone)
    picture: Picture | None = values.get("picture")
    blind_since = picture.blind_since if picture is not None else None
    return public(
        render_template(
            f"public/{template}", t=t, locale=locale, locales=LOCALES, office=office or t("Warnings"), shapes=SHAPES,
            now=long_time(at, locale), at=at.isoformat(timespec="seconds"), style=_digest("style.css"),
            script=_digest("public.mjs"), link=_link,
            blind_since=long_time(blind_since.astimezone(at.tzinfo), locale) if blind_since else "", **values,
        ),
        "text/html; charset=utf-8", status,
    )  # fmt: skip


def message(status: int, text: str) -> Response:
    """A page that says one thing."""
    return page("message.html", status, text=translator(locale_of())(text))


def search(wanted: str, regions: RegionIndex, *, towns: bool = True) -> list[Place]:
    """Places of a name; who asks for many in a short time has to wait, for each takes 20 ms of a processor."""
    wait = bulletin().searching.wait_s(request.remote_addr or "", bulletin().clock())
    if wait:
        refusal = message(429, "Too many questions from this address. Please wait a minute.")
        refusal.headers["Retry-After"] = str(wait)
        abort(refusal)
    return places_named(wanted, regions, load_places(regions.base_dir) if towns else None, locale_of())


def _link(path: str, **arguments: Any) -> str:
    """An address of these pages that keeps the language which the reader chose."""
    chosen = {"lang": request.args["lang"]} if request.args.get("lang") in LOCALES else {}
    query = urlencode({name: value for name, value in {**arguments, **chosen}.items() if value not in ("", None)})
    return f"{path}?{query}" if query else path


def cards_of(found: list[Published], picture: Picture) -> list[Card]:
    """The messages as the reader sees them."""
    locale = locale_of()
    office = bulletin().settings.sender_name
    return [card(one, picture.at, locale, translator(locale), office) for one in found]


def regions_of() -> RegionIndex | None:
    """The regions of the base data; None where it has not been built."""
    try:
        return load_regions(bulletin().settings.base_dir)
    except ConfigError:
        return None


def _map(found: list[Published], regions: RegionIndex | None, locale: str) -> Markup:
    if regions is None or not found:
        return Markup("")
    title = translator(locale)("Map of the warnings on this page")
    key = (locale, *(one.issued.signed_sha256 for one in found))
    drawn = drawings.get(key, lambda: drawing(found, regions, locale, title).encode())
    return Markup(drawn.decode())  # noqa: S704 - numbers of ours, and names that were escaped where it was drawn


@lru_cache(maxsize=16)
def _asset(name: str) -> bytes:
    return Path(ASSETS / name).read_bytes()


@lru_cache(maxsize=16)
def _digest(name: str) -> str:
    return hashlib.sha256(_asset(name)).hexdigest()[:12]
