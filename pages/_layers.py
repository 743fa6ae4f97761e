"""The layers drawer: a switch and an opacity for each layer, and the choice of gridded data and survey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import ClientsideFunction, Dash, Input, Output, State, html

from access.guard import needs
from data.derived import is_derived, origin_of
from data.store.field_series import Series, list_series
from data.store.tables import dataset
from data.text import Translate, translator
from layers.derivations import DERIVED
from layers.fields import FIELDS, spec_for
from pages import _field_tools
from pages._context import Context
from pages._locale import locale_of

LAYERS = (
    ("levels", "Regions by level", True, 70),
    ("events", "Earthquakes", True, 100),
    ("stations", "Stations", True, 100),
    ("warnings", "Warnings of others", True, 70),
    ("field", "Field", True, 60),
    ("survey", "Survey", True, 100),
)


def drawer(t: Translate) -> list[Any]:
    """The drawer's content."""
    rows = [
        html.Div(
            [
                dmc.Switch(id=f"layer-{key}", label=t(title), checked=on, size="sm"),
                dmc.Slider(
                    id=f"opacity-{key}", value=opacity, min=10, max=100, step=10, size="xs",
                    thumbLabel=t(title) + ": " + t("opacity"),
                ),
            ],
            className="layer",
        )
        for key, title, on, opacity in LAYERS
    ]  # fmt: skip
    return [
        html.H2(t("Layers")),
        *rows,
        dmc.Select(
            id="field-choice", label=t("Gridded data"), data=[], clearable=True, searchable=True, size="xs",
            placeholder=t("none shown"), nothingFoundMessage=t("No field has been received"),
        ),
        *_field_tools.controls(t),
        dmc.Select(
            id="survey-choice", label=t("Survey"), data=[], clearable=True, searchable=True, size="xs",
            placeholder=t("none shown"), nothingFoundMessage=t("No survey has been loaded"),
        ),
    ]  # fmt: skip


def source_word(source: str, t: Translate) -> str:
    """A source as pages name it."""
    return t("computed from {source}").format(source=origin_of(source)) if is_derived(source) else source


def titles() -> dict[str, str]:
    """By quantity that the house knows or computes, its title in English."""
    computed = {spec.quantity: spec.title for one in DERIVED for spec in one.specs}
    return computed | {quantity: spec.title for quantity, spec in FIELDS.items()}


def field_options(series: Sequence[Series], t: Translate) -> list[dict[str, Any]]:
    """Series for a list of choices, by quantity; each with its window and source, and whether it is derived."""
    groups: dict[str, list[dict[str, str]]] = {}
    for one in sorted(series, key=lambda one: (one.key.quantity not in FIELDS, one.key)):
        group = t(spec_for(one.key.quantity, one.unit, one.title).title)
        facts = [group, window(one.key.accumulation_s), source_word(one.key.source, t)]
        facts.append(t("forecast") if one.forecast else "")
        groups.setdefault(group, []).append({"value": str(one.key), "label": " · ".join(filter(None, facts))})
    return [{"group": group, "items": items} for group, items in groups.items()]


def window(seconds: int) -> str:
    """An accumulation as people say it."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 and seconds else f"{seconds // 60} min" if seconds else ""


def register(dash_app: Dash, context: Context) -> None:
    """Switches act in the browser; only the lists of fields and surveys come from the server."""

    @dash_app.callback(
        Output("field-choice", "data"), Output("survey-choice", "data"), Input("list-tick", "n_intervals")
    )
    @needs("watch.view")
    def choices(_ticks: int | None) -> Any:
        t = translator(locale_of(context))
        with context.store.read() as connection:
            series = list_series(connection)
            surveys = connection.execute(
                sa.select(dataset.c.id, dataset.c.title, dataset.c.rows)
                .where(dataset.c.tiles != "").order_by(dataset.c.title).limit(500)
            ).all()  # fmt: skip
        return (
            field_options(series, t),
            [{"value": str(row.id), "label": f"{row.title} ({row.rows:,})"} for row in surveys],
        )

    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "layers"),
        Output("map-command", "data", allow_duplicate=True),
        *[Input(f"layer-{key}", "checked") for key, *_ in LAYERS],
        *[Input(f"opacity-{key}", "value") for key, *_ in LAYERS],
        prevent_initial_call=True,
    )
    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "shown_field"),
        Output("field-choice", "value"),
        Input("map-event", "data"),
        State("field-choice", "value"),
        prevent_initial_call=True,
    )
    _field_tools.register(dash_app)
    for kind in ("field", "survey"):
        dash_app.clientside_callback(
            ClientsideFunction("tocsin", f"choose_{kind}"),
            Output("map-command", "data", allow_duplicate=True),
            Input(f"{kind}-choice", "value"),
            prevent_initial_call=True,
        )
