"""Is this real: what people are sent, and what people tell, held against our signatures and our instruments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

import sqlalchemy as sa
from flask import Blueprint, Response, request

from alerts.genuine import Judged, Link, judge, read_links
from alerts.media.said import short_time
from alerts.published import find
from alerts.rumour import Rumour, Seen, earthquake, rain
from api.context import api
from api.public.answers import locale_of
from api.public.bulletin import bulletin
from api.public.places import Place, concerning, place_at
from data.text import Translate, translator
from pages.public.views import cards_of, message, page, regions_of, search

HOURS = (1, 3, 6, 12, 24)
LARGEST = 300 << 10  # of a pasted message; our own have a tenth of it

blueprint = Blueprint("public_check", __name__, template_folder="templates")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An answer for people: in one sentence, and what belongs to it."""

    kind: Literal["yes", "no", "none", "unknown"]
    sentence: str
    details: tuple[str, ...] = ()
    list: tuple[str, ...] = ()
    link: str = ""


@blueprint.errorhandler(sa.exc.SQLAlchemyError)
def unreadable(_error: Exception) -> Response:
    """The store fails: nobody can tell."""
    return message(503, "We cannot tell at present. The system cannot read its own records.")


@blueprint.get("/public/check")
def ask() -> Response:
    """The forms, and the answer about something that people tell."""
    locale, regions = locale_of(), regions_of()
    t = translator(locale)
    wanted, address = request.args.get("q", "")[:80], request.args.get("place", "")[:40]
    kind, hours = request.args.get("kind", "earthquake"), request.args.get("hours", 3, type=int)
    place, choice = None, []
    if regions is not None and address:
        place = place_at(address, regions, locale)
    elif regions is not None and wanted.strip():
        choice = search(wanted, regions)
        place = choice[0] if len(choice) == 1 else None
    hours = hours if hours in HOURS else 3
    values: dict[str, Any] = {"kinds": _kinds(t), "kind": kind, "hours": hours, "wanted": wanted, "place": place}
    if place is None or regions is None or kind not in dict(_kinds(t)):
        return page("check.html", **values, choice=choice)
    picture = bulletin().picture()
    near = cards_of(concerning(picture.in_force, place, regions), picture)
    heard = _heard(kind, place, hours, t, locale)
    return page("check.html", **values, heard=heard, concerning=near, picture=picture)


@blueprint.post("/public/check")
def check() -> Response:
    """The answer about a pasted message or link; it changes nothing, so that it needs no session."""
    request.max_content_length = request.max_form_memory_size = LARGEST
    t = translator(locale_of())
    wait = bulletin().checking.wait_s(request.remote_addr or "", bulletin().clock())
    if wait:
        response = message(429, "Too many questions from this address. Please wait a minute.")
        response.headers["Retry-After"] = str(wait)
        return response
    text = request.form.get("text", "")
    verdict = _verdict(text, t) if text.strip() else None
    return page("check.html", kinds=_kinds(t), verdict=verdict, pasted=text[:2000], hours=3, kind="", wanted="")


def _kinds(t: Translate) -> tuple[tuple[str, str], ...]:
    return ("earthquake", t("An earthquake")), ("rain", t("Rain"))


def _verdict(text: str, t: Translate) -> Verdict:
    if "<" in text:
        with bulletin().store.read() as connection:
            judged = judge(connection, text.strip().encode("utf-8", "replace"), bulletin().clock())
            return _of_message(judged, t)
    links = read_links(text, bulletin().address)
    if not links:
        return Verdict(
            kind="unknown", sentence=t("Words alone cannot be verified."),
            details=(t("Compare them with the warnings in force, which stand on the first page."),),
        )  # fmt: skip
    return _of_links(links, t)


def _of_message(judged: Judged, t: Translate) -> Verdict:
    sentences: dict[str, tuple[Literal["yes", "no", "unknown"], str, str]] = {
        "altered": (
            "no", t("No. This message was altered."),
            t("It bears the number of one of our messages and does not say what we signed. Do not pass it on."),
        ),
        "foreign": (
            "no", t("No. This is not our signature."),
            t("We have not issued this message. It may be of another office: ask there."),
        ),
        "unsigned": (
            "no", t("No. We have not issued this message, and it carries no signature."),
            t("It may be of another office: ask there."),
        ),
        "unlisted": (
            "unknown", t("We cannot tell. It carries our signature and is not in our records."),
            t("Please call the office before you act on it or pass it on."),
        ),
        "unreadable": (
            "unknown", t("We cannot tell. This is not a whole CAP message."),
            t("Paste the whole file, from its first line to its last."),
        ),
    }  # fmt: skip
    if judged.finding != "issued":
        kind, sentence, detail = sentences[judged.finding]
        return Verdict(kind=kind, sentence=sentence, details=(detail,))
    if judged.status != "Actual":
        return Verdict(
            kind="no", sentence=t("No. This is from an exercise or a test of ours. There is no danger to act on."),
            details=(t("It is signed by us, and was never meant as a warning."),),
        )  # fmt: skip
    return _of_ours(judged.identifier, t, t("Yes. We have issued exactly this message."))


