"""What a proposal says for itself: its rule as it stood, and its reading in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.desk.area import names
from alerts.desk.content import LANGUAGES, Language
from alerts.desk.refusal import Refusal
from alerts.desk.template import LEVEL_WORDS
from alerts.rule import Rule
from data.model import Level
from data.regions import RegionIndex
from data.store.tables import proposal, rule_version, transition


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """One proposal with what stands behind it."""

    id: int
    hazard: str
    level: Level
    reason: str
    state: str
    regions: tuple[str, ...]
    rule: Rule | None  # None where the rule's text was never kept
    rule_key: str
    digest: str
    why: dict[Language, str]


def proposed(connection: Connection, id: int, index: RegionIndex) -> Proposed:
    """A proposal; Refusal where there is none."""
    row = connection.execute(sa.select(proposal).where(proposal.c.id == id)).first()
    if row is None:
        raise Refusal("There is no proposal {id}.", id=id)
    same = sa.and_(rule_version.c.rule == row.rule, rule_version.c.digest == row.digest)
    body = connection.execute(sa.select(rule_version.c.body).where(same)).scalar()
    rule = None if body is None else Rule.model_validate(body)
    return Proposed(
        id=row.id, hazard=row.hazard, level=Level(row.level), reason=row.reason, state=row.state,
        regions=tuple(row.regions), rule=rule, rule_key=row.rule, digest=row.digest,
        why={} if rule is None else _why(rule, row, _decisive(connection, id), index),
    )  # fmt: skip


def _decisive(connection: Connection, id: int) -> Any:
    """The highest reading among the changes that the proposal is made of; None where none has a value."""
    column = transition.c
    query = sa.select(transition).where(column.proposal_id == id, column.value.is_not(None))
    return connection.execute(query.order_by(column.to_level.desc(), column.value.desc()).limit(1)).first()


def _why(rule: Rule, row: Any, reading: Any, index: RegionIndex) -> dict[Language, str]:
    """The rule's own sentence about its reading; nothing where there is no reading: the author says why."""
    level = Level(row.level)
    condition = rule.levels.get(level.key) if level > Level.NONE else None  # type: ignore[call-overload]
    if reading is None or condition is None:
        return {}
    leaf = next(condition.leaves())
    given = rule.inputs[str(leaf.input)]
    found: dict[Language, str] = {}
    for language in LANGUAGES:
        filled = {
            "region": names([reading.region], index, language), "value": number(reading.value), "unit": given.unit,  # type: ignore[arg-type]
            "level": LEVEL_WORDS[language][level.key], "window": _hours(given.window, language),
        }  # fmt: skip
        found[language] = rule.text.of(language).format(**filled)  # type: ignore[index]
    return found


def number(value: float) -> str:
    """A reading as people write it."""
    return f"{value:.1f}".removesuffix(".0")


def _hours(seconds: float, language: str) -> str:
    hours = number(seconds / 3600)
    return f"{hours}小时" if language == "zh" else f"{hours} h"


def superseding(connection: Connection, id: int) -> Any:
    """The open proposal that took the place of another, or None."""
    seen: set[int] = set()
    while id not in seen:
        seen.add(id)
        row = connection.execute(sa.select(proposal).where(proposal.c.id == id)).first()
        if row is None or row.superseded_by is None:
            return row if row is not None and row.state == "open" else None
        id = row.superseded_by
    return None
