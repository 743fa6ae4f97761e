"""Mutes: what a person does not want to be asked about for a time, in some region, of some rule or hazard.

A mute has an owner, a reason and an end, and stops by itself. It holds proposals back and nothing else: the level
goes on, is shown, and is proposed when the mute is over and it still differs from what was last put before a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.places import below_mask
from alerts.rule import Rule
from data.errors import RuleError
from data.model import Level
from data.regions import RegionIndex
from data.store.changes import bump
from data.store.tables import mute as table

LONGEST = timedelta(days=31)


@dataclass(frozen=True, kw_only=True)
class Mute:
    """One mute; an empty rule, hazard or region means any."""

    id: int = 0
    rule: str = ""
    hazard: str = ""
    region: str = ""  # with all below it
    up_to: Level = Level.RED  # a higher level is not muted
    starts_at: datetime
    ends_at: datetime
    owner: str
    reason: str
    ended_at: datetime | None = None
    ended_by: str = ""

    def covers(self, rule: Rule) -> bool:
        """Whether it is about a rule; a rule that may not be muted is never covered."""
        named = self.rule in ("", rule.key) and self.hazard in ("", rule.hazard)
        return named and not rule.unmutable

    def holds(self, now: datetime) -> bool:
        return self.starts_at <= now < min(self.ends_at, self.ended_at or self.ends_at)


def add_mute(
    connection: Connection, wanted: Mute, *, rules: Iterable[Rule], index: RegionIndex, now: datetime
) -> Mute:
    """Keep a mute, in the caller's writing transaction. Returns it with its number.

    Raises
    ------
    RuleError
        With every reason why it cannot be: no end, no owner, an unmutable rule, something that does not exist.
    """
    faults = list(_faults(wanted, list(rules), index, now))
    if faults:
        raise RuleError("; ".join(faults))
    inserted = connection.execute(
        table.insert().values(
            rule=wanted.rule, hazard=wanted.hazard, region=wanted.region, up_to=int(wanted.up_to),
            starts_at=wanted.starts_at, ends_at=wanted.ends_at, owner=wanted.owner.strip(),
            reason=wanted.reason.strip(), created_at=now,
        )
    )  # fmt: skip
    assert inserted.inserted_primary_key is not None
    bump(connection, "levels")
    return _mute(connection.execute(sa.select(table).where(table.c.id == inserted.inserted_primary_key[0])).one())


def _faults(wanted: Mute, rules: Sequence[Rule], index: RegionIndex, now: datetime) -> Iterable[str]:
    if not wanted.owner.strip():
        yield "a mute needs an owner"
    if not wanted.reason.strip():
        yield "a mute needs a reason"
    if not (wanted.rule or wanted.hazard or wanted.region):
        yield "a mute names a rule, a hazard or a region"
    if wanted.ends_at <= max(now, wanted.starts_at):
        yield "a mute ends after now and after its start"
    elif wanted.ends_at - max(now, wanted.starts_at) > LONGEST:
        yield f"a mute lasts at most {LONGEST.days} days"
    if wanted.up_to <= Level.NONE:
        yield "a mute reaches up to blue, yellow, orange or red"
    if wanted.region and index.by_code(wanted.region) is None:
        yield f"there is no region {wanted.region}"
    named = [rule for rule in rules if rule.key == wanted.rule]
    if wanted.rule and not named:
        yield f"there is no rule {wanted.rule}"
    if any(rule.unmutable for rule in named):
        yield f"{wanted.rule} may not be muted"
    if wanted.hazard and not any(rule.hazard == wanted.hazard for rule in rules):
        yield f"no rule is about {wanted.hazard}"


def end_mute(connection: Connection, number: int, *, by: str, now: datetime) -> Mute:
    """End a mute early, in the caller's writing transaction.

    Raises
    ------
    RuleError
        If there is none of this number that still runs or is to come.
    """
    here = sa.and_(table.c.id == number, table.c.ended_at.is_(None), table.c.ends_at > now)
    if not by.strip():
        raise RuleError("who ends a mute is told")
    if not connection.execute(table.update().where(here).values(ended_at=now, ended_by=by.strip())).rowcount:
        raise RuleError(f"there is no mute {number} that could be ended")
    bump(connection, "levels")
    return _mute(connection.execute(sa.select(table).where(table.c.id == number)).one())


def read_mutes(connection: Connection, now: datetime | None = None) -> list[Mute]:
    """The mutes that hold at `now`, or all there ever were; those that end first come first."""
    query = sa.select(table).order_by(table.c.ends_at, table.c.id)
    if now is not None:
        query = query.where(table.c.starts_at <= now, table.c.ends_at > now)
    found = [_mute(row) for row in connection.execute(query)]
    return found if now is None else [one for one in found if one.holds(now)]


def _mute(row: Any) -> Mute:
    return Mute(
        id=row.id, rule=row.rule, hazard=row.hazard, region=row.region, up_to=Level(row.up_to),
        starts_at=row.starts_at, ends_at=row.ends_at, owner=row.owner, reason=row.reason, ended_at=row.ended_at,
        ended_by=row.ended_by,
    )  # fmt: skip


def muted_up_to(mutes: Iterable[Mute], rule: Rule, index: RegionIndex, rids: NDArray[np.int32]) -> NDArray[np.int8]:
    """(n,) up to which level each region of a rule is muted; 0 where it is not."""
    limit = np.zeros(len(rids), dtype=np.int8)
    for one in mutes:
        if not one.covers(rule):
            continue
        inside = below_mask((one.region,), index)[rids] if one.region else np.ones(len(rids), dtype=np.bool_)
        limit = np.where(inside, np.maximum(limit, np.int8(one.up_to)), limit).astype(np.int8)
    return limit


def held_back(up_to: NDArray[np.int8], level: NDArray[np.int8]) -> NDArray[np.bool_]:
    """(n,) where a level is not put before people, given up to which one each region is muted."""
    return np.asarray((up_to > 0) & (level <= up_to))


def mute_of(mutes: Iterable[Mute], rule: Rule, level: Level, above: Iterable[str]) -> Mute | None:
    """The mute that a rule's level in a region is under: the one that lasts longest, or None.

    `above` are the codes of the region and of those it lies in.
    """
    codes = {"", *above}
    under = [one for one in mutes if one.covers(rule) and one.region in codes and level <= one.up_to]
    return max(under, key=lambda one: one.ends_at, default=None)
