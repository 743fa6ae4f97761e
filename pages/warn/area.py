"""The area of a warning: what it is made of, the tools to change it, and whom and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from alerts.desk.area import shape_of
from alerts.desk.content import Content
from alerts.desk.read import DeskWarning
from data.errors import TocsinError
from data.text import Translate, translator
from layers.impact.summary import footprint_of_regions
from pages._context import Context
from pages._levels import mark
from pages._locale import locale_of
from pages._places import name_of
from pages._plan_impact import for_map, impact, people_words
from pages._plan_words import number
from pages._times import age
from pages.warn import looks, service
from pages.warn.inbox import PATH, hazard_word

REGIONS_SHOWN = 24
LARGEST_FILE = 2_000_000  # bytes of an outline that somebody brings
PLACES = 4


def panel(t: Translate) -> list[Component]:
    """Where the pieces of the area, the tools and what it holds are put."""
    return [
        html.H2(t("Area")),
        html.Div(id="warn-pieces"),
        html.Div(tools(t), id="warn-tools", hidden=True),
        html.P(id="warn-area-fault", className="bad", role="alert"),
        dcc.Loading(html.Div(id="warn-impact"), delay_show=400, type="dot"),
        dcc.Store(id="warn-rings"),
        dcc.Store(id="warn-area-seen"),
    ]


def pieces(content: Content, locked: bool, context: Context, t: Translate, locale: str) -> list[Component]:
    """The regions, polygons and circles, each with its ways out."""
    found: list[Component] = []
    for code in content.regions[:REGIONS_SHOWN]:
        rid = context.regions.by_code(code)
        name = code if rid is None else name_of(rid, context.regions, locale)
        found.append(_piece(name, "regions", code, locked, t))
    if len(content.regions) > REGIONS_SHOWN:
        more = t("{n} more regions").format(n=len(content.regions) - REGIONS_SHOWN)
        found.append(html.Span(more, className="warn-chip dim"))
    for place, ring in enumerate(content.polygons):
        name = t("Polygon {n}: {corners} corners").format(n=place + 1, corners=len(ring) - 1)
        tools = [] if locked else _tools_of(place, t)
        found.append(_piece(name, "polygons", place, locked, t, *tools))
    for place, around in enumerate(content.circles):
        name = t("Circle of {km} km around {lon}, {lat}").format(
            km=f"{around.radius_km:g}", lon=f"{around.centre[0]:.3f}", lat=f"{around.centre[1]:.3f}"
        )
        found.append(_piece(name, "circles", place, locked, t))
    corners = sum(len(ring) for ring in (*content.polygons, *content.outline))
    if not found:
        return [html.P(t("No area yet: click regions on the map, or draw."), className="bad")]
    said = t("{n} corners in the message.").format(n=f"{corners:,}")
    return [html.Div(found, className="warn-chips"), html.P(said, className="dim")]


def _piece(name: str, part: str, index: Any, locked: bool, t: Translate, *tools: Component) -> Component:
    less = html.Button(
        "×", id={"type": "warn-less", "part": part, "index": str(index)}, className="act small",
        title=t("Take it out"), n_clicks=0, **{"aria-label": t("Take {name} out").format(name=name)},
    )  # fmt: skip
    return html.Span([name, *tools, *([] if locked else [less])], className="warn-chip")


def _tools_of(place: int, t: Translate) -> list[Component]:
    """What can be done with a drawn polygon."""
    ways = (("warn-corners", t("Move corners")), ("warn-simplify", t("Simplify")))
    return [
        html.Button(word, id={"type": kind, "index": place}, className="act small", n_clicks=0) for kind, word in ways
    ]


def tools(t: Translate) -> list[Component]:
    """Drawing, and the same by keyboard."""
    typed = html.Details(
        [
            html.Summary(t("Type or bring coordinates")),
            dcc.Textarea(
                id="warn-outline", className="plan-text", spellCheck=False,
                placeholder=t("GeoJSON, or one corner a line: longitude, latitude"),
                title=t("Corners"),
            ),
            html.Button(t("Add this polygon"), id="warn-outline-use", className="act small", n_clicks=0),
            html.Div(
                [dmc.NumberInput(id=f"warn-circle-{name}", label=label, size="xs", w=96, decimalScale=5)
                 for name, label in (("lon", t("Longitude")), ("lat", t("Latitude")), ("km", t("Radius, km")))]
                + [html.Button(t("Add this circle"), id="warn-circle-use", className="act small", n_clicks=0)],
                className="warn-line",
            ),
            dcc.Upload(
                html.Button(t("Bring a GeoJSON file"), className="act small"), id="warn-geojson",
                max_size=LARGEST_FILE, multiple=False,
            ),
        ]
    )  # fmt: skip
    return [
        html.Div(
            [
                html.Button(t("Draw a polygon"), id="warn-draw-polygon", className="act small", n_clicks=0),
                html.Button(t("Draw a circle"), id="warn-draw-circle", className="act small", n_clicks=0),
                html.Button(t("Stop drawing"), id="warn-draw-stop", className="act small", n_clicks=0),
            ],
            className="warn-line",
        ),
        dmc.TextInput(
            id="warn-region-name", size="xs", label=t("Add a region by name or code"), debounce=True,
            placeholder=t("then Enter"),
        ),
        html.Div(id="warn-region-found", className="warn-line"),
        typed,
    ]  # fmt: skip


def there(found: Any, context: Context) -> list[Mapping[str, Any]]:
    """The command that goes to an area."""
    codes = () if found.proposal is None else found.proposal.regions
    shape = None if found.item is None else shape_of(found.item.content, context.regions)
    rids = [rid for code in codes if (rid := context.regions.by_code(code)) is not None]
    if rids:
        boxes = context.regions.bbox[rids]
        bounds = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    elif shape is not None and not shape.is_empty:
        bounds = list(shape.bounds)
    else:
        return []
    return [{"type": "fly", "bbox": [float(edge) for edge in bounds]}]


def outlined(shape: Any) -> Mapping[str, Any]:
    """The command that shows an area."""
    return {"type": "footprint", "geometry": None if shape is None else for_map(shape), "filled": True}


def held(shape: Any, context: Context, t: Translate, locale: str) -> list[Component]:
    """People, ground, objects and conflicts of an area."""
    if shape is None or shape.is_empty:
        return []
    try:
        found = impact(shape, context)
    except TocsinError as error:
        return [html.P(t(str(error)), className="bad")]
    surveyed = sum(one.count or 0 for one in found.surveyed)
    rows = [
        (t("People"), people_words(found, t), found.people_source),
        (t("Ground"), f"{number(found.area_km2)} km²", ""),
        (t("Surveyed objects"), f"{surveyed:,}" if found.surveyed else t("none loaded"), ""),
        (t("Largest places"), ", ".join(_place(one, locale) for one in found.places[:PLACES]) or "–", ""),
    ]
    table = [
        html.Tr([html.Th(name), html.Td([value, html.Span(f" {source}", className="dim")])])
        for name, value, source in rows
    ]
    notes = [html.P(one.told(t), className="dim") for one in found.notes]
    return [html.H3(t("In this area")), html.Table(table, className="warn-facts"), *notes]


def _place(one: Any, locale: str) -> str:
    return str(one.name_zh if locale == "zh" and one.name_zh else one.name)


def register(dash_app: Dash, context: Context) -> None:
    """The pieces of what is open, what the area holds, and its outline."""

    @dash_app.callback(
        Output("warn-pieces", "children"), Output("warn-impact", "children"), Output("warn-command-area", "data"),
        Output("warn-tools", "hidden"), Output("warn-rings", "data"), Output("warn-area-seen", "data"),
        Input("warn-shown", "data"), State("warn-area-seen", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.view")
    def follow(shown: Any, seen: Any) -> Any:
        """Drawn anew only where the area is another: a change of a text does not count people again."""
        locale = locale_of(context)
        t = translator(locale)
        if isinstance(shown, dict) and "proposal" in shown:
            return _of_proposal(int(shown["proposal"]), context, t, locale)
        item = service.find(context, shown)
        if item is None:
            return [], [], outlined(None), True, [], None
        locked, content = not service.may_write(item, context), item.content
        said = [item.id, locked, content.model_dump_json(include={"regions", "polygons", "circles"})]
        if said == seen:
            return (no_update,) * 6
        shape = shape_of(content, context.regions)
        rings = [list(ring) for ring in content.polygons]
        return (
            pieces(content, locked, context, t, locale),
            [*_conflicts(item, context, t, locale), *held(shape, context, t, locale)], outlined(shape), locked,
            rings, said,
        )  # fmt: skip


def _conflicts(item: DeskWarning, context: Context, t: Translate, locale: str) -> list[Component]:
    """Warnings in force that this one would stand beside."""
    links = [
        html.Li(html.A([mark(one.level, t), " ", hazard_word(one.hazard, locale), " · ",
                        t("ends {when}").format(when=age(one.expires_at, context.clock(), t))],
                       href=f"{PATH}?id={one.id}"))
        for one in looks.conflicts(context, item)
    ]  # fmt: skip
    if item.state == "issued" or not links:
        return []
    return [html.P(["⚠ ", t("In force here already:")], className="bad"), html.Ul(links, className="warn-conflicts")]


def _of_proposal(number: int, context: Context, t: Translate, locale: str) -> Any:
    """The regions of a proposal and what they hold."""
    found = looks.proposal_of(context, number)
    codes = [] if found is None else list(found.regions)
    rids = [rid for code in codes if (rid := context.regions.by_code(code)) is not None]
    shape = footprint_of_regions(context.settings.base_dir, rids) if rids else None
    names = [
        html.Li(
            html.Button(
                name_of(rid, context.regions, locale), className="back", n_clicks=0, title=t("Why"),
                id={"type": "warn-why-of", "code": str(context.regions.code[rid])},
            )
        )
        for rid in rids[:REGIONS_SHOWN]
    ]  # fmt: skip
    if len(codes) > len(names):
        names.append(html.Li(t("{n} more").format(n=len(codes) - len(names)), className="dim"))
    listed = [html.P(t("Regions: {n}").format(n=len(codes))), html.Ul(names, className="warn-names")]
    return listed, held(shape, context, t, locale), outlined(shape), True, [], None
