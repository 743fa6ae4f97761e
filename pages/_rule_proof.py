"""The tab of the proof: a trial on the past, asked for here, worked on elsewhere, read before a rule is enabled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from alerts.proof import find_proof
from alerts.proof_job import Job, cancel, newest
from alerts.rule import Rule
from alerts.rule_version import note_opening, rule_of
from data.clock import parse_time, utc_now
from data.errors import LayerError, RuleError
from data.text import Translate, translator
from pages import _report
from pages._chart import graph
from pages._context import Context
from pages._locale import locale_of
from pages._plan_upload import decode
from pages._rule_faults import fault_words
from pages._rule_trial import ARCHIVE, MOST_OFFICERS, TABLE, begin, scenarios, wish
from pages._rule_words import refusal_words
from pages._times import local

TICK_MS = 1500
CANCEL = "rules-cancel"
CHART_PX = 360


def panel(t: Translate, locale: str, locked: str) -> Component:
    """The tab; `locked` says why the person may not ask for a trial."""
    return html.Div(
        className="rules-proof",
        children=[
            html.P(
                t("A trial runs the text through the past as the engine would have, and compares it with what "
                  "happened. It is kept with the text it was made of."),
                className="dim",
            ),
            *([html.P(locked, className="dim")] if locked else _asking(t, locale)),
            html.Div(id="rules-proof-state", role="status"),
            html.Div(id="rules-report"),
            dcc.Interval(id="rules-proof-tick", interval=TICK_MS, disabled=True),
            dcc.Store(id="rules-proof-asked"),
            dcc.Store(id="rules-proof-shown"),
        ],
    )  # fmt: skip


def _asking(t: Translate, locale: str) -> list[Component]:
    choices = [
        {"value": ARCHIVE, "label": t("What this office has received")},
        {"value": TABLE, "label": t("A table of readings (CSV, Parquet)")},
        *[{"value": key, "label": t("Scenario: {name}").format(name=name)} for key, name in scenarios(locale)],
    ]
    return [
        html.Div(
            className="rules-fields",
            children=[
                dmc.Select(
                    id="rules-history", label=t("History"), data=choices, value=ARCHIVE, allowDeselect=False,
                    size="sm",
                ),
                dmc.TextInput(
                    id="rules-since", label=t("From (office time)"), placeholder="2026-03-01 08:00", size="sm"
                ),
                dmc.TextInput(
                    id="rules-until", label=t("To (office time)"), placeholder="2026-04-01 08:00", size="sm"
                ),
                dmc.NumberInput(
                    id="rules-officers", label=t("Officers on duty"), value=1, min=1, max=MOST_OFFICERS, size="sm"
                ),
                _upload("rules-table", t("Table of readings"), t("Choose a file")),
                _upload("rules-truth", t("What happened (CSV)"), t("Choose a file")),
            ],
        ),
        html.P(
            t("Files of up to 2 MB; Parquet holds more rows than CSV. For more there is app.py backtest --keep."),
            className="dim",
        ),
        html.P(
            t("Without a table of what happened a scenario is compared with its own, and the rest with what the "
              "office has kept of that time."),
            className="dim",
        ),
        html.Div(
            html.Button(t("Run the trial"), id="rules-try", className="act primary", n_clicks=0), className="actions"
        ),
    ]  # fmt: skip


def _upload(id: str, label: str, words: str) -> Component:
    return html.Div(
        [
            html.Span(label, className="tool-label"),
            dcc.Upload(html.Button(words, className="act"), id=id, max_size=2_700_000),
            html.Span(id=f"{id}-name", className="dim"),
        ],
        className="rules-upload",
    )


def register(dash_app: Dash, context: Context) -> None:
    """Asking, following, and reading."""
    for name in ("rules-table", "rules-truth"):
        dash_app.clientside_callback(
            "function(name) { return name || ''; }", Output(f"{name}-name", "children"), Input(name, "filename")
        )

    @dash_app.callback(
        Output("rules-proof-asked", "data"), Input("rules-try", "n_clicks"), State("rules-text", "value"),
        State("rules-history", "value"), State("rules-since", "value"), State("rules-until", "value"),
        State("rules-officers", "value"), State("rules-table", "contents"), State("rules-table", "filename"),
        State("rules-truth", "contents"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.edit")
    def start(
        clicks: Any, text: Any, history: Any, since: Any, until: Any, officers: Any, table: Any, name: Any, truth: Any
    ) -> Any:
        t = translator(locale_of(context))
        if not clicks:
            return no_update
        try:
            asked = wish(str(history), since, until, officers, str(name or ""), table, context.settings.zone)
            bodies = (_bytes(table) if asked["history"] == TABLE else None, _bytes(truth))
            job = begin(context, str(text or ""), asked, *bodies, by=current().email)
        except (RuleError, LayerError) as error:
            return {"refused": fault_words(refusal_words(t(str(error)), t), t)}
        return {"job": job}

    @dash_app.callback(
        Output("rules-proof-asked", "data", allow_duplicate=True),
        Input({"type": CANCEL, "job": ALL}, "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("rules.edit")
    def stop(_clicks: Any) -> Any:
        person, which, t = current(), ctx.triggered_id, translator(locale_of(context))
        if not isinstance(which, dict) or not ctx.triggered[0]["value"]:
            return no_update
        of_others = "author" in person.roles
        try:
            with context.store.write() as connection:
                cancel(connection, int(which["job"]), by=person.email, of_others=of_others, now=utc_now())
        except RuleError as error:
            return {"refused": fault_words(refusal_words(str(error), t), t)}
        return {"job": which["job"], "cancelled": True}

    @dash_app.callback(
        Output("rules-proof-state", "children"), Output("rules-report", "children"),
        Output("rules-proof-tick", "disabled"), Output("rules-proof-shown", "data"),
        Input("rules-proof-tick", "n_intervals"), Input("rules-proof-asked", "data"), Input("rules-tabs", "value"),
        State("rules-text", "value"), State("rules-proof-shown", "data"),
    )  # fmt: skip
    @needs("rules.view")
    def follow(_ticks: Any, asked: Any, tab: Any, text: Any, shown: Any) -> Any:
        locale = locale_of(context)
        t = translator(locale)
        if tab != "proof":
            return no_update, no_update, True, no_update
        if isinstance(asked, dict) and asked.get("refused") and ctx.triggered_id == "rules-proof-asked":
            return html.P(["⚠ ", asked["refused"]], className="bad"), no_update, True, no_update
        rule, faults = rule_of(str(text or ""))
        if rule is None:
            said = t("Mend the text first. Faults: {n}.").format(n=len(faults))
            return html.P(said, className="bad"), [], True, None
        return _standing(context, rule, shown, t, locale)

    def _standing(context: Context, rule: Rule, shown: Any, t: Translate, locale: str) -> Any:
        with context.store.read() as connection:
            job, proof = newest(connection, rule.key, rule.digest), find_proof(connection, rule.digest)
        now = utc_now()
        following = job is not None and job.is_open(now)
        state = [] if job is None else [*state_words(job, now, t), *_ending(job, now, t)]
        if proof is None:
            none = html.P(t("This text was not tried on the past yet."), className="bad")
            return [none, *state] if not following else state, [], not following, None
        if shown == proof["id"]:
            return state, no_update, not following, no_update
        with context.store.write() as connection:
            note_opening(connection, proof["id"], by=current().email, at=context.clock())
        return state, report(proof, context, t, locale), not following, proof["id"]


def _bytes(contents: Any) -> bytes | None:
    return decode(str(contents)) if contents else None


def state_words(job: Job, now: datetime, t: Translate) -> list[Component]:
    """How the newest trial of this text stands."""
    if job.is_open(now):
        share = job.done / job.total if job.total else 0.0
        said = t("The trial runs: {share:.0%}").format(share=share) if job.total else t("The history is being read.")
        return [html.P(said), html.Progress(value=str(round(share * 100)), max="100", className="rules-progress")]
    if job.state == "failed":
        said = t("The trial has come to nothing: {reason}").format(reason=refusal_words(job.reason, t))
        return [html.P(["⚠ ", said], className="bad")]
    if job.state == "cancelled":
        return [html.P(t("{who} has ended this trial.").format(who=job.reason))]
    if job.lost(now):
        return [html.P(["⚠ ", t("The process of the trial is gone. Run it again.")], className="bad")]
    return []


def _ending(job: Job, now: datetime, t: Translate) -> list[Component]:
    """The way to end a trial that runs, for those who may."""
    person = current()
    mine = job.by == person.email or "author" in person.roles
    if not (job.is_open(now) and mine and person.may("rules.edit")):
        return []
    button = html.Button(t("End the trial"), id={"type": CANCEL, "job": job.id}, className="act", n_clicks=0)
    return [html.Div(button, className="actions")]


def report(proof: dict[str, Any], context: Context, t: Translate, locale: str) -> list[Component]:
    """The report: what there is to say, then the pictures, then every number."""
    found = proof["report"]
    said = _report.sentences(found, locale)
    block, zone = found["rules"][0], context.settings.zone
    kept = t("Tried by {who}, {at}. Digest {digest}.").format(
        who=proof["by"], at=local(proof["at"], zone), digest=proof["digest"][:16]
    )
    history = t("History: {name}, {since} to {until}.").format(
        name=found["history"]["name"],
        since=local(parse_time(found["history"]["from"]), zone),
        until=local(parse_time(found["history"]["to"]), zone),
    )
    figures = _report.figures(found, locale, base_dir=context.settings.base_dir)
    rows = [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in _report.score_rows(block, t)]
    return [
        html.H2(t("Report")),
        html.P(said[0], className="rules-lead"),
        html.Ul([html.Li(one) for one in said[1:]]),
        html.P(f"{kept} {history}", className="dim"),
        html.Div([graph(figure, height=CHART_PX) for figure in figures], className="rules-charts"),
        html.Table(html.Tbody(rows), className="rules-scores"),
    ]
