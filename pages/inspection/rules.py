"""What the rules found: in a sentence, as a table, by unit, and on the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from api.inspection import NOT_INSPECTED, Inspected
from data.errors import LayerError, TocsinError
from data.text import Translate, translator
from layers.survey.inspect.answers import MOST, as_features, findings
from layers.survey.inspect.printed import rule_rows
from pages._chart import FONT, graph
from pages._context import Context
from pages._locale import locale_of
from pages._map import map_view
from pages._times import local
from pages.inspection.progress import under_way

MAP = "inspectionmap"
# What rules of warning say has no place here.
PLAIN = {"type": "layers", "visible": dict.fromkeys(("levels", "events", "stations", "warnings", "survey"), False)}
UNITS = 200  # in the table, the worst first
BARS = 20
COLOURS = {"error": "#c81e1e", "warning": "#d9600b", "note": "#808897"}


def section(context: Context, seen: Inspected, t: Translate, locale: str) -> list[Component]:
    """The newest run over a delivery, or that there is none."""
    run = html.Button(t("Run the rules"), id="inspection-run", className="act", n_clicks=0,
                      hidden=under_way(context, seen.number))  # fmt: skip
    act = run if current().may("survey.inspect") else None
    head: list[Component] = [html.H2(t("Rules"))]
    try:
        kept, told = seen.folder()[0], seen.report()
    except LayerError as error:
        said = t("Nobody has inspected this delivery: nothing is known of its quality.")
        why = said if str(error) == NOT_INSPECTED else str(error)
        return [*head, html.P(["? ", why], className="bad"), html.Div(act, className="acts")]
    errors = sum(one["error"] for one in told["units"])
    skipped = sum(bool(rule["reason"]) for rule in told["rules"])
    said = t("{n} of {total} records have an error ({share}).").format(
        n=f"{errors:,}", total=f"{told['records']:,}", share=percent(errors, told["records"])
    )
    names = seen.names([one["unit"] for one in told["units"]], locale)
    return [
        *head,
        html.P([html.Strong(said), " ", t("{n} rules could not be run.").format(n=skipped)]),
        html.P([t("Inspected"), " ", local(kept.at, context.settings.zone), " · ", kept.by], className="dim"),
        html.Div([act, *_links(seen, locale, t)], className="acts"),
        *_rules(told, locale, t),
        *_map(context, told, locale, t),
        html.H2(t("Units")),
        *([_chart(told, names, t)] if any(one["error"] for one in told["units"]) else []),
        _units(told, names, t),
    ]  # fmt: skip


def percent(part: int, whole: int) -> str:
    """A share in percent; a dash where there is no whole."""
    return f"{100 * part / whole:.2f} %" if whole else "–"


def _links(seen: Inspected, locale: str, t: Translate) -> list[Component]:
    base = f"/api/surveys/deliveries/{seen.number}"
    links = [(f"{base}/inspection.html?locale={locale}", t("Report to print")),
             (f"{base}/inspection.png?locale={locale}", t("Picture"))]  # fmt: skip
    if seen.permit.export:
        links.append((f"{base}/faults.csv?locale={locale}", t("List of faults (CSV)")))
    return [html.A(word, href=address, className="act", target="_blank") for address, word in links]


def _rules(told: Mapping[str, Any], locale: str, t: Translate) -> list[Component]:
    """Rules that found something or could not be run, and behind a click those that found nothing."""
    head, rows = rule_rows(told, locale, t)
    quiet = [row for row in rows if row[1] == 0]
    said = t("{n} rules found nothing").format(n=len(quiet))
    rest = html.Details([html.Summary(said), _rule_table(head, quiet)])
    loud = [row for row in rows if row[1] != 0]
    return [*([_rule_table(head, loud)] if loud else []), *([rest] if quiet else [])]


def _rule_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Component:
    body = [
        html.Tr([html.Td(f"{one:,}" if isinstance(one, int) else str(one), **{"data-head": name},
                         className="number" if isinstance(one, int) else "")
                 for name, one in zip(head, row, strict=True)])
        for row in rows
    ]  # fmt: skip
    headings = [html.Th(name, scope="col", className="number" if 0 < place < 4 else "")
                for place, name in enumerate(head)]  # fmt: skip
    table = html.Table([html.Thead(html.Tr(headings)), html.Tbody(body)], className="cards")
    return html.Div(table, className="wide")


def _map(context: Context, told: Mapping[str, Any], locale: str, t: Translate) -> list[Component]:
    """Where the findings of a rule lie."""
    choices = [
        {"value": rule["id"], "label": f"{rule['zh' if locale == 'zh' else 'en']} ({rule['found']:,})"}
        for rule in told["rules"] if rule["found"]
    ]  # fmt: skip
    if not choices:
        return []
    stage = map_view(
        MAP, regions=context.regions, locale=locale, zone=context.settings.zone, packs=context.settings.packs
    )
    return [
        html.H2(t("Where")),
        dmc.Select(id="inspection-rule", label=t("Findings of the rule"), data=choices, clearable=True, w=420,
                   maw="100%", placeholder=t("none shown")),
        html.P(id="inspection-places", role="status", className="dim"),
        html.Div(stage, className="inspection-map"),
    ]  # fmt: skip


def _chart(told: Mapping[str, Any], names: Mapping[str, str], t: Translate) -> Component:
    """The units with the largest share of records with an error."""
    worst = sorted((one for one in told["units"] if one["records"]), key=lambda one: -one["error"] / one["records"])
    shown = [one for one in worst[:BARS] if one["error"]][::-1]
    words = [names.get(one["unit"]) or one["unit"] or t("none declared") for one in shown]
    shares = [100 * one["error"] / one["records"] for one in shown]
    figure = {
        "data": [{"type": "bar", "orientation": "h", "x": shares, "y": words, "marker": {"color": COLOURS["error"]},
                  "customdata": [f"{one['error']:,} / {one['records']:,}" for one in shown],
                  "hovertemplate": "%{y}: %{x:.2f} % (%{customdata})<extra></extra>"}],
        "layout": {"margin": {"l": 8, "r": 8, "t": 8, "b": 40}, "paper_bgcolor": "rgba(0,0,0,0)",
                   "plot_bgcolor": "rgba(0,0,0,0)", "font": FONT, "showlegend": False,
                   "xaxis": {"title": {"text": t("records with an error [%]")}, "gridcolor": "#80889733"},
                   "yaxis": {"automargin": True, "type": "category"}},
    }  # fmt: skip
    return graph(figure, height=60 + 22 * len(shown))


def _units(told: Mapping[str, Any], names: Mapping[str, str], t: Translate) -> Component:
    """Every unit with its records; the worst first."""
    head = [t("Unit"), t("Records"), t("with an error"), t("with a warning"), t("with a note")]
    ordered = sorted(told["units"], key=lambda one: (-one["error"], -one["warning"], one["unit"]))
    rows = [
        html.Tr([html.Td(names.get(one["unit"]) or one["unit"] or t("none declared"), **{"data-head": head[0]}),
                 *(html.Td(f"{one[key]:,}", className="number", **{"data-head": name})
                   for key, name in zip(("records", "error", "warning", "note"), head[1:], strict=True))])
        for one in ordered[:UNITS]
    ]  # fmt: skip
    left = len(ordered) - len(rows)
    headings = [html.Th(name, scope="col", className="number" if place else "") for place, name in enumerate(head)]
    table = html.Table([html.Thead(html.Tr(headings)), html.Tbody(rows)], className="cards")
    more = [html.P(t("{n} more not shown").format(n=f"{left:,}"), className="dim")] if left > 0 else []
    return html.Div([table, *more], className="wide")


def register(dash_app: Dash, context: Context) -> None:
    """Findings of a rule on the map."""

    @dash_app.callback(
        Output(f"{MAP}-command", "data"), Output("inspection-places", "children"), Input("inspection-rule", "value"),
        State("inspection-delivery", "value"),
    )  # fmt: skip
    @needs("plan.view")
    def places(rule: Any, chosen: Any) -> Any:
        t, locale = translator(locale_of(context)), locale_of(context)
        if not rule or not chosen:
            return [PLAIN, {"type": "footprint", "geometry": None}, *_over(context, chosen)], ""
        try:
            seen = Inspected(context.store, context.settings, context.clock, int(chosen))
            rows = findings(seen.folder()[1], seen.covers, rule=str(rule))
            found = as_features(rows, {}, translator(locale))
        except (TocsinError, ValueError) as error:
            return no_update, t(str(error))
        seen.note("rows", what="findings", rule=str(rule))
        points = [one["geometry"]["coordinates"] for one in found["features"]]
        if not points:
            return {"type": "footprint", "geometry": None}, t("None of these has a place.")
        said = t("{n} places").format(n=f"{len(points):,}")
        more = " · " + t("the first {n} are shown").format(n=f"{MOST:,}") if found["more"] else ""
        return _commands(points), said + more


def _over(context: Context, chosen: Any) -> list[dict[str, Any]]:
    """The map over the region that delivered."""
    try:
        unit = Inspected(context.store, context.settings, context.clock, int(chosen)).delivery.unit
    except (TocsinError, TypeError, ValueError):
        return []
    rid = context.regions.by_code(unit)
    return [] if rid is None else [{"type": "fly", "bbox": context.regions.bbox[rid].tolist()}]


def _commands(points: list[list[float]]) -> list[dict[str, Any]]:
    """Points on the map, and the map over them."""
    east, north = zip(*points, strict=True)
    box = [min(east) - 0.02, min(north) - 0.02, max(east) + 0.02, max(north) + 0.02]
    geometry = {"type": "MultiPoint", "coordinates": points}
    return [PLAIN, {"type": "footprint", "geometry": geometry}, {"type": "fly", "bbox": box}]
