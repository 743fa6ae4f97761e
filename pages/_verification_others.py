"""What other services publish about their warnings, folded below the month's own scores."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from data.anchors import Published, published
from data.text import Translate


def others(t: Translate, locale: str) -> Component:
    """A folded table with a sentence that measures differ."""
    names = (t("Service"), t("Measure"), t("Published value"), t("Period"), t("Source"))
    head = html.Tr([html.Th(name, scope="col") for name in names])
    return html.Details(
        [
            html.Summary(t("What other services publish")),
            html.P(
                t("Measures differ from service to service: what is an event, an area, a match and a warning. These "
                  "numbers tell the order of what has been reached, and are no ranking beside the scores above."),
                className="dim",
            ),
            html.Div(
                html.Table([html.Thead(head), html.Tbody([_row(one, locale) for one in published()])]),
                className="wide",
            ),
        ],
        className="others",
    )  # fmt: skip


def _row(one: Published, locale: str) -> Component:
    language = "zh" if locale == "zh" else "en"
    note = one.note.get(language, "")
    joint = "；" if language == "zh" else "; "
    cells = (one.system[language], one.measure[language], joint.join(filter(None, (one.value, note))))
    return html.Tr([html.Td(text) for text in (*cells, one.period, one.source)])
