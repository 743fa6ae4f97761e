"""What it will be: on a phone, on the web, as a letter, as text messages, as CAP with its check, as a poster."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, dcc, html, no_update
from dash.development.base_component import Component

from access.guard import needs
from alerts.cap.finding import REJECT, Finding
from alerts.desk.read import DeskWarning
from alerts.media.said import Said, by_language, said_of
from alerts.media.texts import LONG, SHORT, email, page, sms
from data.errors import TocsinError
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages.warn import looks, service

POSTER_PX = 760  # wide
TABS = ("phone", "web", "email", "sms", "cap", "poster")


def panel(t: Translate) -> Component:
    """The tabs; what they show is made when a tab is looked at and after each change."""
    words = {
        "phone": t("Phone"), "web": t("Web page"), "email": t("E-mail"), "sms": t("SMS"), "cap": "CAP",
        "poster": t("Poster"),
    }  # fmt: skip
    return html.Div(
        [
            dmc.Tabs(
                [
                    dmc.TabsList([dmc.TabsTab(words[key], value=key) for key in TABS]),
                    dcc.Loading(
                        html.Div(id="warn-shown-as", className="warn-shown-as"), delay_show=500, type="dot",
                        overlay_style={"visibility": "visible", "opacity": 0.5},
                    ),
                ],
                id="warn-tabs", value="phone", className="warn-tabs",
            ),
        ],
        className="warn-preview", id="warn-preview",
    )  # fmt: skip


def register(dash_app: Dash, context: Context) -> None:
    """One tab at a time: the others cost nothing."""

    @dash_app.callback(
        Output("warn-shown-as", "children"), Input("warn-tabs", "value"), Input("warn-shown", "data")
    )  # fmt: skip
    @needs("warn.view")
    def show(tab: Any, mark: Any) -> Any:
        t = translator(locale_of(context))
        item = service.find(context, mark)
        if item is None:
            return []
        if tab not in TABS:
            return no_update
        try:
            return made(str(tab), item, context, t)
        except TocsinError as error:
            return html.P(service.refused(error, t), className="bad")


def made(tab: str, item: DeskWarning, context: Context, t: Translate) -> list[Component]:
    """What stands in one tab.

    Raises
    ------
    TocsinError
        Where the text cannot become a message yet, with the sentence for people.
    """
    if tab == "cap":
        return _cap(item, context, t)
    alert = looks.message(context, item)
    said = said_of(alert, item.level, context.settings.sender_name or context.settings.sender)
    match tab:
        case "phone":
            return [html.Div([_phone(one) for one in by_language(said)], className="warn-phones")]
        case "web":
            return [_frame("".join(_web(one) for one in said), t("Web page"))]
        case "email":
            letter = email(said)
            return [html.P([html.B(t("Subject")), ": ", letter.subject]), _frame(letter.html, t("E-mail"))]
        case "sms":
            return [_sms(one, most, t) for one in by_language(said) for most in (SHORT, LONG)]
    return _poster(said, item, context, t)


def _phone(said: Said) -> Component:
    shown = page(said)
    return html.Div(
        [
            html.Div([html.Span("●", className="dim"), " Tocsin"], className="warn-phone-app"),
            html.B(shown.title), html.P(shown.body),
        ],
        className=f"warn-phone warn-phone-{said.level.key}", lang=said.language, dir="auto",
    )  # fmt: skip


def _web(said: Said) -> str:
    return email((said,)).html


def _frame(body: str, title: str) -> Component:
    """HTML in a frame of its own, which may do nothing at all."""
    return html.Iframe(srcDoc=body, sandbox="", className="warn-frame", title=title)


def _sms(said: Said, most: int, t: Translate) -> Component:
    shown = sms(said, most)
    facts = t("{places} of {most} places · {encoding} · {parts} part(s)").format(
        places=shown.places, most=most, encoding=shown.encoding, parts=shown.parts
    )
    cut = [html.Span([" · ", t("cut")], className="bad")] if shown.cut else []
    return html.Div(
        [html.P(shown.text, lang=said.language, dir="auto"), html.P([facts, *cut], className="dim")],
        className="warn-sms",
    )


def _cap(item: DeskWarning, context: Context, t: Translate) -> list[Component]:
    if item.signed is not None:
        return [html.P(html.Code(item.signed_sha256), className="dim"), _xml(item.signed)]
    ready = looks.prepared(context, item)
    return [*finding_list(ready.findings, t), _xml(ready.body)]


def _xml(body: bytes) -> Component:
    return html.Pre(_indented(body), className="warn-xml")


def _indented(body: bytes) -> str:
    """The message with a line for each element, to be read; what is sent is the bytes as they are."""
    from lxml import etree

    from data import safe_xml

    root = safe_xml.parse(body, source="CAP message", max_bytes=2_000_000, max_nodes=60_000)
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def finding_list(findings: Sequence[Finding], t: Translate) -> list[Component]:
    """What the check of the standard and of the profiles says."""
    if not findings:
        return [html.P(["✓ ", t("The check of the message finds nothing.")], className="warn-good")]
    rows = [
        html.Li(
            [html.B(one.rule), " ", one.sentence(t), html.Span(f" {one.path}", className="dim")],
            className="bad" if one.weight is REJECT else "",
        )
        for one in sorted(findings, key=lambda one: one.weight is not REJECT)
    ]
    wrong = sum(one.weight is REJECT for one in findings)
    head = t("{n} keep it from being sent, {m} remarks.").format(n=wrong, m=len(findings) - wrong)
    return [html.P(head, className="bad" if wrong else "dim"), html.Ul(rows, className="warn-findings")]


def _poster(said: tuple[Said, ...], item: DeskWarning, context: Context, t: Translate) -> list[Component]:
    from alerts.desk.area import shape_of
    from alerts.media.map_picture import area_map
    from alerts.media.poster import draw_poster

    shape = shape_of(item.content, context.regions)
    if shape is None:
        return [html.P(t("No area yet: click regions on the map, or draw."), className="bad")]
    area = area_map(shape, item.level, context.settings.base_dir, chinese=said[0].locale == "zh")
    link = service.office(context).public_url
    picture = draw_poster(said, area, context.settings.base_dir, None, link)
    picture = picture.resize((POSTER_PX, picture.height * POSTER_PX // picture.width))
    out = io.BytesIO()
    picture.convert("RGB").quantize(255).save(out, "PNG", optimize=True)
    source = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    return [html.Img(src=source, alt=t("Poster"), className="warn-poster")]
