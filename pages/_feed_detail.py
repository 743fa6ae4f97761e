"""Everything about one feed: what it is, how it stands, its last runs, what was refused and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component

from data.store.tables import event, field_step, observation, reject, rule_state, rule_version, run
from data.text import Translate
from pages._context import Context
from pages._facts import Facts, FeedLine
from pages._phrases import phrase
from pages._shell import LIGHT_SIGNS, LIGHT_WORDS
from pages._times import age, local, span

RUNS, REJECTS = 8, 20


def detail(
    line: FeedLine, facts: Facts, context: Context, t: Translate, locale: str, may: Mapping[str, bool]
) -> list[Component]:
    """The panel of one feed."""
    spec = line.spec
    with context.store.read() as connection:
        runs = connection.execute(
            sa.select(run).where(run.c.source == spec.key).order_by(run.c.id.desc()).limit(RUNS)
        ).all()
        refused = connection.execute(
            sa.select(reject).where(reject.c.source == spec.key).order_by(reject.c.last_at.desc()).limit(REJECTS)
        ).all()
        refused_total = connection.execute(
            sa.select(sa.func.count()).select_from(reject).where(reject.c.source == spec.key)
        ).scalar_one()
    return [
        html.H2(spec.title),
        html.P([html.Span(f"{LIGHT_SIGNS[line.light]} {t(LIGHT_WORDS[line.light])}", className=f"light-{line.light}"),
                f" · {phrase(line.reason, t)}" if line.reason else ""]),
        *(_actions(line, t) if may.get("feeds.operate") else []),
        _facts(line, facts, context, t),
        html.H3(t("Depends on it")),
        html.P(_dependents(spec.key, context, t, locale)),
        html.H3(t("Last runs")),
        _runs(runs, facts, t),
        html.H3(t("Refused") + f" ({refused_total})"),
        _refused(refused, facts, t, may.get("payload.download", False)),
    ]  # fmt: skip


def _actions(line: FeedLine, t: Translate) -> list[Component]:
    state = line.state
    enabled = bool(state and state.enabled)
    paused = bool(state and state.paused_by)
    host = urlsplit(line.spec.url).hostname
    if not line.spec.url:
        return [html.P(t("No address is configured for this source; see the operator guide."), className="dim")]
    buttons: list[tuple[str, str]] = []
    if not enabled:
        buttons = [
            ("on", t("Switch on: contact {host} every {span}").format(host=host, span=span(line.spec.every, t)))
        ]
    else:
        buttons = [("run", t("Run now")), ("resume", t("Resume")) if paused else ("pause", t("Pause")),
                   ("off", t("Switch off"))]  # fmt: skip
    return [
        html.Div(
            [
                html.Button(text, id={"type": "feed-act", "action": action}, n_clicks=0,
                            className="act primary" if action in ("on", "resume") else "act")
                for action, text in buttons
            ],
            className="actions",
        )
    ]  # fmt: skip


def _facts(line: FeedLine, facts: Facts, context: Context, t: Translate) -> Component:
    spec, state, zone = line.spec, line.state, context.settings.zone

    def moment(name: str) -> str:
        at = getattr(state, name) if state else None
        return f"{age(at, facts.now, t)} · {local(at, zone)}" if at else t("never")

    rows = [
        (t("Newest data"), moment("last_data_at")),
        (
            t("Success may be as old as") if spec.silence_is_normal else t("May be as old as"),
            span(spec.stale_after, t),
        ),
        (t("Last success"), moment("last_success_at")),
        (t("Last attempt"), moment("last_attempt_at")),
        (t("Every"), span(spec.every, t)),
        (t("Provider"), spec.provider),
        (t("Licence"), spec.licence),
        (t("Address"), spec.url or "–"),
    ]
    if state and state.failing_since:
        rows.insert(0, (t("Failing since"), f"{moment('failing_since')} · {state.failures} ×"))
    return html.Table([html.Tr([html.Th(name), html.Td(value)]) for name, value in rows])


def _dependents(key: str, context: Context, t: Translate, locale: str) -> str:
    """The enabled rules that use a quantity, or a kind of event, which this source has delivered."""
    delivered = {
        "stations": sa.select(observation.c.quantity).where(observation.c.source == key).distinct(),
        "events": sa.select(event.c.kind).where(event.c.source == key).distinct(),
        "field": sa.select(field_step.c.quantity).where(field_step.c.source == key).distinct(),
    }
    with context.store.read() as connection:
        has = {name: set(connection.execute(query).scalars()) for name, query in delivered.items()}
        bodies = connection.execute(
            sa.select(rule_version.c.body)
            .select_from(rule_state)
            .join(rule_version, sa.and_(rule_version.c.rule == rule_state.c.rule,
                                        rule_version.c.digest == rule_state.c.digest))
            .where(rule_state.c.enabled, rule_state.c.loaded)
            .order_by(rule_state.c.rule)
        ).scalars()  # fmt: skip
        names = [
            body["title"][locale]
            for body in bodies
            if any(
                part["quantity"] in has[part["source"]] and (not part["feeds"] or key in part["feeds"])
                for part in body["inputs"].values()
            )
        ]
    return ", ".join(names) if names else t("no enabled rule uses what it has delivered so far")


def _runs(rows: Any, facts: Facts, t: Translate) -> Component:
    if not rows:
        return html.P(t("It has not run yet."), className="dim")
    head = html.Tr([html.Th(text) for text in (t("When"), t("Outcome"), t("New"), t("Same"), t("Refused"))])
    body = [
        html.Tr(
            [
                html.Td(age(row.finished_at, facts.now, t)),
                html.Td(t(row.outcome.replace("_", " ")), title=row.reason),
                html.Td(row.stored), html.Td(row.unchanged), html.Td(row.rejected),
            ]
        )
        for row in rows
    ]  # fmt: skip
    return html.Table([head, *body])


def _refused(rows: Any, facts: Facts, t: Translate, may_download: bool) -> Component:
    if not rows:
        return html.P(t("Nothing was refused."), className="dim")
    head = html.Tr([html.Th(text) for text in (t("Part"), t("Reason"), t("Last"), t("Payload"))])
    body = [
        html.Tr(
            [
                html.Td(row.native_id[:60]),
                html.Td(row.reason[:300]),
                html.Td(f"{age(row.last_at, facts.now, t)} · {row.times} ×"),
                html.Td(
                    html.A(t("download"), href=f"/api/payloads/{row.payload_id}", download="")
                    if may_download and row.payload_id else "–"
                ),
            ]
        )
        for row in rows
    ]  # fmt: skip
    return html.Table([head, *body])
