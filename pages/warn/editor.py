"""The editor: texts in two languages side by side, level with its meaning, times with their limits, files, groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
import sqlalchemy as sa
from dash import dcc, html
from dash.development.base_component import Component
from sqlalchemy.engine import Connection

from alerts.cap.level import meaning, table
from alerts.desk.content import LANGUAGES, Attachment, Content, Words, blanks
from alerts.desk.read import DeskWarning
from data.model import Level
from data.store.exercise import scenario_of
from data.store.tables import recipient, recipient_group
from data.text import Translate
from pages._context import Context
from pages._levels import level_word
from pages._times import age, local, span
from pages.warn import looks
from pages.warn.content import written_time
from pages.warn.inbox import hazard_word

FIELD = "warn-field"
WORDS = {
    "event": "Event", "headline": "Headline", "description": "What is expected", "instruction": "What to do",
    "area": "Area in words",
}  # fmt: skip
LONG = ("description", "instruction")
LANGUAGE_NAMES = {"en": "English", "zh": "中文"}
LEVELS = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)
SEVERITY = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
URGENCY = ("Immediate", "Expected", "Future", "Past", "Unknown")
CERTAINTY = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
RESPONSES = {
    "Shelter": "Take shelter", "Evacuate": "Leave the area", "Prepare": "Prepare", "Execute": "Follow the plan",
    "Avoid": "Avoid the area", "Monitor": "Stay informed", "AllClear": "All clear", "None": "Nothing to be done",
}  # fmt: skip
STATUSES = {"Actual": "Real", "Exercise": "Exercise", "Test": "Test"}
LONGER_H = (1, 3, 6, 12, 24)


def field(place: str) -> dict[str, str]:
    """The id of one field, by its place in the content."""
    return {"type": FIELD, "place": place}


def form(item: DeskWarning, context: Context, t: Translate, locale: str) -> list[Component]:
    """All fields of a text."""
    content = item.content
    with context.store.read() as connection:
        groups = group_sizes(connection)
    return [
        _part("texts", t("Texts"), _texts(content, t)),
        _part("level", t("Level and meaning"), _meaning(content, context, t, locale)),
        _part("times", t("Times"), _times(item, context, t, locale)),
        _part("to", t("Who gets it, and files"), _receivers(content, groups, t)),
    ]


def _part(key: str, title: str, body: Sequence[Any]) -> Component:
    return html.Section([html.H2(title), *body], id=f"warn-part-{key}", className=f"warn-part warn-part-{key}")


def _texts(content: Content, t: Translate) -> list[Component]:
    columns = [_language(content, language, t) for language in LANGUAGES]
    refill = html.Button(t("Take the texts of the template"), id="warn-refill", className="act small", n_clicks=0)
    return [html.Div(columns, className="warn-languages"), refill]


def _language(content: Content, language: str, t: Translate) -> Component:
    words = content.texts.get(language, Words())  # type: ignore[call-overload]
    open_blanks = [(name, blank) for where, name, blank in blanks(content) if where == language]
    rows: list[Component] = [html.H3(LANGUAGE_NAMES[language])]
    for name, label in WORDS.items():
        wanting = sorted({blank for where, blank in open_blanks if where == name})
        kind = dmc.Textarea if name in LONG else dmc.TextInput
        more = {"autosize": True, "minRows": 3, "maxRows": 12} if name in LONG else {}
        rows.append(
            kind(
                id=field(f"texts/{language}/{name}"), label=t(label), value=getattr(words, name), debounce=400,
                size="sm", className="warn-blank" if wanting else "",
                description=t("Still to fill: {blanks}").format(blanks=" ".join(wanting)) if wanting else None,
                **more,
            )
        )  # fmt: skip
    return html.Div(rows, lang="zh-Hans" if language == "zh" else "en", className="warn-language")


def _meaning(content: Content, context: Context, t: Translate, locale: str) -> list[Component]:
    levels = [{"value": level.key, "label": level_word(level, t)} for level in LEVELS]
    hazards = sorted({*table().hazards, content.hazard})
    statuses = [one for one in STATUSES if one != "Actual" or not scenario_of(context.clock)]
    meant = meaning(content.rank, content.hazard)
    by_table = (meant.severity, meant.urgency, meant.certainty)
    likely = content.certainty in (meant.certainty, "Observed")  # what was measured is no matter of the level
    same = by_table[:2] == (content.severity, content.urgency) and likely
    says = t("By the table this level is: {words}.").format(words=" · ".join(t(word) for word in by_table))
    said_as = "dim" if same else "bad"
    pick = {"size": "sm", "allowDeselect": False}
    return [
        html.Div(
            [
                dmc.Select(id=field("level"), label=t("Level"), data=levels, value=content.level, **pick),
                dmc.Select(
                    id=field("hazard"), label=t("Kind of hazard"), value=content.hazard, searchable=True,
                    data=[{"value": one, "label": hazard_word(one, locale)} for one in hazards], **pick,
                ),
                dmc.Select(
                    id=field("status"), label=t("Real or exercise"), value=content.status,
                    data=[{"value": one, "label": t(STATUSES[one])} for one in statuses], **pick,
                ),
            ],
            className="warn-fields",
        ),
        html.Div(
            [
                dmc.Select(id=field(name), label=t(label), value=getattr(content, name),
                           data=[{"value": one, "label": t(one)} for one in words], **pick)
                for name, label, words in (("severity", "Severity", SEVERITY), ("urgency", "Urgency", URGENCY),
                                           ("certainty", "Certainty", CERTAINTY))
            ],
            className="warn-fields",
        ),
        html.P([says, *([] if same else [" ", t("This text says something else.")])], className=said_as),
        dmc.MultiSelect(
            id=field("response_types"), label=t("What people are asked to do"), value=list(content.response_types),
            data=[{"value": one, "label": t(words)} for one, words in RESPONSES.items()], size="sm",
        ),
    ]  # fmt: skip


def _times(item: DeskWarning, context: Context, t: Translate, locale: str) -> list[Component]:
    zone, now, content = context.settings.zone, context.clock(), item.content

    def moment(name: str, label: str, at: datetime | None) -> Component:
        said = f"{local(at, zone)} · {age(at, now, t)}" if at is not None else t("at once")
        return dmc.TextInput(
            id=field(name), label=label, value=written_time(at, zone), description=said, debounce=700,
            size="sm", placeholder="2026-03-01 18:00",
        )  # fmt: skip

    longer = [
        html.Button(f"+{hours} h", id={"type": "warn-longer", "hours": hours}, className="act small", n_clicks=0)
        for hours in LONGER_H
    ]
    ways = html.Div([html.Span(t("From now:"), className="dim"), *longer], className="warn-line")
    fields = [
        moment("onset_at", t("Begins"), content.onset_at), moment("expires_at", t("Ends"), content.expires_at)
    ]  # fmt: skip
    return [html.Div(fields, className="warn-fields"), ways, *limit_words(item, context, t, locale)]


def limit_words(item: DeskWarning, context: Context, t: Translate, locale: str) -> list[Component]:
    """What the office allows this hazard, beside the times."""
    allowed = looks.limits_of_item(context, item)
    said = t("{hazard}: {default} by default, never longer than {hard}.").format(
        hazard=hazard_word(item.content.hazard, locale), default=span(allowed.default, t), hard=span(allowed.hard, t)
    )
    return [html.P(said, className="dim")]


def group_sizes(connection: Connection) -> list[tuple[str, int]]:
    """Groups of recipients by name, with how many addresses each has."""
    rows = connection.execute(
        sa.select(recipient_group.c.name, sa.func.count(recipient.c.id))
        .select_from(recipient_group).outerjoin(recipient, recipient.c.group_id == recipient_group.c.id)
        .where(recipient_group.c.enabled).group_by(recipient_group.c.name).order_by(recipient_group.c.name)
    ).all()  # fmt: skip
    return [(name, count) for name, count in rows]


def _receivers(content: Content, groups: Sequence[tuple[str, int]], t: Translate) -> list[Component]:
    data = [{"value": name, "label": f"{name} ({count})"} for name, count in groups]
    files = [_file(one, place, t) for place, one in enumerate(content.attachments)]
    upload = dcc.Upload(
        html.Button(t("Add a file"), className="act small"), id="warn-file", multiple=False, max_size=5_000_000
    )  # fmt: skip
    return [
        dmc.MultiSelect(
            id=field("groups"), label=t("Groups of recipients"), value=list(content.groups), data=data, size="sm",
            placeholder=t("by area, hazard and level") if not content.groups else None,
        ),
        html.Div(
            [
                dmc.TextInput(id=field(name), label=label, value=getattr(content, name), debounce=400, size="sm")
                for name, label in (("contact", t("Contact")), ("web", t("Web page")))
            ],
            className="warn-fields",
        ),
        dmc.TextInput(
            id=field("note"), label=t("Note in the message"), value=content.note, debounce=400, size="sm",
        ),
        html.Div([*files, upload], className="warn-line"),
    ]  # fmt: skip


def _file(one: Attachment, place: int, t: Translate) -> Component:
    less = html.Button(
        "×", id={"type": "warn-file-less", "index": place}, className="act small",
        title=t("Take it out"), n_clicks=0,
    )  # fmt: skip
    said = html.Span(f"{one.name} · {one.size / 1000:,.0f} kB", title=one.sha256)
    return html.Span([said, less], className="warn-chip")


def reading(item: DeskWarning, context: Context, t: Translate, _locale: str) -> list[Component]:
    """The same for who reads and does not write."""
    content, zone = item.content, context.settings.zone
    columns = [
        html.Div(
            [html.H3(LANGUAGE_NAMES[language]), html.P(html.B(words.headline)), html.P(words.description),
             html.P(words.instruction), html.P([t("Area"), ": ", words.area], className="dim")],
            lang="zh-Hans" if language == "zh" else "en", className="warn-language warn-reading",
        )
        for language, words in content.texts.items()
    ]  # fmt: skip
    meant = " · ".join(t(word) for word in (content.severity, content.urgency, content.certainty))
    facts = [
        (t("Begins"), local(content.onset_at, zone) if content.onset_at else t("at once")),
        (t("Ends"), f"{local(content.expires_at, zone)} · {age(content.expires_at, context.clock(), t)}"),
        (t("Meaning"), meant),
        (t("What people are asked to do"), " · ".join(t(RESPONSES[one]) for one in content.response_types) or "–"),
        (t("Groups of recipients"), ", ".join(content.groups) or t("by area, hazard and level")),
        (t("Files"), ", ".join(one.name for one in content.attachments) or "–"),
    ]
    rows = [html.Tr([html.Th(name), html.Td(value)]) for name, value in facts]
    return [
        _part("texts", t("Texts"), [html.Div(columns, className="warn-languages")]),
        _part("times", t("Times and meaning"), [html.Table(rows, className="warn-facts")]),
    ]
