"""What is open on the desk: nothing, a proposal, or a message; and its head and form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component
from sqlalchemy.engine import Connection

from access.people import Person
from alerts.desk.read import DeskWarning, Step, chain_of, one, steps
from alerts.desk.refusal import Refusal
from alerts.why import explain
from data.model import Level
from data.store.tables import proposal
from data.text import Translate
from pages import _why
from pages._changes import KINDS, where
from pages._context import Context
from pages._levels import chip
from pages._times import age, living_age, local
from pages.warn import service
from pages.warn.editor import form, reading
from pages.warn.inbox import KINDS_OF_MESSAGE, PATH, STAMPS, hazard_word, named, titles_of

STATES = {
    "draft": "Draft", "submitted": "Waits for a signature", "approved": "Approved, not signed", "issued": "Issued",
    "discarded": "Thrown away",
}  # fmt: skip
STEPS = {
    "submitted": "submitted", "rejected": "rejected", "approved": "approved", "voided": "approval voided by a change",
    "discarded": "thrown away", "taken-over": "taken over", "issued": "issued", "signed": "signed",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What an address opens."""

    kind: str = "none"  # none missing proposal warning
    item: DeskWarning | None = None
    proposal: Any = None
    titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of the rules behind the proposal
    chain: Sequence[DeskWarning] = ()
    steps: Sequence[Step] = ()

    @property
    def status(self) -> str:
        return "" if self.item is None else self.item.status

    def mark(self, context: Context) -> dict[str, Any]:
        """What the other parts of the page are told."""
        if self.item is not None:
            return service.mark_of(self.item, context)
        return {"proposal": self.proposal.id} if self.proposal is not None else {}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Head and form of what is open, and whether its text may be changed."""

    head: list[Any] = field(default_factory=list)
    form: list[Any] = field(default_factory=list)
    locked: bool = True


def shown(context: Context, chosen: str) -> Shown:
    """What stands behind `id=5` or `proposal=7`."""
    kind, _, number = chosen.partition("=")
    if not number:
        return Shown()
    with context.store.read() as connection:
        if kind == "proposal":
            return _proposal(connection, int(number))
        try:
            item = one(connection, int(number))
        except Refusal:
            return Shown(kind="missing")
        return Shown(
            kind="warning", item=item, chain=chain_of(connection, item.chain), steps=steps(connection, item.id)
        )


def _proposal(connection: Connection, number: int) -> Shown:
    row = connection.execute(sa.select(proposal).where(proposal.c.id == number)).first()
    if row is None:
        return Shown(kind="missing")
    return Shown(kind="proposal", proposal=row, titles=titles_of(connection, [row]))


def view(found: Shown, person: Person, context: Context, t: Translate, locale: str) -> Parts:
    """The middle of the page."""
    if found.kind == "missing":
        return Parts(head=[html.P(t("What this address names is not here."), className="bad")])
    if found.item is not None:
        locked = not service.may_write(found.item, context)
        write = reading if locked else form
        said = head(found, person, context, t, locale)
        return Parts(head=said, form=write(found.item, context, t, locale), locked=locked)
    if found.proposal is not None:
        return _proposed(found, person, context, t, locale)
    return Parts()


def head(found: Shown, person: Person, context: Context, t: Translate, locale: str) -> list[Any]:
    """Level, place and state of a message, and who did what with it."""
    item = found.item
    if item is None:
        return []
    now, zone = context.clock(), context.settings.zone
    stamp = [html.Span(t(STAMPS[item.status]), className="warn-stamp")] if item.status in STAMPS else []
    place = where(item.content.regions, len(item.content.regions), context, t, locale)
    title = f"{hazard_word(item.hazard, locale)} · {place}" if place else hazard_word(item.hazard, locale)
    state = [html.B(t(STATES[item.state])), " · ", t(KINDS_OF_MESSAGE[item.kind])]
    if item.state == "issued":
        holds = t("holds") if item.in_force(now) else t("holds no more")
        state += [" · ", holds, " · ", t("ends {when}").format(when=age(item.expires_at, now, t)),
                  f" ({local(item.expires_at, zone)})"]  # fmt: skip
    else:
        state += [" · ", t("version {n}").format(n=item.edition), " · ", item.author, " · ",
                  living_age(item.updated_at, now, t)]  # fmt: skip
    return [
        html.Div([chip(item.level, t), *stamp, html.H2(title)], className="warn-title"),
        html.P(state),
        *_lock(item, person, context, t),
        *_unsigned(item, t),
        *_history(found, context, t),
    ]


def _lock(item: DeskWarning, person: Person, context: Context, t: Translate) -> list[Component]:
    """Who is writing; an author may take the pen."""
    writer = service.writer_of(item, context)
    if not item.open or not writer:
        return []
    said = t("{who} is writing this text: you see it as it was last kept.").format(who=writer)
    take = html.Button(
        t("Take over"), id={"type": "warn-do", "action": "take-over"}, className="act small", n_clicks=0
    )  # fmt: skip
    return [html.P(["✎ ", said, " ", *([take] if person.may("warn.draft") else [])], className="warn-lock")]


def _unsigned(item: DeskWarning, t: Translate) -> list[Component]:
    if item.state != "approved":
        return []
    said = t("Approved, and nothing was sent: it could not be signed.")
    return [html.P(["⚠ ", said, " ", t(item.unsigned_reason)], className="bad")]


def _history(found: Shown, context: Context, t: Translate) -> list[Component]:
    """The chain and what people did, folded."""
    zone, item = context.settings.zone, found.item
    assert item is not None
    rows = [
        html.Li([local(one.at, zone), " · ", t(STEPS.get(one.decision, one.decision)), " · ", one.by,
                 f" · “{one.why}”" if one.why else ""])
        for one in found.steps
    ]  # fmt: skip
    others = [one for one in found.chain if one.id != item.id]
    links = [
        html.Li(html.A(f"{t(KINDS_OF_MESSAGE[one.kind])} · {t(STATES[one.state])} · {local(one.created_at, zone)}",
                       href=f"{PATH}?id={one.id}"))
        for one in others
    ]  # fmt: skip
    last = [one for one in found.steps if one.decision == "rejected"][-1:] if item.state == "draft" else []
    said = [
        html.P(
            [t("{who} has rejected it:").format(who=one.by), " ", html.B(f"“{one.why}”")],
            className="bad", id="warn-rejected",
        )
        for one in last
    ]  # fmt: skip
    if not rows and not links:
        return said
    title = t("Steps: {n} · other messages of this chain: {m}").format(n=len(rows), m=len(links))
    return [*said, html.Details([html.Summary(title), html.Ul([*rows, *links])], className="warn-steps")]


def _proposed(found: Shown, person: Person, context: Context, t: Translate, locale: str) -> Parts:
    """A proposal: what the rule says, where, and why."""
    row, now = found.proposal, context.clock()
    reason = t(KINDS.get(("proposals", row.reason), row.reason))
    said = [html.B(reason), " · ", living_age(row.created_at, now, t), " · ", html.Code(row.rule)]
    over = [] if row.state == "open" else [html.P(_over(row, context, t), className="bad")]
    top = [
        html.Div([chip(Level(row.level), t), html.H2(named(row, found.titles, t, locale))], className="warn-title"),
        html.P(said), *over,
    ]  # fmt: skip
    return Parts(head=top, form=why_of(next(iter(row.regions), ""), context, t, locale))


def _over(row: Any, context: Context, t: Translate) -> str:
    """That a proposal is not open any more; who closed it without a warning, and why."""
    closed = row.detail.get("closed")
    if closed is None:
        return t("This proposal is not open any more.")
    at = local(datetime.fromisoformat(closed["at"]), context.settings.zone)
    said = t("{who} closed it without a warning at {time}: “{why}”")
    return said.format(who=closed["by"], time=at, why=closed["why"])


def why_of(code: str, context: Context, t: Translate, locale: str) -> list[Component]:
    """Why a region has its level: the readings and thresholds behind it."""
    if context.regions.by_code(code) is None:
        return [html.P(t("The regions of this proposal are not in the base data."), className="bad")]
    now, settings = context.clock(), context.settings
    why = explain(context.store, settings.base_dir, code, now, home=settings.home)
    told = _why.region(why, context, t, locale, now)[1:]  # without the way back
    return [html.Section([html.H2(t("Why")), *told], className="why warn-why", id="warn-why")]
