"""What an evaluation leaves in the store: the rule's version and state, transitions, proposals, and its own row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.engine import Transition
from alerts.inputs import utc_of
from alerts.pack import PackRule
from alerts.propose import Draft, replaced
from alerts.rule import Rule
from data.store.changes import note_change
from data.store.tables import evaluation, proposal, rule_state, rule_version, transition

NAMED = 50  # regions listed in a change line; the count says how many there are


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
    connection: Connection, rule: Rule, blob: bytes, now: datetime, *, moved: bool, seen: int | None
) -> None:
    """The state; its watermark only after a success, and what it has seen only where all of that was used."""
    values: dict[str, Any] = {"digest": rule.digest, "evaluated_at": now, "state": blob}
    if moved:
        values["watermark_at"] = now
    if seen is not None:
        values["seen_payload"] = seen
    row = rule_state.c.rule == rule.key
    if not connection.execute(rule_state.update().where(row).values(**values)).rowcount:
        connection.execute(rule_state.insert().values(rule=rule.key, enabled=True, **values))


def keep_proposals(connection: Connection, rule: Rule, drafts: Sequence[Draft], now: datetime) -> dict[str, int]:
    """Write drafts, retire what they replace, and tell the screens. Returns region -> proposal."""
    drafted: dict[str, int] = {}
    if not drafts:
        return drafted
    same_rule = sa.and_(proposal.c.rule == rule.key, proposal.c.state == "open")
    before = {row.id: row.regions for row in connection.execute(sa.select(proposal).where(same_rule))}
    for draft in drafts:
        inserted = connection.execute(
            proposal.insert().values(
                created_at=now, updated_at=now, rule=rule.key, digest=rule.digest, hazard=rule.hazard,
                level=int(draft.level), reason=draft.reason, regions=list(draft.regions), state="open",
                detail={"before": int(draft.before), "branch": rule.branch, "version": rule.version},
            )
        )  # fmt: skip
        assert inserted.inserted_primary_key is not None
        key = int(inserted.inserted_primary_key[0])
        drafted |= dict.fromkeys(draft.regions, key)
        note_change(
            connection, "proposals", at=now, kind=draft.reason, subject=rule.key,
            level=max(draft.level, draft.before),
            detail={
                "proposal": key, "level": draft.level.key, "title": rule.title.model_dump(),
                "regions": list(draft.regions[:NAMED]), "count": len(draft.regions),
            },
        )  # fmt: skip
    superseded, shrunk = replaced(before, drafted)
    for key, by in superseded.items():
        connection.execute(
            proposal.update().where(proposal.c.id == key).values(state="superseded", superseded_by=by, updated_at=now)
        )
    for key, left in shrunk.items():
        connection.execute(proposal.update().where(proposal.c.id == key).values(regions=list(left), updated_at=now))
    return drafted


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
