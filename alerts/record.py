"""A scenario from what a live system received: its payloads, its runs, and when its rules looked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Connection

from alerts.scenario import (
    DELIVERIES,
    DELIVERY_COLUMNS,
    FEEDS,
    FILES,
    HEAD,
    PAYLOADS,
    ROUNDS,
    iso_micro,
    stamp,
    table_bytes,
    write_scenario,
)
from alerts.scenario_file import read_scenario
from data.clock import iso
from data.errors import ConfigError
from data.settings import Settings
from data.store.archive import Archive
from data.store.engine import Store
from data.store.tables import evaluation_round, payload, run

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is recorded: from when to when, and how much before it to warm up."""

    warm_from: datetime
    begin: datetime
    end: datetime


def record(store: Store, settings: Settings, span: Span, name: str, out: Path) -> Mapping[str, int]:
    """Write a scenario of a span of the archive. Returns how many runs, payloads and looks are in it.

    Notes
    -----
    Runs that found nothing new are kept for a day only; a span recorded later lacks them, and feeds that were heard
    but had nothing to tell seem silent in it.

    Raises
    ------
    ConfigError
        If nothing was received in the span.
    """
    archive = Archive(settings.home / "payloads")
    with store.read() as connection:
        rows = _runs(connection, span)
        looks = _looks(connection, span)
    if not any(row.sha256 for row in rows):
        raise ConfigError([f"no payload was received from {iso(span.warm_from)} to {iso(span.end)}"])
    members: dict[str, bytes] = {}
    table, ends = _deliveries(rows, [row.seen_run for row in looks])
    for row in rows:
        if row.sha256:
            members.setdefault(_path(row), archive.get(row.sha256))
    members[DELIVERIES] = table_bytes(DELIVERY_COLUMNS, table)
    seen = [{"at": iso_micro(row.at), "seen": sum(end <= row.seen_run for end in ends)} for row in looks]
    if looks:
        members[ROUNDS] = table_bytes(("at", "seen"), seen)
    members[FEEDS] = yaml.safe_dump(_feeds(settings, rows, members), allow_unicode=True, sort_keys=False).encode()
    members[HEAD] = yaml.safe_dump(_head(span, name), allow_unicode=True, sort_keys=False).encode()
    write_scenario(out, members)
    read_scenario(out)
    return {
        "runs": len(ends), "payloads": sum(member.startswith(PAYLOADS) for member in members), "looks": len(looks)
    }  # fmt: skip


def _runs(connection: Connection, span: Span) -> Sequence[Any]:
    facts = ("sha256", "received_at", "url", "name", "media_type")
    query = (
        sa.select(run, *[payload.c[name] for name in facts])
        .select_from(run.outerjoin(payload, run.c.payload_id == payload.c.id))
        .where(run.c.finished_at >= span.warm_from, run.c.finished_at <= span.end)
        .order_by(run.c.id)
    )
    return connection.execute(query).all()


def _looks(connection: Connection, span: Span) -> Sequence[Any]:
    table = evaluation_round.c
    query = sa.select(evaluation_round).where(table.at >= span.warm_from, table.at <= span.end)
    return connection.execute(query.order_by(table.at, table.id)).all()


def _deliveries(rows: Sequence[Any], seen: Sequence[int]) -> tuple[list[dict[str, Any]], list[int]]:
    """The rows of the table, and the number of the last run of each delivery.

    The payloads of one run are one delivery, unless the rules looked in between.
    """
    cuts = set(seen)
    table: list[dict[str, Any]] = []
    ends: list[int] = []
    had: set[str] = set()
    before = None
    for row in rows:
        key = (row.source, row.started_at)
        if not ends or key != before or ends[-1] in cuts:
            ends.append(row.id)
        else:
            ends[-1] = row.id
        before = key
        path = _path(row) if row.sha256 else ""
        table.append(
            {
                "at": iso_micro(row.finished_at), "run": len(ends), "source": row.source, "path": path,
                # the row of a payload says when it first came; when the same came again, the run knows
                "received_at": iso_micro(row.started_at if path in had else row.received_at) if path else "",
                "url": row.url or "", "name": row.name or "", "media_type": row.media_type or "",
                "outcome": row.outcome, "reason": row.reason,
            }
        )  # fmt: skip
        had.add(path)
    return table, ends


def _path(row: Any) -> str:
    name = UNSAFE.sub("-", row.name)[-80:] if row.name else "payload"
    return f"{PAYLOADS}{row.source}/{stamp(row.received_at)}_{row.sha256[:12]}_{name}"


def _feeds(settings: Settings, rows: Sequence[Any], members: dict[str, bytes]) -> list[dict[str, Any]]:
    """The configuration of the feeds that ran; addresses stay out, because they may hold keys."""
    ran = {row.source for row in rows}
    known = {str(config.get("key") or config.get("source")): config for config in settings.sources}
    feeds = []
    for key in sorted(ran):
        config = dict(known.get(key, {"source": key})) | {"url": f"scenario:{key}", "enabled": True}
        stations = config.get("stations")
        if isinstance(stations, Mapping):
            listed = Path(str(stations["path"]))
            kept = f"{FILES}{key}-{UNSAFE.sub('-', listed.name)}"
            members[kept] = listed.read_bytes()
            config["stations"] = {**stations, "path": kept}
        feeds.append(config)
    return feeds


def _head(span: Span, name: str) -> dict[str, Any]:
    words = f"{iso(span.begin)} – {iso(span.end)}"
    return {
        "name": name, "title": {"en": f"Recorded {words}", "zh": f"实录 {words}"},
        "from": iso_micro(span.warm_from), "to": iso_micro(span.end), "counts_from": iso_micro(span.begin),
        "status": "recorded",
        "about": {"en": "Recorded from the archive of a live system.", "zh": "取自业务系统存档的实际资料。"},
        "observed": ["every payload as it was received"],
    }  # fmt: skip
