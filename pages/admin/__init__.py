"""Administration: who has an account, with what rights and protection; the keys of the office; the audit chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from access import admin, audit
from access.guard import needs
from access.people import current
from data.errors import ConfigError
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages.admin.fields import INVITE, RIGHTS, region_choices
from pages.admin.people import invitation, invited, listing, person
from pages.admin.records import chain, keys

__all__ = ["ACTION", "PATH", "TITLE", "layout", "register"]

PATH, TITLE = "/admin", "Administration"
ACTION = "admin.users"


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """Accounts on the left, the chosen one beside them, then keys and audit."""
    chosen = asked.get("account", "")
    return html.Div(
        className="admin",
        children=[
            html.H1(t("Administration")),
            html.Div(id="admin-proof"),
            html.Div(id="admin-said", role="status", **{"aria-live": "polite"}),
            html.Div(
                className="admin-two",
                children=[
                    html.Section([html.H2(t("Accounts")), html.Div(id="admin-people")]),
                    html.Section(id="admin-person", **{"aria-label": t("The chosen account")}),
                ],
            ),
            html.Section(invitation(t, locale), id="admin-invite"),
            html.Section(keys(context, t)),
            html.Section(chain(context, t), id="admin-chain"),
            dcc.Store(id="admin-chosen", data=int(chosen) if chosen.isdecimal() and len(chosen) < 10 else 0),
            dcc.Store(id="admin-done"),
            dcc.Interval(id="admin-tick", interval=15_000),
        ],
    )  # fmt: skip


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """The list, the chosen account, what is done to it, invitations and the check of the chain."""
    _register_view(dash_app, context)
    _register_acts(dash_app, context)
    _register_invitation(dash_app, context)
    _register_choices(dash_app, context)


def _register_view(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("admin-people", "children"), Output("admin-proof", "children"),
        Input("admin-tick", "n_intervals"), Input("admin-done", "data"), Input("admin-chosen", "data"),
    )  # fmt: skip
    @needs("admin.users")
    def refresh(_ticks: int | None, _done: Any, chosen: Any) -> Any:
        t, locale = translator(locale_of(context)), locale_of(context)
        found = admin.lines(context.store, context.clock(), context.settings.wall_session)
        return listing(found, chosen, context, t, locale), _proof(t)

    @dash_app.callback(
        Output("admin-chosen", "data"), Input({"type": "admin-row", "id": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("admin.users")
    def choose(_clicks: list[int | None]) -> Any:
        return ctx.triggered_id["id"] if ctx.triggered[0]["value"] else no_update

    @dash_app.callback(
        Output("admin-person", "children"), Input("admin-chosen", "data"), Input("admin-done", "data")
    )  # fmt: skip
    @needs("admin.users")
    def show(chosen: Any, _done: Any) -> Any:
        t, locale = translator(locale_of(context)), locale_of(context)
        found = admin.lines(context.store, context.clock(), context.settings.wall_session)
        line = next((line for line in found if line.account.id == chosen), None)
        return person(line, current(), context, t, locale)


def _register_acts(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("admin-done", "data"), Output("admin-said", "children"),
        Input({"type": "admin-act", "action": ALL}, "n_clicks"),
        State("admin-chosen", "data"), State({"type": RIGHTS, "what": ALL}, "value"),
        State({"type": RIGHTS, "what": ALL}, "id"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("admin.users")
    def act(_clicks: list[int | None], chosen: Any, values: list[Any], names: list[dict[str, str]]) -> Any:
        t, trigger = translator(locale_of(context)), ctx.triggered_id
        if not isinstance(trigger, dict) or not ctx.triggered[0]["value"] or not isinstance(chosen, int):
            return no_update, no_update
        rights = {name["what"]: value or [] for name, value in zip(names, values, strict=True)}
        try:
            said = _carry_out(context, str(trigger["action"]), chosen, rights, t)
        except ConfigError as error:
            return no_update, faults(error, t)
        return context.clock().isoformat(), said


def _carry_out(context: Context, action: str, user_id: int, rights: dict[str, Any], t: Translate) -> Any:
    """Do one thing to an account; what is said of it afterwards."""
    store, by, now = context.store, current(), context.clock()
    match action:
        case "rights":
            admin.set_rights(
                store, by, user_id, roles=_texts(rights["roles"]), regions=_known(_texts(rights["regions"]), context),
                hazards=_texts(rights["hazards"]), now=now,
            )  # fmt: skip
            return html.P(t("The rights are changed."), className="done")
        case "disable" | "enable":
            admin.set_active(store, by, user_id, action == "enable", now)
            words = t("The account is on again.") if action == "enable" else t("The account is off.")
            return html.P([words, " ", t("Its sessions have ended.")], className="done")
        case "sessions":
            admin.end_sessions(store, by, user_id, now)
            return html.P(t("Its sessions have ended."), className="done")
        case "factors":
            admin.reset_second_factor(store, by, user_id, now)
            return html.P(t("Its second factors are gone; the person sets up new ones."), className="done")
        case "link":
            return invited(admin.invite_again(store, by, user_id, now), context, t)
        case _:
            return no_update


def _register_invitation(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("admin-invited", "children"), Output("admin-done", "data", allow_duplicate=True),
        Input("admin-invite-go", "n_clicks"), State({"type": INVITE, "what": ALL}, "value"),
        State({"type": INVITE, "what": ALL}, "id"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("admin.users")
    def invite(clicks: int | None, values: list[Any], names: list[dict[str, str]]) -> Any:
        t = translator(locale_of(context))
        if not clicks:
            return no_update, no_update
        given = {name["what"]: value for name, value in zip(names, values, strict=True)}
        try:
            token = admin.invite(
                context.store, current(), email=str(given["email"] or ""), name=str(given["name"] or ""),
                roles=_texts(given["roles"]), now=context.clock(),
            )  # fmt: skip
        except ConfigError as error:
            return faults(error, t), no_update
        return invited(token, context, t), context.clock().isoformat()

    @dash_app.callback(
        Output("admin-verified", "children"), Input("admin-verify", "n_clicks"), prevent_initial_call=True
    )  # fmt: skip
    @needs("audit.view")
    def verify(clicks: int | None) -> Any:
        t = translator(locale_of(context))
        if not clicks:
            return no_update
        with context.store.read() as connection:
            broken, (number, _) = audit.verify(connection), audit.head(connection)
        if broken is None:
            return html.P(t("{n} entries, unbroken.").format(n=number), className="done")
        said = t("Broken at entry {broken} of {n}: it was changed, or what stood before it is missing.")
        return html.Div(said.format(broken=broken, n=number), className="notice", role="alert")


def _register_choices(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output({"type": RIGHTS, "what": "regions"}, "data"),
        Input({"type": RIGHTS, "what": "regions"}, "searchValue"),
        State({"type": RIGHTS, "what": "regions"}, "value"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("admin.users")
    def search(typed: Any, chosen: Any) -> Any:
        if not typed:
            return no_update  # the text goes when a region is chosen, and a list without that one would unchoose it
        return region_choices(context.regions, str(typed)[:80], _texts(chosen), locale_of(context))


def faults(error: ConfigError, t: Translate) -> Any:
    """Why something was not done."""
    said = [": ".join(t(part) for part in fault.split(": ", 1)) for fault in error.faults]  # what, then which
    return html.Div([html.P(words) for words in said], className="notice", role="alert")


def _proof(t: Translate) -> Any:
    """Changes want a fresh proof of who it is; how to give it."""
    by = current()
    try:
        admin.check(by)
    except ConfigError:
        way = html.A(t("Prove who you are"), href=f"/reauth?next={PATH}", className="act primary")
        return html.Div([t("To change anything here, prove once more who you are; it holds for five minutes."), way],
                        className="admin-prove")  # fmt: skip
    return None


def _texts(values: Any) -> list[str]:
    return [str(value)[:80] for value in values] if isinstance(values, list) else []


def _known(codes: list[str], context: Context) -> list[str]:
    unknown = [code for code in codes if context.regions.by_code(code) is None]
    if unknown:
        raise ConfigError([f"not the code of a region or hazard: {code!r}" for code in unknown])
    return codes
