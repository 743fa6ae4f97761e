"""Evaluate every rule: gather, step, and keep what came of it, one transaction a rule.

One rule that fails stays one rule: its regions turn unknown, its row says why, and the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.arrivals import SeenRuns, runs_seen
from alerts.engine import (
    AHEAD_S,
    Compiled,
    Inputs,
    Small,
    State,
    Transition,
    after_gap,
    carry_over,
    compile_rule,
    new_state,
    no_inputs,
    step,
)
from alerts.freeze import TEXTS, state_from_bytes, state_to_bytes
from alerts.inputs import Gatherer
from alerts.keep import Outcome, keep_evaluation, keep_state, keep_transitions, keep_version
from alerts.late import Looks, Missed, find_missed, keep_checkpoints, late_drafts, late_transitions
from alerts.memory import Memory
from alerts.mute import held_back, muted_up_to, read_mutes
from alerts.neighbours import Land, regroup
from alerts.offer import keep_proposals
from alerts.pack import PackRule
from alerts.places import rids_of
from alerts.propose import draft_proposals, to_propose
from alerts.rule import Rule
from alerts.snapshot import combine, write_snapshot
from data.clock import iso
from data.errors import RuleError, StaleLeader, TocsinError
from data.model import EventStatus, Level
from data.regions import RegionIndex, load_regions
from data.store.engine import Store
from data.store.tables import event, rule_state, rule_version

log = logging.getLogger(__name__)
CLOCK_SLACK = timedelta(seconds=AHEAD_S)  # a clock may be set right by so much


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an evaluation of all rules came to."""

    at: datetime
    outcomes: tuple[Outcome, ...]
    levels_changed: bool
    counts: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """A rule after its step, not yet written."""

    item: PackRule
    compiled: Compiled
    rids: NDArray[np.int32]
    before: State
    after: State
    transitions: Sequence[Transition]
    reason: str  # why it could not be evaluated; empty when it could
    seconds: float


def evaluate_all(
    store: Store,
    home: Path,
    base_dir: Path,
    rules: Iterable[PackRule],
    now: datetime,
    epoch: int | None = None,
    memory: Memory | None = None,
    looked: Looks | None = None,
) -> Report:
    """Evaluate the enabled rules as of `now` and write what came of it.

    Parameters
    ----------
    store, home, base_dir
        The store, where its files are, and the base data.
    rules : iterable of PackRule
        As loaded; those switched off in the store, or not in force on this day, are left out.
    now : datetime
        The clock of this evaluation.
    epoch : int, optional
        Leadership under which to write.
    memory : Memory, optional
        What looks before this one read, of a replay.
    looked : callable, optional
        When the rules looked, of a replay: it passes over looks that change nothing, which leave no rows.

    Raises
    ------
    StaleLeader
        If another leader has taken over.
    """
    index = load_regions(base_dir)
    listed = tuple(rules)
    with store.read() as connection:
        enabled = enabled_rules(connection, listed, now)
        mutes = read_mutes(connection, now)
        seen = runs_seen(connection, now)
    _mark_loaded(store, {item.rule.key for item in enabled}, epoch)
    gatherer = Gatherer(store, home, base_dir, now, rules=[item.rule for item in enabled], memory=memory)
    land = Land(home, index)
    outcomes: list[Outcome] = []
    layers: list[tuple[NDArray[np.int32], State]] = []
    muted: list[NDArray[np.int32]] = []
    for item in enabled:
        try:
            evaluated = evaluate_rule(store, gatherer, item, now)
            limit = muted_up_to(mutes, item.rule, index, evaluated.rids)
            late = _late(store, gatherer, evaluated, looked)
            outcome, after = _write(store, land, evaluated, late, limit, seen, now, epoch)
            outcomes.append(outcome)
            layers.append((evaluated.rids, after))
            muted.append(evaluated.rids[(limit >= after.level) & (after.level > 0)])
        except StaleLeader:
            raise
        except (
            Exception
        ) as error:  # one rule's fault must not stop the others; it leaves its row, and a dead store raises
            log.exception("%s: could not be evaluated", item.rule.key)
            outcomes.append(_write_failure(store, item.rule, now, epoch, f"{type(error).__name__}: {error}"))
            layers += _last_known(store, index, item.rule, now)
    layers += _left_behind(store, index, listed, {item.rule.key for item in enabled}, now)
    own = combine(layers, len(index))
    muted_rids = np.unique(np.concatenate([*muted, np.empty(0, dtype=np.int32)]))
    changed, counts = write_snapshot(store, index, own, muted_rids, now, epoch)
    return Report(at=now, outcomes=tuple(outcomes), levels_changed=changed, counts=counts)


