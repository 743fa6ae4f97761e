"""What to do with a proposal, seen against what is in force: the smallest step that leaves nobody unwarned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.engine import Connection

from alerts.desk.issued import Kind, Status
from alerts.desk.limits import limits_of
from alerts.desk.proposed import Proposed
from alerts.desk.read import DeskWarning, standing
from data.model import Level
from data.regions import RegionIndex

Name = Literal["new", "continue", "extend", "upgrade", "lower", "cancel", "let expire", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Action:
    """One step: its name, the kind of message, and the warning in force that it is about.

    An `upgrade` or `lower` of a part of a warning is an alert of its own: the rest keeps its level, and what stands
    in force goes on until somebody changes it.
    """

    action: Name
    kind: Kind
    regions: tuple[str, ...]
    current: DeskWarning | None = None

    @property
    def chain(self) -> int | None:
        """The chain that the message belongs to; None for a new one."""
        return None if self.current is None or self.kind == "alert" else self.current.chain


def suggest(
    connection: Connection, index: RegionIndex, item: Proposed, now: datetime, *, status: Status = "Actual"
) -> Action:
    """The action for a proposal.

    Parameters
    ----------
    status : {"Actual", "Exercise", "Test"}
        Only messages of the same status are looked at.
    """
    wanted = leaves(index, item.regions)
    near = overlapping(connection, index, item.hazard, wanted, now, status=status)
    if not near:
        return Action(action="nothing" if item.level <= Level.NONE else "new", kind="alert", regions=item.regions)
    current = max(near, key=lambda one: (len(wanted & leaves(index, one.content.regions)), one.id))
    held = leaves(index, current.content.regions)
    return _against(item, current, wanted=wanted, held=held, now=now)


def _against(item: Proposed, current: DeskWarning, *, wanted: set[int], held: set[int], now: datetime) -> Action:
    whole, regions = held <= wanted, tuple(dict.fromkeys((*current.content.regions, *item.regions)))
    if item.level <= Level.NONE:
        if not whole:
            left = tuple(code for code in current.content.regions if code not in set(item.regions))
            return Action(action="lower", kind="update", regions=left or current.content.regions, current=current)
        name: Name = "let expire" if _ends_soon(current, now) else "cancel"
        return Action(action=name, kind="cancel", regions=current.content.regions, current=current)
    if item.level != current.level:
        changed: Name = "upgrade" if item.level > current.level else "lower"
        if whole:
            return Action(action=changed, kind="update", regions=regions, current=current)
        return Action(action=changed, kind="alert", regions=item.regions, current=current)
    name = "extend" if not wanted <= held or _ends_soon(current, now) else "continue"
    return Action(action=name, kind="update", regions=regions, current=current)


def overlapping(
    connection: Connection, index: RegionIndex, hazard: str, wanted: set[int], now: datetime, *, status: Status
) -> list[DeskWarning]:
    """Messages in force about the same hazard and some of the same land."""
    return [
        one
        for one in standing(connection, now)
        if one.hazard == hazard and one.status == status and wanted & leaves(index, one.content.regions)
    ]


def leaves(index: RegionIndex, codes: Iterable[str]) -> set[int]:
    """The finest regions within these."""
    found: set[int] = set()
    for code in codes:
        rid = index.by_code(code)
        if rid is not None:
            below = [one for one in index.descendants(rid) if not index.children(one).size]
            found.update(below or [rid])
    return found


def _ends_soon(current: DeskWarning, now: datetime) -> bool:
    first = max(limits_of(current.hazard).reminders, default=None)
    return first is not None and current.expires_at is not None and current.expires_at - now <= first
