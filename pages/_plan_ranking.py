"""The Ranking tab: what was computed from what, the table, how its values are spread, and the chosen region."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dash_ag_grid as dag
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from data.errors import TocsinError
from data.store.field_series import Series
from data.text import Translate, translator
from pages import _plan_table as table
from pages._context import Context
from pages._locale import locale_of
from pages._places import name_of
from pages._plan_choices import effective
from pages._plan_facts import about
from pages._plan_state import STATISTICS, Choice
from pages._plan_values import LIMITED, Answer, Question, ValueReader, last_received, pick
from pages._plan_words import statistic_title
from pages._times import age, local

ASKED = ("plan-series", "plan-show", "plan-kind", "plan-statistic", "plan-above")


def panel(choice: Choice, t: Translate) -> list[Any]:
    """The tab's content; the callbacks fill it."""
    return [
        dcc.Loading(html.Div(id="plan-facts", className="plan-facts"), delay_show=300, type="dot"),
        html.Div(
            [
                dcc.Input(
                    id="plan-filter", type="search", placeholder=t("Find a region"), debounce=0.2,
                    className="search-box",
                ),
                html.Div(id="plan-tally"),
            ],
            className="plan-find",
        ),
        dag.AgGrid(
            id="plan-grid", columnDefs=[], rowData=[], className="plan-ag", getRowId="params.data.code",
            style={"height": "100%"}, defaultColDef={"sortable": True, "resizable": True},
            selectedRows={"ids": [choice.region]} if choice.region else [],
            dashGridOptions={
                "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
                "animateRows": False, "tooltipShowDelay": 300, "rowHeight": 28, "headerHeight": 30,
                "localeText": {"noRowsToShow": t("No region to rank.")},
            },
        ),
        html.P(id="plan-sentence", className="plan-sentence", role="status"),
        html.Div(id="plan-histogram"),
        html.Div(id="plan-history-small"),
    ]  # fmt: skip