def _prepared(land: Land, rids: NDArray[np.int32]) -> Land | None:
    """Which regions hang together, found out before the store is locked for writing; None where nobody can tell."""
    try:
        land.prepare(np.unique(land.index.kind[rids]).tolist())
    except Exception:  # how proposals are grouped must not cost an evaluation: each then stands by itself
        log.exception("which regions lie beside each other could not be found out")
        return None
    return land


def enabled_rules(connection: Connection, rules: Sequence[PackRule], now: datetime) -> tuple[PackRule, ...]:
    """The rules in force today that nobody has switched off."""
    switched = {row.rule: bool(row.enabled) for row in connection.execute(sa.select(rule_state))}
    return tuple(
        item
        for item in rules
        if item.rule.enabled and switched.get(item.rule.key, True) and item.rule.in_force(now.date())
    )


def _mark_loaded(store: Store, keys: Collection[str], epoch: int | None) -> None:
    """Note which rules are evaluated now; writes only where that changed."""
    with store.read() as connection:
        before = {
            row.rule: row.loaded for row in connection.execute(sa.select(rule_state.c.rule, rule_state.c.loaded))
        }
    changed = [rule for rule, loaded in before.items() if loaded != (rule in keys)]
    if changed:
        with store.write(epoch=epoch) as connection:
            for rule in changed:
                here = rule_state.c.rule == rule
                connection.execute(rule_state.update().where(here).values(loaded=rule in keys))


def evaluate_rule(
    store: Store, gatherer: Gatherer, item: PackRule, now: datetime, *, looking_back: bool = False
) -> Evaluated:
    """One rule's step over what the store holds; writes nothing.

    A clock that stands before the rule's last evaluation is a fault, unless somebody is `looking_back`: then the rule
    begins anew.
    """
    started = time.perf_counter()
    compiled = compile_rule(item.rule)
    rids = rids_of(item.rule, gatherer.index)
    with store.read() as connection:
        before = read_state(connection, compiled, gatherer.index.code[rids], now)
        last = last_look(connection, item.rule)
    set_back = last is not None and now < last - CLOCK_SLACK
    if set_back and looking_back:
        before, set_back = new_state(compiled, len(rids)), False
    inputs, reason = _gather(gatherer, item.rule, compiled, before)
    if set_back and last is not None:
        reason = f"the clock stands before the last evaluation at {iso(last)}: nobody knows which of the two is right"
        inputs = no_inputs(compiled, before, reason)
    after, transitions = step(compiled, before, inputs, now)
    return Evaluated(
        item=item, compiled=compiled, rids=rids, before=before, after=after, transitions=transitions, reason=reason,
        seconds=time.perf_counter() - started,
    )  # fmt: skip


def _gather(gatherer: Gatherer, rule: Rule, compiled: Compiled, before: State) -> tuple[Inputs, str]:
    """The inputs, or none and the reason: whatever goes wrong here makes the regions unknown."""
    try:
        return gatherer.gather(rule, before.level_since), ""
    except Exception as error:  # any fault of data or code must turn into unknown, never into quiet
        log.exception("%s: its inputs could not be had", rule.key)
        reason = f"{type(error).__name__}: {error}"
        return no_inputs(compiled, before, reason), reason


def read_state(connection: Connection, compiled: Compiled, codes: NDArray[np.str_], now: datetime) -> State:
    """The state of a rule over these regions: as stored, or carried over where the rule or the regions changed.

    After a time without evaluations that no reading outlasts, nobody knows what has held or ended meanwhile.
    """
    row = connection.execute(sa.select(rule_state).where(rule_state.c.rule == compiled.rule.key)).first()
    if row is None or row.state is None:
        return new_state(compiled, len(codes))
    state, stored = state_from_bytes(row.state)
    if row.digest != compiled.rule.digest:
        state = carry_over(state, compiled)
    if row.evaluated_at is None or (now - row.evaluated_at).total_seconds() > compiled.max_age_s.min():
        state = after_gap(state)
    if np.array_equal(stored, codes):
        return state
    return _move(state, stored, codes, new_state(compiled, len(codes)))


