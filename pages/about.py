"""About: what this is, what it stands on, and whom to thank."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dash import Dash, html

from data.text import Translate
from pages._context import Context
from pages._facts import FactReader

PATH, TITLE, ACTION = "/about", "About", "about.view"

SOFTWARE = (
    ("Dash, Plotly and Dash Mantine Components", "MIT"),
    ("AG Grid (dash-ag-grid)", "MIT"),
    ("MapLibre GL JS", "BSD-3-Clause"),
    ("terra-draw", "MIT"),
    ("PMTiles", "BSD-3-Clause"),
    ("tippecanoe", "BSD-2-Clause"),
    ("SQLAlchemy and Alembic", "MIT"),
    ("Flask, Authlib, joserfc, py_webauthn and gunicorn", "BSD-3-Clause, MIT"),
    ("APScheduler", "MIT"),
    (
        "GDAL through pyogrio and rasterio, GEOS through Shapely, PROJ through pyproj",
        "MIT, BSD-3-Clause, LGPL-2.1 (GEOS)",
    ),
    ("ecCodes and cfgrib", "Apache-2.0"),
    ("xarray, Zarr, NumPy, SciPy, Numba", "Apache-2.0, MIT, BSD"),
    ("exactextract", "Apache-2.0"),
    ("OpenCC", "Apache-2.0"),
    ("lxml", "BSD-3-Clause"),
    ("psycopg", "LGPL-3.0"),
)


def layout(context: Context, t: Translate, _locale: str, _asked: Mapping[str, str]) -> Any:
    """The page; credits are read from what set-up really built."""
    return html.Article(
        className="prose",
        children=[
            html.H1(t("About Tocsin")),
            html.P(
                t(
                    "A tocsin is an alarm bell. Tocsin watches for natural hazards, proposes warnings by rules "
                    "that an authority has published, and leaves the decision to people."
                )
            ),
            html.P(t("Unknown is never green: what is missing, late or cannot be evaluated has a sign of its own.")),
            html.H2(t("Data")),
            _credits(context, t),
            html.H2(t("Feeds")),
            html.Ul(
                [html.Li([html.B(spec.title), f" · {spec.credit} ({spec.licence})"]) for spec in context.sources]
            ),
            html.H2(t("Software")),
            html.Ul([html.Li(f"{name} · {licence}") for name, licence in SOFTWARE]),
            html.P(t("Tocsin itself is free software under the Apache License 2.0.")),
        ],
    )


def _credits(context: Context, t: Translate) -> Any:
    path = context.settings.base_dir / "credits.json"
    if not path.exists():
        return html.P(t("The base data has not been built: run make setup."), className="bad")
    entries = json.loads(path.read_text(encoding="utf-8"))
    return html.Ul([_credit(item) for item in entries])


def _credit(item: Mapping[str, str]) -> Any:
    words = [html.B(item["name"]), f" · {item['credit']} ({item['licence']}), {item['version']}"]
    return html.Li([*words, html.Br(), html.Span(item["note"], className="dim")] if item.get("note") else words)


def register(_dash_app: Dash, _context: Context, _facts: FactReader) -> None:
    """Nothing on this page reacts."""
