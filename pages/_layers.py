"""The layers drawer: a switch and an opacity for each layer, and the choice of field, time and survey."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import ClientsideFunction, Dash, Input, Output, html

from access.guard import needs
from data.store.tables import dataset, field_step
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._times import local

LAYERS = (
    ("regions", "Regions by level", True, 70),
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
            id="field-choice", label=t("Field and time"), data=[], clearable=True, searchable=True, size="xs",
            placeholder=t("none shown"), nothingFoundMessage=t("No field has been received"),
        ),
        dmc.Select(
            id="survey-choice", label=t("Survey"), data=[], clearable=True, searchable=True, size="xs",
            placeholder=t("none shown"), nothingFoundMessage=t("No survey has been loaded"),
        ),
    ]  # fmt: skip


def register(dash_app: Dash, context: Context) -> None:
    """Switches act in the browser; only the lists of fields and surveys come from the server."""

    @dash_app.callback(
        Output("field-choice", "data"), Output("survey-choice", "data"), Input("list-tick", "n_intervals")
    )
    @needs("watch.view")
    def choices(_ticks: int | None) -> Any:
        t = translator(locale_of(context))
        with context.store.read() as connection:
            steps = connection.execute(
                sa.select(field_step.c.id, field_step.c.quantity, field_step.c.valid_at, field_step.c.accumulation_s,
                          field_step.c.forecast)
                .order_by(field_step.c.quantity, field_step.c.valid_at.desc()).limit(2000)
            ).all()  # fmt: skip
            surveys = connection.execute(
                sa.select(dataset.c.id, dataset.c.title, dataset.c.rows)
                .where(dataset.c.tiles != "").order_by(dataset.c.title).limit(500)
            ).all()  # fmt: skip
        fields: dict[str, list[dict[str, str]]] = {}
        for row in steps:
            window = f" · {row.accumulation_s // 3600} h" if row.accumulation_s else ""
            label = (
                local(row.valid_at, context.settings.zone) + window + (" · " + t("forecast") if row.forecast else "")
            )
            group = t(row.quantity.replace("_", " "))
            fields.setdefault(group, []).append({"value": str(row.id), "label": f"{group} · {label}"})
        return (
            [{"group": group, "items": items} for group, items in fields.items()],
            [{"value": str(row.id), "label": f"{row.title} ({row.rows:,})"} for row in surveys],
        )

    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "layers"),
        Output("map-command", "data", allow_duplicate=True),
        *[Input(f"layer-{key}", "checked") for key, *_ in LAYERS],
        *[Input(f"opacity-{key}", "value") for key, *_ in LAYERS],
        prevent_initial_call=True,
    )
    for kind in ("field", "survey"):
        dash_app.clientside_callback(
            ClientsideFunction("tocsin", f"choose_{kind}"),
            Output("map-command", "data", allow_duplicate=True),
            Input(f"{kind}-choice", "value"),
            prevent_initial_call=True,
        )
