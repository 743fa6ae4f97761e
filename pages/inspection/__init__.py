"""Inspection of a dataset's deliveries: rules, the check in the field, and what people decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from sqlalchemy.engine import Connection

from access.guard import needs
from access.people import current
from access.sharing.permits import permit
from api.inspection import Inspected
from data.errors import LayerError, NotPermitted, TocsinError
from data.store.catalogue import list_deliveries, read_dataset, read_delivery
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._map import connect_map
from pages.inspection import decision, field, progress, rules, service
from pages.surveys.heads import closed, head
from pages.surveys.words import hidden, next_step, state_word, title_of

WORD, TITLE, ACTION = "inspection", "Inspection", "plan.view"
SHOWN = 50  # deliveries to choose from, the newest first


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The page of a dataset; `?delivery=` chooses another than the newest."""
    name = asked["dataset"]
    try:
        with context.store.read() as connection:
            row, deliveries = read_dataset(connection, name), list_deliveries(connection, name)[:SHOWN]
            _check_named(context, connection, name)
    except LayerError:
        return html.Div([html.H1(t("No such page")), dcc.Link(t("Surveys"), href="/surveys")], className="prose")
    choices = _choices(deliveries, t)
    wanted = asked.get("delivery", "")
    chosen = wanted if wanted in {one["value"] for one in choices} else (choices[0]["value"] if choices else None)
    return html.Div(
        className="surveys inspection",
        children=[
            *head(name, title_of(row, locale), WORD, t),
            html.Div(
                dmc.Select(id="inspection-delivery", label=t("Delivery"), data=choices, value=chosen, w=280,
                           allowDeselect=False)
            ),
            dcc.Loading(html.P(id="inspection-said", role="status"), delay_show=300, type="dot"),
            html.Div(body(context, name, chosen, t, locale), id="inspection-body"),
        ],
    )  # fmt: skip


def _next(seen: Inspected, t: Translate) -> list[Any]:
    """What is to be done next, and the way to where it is done."""
    wanted = next_step(seen.delivery, seen.dataset, t)
    return [" · ", html.A(wanted, href="#inspection-decision", className="bad")] if wanted else []


def _choices(deliveries: Sequence[Any], t: Translate) -> list[dict[str, str]]:
    return [
        {"value": str(one.id), "label": f"{t('Version {n}').format(n=one.version)} · {state_word(one.state, t)}"}
        for one in deliveries
    ]


def _check_named(context: Context, connection: Connection, name: str) -> None:
    """Refuse a dataset that is not even named to this account."""
    if hidden(permit(connection, current().actor(), name, context.clock())):
        raise LayerError(f"there is no dataset {name}")


def body(context: Context, name: str, chosen: Any, t: Translate, locale: str) -> list[Component]:
    """All that is known of one delivery's inspection; `name` is its dataset's."""
    if chosen is None:
        return [html.P(t("nothing delivered"), className="empty")]
    try:
        seen = Inspected(context.store, context.settings, context.clock, int(chosen))
    except NotPermitted as error:
        return [closed(name, str(error), t)]
    except TocsinError as error:
        return [html.P(["⚠ ", t(str(error))], className="bad")]
    return [
        html.P([html.Strong(state_word(seen.delivery.state, t)), *_next(seen, t)]),
        *progress.section(context, seen.number, t),
        *rules.section(context, seen, t, locale),
        *field.section(context, seen, t, locale),
        *decision.section(context, seen, t),
    ]


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """What each button does; services check again who asks."""
    connect_map(rules.MAP)
    rules.register(dash_app, context)
    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "choices_address"), Output("inspection-body", "data-address"),
        Input("inspection-delivery", "value"), prevent_initial_call=True,
    )  # fmt: skip

    @dash_app.callback(
        Output("inspection-body", "children"), Output("inspection-delivery", "data"),
        Input("inspection-delivery", "value"), Input("inspection-said", "children"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def show(chosen: Any, _said: Any) -> Any:
        locale = locale_of(context)
        t = translator(locale)
        try:
            with context.store.read() as connection:
                name = read_delivery(connection, int(chosen)).dataset
                _check_named(context, connection, name)
                found = list_deliveries(connection, name)[:SHOWN]
        except (LayerError, TypeError, ValueError):
            raise PreventUpdate from None
        return body(context, name, chosen, t, locale), _choices(found, t)

    @dash_app.callback(
        Output("inspection-said", "children"), Input("inspection-run", "n_clicks"),
        Input("inspection-draw", "n_clicks"), Input("inspection-enter", "n_clicks"),
        Input("inspection-cancel", "n_clicks"),
        State("inspection-delivery", "value"), *(State(f"inspection-{name}", "value") for name in field.FIELDS),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("survey.inspect")
    def work(_ran: Any, _drew: Any, _entered: Any, _ended: Any, chosen: Any, *given: Any) -> Any:
        t = translator(locale_of(context))
        if not any(one.get("value") for one in ctx.triggered):
            return no_update
        words = dict(zip(field.FIELDS, given, strict=True))
        try:
            if ctx.triggered_id == "inspection-run":
                return service.run(context, int(chosen), t)
            if ctx.triggered_id == "inspection-cancel":
                return service.cancel(context, int(chosen), t)
            if ctx.triggered_id == "inspection-draw":
                return service.draw(context, int(chosen), words, t)
            return service.enter(context, words, t)
        except (TocsinError, TypeError, ValueError) as error:
            return _not_done(error, t)

    @dash_app.callback(
        Output("inspection-said", "children", allow_duplicate=True), Input("inspection-list", "contents"),
        State("inspection-list", "filename"), State("inspection-delivery", "value"),
        *(State(f"inspection-{name}", "value") for name in field.BROUGHT), prevent_initial_call=True,
    )  # fmt: skip
    @needs("survey.inspect")
    def bring(contents: Any, name: Any, chosen: Any, *given: Any) -> Any:
        t = translator(locale_of(context))
        if not contents:
            return no_update
        words = dict(zip(field.BROUGHT, given, strict=True))
        try:
            found = service.bring(context, int(chosen), str(contents), str(name or ""), words, t)
        except (TocsinError, TypeError, ValueError) as error:
            return _not_done(error, t)
        return field.brought(found, t)

    @dash_app.callback(
        Output("inspection-said", "children", allow_duplicate=True), Input("inspection-pass", "n_clicks"),
        Input("inspection-return", "n_clicks"), State("inspection-delivery", "value"),
        State("inspection-why", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("survey.decide")
    def settle(_passed: Any, _returned: Any, chosen: Any, why: Any) -> Any:
        t = translator(locale_of(context))
        if not any(one.get("value") for one in ctx.triggered):
            return no_update
        try:
            passed = ctx.triggered_id == "inspection-pass"
            return service.decide(context, int(chosen), "passed" if passed else "returned", str(why or ""), t)
        except (TocsinError, TypeError, ValueError) as error:
            return _not_done(error, t)


def _not_done(error: Exception, t: Translate) -> Component:
    return html.Span(t("Not done: {why}").format(why=t(str(error))), className="bad", role="alert")
