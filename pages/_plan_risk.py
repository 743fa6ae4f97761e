"""The Risk tab: inputs with weights and scales, tables that a person brings, and the composite of each region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from data.errors import LayerError
from data.text import Translate, translator
from pages import _plan_risk_table as table
from pages._context import Context
from pages._locale import locale_of
from pages._plan_ranking import again
from pages._plan_risk_inputs import Setting, adjust, gather
from pages._plan_state import Choice
from pages._plan_upload import Upload, decode, read_table
from pages._plan_values import Answer, ValueReader
from pages._plan_words import number

if TYPE_CHECKING:
    from layers.risk import Input as RiskInput
    from layers.risk import Risk


def dimension_words(t: Translate) -> dict[str, str]:
    """By dimension of the composite."""
    return {
        "hazard": t("Hazard"),
        "exposure": t("Exposure"),
        "vulnerability": t("Vulnerability"),
        "coping": t("Lack of coping capacity"),
    }


def panel(t: Translate) -> list[Any]:
    """The tab's content; rows of inputs come from a callback."""
    dimensions = [{"value": key, "label": word} for key, word in dimension_words(t).items()]
    return [
        html.Div(id="plan-risk-said"),
        html.Div(
            dag.AgGrid(
                id="plan-risk-grid", columnDefs=[], rowData=[], className="plan-ag", getRowId="params.data.code",
                style={"height": "100%"}, defaultColDef={"sortable": True, "resizable": True},
                dashGridOptions={
                    "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
                    "animateRows": False, "tooltipShowDelay": 300, "rowHeight": 28, "headerHeight": 30,
                    "localeText": {"noRowsToShow": t("No region to rank.")},
                },
            ),
            className="plan-risk-grid",
        ),
        html.H3(t("Inputs and weights")),
        html.Div(id="plan-risk-rows"),
        html.Details(
            [
                html.Summary(t("Bring a table")),
                html.P(t("A CSV with the columns code and value, at most 2 MB. It stays in this browser tab."),
                       className="dim"),
                html.Div(
                    [
                        dmc.Select(
                            id="plan-upload-dimension", data=dimensions, value="vulnerability", size="xs", w=180,
                            allowDeselect=False, **{"aria-label": t("Dimension")},
                        ),
                        dmc.Switch(id="plan-upload-inverted", label=t("High is good"), size="xs"),
                    ],
                    className="plan-actions",
                ),
                dcc.Upload(html.Button(t("Choose a file"), className="act"), id="plan-upload", max_size=2_700_000),
            ]
        ),
        html.Div(id="plan-upload-said"),
        html.P(
            t("After INFORM (EUR 28655 EN): inputs scaled to 0-10, averaged in a dimension, dimensions multiplied."),
            className="dim",
        ),
    ]  # fmt: skip


def recipe_of(choice: Choice) -> dict[str, dict[str, float | None]] | None:
    """What the link says of weights and scales."""
    if choice.risk is None:
        return None
    return {one.key: {"weight": one.weight, "low": one.low, "high": one.high} for one in choice.risk}