def last_look(connection: Connection, rule: Rule) -> datetime | None:
    """When a rule was last evaluated, with or without success."""
    found: datetime | None = connection.execute(
        sa.select(rule_state.c.evaluated_at).where(rule_state.c.rule == rule.key)
    ).scalar()
    return found


def _move(state: State, stored: NDArray[np.str_], codes: NDArray[np.str_], fresh: State) -> State:
    """The same state over another list of regions, matched by code."""
    place = {code: position for position, code in enumerate(stored.tolist())}
    source = np.array([place.get(code, -1) for code in codes.tolist()], dtype=np.intp)
    here = source >= 0

    def moved(name: str) -> NDArray[Any]:
        values: NDArray[Any] = getattr(fresh, name).copy()
        values[..., here] = getattr(state, name)[..., source[here]]
        return values

    names = (
        "phase", "unknown", "level", "level_since", "since", "held_since", "below_since", "watched", "value",
        "observed_at", "share", "behind", "at_most", "proposed",
    )  # fmt: skip
    return State(**{name: moved(name) for name in names}, names=state.names, failed=state.failed)


@dataclass(frozen=True, kw_only=True, eq=False)
class Late:
    """What late readings came to; `failed` where nobody could find out, so that it is tried again."""

    missed: Missed | None = None
    failed: bool = False


def _late(store: Store, gatherer: Gatherer, item: Evaluated, looked: Looks | None) -> Late:
    """Late readings of a rule; a fault here leaves what was found without them."""
    if item.reason:
        return Late(failed=True)
    try:
        found = find_missed(store, gatherer, item.compiled, item.rids, item.before, item.after, looked)
        return Late(missed=found)
    except Exception:  # whatever goes wrong with the past, the present stands
        log.exception("%s: late readings could not be looked at", item.item.rule.key)
        return Late(failed=True)


def _write(
    store: Store,
    land: Land,
    item: Evaluated,
    late: Late,
    muted: Small,
    seen: SeenRuns,
    now: datetime,
    epoch: int | None,
) -> tuple[Outcome, State]:
    """Keep what an evaluation found. Returns what it came to, and the state as kept."""
    rule, codes, missed = item.item.rule, land.index.code[item.rids], late.missed
    found, transitions = item.after, list(item.transitions)
    settled = found.level
    if missed is not None:
        found = missed.state
        settled = np.where(missed.replaced, item.before.proposed, found.level).astype(np.int8)
        transitions = [one for one in transitions if not missed.replaced[one.index]]
        transitions += late_transitions(missed, item.before)
    moves, proposed = to_propose(item.before.proposed, settled, muted)
    known = _prepared(land, item.rids) if moves or missed is not None else None
    with store.read() as connection:
        revised, withdrawn = _retold(connection, item)
    waves = [
        draft_proposals(
            moves, codes.tolist(), in_force_before=int((item.before.proposed > 0).sum()), revised=revised,
            withdrawn=withdrawn, land=known,
        )
    ]  # fmt: skip
    if missed is not None:
        held = held_back(muted, found.level)
        waves += late_drafts(missed, item.before.proposed, held, codes.tolist(), known)
        proposed = np.where(missed.replaced & ~held, found.level, proposed).astype(np.int8)
    after = replace(found, proposed=proposed)
    result = _outcome(item, after, len(transitions), sum(len(wave) for wave in waves))
    blob = state_to_bytes(after, codes)
    with store.write(epoch=epoch) as connection:
        keep_version(connection, item.item, now)
        keep_state(connection, rule, blob, now, moved=not item.reason, seen=None if late.failed else seen)
        if not item.reason:
            keep_checkpoints(connection, rule, blob, [now])
        proposals = keep_proposals(connection, rule, waves, now, known)
        if proposals and known is not None:
            regroup(connection, known)
        keep_transitions(connection, rule, transitions, codes.tolist(), proposals, now)
        keep_evaluation(connection, rule, result, now)
    return result, after


def _outcome(item: Evaluated, after: State, transitions: int, proposals: int) -> Outcome:
    watched = after.watches
    firing, unknown = int((after.level > 0).sum()), int((after.unknown & watched).sum())
    return Outcome(
        rule=item.item.rule.key,
        outcome="error" if item.reason else "fired" if firing else "unknown" if unknown else "quiet",
        watched=int(watched.sum()), firing=firing, unknown=unknown, transitions=transitions, proposals=proposals,
        seconds=item.seconds, reason=item.reason,
    )  # fmt: skip


