"""The map of a comparison: what was added, changed, was there before, and removed, in colours and signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from data.text import Translate
from pages._context import Context
from pages._map import connect_map, map_view
from pages.inspection.rules import PLAIN
from pages.surveys.changes_words import KINDS, SIGNS, number

if TYPE_CHECKING:
    from layers.survey.sight import Sight, Told
    from layers.survey.versions import Versions

MAP = "changesmap"


def section(
    context: Context, seen: Mapping[str, Sight], told: Mapping[str, Told], shown: Versions, where: str, locale: str,
    t: Translate,
) -> list[Component]:  # fmt: skip
    """The map, and which kinds of change are on it."""
    from layers.survey.compare_map import LOOKS

    kinds = [
        {
            "kind": kind, "word": t(KINDS[kind]), "letter": look.letter, "colour": look.colour,
            "url": f"/t/changes/{seen[kind].permit.dataset}/{shown[0]}-{shown[1]}/{kind}",
            "query": urlencode({"v": seen[kind].key, **({"where": where} if where else {})}),
            "count": number(told[kind].total, told[kind].least),
        }
        for kind, look in LOOKS.items()
    ]  # fmt: skip
    stage = map_view(
        MAP, regions=context.regions, locale=locale, zone=context.settings.zone, packs=context.settings.packs
    )
    boxes = [
        dmc.Checkbox(
            value=kind,
            label=html.Span(
                [
                    html.B(SIGNS[kind], className="map-sign", style={"background": LOOKS[kind].colour}),
                    " ",
                    t(word),
                    f" ({number(told[kind].total, told[kind].least)})",
                ],
            ),
        )
        for kind, word in KINDS.items()
    ]
    return [
        html.H2(t("Where"), id="where"),
        dmc.CheckboxGroup(dmc.Group(boxes), id="changes-shown", value=list(KINDS)),
        html.Div(stage, className="inspection-map"),
        dcc.Store(id="changes-kinds", data={"kinds": kinds, "bbox": _around(list(seen.values()))}),
    ]


def _around(seen: Sequence[Sight]) -> list[float] | None:
    """A box around all changes, where it may be told."""
    boxes = [one.bounds for one in seen if one.bounds]
    if not boxes or not all(one.allowed.everything for one in seen):
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return [min(west), min(south), max(east), max(north)]


def register(dash_app: Dash) -> None:
    """What is shown on the map."""
    connect_map(MAP)

    @dash_app.callback(
        Output(f"{MAP}-command", "data"), Input("changes-shown", "value"), State("changes-kinds", "data")
    )
    @needs("plan.view")
    def show(shown: Any, known: Any) -> Any:
        """The kinds that are ticked; at first the map goes where they are."""
        if not isinstance(known, Mapping):
            return no_update
        ticked = shown if isinstance(shown, list) else []
        kinds = [{**one, "shown": one["kind"] in ticked} for one in known["kinds"]]
        fly = [{"type": "fly", "bbox": known["bbox"]}] if known["bbox"] and ctx.triggered_id is None else []
        return [PLAIN, {"type": "changes", "kinds": kinds}, *fly]
