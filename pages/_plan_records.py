"""The Records tab: surveyed objects by the hundred million, under any choice, with exact counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import shapely
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from access.guard import needs
from api.sights import Sights
from data.errors import LayerError, TocsinError
from data.store.catalogue import list_datasets
from data.text import Translate, translator
from pages._chart import FONT, graph
from pages._context import Context
from pages._locale import locale_of
from pages.surveys.words import title_of

if TYPE_CHECKING:
    from layers.survey.schema import Schema
    from layers.survey.sight import Sight, Told

PAGE = 100
BAR = "#6366f1"


def panel(t: Translate) -> list[Any]:
    """The choice of a store and of records, and below it the counts."""
    return [
        dmc.Select(
            id="plan-store", label=t("Survey records"), data=[], clearable=True, searchable=True, size="xs",
            placeholder=t("none shown"), nothingFoundMessage=t("No store of records has been built"),
        ),
        html.Div(id="plan-facets", className="plan-facets"),
        dcc.Store(id="plan-records-where"),
        dcc.Loading(html.Div(id="plan-records"), delay_show=300, type="dot"),
        html.Details(
            [html.Summary(t("Single records")), html.Div(id="plan-records-table")], id="plan-records-open",
        ),
    ]  # fmt: skip


def register(dash_app: Dash, context: Context) -> None:
    """What there is, what is chosen of it, and what that comes to."""

    @dash_app.callback(Output("plan-store", "data"), Input("plan-tabs", "value"))
    @needs("plan.view")
    def stores(tab: Any) -> Any:
        """The stores of this home, looked for when the tab is opened."""
        if tab != "records":
            return no_update
        t, seen = translator(locale_of(context)), _sights(context)
        found = [(name, seen.open(name)) for name in seen.names()]
        titles = _titles(context)
        return [
            {"value": name, "label": f"{titles.get(name, name)} ({_number(one.tally().total, one, t)})"}
            for name, one in found
        ]

    @dash_app.callback(Output("plan-facets", "children"), Input("plan-store", "value"), prevent_initial_call=True)
    @needs("plan.view")
    def facets(name: Any) -> Any:
        """One choice for each facet of the store."""
        if not name:
            return []
        t = translator(locale_of(context))
        return [_facet(one.name, one.values, t) for one in _open(context, name).schema.facets]

    @dash_app.callback(
        Output("plan-records-where", "data"), Output("plan-command-records", "data"), Input("plan-store", "value"),
        Input({"type": "plan-facet", "name": ALL}, "value"), State({"type": "plan-facet", "name": ALL}, "id"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def choose(name: Any, values: Any, ids: Any) -> Any:
        """The choice as addresses carry it, and what the map shows."""
        if not name:
            return None, {"type": "records", "store": None}
        from layers.survey.tiles import stops

        store = _open(context, name)
        known = {facet.name for facet in store.schema.facets}
        chosen = {
            one["name"]: words for one, words in zip(ids, values, strict=True) if words and one["name"] in known
        }
        where = json.dumps(chosen, ensure_ascii=False, sort_keys=True) if chosen else ""
        shown = {
            "name": str(name),
            "title": _titles(context).get(str(name), str(name)),
            "stamp": store.key,
            "where": where,
            "rows": store.tally(store.choose(where)).total,
            "legend": stops(),
        }
        commands: list[dict[str, Any]] = [{"type": "records", "store": shown}]
        if ctx.triggered_id == "plan-store" and store.bounds:
            commands.append({"type": "fly", "bbox": store.bounds})
        return {"store": str(name), "where": where}, commands

    @dash_app.callback(
        Output("plan-records", "children"), Output("plan-records-table", "children"),
        Input("plan-records-where", "data"), Input("plan-area", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def count(where: Any, area: Any) -> Any:
        """Exact counts of the choice: inside the drawn area where there is one."""
        t = translator(locale_of(context))
        if not isinstance(where, Mapping):
            return html.P(t("Choose a store to see its records on the map."), className="dim"), []
        try:
            store, choice, outline = _asked(context, where, area)
            told = store.tally(choice, outline)
        except TocsinError as error:
            return html.P(t(str(error)), className="bad", role="alert"), []
        _sights(context).note(store, "counts", where=str(where.get("where", "")), area=outline is not None)
        single = _table(store.schema, t) if store.permit.records else html.P(t(store.permit.why), className="dim")
        shown = [*_counts(told, store, outline is not None, t)]
        if told.total != 0:
            shown.append(_printed(store, str(where.get("where", "")), outline, locale_of(context), t))
        return shown, single

    @dash_app.callback(
        Output("plan-records-grid", "getRowsResponse"), Input("plan-records-grid", "getRowsRequest"),
        State("plan-records-where", "data"), State("plan-area", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def rows(request: Any, where: Any, area: Any) -> Any:
        """A page of single records, always in the same order."""
        if not isinstance(request, Mapping) or not isinstance(where, Mapping):
            return no_update
        try:
            store, choice, outline = _asked(context, where, area)
            first = max(int(request.get("startRow", 0)), 0)
            page, total = store.rows(outline, choice, offset=first, limit=PAGE), store.tally(choice, outline).total
        except (TocsinError, ValueError, TypeError):
            return {"rowData": [], "rowCount": 0}
        _sights(context).note(store, "rows", where=str(where.get("where", "")), first=first, rows=page.num_rows)
        return {"rowData": page.to_pylist(), "rowCount": total}


def _titles(context: Context) -> dict[str, str]:
    """What the datasets of the catalogue are called in the reader's language."""
    locale = locale_of(context)
    with context.store.read() as connection:
        return {row.name: title_of(row, locale) for row in list_datasets(connection)}


