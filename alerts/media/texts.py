"""A warning as text messages, e-mail, page and chat: plain words, cut by importance and saying so.

Order of importance: level, hazard, until when, area, what to do. Nothing here knows a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from alerts.media.said import Said, by_language, long_time, rewritten
from alerts.media.shorten import (
    Measure,
    fit,
    gsm_folded,
    gsm_holds,
    gsm_septets,
    one_line,
    shorten,
    utf16_units,
)
from data.model import Level

SHORT, LONG = 70, 160  # characters of one message in UCS-2 and in the 7 bit alphabet
PART_UCS2 = 67  # of each part where several belong together
SUBJECT, TITLE, BODY = 150, 60, 180
COLOURS = {  # background, ink
    Level.RED: ("#c81e1e", "#ffffff"),
    Level.ORANGE: ("#b34d05", "#ffffff"),
    Level.YELLOW: ("#facc15", "#1f1700"),
    Level.BLUE: ("#1d5fd1", "#ffffff"),
    Level.NONE: ("#e5e7eb", "#1b1f24"),
    Level.UNKNOWN: ("#6b7280", "#ffffff"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One text message, or several that belong together."""

    language: str
    text: str
    encoding: str  # "GSM-7" or "UCS-2"
    places: int
    parts: int
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """All languages in one letter; the subject is one line."""

    subject: str
    plain: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a telephone shows of it at first."""

    language: str
    title: str
    body: str
    cut: bool


def sms(said: Said, most: int) -> Sms:
    """A text message of at most `SHORT` or `LONG` characters.

    `SHORT` is one part in every language. `LONG` is one part where the words are in the 7 bit alphabet, which drops
    accents and curly quotes; others go as several parts.
    """
    folded = rewritten(said, gsm_folded)
    if most > SHORT and gsm_holds("".join(_parts(folded))):
        text, cut = _fitted(folded, most, gsm_septets, "...")
        return Sms(
            language=said.language, text=text, encoding="GSM-7", places=gsm_septets(text), parts=1, cut=cut
        )  # fmt: skip
    text, cut = _fitted(said, most, utf16_units, "…")
    places = utf16_units(text)
    parts = 1 if places <= SHORT else -(-places // PART_UCS2)
    return Sms(language=said.language, text=text, encoding="UCS-2", places=places, parts=parts, cut=cut)


def page(said: Said) -> Page:
    """Title and body of a notification."""
    title = shorten(one_line(said.head), TITLE)
    texts = [one_line(text) for text in (said.until, said.area, said.instruction, said.headline)]
    floors = (-1, 60, 40, 40)
    (until, area, instruction, headline), cut = fit(
        list(zip(texts, floors, strict=True)), BODY - 9, measure=len, mark="…"
    )  # fmt: skip
    body = " · ".join(part for part in (area, until, headline, instruction) if part)
    return Page(language=said.language, title=title, body=body, cut=cut or title != one_line(said.head))


def chat(said: Sequence[Said]) -> str:
    """Plain lines, all languages, whole."""
    return "\n\n".join("\n".join(_lines(one)) for one in said)


def email(said: Sequence[Said]) -> Email:
    """Subject, plain text and HTML; every text of the message is escaped in the HTML."""
    heads = [one_line(f"{one.head} – {one.area}" if one.area else one.head) for one in by_language(tuple(said))]
    return Email(
        subject=shorten(" / ".join(heads), SUBJECT),
        plain="\n\n---\n\n".join("\n".join(_lines(one)) for one in said) + "\n",
        html=_document(said),
    )


def _parts(said: Said) -> list[str]:
    """Stamp and level, hazard, until, area, what to do: as they are weighed."""
    return [one_line(text) for text in (said.head, said.until, said.area, said.instruction)]


def _fitted(said: Said, most: int, measure: Measure, mark: str) -> tuple[str, bool]:
    small = most <= SHORT
    floors = (34, -1, 12, 12) if small else (80, -1, 40, 40)
    head, until, area, instruction = _parts(said)
    parts = [head, until, area, instruction]
    marks = measure(_sentence(parts, said.locale)) - sum(map(measure, parts))
    texts, cut = fit(list(zip(parts, floors, strict=True)), most - marks, measure=measure, mark=mark)
    return _sentence(texts, said.locale), cut


def _sentence(parts: Sequence[str], locale: str) -> str:
    """In the order of reading: what, where, until when, what to do."""
    head, until, area, instruction = parts
    stop, comma = ("。", "，") if locale == "zh" else (". ", ", ")
    where = comma.join(part for part in (area, until) if part)
    return stop.join(part for part in (head, where, instruction) if part)


def _lines(said: Said) -> list[str]:
    """The whole text, a line for each thing."""
    return [line for _, line in _rows(said)]


def _rows(said: Said) -> list[tuple[str, str]]:
    t = said.t
    rows = [("head", said.head), ("headline", said.headline)]
    labelled = [
        (t("Area"), said.area),
        (t("In force from"), long_time(said.starts_at, said.locale)),
        (t("In force until"), long_time(said.expires_at, said.locale) if said.until and said.expires_at else ""),
        (t("What is expected"), said.description),
        (t("What to do"), said.instruction),
        (t("Issued by"), said.sender),
        (t("Contact address"), said.contact),
        (t("More information"), said.web),
    ]
    rows += [("text", t("{label}: {text}").format(label=label, text=text)) for label, text in labelled if text]
    return [(kind, text) for kind, text in rows if text]


def _document(said: Sequence[Said]) -> str:
    parts = "".join(_block(one) for one in said)
    language = escape(said[0].language, quote=True)
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(one_line(said[0].head))}'
        f'</title></head><body style="font-family:sans-serif;max-width:40em;margin:0 auto">{parts}</body></html>'
    )


def _block(said: Said) -> str:
    back, ink = COLOURS[said.shown_level]
    style = {
        "head": f"background:{back};color:{ink};padding:12px 16px;font-size:20px;font-weight:bold",
        "headline": "font-weight:bold;font-size:17px",
        "text": "",
    }
    rows = "".join(f'<p dir="auto" style="{style[kind]}">{_escaped(text)}</p>' for kind, text in _rows(said))
    link = escape(said.link, quote=True)
    shown = f'<p><a href="{link}">{link}</a></p>' if link else ""
    return f'<div lang="{escape(said.language, quote=True)}">{rows}{shown}</div>'


def _escaped(text: str) -> str:
    return escape(text, quote=True).replace("\n", "<br>")
