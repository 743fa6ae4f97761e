"""What is published, for programs: the signed CAP messages as they are, feeds of them, JSON, GeoJSON and a calendar.

Feeds hold what is in force and what ended in the last 24 hours, so that whoever asks once a day misses no end.
References: RFC 4287 (Atom), RSS 2.0, RFC 5545 (iCalendar), RFC 7946 (GeoJSON).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from flask import Blueprint, Response, request
from lxml import etree
from lxml.builder import ElementMaker

from alerts.published import Published, find
from api.answers import compact
from api.public.answers import locale_of, public
from api.public.bulletin import Picture, bulletin
from api.public.card import Card, card
from api.public.front import last_modified
from api.public.places import concerning, place_at
from data.clock import iso
from data.errors import ConfigError
from data.regions import load_regions
from data.text import LOCALES, translator

ATOM = "http://www.w3.org/2005/Atom"
CAP_TYPE = "application/cap+xml"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

blueprint = Blueprint("cap_feeds", __name__)
A = ElementMaker(namespace=ATOM, nsmap={None: ATOM})
R = ElementMaker()


@blueprint.errorhandler(sa.exc.SQLAlchemyError)
def unreadable(_error: Exception) -> Response:
    """The store fails: nobody may take that for an empty list."""
    return _blind()


@blueprint.get("/public/cap/<identifier>.xml")
def cap(identifier: str) -> Response:
    """One message: the exact bytes that were signed."""
    with bulletin().store.read() as connection:
        found = find(connection, identifier)
    if found is None:
        return public("There is no such message.\n", "text/plain; charset=utf-8", 404)
    response = public(found.issued.signed, CAP_TYPE)
    response.headers["Last-Modified"] = last_modified(found.issued.sent_at)
    return response


@blueprint.get("/public/feed.atom")
def atom() -> Response:
    """The feed that CAP readers know."""
    picture = bulletin().picture()
    if picture.blind == "store":
        return _blind()
    t, own = translator(locale_of()), _own("/public/feed.atom")
    feed = A.feed(
        A.id(own), A.title(_title()), A.subtitle(_blindness(picture)), A.updated(iso(picture.changed_at or NEVER)),
        A.link(rel="self", type="application/atom+xml", href=own),
        A.link(rel="alternate", type="text/html", href=_page("/public")), A.author(A.name(_office())),
        *(_entry(one, card_, t("No longer in force")) for one, card_ in _asked(picture)),
    )  # fmt: skip
    return _xml(feed, "application/atom+xml", picture)


@blueprint.get("/public/feed.rss")
def rss() -> Response:
    """The same for readers of RSS 2.0."""
    picture = bulletin().picture()
    if picture.blind == "store":
        return _blind()
    t = translator(locale_of())
    channel = R.channel(
        R.title(_title()), R.link(_page("/public")), R.description(_blindness(picture) or _title()),
        R.lastBuildDate(_mail_time(picture.changed_at or NEVER)), R.ttl("1"),
        *(_item(one, card_, t("No longer in force")) for one, card_ in _asked(picture)),
    )  # fmt: skip
    return _xml(R.rss(channel, version="2.0"), "application/rss+xml", picture)


@blueprint.get("/public/warnings.json")
def warnings() -> Response:
    """What is in force and what ended lately; `watch` says whether anybody is looking."""
    picture = bulletin().picture()
    if picture.blind == "store":
        return _blind()
    body = {
        "at": iso(picture.at.replace(second=0, microsecond=0)), "watch": _watch(picture),
        "warnings": [_plain(one, card_) for one, card_ in _asked(picture)],
    }  # fmt: skip
    return _dated(public(compact(body), "application/json"), picture)


@blueprint.get("/public/warnings.geojson")
def geojson() -> Response:
    """What is in force, on the map; a message without a known area has no geometry."""
    from shapely.geometry import mapping

    from alerts.media.map_picture import area_of
    from data.errors import WarningError

    picture = bulletin().picture()
    if picture.blind == "store":
        return _blind()
    features = []
    for one, card_ in _asked(picture, ended=False):
        try:
            shape = mapping(area_of(one.alert))
        except WarningError:
            shape = None
        features.append(
            {"type": "Feature", "id": one.identifier, "geometry": shape, "properties": _plain(one, card_)}
        )  # fmt: skip
    body = {"type": "FeatureCollection", "watch": _watch(picture), "features": features}
    return _dated(public(compact(body), "application/geo+json"), picture)


@blueprint.get("/public/warnings.ics")
def calendar() -> Response:
    """Each warning from its begin to its end."""
    from icalendar import Calendar, Event

    picture = bulletin().picture()
    if picture.blind == "store":
        return _blind()
    found = Calendar()
    found.add("prodid", "-//Tocsin//Warnings//EN")
    found.add("version", "2.0")
    found.add("method", "PUBLISH")
    found.add("x-wr-calname", _title())
    for one, told in _asked(picture):
        begin, event = told.said.starts_at.astimezone(UTC), Event()
        event.add("uid", one.identifier)
        event.add("dtstamp", one.issued.sent_at)
        event.add("last-modified", min(one.ends_at, picture.at) if told.ended else one.issued.sent_at)
        event.add("dtstart", min(begin, one.ends_at))
        event.add("dtend", one.ends_at)
        event.add("summary", f"{told.standing_word}: {told.said.what}" if told.ended else told.said.what)
        event.add("location", told.said.area)
        event.add("description", "\n\n".join(text for text in _texts(told) if text))
        event.add("url", _page(f"/public/w/{quote(one.identifier, safe='')}"))
        event.add("status", "CANCELLED" if told.standing in ("cancelled", "replaced", "end") else "CONFIRMED")
        found.add_component(event)
    return _dated(public(found.to_ical(), "text/calendar; charset=utf-8"), picture)


def _asked(picture: Picture, *, ended: bool = True) -> list[tuple[Published, Card]]:
    """The messages that a feed is about, each in the reader's language."""
    found: Sequence[Published] = [*picture.in_force, *(picture.recent if ended else ())]
    address = request.args.get("place", "")[:40]
    if address:
        index = load_regions(bulletin().settings.base_dir)
        place = place_at(address, index, locale_of())
        found = concerning(found, place, index) if place is not None else []
    locale = locale_of()
    return [(one, card(one, picture.at, locale, translator(locale), _office())) for one in found]


