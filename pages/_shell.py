"""The frame of every page: navigation, the bar that says whether the eyes are open, clocks, theme, language."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from data.model import Level
from data.text import Translate
from pages._chart import FAMILY
from pages._facts import Facts
from pages._levels import mark
from pages._times import age, span

LIGHTS = ("failing", "late", "never", "fresh", "paused", "off")
LIGHT_WORDS = {
    "fresh": "Fresh",
    "late": "Late",
    "failing": "Failing",
    "never": "No data yet",
    "paused": "Paused",
    "off": "Off",
}
LIGHT_SIGNS = {"fresh": "✓", "late": "◔", "failing": "✕", "never": "?", "paused": "‖", "off": "○"}


Links = list[tuple[str, str]]  # addresses and titles


def shell(t: Translate, locale: str, zone: str, person: str, links: Links, more: Links) -> Component:
    """The frame; pages are put into `page`, the status into `status`. `more` opens with one press."""
    bar = html.Header(
        className="bar",
        children=[
            dcc.Link("Tocsin", href="/", className="brand", title=t("Watch")),
            html.Nav(
                [*_links(links, t), *([_more(more, t)] if more else [])],
                className="navs", id="navs", **{"aria-label": t("Pages")},
            ),
            html.Div(id="status", className="status", role="status"),
            html.Div(
                className="clocks",
                children=[
                    html.Time("", id="clock-local", className="clock", title=t("Time here")),
                    html.Time("", id="clock-utc", className="clock utc", title="UTC"),
                ],
                **{"data-zone": zone},
                id="clocks",
            ),
            html.Div(
                className="tools",
                children=[
                    html.Button("◐", id="theme", className="tool", title=t("Light or dark"), n_clicks=0,
                                **{"aria-label": t("Light or dark")}),
                    html.A("ZH" if locale == "en" else "EN", className="tool", id="language",
                           href="?lang=" + ("zh" if locale == "en" else "en"), lang="zh" if locale == "en" else "en"),
                    html.A(person[:1].upper() or "·", href="/account", className="tool",
                           title=t("Account and sign out") + f": {person}",
                           **{"aria-label": t("Account and sign out")}),
                ],
            ),
        ],
    )  # fmt: skip
    return dmc.MantineProvider(
        id="provider",
        theme={"fontFamily": FAMILY, "primaryColor": "indigo", "primaryShade": {"light": 7, "dark": 8}},
        children=[
            dcc.Location(id="address", refresh=False),
            dcc.Store(id="scheme", storage_type="local"),
            dcc.Interval(id="tick", interval=5000),
            html.A(t("Skip to content"), href="#page", className="skip"),
            bar,
            html.Main(id="page", className="page", tabIndex="-1"),
            html.Div(id="announce", className="hidden", **{"aria-live": "polite"}),
        ],
    )


def _links(links: Links, t: Translate) -> list[Component]:
    return [dcc.Link(t(title), href=path, className="nav") for path, title in links]


def _more(links: Links, t: Translate) -> Component:
    """The pages that are not asked for every hour. On a narrow screen they stand beside the others."""
    button = html.Button(
        t("More"), id="more", className="nav more-open", **{"aria-expanded": "false", "aria-controls": "more-pages"}
    )
    pages = html.Div(_links(links, t), id="more-pages", className="more-pages")
    return html.Div([button, pages], className="nav-more")


def status(facts: Facts, t: Translate) -> list[Component]:
    """The status bar: feeds by light, what is unknown, how old the evaluation is, and open notices."""
    return [*_feeds(facts, t), _unknown(facts, t), _evaluation(facts, t), *_notices(facts, t)]


def _feeds(facts: Facts, t: Translate) -> list[Component]:
    tally = {light: sum(line.light == light for line in facts.feeds) for light in LIGHTS}
    parts: list[Component] = [
        html.Span(
            [LIGHT_SIGNS[light], f" {count}"],
            className=f"light light-{light}",
            title=t(LIGHT_WORDS[light])
            + ": "
            + ", ".join(line.spec.title for line in facts.feeds if line.light == light),
        )
        for light, count in tally.items()
        if count and light != "off"
    ]
    if not parts:
        parts = [html.Span(t("no feed is switched on"), className="light light-never")]
    return [dcc.Link([html.Span(t("Feeds"), className="label"), *parts], href="/feeds", className="gauge")]


def _unknown(facts: Facts, t: Translate) -> Component:
    unknown, watched = facts.counts.get("unknown", 0), facts.counts.get("watched", 0)
    if not watched:
        return html.Span(
            [mark(Level.UNKNOWN, t), " ", t("nothing is watched")], className="gauge bad",
            title=t("No rule watches any region yet: no feed has brought what a rule needs"),
        )  # fmt: skip
    return html.Span(
        [
            mark(Level.UNKNOWN, t),
            " ",
            t("{n} unknown").format(n=unknown),
            html.Span(f" / {watched}", className="dim"),
        ],
        className="gauge bad" if unknown else "gauge",
        title=t("Regions whose level cannot be told, of all that a rule watches"),
    )


def _evaluation(facts: Facts, t: Translate) -> Component:
    label = html.Span(t("Rules"), className="label")
    if facts.engine_silent:
        since = t("never") if facts.heartbeat_at is None else age(facts.heartbeat_at, facts.now, t)
        return html.Span([label, t("engine silent") + " · " + since], className="gauge alarm")
    if facts.evaluated_at is None:
        return html.Span([label, t("not evaluated")], className="gauge bad")
    old = facts.now - facts.evaluated_at
    idle = sum(line.watched == 0 for line in facts.rules)
    about = t("Age of the oldest last evaluation of {n} rules").format(n=len(facts.rules))
    if idle:
        about += "; " + t("{n} of them watch nothing yet, because no feed has brought what they need").format(n=idle)
    return html.Span(
        [label, span(old, t)], className="gauge bad" if old.total_seconds() > 60 else "gauge", title=about
    )


def _notices(facts: Facts, t: Translate) -> list[Component]:
    return [
        dcc.Link(
            ["⚠ ", t("Notices") + f": {len(facts.notices)}"], href="/feeds", className="gauge alarm",
            title="; ".join(t(str(row.detail.get("what", row.cause))) for row in facts.notices),
        )
    ] if facts.notices else []  # fmt: skip
