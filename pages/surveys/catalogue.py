"""The list of datasets, filtered by level, sector and class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from access.guard import needs
from access.people import current
from access.sharing import grants
from access.sharing.permits import permit
from data.permit import Permit
from data.store.catalogue import list_datasets, list_deliveries
from data.surveys import Names, survey_names
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._times import local
from pages.surveys.words import CLASSES, LEVELS, hidden, next_step, records_told, state_word, title_of

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


Line = tuple[Any, Any, Permit]  # a dataset, its newest delivery or None, and what may be seen of it


def rows(context: Context, level: str, sector: str, data_class: str) -> list[Line]:
    """Datasets of a choice. A secret one is there for those who may see something of it."""
    with context.store.read() as connection:
        found = list_datasets(connection)
        seen = {row.name: permit(connection, current().actor(), row.name, context.clock()) for row in found}
        newest: dict[str, Any] = {}
        for delivery in list_deliveries(connection):
            newest.setdefault(delivery.dataset, delivery)
    wanted = (("level", level), ("sector", sector), ("data_class", data_class))
    return [
        (row, newest.get(row.name), seen[row.name])
        for row in found
        if all(value in (None, ANY, getattr(row, column)) for column, value in wanted) and not hidden(seen[row.name])
    ]


def table(context: Context, found: Sequence[Line], t: Translate, locale: str, *, chosen: bool = False) -> Component:
    """How many wait for somebody, and one line for each dataset: those that wait first."""
    if not found and chosen:
        return html.P(t("No dataset is of this level, sector and class."), className="empty")
    if not found:
        command = html.Code("python app.py survey load FILE --dataset NAME --new")
        return html.P([t("No dataset here yet. This brings the first:"), " ", command], className="empty")
    asked = _asked(context)
    found = sorted(found, key=lambda line: not (asked[line[0].name] or next_step(line[1], line[0], t)))
    names, zone = survey_names(context.settings.home), context.settings.zone
    head = (t("Dataset"), t("Kind"), t("Level"), t("Data class"), t("Records"), t("Newest delivery"), t("State"))
    body = [_row(line, names, zone, head, t, locale, asked[line[0].name]) for line in found]
    headings = html.Thead(html.Tr([
        html.Th(word, scope="col", className="number" if word == head[4] else "") for word in head
    ]))  # fmt: skip
    listed = html.Div(html.Table([headings, html.Tbody(body)], className="cards"), className="wide")
    return html.Div([_summary(found, asked, t), listed])


def _asked(context: Context) -> Counter[str]:
    """Requests that wait for the present person to decide."""
    if not current().may("surveys.decide"):
        return Counter()
    with context.store.read() as connection:
        return grants.waiting(connection, current().email, context.clock())


def _summary(found: Sequence[Line], asked: Mapping[str, int], t: Translate) -> Component:
    waits = sum(bool(asked[row.name] or next_step(newest, row, t)) for row, newest, _ in found)
    nothing = sum(newest is None for _, newest, _ in found)
    return html.P(
        [
            html.Strong(t("{n} wait for somebody").format(n=waits), className="bad" if waits else "dim"),
            " · ", t("{n} of {total} have delivered nothing yet").format(n=nothing, total=len(found)),
        ]
    )  # fmt: skip


def _row(
    line: Line, names: Names, zone: ZoneInfo, head: Sequence[str], t: Translate, locale: str, asked: int
) -> Component:
    row, newest, permitted = line
    wanted = [html.Div(next_step(newest, row, t), className="bad")]
    if asked:
        said = t("{n} requests to decide").format(n=asked)
        wanted.append(html.Div(dcc.Link(said, href=f"/surveys/{row.name}/sharing")))
    title = [dcc.Link(title_of(row, locale), href=f"/surveys/{row.name}"),
             html.Div(names.sector(row.sector, locale), className="dim")]  # fmt: skip
    cells = (
        title, _kind(names, row.kind, locale), t(LEVELS[row.level]), t(CLASSES[row.data_class]),
        records_told(newest.rows if newest else None, permitted, t),
        html.Span(local(newest.received_at, zone), className="when") if newest else t("never"),
        [state_word(newest.state, t) if newest else t("nothing delivered"), *wanted],
    )  # fmt: skip
    return html.Tr([
        html.Td(html.Div(cell), className="number" if word == head[4] else "", **{"data-head": word})
        for word, cell in zip(head, cells, strict=True)
    ])  # fmt: skip


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
        found = rows(context, level, sector, data_class)
        chosen = {level, sector, data_class} - {None, ANY}
        return table(context, found, translator(locale), locale, chosen=bool(chosen))

    dash_app.clientside_callback(
        ClientsideFunction("tocsin", "choices_address"), Output("surveys-list", "data-address"),
        *[Input(f"surveys-{key}", "value") for key in ("level", "sector", "class")],
    )  # fmt: skip
