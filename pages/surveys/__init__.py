"""Surveys: the catalogue of datasets, each with its deliveries, and the pages of inspection, sharing and exchange.

`/surveys` lists the datasets, `/surveys/<dataset>` shows one, `/surveys/<dataset>/<word>` is a page about it and
`/surveys/<word>` a page about all. Adding one is a module and a line in a table below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dash import Dash, dcc, html

from access.people import current
from data.errors import LayerError
from data.text import Translate
from pages import inspection
from pages._context import Context
from pages._facts import FactReader
from pages.surveys import catalogue, changes, dataset, programs, sharing, submissions

PATH, TITLE, ACTION = "/surveys", "Surveys", "plan.view"
BELOW = True  # addresses below this one are of this page too
FONTS_ZH = "/assets/vendor/fonts-zh.css"


class Part(Protocol):
    """A page below this one; `asked` of `layout` names the dataset under "dataset" where it is about one."""

    WORD: str  # of its address; one about all stands in `data.store.catalogue.RESERVED` too
    TITLE: str
    ACTION: str

    def layout(self, context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any: ...
    def register(self, dash_app: Dash, context: Context, facts: FactReader) -> None: ...


OF_DATASET: tuple[Part, ...] = (inspection, sharing, changes)
OF_ALL: tuple[Part, ...] = (submissions, programs)


def layout(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    """The page that the rest of the address names; what was surveyed has names in its own language."""
    fonts = [] if locale == "zh" else [html.Link(rel="stylesheet", href=FONTS_ZH)]
    return [*fonts, _part(context, t, locale, asked)]


def _part(context: Context, t: Translate, locale: str, asked: Mapping[str, str]) -> Any:
    name, _, word = asked.get("below", "").partition("/")
    if not name:
        return catalogue.layout(context, t, locale, asked, allowed(OF_ALL))
    part = find(OF_ALL, name) if not word else find(OF_DATASET, word)
    if part is not None:
        within = dict(asked) | ({"dataset": name} if word else {})
        return part.layout(context, t, locale, within) if current().may(part.ACTION) else _closed(t)
    try:
        return dataset.layout(context, t, locale, name) if not word else _nothing(t)
    except LayerError:
        return _nothing(t)


def allowed(parts: tuple[Part, ...]) -> list[Part]:
    """Those that the present person may open."""
    return [part for part in parts if current().may(part.ACTION)]


def find(parts: tuple[Part, ...], word: str) -> Part | None:
    """The part with a word in its address."""
    return next((part for part in parts if word == part.WORD), None)


def register(dash_app: Dash, context: Context, facts: FactReader) -> None:
    """The callbacks of every part."""
    catalogue.register(dash_app, context)
    for part in (*OF_DATASET, *OF_ALL):
        part.register(dash_app, context, facts)


def _closed(t: Translate) -> Any:
    return html.Div([html.H1(t("This account may not open this page."))], className="prose")


def _nothing(t: Translate) -> Any:
    return html.Div([html.H1(t("No such page")), dcc.Link(t(TITLE), href=PATH)], className="prose")
