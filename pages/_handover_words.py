"""The lines of the handover page in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from data.clock import parse_time
from data.model import Level
from data.text import Translate
from pages._context import Context
from pages._levels import chip
from pages._phrases import phrase
from pages._places import name_of
from pages._times import age, local, span
from pages.warn.inbox import hazard_word

NAMED = 4  # regions named in a line
STATES = {"draft": "Draft", "submitted": "Waits for a signature", "approved": "Signed by two, not sent"}


class Words:
    """Lines of the page in the reader's language."""

    def __init__(self, context: Context, t: Translate, locale: str, now: datetime) -> None:
        self.context, self.t, self.locale, self.now = context, t, locale, now

    def section(self, title: str, empty: str, lines: Iterable[Component]) -> Component:
        found = list(lines)
        body: Component = html.Ul([html.Li(line) for line in found]) if found else html.P(empty, className="dim")
        return html.Section([html.H2(f"{title} ({len(found)})" if found and empty else title), body])

    def places(self, codes: list[str]) -> str:
        t = self.t
        index = self.context.regions
        rids = [rid for code in codes[:NAMED] if (rid := index.by_code(code)) is not None]
        names = [name_of(rid, index, self.locale) for rid in rids]
        more = len(codes) - len(names)
        return ", ".join(names) + (" " + t("and {n} more").format(n=more) if more > 0 else "")

    def named(self, one: Mapping[str, Any]) -> list[Any]:
        mark = chip(Level.of(one["level"]), self.t)
        words = f"{hazard_word(one['hazard'], self.locale)} · {self.places(one.get('regions', []))}".rstrip(" ·")
        return [mark, " ", words]

    def in_force(self, one: Mapping[str, Any]) -> Component:
        t = self.t
        left = parse_time(one["expires_at"]) - self.now if one["expires_at"] else timedelta()
        ends = t("ends in {span}").format(span=span(left, t))
        status = "" if one["status"] == "Actual" else f" [{one['status']}]"
        link = html.A(f"#{one['id']}", href=f"/warn?id={one['id']}")
        return html.Span([*self.named(one), status, " · ", html.B(ends) if one["soon"] else ends, " · ", link])

    def waiting(self, one: Mapping[str, Any]) -> Component:
        words = self.t(STATES.get(one["state"], one["state"]))
        link = html.A(f"#{one['id']}", href=f"/warn?id={one['id']}")
        return html.Span([*self.named(one), f" · {words} · {one['by']} · ", link])

    def proposal(self, one: Mapping[str, Any]) -> Component:
        t = self.t
        since = age(parse_time(one["since"]), self.now, self.t)
        return html.Span([*self.named(one), " · ", t("Proposal, {age}").format(age=since)])

    def unknown(self, levels: Mapping[str, Any] | None) -> list[Component]:
        """Regions that nobody can tell about; no evaluation at all is worse."""
        t = self.t
        if levels is None:
            return [html.B(t("No rule has been evaluated: nobody can tell any level."))]
        count = int(levels["counts"].get("unknown", 0))
        text = t("{n} regions have an unknown level.").format(n=count)
        return [html.B(text)] if count else []

    def notice(self, one: Mapping[str, Any]) -> Component:
        return html.Span(f"⚠ {self.t(one['what'])} · {age(parse_time(one['since']), self.now, self.t)}")

    def feed(self, one: Mapping[str, Any]) -> Component:
        t = self.t
        text = t("Paused by {name}").format(name=one["paused_by"]) if one["paused_by"] else phrase(one["reason"], t)
        since = f" · {age(parse_time(one['failing_since']), self.now, t)}" if one["failing_since"] else ""
        return html.Span([html.A(one["source"], href=f"/feeds?source={one['source']}"), f" · {text}{since}"])

    def undelivered(self, states: Mapping[str, int]) -> list[Component]:
        t = self.t
        waiting, failed = states.get("pending", 0) + states.get("leased", 0), states.get("failed", 0)
        lines = [(waiting, t("{n} messages still wait to be sent.")), (failed, t("{n} messages failed."))]
        return [html.Span(text.format(n=count)) for count, text in lines if count]

    def mute(self, one: Mapping[str, Any]) -> Component:
        t = self.t
        what = " · ".join(part for part in (one["rule"], one["hazard"], one["region"]) if part) or self.t(
            "Everything"
        )
        ends = t("ends in {span}").format(span=span(parse_time(one["ends_at"]) - self.now, self.t))
        return html.Span(f"{what} · {ends} · {one['owner']}: {one['reason']}")

    def changed(self, content: Mapping[str, Any]) -> Component:
        found, t = content["changed"], self.t
        issued = found["issued"]
        told = t("Since {time}: {new} warnings, {updates} updates, {ends} ended; {proposals} proposals; "
                 "{opened} notices opened, {closed} closed.")  # fmt: skip
        return html.Span(
            told.format(
                time=local(parse_time(content["since"]), self.context.settings.zone), new=issued.get("alert", 0),
                updates=issued.get("update", 0), ends=issued.get("cancel", 0), proposals=found["proposals"],
                opened=found["notices_opened"], closed=found["notices_closed"],
            )
        )  # fmt: skip
