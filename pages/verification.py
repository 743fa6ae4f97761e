"""Verification: a month's warnings scored against what happened, by hazard and office, on the page and as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update

from access import audit
from access.guard import needs
from access.people import current
from alerts.month import Month, month_csv, month_of, truth_csv, verify_month
from alerts.truth import TrueEvent, Truth, store_truth, truth_of
from data.errors import TocsinError
from data.regions import RegionIndex
from data.text import Translate, translator
from pages._context import Context
from pages._exercise import marked_csv
from pages._facts import FactReader
from pages._locale import locale_of
from pages._plan_upload import decode
from pages._table_faults import table_fault
from pages._times import local
from pages._verification_others import others
from pages._verification_table import section, truth_list
from pages.packs import packs, signals

PATH, TITLE = "/verification", "Verification"
ACTION = "reports.view"
MONTHS = 24
SHOWN_FAULTS = 20


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """The page; `?month=2026-03` chooses a month."""
    there = _months(context)
    chosen = asked.get("month", "")
    return html.Div(
        className="verification",
        children=[
            html.H1(t("Verification of warnings")),
            html.P(
                t("What the rules proposed in a month, scored against what happened. A warning counts as right where "
                  "any event of its hazard met it in place and time."),
                className="dim",
            ),
            html.Div(
                [
                    dmc.Select(
                        id="verification-month", label=t("Month"), data=there,
                        value=chosen if chosen in there else there[0], allowDeselect=False, w=160,
                    ),
                    html.Button(t("Take out as CSV"), id="verification-csv", className="act", n_clicks=0),
                    html.Button(t("Take out what happened as CSV"), id="verification-truth-csv", className="act",
                                n_clicks=0),
                    dcc.Download(id="verification-download"),
                ],
                className="choice",
            ),
            html.Div(id="verification-shown"),
            html.H2(t("What happened")),
            *_bring(t),
            html.Div(id="verification-truth"),
            others(t, locale),
        ],
    )  # fmt: skip


def _bring(t: Translate) -> list[Any]:
    """How true events are brought; people who may not are told so."""
    columns = t(
        "Columns: hazard; region (a code) or lon, lat, radius_km; start, end (with offset); level, source, status."
    )
    if not current().may("truth.add"):
        said = t("Planners and duty officers bring the table of what happened.")
        return [html.P(said, className="dim"), html.Div(id="verification-said")]
    return [
        html.P(columns, className="dim"),
        dcc.Upload(html.Button(t("Bring a table of what happened"), className="act"), id="verification-upload",
                   max_size=2_700_000),
        html.Div(id="verification-said", role="status"),
    ]  # fmt: skip


def _months(context: Context) -> list[str]:
    """This month and those before it, in the operator's zone."""
    day = context.clock().astimezone(context.settings.zone).replace(day=15)
    return [(day - timedelta(days=30.44 * back)).strftime("%Y-%m") for back in range(MONTHS)]


def found_month(context: Context, text: str) -> Month:
    """The scores of a month; of the present one where the text names none."""
    try:
        begin, end = month_of(text, context.settings.zone)
    except ValueError:
        begin, end = month_of(_months(context)[0], context.settings.zone)
    with context.store.read() as connection:
        return verify_month(connection, context.regions, begin, end, context.clock())


def hazard_names(context: Context, locale: str) -> dict[str, str]:
    """What hazards are called."""
    rules, _ = packs(context)
    names = {item.rule.hazard: item.rule.title.of(locale) for item in reversed(rules)}
    return names | {one["hazard"]: one["title"][locale] for one in signals()}


def shown(context: Context, month: Month, t: Translate, locale: str) -> list[Any]:
    """A section for each hazard, or why there is none."""
    names = hazard_names(context, locale)
    zone = context.settings.zone
    span = t("{start} to {end}").format(start=local(month.begin, zone), end=local(month.end, zone))
    if not month.rows:
        nothing = t("No rule proposed a warning in this month, and nobody has told of an event.")
        return [html.P(span, className="dim"), html.P(nothing)]
    hazards = dict.fromkeys(row.hazard for row in month.rows)
    return [
        html.P(span, className="dim"),
        *(
            section(one, names.get(one, one), [row for row in month.rows if row.hazard == one], t, locale)
            for one in hazards
        ),
    ]


def place_of(event: TrueEvent, index: RegionIndex, locale: str) -> str:
    """The name of a region with its code, or the point."""
    if not event.region:
        return f"{event.lon:g}, {event.lat:g}"
    rid = index.by_code(event.region)
    if rid is None:
        return event.region
    name = str(index.name_zh[rid]) if locale == "zh" else str(index.name[rid])
    return f"{name or index.name[rid]} ({event.region})"


def bring(context: Context, contents: str, by: str) -> tuple[Truth, int]:
    """Keep the events of an uploaded table, with an entry in the audit chain.

    Raises
    ------
    TocsinError
        With a sentence for people, where nothing of it can be used.
    """
    truth, now = truth_of(decode(contents), context.regions), context.clock()
    with context.store.write() as connection:
        stored = store_truth(connection, truth.events, by=by, at=now)
        detail = {"events": len(truth.events), "new": stored, "rejected": len(truth.rejected)}
        audit.append(connection, at=now, actor=by, action="truth.add", object="truth", detail=detail)
    return truth, stored


def register(dash_app: Dash, context: Context, _facts: FactReader) -> None:
    """The month, the file, and what people bring."""

    @dash_app.callback(
        Output("verification-shown", "children"), Output("verification-truth", "children"),
        Input("verification-month", "value"), Input("verification-said", "children"),
    )  # fmt: skip
    @needs("reports.view")
    def show(month: Any, _said: Any) -> Any:
        locale = locale_of(context)
        t = translator(locale)
        found = found_month(context, str(month))

        def when(at: datetime) -> str:
            return local(at, context.settings.zone)

        def place(event: TrueEvent) -> str:
            return place_of(event, context.regions, locale)

        return shown(context, found, t, locale), truth_list(found, hazard_names(context, locale), place, when, t)

    @dash_app.callback(
        Output("verification-download", "data"), Input("verification-csv", "n_clicks"),
        Input("verification-truth-csv", "n_clicks"), State("verification-month", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("reports.view")
    def take(scored: Any, told: Any, month: Any) -> Any:
        if not scored and not told:
            return no_update
        found = found_month(context, str(month))
        day = f"{found.begin.astimezone(context.settings.zone):%Y-%m}"
        if ctx.triggered_id == "verification-truth-csv":
            return dcc.send_string(marked_csv(truth_csv(found), context.clock), f"truth-{day}.csv", type="text/csv")
        table = marked_csv(month_csv(found), context.clock)
        return dcc.send_string(table, f"verification-{day}.csv", type="text/csv")

    @dash_app.callback(
        Output("verification-said", "children"), Input("verification-upload", "contents"), prevent_initial_call=True
    )
    @needs("truth.add")
    def brought(contents: Any) -> Any:
        t = translator(locale_of(context))
        if not isinstance(contents, str):
            return no_update
        try:
            truth, stored = bring(context, contents, current().email)
        except TocsinError as error:
            return html.P(table_fault(t(str(error)), t), className="bad", role="alert")
        told = t("{n} events read, {new} of them new.").format(n=len(truth.events), new=stored)
        faults = [
            html.P(t("Row {n}: {reason}").format(n=row, reason=table_fault(reason, t)), className="bad")
            for row, reason in truth.rejected[:SHOWN_FAULTS]
        ]
        return [html.P(told), *faults]
