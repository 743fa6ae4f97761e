"""The desk: what do I decide next, what will it say, whom does it reach, did it arrive?

The address says what is open (`?id=` a message, `?proposal=` a proposal) and every change is kept as it is made, so
that a reload loses nothing. Whoever may do what is decided by the service, never by what stands in the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, clientside_callback, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from alerts.desk.refusal import Refusal
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._map import TO_INBOX, connect_map, map_view
from pages.warn import area, area_edits, decide, deliveries, edits, preview, service, signing
from pages.warn.inbox import PATH as PATH
from pages.warn.inbox import build, read_picture, signature
from pages.warn.opened import Shown, head, shown, view, why_of

TITLE, ACTION = "Desk", "warn.view"
MAP = "warn-map"
FONTS_ZH = "/assets/vendor/fonts-zh.css"  # warnings are in both languages, whatever the reader's is
ONLY_LEVELS = {
    "type": "layers",
    "visible": {"levels": True, "events": False, "stations": False, "warnings": False, "survey": False},
}
COMMANDS = ("warn-command-show", "warn-command-area", "warn-command-draw")
STORES = ("shown", "seen", "again", "go", "told", "map-change", "decided-at")
REFRESH_MS, BEAT_MS = 5000, 2000


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """The inbox on the left, the area and the texts in the middle, what it will be and the decision on the right."""
    return html.Div(
        className="warn",
        id="warn",
        **{
            "data-view": "area" if asked.get("id") or asked.get("proposal") else "list",
            "data-open": "none",
            "data-no-key": t("This account has no security key."),
        },
        children=[
            html.Link(rel="stylesheet", href=FONTS_ZH),
            html.H1(t("Desk"), className="hidden"),
            _switcher(t),
            html.Aside(_left(t), className="warn-left", **{"aria-label": t("Inbox")}),
            html.Section(_middle(context, t, locale), className="warn-middle", **{"aria-label": t("Editor")}),
            html.Aside(_right(t), className="warn-right", **{"aria-label": t("Decision and preview")}),
            dcc.Interval(id="warn-tick", interval=REFRESH_MS),
            dcc.Interval(id="warn-beat", interval=BEAT_MS),
            *[dcc.Store(id=f"warn-{name}") for name in STORES],
            *[dcc.Store(id=name) for name in COMMANDS],
        ],
    )


def _switcher(t: Translate) -> Component:
    """One pane at a time on a narrow screen, in the order of the work."""
    steps = (("list", t("Inbox")), ("area", t("Area")), ("texts", t("Text")), ("decide", t("Decide")))
    buttons = [html.Button(word, id=f"warn-show-{key}", className="switch", n_clicks=0) for key, word in steps]
    return html.Div(buttons, className="warn-switcher", role="tablist")


def _left(t: Translate) -> list[Component]:
    new = html.Button(
        t("Write a new warning"), className="act small", n_clicks=0,
        id={"type": "warn-start", "action": "new", "id": 0, "place": "top"},
    )  # fmt: skip
    begin = [html.Div(new, className="warn-new")] if current().may("warn.draft") else []
    orders = html.P(html.A(t("Standing orders"), href="/standing"), className="warn-orders")
    return [*begin, html.P(id="warn-refused", role="alert", className="bad warn-refused"),
            html.Div(id="warn-list", className="list"), orders]  # fmt: skip


def _middle(context: Context, t: Translate, locale: str) -> list[Component]:
    stage = map_view(
        MAP, regions=context.regions, locale=locale, zone=context.settings.zone, packs=context.settings.packs
    )  # fmt: skip
    return [
        html.Div(id="warn-head"),
        html.P(id="warn-saved", role="status", className="warn-saved"),
        html.Div(
            [html.Div(stage, className="stage warn-stage"), html.Div(area.panel(t), className="warn-area")],
            className="warn-place",
        ),
        html.Div(id="warn-form", className="warn-form"),
        html.Div(_hint(t), className="warn-hint"),
    ]


def _hint(t: Translate) -> list[Component]:
    keys = (("j / k", t("next / previous in the inbox")), ("Enter", t("open it")), ("Tab", t("to the next field")))
    return [
        html.P(t("Open what you decide next: it stands at the top of the inbox.")),
        html.Table([html.Tr([html.Td(html.Kbd(key)), html.Td(words)]) for key, words in keys], className="keys"),
    ]


def _right(t: Translate) -> list[Component]:
    return [
        html.Div(id="warn-decide", className="warn-decide"),
        html.P(id="warn-decided", role="alert", className="bad"),
        html.Div(id="warn-deliveries", className="warn-deliveries"),
        preview.panel(t),
        signing.dialog(t),
    ]


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """The callbacks of the frame; each part brings its own."""
    connect_map(MAP)
    for name in COMMANDS:  # each its own store: two commands at once in one store would be one
        clientside_callback(TO_INBOX % (MAP, MAP), Input(name, "data"))
    _register_list(dash_app, context)
    _register_open(dash_app, context)
    for part in (edits, area, area_edits, preview, decide, signing, deliveries):
        part.register(dash_app, context)
    named = ClientsideFunction
    dash_app.clientside_callback(
        named("tocsin_warn", "go"), Output("warn-told", "data"), Input("warn-go", "data"), prevent_initial_call=True
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_warn", "pane"), Output("warn", "data-view"),
        *[Input(f"warn-show-{key}", "n_clicks") for key in ("list", "area", "texts", "decide")],
        Input("address", "search"), prevent_initial_call=True,
    )  # fmt: skip


def chosen(search: Any) -> str:
    """The row of the inbox that an address opens, such as `id=5`."""
    asked = dict(parse_qsl(str(search or "").removeprefix("?")))
    for kind in ("id", "proposal"):
        number = asked.get(kind, "")
        if number.isdecimal() and len(number) < 16:
            return f"{kind}={int(number)}"
    return ""


def _register_list(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("warn-list", "children"), Output("warn-seen", "data"), Output("warn-again", "data"),
        Input("warn-tick", "n_intervals"), Input("address", "search"), Input("warn-decided-at", "data"),
        Input(f"{MAP}-live", "data"),
        State("warn-seen", "data"), State("warn-shown", "data"),
    )  # fmt: skip
    @needs("warn.view")
    def refresh(_ticks: Any, search: Any, _decided: Any, _live: Any, seen: Any, mark: Any) -> Any:
        """The list where it says something else than before, and what is open where somebody else has changed it."""
        locale = locale_of(context)
        with context.store.read() as connection:
            picture = read_picture(connection, context.clock())
        said = signature(picture, chosen(search))
        if seen == said:
            return no_update, no_update, no_update
        item = service.find(context, mark) if ctx.triggered_id in ("warn-tick", f"{MAP}-live") else None
        others = item is not None and service.changed_by_others(item, mark, context)
        built = build(picture, chosen(search), current(), context, translator(locale), locale)
        return built, said, {"at": picture.now.isoformat()} if others else no_update

    @dash_app.callback(
        Output("warn-go", "data", allow_duplicate=True), Output("warn-refused", "children"),
        Input({"type": "warn-start", "action": ALL, "id": ALL, "place": ALL}, "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.draft")
    def start(_clicks: Any) -> Any:
        """A new draft: from a proposal, from nothing, or the next message of a chain."""
        which, t = ctx.triggered_id, translator(locale_of(context))
        if not isinstance(which, dict) or len(ctx.triggered) != 1 or not ctx.triggered[0]["value"]:
            return no_update, no_update
        try:
            return f"{PATH}?id={service.start(context, str(which['action']), int(which['id']))}", ""
        except Refusal as error:
            return no_update, error.told(t)


def _register_open(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("warn", "data-open"), Output("warn", "data-status"), Output("warn", "data-locked"),
        Output("warn-head", "children"), Output("warn-form", "children"), Output("warn-shown", "data"),
        Output("warn-command-show", "data"), Output("warn-saved", "children"),
        Input("address", "search"), Input("warn-again", "data"), State("address", "pathname"),
    )  # fmt: skip
    @needs("warn.view")
    def show(search: Any, _again: Any, path: Any) -> Any:
        """What the address opens; a message that is gone says so."""
        locale = locale_of(context)
        if path != PATH:
            return (no_update,) * 8
        found: Shown = shown(context, chosen(search))
        again = ctx.triggered_id == "warn-again"
        parts = view(found, current(), context, translator(locale), locale)
        command = no_update if again else [ONLY_LEVELS, *area.there(found, context)]
        locked = "yes" if parts.locked else "no"
        return found.kind, found.status, locked, parts.head, parts.form, found.mark(context), command, ""

    @dash_app.callback(
        Output("warn-head", "children", allow_duplicate=True), Output("warn", "data-status", allow_duplicate=True),
        Input("warn-shown", "data"), State("address", "search"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.view")
    def renew_head(mark: Any, search: Any) -> Any:
        """The head follows what is typed, and the frame around all of it whether it is real."""
        locale = locale_of(context)
        if not isinstance(mark, dict) or "id" not in mark:
            return no_update, no_update
        found = shown(context, chosen(search))
        return head(found, current(), context, translator(locale), locale), found.status

    @dash_app.callback(
        Output("warn-form", "children", allow_duplicate=True),
        Input({"type": "warn-why-of", "code": ALL}, "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.view")
    def why(_clicks: Any) -> Any:
        """Why another region of a proposal has its level."""
        which, locale = ctx.triggered_id, locale_of(context)
        if not isinstance(which, dict) or len(ctx.triggered) != 1 or not ctx.triggered[0]["value"]:
            return no_update
        return why_of(str(which["code"]), context, translator(locale), locale)
