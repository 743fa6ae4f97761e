"""Who was to deliver what until when, what has come, and what others made of what we sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from access.sharing.permits import permit
from data.permit import Permit
from data.text import Translate, translator
from layers.survey.exchange.submissions import Submission, sent, submissions
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._times import local
from pages.surveys.words import STATES, hidden, records_told, state_word

WORD, TITLE, ACTION = "submissions", "Submissions", "plan.view"
SHOWN = 200  # of what we sent
FAULTS = 20  # lines of a verdict

Permits = Mapping[str, Permit]  # by dataset


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The page; its tables follow the clock of the frame."""
    return html.Div(
        className="surveys",
        children=[
            html.P(dcc.Link(["← ", t("Surveys")], href="/surveys")),
            html.H1(t("Submissions")),
            html.P(t("What each unit was to deliver, until when, what has come, and what became of it."),
                   className="dim"),
            html.Div(_tables(context, t), id="submissions", role="status"),
        ],
    )  # fmt: skip


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The tables as they are now."""

    @dash_app.callback(Output("submissions", "children"), Input("tick", "n_intervals"), prevent_initial_call=True)
    @needs(ACTION)
    def show(_ticks: int | None) -> Any:
        return _tables(context, translator(locale_of(context)))


def _tables(context: Context, t: Translate) -> list[Component]:
    settings = context.settings
    with context.store.read() as connection:
        coming = submissions(connection, settings.exchange, context.clock(), settings.zone)
        gone = sent(connection, settings.exchange)
        actor, now = current().actor(), context.clock()
        names = {one.dataset for one in (*coming, *gone)}
        seen = {name: permit(connection, actor, name, now) for name in names}
    coming, gone = ([one for one in rows if not hidden(seen[one.dataset])] for rows in (coming, gone))
    return [
        html.H2(t("Coming to us")),
        _summary(coming, t),
        _coming(coming, seen, context, t) if coming else html.P(
            t("No unit is set up to deliver here, and nothing was loaded under a unit's name."), className="empty"
        ),
        html.H2(t("Sent by us")),
        _gone(gone[:SHOWN], seen, context, t) if gone else html.P(t("Nothing was sent."), className="empty"),
    ]  # fmt: skip


def _summary(coming: Sequence[Submission], t: Translate) -> Component:
    waits = sum(one.waits for one in coming)
    nothing = sum(one.version is None for one in coming)
    return html.P(
        [
            html.Strong(t("{n} wait for somebody").format(n=waits), className="light-failing" if waits else "dim"),
            " · ",
            t("{n} of {total} have delivered nothing yet").format(n=nothing, total=len(coming)),
        ]
    )


def _coming(rows: Sequence[Submission], seen: Permits, context: Context, t: Translate) -> Component:
    zone = context.settings.zone
    head = (t("Unit"), t("Dataset"), t("Expected until"), t("State"), t("Since"), t("Records"))
    body = [
        [
            [html.Strong(one.title), html.Div(one.unit, className="dim")],
            _link(one),
            one.until.isoformat() if one.until is not None else html.Span(t("no day agreed"), className="dim"),
            _status(one, t),
            local(one.at, zone),
            records_told(one.rows, seen[one.dataset], t),
        ]
        for one in rows
    ]
    return _table(head, body)


def _gone(rows: Sequence[Submission], seen: Permits, context: Context, t: Translate) -> Component:
    zone = context.settings.zone
    head = (t("To whom"), t("Dataset"), t("State there"), t("Since"), t("What was found"))
    body = [
        [one.title, _link(one), _status(one, t), local(one.at, zone), _verdict(one, seen[one.dataset], t)]
        for one in rows
    ]
    return _table(head, body)


def _table(head: Sequence[str], body: Sequence[Sequence[Any]]) -> Component:
    """A table that a narrow screen shows as one card a row, each value under its heading."""
    rows = [
        html.Tr([html.Td(html.Div(cell), **{"data-head": name}) for name, cell in zip(head, line, strict=True)])
        for line in body
    ]
    headings = html.Thead(html.Tr([html.Th(word, scope="col") for word in head]))
    return html.Div(html.Table([headings, html.Tbody(rows)], className="cards"), className="wide")


def _link(one: Submission) -> Component:
    if one.version is None:
        return html.Span(one.dataset)
    return dcc.Link(f"{one.dataset} {one.version}", href=f"/surveys/{one.dataset}#version-{one.version}")


def _status(one: Submission, t: Translate) -> Component:
    """Sign and word; what nobody knows is never drawn as done."""
    words = {
        "expected": ("○", t("Expected"), "dim"),
        "overdue": ("⚠", t("Overdue"), "light-failing"),
        "undated": ("?", t("Nothing came, and no day was agreed"), "light-never"),
        "moving": ("◔", t("On its way, {n} %").format(n=int(100 * (one.share or 0.0))), "light-late"),
        "refused": ("✕", t("Refused on arrival"), "light-failing"),
        "arrived": ("○", t("Arrived, nothing heard since"), "light-never"),
        "returned": ("↩", t("Returned"), "light-failing"),
    }
    if one.status in words:
        sign, word, style = words[one.status]
        said: Component = html.Span(f"{sign} {word}", className=style)
    else:
        said = html.Span(state_word(one.status, t))
    return html.Div([said, html.Div(one.why, className="dim")]) if one.why else said


def _verdict(one: Submission, permitted: Permit, t: Translate) -> Component:
    """What the receiver said, step by step, and the counts of its inspection: for who may see the records."""
    if one.verdict is None or not permitted.records:
        return html.Span("–")
    steps = one.verdict.get("trace") or []
    lines = [t(STATES.get(step["state"], step["state"])) + _detail(step["detail"]) for step in steps]
    report = (one.verdict.get("report") or {}).get("summary") or {}
    lines += [f"{name}: {_plain(value)}" for name, value in report.items()]
    shown = [html.Li(line) for line in lines[:FAULTS]]
    more = [html.Li(t("and {n} more").format(n=len(lines) - FAULTS))] if len(lines) > FAULTS else []
    return html.Details([html.Summary(t("{n} lines").format(n=len(lines))), html.Ul([*shown, *more])])


def _detail(detail: Any) -> str:
    if not isinstance(detail, Mapping) or not detail:
        return ""
    return " · " + "; ".join(f"{name}: {_plain(value)}" for name, value in detail.items())


def _plain(value: Any) -> str:
    """A value of the other office as text, cut where it is long."""
    return str(value)[:300]
