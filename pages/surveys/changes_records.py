"""The records behind a number of the page of changes, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dash import dcc, html
from dash.development.base_component import Component

from api.sights import Sights
from data.text import Translate
from pages.surveys.changes_words import KINDS, SIGNS, address, number

if TYPE_CHECKING:
    from layers.survey.sight import Sight
    from layers.survey.versions import Versions

SHOWN = 50
OWN = ("segment", "source", "source_row")  # where a record was delivered: nothing to read


def section(
    sights: Sights, seen: Mapping[str, Sight], shown: Versions, asked: Mapping[str, str], t: Translate
) -> list[Component]:  # fmt: skip
    """What the address names under `of` and `where`; nothing where it names none.

    Raises
    ------
    LayerError
        For a choice that the store does not know.
    """
    of = asked.get("of", "")
    if of not in seen:
        return []
    one, where = seen[of], asked.get("where", "")
    choice = one.choose(where)
    total = one.tally(choice).total
    said = " · ".join(f"{name}: {', '.join(word or t('(none)') for word in words)}" for name, words in _words(where))
    head = [
        html.H2([t("Records"), ": ", SIGNS[of], " ", t(KINDS[of])], id="records"),
        html.P([html.B(number(total, one.permit.least)), *([" · ", said] if said else []), " · ",
                dcc.Link(t("All changes"), href=address(one.permit.dataset, shown))]),
    ]  # fmt: skip
    if not one.permit.records:
        return [*head, html.P(one.permit.why and t(one.permit.why), className="dim")]
    first = _first(asked.get("first", ""), total or 0)
    page = one.rows(None, choice, offset=first, limit=SHOWN)
    sights.note(one, "rows", compared=f"{shown[0]}-{shown[1]}", of=of, where=where, first=first, rows=page.num_rows)
    names = [name for name in page.column_names if name not in OWN]
    rows = [html.Tr([html.Td(html.Div(_said(row[name])), **{"data-head": name}) for name in names])
            for row in page.to_pylist()]  # fmt: skip
    top = html.Thead(html.Tr([html.Th(name, scope="col") for name in names]))
    table = html.Div(html.Table([top, html.Tbody(rows)], className="cards"), className="wide")
    return [*head, table, _pages(one.permit.dataset, shown, of, where, first, total or 0, t)]


def _words(where: str) -> list[tuple[str, list[str]]]:
    import json

    return list(json.loads(where).items()) if where else []


def _first(written: str, total: int) -> int:
    """The first record of a page; the first page for what is no number."""
    wanted = int(written) if written.isdecimal() and len(written) < 12 else 0
    return wanted if wanted < total else 0


def _pages(dataset: str, shown: Versions, of: str, where: str, first: int, total: int, t: Translate) -> Component:
    said = f"{first + 1:,}–{min(first + SHOWN, total):,} / {total:,}" if total else "–"
    links: list[Any] = []
    if first > 0:
        back = address(dataset, shown, of=of, where=where, first=max(first - SHOWN, 0))
        links.append(dcc.Link(t("Back"), href=f"{back}#records", className="act"))
    if first + SHOWN < total:
        onward = address(dataset, shown, of=of, where=where, first=first + SHOWN)
        links.append(dcc.Link(t("Next"), href=f"{onward}#records", className="act"))
    return html.Nav([html.Span(said), *links], className="acts", **{"aria-label": t("Pages of records")})


def _said(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
