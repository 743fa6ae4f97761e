"""How the map is painted: the grid, the table's numbers by region, or the composite risk by region."""

from __future__ import annotations

from typing import Any

import numpy as np
from dash import Dash, Input, Output

from access.guard import needs
from data.clock import iso
from data.errors import LayerError
from data.text import Translate, translator
from layers.fields import spec_for
from layers.layer import Ramp
from layers.ramps import CIVIDIS, RAMPS, legend, ramp_for
from pages import _plan_risk as risk_tab
from pages import _plan_risk_table as risk_table
from pages._context import Context
from pages._locale import locale_of
from pages._plan_ranking import again
from pages._plan_values import Answer, ValueReader
from pages._plan_words import statistic_title

SHARES = Ramp(stops=tuple((place / 9.0, colour) for place, colour in enumerate(CIVIDIS)))
CLEAR = {"type": "choropleth", "kind": "", "url": None}


def register(dash_app: Dash, context: Context, reader: ValueReader) -> None:
    """The map's regions always show the numbers of the table beside it."""

    @dash_app.callback(
        Output("plan-command-paint", "data"),
        Input("plan-now", "data"), Input("plan-paint", "value"), Input("plan-risk-recipe", "data"),
        Input("plan-uploads", "data"),
    )  # fmt: skip
    @needs("plan.view")
    def paint(here: Any, how: Any, recipe: Any, uploads: Any) -> Any:
        """The command that colours the regions, or takes the colours away."""
        t = translator(locale_of(context))
        try:
            if how == "risk":
                found = risk_tab.build(here, recipe, uploads, context, reader, t)
                return _grid(True) if found is None else _command(found[0], risk_of(*found, t))
            answer = again(context, reader, here) if how == "regions" else None
            return _grid(True) if answer is None else _command(answer, numbers_of(answer, t))
        except LayerError:
            return _grid(True)


def _command(answer: Answer, table: dict[str, Any]) -> list[dict[str, Any]]:
    return [_grid(False)[0], {"type": "choropleth", "kind": answer.question.kind, "table": table}]


def _grid(alone: bool) -> list[dict[str, Any]]:
    """The grid by itself, or faintly under the regions, so that the slider still says what is drawn."""
    return [{"type": "layers", "opacity": {"field": 0.8 if alone else 0.2}}, *([CLEAR] if alone else [])]


def numbers_of(answer: Answer, t: Translate) -> dict[str, Any]:
    """The table's numbers with the ramp of their quantity."""
    row, question, values = answer.row, answer.question, answer.values
    spec = spec_for(row.quantity, row.unit, str(row.attributes.get("title", "")))
    title = f"{t(spec.title)} · {statistic_title(question.statistic, question.above, row.unit, question.people, t)}"
    rows = [
        {"rid": int(values.rid[place]), "value": _rounded(values.value[place])}
        for place in np.flatnonzero(answer.inside).tolist()
    ]
    return {
        "rows": rows, "ramp": legend(ramp_of(answer), values.unit), "title": title, "unit": values.unit,
        "valid_at": iso(row.valid_at), "received_at": iso(row.received_at),
    }  # fmt: skip


def ramp_of(answer: Answer) -> Ramp:
    """Shares over 0-1; a quantity in its own colours; sums and others over what is there."""
    if answer.question.statistic == "share_above":
        return SHARES
    known = answer.values.value[np.isfinite(answer.values.value)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if answer.question.statistic in ("sum", "people_above") and answer.row.quantity in RAMPS:
        return ramp_for("sum", low, high)  # other numbers than those of the quantity
    return ramp_for(answer.row.quantity, low, high)


def risk_of(answer: Answer, risk: Any, t: Translate) -> dict[str, Any]:
    """The composite in its classes; a region with a range instead of a number is unknown."""
    rows = [
        {"rid": int(answer.values.rid[place]), "value": _rounded(risk.value[place])}
        for place in risk_table.places(answer, risk).tolist()
    ]
    return {
        "rows": rows, "ramp": legend(risk_table.RAMP, ""), "title": t("Composite risk") + " 0-10", "unit": "",
        "valid_at": iso(answer.row.valid_at), "received_at": iso(answer.row.received_at),
    }  # fmt: skip


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
