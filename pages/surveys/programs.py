"""Tokens with which programs read: made here, shown once, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access import accounts, tokens
from access.guard import needs
from access.matrix import PROGRAM_ACTIONS
from access.people import current
from data.errors import ConfigError
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._times import local

WORD, TITLE, ACTION = "programs", "Programs", "plan.view"
DAYS = ("7", "30", "90", "365")


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The page: how programs come in, the present person's tokens, and a new one."""
    public = context.settings.public_url or f"http://{context.settings.host}:{context.settings.port}"
    addresses = [("OGC API", f"{public}/ogc/"), ("STAC", f"{public}/stac")]
    return html.Div(
        className="surveys",
        children=[
            html.P(dcc.Link(["← ", t("Surveys")], href="/surveys")),
            html.H1(t("Programs")),
            html.P([t("QGIS and other programs read what this account may see, with a token in the header"), " ",
                    html.Code("Authorization: Bearer …")], className="dim"),
            html.Table(
                html.Tbody([html.Tr([html.Th(name, scope="row"), html.Td(html.Code(address))])
                            for name, address in addresses]), className="facts",
            ),
            html.Div(
                [
                    dmc.TextInput(id="programs-name", label=t("Name of the program"), w=240),
                    dmc.Select(id="programs-days", label=t("For so many days"), value="90", allowDeselect=False,
                               w=160, data=[{"value": days, "label": days} for days in DAYS]),
                    html.Button(t("Make a token"), id="programs-make", className="act primary", n_clicks=0),
                ],
                className="choices",
            ),
            html.Div(id="programs-said", role="status"),
            html.Div(_list(context, t), id="programs-list"),
        ],
    )  # fmt: skip


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """Making and ending tokens of oneself."""

    @dash_app.callback(
        Output("programs-said", "children"), Output("programs-list", "children"), Input("programs-make", "n_clicks"),
        State("programs-name", "value"), State("programs-days", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def make(clicks: Any, name: Any, days: Any) -> Any:
        """A new token, shown this once."""
        if not clicks:
            return no_update, no_update
        t, now = translator(locale_of(context)), context.clock()
        ends = now + timedelta(days=int(days) if str(days).isdigit() else 0)
        try:
            with context.store.write() as connection:
                account = accounts.find(connection, id=current().id)
                assert account is not None  # the guard has just let this person in
                token = tokens.make(
                    connection, account, name=str(name or ""), actions=list(PROGRAM_ACTIONS), expires_at=ends, now=now
                )  # fmt: skip
        except ConfigError:
            return html.P(
                t("A token needs a name, by which it is known again."), className="bad", role="alert"
            ), no_update
        shown = [html.P(t("Copy it now: it is not shown again.")), html.Code(token, id="programs-token")]
        return shown, _list(context, t)

    @dash_app.callback(
        Output("programs-list", "children", allow_duplicate=True),
        Input({"type": "programs-end", "number": ALL}, "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def end(clicks: Any) -> Any:
        """One's own token has an end."""
        pressed = ctx.triggered_id
        if not pressed or not any(clicks):
            return no_update
        person = current()
        with context.store.write() as connection:
            tokens.revoke(connection, person.id, int(pressed["number"]), by=person.email, now=context.clock())
        return _list(context, translator(locale_of(context)))


def _list(context: Context, t: Translate) -> Component:
    now, zone = context.clock(), context.settings.zone
    with context.store.read() as connection:
        rows = [one for one in tokens.of(connection, current().id) if one.revoked_at is None and one.expires_at > now]
    if not rows:
        return html.P(t("No program has a token of this account."), className="empty")
    head = (t("Name of the program"), t("Until"), t("Used last"), "")
    body = [
        [one.name, local(one.expires_at, zone), local(one.used_at, zone) if one.used_at else t("never"),
         dmc.Button(t("End it"), id={"type": "programs-end", "number": one.id}, size="compact-xs", variant="default")]
        for one in rows
    ]  # fmt: skip
    cells = [
        html.Tr([html.Td(html.Div(cell), **{"data-head": name}) for name, cell in zip(head, line, strict=True)])
        for line in body
    ]
    headings = html.Thead(html.Tr([html.Th(word, scope="col") for word in head]))
    return html.Div(html.Table([headings, html.Tbody(cells)], className="cards"), className="wide")