def _of_links(links: list[Link], t: Translate) -> Verdict:
    foreign = sorted({link.host for link in links if not link.ours})
    if foreign:
        return Verdict(
            kind="no", sentence=t("No. This link does not lead to this office."),
            details=(
                t("It leads to: {hosts}. We have not opened it.").format(hosts=", ".join(foreign)),
                t("Our own address is {address}.").format(address=bulletin().address),
            ),
        )  # fmt: skip
    named = next((link.identifier for link in links if link.identifier), "")
    sentence = t("Yes. This link leads to this office.")
    return _of_ours(named, t, sentence) if named else Verdict(kind="yes", sentence=sentence, link="/public")


def _of_ours(identifier: str, t: Translate, sentence: str) -> Verdict:
    """What became of one of our messages since: genuine is not the same as in force."""
    with bulletin().store.read() as connection:
        found = find(connection, identifier)
    if found is None:
        return Verdict(
            kind="unknown", sentence=t("The address is ours, and there is no such warning behind it."),
            details=(t("It may have been written wrongly. Look at the warnings in force."),), link="/public",
        )  # fmt: skip
    picture = bulletin().picture()
    shown = cards_of([found], picture)[0]
    link = f"/public/w/{quote(identifier, safe='')}"
    if shown.ended:
        detail = t("But it is no longer in force: {how}.").format(how=shown.standing_word)
        return Verdict(kind="yes", sentence=sentence, details=(detail, shown.said.what), link=link)
    until = t("It is in force until {time}.").format(time=shown.ends)
    return Verdict(kind="yes", sentence=sentence, details=(shown.said.what, until), link=link)


def _heard(kind: str, place: Place, hours: int, t: Translate, locale: str) -> Verdict:
    now = bulletin().clock()
    west, south, east, north = place.box
    lon, lat = (west + east) / 2, (south + north) / 2
    asked = earthquake if kind == "earthquake" else rain
    with bulletin().store.read() as connection:
        found = asked(
            connection, lon, lat, since=now - timedelta(hours=hours), now=now, stale_after=api().stale_after
        )
    where = {"place": place.name, "n": hours}
    quake = kind == "earthquake"
    details = _who(found, t, locale, quake=quake)
    if found.answer == "observed":
        sentence = (
            t("Instruments have located earthquakes near {place} in the last {n} h.") if quake
            else t("Gauges near {place} have reported rain in the last {n} h.")
        )  # fmt: skip
        lines = tuple(_line(one, t, locale, quake=quake) for one in found.seen)
        more = (t("{n} more").format(n=found.more),) if found.more else ()
        return Verdict(kind="yes", sentence=sentence.format(**where), details=details, list=lines + more)
    if found.answer == "nothing known":
        sentence = (
            t("No earthquake near {place} is known of the last {n} h.") if quake
            else t("No gauge near {place} has reported rain in the last {n} h.")
        )  # fmt: skip
        small = t("Very small ones, and those of the last few minutes, may not have been told yet.") if quake else (
            t("It may still rain between the gauges.")
        )  # fmt: skip
        return Verdict(kind="none", sentence=sentence.format(**where), details=(*details, small))
    return Verdict(kind="unknown", sentence=t("We cannot tell: nobody was listening there all the time."),
                   details=details)  # fmt: skip


def _who(found: Rumour, t: Translate, locale: str, *, quake: bool) -> tuple[str, ...]:
    if not found.asked:
        return (t("No feed of earthquakes is connected.") if quake else t("No rain gauge is known near there."),)
    said = t("{n} of {asked} feeds were heard.") if quake else t("{n} of {asked} gauges were heard.")
    lines = [said.format(n=found.asked - found.silent, asked=found.asked)]
    if found.newest_at is not None:
        lines.append(t("Last heard {time}.").format(time=_time(found.newest_at, locale)))
    return tuple(lines)


def _line(one: Seen, t: Translate, locale: str, *, quake: bool) -> str:
    time = _time(one.at, locale)
    if not quake:
        return t("{time}: {mm} mm at {name}, {km} km away").format(
            time=time, mm=f"{one.value:.1f}", name=one.name, km=f"{one.distance_km:.0f}"
        )
    depth = "" if one.depth_km is None else t(", {km} km deep").format(km=f"{one.depth_km:.0f}")
    return t("{time}: magnitude {m}, {km} km away{depth}").format(
        time=time, m=f"{one.value:.1f}", km=f"{one.distance_km:.0f}", depth=depth
    )


def _time(at: datetime, locale: str) -> str:
    return short_time(at.astimezone(bulletin().settings.zone), locale)
