"""An inspection that is under way: how far it is, and the button that ends it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from access.guard import needs
from access.people import current
from api.inspection import Inspected
from data.clock import utc_now
from data.errors import TocsinError
from data.text import Translate, translator
from layers.survey.inspect.job import Job
from pages._context import Context
from pages._locale import locale_of
from pages._times import local
from pages.inspection import service

TICK_MS = 2000


def section(context: Context, number: int, t: Translate) -> list[Component]:
    """What became of the newest wish; the button stays for who may inspect, because the callback names it."""
    job, now = service.newest(context, number), utc_now()
    open_ = job is not None and job.is_open(now)
    end = html.Button(t("End it"), id="inspection-cancel", className="act", n_clicks=0,
                      hidden=not open_)  # fmt: skip
    said = words(job, now, t) if job is not None else ""
    who = []
    if job is not None and open_:
        who = [" · ", local(job.at, context.settings.zone), " · ", job.asked_by.name or job.asked_by.email]
    return [
        html.P([html.Span(said, id="inspection-job"), *who], role="status", hidden=not said),
        *([html.Div(end, className="acts")] if current().may("survey.inspect") else []),
    ]


def words(job: Job, now: datetime, t: Translate) -> str:
    """How a wish stands; nothing of one that has become an inspection."""
    if job.lost(now):
        return "⚠ " + t("The process of the inspection is gone; nothing of it is kept.")
    if job.state == "waiting":
        return "… " + t("The inspection begins.")
    if job.state == "running":
        done = t("{done} of {total} records").format(done=f"{job.done:,}", total=f"{job.total:,}")
        return (
            "… "
            + t("Inspection under way")
            + (f": {t(PHASES.get(job.phase, job.phase))}, {done}" if job.total else "")
        )
    if job.state == "failed":
        return "⚠ " + t("The inspection failed: {why}").format(why=t(job.reason))
    if job.state == "cancelled":
        return t("The last inspection was ended by {who}; nothing of it is kept.").format(who=job.reason)
    return ""


PHASES = {"records": "record by record", "neighbours": "neighbours", "identities": "list of faults"}


def under_way(context: Context, number: Any) -> bool:
    """Whether a delivery is being inspected now."""
    try:
        job = service.newest(context, int(number))
    except (TypeError, ValueError):
        return False
    return job is not None and job.is_open(utc_now())


def register(dash_app: Dash, context: Context) -> None:
    """Progress while there is any; its end brings the whole page up to date."""

    @dash_app.callback(
        Output("inspection-job", "children"), Output("inspection-said", "children", allow_duplicate=True),
        Input("inspection-tick", "n_intervals"), State("inspection-delivery", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def tick(_count: Any, chosen: Any) -> Any:
        t = translator(locale_of(context))
        try:
            Inspected(context.store, context.settings, context.clock, int(chosen))
        except (TocsinError, TypeError, ValueError):
            raise PreventUpdate from None
        job = service.newest(context, int(chosen))
        if job is None:
            raise PreventUpdate
        now = utc_now()
        if job.is_open(now):
            return words(job, now, t), no_update
        return no_update, words(job, now, t) or t("Inspected: {n} records.").format(n=f"{job.total:,}")