def _sights(context: Context) -> Sights:
    """What the present person may see, now."""
    return Sights(context.store, context.settings.home, context.settings.base_dir, context.clock())


def _open(context: Context, name: Any) -> Sight:
    """The store that a page has offered; nothing changes for a name that it has not."""
    try:
        return _sights(context).open(str(name))
    except TocsinError as error:
        raise PreventUpdate from error


def _asked(context: Context, where: Mapping[str, Any], area: Any) -> tuple[Sight, Any, Any]:
    """The store, the choice and the drawn area that a page names; LayerError where it names what is not."""
    store = _sights(context).open(str(where.get("store", "")))
    drawn = isinstance(area, Mapping) and area.get("kind") == "drawn"
    try:
        outline = shapely.from_geojson(json.dumps(area["geometry"])) if drawn else None
    except (shapely.errors.ShapelyError, KeyError, TypeError) as error:
        raise LayerError("a polygon is needed") from error
    return store, store.choose(str(where.get("where", ""))), outline


def _facet(name: str, values: tuple[str, ...], t: Translate) -> Component:
    options = [{"value": word, "label": word} for word in values] + [{"value": "", "label": t("not given")}]
    return dmc.MultiSelect(
        id={"type": "plan-facet", "name": name}, label=name, data=options, value=[], clearable=True, searchable=True,
        size="xs", placeholder=t("all"),
    )  # fmt: skip


def _counts(told: Told, store: Sight, inside: bool, t: Translate) -> list[Component]:
    """The number, where it was counted, and a chart for each facet."""
    place = t("inside the drawn area") if inside else t("in all that this account may see")
    rounded = t("rounded down to multiples of {n}, and fewer are not told").format(n=told.least)
    how = t("exact") if told.least == 1 else rounded
    charts = [_bars(name, counts, told.least, t) for name, counts in told.facets.items()] if told.total != 0 else []
    whole = t("of {n} records").format(n=_number(store.tally().total, store, t))
    head = html.P([html.B(_number(told.total, store, t)), " ", whole, " · ", place, ", ", how])
    none = [html.P(t("No record is chosen here."), className="dim")] if told.total == 0 else []
    return [head, *none, *charts]


def _printed(store: Sight, where: str, outline: Any, locale: str, t: Translate) -> Component:
    """A map of the choice to print: of the drawn area where there is one."""
    bounds = "" if outline is None else ",".join(f"{edge:.5f}" for edge in outline.bounds)
    given = {name: value for name, value in (("where", where), ("bbox", bounds), ("locale", locale)) if value}
    address, limit = f"/api/records/{store.permit.dataset}/map", {"minLength": 10, "maxLength": 400, "required": True}
    fields = [
        *[dcc.Input(name=name, type="hidden", value=value) for name, value in given.items()],
        html.Label([t("What the map is needed for"), dcc.Input(name="purpose", type="text", **limit)]),
        *[html.Button(form.upper(), formAction=f"{address}.{form}", className="act", type="submit")
          for form in ("png", "pdf")],
    ]  # fmt: skip
    said = t("It carries your name and an unseen mark, by which it is known again when it is cut or saved anew.")
    return html.Details(
        [
            html.Summary(t("Printed map")),
            html.Form(fields, method="GET", action=f"{address}.png", className="choices"),
            html.P(said, className="dim"),
        ],
    )  # fmt: skip


def _number(count: int | None, store: Sight, t: Translate) -> str:
    return f"{count:,}" if count is not None else t("fewer than {n}").format(n=store.permit.least)


def _bars(name: str, counts: Mapping[str, int | None], least: int, t: Translate) -> Component:
    """Counts of one facet, the greatest on top; what is not told has a word and no bar."""
    few = t("fewer than {n}").format(n=least)
    ordered = sorted(counts.items(), key=lambda item: item[1] or 0)
    figure = {
        "data": [
            {
                "type": "bar", "orientation": "h", "marker": {"color": BAR},
                "x": [count or 0 for _, count in ordered],
                "y": [word or t("not given") for word, _ in ordered],
                "text": [few if count is None else "" for _, count in ordered], "textposition": "outside",
                "customdata": [few if count is None else f"{count:,}" for _, count in ordered],
                "hovertemplate": "%{y}: %{customdata}<extra></extra>",
            }
        ],
        "layout": {
            "title": {"text": name, "font": {"size": 12}, "x": 0}, "font": FONT, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "margin": {"l": 8, "r": 8, "t": 26, "b": 24},
            "xaxis": {"gridcolor": "#80889733"}, "yaxis": {"automargin": True, "type": "category"},
        },
    }  # fmt: skip
    return graph(figure, height=60 + 18 * len(ordered), label=name)


def _table(schema: Schema, t: Translate) -> Component:
    """Records page by page; the server is asked for what is looked at."""
    number = {"function": "d3.format('.6f')(params.value)"}
    columns: list[dict[str, Any]] = [{"field": facet.name} for facet in schema.facets]
    columns += [{"field": column.name} for column in schema.columns]
    columns += [
        {"field": "region", "headerName": t("Region")},
        {"field": "lon", "headerName": t("Longitude"), "valueFormatter": number},
        {"field": "lat", "headerName": t("Latitude"), "valueFormatter": number},
    ]
    return dag.AgGrid(
        id="plan-records-grid", columnDefs=columns, rowModelType="infinite",
        defaultColDef={"resizable": True, "sortable": False, "minWidth": 90},
        dashGridOptions={"cacheBlockSize": PAGE, "maxBlocksInCache": 20, "rowHeight": 28, "headerHeight": 30},
        className="plan-ag", style={"height": "340px"},
    )  # fmt: skip
