"""The answer of the page about a place: a time line of everything, and below it a list for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import dcc, html
from dash.development.base_component import Component

from data.text import Translate
from pages._chart import FONT, TIME_AXIS, graph
from pages._times import age, local

if TYPE_CHECKING:
    from layers.frame.item import Found, Item
    from layers.frame.known import Known

DRAWN = 500  # of each kind, on the time line
FIRST = 15  # of each kind in its list: a browser takes long over thousands of cells
PAGE = 100  # where one kind alone is listed
COLOURS = {
    "own": "#c81e1e", "incoming": "#d9600b", "events": "#8a3ffc", "observations": "#1d5fd1", "fields": "#0e8a6d",
    "records": "#808897",
}  # fmt: skip


def titles(t: Translate) -> dict[str, str]:
    """What each kind is called."""
    return {
        "own": t("Warnings issued by this office"),
        "incoming": t("Warnings of other services"),
        "events": t("Events"),
        "observations": t("Readings of stations"),
        "fields": t("Gridded values"),
        "records": t("Survey records"),
    }


def answer(known: Known, asked: Mapping[str, str], zone: ZoneInfo, t: Translate) -> list[Component]:
    """Everything that is known, and what is not."""
    most = PAGE if asked.get("kinds") else FIRST
    return [_counts(known, t), _time_line(known, zone, t), *_sections(known, asked, most, zone, t)]


def _counts(known: Known, t: Translate) -> Component:
    """One line: how much of each kind there is, so that nothing is looked for in vain."""
    names = titles(t)
    parts = [
        html.A([html.B(_number(found, t)), " ", names[kind]], href=f"#place-{kind}", className="place-count")
        for kind, found in known.kinds.items()
    ]
    return html.Div(parts, className="place-counts")


def _number(found: Found, t: Translate) -> str:
    if found.total is None:
        return t("not told")
    return "?" if not found.total and found.missing else f"{found.total:,}"


def _time_line(known: Known, zone: ZoneInfo, t: Translate) -> Component:
    """What happened when: a mark for each thing of a time, a bar for what lasted."""
    names, data, shapes = titles(t), [], []
    rows = [kind for kind in known.kinds if kind != "records"]
    for place, kind in enumerate(rows):
        items = [item for item in known.kinds[kind].items if item.at is not None]
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": names[kind], "y": [place] * len(items),
                "x": [max(item.at, known.start).astimezone(zone) for item in items if item.at],
                "text": [_said(item, t) for item in items], "hovertemplate": "%{text}<extra></extra>",
                "marker": {"color": COLOURS[kind], "size": 8,
                           "symbol": ["circle-open" if item.value is None else "circle" for item in items]},
            }
        )  # fmt: skip
        shapes += [_bar(item, place, COLOURS[kind], known, zone) for item in items if item.until]
    layout = {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 36}, "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)", "font": FONT, "showlegend": False, "hovermode": "closest", "shapes": shapes,
        "xaxis": {**TIME_AXIS, "range": [known.start.astimezone(zone), known.end.astimezone(zone)]},
        "yaxis": {"tickvals": list(range(len(rows))), "showticklabels": False, "range": [len(rows) - 0.5, -0.75],
                  "gridcolor": "#80889733", "zeroline": False},
        "annotations": [
            {"xref": "paper", "x": 0, "xanchor": "left", "y": place, "yanchor": "bottom", "showarrow": False,
             "text": names[kind], "font": FONT}
            for place, kind in enumerate(rows)
        ],
    }  # fmt: skip
    return graph({"data": data, "layout": layout}, height=60 + 32 * len(rows), label=t("Time line"))


def _bar(item: Item, place: int, colour: str, known: Known, zone: ZoneInfo) -> dict[str, Any]:
    assert item.at is not None and item.until is not None
    start, end = max(item.at, known.start), min(item.until, known.end)
    return {
        "type": "rect", "xref": "x", "yref": "y", "fillcolor": colour, "opacity": 0.3, "line": {"width": 0},
        "x0": start.astimezone(zone), "x1": max(start, end).astimezone(zone), "y0": place - 0.25, "y1": place + 0.25,
    }  # fmt: skip


def _sections(known: Known, asked: Mapping[str, str], most: int, zone: ZoneInfo, t: Translate) -> list[Component]:
    names = titles(t)
    return [
        html.Section(
            [
                html.H2([names[kind], html.Span(f" {_number(found, t)}", className="dim")]),
                *_heard(found, known.now, t),
                *_missing(found, t),
                *([_table(known, found.items[:most], zone, t)] if found.items else []),
                *_pages(known, kind, found, asked, most, t),
            ],
            id=f"place-{kind}",
        )
        for kind, found in known.kinds.items()
    ]  # fmt: skip


def _missing(found: Found, t: Translate) -> list[Component]:
    said = [t(one.sentence).format(**one.blanks) for one in found.missing]
    return [html.P(["⚠ ", sentence], className="place-missing") for sentence in said]


def _heard(found: Found, now: datetime, t: Translate) -> list[Component]:
    """How old what we know is; where nothing was found, that is told only as of when we last heard."""
    if found.as_of is None:
        return []
    said = t("Last heard {age}").format(age=age(found.as_of, now, t))
    if not found.total and found.total is not None and not found.missing:
        said = t("Nothing, as far as was heard ({age})").format(age=age(found.as_of, now, t))
    return [html.P(said, className="dim")]


def _table(known: Known, items: Sequence[Item], zone: ZoneInfo, t: Translate) -> Component:
    head = (t("Time"), t("What"), t("Value"), t("Quality"), t("Heard"), t("Source"))
    rows = []
    for item in items:
        cells = (
            _when(item, zone, t), html.A(item.title, href=item.link), _value(item, t), t(item.quality) or "–",
            age(item.known_at, known.now, t), item.source,
        )  # fmt: skip
        pairs = zip(head, cells, strict=True)
        rows.append(html.Tr([html.Td(cell, **{"data-head": name}) for name, cell in pairs]))
    headings = html.Thead(html.Tr([html.Th(word, scope="col") for word in head]))
    return html.Div(html.Table([headings, html.Tbody(rows)], className="cards"), className="wide")


def _when(item: Item, zone: ZoneInfo, t: Translate) -> str:
    if item.at is None:
        return t("standing there")
    until = f" – {local(item.until, zone)}" if item.until else ""
    return local(item.at, zone) + until


def _value(item: Item, t: Translate) -> str:
    if item.value is None:
        return t("unknown") if item.kind != "records" else "–"
    said = t(item.value) if isinstance(item.value, str) else f"{item.value:.4g}"
    return f"{said} {item.unit}".strip()


def _said(item: Item, t: Translate) -> str:
    return f"{escape(item.title)}<br>{escape(_value(item, t))}"


def _pages(
    known: Known, kind: str, found: Found, asked: Mapping[str, str], most: int, t: Translate
) -> list[Component]:
    """The way to the items before and behind, of this kind alone."""
    links, behind = [], known.offset + min(len(found.items), most)
    if known.offset:
        before = {**asked, "kinds": kind, "offset": str(max(0, known.offset - PAGE))}
        links.append(dcc.Link(t("Earlier in the list"), href=f"/place?{urlencode(before)}", className="act"))
    if found.items and found.total is not None and behind < found.total:
        after = {**asked, "kinds": kind, "offset": str(behind)}
        said = t("{n} more").format(n=f"{found.total - behind:,}")
        links.append(dcc.Link(said, href=f"/place?{urlencode(after)}", className="act"))
    return [html.Div(links, className="acts")] if links else []
