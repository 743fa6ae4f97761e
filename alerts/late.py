"""Data that come late: the looks that should have seen them are done again, from an earlier state of the rule.

A reading is late when an evaluation has already looked at its time without it, and it is either older than the rule
lets a newest reading be, or not the newest of its station; so is a step of an observed field. From the last state
kept before it the same pure steps are taken at the same times, with all that is known now, as if everything had come
in time. In the regions that late readings belong to, the state goes on from there, and levels that were missed are
proposed with the reason "late data". What was proposed or issued before stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.arrivals import LEAST_EVERY, late_arrivals, regions_of, span_of, watched_late
from alerts.engine import Compiled, Phase, State, Transition, after_gap, step
from alerts.freeze import TEXTS, state_from_bytes
from alerts.inputs import Gatherer, utc_of
from alerts.memory import Memory
from alerts.neighbours import Land
from alerts.propose import Draft, drafts_of
from alerts.rule import Rule
from alerts.station_inputs import Network
from data.model import Level
from data.store.engine import Store
from data.store.tables import evaluation, rule_checkpoint, transition

LATE = "late data"
KEPT = 12  # earlier states of a rule

Bools = NDArray[np.bool_]
Looks = Callable[[datetime, datetime], Sequence[datetime]]  # when rules looked, strictly between two times


@dataclass(frozen=True, kw_only=True, eq=False)
class Missed:
    """What late readings change: the state to go on from, and the levels that were not proposed, in their order."""

    replaced: Bools  # (n,) where the levels below stand in the place of what this evaluation found by itself
    state: State
    since: float  # the oldest of the late readings [s since 1970 UTC]
    levels: tuple[tuple[int, tuple[Level, ...]], ...]  # region -> levels that it should have had, the last as it is


@dataclass(eq=False)
class AsKnownNow(Gatherer):
    """Gathers as of an earlier time with the readings that are known by now."""

    whole: Gatherer | None = None

    def network(self, quantity: str, unit: str) -> Network:
        assert self.whole is not None
        found = self.whole.network(quantity, unit)
        seen = found.readings.at <= self.now.timestamp()
        return replace(found, readings=found.readings.where(seen))


@dataclass(eq=False)
class FarReaching(Gatherer):
    """Gathers readings as far back as the first of the looks that are done again."""

    since: timedelta = timedelta(0)

    def _reach(self, quantity: str) -> timedelta:
        return super()._reach(quantity) + self.since


def keep_checkpoints(connection: Connection, rule: Rule, blob: bytes, looks: Sequence[datetime]) -> None:
    """Keep the state that looks have left where the last one kept was old enough; drop what nobody goes back to."""
    if not watched_late(rule):
        return
    table, span = rule_checkpoint.c, span_of(rule)
    mine = table.rule == rule.key
    newest = connection.execute(sa.select(sa.func.max(table.at)).where(mine, table.digest == rule.digest)).scalar()
    due: list[datetime] = []
    for at in looks:
        if newest is None or at - newest >= max(span / KEPT, LEAST_EVERY):
            due.append(at)
            newest = at
    if due:
        over = sa.or_(table.digest != rule.digest, table.at < due[-1] - span - LEAST_EVERY, table.at >= due[0])
        connection.execute(rule_checkpoint.delete().where(mine, over))
        rows = [{"rule": rule.key, "at": at, "digest": rule.digest, "state": blob} for at in due]
        connection.execute(rule_checkpoint.insert(), rows)


def find_missed(
    store: Store,
    gatherer: Gatherer,
    compiled: Compiled,
    rids: NDArray[np.int32],
    before: State,
    ordinary: State,
    looked: Looks | None = None,
) -> Missed | None:
    """What readings that came late change; None where none did, or where no earlier state is known.

    Parameters
    ----------
    store, gatherer
        Of this evaluation.
    compiled, rids
        The rule and its regions.
    before, ordinary : State
        Before and after this evaluation's step without regard to late readings: what regions without them go on with.
    looked : callable, optional
        When the rules looked, where not every look has left its row.
    """
    rule, now = compiled.rule, gatherer.now
    if not watched_late(rule):
        return None
    with store.read() as connection:
        late = late_arrivals(connection, rule, now)
        if not late:
            return None
        since = min(one.at for one in late)
        checkpoint = _checkpoint_before(connection, rule, since)
        if checkpoint is None:
            return None
        looks = [*(looked or partial(_looks, connection, rule))(checkpoint.at, now), now]
        recorded = _recorded(connection, rule, checkpoint.at)
    state, codes = state_from_bytes(checkpoint.state)
    if not np.array_equal(codes, gatherer.index.code[rids]):
        return None
    regions = regions_of(late, gatherer, rule, rids)
    state, courses = _again(store, gatherer, compiled, state, checkpoint.at, looks)
    merged = _merged(regions, state, ordinary)
    places = {str(code): place for place, code in enumerate(codes.tolist())}
    known: dict[int, list[int]] = {}
    for code, level in recorded:
        known.setdefault(places.get(code, -1), []).append(level)
    replaced, levels = np.zeros(len(rids), dtype=np.bool_), []
    for place in np.flatnonzero(regions).tolist():
        course, told, final = courses.get(place, []), known.get(place, []), int(merged.level[place])
        found_now = [int(ordinary.level[place])] if ordinary.level[place] != before.level[place] else []
        if final == ordinary.level[place] and not missing_levels(course, [*told, *found_now], final):
            continue
        replaced[place] = True
        levels.append((place, tuple(Level(level) for level in missing_levels(course, told, final))))
    return Missed(replaced=replaced, state=merged, since=since, levels=tuple(levels))


def missing_levels(course: Sequence[int], recorded: Sequence[int], final: int) -> list[int]:
    """The levels of a course that are not among those recorded, in order, and the one that it ends with.

    >>> missing_levels([2, 3, 2, 0], [2, 0], 0)
    [3, 2, 0]
    >>> missing_levels([2, 0], [2, 0], 0)
    []
    """
    extra: list[int] = []
    place = 0
    for level in course:
        found = next((after for after in range(place, len(recorded)) if recorded[after] == level), None)
        if found is None:
            extra.append(level)
        else:
            place = found + 1
    ends = extra[-1] if extra else recorded[-1] if recorded else final
    return [*extra, final] if ends != final else extra


def late_transitions(missed: Missed, before: State) -> list[Transition]:
    """The changes of level as they are kept: one for each level that was missed."""
    found = []
    for index, levels in missed.levels:
        last = Level(int(before.level[index]))
        for level in levels:
            found.append(
                Transition(
                    index=index, from_phase=_phase_of(last), to_phase=_phase_of(level), from_level=last,
                    to_level=level, reason=LATE, value=None, value_at=missed.since,
                )
            )  # fmt: skip
            last = level
    return found


def late_drafts(
    missed: Missed, proposed: NDArray[np.int8], held_back: Bools, codes: Sequence[str], land: Land | None
) -> list[tuple[Draft, ...]]:
    """Proposals of what was missed, in waves: the next level of a region is in a later wave than the one before."""
    waves: list[dict[Level, list[tuple[str, Level]]]] = []
    for index, levels in missed.levels:
        before = Level(int(proposed[index]))
        for number, level in enumerate(() if held_back[index] else levels):
            if number == len(waves):
                waves.append({})
            waves[number].setdefault(level, []).append((codes[index], before))
            before = level
    return [
        tuple(
            draft
            for level, moved in sorted(wave.items(), reverse=True)
            for draft in drafts_of(level, LATE, moved, land)
        )
        for wave in waves
    ]


def _phase_of(level: Level) -> Phase:
    return Phase.FIRING if level > Level.NONE else Phase.NORMAL


def _checkpoint_before(connection: Connection, rule: Rule, since: float) -> Any:
    """The last state kept before a time, or the first there is."""
    table = rule_checkpoint.c
    mine = sa.and_(table.rule == rule.key, table.digest == rule.digest)
    query = sa.select(rule_checkpoint).where(mine)
    before = connection.execute(query.where(table.at < utc_of(since)).order_by(table.at.desc()).limit(1)).first()
    return before or connection.execute(query.order_by(table.at).limit(1)).first()


def _looks(connection: Connection, rule: Rule, after: datetime, before: datetime) -> list[datetime]:
    """When the rule has looked, with those looks that failed."""
    table = evaluation.c
    query = sa.select(table.at).where(table.rule == rule.key, table.at > after, table.at < before).distinct()
    return sorted(connection.execute(query).scalars())


def _recorded(connection: Connection, rule: Rule, after: datetime) -> list[tuple[str, int]]:
    """Region and level of each change that was kept since, in order."""
    table = transition.c
    changed = sa.and_(table.rule == rule.key, table.at > after, table.from_level != table.to_level)
    rows = connection.execute(sa.select(table.region, table.to_level).where(changed).order_by(table.id))
    return [(row.region, int(row.to_level)) for row in rows]


def _again(
    store: Store,
    gatherer: Gatherer,
    compiled: Compiled,
    state: State,
    last: datetime,
    looks: Sequence[datetime],
) -> tuple[State, dict[int, list[int]]]:
    """The state after the looks done again, and the levels that each region took in order."""
    home, base_dir, rule = gatherer.home, gatherer.base_dir, compiled.rule
    whole = FarReaching(store, home, base_dir, gatherer.now, rules=[rule], since=gatherer.now - last)
    courses: dict[int, list[int]] = {}
    memory = Memory()  # of fields: most looks are given the same steps
    for at in looks:
        if (at - last).total_seconds() > compiled.max_age_s.min():
            state = after_gap(state)
        then = AsKnownNow(store, home, base_dir, at, rules=[rule], memory=memory, whole=whole)
        before = state
        state, _ = step(compiled, state, then.gather(rule, state.level_since), at)
        for index in np.flatnonzero(state.level != before.level).tolist():
            courses.setdefault(index, []).append(int(state.level[index]))
        last = at
    return state, courses


def _merged(regions: Bools, late: State, ordinary: State) -> State:
    """The late state in some regions and the ordinary one elsewhere; what is shown of the inputs is that of now."""
    kept = {"value", "observed_at", "share", "behind", "watched", "at_most", "proposed"}
    columns = {
        item.name: np.where(regions, getattr(late, item.name), getattr(ordinary, item.name))
        for item in fields(State)
        if item.name not in (*TEXTS, *kept)
    }
    return replace(ordinary, **columns)
