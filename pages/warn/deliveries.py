"""Did it arrive? Deliveries of an issued message by channel, with receipts, failures and acknowledgements, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from dash import Dash, Input, Output, html
from dash.development.base_component import Component
from sqlalchemy.engine import Connection

from access.guard import needs
from alerts.hold import holds
from alerts.recipients import shown_address
from data.store.tables import delivery
from data.text import Translate, translator
from pages._context import Context
from pages._locale import locale_of
from pages._times import age, local, span
from pages.warn import service

WAITING = ("pending", "leased")
STATES = {
    "pending": "waits", "leased": "on its way", "sent": "sent", "failed": "failed", "expired": "too late",
    "superseded": "overtaken",
}  # fmt: skip
CHANNELS = {
    "email": "E-mail", "webhook": "Webhook", "mqtt": "MQTT", "webpush": "Web push",
    "cap_push": "CAP to other systems", "folder": "Folder", "service": "Other services",
}  # fmt: skip
RECENT = timedelta(seconds=60)  # over which the pace is taken
SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Line:
    """One channel."""

    channel: str
    counts: dict[str, int]
    acknowledged: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        return sum(self.counts.get(state, 0) for state in WAITING)


def read_lines(connection: Connection, id: int) -> list[Line]:
    """How each channel stands."""
    column = delivery.c
    rows = connection.execute(
        sa.select(
            column.channel, column.state, sa.func.count(), sa.func.count(column.acknowledged_at),
            sa.func.min(column.sent_at), sa.func.max(column.sent_at),
        ).where(column.warning_id == id).group_by(column.channel, column.state).order_by(column.channel)
    ).all()  # fmt: skip
    channels = list(dict.fromkeys(row[0] for row in rows))
    return [_line(channel, [row for row in rows if row[0] == channel]) for channel in channels]


def _line(channel: str, rows: Sequence[Any]) -> Line:
    sent = [row for row in rows if row[4] is not None]
    return Line(
        channel=channel, counts={row[1]: row[2] for row in rows}, acknowledged=sum(row[3] for row in rows),
        first_at=min((row[4] for row in sent), default=None), last_at=max((row[5] for row in sent), default=None),
    )  # fmt: skip


def left(connection: Connection, id: int, waiting: int, now: datetime) -> timedelta | None:
    """How long what waits will take at the pace of the last minute; None where there is none to tell by."""
    column = delivery.c
    recent = connection.execute(
        sa.select(sa.func.count(), sa.func.min(column.sent_at)).where(
            column.warning_id == id, column.sent_at > now - RECENT
        )
    ).one()
    if not waiting or not recent[0] or recent[1] is None:
        return None
    pace: timedelta = (now - recent[1]) / int(recent[0])
    return pace * waiting


def held_words(context: Context, t: Translate) -> list[Component]:
    """Whether deliveries wait for a person to let them go."""
    with context.store.read() as connection:
        found = holds(connection)
    return [
        html.P(
            ["⚠ ", t("Deliveries are held since {time} by {who}: {why}").format(
                time=local(one.at, context.settings.zone), who=one.by, why=one.why)],
            className="warn-failed",
        )
        for one in found
    ]  # fmt: skip


def panel(connection: Connection, item: Any, context: Context, t: Translate) -> list[Component]:
    """Progress, then each channel, then what failed."""
    now = context.clock()
    lines = read_lines(connection, item.id)
    if not lines:
        return [html.H2(t("Deliveries")), html.P(t("It stands in the public feeds. Nobody was written to."))]
    total, waiting = sum(line.total for line in lines), sum(line.waiting for line in lines)
    sent = sum(line.counts.get("sent", 0) for line in lines)
    failed = sum(line.counts.get("failed", 0) + line.counts.get("expired", 0) for line in lines)
    eta = left(connection, item.id, waiting, now)
    said = t("{sent} of {total} sent").format(sent=f"{sent:,}", total=f"{total:,}")
    if waiting:
        said += " · " + (t("about {span} left").format(span=span(eta, t)) if eta else t("not begun yet"))
    return [
        html.H2(t("Deliveries")),
        html.P(said, className="warn-progress-words"),
        html.Progress(value=str(sent), max=str(total), className="warn-progress"),
        *([html.P(t("{n} failed").format(n=f"{failed:,}"), className="warn-failed")] if failed else []),
        _table(lines, context, t),
        *_failures(connection, item.id, context, t),
        *_heard(connection, item.id, context, t),
    ]


def _table(lines: Sequence[Line], context: Context, t: Translate) -> Component:
    head = html.Tr([html.Th(word) for word in (t("Channel"), t("How it stands"), t("Heard"), t("Last"))])
    rows = [
        html.Tr(
            [
                html.Td(t(CHANNELS.get(line.channel, line.channel))),
                html.Td(
                    " · ".join(f"{count:,} {t(STATES.get(state, state))}" for state, count in line.counts.items())
                ),
                html.Td(f"{line.acknowledged:,}" if line.acknowledged else "–"),
                html.Td(age(line.last_at, context.clock(), t) if line.last_at else "–"),
            ]
        )
        for line in lines
    ]
    return html.Table([head, *rows], className="warn-facts")


def _failures(connection: Connection, id: int, context: Context, t: Translate) -> list[Component]:
    column = delivery.c
    wrong = sa.or_(column.state.in_(("failed", "expired")), sa.and_(column.state.in_(WAITING), column.error != ""))
    rows = connection.execute(
        sa.select(delivery).where(column.warning_id == id, wrong).order_by(column.state, column.id).limit(SHOWN)
    ).all()
    if not rows:
        return []
    items = [
        html.Li([html.B(shown_address(row.recipient)), " · ", t(STATES.get(row.state, row.state)), " · ",
                 t("attempts: {n}").format(n=row.attempts), " · ", row.error])
        for row in rows
    ]  # fmt: skip
    return [html.H3(t("What did not arrive")), html.Ul(items, className="warn-failures")]


def _heard(connection: Connection, id: int, context: Context, t: Translate) -> list[Component]:
    """Receipts and acknowledgements, the newest first."""
    column, zone = delivery.c, context.settings.zone
    rows = connection.execute(
        sa.select(delivery).where(column.warning_id == id, column.state == "sent")
        .order_by(column.acknowledged_at.is_(None), column.sent_at.desc()).limit(SHOWN)
    ).all()  # fmt: skip
    items = [
        html.Li(
            [shown_address(row.recipient), " · ", local(row.sent_at, zone, seconds=True),
             html.Code(f" {row.receipt}") if row.receipt else "",
             html.B(" ✓ " + t("heard {when}").format(when=local(row.acknowledged_at, zone, seconds=True)))
             if row.acknowledged_at else ""]
        )
        for row in rows
    ]  # fmt: skip
    if not items:
        return []
    return [html.Details([html.Summary(t("Receipts")), html.Ul(items, className="warn-receipts")])]


def register(dash_app: Dash, context: Context) -> None:
    """The panel, each second while something is on its way."""

    @dash_app.callback(
        Output("warn-deliveries", "children"), Input("warn-shown", "data"), Input("warn-beat", "n_intervals")
    )  # fmt: skip
    @needs("warn.view")
    def progress(mark: Any, _beat: Any) -> Any:
        item = service.find(context, mark)
        if item is None or item.state != "issued":
            return []
        with context.store.read() as connection:
            return panel(connection, item, context, translator(locale_of(context)))
