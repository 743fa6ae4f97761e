"""The head of every page about one dataset: the way back, what it is, and its other pages."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from data.permit import Permit
from data.store.catalogue import list_datasets
from data.text import Translate
from pages._context import Context
from pages.surveys.words import hidden, title_of


def head(name: str, title: str, word: str, t: Translate) -> list[Component]:
    """`word` is that of the present page's address, "" for the dataset's own."""
    from pages.surveys import OF_DATASET  # which imports the pages that have this head

    pages = [("", t("Deliveries of the dataset")), *((part.WORD, t(part.TITLE)) for part in OF_DATASET)]
    here = next(words for one, words in pages if one == word)
    links = [
        html.Span(words, className="act here", **{"aria-current": "page"}) if one == word
        else dcc.Link(words, href=f"/surveys/{name}/{one}".rstrip("/"), className="act")
        for one, words in pages
    ]  # fmt: skip
    return [
        html.P(dcc.Link(["← ", t("Surveys")], href="/surveys")),
        html.H1([title, *([" · ", here] if word else [])]),
        html.Nav(links, className="acts", **{"aria-label": t("Pages of this dataset")}),
    ]


def title_for(context: Context, permit: Permit, locale: str) -> str:
    """What a dataset is called, for who may know that there is one; else the name that was asked for."""
    with context.store.read() as connection:
        row = next((one for one in list_datasets(connection) if one.name == permit.dataset), None)
    return permit.dataset if row is None or hidden(permit) else title_of(row, locale)


def closed(name: str, why: str, t: Translate) -> Component:
    """That something is not open to this account, and where to ask for it."""
    return html.P(
        ["⚠ ", t(why), " ", dcc.Link(t("Ask to see more"), href=f"/surveys/{name}/sharing")], className="bad"
    )
