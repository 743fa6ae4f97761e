"""What do we know about this place? Warnings, events, readings, fields and survey records, between two times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from api.frame import known
from data.clock import iso, parse_time
from data.errors import LayerError
from data.text import Translate, translator
from pages._context import Context
from pages._facts import FactReader
from pages._locale import locale_of
from pages._place_answer import DRAWN, answer
from pages._places import name_of, names_above

if TYPE_CHECKING:
    from layers.frame.place import Place

PATH, TITLE, ACTION, IN_MENU = "/place", "Place", "plan.view", False
PATH_PLAN = "/plan"
SPAN = timedelta(days=7)  # up to now, where the address names no times
AHEAD = timedelta(days=2)  # warnings and forecasts that hold from now on
QUICK = {"1": timedelta(days=1), "7": SPAN, "30": timedelta(days=30), "365": timedelta(days=365)}
POINT_DIGITS = 14  # of the cell around a point: 2.4 km at the equator
WRITTEN = "%Y-%m-%d %H:%M"
UNREADABLE = "This cannot be read: a time is written as 2026-11-22 03:00, a position in degrees."


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Component:
    """The page; the answer follows the address."""
    zone = context.settings.zone
    said, name = answered(context, t, locale, asked)
    try:
        start, end = _span(asked, context.clock())
    except ValueError:
        start, end = _span({}, context.clock())
    return html.Div(
        className="surveys place",
        children=[
            html.H1(t("What do we know about this place?")),
            html.P(name, id="place-name", className="dim"),
            html.Div(
                [
                    _time("place-from", t("From"), start, zone),
                    _time("place-to", t("To (not included)"), end, zone),
                    html.Button(t("Show"), id="place-show", n_clicks=0, className="act primary"),
                    *[
                        html.Button(word, id=f"place-quick-{days}", n_clicks=0, className="act")
                        for days, word in (
                            ("1", t("1 day")), ("7", t("7 days")), ("30", t("30 days")), ("365", t("1 year")),
                        )
                    ],
                ],
                className="choices",
            ),
            dcc.Loading(html.Div(said, id="place-answer", role="status"), delay_show=300, type="dot"),
        ],
    )  # fmt: skip


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The answer follows the address; the times go into it."""

    @dash_app.callback(
        Output("place-answer", "children"), Output("place-name", "children"),
        Input("address", "search"), State("address", "pathname"), prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def show(search: str, pathname: str) -> Any:
        if pathname != PATH:
            return no_update, no_update
        locale = locale_of(context)
        return answered(context, translator(locale), locale, _asked(search))

    @dash_app.callback(
        Output("address", "search"), Input("place-show", "n_clicks"),
        *[Input(f"place-quick-{days}", "n_clicks") for days in QUICK],
        State("place-from", "value"), State("place-to", "value"), State("address", "search"),
        prevent_initial_call=True,
    )  # fmt: skip
    @needs(ACTION)
    def choose(*given: Any) -> Any:
        start, end, search = given[-3:]
        if not any(given[:-3]):  # the buttons have only just been put there
            return no_update
        asked = _asked(search) | {"offset": "0"}
        pressed = str(ctx.triggered_id or "")
        if pressed.startswith("place-quick-"):
            now = context.clock()
            return "?" + urlencode(
                asked | {"from": iso(now - QUICK[pressed.rpartition("-")[2]]), "to": iso(now + AHEAD)}
            )
        zone = context.settings.zone
        return "?" + urlencode(asked | {"from": _read(start, zone), "to": _read(end, zone)})


def answered(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> tuple[list[Component], Any]:
    """The answer to an address, and the name of the place; a sentence where it asks for nothing that there is."""
    try:
        place = place_of(asked, context)
        start, end = _span(asked, context.clock())
        kinds = [word for word in asked.get("kinds", "").split(",") if word]
        found = known(place, start, end, kinds, offset=int(asked.get("offset") or 0), limit=DRAWN)
    except (LayerError, ValueError) as error:
        why = t(str(error)) if isinstance(error, LayerError) else t(UNREADABLE)
        how = t("Choose a place on Watch or Plan: the panel of a region or of a point has the link.")
        ways = [dcc.Link(t(word), href=path, className="act") for word, path in (("Watch", "/"), ("Plan", PATH_PLAN))]
        return [html.P(["⚠ ", why], className="bad", role="alert"), html.P(how), html.Div(ways, className="acts")], ""
    kept = {name: value for name, value in asked.items() if name not in ("kinds", "offset")}
    whole = [dcc.Link(t("All kinds"), href=f"{PATH}?{urlencode(kept)}", className="act")] if kinds else []
    return [*whole, *answer(found, asked, context.settings.zone, t)], _name(place, context, t, locale)


def place_of(asked: Mapping[str, str], context: Context) -> Place:
    """The place that an address names: `region`, `cell`, `area` (GeoJSON), or `lon` and `lat`."""
    from layers.frame.key import cell_of
    from layers.frame.place import cell_place, polygon_place, region_place

    if asked.get("region"):
        return region_place(context.regions, asked["region"])
    if asked.get("cell"):
        return cell_place(asked["cell"])
    if asked.get("area"):
        return polygon_place(asked["area"])
    if asked.get("lon") and asked.get("lat"):
        return cell_place(cell_of(float(asked["lon"]), float(asked["lat"]), POINT_DIGITS))
    raise LayerError("no place is named")


def _name(place: Place, context: Context, t: Translate, locale: str) -> list[Any]:
    west, south, east, north = place.bounds
    box = f"{south:.3f} … {north:.3f} N, {west:.3f} … {east:.3f} E"
    cell = [t("Cell"), " ", html.Code(place.cell or t("the whole map"))]
    if place.rid is None:
        return [box, " · ", *cell]
    regions = context.regions
    above = names_above(place.rid, regions, locale)
    named = ", ".join(filter(None, (name_of(place.rid, regions, locale), above)))
    return [html.B(named), " · ", box, " · ", *cell]


def _span(asked: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """The times of an address, else a week up to now and two days ahead; ValueError for what is no time."""
    start = parse_time(asked["from"]) if asked.get("from") else now - SPAN
    return start, parse_time(asked["to"]) if asked.get("to") else now + AHEAD


def _asked(search: str | None) -> dict[str, str]:
    return dict(parse_qsl((search or "").removeprefix("?")))


def _time(name: str, label: str, at: datetime, zone: ZoneInfo) -> Component:
    local = at.astimezone(zone)
    written = local.strftime("%z")
    said = f"{label} ({written[:3]}:{written[3:]})"
    return dmc.TextInput(id=name, label=said, value=local.strftime(WRITTEN), w=220)


def _read(written: Any, zone: ZoneInfo) -> str:
    """A time of the form in the operator's zone, as addresses carry it; what cannot be read stays, to be told."""
    try:
        return iso(datetime.strptime(str(written).strip(), WRITTEN).replace(tzinfo=zone))
    except ValueError:
        return str(written)[:40]
