"""What a replay came to, as JSON: transitions, proposals, the levels at its end, and what the feeds brought."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.scenario import iso_micro
from data.model import Level
from data.regions import RegionIndex, load_regions
from data.store.engine import Store
from data.store.exercise import read_exercise
from data.store.tables import level_snapshot, proposal, run, transition
from layers.regions import from_bytes

TRANSITION = (
    "at",
    "rule",
    "region",
    "from_phase",
    "to_phase",
    "from_level",
    "to_level",
    "reason",
    "value",
    "value_at",
)
PROPOSAL = ("created_at", "updated_at", "rule", "hazard", "level", "reason", "regions", "state")


def replay_result(store: Store, base_dir: Path, counts_from: datetime | None = None) -> dict[str, Any]:
    """Everything that rules made of a scenario; what came before `counts_from` only warmed up."""
    index = load_regions(base_dir)
    with store.read() as connection:
        found = read_exercise(connection)
        assert found is not None
        since = counts_from or found.begin_at
        transitions = transitions_of(connection, since)
        return {
            "scenario": found.scenario,
            "digest": found.digest,
            "from": iso_micro(since),
            "at": None if found.at is None else iso_micro(found.at),
            "done": found.state == "done",
            "transitions": transitions,
            "transitions_sha256": sha256_of(transitions),
            "proposals": proposals_of(connection, since),
            "levels": levels_of(connection, index),
            "feeds": feeds_of(connection),
        }


def transitions_of(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """The transitions since a time, ordered by time, rule and region."""
    table = transition.c
    query = sa.select(transition).where(table.at >= since).order_by(table.at, table.rule, table.region, table.id)
    return [_told(row, TRANSITION) for row in connection.execute(query)]


def proposals_of(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """The proposals since a time, in their order."""
    query = sa.select(proposal).where(proposal.c.created_at >= since).order_by(proposal.c.id)
    return [_told(row, PROPOSAL) for row in connection.execute(query)]


def levels_of(connection: Connection, index: RegionIndex) -> dict[str, dict[str, Any]]:
    """Regions with a level or unknown, by code."""
    row = connection.execute(sa.select(level_snapshot.c.levels)).first()
    if row is None:
        return {}
    levels = from_bytes(row.levels)
    found = {}
    for rid, code in enumerate(index.code.tolist()):
        unknown = bool(levels.unknown[rid])
        if levels.level[rid] or unknown:
            found[code] = {"name": str(index.name[rid]), "level": Level(levels.level[rid]).key, "unknown": unknown}
    return found


def feeds_of(connection: Connection) -> dict[str, dict[str, int]]:
    """How many runs each feed had, and what they brought."""
    table = run.c
    sums = [sa.func.sum(table[name]).label(name) for name in ("parsed", "stored", "rejected")]
    query = sa.select(table.source, sa.func.count().label("runs"), *sums).group_by(table.source)
    return {
        row.source: {"runs": row.runs, **{name: int(getattr(row, name)) for name in ("parsed", "stored", "rejected")}}
        for row in connection.execute(query.order_by(table.source))
    }


def sha256_of(value: Any) -> str:
    """A hash by which two results are compared at a glance."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _told(row: sa.Row[Any], names: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(row, name)
        if isinstance(value, datetime):
            value = iso_micro(value)
        elif name.endswith("level"):
            value = Level(value).key
        elif isinstance(value, float) and value in (float("inf"), float("-inf")):
            value = None  # nothing happened there: JSON has no infinity
        found[name] = value
    return found
