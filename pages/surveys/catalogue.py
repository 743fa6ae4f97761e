"""The list of datasets, filtered by level, sector and class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from access.guard import needs
from data.store.catalogue import list_datasets, list_deliveries
from data.surveys import Names, survey_names
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._times import local
from pages.surveys.words import CLASSES, LEVELS, state_word, title_of

ANY = "any"


def layout(
    context: Context, t: Translate, locale: str, asked: Mapping[str, str], parts: Sequence[Any] = ()
) -> Component:
    """The page; `?level=`, `?sector=` and `?class=` choose."""
    names = survey_names(context.settings.home)
    links = [dcc.Link(t(part.TITLE), href=f"/surveys/{part.WORD}", className="act") for part in parts]
    choices = {
        "level": (t("Level"), [(key, t(word)) for key, word in LEVELS.items()]),
        "sector": (t("Sector"), [(one.key, one.title(locale)) for one in names.sectors]),
        "class": (t("Data class"), [(key, t(word)) for key, word in CLASSES.items()]),
    }
    return html.Div(
        className="surveys",
        children=[
            html.H1(t("Surveys")),
            html.P(t("What was surveyed, by whom it was delivered, and how far each delivery has come."),
                   className="dim"),
            html.Div(links, className="acts") if links else None,
            html.Div(
                [
                    dmc.Select(
                        id=f"surveys-{key}", label=label, value=_valid(asked.get(key), options), w=200,
                        data=[{"value": ANY, "label": t("All")},
                              *({"value": value, "label": word} for value, word in options)],
                        allowDeselect=False, searchable=len(options) > 5,
                    )
                    for key, (label, options) in choices.items()
                ],
                className="choices",
            ),
            html.Div(id="surveys-list", role="status"),
        ],
    )  # fmt: skip


def _valid(wanted: str | None, options: Sequence[tuple[str, str]]) -> str:
    return wanted if wanted in {value for value, _ in options} else ANY


def rows(context: Context, level: str, sector: str, data_class: str) -> list[tuple[Any, Any]]:
    """Datasets of a choice, each with its newest delivery or None."""
    with context.store.read() as connection:
        found = list_datasets(connection)
        newest: dict[str, Any] = {}
        for delivery in list_deliveries(connection):
            newest.setdefault(delivery.dataset, delivery)
    wanted = (("level", level), ("sector", sector), ("data_class", data_class))
    return [
        (row, newest.get(row.name))
        for row in found
        if all(value in (None, ANY, getattr(row, column)) for column, value in wanted)
    ]


def table(context: Context, found: Sequence[tuple[Any, Any]], t: Translate, locale: str) -> Component:
    """One line for each dataset."""
    if not found:
        return html.P(
            t("No dataset here yet: `python app.py survey load FILE --dataset NAME --new` brings the first."),
            className="empty",
        )
    names, zone = survey_names(context.settings.home), context.settings.zone
    head = (t("Dataset"), t("Kind"), t("Level"), t("Data class"), t("Records"), t("Newest delivery"), t("State"))
    body = [
        html.Tr(
            [
                html.Td([dcc.Link(title_of(row, locale), href=f"/surveys/{row.name}"),
                         html.Div(names.sector(row.sector, locale), className="dim")]),
                html.Td(_kind(names, row.kind, locale)),
                html.Td(t(LEVELS[row.level])),
                html.Td(t(CLASSES[row.data_class])),
                html.Td(f"{newest.rows:,}" if newest else "–", className="number"),
                html.Td(local(newest.received_at, zone) if newest else t("never")),
                html.Td(state_word(newest.state, t) if newest else t("nothing delivered")),
            ]
        )
        for row, newest in found
    ]  # fmt: skip
    return html.Div(
        html.Table([html.Thead(html.Tr([html.Th(word, scope="col") for word in head])), html.Tbody(body)]),
        className="wide",
    )


def _kind(names: Names, key: str, locale: str) -> list[Any]:
    group = names.group_of(key)
    return [names.kind(key, locale), *([html.Div(group.title(locale), className="dim")] if group else [])]


def register(dash_app: Dash, context: Context) -> None:
    """The list follows the choice."""

    @dash_app.callback(
        Output("surveys-list", "children"), Input("surveys-level", "value"), Input("surveys-sector", "value"),
        Input("surveys-class", "value"),
    )  # fmt: skip
    @needs("plan.view")
    def show(level: str, sector: str, data_class: str) -> Any:
        locale = locale_of(context)
        return table(context, rows(context, level, sector, data_class), translator(locale), locale)