def _retold(connection: Connection, item: Evaluated) -> tuple[set[int], set[int]]:
    """Regions whose level changed because their event was revised, or deleted by its provider."""
    revised: set[int] = set()
    withdrawn: set[int] = set()
    rule, before = item.item.rule, item.before
    rows = [row for row, name in enumerate(item.compiled.names) if rule.inputs[name].source == "events"]
    for moved in item.transitions if rows else ():
        if moved.to_level == moved.from_level or moved.from_level == Level.NONE:
            continue
        row = max(rows, key=lambda one: float(np.nan_to_num(before.value[one, moved.index], neginf=-99.0)))
        known = int(before.behind[row, moved.index])
        if known < 0:
            continue
        source, _, native = before.names[known].partition("/")
        same = sa.and_(event.c.source == source, event.c.id == native)
        found = connection.execute(sa.select(event.c.status, event.c.magnitude).where(same)).first()
        if found is None or found.status == EventStatus.DELETED.value:
            withdrawn.add(moved.index)
        elif found.magnitude != before.value[row, moved.index]:
            revised.add(moved.index)
    return revised, withdrawn


def _write_failure(store: Store, rule: Rule, now: datetime, epoch: int | None, reason: str) -> Outcome:
    result = Outcome(
        rule=rule.key, outcome="error", watched=0, firing=0, unknown=0, transitions=0, proposals=0, seconds=0.0,
        reason=reason,
    )  # fmt: skip
    with store.write(epoch=epoch) as connection:
        keep_evaluation(connection, rule, result, now)
    return result


def _last_known(store: Store, index: RegionIndex, rule: Rule, now: datetime) -> list[tuple[NDArray[np.int32], State]]:
    """The stored picture of a rule that could not be set up, all of it unknown."""
    try:
        compiled, rids = compile_rule(rule), rids_of(rule, index)
        with store.read() as connection:
            before = _readable_state(connection, compiled, index.code[rids], now)
    except (TocsinError, sa.exc.SQLAlchemyError, ValueError):
        return []
    after, _ = step(compiled, before, no_inputs(compiled, before, "evaluation failed"), float("nan"))
    return [(rids, after)]


def _readable_state(connection: Connection, compiled: Compiled, codes: NDArray[np.str_], now: datetime) -> State:
    """The stored state, or an empty one where it is damaged: then nothing is known of any region."""
    try:
        return read_state(connection, compiled, codes, now)
    except RuleError:
        return new_state(compiled, len(codes))


def _left_behind(
    store: Store, index: RegionIndex, rules: Sequence[PackRule], evaluated: Collection[str], now: datetime
) -> list[tuple[NDArray[np.int32], State]]:
    """Levels of rules that fired and are in no file now, or no longer in force: last known, and unknown.

    They stand until a person switches the rule off, in its file or in the store, or until the rule's own hard limit
    has passed since it was last evaluated.
    """
    switched_off = {item.rule.key for item in rules if not item.rule.enabled}
    same = sa.and_(rule_version.c.rule == rule_state.c.rule, rule_version.c.digest == rule_state.c.digest)
    query = (
        sa.select(rule_state, rule_version.c.body)
        .join(rule_version, same)
        .where(rule_state.c.enabled, rule_state.c.state.is_not(None))
        .where(rule_state.c.rule.not_in(sorted({*evaluated, *switched_off})))
    )
    left = []
    with store.read() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        try:
            limit_s = Rule.model_validate(row.body).duration.hard_limit
            state, codes = state_from_bytes(row.state)
        except (RuleError, ValueError) as error:
            log.warning("%s: its last levels cannot be read: %s", row.rule, error)
            continue
        found = [(index.by_code(code), place) for place, code in enumerate(codes.tolist()) if state.level[place] > 0]
        kept = [(rid, place) for rid, place in found if rid is not None]
        if kept and (now - row.evaluated_at).total_seconds() < limit_s:
            rids, places = np.array([rid for rid, _ in kept], dtype=np.int32), np.array([place for _, place in kept])
            left.append((rids, _only(state, places)))
    return left


def _only(state: State, places: NDArray[np.intp]) -> State:
    """Some regions of a state, unknown."""
    columns = {
        item.name: getattr(state, item.name)[..., places] for item in fields(state) if item.name not in TEXTS
    }  # fmt: skip
    columns["unknown"] = np.ones(len(places), dtype=np.bool_)
    return State(**columns, names=state.names, failed=state.failed)
