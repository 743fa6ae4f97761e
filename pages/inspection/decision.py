"""The decision about a delivery, and what happened to it and to the one that it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from access.people import current
from api.inspection import Inspected
from data.store.catalogue import STEPS, list_deliveries, read_delivery, read_trace
from data.text import Translate
from pages._context import Context
from pages._times import local
from pages.surveys.words import state_word

LONGEST = 2000  # of a reason


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
    """The form; it is out of sight for who may not decide, because the callback names its fields."""
    person, state = current(), seen.delivery.state
    open_ = person.may("survey.decide") and "passed" in STEPS[state]
    own = person.email == seen.delivery.received_by
    said = {
        "loaded": t("It is inspected first."),
        "returned": t("It was returned; another delivery answers it."),
        "passed": t("It has passed."),
    }.get(state, "")
    if not said and not person.may("survey.decide"):
        said = t("Authors and approvers pass or return a delivery.")
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


def said(detail: Mapping[str, Any], t: Translate) -> list[Any]:
    """The words of a decision, with the rate and the limit that stood beside it; also of another office's."""
    parts: list[Any] = []
    if detail.get("why"):
        parts += [" · ", html.Q(str(detail["why"])[:LONGEST])]
    bounds = [detail.get(name) for name in ("rate", "low", "high")]
    if all(isinstance(one, int | float) for one in bounds):
        rate, low, high = (f"{100 * one:.2f}" for one in bounds)  # type: ignore[operator]
        parts += [" · ", t("error rate {rate} % ({low} to {high})").format(rate=rate, low=low, high=high)]
    if isinstance(limit := detail.get("limit_percent"), int | float):
        parts += [" · ", t("limit {n} %").format(n=f"{limit:g}")]
    return parts
