"""Whether a look of the rules would change nothing, so that a quiet time can be passed over without writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.engine import State
from alerts.evaluate import enabled_rules, evaluate_rule
from alerts.inputs import Gatherer
from alerts.late import keep_checkpoints
from alerts.memory import Memory
from alerts.pack import PackRule
from data.errors import RuleError
from data.store.engine import Store
from data.store.tables import evaluation, rule_state


def is_settled(
    store: Store, home: Path, base_dir: Path, rules: Sequence[PackRule], at: datetime, memory: Memory | None = None
) -> bool:
    """Whether every rule, looking at `at`, finds the same inputs and stays in the same state as at its last look.

    With nothing delivered in between, only time itself can change a level: a reading grows too old, an event leaves
    its window, a hold ends. What was the same at both ends of such a stretch was the same within it.
    """
    with store.read() as connection:
        enabled = enabled_rules(connection, rules, at)
        rows = connection.execute(sa.select(rule_state).where(rule_state.c.loaded))
        looked = {(row.rule, row.digest) for row in rows if row.evaluated_at is not None}
    if looked != {(item.rule.key, item.rule.digest) for item in enabled}:
        return False
    gatherer = Gatherer(store, home, base_dir, at, rules=[item.rule for item in enabled], memory=memory)
    for item in enabled:
        try:
            found = evaluate_rule(store, gatherer, item, at)
        except RuleError:
            return False
        if found.reason or found.transitions or not _same(found.before, found.after):
            return False
    return True


def _same(before: State, after: State) -> bool:
    for item in fields(State):
        one, other = getattr(before, item.name), getattr(after, item.name)
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
            floating = one.dtype.kind == "f" and other.dtype.kind == "f"
            if not np.array_equal(one, other, equal_nan=floating):
                return False
        elif one != other:
            return False
    return True


def note_settled(connection: Connection, rules: Sequence[PackRule], looks: Sequence[datetime]) -> None:
    """Write that the rules looked and nothing changed: what the last of these evaluations would have left.

    States to go back to when something comes late are kept as each of the looks would have.
    """
    at = looks[-1]
    newest = sa.select(sa.func.max(evaluation.c.id)).group_by(evaluation.c.rule)
    loaded = sa.select(rule_state.c.rule).where(rule_state.c.loaded)
    kept = ("rule", "digest", "outcome", "watched", "firing", "unknown", "seconds", "reason")
    columns = [evaluation.c[name] for name in kept]
    query = sa.select(*columns, sa.literal(at, evaluation.c.at.type), sa.literal(0)).where(
        evaluation.c.id.in_(newest), evaluation.c.rule.in_(loaded)
    )
    connection.execute(evaluation.insert().from_select([*kept, "at", "transitions"], query))
    known = {item.rule.key: item.rule for item in rules}
    states = sa.select(rule_state.c.rule, rule_state.c.state).where(rule_state.c.loaded, rule_state.c.rule.in_(known))
    for row in connection.execute(states).all():
        keep_checkpoints(connection, known[row.rule], row.state, looks)
    moved = sa.and_(rule_state.c.loaded, rule_state.c.watermark_at == rule_state.c.evaluated_at)
    connection.execute(rule_state.update().where(moved).values(watermark_at=at))
    connection.execute(rule_state.update().where(rule_state.c.loaded).values(evaluated_at=at))
