"""What an evaluation leaves in the store: the rule's version and state, transitions, and its own row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.arrivals import SeenRuns
from alerts.engine import Transition
from alerts.inputs import utc_of
from alerts.pack import PackRule
from alerts.rule import Rule
from data.store.tables import evaluation, rule_state, rule_version, transition


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one rule's evaluation came to."""

    rule: str
    outcome: str  # fired quiet unknown error
    watched: int
    firing: int
    unknown: int
    transitions: int
    proposals: int
    seconds: float
    reason: str = ""


def keep_version(connection: Connection, item: PackRule, now: datetime) -> None:
    rule = item.rule
    same = sa.and_(rule_version.c.rule == rule.key, rule_version.c.digest == rule.digest)
    if connection.execute(sa.select(rule_version.c.rule).where(same)).first() is None:
        connection.execute(
            rule_version.insert().values(
                rule=rule.key, digest=rule.digest, version=rule.version, pack=str(item.path)[-200:], body=rule.body,
                first_at=now,
            )
        )  # fmt: skip


def keep_state(
    connection: Connection, rule: Rule, blob: bytes, now: datetime, *, moved: bool, seen: SeenRuns | None
) -> None:
    """The state; its watermark only after a success, and what it has seen only where all of that was used."""
    values: dict[str, Any] = {"digest": rule.digest, "evaluated_at": now, "state": blob}
    if moved:
        values["watermark_at"] = now
    if seen is not None:
        values["seen_runs"] = seen.as_json()
    row = rule_state.c.rule == rule.key
    if not connection.execute(rule_state.update().where(row).values(**values)).rowcount:
        connection.execute(rule_state.insert().values(rule=rule.key, enabled=True, **values))


def keep_transitions(
    connection: Connection,
    rule: Rule,
    items: Sequence[Transition],
    codes: Sequence[str],
    proposals: dict[str, int],
    now: datetime,
) -> None:
    if not items:
        return
    connection.execute(
        transition.insert(),
        [
            {
                "rule": rule.key, "digest": rule.digest, "region": codes[item.index], "at": now,
                "from_phase": item.from_phase.key, "to_phase": item.to_phase.key,
                "from_level": int(item.from_level), "to_level": int(item.to_level), "reason": item.reason,
                "value": item.value, "value_at": None if item.value_at is None else utc_of(item.value_at),
                "proposal_id": proposals.get(codes[item.index]) if item.to_level != item.from_level else None,
            }
            for item in items
        ],
    )  # fmt: skip


def keep_evaluation(connection: Connection, rule: Rule, result: Outcome, now: datetime) -> None:
    connection.execute(
        evaluation.insert().values(
            rule=rule.key, digest=rule.digest, at=now, outcome=result.outcome, watched=result.watched,
            firing=result.firing, unknown=result.unknown, transitions=result.transitions, seconds=result.seconds,
            reason=result.reason[:2000],
        )
    )  # fmt: skip
