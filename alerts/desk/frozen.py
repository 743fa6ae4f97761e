"""What held when an editor was opened, and what is different now: nothing that was written is lost over it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.engine import Connection

from alerts.desk.content import Content
from alerts.desk.issued import Kind
from alerts.desk.proposed import Proposed, proposed, superseding
from alerts.desk.read import DeskWarning, sent_in
from alerts.desk.refusal import Refusal
from alerts.desk.suggest import leaves, overlapping, suggest
from data.regions import RegionIndex

What = Literal["chain", "overlap", "action", "proposal", "level", "area", "becomes new", "nothing to end"]


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was: what, then, and now."""

    what: What
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Recheck:
    """What has changed since the editor was opened, and what kind of message it would be now."""

    changes: tuple[Change, ...]
    kind: Kind

    @property
    def digest(self) -> str:
        """What somebody who signs says to have seen; "" where nothing has changed."""
        if not self.changes:
            return ""
        told = json.dumps([[one.what, one.before, one.after] for one in self.changes], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


def freeze(
    connection: Connection,
    index: RegionIndex,
    content: Content,
    now: datetime,
    *,
    chain: int | None = None,
    action: str = "",
    proposal: Proposed | None = None,
) -> dict[str, Any]:
    """What is to be looked at again when the message is signed."""
    found: dict[str, Any] = {
        "at": now.isoformat(), "chain": _live(connection, chain, now),
        "overlap": _overlap(connection, index, content, chain, now), "action": action,
    }  # fmt: skip
    if proposal is not None:
        found |= {"proposal": proposal.id, "level": proposal.level.key, "area": sorted(proposal.regions)}
    return found


def recheck(connection: Connection, index: RegionIndex, item: DeskWarning, now: datetime) -> Recheck:
    """What is different from when the editor was opened."""
    then, changes = item.frozen, []
    live = [] if item.kind == "alert" else _live(connection, item.chain, now)
    if live != then.get("chain", []):
        changes.append(Change("chain", then.get("chain", []), live))
    kind: Kind = item.kind
    if item.kind == "update" and not live:
        kind = "alert"
        changes.append(Change("becomes new", item.chain, None))
    if item.kind == "cancel" and not live:
        changes.append(Change("nothing to end", item.chain, None))
    overlap = _overlap(connection, index, item.content, None if item.kind == "alert" else item.chain, now)
    if added := [one for one in overlap if one not in then.get("overlap", [])]:
        changes.append(Change("overlap", then.get("overlap", []), [*then.get("overlap", []), *added]))
    if item.proposal_id is not None and "proposal" in then:
        changes += _of_proposal(connection, index, item, then, now)
    return Recheck(changes=tuple(changes), kind=kind)


def _of_proposal(
    connection: Connection, index: RegionIndex, item: DeskWarning, then: dict[str, Any], now: datetime
) -> list[Change]:
    assert item.proposal_id is not None
    try:
        base = proposed(connection, item.proposal_id, index)
    except Refusal:
        return [Change("proposal", then["proposal"], None)]
    if base.state != "open":
        newer = superseding(connection, item.proposal_id)
        if newer is None:
            return [Change("proposal", then["proposal"], None)]
        base = proposed(connection, newer.id, index)
    changes = []
    if base.level.key != then["level"]:
        changes.append(Change("level", then["level"], base.level.key))
    if sorted(base.regions) != then["area"]:
        changes.append(Change("area", then["area"], sorted(base.regions)))
    action = suggest(connection, index, base, now, status=item.status).action
    if action != then["action"]:
        changes.append(Change("action", then["action"], action))
    return changes


def _live(connection: Connection, chain: int | None, now: datetime) -> list[int]:
    """The message of a chain that is in force, as a list of none or one."""
    return [] if chain is None else [one.id for one in sent_in(connection, chain) if one.in_force(now)]


def _overlap(
    connection: Connection, index: RegionIndex, content: Content, chain: int | None, now: datetime
) -> list[int]:
    """Other warnings in force about the same hazard and land."""
    wanted = leaves(index, (*content.regions, *content.touched))
    near = overlapping(connection, index, content.hazard, wanted, now, status=content.status)
    return [one.id for one in near if one.chain != chain]
