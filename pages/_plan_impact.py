"""The Impact tab: whom and what an area holds; drawn, pasted, or made of what is at or above a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
import numpy as np
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from api.exposure import surveyed_in
from api.sights import Sights
from data.errors import LayerError, TocsinError
from data.store.fields import find_step, open_step
from data.text import Translate, translator
from pages import _plan_outline as outline
from pages._context import Context
from pages._locale import locale_of
from pages._plan_ranking import again
from pages._plan_state import Choice
from pages._plan_values import ValueReader
from pages._plan_words import measure, number
from pages._times import local

if TYPE_CHECKING:
    from layers.impact.summary import Impact, Surveyed

MOST_DRAWN = 20_000  # vertices of an outline on the map; the count is made of all of them
ROWS = 12


def panel(choice: Choice, t: Translate) -> list[Any]:
    """Ways to say which area is meant, and below them what it holds."""
    return [
        html.P(t("Which area?"), className="label-small"),
        html.Div(
            [
                html.Button(t("Draw on the map"), id="plan-draw", className="act primary", n_clicks=0),
                html.Button(t("Clear"), id="plan-clear", className="act", n_clicks=0),
            ],
            className="plan-actions",
        ),
        html.Div(
            [
                dmc.NumberInput(
                    id="plan-reach-value", size="xs", w=110, value=choice.reach[1] if choice.reach else "",
                    **{"aria-label": t("At or above")},
                ),
                html.Button(t("Regions at or above"), id="plan-reach-regions", className="act", n_clicks=0),
                html.Button(t("Cells at or above"), id="plan-reach-cells", className="act", n_clicks=0),
            ],
            className="plan-actions",
        ),
        html.Details(
            [
                html.Summary(t("Paste an outline")),
                dcc.Textarea(
                    id="plan-outline", className="plan-text", spellCheck=False,
                    placeholder=t("GeoJSON, or one corner a line: longitude, latitude"),
                ),
                html.Button(t("Use this outline"), id="plan-outline-use", className="act", n_clicks=0),
            ]
        ),
        dcc.Loading(html.Div(id="plan-impact"), delay_show=300, type="dot"),
    ]  # fmt: skip


def stored(choice: Choice) -> Mapping[str, Any] | None:
    """What the link says of the area."""
    if choice.area:
        return {"kind": "drawn", "geometry": dict(outline.polygon(choice.area))}
    return {"kind": choice.reach[0], "value": choice.reach[1]} if choice.reach else None


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """The area, its outline on the map, and what it holds."""

    @dash_app.callback(
        Output("plan-area", "data"), Output("plan-outline-fault", "data"),
        Input("plan-outline-use", "n_clicks"), Input("plan-reach-regions", "n_clicks"),
        Input("plan-reach-cells", "n_clicks"), Input("plan-clear", "n_clicks"),
        State("plan-outline", "value"), State("plan-reach-value", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @needs("plan.view")
    def mean(*values: Any) -> Any:
        """The area that a button names; what cannot be used is said and changes nothing."""
        *_, text, value = values
        if not any(values[:4]):
            return no_update, no_update
        if ctx.triggered_id == "plan-clear":
            return None, None
        if ctx.triggered_id == "plan-outline-use":
            try:
                return {"kind": "drawn", "geometry": dict(outline.parse(str(text or "")))}, None
            except LayerError as error:
                return no_update, str(error)
        if not isinstance(value, int | float) or not np.isfinite(value):
            return no_update, "Give the value first."
        kind = "regions" if ctx.triggered_id == "plan-reach-regions" else "cells"
        return {"kind": kind, "value": float(value)}, None

    @dash_app.callback(
        Output("plan-impact", "children"), Output("plan-command-area", "data"),
        Input("plan-area", "data"), Input("plan-now", "data"), Input("plan-outline-fault", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def count(area: Any, here: Any, fault: Any) -> Any:
        """What the area holds; one made of a field is counted anew when the table is of another step."""
        locale = locale_of(context)
        t = translator(locale)
        if fault:
            return html.P(t(str(fault)), className="bad"), no_update
        if not isinstance(area, dict):
            return html.P(t("Draw, paste or choose an area to see whom and what it holds."), className="dim"), {
                "type": "footprint", "geometry": None,
            }  # fmt: skip
        if area.get("kind") == "drawn" and ctx.triggered_id == "plan-now" and here is not None and _counted(ctx):
            return no_update, no_update
        try:
            shape, said = shape_of(area, here, context, reader, t)
            found = impact(shape, context)
        except TocsinError as error:
            return html.P(t(str(error)), className="bad"), {"type": "footprint", "geometry": None}
        command = {"type": "footprint", "geometry": for_map(found.geometry)}
        return [*said, *told(found, context, t, locale)], command

    dash_app.clientside_callback(
        ClientsideFunction("tocsin_plan", "draw"), Output("plan-command-draw", "data"),
        Input("plan-draw", "n_clicks"), Input("plan-clear", "n_clicks"), prevent_initial_call=True,
    )  # fmt: skip


def _counted(context: Any) -> bool:
    """Whether only the table changed, not the area with it (the first call brings both)."""
    return [one["prop_id"] for one in context.triggered] == ["plan-now.data"]


def impact(shape: Any, context: Context) -> Impact:
    from layers.impact.summary import impact_of

    settings = context.settings
    sights = Sights(context.store, settings.home, settings.base_dir, context.clock())
    with context.store.read() as connection:
        return impact_of(
            shape, base_dir=settings.base_dir, home=settings.home, connection=connection, now=context.clock(),
            surveys=lambda area: surveyed_in(area, sights, locale_of(context)),
        )  # fmt: skip


def shape_of(
    area: Mapping[str, Any], here: Any, context: Context, reader: ValueReader, t: Translate
) -> tuple[Any, list[Component]]:
    """The area and the sentence that says what it is made of.

    Raises
    ------
    LayerError
        If there is nothing to make it of, or nothing is at or above the value.
    """
    if area.get("kind") == "drawn":
        geometry = area.get("geometry")
        if not isinstance(geometry, dict):
            raise LayerError(outline.NOT_READ)
        return geometry, []
    value = float(area.get("value", "nan"))
    answer = again(context, reader, here)
    if answer is None or not np.isfinite(value):
        raise LayerError("Choose a quantity and regions first.")
    at = local(answer.row.valid_at, context.settings.zone)
    if area.get("kind") == "regions":
        return _of_regions(answer, value, at, context, t)
    return _of_cells(answer, value, at, context, t)


def _of_regions(answer: Any, value: float, at: str, context: Context, t: Translate) -> tuple[Any, list[Component]]:
    from layers.impact.summary import footprint_of_regions

    with np.errstate(invalid="ignore"):
        met = answer.inside & (answer.values.value >= value)
    if not met.any():
        raise LayerError("No region is at or above this value.")
    shape = footprint_of_regions(context.settings.base_dir, answer.values.rid[met])
    words = t("{n} regions at or above {value} at {time}.").format(
        n=int(met.sum()), value=measure(value, answer.values.unit), time=at
    )
    said: list[Component] = [html.P(words, className="plan-sentence")]
    unknown = int(answer.unknown.sum())
    if unknown:
        words = t("{n} regions are unknown and not counted: the true numbers may be larger.").format(n=unknown)
        said.append(html.P(words, className="bad"))
    return shape, said


def _of_cells(answer: Any, value: float, at: str, context: Context, t: Translate) -> tuple[Any, list[Component]]:
    from layers.impact.isolines import footprint_of_field

    with context.store.read() as connection:
        row = find_step(connection, answer.question.step)
    if row is None:
        raise LayerError("This step has left the archive.")
    found = footprint_of_field(open_step(context.settings.home, row), value)
    if not found.cells:
        raise LayerError("No cell is at or above this value.")
    words = t("{n} cells at or above {value} at {time}.").format(
        n=f"{found.cells:,}", value=measure(value, row.unit), time=at
    )
    said: list[Component] = [html.P(words, className="plan-sentence")]
    if found.missing_share:
        words = t("{share} % of the grid is missing and not counted: the true numbers may be larger.")
        said.append(html.P(words.format(share=f"{100 * found.missing_share:.3g}"), className="bad"))
    return found.geometry, said


def for_map(shape: Any) -> Mapping[str, Any]:
    """The outline as the map draws it: coarser where it has more corners than anybody can see."""
    import shapely
    from shapely.geometry import mapping

    if shapely.get_num_coordinates(shape) > MOST_DRAWN:
        shape = shapely.simplify(shape, 0.01)
    written: Mapping[str, Any] = mapping(shapely.set_precision(shape, 1e-5))
    return written


def people_words(found: Impact, t: Translate) -> str:
    """`At least 12,300`, `12,300`, or the word for unknown."""
    if found.people is None:
        return t("Unknown")
    count = f"{found.people:,.0f}"
    return t("at least {n}").format(n=count) if found.people_at_least else count


def told(found: Impact, context: Context, t: Translate, locale: str) -> list[Component]:
    """Everything an area holds, each number with its source and vintage."""
    notes = [note.told(t) for note in (*((found.people_note,) if found.people_note else ()), *found.notes)]
    facts = [
        (t("People"), people_words(found, t), f"{found.people_source} · {found.people_vintage}"),
        (t("In listed places"), f"{found.places_people:,.0f}", f"{found.places_source} · {found.places_vintage}"),
        (t("Ground"), f"{number(found.area_km2)} km²", "WGS 84"),
    ]
    rows = [
        html.Tr([html.Th(name), html.Td(value, className="number"), html.Td(source, className="dim")])
        for name, value, source in facts
    ]
    counted = t("Counted {time}").format(time=local(found.counted_at, context.settings.zone))
    return [
        html.Table(rows, className="plan-table", id="plan-impact-numbers"),
        *[html.P(note, className="bad") for note in notes],
        *_places(found, t, locale),
        *_surveyed(found, context, t),
        *_regions(found, t, locale),
        html.P(counted, className="dim"),
    ]


def _name(one: Any, locale: str) -> str:
    return str(one.name_zh if locale == "zh" and one.name_zh else one.name)


def _places(found: Impact, t: Translate, locale: str) -> list[Component]:
    head = html.H3(t("Largest places"))
    if not found.places:
        return [head, html.P(t("No listed place lies in this area."), className="dim")]
    rows = [
        html.Tr([html.Td(_name(one, locale)),
                 html.Td(t("Unknown") if one.population is None else f"{one.population:,.0f}", className="number")])
        for one in found.places
    ]  # fmt: skip
    more = [html.P(t("{n} more not shown").format(n=f"{found.places_more:,}"), className="dim")]
    return [head, html.Table(rows, className="plan-table"), *(more if found.places_more else [])]


def _surveyed(found: Impact, context: Context, t: Translate) -> list[Component]:
    head = html.H3(t("Surveyed objects"))
    if not found.surveyed:
        return [head, html.P(t("No loaded survey has an object in this area."), className="dim")]
    rows = [
        html.Tr(
            [
                html.Td(one.dataset), html.Td(one.kind),
                html.Td(t("Unknown") if one.count is None else f"{one.count:,}", className="number"),
                html.Td(inspected(one, t), className="dim"),
                html.Td(local(one.received_at, context.settings.zone), className="dim"),
            ]
        )
        for one in found.surveyed
    ]  # fmt: skip
    return [head, html.Table(rows, className="plan-table")]


def inspected(one: Surveyed, t: Translate) -> str:
    """How much of a dataset was inspected and passed; that nobody knows is said."""
    if one.inspected is None or one.passed is None:
        return t("inspected: unknown")
    return t("inspected {n}, passed {m}").format(n=_percent(one.inspected), m=_percent(one.passed))


def _regions(found: Impact, t: Translate, locale: str) -> list[Component]:
    rows = [html.Tr([html.Td(_name(one, locale)), html.Td(_percent(one.share), className="number")])
            for one in found.regions[:ROWS]]  # fmt: skip
    more = len(found.regions) - len(rows)
    tail: Sequence[Component] = (
        [html.P(t("{n} more not shown").format(n=f"{more:,}"), className="dim")] if more > 0 else []
    )
    return [html.H3(t("Regions it meets")), html.Table(rows, className="plan-table"), *tail] if rows else []


def _percent(share: float) -> str:
    return "< 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"
