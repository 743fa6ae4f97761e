"""From transitions to proposals: grouped, with a named reason, and nothing when nothing changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from alerts.engine import Small
from alerts.mute import held_back
from alerts.neighbours import Land
from data.model import Level


class Moved(Protocol):
    """A change of level in one region (its index in the rule's regions), such as a `Transition`."""

    @property
    def index(self) -> int: ...
    @property
    def from_level(self) -> Level: ...
    @property
    def to_level(self) -> Level: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A level that is another than the one last put before a person."""

    index: int
    from_level: Level
    to_level: Level


def to_propose(proposed: Small, level: Small, muted_up_to: Small) -> tuple[list[Move], Small]:
    """What is to be put before a person, and what is then the level last put before one.

    Parameters
    ----------
    proposed, level : array of int8
        (n,) what was proposed last, and what is in force.
    muted_up_to : array of int8
        (n,) levels up to this one are held back; 0 where nothing is.
    """
    open_now = (level != proposed) & ~held_back(muted_up_to, level)
    moves = [
        Move(index=index, from_level=Level(int(proposed[index])), to_level=Level(int(level[index])))
        for index in np.flatnonzero(open_now).tolist()
    ]
    return moves, np.where(open_now, level, proposed).astype(np.int8)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A proposal before it has a row: one rule, one level, one reason, one stretch of land."""

    level: Level
    reason: str
    regions: tuple[str, ...]
    before: Level  # the highest level that these regions had


def draft_proposals(
    transitions: Sequence[Moved],
    codes: Sequence[str],
    *,
    in_force_before: int,
    revised: Collection[int] = (),
    withdrawn: Collection[int] = (),
    land: Land | None = None,
) -> tuple[Draft, ...]:
    """Group what changed level into proposals, most severe first: one for each level, reason and stretch of land.

    Parameters
    ----------
    transitions : sequence of Moved
        Of one rule and one evaluation.
    codes : sequence of str
        Region codes by index.
    in_force_before : int
        How many regions had a level in force before.
    revised, withdrawn : collections of int
        Regions whose event was revised, or deleted by its provider.
    land : Land, optional
        Which regions hang together; without it all of them do.

    Notes
    -----
    A change of phase alone, such as to unknown, proposes nothing: what was issued stands until a person, its own end,
    or a reading says otherwise.
    """
    groups: dict[tuple[Level, str], list[tuple[str, Level]]] = {}
    for item in transitions:
        if item.to_level == item.from_level:
            continue
        reason = _reason(item, in_force_before, item.index in revised, item.index in withdrawn)
        groups.setdefault((item.to_level, reason), []).append((codes[item.index], item.from_level))
    return tuple(
        draft
        for (level, reason), moved in sorted(groups.items(), key=lambda pair: (-pair[0][0], pair[0][1]))
        for draft in drafts_of(level, reason, moved, land)
    )


def drafts_of(level: Level, reason: str, moved: Sequence[tuple[str, Level]], land: Land | None) -> Iterator[Draft]:
    """One draft for each stretch of land of these regions, which had these levels before."""
    ordered = sorted(moved)
    parts = [list(range(len(ordered)))] if land is None else land.apart([code for code, _ in ordered])
    for part in parts:
        yield Draft(
            level=level, reason=reason, regions=tuple(ordered[place][0] for place in part),
            before=max(ordered[place][1] for place in part),
        )  # fmt: skip


def _reason(item: Moved, in_force_before: int, revised: bool, withdrawn: bool) -> str:
    if withdrawn and item.to_level < item.from_level:
        return "withdrawn"
    if revised and item.from_level > Level.NONE:
        return "correction"
    if item.to_level == Level.NONE:
        return "all clear"
    if item.from_level == Level.NONE:
        return "new area" if in_force_before else "first"
    return "higher" if item.to_level > item.from_level else "lower"
