"""What the screens say, read from the store in a few queries and shared between viewers of one worker."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.model import Level
from data.store.changes import read_changes, read_versions
from data.store.incoming import InForce, in_force, read_live
from data.store.leader import SILENT_AFTER
from data.store.tables import (
    evaluation,
    leader,
    level_snapshot,
    notice,
    proposal,
    rule_state,
    rule_version,
    source_state,
)
from pages._context import Context, SourceManifest

CHANGED_WITHIN = timedelta(minutes=10)
LEVEL_BITS, UNKNOWN_BIT, NOT_WATCHED_BIT = 0b111, 0b1000, 0b10000


@dataclass(frozen=True, kw_only=True)
class FeedLine:
    """One feed as the screens show it."""

    spec: SourceManifest
    state: Any  # the row of source_state, or None where the source was never touched
    light: str
    age: timedelta | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """The last evaluation of one enabled rule."""

    rule: str
    titles: Mapping[str, str]  # by language
    at: datetime | None
    outcome: str
    watched: int
    firing: int
    unknown: int
    reason: str

    def title(self, locale: str) -> str:
        return self.titles.get(locale) or self.titles.get("en") or self.rule


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One consistent picture of now."""

    now: datetime
    version: int
    heartbeat_at: datetime | None
    feeds: Sequence[FeedLine]
    rules: Sequence[RuleLine]
    levels: bytes
    levels_at: datetime | None
    counts: dict[str, Any]
    proposals: Sequence[Any]
    warnings: Sequence[InForce]
    changes: Sequence[Any]
    notices: Sequence[Any]
    worst: Sequence[tuple[int, Level, bool]] = field(default=())  # (rid, level, also unknown), most severe first

    @property
    def engine_silent(self) -> bool:
        return self.heartbeat_at is None or self.now - self.heartbeat_at > SILENT_AFTER

    @property
    def evaluated_at(self) -> datetime | None:
        """The oldest last evaluation: what a person may rely on for every rule."""
        known = [line.at for line in self.rules]
        return None if not known or None in known else min(at for at in known if at is not None)

    @property
    def rules_unknown(self) -> Sequence[RuleLine]:
        return [line for line in self.rules if line.unknown or line.outcome in ("unknown", "error")]


class FactReader:
    """Reads `Facts`, at most once a second and version for all viewers of this process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._kept: Facts | None = None

    def __call__(self) -> Facts:
        now = self._context.clock()
        with self._lock, self._context.store.read() as connection:
            version = read_versions(connection).get("all", 0)
            kept = self._kept
            if kept is not None and kept.version == version and abs(now - kept.now) < timedelta(seconds=1):
                return kept
            self._kept = self._read(connection, now, version)
            return self._kept

    def _read(self, connection: Connection, now: datetime, version: int) -> Facts:
        snapshot = connection.execute(sa.select(level_snapshot).order_by(level_snapshot.c.id.desc()).limit(1)).first()
        levels = bytes(snapshot.levels) if snapshot else b""
        return Facts(
            now=now,
            version=version,
            heartbeat_at=connection.execute(
                sa.select(leader.c.heartbeat_at).where(leader.c.name == "engine")
            ).scalar(),
            feeds=self._feeds(connection, now),
            rules=_rules(connection),
            levels=levels,
            levels_at=snapshot.at if snapshot else None,
            counts=dict(snapshot.counts) if snapshot else {},
            proposals=list(
                connection.execute(
                    sa.select(proposal)
                    .where(proposal.c.state == "open")
                    .order_by(proposal.c.level.desc(), proposal.c.created_at)
                    .limit(500)
                )
            ),
            warnings=_warnings_in_force(connection, now),
            changes=read_changes(connection, now - CHANGED_WITHIN),
            notices=list(
                connection.execute(sa.select(notice).where(notice.c.closed_at.is_(None)).order_by(notice.c.opened_at))
            ),
            worst=self._worst(levels),
        )

    def _feeds(self, connection: Connection, now: datetime) -> list[FeedLine]:
        states = {row.source: row for row in connection.execute(sa.select(source_state))}
        lines = []
        for spec in self._context.sources:
            state = states.get(spec.key)
            health = self._context.feed_health(spec, state, now)
            lines.append(FeedLine(spec=spec, state=state, light=health.light, age=health.age, reason=health.reason))
        return lines

    def _worst(self, levels: bytes) -> list[tuple[int, Level, bool]]:
        """Regions at a level that have no child at one: the finest place each colour comes from."""
        regions = self._context.regions
        if len(levels) != len(regions):
            return []
        coded = np.frombuffer(levels, dtype=np.uint8)
        level = coded & LEVEL_BITS
        parents = regions.parent_rid[level > 0]
        explained = np.zeros(len(level), dtype=np.bool_)
        explained[parents[parents >= 0]] = True
        rids = np.flatnonzero((level > 0) & ~explained)
        order = np.lexsort((rids, -level[rids].astype(np.int8)))
        return [(int(rid), Level(int(level[rid])), bool(coded[rid] & UNKNOWN_BIT)) for rid in rids[order].tolist()]


def _rules(connection: Connection) -> list[RuleLine]:
    newest = (
        sa.select(evaluation.c.rule, sa.func.max(evaluation.c.id).label("id")).group_by(evaluation.c.rule).subquery()
    )
    rows = connection.execute(
        sa.select(rule_state.c.rule, rule_version.c.body, evaluation)
        .select_from(rule_state)
        .outerjoin(newest, newest.c.rule == rule_state.c.rule)
        .outerjoin(evaluation, evaluation.c.id == newest.c.id)
        .outerjoin(
            rule_version,
            sa.and_(rule_version.c.rule == rule_state.c.rule, rule_version.c.digest == rule_state.c.digest),
        )
        .where(rule_state.c.enabled, rule_state.c.loaded)
        .order_by(rule_state.c.rule)
    ).mappings()
    lines = []
    for row in rows:
        body = row["body"] or {}
        lines.append(
            RuleLine(
                rule=row[rule_state.c.rule],
                titles=body.get("title") or {},
                at=row["at"],
                outcome=row["outcome"] or "never",
                watched=row["watched"] or 0,
                firing=row["firing"] or 0,
                unknown=row["unknown"] or 0,
                reason=row["reason"] or "",
            )
        )
    return lines


def _warnings_in_force(connection: Connection, now: datetime) -> list[InForce]:
    """Warnings of others that hold now, what ends first coming first."""
    return sorted(in_force(read_live(connection, now), now), key=lambda one: one.ends_at)
