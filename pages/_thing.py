"""The panel of a thing on the map that is not a region: an event, a station, a warning of somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from dash import html
from dash.development.base_component import Component
from sqlalchemy.engine import Connection

from access.people import current
from data.model import Level
from data.store.tables import event, event_revision, incoming_warning, observation, station
from data.text import Translate
from layers.stations import STAGE_LEVELS
from pages._chart import graph, series
from pages._context import Context
from pages._levels import chip
from pages._times import age, local
from pages._why import head, station_rows

REVISIONS = 20


def thing(chosen: Mapping[str, Any], context: Context, t: Translate, now: datetime) -> list[Component]:
    """What is known of it; what is gone says so."""
    build = {"event": _event, "station": _station, "warning": _warning}.get(str(chosen.get("type")))
    parts: list[Component] | None = None
    if build is not None:
        with context.store.read() as connection:
            parts = build(connection, chosen, context, t, now)
    return parts or head(t("This is not there any more"), t)


def _table(rows: list[tuple[str, Any]]) -> Component:
    return html.Table([html.Tr([html.Th(name), html.Td(value)]) for name, value in rows if value not in ("", None)])


def _moment(at: datetime | None, context: Context, t: Translate, now: datetime) -> str:
    return f"{local(at, context.settings.zone, seconds=True)} · {age(at, now, t)}" if at else "–"


def _payload(number: Any, t: Translate) -> list[Component]:
    if number is None or not current().may("payload.download"):
        return []
    return [html.P(html.A(t("Payload as received"), href=f"/api/payloads/{number}", download=""))]


def _parts(chosen: Mapping[str, Any]) -> tuple[str, str]:
    """Source and native id of what was clicked; its id is `source/id`."""
    source, _, native = str(chosen.get("id", "")).partition("/")
    return source, native


def _event(
    connection: Connection, chosen: Mapping[str, Any], context: Context, t: Translate, now: datetime
) -> list[Component] | None:
    source, native = _parts(chosen)
    row = connection.execute(sa.select(event).where(event.c.source == source, event.c.id == native)).first()
    if row is None:
        return None
    revisions = connection.execute(
        sa.select(event_revision)
        .where(event_revision.c.source == source, event_revision.c.id == native)
        .order_by(event_revision.c.updated_at.desc()).limit(REVISIONS)
    ).all()  # fmt: skip
    magnitude = "–" if row.magnitude is None else f"{row.magnitude:g} {row.magnitude_type}"
    facts = [
        (t("Magnitude"), magnitude),
        (t("Depth"), "–" if row.depth_km is None else f"{row.depth_km:g} km"),
        (t("Position"), f"{row.lat:.3f}, {row.lon:.3f}"),
        (t("Occurred"), _moment(row.occurred_at, context, t, now)),
        (t("Updated"), _moment(row.updated_at, context, t, now)),
        (t("Received"), _moment(row.received_at, context, t, now)),
        (t("State"), t(row.status)),
        (t("Same as"), row.same_as),
        (t("Other ids"), ", ".join(row.aliases)),
        (t("Source"), source),
    ]
    lines = [
        html.Tr([html.Td(age(one.updated_at, now, t)), html.Td(_told(one.body, "magnitude")),
                 html.Td(_told(one.body, "depth_km") + " km"), html.Td(t(str(one.body.get("status", ""))))])
        for one in revisions
    ]  # fmt: skip
    return [
        *head(row.title or native, t, _table(facts)),
        html.H3(t("Revisions") + f" ({len(revisions)})"), html.Table(lines), *_payload(row.payload_id, t),
    ]  # fmt: skip


def _told(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return "–" if value is None else f"{value:g}"


def _station(
    connection: Connection, chosen: Mapping[str, Any], context: Context, t: Translate, now: datetime
) -> list[Component] | None:
    source, native = _parts(chosen)
    row = connection.execute(sa.select(station).where(station.c.source == source, station.c.id == native)).first()
    if row is None:
        return None
    quantities = connection.execute(
        sa.select(observation.c.quantity, observation.c.unit, sa.func.max(observation.c.observed_at).label("at"))
        .where(observation.c.source == source, observation.c.station == native)
        .group_by(observation.c.quantity, observation.c.unit)
    ).all()
    parts = head(
        row.name or native, t, html.P(f"{source} · {native} · {row.lat:.3f}, {row.lon:.3f}", className="dim")
    )
    for one in quantities:
        rows = station_rows(context, source, native, one.quantity, now)
        newest = rows[-1] if rows else None
        value = t("no value") if newest is None or newest.value is None else f"{newest.value:.4g} {one.unit}"
        stages = row.attributes.get("stages_m", {}) if one.quantity == "river_stage" else {}
        limits = {STAGE_LEVELS[name]: float(stage) for name, stage in stages.items() if name in STAGE_LEVELS}
        parts += [
            html.H3(t(one.quantity.replace("_", " "))),
            html.Div(value, className="value"),
            html.P(f"{_moment(one.at, context, t, now)} · {t(newest.quality) if newest else t('missing')}"),
            graph(series(rows, limits, unit=one.unit, now=now, zone=context.settings.zone, t=t)),
        ]
    return parts


def _warning(
    connection: Connection, chosen: Mapping[str, Any], context: Context, t: Translate, now: datetime
) -> list[Component] | None:
    row = connection.execute(
        sa.select(incoming_warning).where(incoming_warning.c.key == str(chosen.get("key", "")))
    ).first()
    if row is None:
        return None
    facts = [
        (t("Event"), row.event),
        (t("Severity"), f"{row.severity} · {row.urgency} · {row.certainty}"),
        (t("Area"), row.area[:600]),
        (t("Onset"), _moment(row.onset_at, context, t, now) if row.onset_at else ""),
        (t("Valid until"), _moment(row.expires_at, context, t, now) if row.expires_at else t("No end given")),
        (t("Sent"), _moment(row.sent_at, context, t, now)),
        (t("Received"), _moment(row.received_at, context, t, now)),
        (t("Sender"), row.sender),
        (t("Identifier"), row.id),
        (t("Source"), row.source),
    ]
    infos = [info for info in row.infos if isinstance(info, Mapping)]
    texts = [html.P(str(info.get(name, "")), lang=str(info.get("language", ""))) for info in infos
             for name in ("description", "instruction") if info.get(name)]  # fmt: skip
    return [
        *head(row.headline or row.event, t, html.P(chip(Level(row.level), t)), _table(facts)),
        *texts,
        *_payload(row.payload_id, t),
    ]
