"""Who was to deliver what until when, what has come, and what others made of what we sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from access.sharing.permits import permit
from data.permit import Permit
from data.store.catalogue import list_datasets
from data.text import Translate, translator
from layers.survey.exchange.submissions import Submission, sent, submissions
from pages._context import Context
from pages._decided import said
from pages._facts import FactReader
from pages._locale import locale_of
from pages._times import local
from pages.surveys import bring
from pages.surveys.bring import Waits
from pages.surveys.words import STATES, hidden, records_told, state_word, title_of

WORD, TITLE, ACTION = "submissions", "Submissions", "plan.view"
SHOWN = 200  # of what we sent
FAULTS = 20  # lines of a verdict

Permits = Mapping[str, Permit]  # by dataset
Titles = Mapping[str, str]


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The page; its tables follow the clock of the frame."""
    return html.Div(
        className="surveys",
        children=[
            html.P(dcc.Link(["← ", t("Surveys")], href="/surveys")),
            html.H1(t("Submissions")),
            html.P(t("What each unit was to deliver, until when, what has come, and what became of it."),
                   className="dim"),
            html.P(id="submissions-said", role="status"),
            html.Div(_tables(context, t, locale), id="submissions"),
        ],
    )  # fmt: skip


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The tables as they are now."""

    def tables() -> Any:
        locale = locale_of(context)
        return _tables(context, translator(locale), locale)

    bring.register(dash_app, context, tables)

    @dash_app.callback(Output("submissions", "children"), Input("tick", "n_intervals"), prevent_initial_call=True)
    @needs(ACTION)
    def show(_ticks: int | None) -> Any:
        return tables()


def _tables(context: Context, t: Translate, locale: str) -> list[Component]:
    settings = context.settings
    with context.store.read() as connection:
        coming = submissions(connection, settings.exchange, context.clock(), settings.zone)
        gone = sent(connection, settings.exchange)
        actor, now = current().actor(), context.clock()
        names = {one.dataset for one in (*coming, *gone)}
        seen = {name: permit(connection, actor, name, now) for name in names}
        titles = {row.name: title_of(row, locale) for row in list_datasets(connection)}
        waits, visits = Waits.read(connection), bring.visits(connection, context, t)
    coming, gone = ([one for one in rows if not hidden(seen[one.dataset])] for rows in (coming, gone))
    return [
        html.H2(t("Coming to us")),
        *([_summary(coming, t)] if coming else []),
        _coming(coming, seen, titles, waits, context, t),
        html.H2(t("Sent by us")),
        _gone(gone[:SHOWN], seen, titles, context, t, locale),
        *visits,
    ]


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


def _coming(
    rows: Sequence[Submission], seen: Permits, titles: Titles, waits: Waits, context: Context, t: Translate
) -> Component:
    if not rows:
        nobody = t("No unit is set up to deliver here, and nothing was loaded under a unit's name.")
        return html.P(nobody, className="empty")
    zone = context.settings.zone
    today = context.clock().astimezone(zone).date()
    head = (t("Unit"), t("Dataset"), t("Expected until"), t("State"), t("Since"), t("Records"))
    body = [
        [
            [html.Strong(one.title), html.Div(one.unit, className="dim")],
            _link(one, titles, t),
            _until(one, today, t),
            [_status(one, t), *bring.below(one, waits, t)],
            local(one.at, zone),
            records_told(one.rows, seen[one.dataset], t),
        ]
        for one in rows
    ]
    return _table(head, body)


def _until(one: Submission, today: date, t: Translate) -> Component:
    """The day, and how long that is from now while nothing has come."""
    if one.until is None:
        return html.Span(t("no day agreed"), className="dim")
    days = (one.until - today).days
    near = ""
    if one.version is None:
        near = t("in {n} days").format(n=days) if days >= 0 else t("{n} days late").format(n=-days)
    day = html.Span(one.until.isoformat(), className="when")
    return html.Div([day, html.Div(near, className="dim" if days >= 0 else "bad")])


def _gone(
    rows: Sequence[Submission], seen: Permits, titles: Titles, context: Context, t: Translate, locale: str
) -> Component:
    if not rows:
        return html.P(t("Nothing was sent."), className="empty")
    zone = context.settings.zone
    head = (t("To whom"), t("Dataset"), t("State there"), t("Since"), t("What was found"))
    body = [
        [
            one.title,
            _link(one, titles, t),
            _status(one, t),
            local(one.at, zone),
            _verdict(one, seen[one.dataset], t, locale),
        ]
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


def _link(one: Submission, titles: Titles, t: Translate) -> Component:
    title = titles.get(one.dataset, one.dataset)
    if one.version is None:
        return html.Span(title)
    words = [title, " · ", t("Version {n}").format(n=one.version)]
    return dcc.Link(words, href=f"/surveys/{one.dataset}#version-{one.version}")


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
        shown: Component = html.Span(f"{sign} {word}", className=style)
    else:
        shown = html.Span(state_word(one.status, t))
    return html.Div([shown, html.Div(one.why, className="dim")]) if one.why else shown


def _verdict(one: Submission, permitted: Permit, t: Translate, locale: str) -> Component:
    """What the receiver said, step by step, and the counts of its inspection: for who may see the records."""
    if one.verdict is None or not permitted.records:
        return html.Span("–")
    steps = [_step(step, t) for step in one.verdict.get("trace") or []]
    found = _found((one.verdict.get("report") or {}).get("summary") or {}, t, locale)
    more = [t("and {n} more").format(n=len(found) - FAULTS)] if len(found) > FAULTS else []
    lines = [html.Li(line) for line in (*found[:FAULTS], *more, *steps)]
    return html.Details([html.Summary(t("{n} lines").format(n=len(lines))), html.Ul(lines)], open=True)


def _step(step: Mapping[str, Any], t: Translate) -> list[Any]:
    detail = step.get("detail")
    words = said(detail, t) if isinstance(detail, Mapping) else []
    return [t(STATES.get(str(step.get("state")), str(step.get("state")))), *words]


def _found(summary: Mapping[str, Any], t: Translate, locale: str) -> list[str]:
    """How many records the receiver has looked at, and which of its rules have found how many."""
    if not summary:
        return []
    whole = t("{n} of {total} records have an error.")
    lines = [whole.format(n=_plain(summary.get("with_error")), total=_plain(summary.get("records")))]
    rules = summary.get("rules")
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, Mapping) and rule.get("found"):
            title = rule.get("zh" if locale == "zh" else "en") or rule.get("id")
            lines.append(f"{_plain(title)}: {_plain(rule['found'])}")
    return lines


def _plain(value: Any) -> str:
    """A value of the other office as text, cut where it is long."""
    return f"{value:,}" if isinstance(value, int) else "?" if value is None else str(value)[:300]