def settings_of(recipe: Any) -> dict[str, Setting]:
    """The rows' settings; what is not a number is what the builder proposes."""
    if not isinstance(recipe, dict):
        return {}
    return {
        str(key): Setting(**{name: _number(one.get(name)) for name in ("weight", "low", "high")})
        for key, one in recipe.items()
        if isinstance(one, dict)
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def build(
    here: Any, recipe: Any, uploads: Any, context: Context, reader: ValueReader, t: Translate
) -> tuple[Answer, Risk] | None:
    """The composite of what the table shows; None without a table.

    Raises
    ------
    LayerError
        If the weights or a scale cannot be used.
    """
    from layers.risk import composite

    answer = again(context, reader, here)
    if answer is None:
        return None
    inputs = gather(answer, context, reader, uploads if isinstance(uploads, dict) else {}, t)
    return answer, composite(adjust(inputs, settings_of(recipe)))


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """Rows of inputs, uploads, and the table of the composite."""

    @dash_app.callback(
        Output("plan-risk-rows", "children"), Output("plan-risk-proposed", "data"),
        Input("plan-now", "data"), Input("plan-uploads", "data"), State("plan-risk-recipe", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def offer(here: Any, uploads: Any, recipe: Any) -> Any:
        """A row for each input there is; weights and scales that were set stay."""
        t = translator(locale_of(context))
        answer = again(context, reader, here)
        if answer is None:
            return [], {}
        inputs = gather(answer, context, reader, uploads if isinstance(uploads, dict) else {}, t)
        settings = settings_of(recipe)
        rows = [_row(one, settings.get(one.key, Setting()), t) for one in inputs]
        return rows, {one.key: one.weight for one in inputs}

    @dash_app.callback(
        Output("plan-risk-recipe", "data"),
        *[Input({"type": f"risk-{name}", "key": ALL}, "value") for name in ("weight", "low", "high")],
        State("plan-risk-recipe", "data"), State("plan-risk-proposed", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def mix(_weights: Any, _lows: Any, _highs: Any, recipe: Any, proposed: Any) -> Any:
        """The recipe: what the rows say, and what rows that are not shown now said before."""
        found = dict(recipe) if isinstance(recipe, dict) else {}
        for name, values in zip(("weight", "low", "high"), ctx.inputs_list, strict=True):
            for one in values:
                key = one["id"]["key"]
                found[key] = {**found.get(key, {}), name: _number(one.get("value"))}
        untouched = {key: {"weight": weight, "low": None, "high": None} for key, weight in (proposed or {}).items()}
        return no_update if found in (recipe, untouched) else found

    @dash_app.callback(
        Output("plan-uploads", "data"), Output("plan-upload-said", "children"),
        Input("plan-upload", "contents"), State("plan-upload", "filename"), State("plan-upload-dimension", "value"),
        State("plan-upload-inverted", "checked"), State("plan-uploads", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def bring(contents: Any, name: Any, dimension: Any, inverted: Any, uploads: Any) -> Any:
        """A table of the person's own; what of it cannot be used is listed with the reason."""
        t = translator(locale_of(context))
        if not isinstance(contents, str) or dimension not in dimension_words(t):
            return no_update, no_update
        try:
            found = read_table(decode(contents), context.regions)
        except LayerError as error:
            return no_update, html.P(t(str(error)), className="bad", role="alert")
        kept = dict(uploads) if isinstance(uploads, dict) else {}
        at = context.clock().astimezone(context.settings.zone)
        kept[dimension] = {
            "name": str(name or t("uploaded table")), "at": f"{at:%Y-%m-%d %H:%M}", "inverted": bool(inverted),
            "values": dict(found.values),
        }  # fmt: skip
        return kept, _brought(found, t)

    @dash_app.callback(
        Output("plan-risk-said", "children"), Output("plan-risk-grid", "columnDefs"),
        Output("plan-risk-grid", "rowData"),
        Input("plan-now", "data"), Input("plan-risk-recipe", "data"), Input("plan-uploads", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def mixed(here: Any, recipe: Any, uploads: Any) -> Any:
        """The composite of each region with its inputs beside it."""
        locale = locale_of(context)
        t = translator(locale)
        try:
            found = build(here, recipe, uploads, context, reader, t)
        except LayerError as error:
            return html.P(t(str(error)), className="bad"), [], []
        if found is None:
            return html.P(t("Choose a quantity and a kind of region."), className="dim"), [], []
        answer, risk = found
        words = dimension_words(t)
        rows = table.rows(answer, risk, context.regions, locale, t)
        return _said(answer, risk, words, t), table.columns(risk, words, t), rows

    dash_app.clientside_callback(
        ClientsideFunction("tocsin_plan", "choose"), Output("plan-region", "data", allow_duplicate=True),
        Output("plan-go", "data", allow_duplicate=True),
        Input("plan-risk-grid", "selectedRows"), State("plan-region", "data"), prevent_initial_call=True,
    )  # fmt: skip


def _row(one: RiskInput, set_to: Setting, t: Translate) -> Component:
    """One input: what it is and whence, its weight, and the values that become 0 and 10 (grey: as proposed)."""
    words = dimension_words(t)
    unit = f" [{one.unit}]" if one.unit not in ("", "1") else ""

    def limit(name: str, label: str, value: float | None, proposed: float) -> Component:
        return dmc.NumberInput(
            id={"type": f"risk-{name}", "key": one.key}, value="" if value is None else value, size="xs",
            placeholder=number(proposed), debounce=600, hideControls=True, label=label,
        )  # fmt: skip

    low, high = (t("10 at"), t("0 at")) if one.inverted else (t("0 at"), t("10 at"))
    slider = dmc.Slider(
        id={"type": "risk-weight", "key": one.key},
        value=one.weight if set_to.weight is None else set_to.weight, min=0, max=3, step=0.25, size="sm",
        thumbLabel=t("Weight") + ": " + one.title, updatemode="mouseup",
    )  # fmt: skip
    facts = " · ".join(
        part for part in (one.source, one.vintage, t("logarithmic") if one.logarithmic else "") if part
    )
    return html.Div(
        [
            html.Div([html.B(words[one.dimension]), " ", one.title + unit], className="risk-title"),
            html.Div([html.Span(t("Weight"), className="dim"), slider], className="risk-weight"),
            html.Div(
                [limit("low", low, set_to.low, one.scale[0]), limit("high", high, set_to.high, one.scale[1])],
                className="risk-scale",
            ),
            html.Div(facts, className="dim"),
        ],
        className="risk-input",
        **{"data-key": one.key},
    )


def _said(answer: Answer, risk: Risk, words: Mapping[str, str], t: Translate) -> list[Component]:
    """What counts, what is missing as a dimension, and how many regions have a number."""
    shown = table.places(answer, risk)
    known, everything = int(risk.known[shown].sum()), int(shown.size)
    missing = [word for name, word in words.items() if name not in risk.weights]
    parts: list[Component] = [html.P(html.B(t("{n} of {m} regions have every input").format(n=known, m=everything)))]
    if known < everything:
        words_unknown = t("The others are shown as the range of what they could be, never as a lower number.")
        parts.append(html.P(words_unknown, className="bad"))
    if missing:
        lacking = t("Not in this index, for want of an input: {names}.").format(names=t(", ").join(missing))
        parts.append(html.P(lacking, className="dim"))
    return parts


def _brought(found: Upload, t: Translate) -> list[Component]:
    parts: list[Component] = [html.P(t("{n} regions read.").format(n=f"{len(found.values):,}"), role="status")]
    if not found.faults:
        return parts
    rows: Sequence[Component] = [
        html.Tr([html.Td(str(line)), html.Td(words), html.Td(t(reason), className="bad")])
        for line, words, reason in found.faults
    ]
    head = html.Tr([html.Th(t("Line")), html.Th(t("Row")), html.Th(t("Not used because"))])
    parts.append(html.Table([head, *rows], className="plan-table"))
    if found.more_faults:
        parts.append(html.P(t("{n} more not shown").format(n=f"{found.more_faults:,}"), className="dim"))
    return parts
