"""The decision about a delivery, and what happened to it and to the one that it answers."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from access.people import current
from api.inspection import Inspected
from data.store.catalogue import STEPS, list_deliveries, read_delivery, read_trace
from data.text import Translate
from pages._context import Context
from pages._decided import said
from pages._times import local
from pages.surveys.words import state_word


def section(context: Context, seen: Inspected, t: Translate) -> list[Component]:
    """The trace of the delivery and of those before and after it, and the form."""
    with context.store.read() as connection:
        chain = [seen.delivery]
        while chain[0].answers is not None:
            chain.insert(0, read_delivery(connection, chain[0].answers))
        after = [one for one in list_deliveries(connection, seen.delivery.dataset) if one.answers == seen.number]
        traces = [(one, read_trace(connection, one.id)) for one in (*chain, *after)]
    return [
        html.H2(t("Decision"), id="inspection-decision"),
        *_form(seen, t),
        html.H2(t("What happened to it")),
        *(_trace(context, one, trace, seen.number, t) for one, trace in traces),
    ]


def _form(seen: Inspected, t: Translate) -> list[Component]:
    """The form, for who may decide; out of sight while nothing is to be decided."""
    person, state = current(), seen.delivery.state
    open_ = "passed" in STEPS[state]
    own = person.email == seen.delivery.received_by
    said = {
        "loaded": t("It is inspected first."),
        "returned": t("It was returned; another delivery answers it."),
        "passed": t("It has passed."),
    }.get(state, "")
    if not person.may("survey.decide"):
        return [html.P(said or t("Authors and approvers pass or return a delivery."), className="dim")]
    form = html.Div(
        [
            dmc.Textarea(id="inspection-why", label=t("Reason"), autosize=True, minRows=2, required=True),
            html.Div(
                [
                    html.Button(t("Pass"), id="inspection-pass", className="act primary", n_clicks=0, disabled=own),
                    html.Button(t("Return to the unit"), id="inspection-return", className="act", n_clicks=0),
                ],
                className="acts",
            ),
            *([html.P(t("Who delivered it does not pass it."), className="dim")] if own else []),
        ],
        hidden=not open_,
    )
    return [*([html.P(said, className="dim")] if said else []), form]


def _trace(context: Context, one: Any, trace: list[Any], present: int, t: Translate) -> Component:
    zone = context.settings.zone
    head: list[Any] = [t("Version {n}").format(n=one.version), " · ", state_word(one.state, t)]
    if one.id != present:
        link = dcc.Link(head, href=f"/surveys/{one.dataset}/inspection?delivery={one.id}", refresh=True)
        head = [link]
    if one.answers is not None:
        head += [" · ", t("answers a returned delivery")]
    steps = [
        html.Li([local(step.at, zone), " · ", state_word(step.state, t), " · ", step.by, *said(step.detail, t)])
        for step in trace
    ]
    return html.Article([html.H3(head), html.Ul(steps)], className="delivery")
