"""Changing the area: on the map, by name, by typed corners and circles, from a file."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update
from pydantic import ValidationError

from access.guard import needs
from alerts.desk.area import rings_of, uploaded
from alerts.desk.content import Around, Content, Ring
from alerts.desk.refusal import Refusal
from alerts.desk.simplify import simplify_outward
from api.search import find
from data.errors import LayerError
from data.text import translator
from pages import _plan_outline as outline
from pages._context import Context
from pages._locale import locale_of
from pages.warn import service
from pages.warn.content import NOT_USABLE, toggled, without
from pages.warn.editor import form

FOUND = 6  # regions of one name
FEW_CORNERS, MIN_CORNERS = 100, 5  # what "simplify" aims at, and what an area needs at least


def typed_rings(text: str) -> tuple[Ring, ...]:
    """The polygons that somebody has typed: corners, or GeoJSON.

    Raises
    ------
    Refusal
        With the sentence for the person.
    """
    try:
        geometry = outline.parse(text)
    except LayerError as error:
        raise Refusal(str(error)) from error
    return uploaded(json.dumps(geometry).encode())[0]


def brought_rings(contents: str) -> tuple[Ring, ...]:
    """The polygons of a file as the browser hands it over; Refusal as `uploaded`."""
    try:
        body = base64.b64decode(contents.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise Refusal(outline.NOT_READ) from error
    return uploaded(body)[0]


def simplified(content: Content, index: int, cap: int = FEW_CORNERS) -> tuple[Content, float]:
    """The content with one polygon of fewer corners that covers the old one, and by how much it has grown."""
    import shapely

    before = shapely.Polygon(content.polygons[index])
    shape, grown = simplify_outward(before, max(MIN_CORNERS, min(cap, len(content.polygons[index]) // 2)))
    rings = (*content.polygons[:index], *rings_of(shape), *content.polygons[index + 1 :])
    return content.with_(polygons=rings), grown


def register(dash_app: Dash, context: Context) -> None:
    """Whatever changes the area; the names in the texts follow where they were the desk's."""
    taken = (
        Output("warn-shown", "data", allow_duplicate=True), Output("warn-saved", "children", allow_duplicate=True),
        Output("warn-form", "children", allow_duplicate=True),
        Output("warn-area-fault", "children", allow_duplicate=True),
    )  # fmt: skip
    nothing = (no_update,) * 4

    def change(mark: Any, how: Callable[[Content], Content]) -> Any:
        """Keep a change of the area; what cannot be is said and changes nothing."""
        locale = locale_of(context)
        t = translator(locale)
        try:
            shown, said = service.save(context, mark, how, t)
        except Refusal as error:
            return no_update, no_update, no_update, error.told(t)
        item = service.find(context, shown)
        return shown, said, no_update if item is None else form(item, context, t, locale), ""

    @dash_app.callback(
        *taken, Input("warn-map-change", "data"), State("warn-shown", "data"), prevent_initial_call=True
    )
    @needs("warn.draft")
    def on_map(event: Any, mark: Any) -> Any:
        """A region clicked goes in or out; what was drawn goes in."""
        how = map_change(event) if isinstance(event, dict) else None
        return nothing if how is None else change(mark, how)

    @dash_app.callback(
        *taken, Input({"type": "warn-less", "part": ALL, "index": ALL}, "n_clicks"),
        Input({"type": "warn-add", "code": ALL}, "n_clicks"),
        Input({"type": "warn-simplify", "index": ALL}, "n_clicks"),
        State("warn-shown", "data"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.draft")
    def by_button(_less: Any, _more: Any, _simplify: Any, mark: Any) -> Any:
        which = ctx.triggered_id
        if not isinstance(which, dict) or len(ctx.triggered) != 1 or not ctx.triggered[0]["value"]:
            return nothing
        if which["type"] == "warn-simplify":
            return simplify(mark, int(which["index"]))
        if which["type"] == "warn-add" or which["part"] == "regions":
            code = str(which.get("code", which.get("index")))
            return change(mark, lambda content: toggled(content, code))
        return change(mark, lambda content: without(content, str(which["part"]), int(which["index"])))

    def simplify(mark: Any, index: int) -> Any:
        """Fewer corners; the area only grows, and it is said by how much."""
        t, grown = translator(locale_of(context)), 0.0

        def how(content: Content) -> Content:
            nonlocal grown
            content, grown = simplified(content, index)
            return content

        *rest, fault = change(mark, how)
        said = t("Simplified: the area grows by {share} %.").format(share=f"{100 * grown:.1f}")
        return *rest, fault or said

    @dash_app.callback(
        *taken, Input("warn-outline-use", "n_clicks"), Input("warn-geojson", "contents"),
        Input("warn-circle-use", "n_clicks"), State("warn-outline", "value"), State("warn-circle-lon", "value"),
        State("warn-circle-lat", "value"), State("warn-circle-km", "value"), State("warn-shown", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs("warn.draft")
    def typed(_use: Any, contents: Any, _circle: Any, text: Any, lon: Any, lat: Any, km: Any, mark: Any) -> Any:
        """What was typed or brought as a file."""
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return nothing
        if ctx.triggered_id == "warn-circle-use":
            return change(mark, lambda content: with_circle(content, lon, lat, km))
        brought = ctx.triggered_id == "warn-geojson"
        rings = brought_rings if brought else typed_rings
        return change(mark, lambda content: with_rings(content, rings(str((contents if brought else text) or ""))))

    _register_browser(dash_app, context)


def _register_browser(dash_app: Dash, context: Context) -> None:
    @dash_app.callback(
        Output("warn-region-found", "children"), Input("warn-region-name", "value"), prevent_initial_call=True
    )  # fmt: skip
    @needs("warn.view")
    def look_up(written: Any) -> Any:
        """Regions of a name, each a button that takes it in."""
        locale = locale_of(context)
        text = str(written or "").strip()[:80]
        if not text:
            return []
        rows, _ = find(text, context.regions, None, FOUND)
        if not rows:
            return html.Span(translator(locale)("No region of this name."), className="bad")
        return [
            html.Button(
                f"+ {one['name_zh'] if locale == 'zh' and one['name_zh'] else one['name']} · {one['within']}",
                id={"type": "warn-add", "code": one["code"]}, className="act small", n_clicks=0,
            )
            for one in rows
        ]  # fmt: skip

    named = ClientsideFunction
    dash_app.clientside_callback(
        named("tocsin_warn", "on_map"), Output("warn-map-change", "data"), Input("warn-map-event", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    dash_app.clientside_callback(
        named("tocsin_warn", "draw"), Output("warn-command-draw", "data"),
        Input("warn-draw-polygon", "n_clicks"), Input("warn-draw-circle", "n_clicks"),
        Input("warn-draw-stop", "n_clicks"), Input({"type": "warn-corners", "index": ALL}, "n_clicks"),
        State("warn-rings", "data"), prevent_initial_call=True,
    )  # fmt: skip


def with_rings(content: Content, rings: tuple[Ring, ...]) -> Content:
    """More polygons; Refusal where they cannot be."""
    try:
        return content.with_(polygons=(*content.polygons, *rings))
    except ValidationError as error:
        raise Refusal(NOT_USABLE, field="polygons", fault=str(error.errors()[0]["msg"])) from error


def with_circle(content: Content, lon: Any, lat: Any, km: Any) -> Content:
    """One more circle; Refusal for one that is none."""
    try:
        around = Around.model_validate({"centre": (lon, lat), "radius_km": km})
    except ValidationError as error:
        raise Refusal("A circle needs a longitude, a latitude and a radius in km.") from error
    return content.with_(circles=(*content.circles, around))


def map_change(event: Mapping[str, Any]) -> Callable[[Content], Content] | None:
    """What an event of the map does to the area; None for those that do nothing."""
    match event:
        case {"type": "region" | "point", "code": str(code)}:
            return lambda content: toggled(content, code)
        case {"type": "circle", "lon": lon, "lat": lat, "radius_km": km}:
            return lambda content: with_circle(content, lon, lat, round(float(km), 3))
        case {"type": "polygon", "geometry": dict(geometry), "edited": int(place)}:
            return lambda content: _moved(content, place, geometry)
        case {"type": "polygon", "geometry": dict(geometry)}:
            return lambda content: with_rings(content, uploaded(json.dumps(geometry).encode())[0])
    return None


def _moved(content: Content, place: int, geometry: Mapping[str, Any]) -> Content:
    """A polygon whose corners were moved."""
    if not 0 <= place < len(content.polygons):
        raise Refusal("This polygon is not there any more.")
    rings = uploaded(json.dumps(geometry).encode())[0]
    return content.with_(polygons=(*content.polygons[:place], *rings, *content.polygons[place + 1 :]))
