"""What is different: from when the editor was opened, and from what the rule had proposed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from alerts.desk.content import changed
from alerts.desk.frozen import recheck
from alerts.desk.read import DeskWarning, editions
from data.text import Translate
from pages._context import Context
from pages._places import name_of
from pages._times import local
from pages.warn.content import TIMES
from pages.warn.editor import WORDS

CHANGES = {
    "chain": "Another message of this chain was issued or has ended meanwhile.",
    "overlap": "Another warning about this hazard and land is in force.",
    "action": "What fits now is another step than when the editor was opened.",
    "proposal": "The rule does not propose this any more.",
    "level": "The rule proposes another level now: {before} became {after}.",
    "area": "The rule proposes another area now.",
    "becomes new": "What this would change is not in force any more: it goes out as a new warning.",
    "nothing to end": "What this would end is not in force any more.",
}  # fmt: skip
PARTS = {
    "hazard": "Kind of hazard", "level": "Level", "status": "Real or exercise", "regions": "Regions",
    "polygons": "Polygons", "circles": "Circles", "severity": "Severity", "urgency": "Urgency",
    "certainty": "Certainty", "response_types": "What people are asked to do", "onset_at": "Begins",
    "expires_at": "Ends", "contact": "Contact", "web": "Web page", "attachments": "Files",
    "note": "Note in the message", "groups": "Groups of recipients", "texts": "Texts",
}  # fmt: skip
LONGEST = 160
DRAWN = ("outline", "touched")  # follow from the regions and shapes


def recheck_list(item: DeskWarning, context: Context, t: Translate) -> list[Component]:
    """What has changed around the text since its editor was opened; the text stays."""
    with context.store.read() as connection:
        found = recheck(connection, context.regions, item, context.clock())
    if not found.changes:
        return []
    rows = [html.Li(t(CHANGES[one.what]).format(before=one.before, after=one.after)) for one in found.changes]
    head = html.P(["⚠ ", t("Since the editor was opened:")], className="bad")
    return [html.Div([head, html.Ul(rows)], className="warn-recheck")]


def listed(item: DeskWarning, context: Context, t: Translate, locale: str) -> list[Component]:
    """What people have changed since the first text, which the desk had filled in."""
    with context.store.read() as connection:
        first, *rest = editions(connection, item.id)
    if not rest:
        return [html.P(t("The text is as the desk filled it in."), className="dim")]
    found = changed(first.content, item.content)
    rows = [
        html.Tr([html.Td(_name_of(name, t)), html.Td(_shown(name, before, context, locale), className="went"),
                 html.Td(_shown(name, after, context, locale), className="came")])
        for name, (before, after) in found.items() if name.split(".")[0] not in DRAWN
    ]  # fmt: skip
    if not rows:
        return [html.P(t("The text is as the desk filled it in."), className="dim")]
    head = html.Tr([html.Th(word) for word in (t("What"), t("As filled in"), t("Now"))])
    title = t("Changed by people: {n}").format(n=len(rows))
    return [html.Details([html.Summary(title), html.Table([head, *rows], className="warn-diff")], open=True)]


def _name_of(name: str, t: Translate) -> str:
    """What a part of the text is called in the editor."""
    first, *rest = name.split(".")
    if first == "texts" and len(rest) == 2:
        return f"{t(WORDS.get(rest[1], rest[1]))} ({rest[0]})"
    return t(PARTS.get(first, first))


def _shown(name: str, value: Any, context: Context, locale: str) -> str:
    if name in TIMES and isinstance(value, str):
        return local(datetime.fromisoformat(value), context.settings.zone)
    if name == "regions" and isinstance(value, list):
        value = ", ".join(_name(code, context, locale) for code in value)
    if isinstance(value, list):
        value = f"{len(value)}"
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _name(code: str, context: Context, locale: str) -> str:
    rid = context.regions.by_code(code)
    return code if rid is None else name_of(rid, context.regions, locale)
