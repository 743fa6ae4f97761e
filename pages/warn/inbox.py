"""The inbox of the desk: what waits for a signature, what is to be decided, drafts, and what is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component
from sqlalchemy.engine import Connection

from access.people import Person
from alerts.desk.limits import reminder
from alerts.desk.read import DeskWarning, Inbox, history, inbox
from alerts.desk.template import template_of
from alerts.offer import shares_of
from data.model import Level
from data.store.tables import rule_version
from data.text import Translate
from pages._changes import KINDS, where
from pages._context import Context
from pages._levels import mark
from pages._times import age, living_age, local

PATH = "/warn"
MOST = 300
SHOWN = 5  # of a group; the rest is one click away
ENDED_WITHIN = timedelta(hours=24)
# After so long without a decision a proposal is marked: a choice of this house, shorter than the level's urgency.
DUE = {
    Level.RED: timedelta(minutes=5), Level.ORANGE: timedelta(minutes=10), Level.YELLOW: timedelta(minutes=30),
    Level.BLUE: timedelta(minutes=60), Level.NONE: timedelta(minutes=30),
}  # fmt: skip
STAMPS = {"Exercise": "Exercise", "Test": "Test"}
KINDS_OF_MESSAGE = {"alert": "Alert", "update": "Update", "cancel": "Cancel"}


Group = tuple[str, Sequence[Any]]  # a hazard and its proposals


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What stands in the inbox at one moment."""

    desk: Inbox
    groups: Sequence[Group]
    titles: Mapping[str, Mapping[str, str]]  # of rules, by language
    ended: Sequence[DeskWarning]
    now: datetime


def read_picture(connection: Connection, now: datetime) -> Picture:
    """The inbox; what holds is computed at this very moment."""
    desk = inbox(connection, now)
    holds = {item.id for item in desk.in_force}
    recent = history(connection, since=now - ENDED_WITHIN, until=now + timedelta(days=1), limit=MOST)
    groups: dict[str, list[Any]] = {}
    for row in desk.proposals[:MOST]:
        groups.setdefault(row.hazard, []).append(row)
    return Picture(
        desk=desk, now=now, groups=list(groups.items()), titles=titles_of(connection, desk.proposals[:MOST]),
        ended=[item for item in recent if item.id not in holds],
    )  # fmt: skip


def titles_of(connection: Connection, proposals: Sequence[Any]) -> dict[str, Mapping[str, str]]:
    """The titles of every rule behind some proposals."""
    digests = {share["digest"] for row in proposals for share in shares_of(row)}
    query = sa.select(rule_version.c.rule, rule_version.c.body).where(rule_version.c.digest.in_(digests))
    return {row.rule: (row.body or {}).get("title") or {} for row in connection.execute(query)}


def named(row: Any, titles: Mapping[str, Mapping[str, str]], t: Translate, locale: str) -> str:
    """The rules behind a proposal."""
    rules = [share["rule"] for share in shares_of(row) if share["regions"]]
    return t(", ").join(titles.get(rule, {}).get(locale) or titles.get(rule, {}).get("en") or rule for rule in rules)


def signature(picture: Picture, chosen: str) -> list[Any]:
    """What the list depends on besides the passing of time: it is drawn anew only where this is another."""
    desk, now = picture.desk, picture.now
    rows = (*desk.submitted, *desk.drafts, *desk.unsigned, *desk.in_force, *picture.ended)
    soon = [item.id for item in desk.in_force if _ends_soon(item, now)]
    late = [row.id for row in desk.proposals if _is_due(row, now)]
    told = [[item.id, item.state, item.edition, int(item.level), item.locked_by(now)] for item in rows]
    return [chosen, told, [row.id for row in desk.proposals], soon, late]


def build(
    picture: Picture, chosen: str, person: Person, context: Context, t: Translate, locale: str
) -> list[Component]:
    """The sections; `chosen` is the row that is open, such as `id=5`."""

    def messages(items: Sequence[DeskWarning]) -> list[Component]:
        return [_message(item, chosen, picture, context, t, locale) for item in items]

    desk = picture.desk
    waiting = sorted(desk.submitted, key=lambda item: (-item.level, item.submitted_at or item.updated_at))
    others = messages([item for item in waiting if item.author != person.email])
    own = messages([item for item in waiting if item.author == person.email])
    first = t("Sign or reject") if person.may("warn.approve") else t("Waiting for a signature")
    holds = [_in_force(item, chosen, picture, person, context, t, locale) for item in desk.in_force]
    sections = [
        ("sign", first, others, ""),
        ("decide", t("Decide"), list(_proposals(picture, chosen, context, t, locale)), t("Nothing to decide.")),
        ("unsigned", t("Approved, not signed"), messages(desk.unsigned), ""),
        ("own", t("Your own, with the second person"), own, ""),
        ("drafts", t("Drafts"), messages(desk.drafts), ""),
        ("force", t("In force"), holds, t("No warning of ours is in force.")),
        ("ended", t("Over in the last 24 hours"), messages(picture.ended), ""),
    ]
    return [_section(key, title, rows, empty) for key, title, rows, empty in sections if rows or empty]