@blueprint.before_request
def _known_place() -> Response | None:
    """A feed for a place that is not known would be empty for ever, which nobody would notice."""
    address = request.args.get("place", "")[:40]
    if not address:
        return None
    try:
        index = load_regions(bulletin().settings.base_dir)
    except ConfigError:
        return public("The places are not known here.\n", "text/plain; charset=utf-8", 503)
    if place_at(address, index, "en") is None:
        return public("There is no such place.\n", "text/plain; charset=utf-8", 404)
    return None


def _entry(one: Published, told: Card, ended: str) -> Any:
    link = _cap_address(one)
    return A.entry(
        A.id(link), A.title(_headline(told, ended)), A.updated(iso(one.issued.sent_at)),
        A.published(iso(one.issued.sent_at)), A.summary("\n\n".join(text for text in _texts(told) if text)),
        A.category(term=told.level), A.link(rel="alternate", type=CAP_TYPE, href=link),
        A.link(rel="related", type="text/html", href=_page(f"/public/w/{quote(one.identifier, safe='')}")),
    )  # fmt: skip


def _item(one: Published, told: Card, ended: str) -> Any:
    return R.item(
        R.title(_headline(told, ended)), R.link(_page(f"/public/w/{quote(one.identifier, safe='')}")),
        R.guid(_cap_address(one), isPermaLink="true"), R.pubDate(_mail_time(one.issued.sent_at)),
        R.description("\n\n".join(text for text in _texts(told) if text)), R.category(told.level),
    )  # fmt: skip


def _headline(told: Card, ended: str) -> str:
    text = f"{told.said.what}, {told.said.area}" if told.said.area else told.said.what
    return f"[{ended}: {told.standing_word}] {text}" if told.ended else text


def _texts(told: Card) -> Iterable[str]:
    return told.said.headline, told.said.until, told.said.description, told.said.instruction, told.said.contact


def _plain(one: Published, told: Card) -> dict[str, Any]:
    onset = one.issued.onset_at
    return {
        "identifier": one.identifier, "sender": one.alert.sender, "sent_at": iso(one.issued.sent_at),
        "standing": told.standing, "level": told.level, "hazard": one.issued.hazard, "language": told.said.language,
        "what": told.said.what, "headline": told.said.headline, "area": told.said.area,
        "description": told.said.description, "instruction": told.said.instruction, "contact": told.said.contact,
        "onset_at": iso(onset) if onset else None, "expires_at": iso(one.issued.expires_at),
        "ended_at": iso(one.ends_at) if told.ended else None, "regions": list(one.issued.regions),
        "replaced_by": one.next_identifier or None, "references": [str(one) for one in one.alert.references],
        "cap": _cap_address(one), "sha256": one.issued.signed_sha256, "certificate_sha256": one.certificate_sha256,
    }  # fmt: skip


def _watch(picture: Picture) -> dict[str, Any]:
    since = picture.blind_since
    return {"state": picture.blind or "ok", "since": iso(since) if since else None}


def _blindness(picture: Picture) -> str:
    """The sentence that keeps an empty feed from being taken for safety."""
    t = translator(locale_of())
    return t("We cannot tell at present: the automatic watch is silent.") if picture.blind else ""


def _title() -> str:
    return translator(locale_of())("{name}: warnings").format(name=_office())


def _office() -> str:
    return bulletin().settings.sender_name or translator(locale_of())("Warnings")


def _cap_address(one: Published) -> str:
    return f"{bulletin().address}/public/cap/{quote(one.identifier, safe='')}.xml"


def _page(path: str) -> str:
    return f"{bulletin().address}{path}?lang={locale_of()}"


def _own(path: str) -> str:
    """The feed's own address, by what it is about alone."""
    chosen = {name: request.args[name][:40] for name in ("place",) if request.args.get(name)}
    if request.args.get("lang") in LOCALES:
        chosen["lang"] = request.args["lang"]
    return f"{bulletin().address}{path}" + (f"?{urlencode(chosen)}" if chosen else "")


def _xml(root: Any, media_type: str, picture: Picture) -> Response:
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return _dated(public(body, f"{media_type}; charset=utf-8"), picture)


def _dated(response: Response, picture: Picture) -> Response:
    response.headers["Last-Modified"] = last_modified(picture.changed_at or NEVER)
    return response


def _mail_time(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC))


def _blind() -> Response:
    response = public("We cannot tell at present: the records cannot be read.\n", "text/plain; charset=utf-8", 503)
    response.headers["Retry-After"] = "30"
    return response
