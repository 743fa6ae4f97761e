"""Times and ages as people read them: the operator's zone with its offset, never a bare clock time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from data.clock import iso
from data.text import Translate


def local(at: datetime | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """`2026-03-01 20:05 +08:00`; a dash where there is no time."""
    if at is None:
        return "–"
    there = at.astimezone(zone)
    clock = "%H:%M:%S" if seconds else "%H:%M"
    offset = there.strftime("%z")
    return f"{there.strftime(f'%Y-%m-%d {clock}')} {offset[:3]}:{offset[3:]}"


def span(length: timedelta, t: Translate) -> str:
    """A length of time in its largest sensible unit: `40 s`, `12 min`, `3 h 05`, `4 d`."""
    seconds = int(abs(length.total_seconds()))
    if seconds < 90:
        return t("{n} s").format(n=seconds)
    if seconds < 90 * 60:
        return t("{n} min").format(n=round(seconds / 60))
    if seconds < 48 * 3600:
        return t("{n} h {m:02d}").format(n=seconds // 3600, m=seconds % 3600 // 60)
    return t("{n} d").format(n=round(seconds / 86400))


def age(at: datetime | None, now: datetime, t: Translate) -> str:
    """`12 min ago`, `in 3 h 05`, or `never`."""
    if at is None:
        return t("never")
    written = span(now - at, t)
    return t("{span} ago").format(span=written) if at <= now else t("in {span}").format(span=written)


def living_age(at: datetime | None, now: datetime, t: Translate) -> Component:
    """An age that the browser keeps counting (assets/ages.js)."""
    if at is None:
        return html.Span(age(at, now, t))
    return html.Time(age(at, now, t), dateTime=iso(at), className="age")