def _section(key: str, title: str, rows: Sequence[Component], empty: str) -> Component:
    head = html.H2([title, html.Span(str(len(rows)), className="note") if rows else ""])
    body: list[Component] = list(rows) or [html.P(empty, className="empty")]
    return html.Section([head, *body], id=f"warn-list-{key}")


def _proposals(picture: Picture, chosen: str, context: Context, t: Translate, locale: str) -> Iterator[Component]:
    for hazard, found in picture.groups:
        rows = [_proposal(row, picture, chosen, context, t, locale) for row in found]
        yield from rows[:SHOWN]
        if rows[SHOWN:]:
            more = t("{n} more: {hazard}").format(n=len(rows) - SHOWN, hazard=hazard_word(hazard, locale))
            yield html.Details([html.Summary(more), *rows[SHOWN:]], className="more")


def _is_due(row: Any, now: datetime) -> bool:
    return bool(now - row.created_at > DUE.get(Level(row.level), DUE[Level.NONE]))


def _ends_soon(item: DeskWarning, now: datetime) -> bool:
    """Whether the first reminder of its hazard has come."""
    return item.expires_at is not None and reminder(item.hazard, item.expires_at, now).due is not None


def _proposal(row: Any, picture: Picture, chosen: str, context: Context, t: Translate, locale: str) -> Component:
    now, title = picture.now, named(row, picture.titles, t, locale)
    reason = t(KINDS.get(("proposals", row.reason), row.reason))
    parts = [
        html.Span(mark(Level(row.level), t), className="signs"),
        html.Span([html.B(reason), " · ", title], className="name"),
        html.Span(living_age(row.created_at, now, t), className="bad" if _is_due(row, now) else "dim"),
        html.Span(where(row.regions, len(row.regions), context, t, locale), className="dim wide"),
    ]
    return _row(parts, f"proposal={row.id}", chosen)


def hazard_word(hazard: str, locale: str) -> str:
    """The name of a hazard in the reader's language, as warnings call it."""
    event = template_of(hazard).event
    return event.get("zh" if locale == "zh" else "en") or hazard.replace("_", " ")


def _message(
    item: DeskWarning, chosen: str, picture: Picture, context: Context, t: Translate, locale: str
) -> Component:
    parts = [
        html.Span(mark(item.level, t), className="signs"),
        html.Span(
            [*_stamp(item, t), html.B(hazard_word(item.hazard, locale)), " · ", t(KINDS_OF_MESSAGE[item.kind])],
            className="name",
        ),
        html.Span(living_age(item.submitted_at or item.updated_at, picture.now, t), className="dim"),
        html.Span(_note(item, picture.now, context, t), className="dim wide"),
    ]
    return _row(parts, f"id={item.id}", chosen)


def _note(item: DeskWarning, now: datetime, context: Context, t: Translate) -> str:
    if item.state == "issued":
        over = t("Cancel") if item.kind == "cancel" else t("replaced") if item.replaced_by else t("expired")
        return f"{over} · {local(item.expires_at, context.settings.zone)}"
    writer = item.locked_by(now)
    if item.state == "draft" and writer:
        return t("{who} is writing").format(who=writer)
    return item.author


def _stamp(item: DeskWarning, t: Translate) -> list[Any]:
    return [html.Span(t(STAMPS[item.status]), className="warn-stamp"), " "] if item.status in STAMPS else []


def _in_force(
    item: DeskWarning, chosen: str, picture: Picture, person: Person, context: Context, t: Translate, locale: str
) -> Component:
    """A warning that holds, with the time it has left and the two ways on from it."""
    ends = t("ends {when}").format(when=age(item.expires_at, picture.now, t))
    style, at = "bad" if _ends_soon(item, picture.now) else "dim", local(item.expires_at, context.settings.zone)
    parts = [
        html.Span(mark(item.level, t), className="signs"),
        html.Span([*_stamp(item, t), html.B(hazard_word(item.hazard, locale))], className="name"),
        html.Span(ends, className=style, title=at),
        html.Span(where(item.content.regions, len(item.content.regions), context, t, locale), className="dim wide"),
    ]
    line = _row(parts, f"id={item.id}", chosen)
    if not person.may("warn.draft"):
        return line
    acts = [_act("update", item.id, t("Change or extend")), _act("cancel", item.id, t("End it"))]
    return html.Div([line, html.Div(acts, className="warn-row-acts")])


def _act(action: str, number: int, words: str) -> Component:
    where_from = {"type": "warn-start", "action": action, "id": number, "place": "list"}
    return html.Button(words, id=where_from, className="act small", n_clicks=0)


def _row(parts: list[Any], opens: str, chosen: str) -> Component:
    current = {"aria-current": "true"} if opens == chosen else {}
    return html.A(parts, href=f"{PATH}?{opens}", className="row", id=f"warn-row-{opens}", **current)
