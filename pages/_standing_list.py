"""Standing orders as cards: what each would send, where, for how long, and who has signed."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from access.people import Person
from alerts.desk.area import names
from alerts.desk.standing import Order, orders
from data.text import Translate
from pages._context import Context
from pages._levels import chip
from pages._times import local, span


def cards(context: Context, person: Person, t: Translate, locale: str) -> list[Component]:
    """Those that hold or wait first, then those that are over."""
    now = context.clock()
    with context.store.read() as connection:
        found = orders(connection)
    if not found:
        return [html.P(t("No rule may issue anything by itself: there is no standing order."), className="dim")]
    over = [one for one in found if one.ended_at is not None or one.ends_at <= now]
    standing = [one for one in found if one not in over]
    return [_card(one, context, person, t, locale) for one in (*standing, *over)]


def _card(one: Order, context: Context, person: Person, t: Translate, locale: str) -> Component:
    text, zone, now = one.content, context.settings.zone, context.clock()
    where = (
        names(text.within, context.regions, "zh" if locale == "zh" else "en")
        if text.within
        else t("wherever the rule looks")
    )
    facts = (
        (t("Rule"), html.Span([one.rule, " ", html.Code(one.digest[:12], title=one.digest)])),
        (t("From level"), chip(one.least_level, t)),
        (t("Where"), t("{where}; at most {n} regions").format(where=where, n=text.most_regions)),
        (t("Each warning lasts"), span(text.lasts, t)),
        (t("Sent to"), ", ".join(text.groups) or t("everyone whom it concerns")),
        (t("Holds"), f"{local(one.starts_at, zone)} – {local(one.ends_at, zone)}"),
        (t("First signature"), f"{one.first_by}, {local(one.first_at, zone)}"),
        (t("Second signature"), _second(one, context, t)),
        (t("Why"), one.why),
    )
    return html.Article(
        className="notice" if one.second_by is None and one.ended_at is None else "",
        children=[
            html.H3(_state(one, context, t)),
            html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))]),
            *(_words(language, words.headline, words.description, words.instruction)
              for language, words in text.texts.items()),
            html.P(f"SHA-256 {one.content_sha256[:16]}…", className="dim", title=one.content_sha256),
            *(_buttons(one, person, t) if one.ended_at is None and one.ends_at > now else []),
        ],
    )  # fmt: skip


def _words(language: str, headline: str, description: str, instruction: str) -> Component:
    return html.Blockquote([html.B(headline), html.P(description), html.P(instruction)], lang=language)


def _state(one: Order, context: Context, t: Translate) -> str:
    now = context.clock()
    if one.ended_at is not None:
        return t("{n}: ended by {name}").format(n=one.id, name=one.ended_by)
    if one.ends_at <= now:
        return t("{n}: over").format(n=one.id)
    if one.second_by is None:
        return t("{n}: waits for a second signature, and issues nothing").format(n=one.id)
    return t("{n}: issues by itself").format(n=one.id)


def _second(one: Order, context: Context, t: Translate) -> str:
    if one.second_by is None or one.second_at is None:
        return t("nobody yet")
    return f"{one.second_by}, {local(one.second_at, context.settings.zone)}"


def _buttons(one: Order, person: Person, t: Translate) -> list[Component]:
    if not person.may("standing.sign"):
        return []
    end = html.Button(t("End it now"), id={"type": "standing-end", "id": one.id}, className="act", n_clicks=0)
    if one.second_by is not None or person.email == one.first_by:
        return [end]
    sign = html.Button(
        t("Sign: it then issues by itself"), id={"type": "standing-second", "id": one.id},
        className="act primary", n_clicks=0,
    )  # fmt: skip
    return [sign, " ", end]