def question(context: Context, reader: ValueReader, asked: tuple[Any, ...], time: Any, people: Any) -> Any:
    """The series, the row of the step and the question that the controls ask; None where something is not chosen."""
    key, show, kind, statistic, above = asked
    series = reader.series()
    chosen = pick(series, str(key)) if key else None
    if chosen is None or kind not in set(context.regions.kind.tolist()) or statistic not in STATISTICS:
        return None
    shown = effective(chosen, series, str(show or "value"))
    drawn = time if isinstance(time, dict) and time.get("series") == str(shown.key) else {}
    row = reader.step(shown.key, drawn.get("step"))
    if row is None:
        return None
    limit = float(above) if isinstance(above, int | float) and statistic in LIMITED else None
    return shown, row, Question(step=row.id, kind=kind, statistic=statistic, above=limit, people=bool(people))


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """Table, facts and histogram follow the choices and the time that the map draws."""

    @dash_app.callback(
        Output("plan-facts", "children"), Output("plan-tally", "children"), Output("plan-grid", "columnDefs"),
        Output("plan-grid", "rowData"), Output("plan-now", "data"),
        *[Input(name, "value") for name in ASKED], Input("plan-people", "checked"), Input("plan-time", "data"),
        State("plan-now", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def rank(*values: Any) -> Any:
        """One table: of the step that is named above it."""
        *asked, people, time, before = values
        locale = locale_of(context)
        t, now = translator(locale), context.clock()
        if _in_gap(reader, asked[0], asked[1], time):
            return _gap(time, context, t), [], [], [], None
        found = question(context, reader, tuple(asked), time, people)
        if found is None:
            return _nothing(context, reader, t), [], [], [], None
        series, row, wanted = found
        if wanted.statistic in LIMITED and wanted.above is None:
            return html.P(t("Say at or above which value the area is meant."), className="bad"), [], [], [], None
        here = _here(series, wanted)
        if before == here:
            return no_update, no_update, no_update, no_update, no_update
        try:
            answer = reader.answer(row, wanted)
        except TocsinError as error:
            return _failed(error, t), [], [], [], None
        unit = answer.values.unit
        title = statistic_title(wanted.statistic, wanted.above, row.unit, wanted.people, t)
        if wanted.statistic not in LIMITED and unit != "1":
            title += f" [{unit}]"
        lines = about(answer, series, context, t, now)
        return (lines, table.tally(answer, t), table.columns(title, t),
                table.rows(answer, context.regions, locale, t), here)  # fmt: skip

    @dash_app.callback(
        Output("plan-histogram", "children"), Output("plan-sentence", "children"),
        Input("plan-now", "data"), Input("plan-region", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def spread(here: Any, code: Any) -> Any:
        """How the values are spread, and where the chosen region stands."""
        locale = locale_of(context)
        t, answer = translator(locale), again(context, reader, here)
        if answer is None:
            return [], ""
        rid = context.regions.by_code(str(code)) if code else None
        if rid is None:
            return table.histogram(answer, None, t), t("Choose a row to see its history and go there on the map.")
        place = table.place_of(answer, rid)
        mark = None if place is None else float(answer.values.value[place])
        said = table.sentence(answer, rid, name_of(rid, context.regions, locale), t)
        return table.histogram(answer, mark, t), said

    dash_app.clientside_callback(
        ClientsideFunction("tocsin_plan", "filter"), Output("plan-grid", "dashGridOptions"),
        Input("plan-filter", "value"), prevent_initial_call=True,
    )  # fmt: skip


def _here(series: Series, wanted: Question) -> dict[str, Any]:
    """What the table shows, for the other parts of the page."""
    return {
        "series": str(series.key), "step": wanted.step, "kind": wanted.kind, "statistic": wanted.statistic,
        "above": wanted.above, "people": wanted.people,
    }  # fmt: skip


def again(context: Context, reader: ValueReader, here: Any) -> Answer | None:
    """The answer that `plan-now` names; None where there is none."""
    from data.store.fields import find_step

    if not isinstance(here, dict):
        return None
    names = ("step", "kind", "statistic", "above", "people")
    wanted = Question(**{name: here.get(name) for name in names})  # type: ignore[arg-type]
    with context.store.read() as connection:
        row = find_step(connection, int(here["step"]))
    try:
        return None if row is None else reader.answer(row, wanted)
    except TocsinError:
        return None


def _nothing(context: Context, reader: ValueReader, t: Translate) -> Component:
    """Why there is nothing to rank."""
    if reader.series():
        return html.P(t("Choose a quantity and a kind of region."), className="dim")
    at = last_received(context)
    since = age(at, context.clock(), t) if at else t("never")
    words = t("No gridded data has been received ({when}). Feeds that bring fields are switched on under Feeds.")
    return html.Div(
        [html.P(words.format(when=since), className="bad"), dcc.Link(t("Feeds"), href="/feeds")],
    )


def _in_gap(reader: ValueReader, key: Any, show: Any, time: Any) -> bool:
    """Whether the map stands at a time of this series for which no step came."""
    if not (isinstance(time, dict) and time.get("missing")):
        return False
    series = reader.series()
    chosen = pick(series, str(key)) if key else None
    return chosen is not None and str(effective(chosen, series, str(show or "value")).key) == time.get("series")


def _gap(time: Any, context: Context, t: Translate) -> Component:
    """A time without a step is unknown everywhere; the numbers of another time must not stand under it."""
    try:
        at = local(datetime.fromisoformat(str(time.get("at"))), context.settings.zone)
    except ValueError:
        at = str(time.get("at"))
    return html.P(t("No step came for {time}: every region is unknown then.").format(time=at), className="bad")


def _failed(error: TocsinError, t: Translate) -> Component:
    return html.P(t("This table could not be computed: {reason}").format(reason=str(error)), className="bad")
