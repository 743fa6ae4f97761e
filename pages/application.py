"""The human face: one Dash application, its pages in a visible list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import Dash, Input, Output, State, dcc, html
from flask import request

from access.guard import csrf_cookie_name, needs
from access.people import current
from data.clock import Clock, utc_now
from data.settings import Settings
from data.store.engine import Store
from data.text import Translate, translator
from pages import (
    about,
    admin,
    feeds,
    handover,
    packs,
    place,
    plan,
    rules,
    standing,
    surveys,
    verification,
    warn,
    watch,
)
from pages._assets import ASSETS
from pages._context import Context, FeedHealth, SourceManifest
from pages._facts import FactReader
from pages._locale import locale_of
from pages._shell import shell, status

PAGES = (watch, warn, plan, surveys, rules, packs, verification, handover, standing, feeds, admin, about, place)
EVERY_HOUR = (watch, warn, plan, surveys, rules, handover)  # in the bar; the others are under "More"

INDEX = """<!DOCTYPE html>
<html lang="LANGUAGE">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}
FONTS
PRELOAD</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""
FONTS = {
    "en": '<link rel="stylesheet" href="/assets/vendor/fonts.css">',
    "zh": '<link rel="stylesheet" href="/assets/vendor/fonts.css">'
    '<link rel="stylesheet" href="/assets/vendor/fonts-zh.css">',
}

PRELOAD = '<link rel="modulepreload" href="/assets/vendor/map.mjs">'
IN_BOTH = (warn.PATH, standing.PATH, handover.PATH, admin.PATH)  # with texts of warnings, or names of people
WITH_MAP = (watch.PATH, warn.PATH, plan.PATH)


class Application(Dash):
    """Dash with the reader's language in its page, and the map library announced where the map will be.

    The list of Chinese fonts alone is 30 KB compressed. Announcing the map's small modules too was measured to be
    slower: a browser opens six connections to a server, and Dash's own scripts need them first.
    """

    context: Context

    def interpolate_index(self, **parts: Any) -> str:
        locale = locale_of(self.context)
        page: str = super().interpolate_index(**parts)
        fonts = FONTS["zh" if request.path in IN_BOTH else locale]
        page = page.replace("LANGUAGE", {"en": "en", "zh": "zh-Hans"}[locale], 1).replace("FONTS", fonts, 1)
        return page.replace("PRELOAD", PRELOAD if request.path in WITH_MAP else "", 1)


def build_pages(
    store: Store,
    settings: Settings,
    *,
    specs: Sequence[SourceManifest],
    feed_health: FeedHealth,
    clock: Clock = utc_now,
) -> Dash:
    """The Dash application with every page and callback; the guard is put on afterwards."""
    dash_app = Application(
        "tocsin",
        title="Tocsin",
        update_title="",
        **ASSETS,
        suppress_callback_exceptions=True,
        index_string=INDEX,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        compress=False,
        csrf_token_name=csrf_cookie_name(settings),
    )
    context = Context(store=store, settings=settings, sources=specs, feed_health=feed_health, clock=clock)
    dash_app.context = context
    facts = FactReader(context)
    dash_app.layout = lambda: _layout(context)
    _register_frame(dash_app, context, facts)
    for page in PAGES:
        page.register(dash_app, context, facts)
    return dash_app


def action_of_page(page: Any) -> str:
    """The action that a page needs; every signed-in person may see those that name none."""
    return str(getattr(page, "ACTION", "watch.view"))


def _holds(page: Any, pathname: str) -> bool:
    """Whether an address is a page's own, or below one that has addresses below it."""
    below = getattr(page, "BELOW", False) and (pathname or "").startswith(f"{page.PATH}/")
    return bool(pathname == page.PATH or below)


def _in_menu(page: Any) -> bool:
    return current().may(action_of_page(page)) and getattr(page, "IN_MENU", True)


def _layout(context: Context) -> Any:
    locale = locale_of(context)
    return shell(
        translator(locale),
        locale,
        str(context.settings.zone),
        current().email,
        [(page.PATH, page.TITLE) for page in PAGES if _in_menu(page) and page in EVERY_HOUR],
        [(page.PATH, page.TITLE) for page in PAGES if _in_menu(page) and page not in EVERY_HOUR],
    )


def _register_frame(dash_app: Dash, context: Context, facts: FactReader) -> None:
    @dash_app.callback(Output("page", "children"), Input("address", "pathname"), State("address", "search"))
    @needs("watch.view")
    def show(pathname: str, search: str) -> Any:
        t = translator(locale_of(context))
        asked = dict(parse_qsl((search or "").removeprefix("?")))
        for page in PAGES:
            if not _holds(page, pathname):
                continue
            if not current().may(action_of_page(page)):
                return html.Div([html.H1(t("This account may not open this page."))], className="prose")
            asked["below"] = pathname.removeprefix(page.PATH).strip("/")
            return page.layout(context, t, locale_of(context), asked)
        return html.Div([html.H1(t("No such page")), dcc.Link(t("Watch"), href="/")], className="prose")

    @dash_app.callback(Output("status", "children"), Input("tick", "n_intervals"))
    @needs("watch.view")
    def refresh(_ticks: int | None) -> Any:
        t = translator(locale_of(context))
        return [*_asleep(t), *status(facts(), t)]

    namespace = dash.ClientsideFunction
    dash_app.clientside_callback(
        namespace("tocsin", "theme"),
        Output("provider", "forceColorScheme"), Output("scheme", "data"),
        Input("theme", "n_clicks"), State("scheme", "data"),
    )  # fmt: skip
    dash_app.clientside_callback(
        namespace("tocsin", "clocks"), Output("clock-local", "children"), Output("clock-utc", "children"),
        Input("tick", "n_intervals"), State("clocks", "data-zone"),
    )  # fmt: skip
    dash_app.clientside_callback(
        namespace("tocsin", "active"), Output("navs", "data-active"), Input("address", "pathname")
    )


def _asleep(t: Translate) -> list[Any]:
    """Roles that do nothing in this session are no silent matter."""
    if not current().asleep:
        return []
    why = t("A role sleeps: set up a second factor") + " · " + ", ".join(current().asleep)
    return [html.A(["⚠ ", t("A role sleeps")], href="/account/factors", className="gauge alarm", title=why)]
