"""Why a region has its colour: every rule that watches it, its readings, its thresholds, and what is missing.

Pages and the machine interface show the same tree. `rule_why` is pure; `explain` reads what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from alerts.engine import Compiled, Phase, State, compile_rule, why_unknown
from alerts.freeze import state_from_bytes
from alerts.inputs import utc_of
from alerts.mute import Mute, mute_of, read_mutes
from alerts.rule import Condition, LevelRule, Rule, RuleInput
from alerts.trend import Reach, Trend, forecast_course, forecast_reaches, station_trend
from data.clock import iso
from data.errors import RuleError
from data.model import Level
from data.regions import load_regions
from data.store.engine import Store
from data.store.tables import (
    dataset,
    evaluation,
    event,
    field_step,
    incoming_warning,
    level_snapshot,
    observation,
    payload,
    rule_state,
    rule_version,
    station,
)
from layers.regions import from_bytes

WORST_CHILDREN = 20
LEFT = "in no rule file now or not in force: its last level stands until its time limit"


@dataclass(frozen=True, kw_only=True)
class Behind:
    """The station, event or field step that a reading came from."""

    kind: str  # station, event, field, warnings, survey
    source: str
    id: str
    name: str = ""
    observed_at: datetime | None = None
    received_at: datetime | None = None
    payload_id: int | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One input of a rule in the region, as the last evaluation saw it."""

    input: str
    quantity: str
    unit: str
    how: str  # such as "sum over 12 h, max over stations"
    accumulate: str
    window_s: float
    value: float | None
    at_most: float | None  # what the value cannot exceed where it is not known
    nothing: bool  # certainly nothing there, such as no earthquake
    observed_at: datetime | None
    age_s: float | None
    max_age_s: float
    valid_share: float
    min_valid_share: float
    watched: bool
    usable: bool
    missing: str  # what is wrong with it; empty when nothing is
    behind: Behind | None = None
    trend: Trend | None = None
    ahead: tuple[Reach, ...] = ()  # when the forecast of the same quantity meets each trigger


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One input against its two values; `holds` is None where nobody can tell."""

    input: str
    direction: str
    trigger: float
    clear: float
    holds: bool | None


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What makes one level."""

    level: Level
    joined: str  # one, all, any, or nested
    comparisons: tuple[Comparison, ...]
    for_s: float
    hold_s: float
    held_since: datetime | None
    below_since: datetime | None


@dataclass(frozen=True, kw_only=True)
class Muted:
    """The mute under which a level is not put before people."""

    id: int
    until: datetime
    up_to: Level
    owner: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RuleWhy:
    """One rule in one region."""

    rule: str
    version: str
    digest: str
    title: dict[str, str]
    authority: dict[str, str]
    citation: dict[str, Any]
    judge: dict[str, str] | None
    text: dict[str, str]
    hazard: str
    branch: str
    level: Level
    phase: str
    was: str  # the phase under unknown
    since: datetime | None
    readings: tuple[Reading, ...]
    thresholds: tuple[Threshold, ...]
    missing: tuple[str, ...]
    evaluated_at: datetime | None
    outcome: str
    reason: str  # why the last evaluation failed
    muted: Muted | None = None


@dataclass(frozen=True, kw_only=True)
class Child:
    """A region below, for a parent's colour."""

    code: str
    name: str
    name_zh: str
    level: Level
    unknown: bool


@dataclass(frozen=True, kw_only=True)
class Why:
    """A region's colour and everything behind it."""

    code: str
    name: str
    name_zh: str
    kind: str
    at: datetime
    level: Level
    unknown: bool
    watched: bool
    rules: tuple[RuleWhy, ...]
    children: tuple[Child, ...]  # the worst, then the unknown
    children_watched: int
    children_unknown: int

    @property
    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = to_json(self)
        return found


Finder = Callable[[Rule, str, str, datetime | None], Behind | None]
Follower = Callable[[Rule, Reading], Reading]


def rule_why(
    compiled: Compiled,
    state: State,
    index: int,
    *,
    now: datetime,
    evaluated_at: datetime | None,
    outcome: str = "",
    reason: str = "",
    find: Finder | None = None,
    follow: Follower | None = None,
) -> RuleWhy:
    """One rule's reasons in one region.

    Parameters
    ----------
    compiled, state
        The rule, and its state after its last evaluation.
    index : int
        The region's position in the state.
    now : datetime
        Ages are told as of this time.
    evaluated_at, outcome, reason
        Of the last evaluation.
    find : callable, optional
        Looks up what stands behind a reading: rule, input, name, observed time -> Behind.
    follow : callable, optional
        Tells where a reading is heading: rule, reading -> the reading with its trend.
    """
    rule = compiled.rule
    readings = tuple(
        _reading(compiled, state, index, row, now, find if state.watched[row, index] else None)
        for row in range(len(compiled.names))
    )
    if follow is not None:
        readings = tuple(follow(rule, reading) for reading in readings)
    by_name = {reading.input: reading for reading in readings}
    missing = [f"{one.input}: {one.missing}" for one in readings if one.missing]
    if state.unknown[index]:
        missing.insert(0, why_unknown(compiled, state, index, now.timestamp()))
    return RuleWhy(
        rule=rule.key, version=rule.version, digest=rule.digest, title=rule.title.model_dump(),
        authority=rule.authority.model_dump(), citation=rule.citation.model_dump(mode="json"),
        judge=rule.judge.model_dump() if rule.judge else None, text=rule.text.model_dump(), hazard=rule.hazard,
        branch=rule.branch, level=Level(int(state.level[index])), phase=Phase(int(state.shown[index])).key,
        was=Phase(int(state.phase[index])).key, since=_time(state.since[index]), readings=readings,
        thresholds=tuple(
            _threshold(level, rule.levels[level.key], state, row, index, by_name)  # type: ignore[index]
            for row, level in enumerate(rule.scale())
        ),
        missing=tuple(dict.fromkeys(missing)), evaluated_at=evaluated_at, outcome=outcome, reason=reason,
    )  # fmt: skip


def _reading(compiled: Compiled, state: State, index: int, row: int, now: datetime, find: Finder | None) -> Reading:
    rule, name = compiled.rule, compiled.names[row]
    item = rule.inputs[name]
    value, share = float(state.value[row, index]), float(state.share[row, index])
    limit = float(state.at_most[row, index])
    observed_at = _time(state.observed_at[row, index])
    age = None if observed_at is None else (now - observed_at).total_seconds()
    max_age, min_share = float(compiled.max_age_s[row, 0]), float(compiled.min_share[row, 0])
    watched = bool(state.watched[row, index])
    missing = ""
    if not watched:
        missing = "nothing measures it here"
    elif state.failed:
        missing = f"the evaluation failed: {state.failed}"
    elif np.isnan(value):
        missing = "no usable value" if np.isnan(limit) else f"only known to be at most {limit:g} {item.unit}"
    elif age is None or age > max_age:
        missing = (
            "too old" if item.frozen_after is None else f"too old or without change for {_span(item.frozen_after)}"
        )
    elif share < min_share:
        missing = f"only {share:.0%} of the data, {min_share:.0%} wanted"
    behind = int(state.behind[row, index])
    known = state.names[behind] if 0 <= behind < len(state.names) else ""
    return Reading(
        input=name,
        quantity=item.quantity,
        unit=item.unit,
        how=how(item),
        accumulate=item.accumulate,
        window_s=item.window,
        value=value if np.isfinite(value) else None,
        at_most=limit if np.isfinite(limit) else None,
        nothing=value == -np.inf,
        observed_at=observed_at,
        age_s=age,
        max_age_s=max_age,
        valid_share=share,
        min_valid_share=min_share,
        watched=watched,
        usable=not missing,
        missing=missing,
        behind=find(rule, name, known, observed_at) if find and known else None,
    )


def how(item: RuleInput) -> str:
    """How an input's number is made, in a few words."""
    over = "field" if item.source == "field" else item.source
    if item.source == "warnings":
        return "highest level of warnings in force"
    if item.source == "survey":
        return {"count": "count of records", "share": "share of records", "sum": "sum over records"}[
            item.take or "count"
        ]
    if item.source == "events":
        return f"largest magnitude within {item.within_km:g} km in {_span(item.window)}"
    window = "latest" if item.accumulate == "latest" else f"{item.accumulate} over {_span(item.window)}"
    if item.over:
        window += f", {item.over.take} of {item.over.times} every {_span(item.over.every)}"
    if item.minus_site:
        window += f", less the station's {item.minus_site}"
    space = {
        "percentile": f"{item.percentile or 0:g}th percentile",
        "share_above": f"share above {item.above or 0:g}",
    }
    return f"{window}, {space.get(item.spatial, item.spatial)} over {over}"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length * (2 if unit == "d" else 1) and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _threshold(
    level: Level, item: LevelRule, state: State, row: int, index: int, readings: dict[str, Reading]
) -> Threshold:
    nested = any(child.input is None for child in (*(item.all or ()), *(item.any or ())))
    joined = "one" if item.input else "nested" if nested else "all" if item.all else "any"
    return Threshold(
        level=level,
        joined=joined,
        comparisons=tuple(_comparison(leaf, readings[str(leaf.input)]) for leaf in item.leaves()),
        for_s=item.for_,
        hold_s=item.hold,
        held_since=_time(state.held_since[row, index]),
        below_since=_time(state.below_since[row, index]),
    )


def _comparison(leaf: Condition, reading: Reading) -> Comparison:
    assert leaf.trigger is not None and leaf.clear is not None
    holds: bool | None = None
    if reading.usable and reading.nothing:
        holds = leaf.direction == "below"
    elif reading.at_most is not None and leaf.direction == "above" and reading.at_most < leaf.trigger:
        holds = False
    elif reading.usable and reading.value is not None:
        above = leaf.direction == "above"
        slack = 1e-6 * max(1.0, abs(leaf.trigger))
        holds = reading.value >= leaf.trigger - slack if above else reading.value <= leaf.trigger + slack
    return Comparison(
        input=str(leaf.input), direction=leaf.direction, trigger=leaf.trigger, clear=leaf.clear, holds=holds
    )


def _time(seconds: Any) -> datetime | None:
    return utc_of(float(seconds)) if np.isfinite(seconds) else None


def explain(store: Store, base_dir: Path, code: str, now: datetime, *, home: Path | None = None) -> Why:
    """Why a region has its colour, by the last evaluation of each enabled rule.

    With `home`, where the archive of fields is, readings of stations tell what is forecast of them as well.

    Raises
    ------
    RuleError
        If there is no such region.
    """
    index = load_regions(base_dir)
    rid = index.by_code(code)
    if rid is None:
        raise RuleError(f"no such region: {code}")
    above = tuple(index.code[list(index.chain(rid))].tolist())
    with store.read() as connection:
        rules = tuple(_stored_rules(connection, code, above, now))
        packed = connection.execute(sa.select(level_snapshot.c.levels)).scalar()
    if home is not None:
        rules = tuple(_with_forecast(store, home, base_dir, rid, rule, now) for rule in rules)
    levels = from_bytes(packed) if packed is not None and len(packed) == len(index) else None
    children = index.children(rid)
    below = [
        Child(
            code=str(index.code[child]), name=str(index.name[child]), name_zh=str(index.name_zh[child]),
            level=Level(int(levels.level[child])), unknown=bool(levels.unknown[child]),
        )
        for child in (children.tolist() if levels is not None else [])
        if levels is not None and levels.watched[child]
    ]  # fmt: skip
    shown = sorted((one for one in below if one.level or one.unknown), key=lambda one: (-one.level, not one.unknown))
    return Why(
        code=code, name=str(index.name[rid]), name_zh=str(index.name_zh[rid]), kind=str(index.kind[rid]), at=now,
        level=Level(int(levels.level[rid])) if levels is not None else Level.NONE,
        unknown=bool(levels.unknown[rid]) if levels is not None else True,
        watched=bool(levels.watched[rid]) if levels is not None else False,
        rules=rules, children=tuple(shown[:WORST_CHILDREN]), children_watched=len(below),
        children_unknown=sum(one.unknown for one in below),
    )  # fmt: skip


def _with_forecast(store: Store, home: Path, base_dir: Path, rid: int, rule: RuleWhy, now: datetime) -> RuleWhy:
    """The same rule with what is forecast of each newest reading that it compares as it is."""

    def follow(reading: Reading) -> Reading:
        behind = reading.behind
        if behind is None or behind.kind != "station" or reading.how != "latest, max over stations":
            return reading
        course = forecast_course(store, home, base_dir, rid, reading.quantity, reading.unit, now)
        limits = [
            (threshold.level, one.trigger, one.direction)
            for threshold in rule.thresholds
            for one in threshold.comparisons
            if one.input == reading.input
        ]
        return replace(reading, ahead=forecast_reaches(limits, now, course))

    return replace(rule, readings=tuple(follow(reading) for reading in rule.readings))


def _stored_rules(connection: Connection, code: str, above: Sequence[str], now: datetime) -> list[RuleWhy]:
    """Every enabled rule that watches the region, worst first."""
    mutes = read_mutes(connection, now)
    joined = sa.and_(rule_version.c.rule == rule_state.c.rule, rule_version.c.digest == rule_state.c.digest)
    columns = (rule_state, rule_version.c.body)
    rows = connection.execute(
        sa.select(*columns).join(rule_version, joined).where(rule_state.c.enabled, rule_state.c.state.is_not(None))
    ).all()
    found = []
    for row in rows:
        state, codes = state_from_bytes(row.state)
        places = np.flatnonzero(codes == code)
        if not len(places) or not state.watches[places[0]]:
            continue
        compiled = compile_rule(Rule.model_validate(row.body))
        if not row.loaded:
            if still_stands(compiled.rule, state, int(places[0]), row.evaluated_at, now):
                found.append(_left_why(compiled, state, int(places[0]), row.evaluated_at, now, connection))
            continue
        last = connection.execute(
            sa.select(evaluation).where(evaluation.c.rule == row.rule).order_by(evaluation.c.id.desc()).limit(1)
        ).first()
        why = rule_why(
            compiled, state, int(places[0]), now=now, evaluated_at=last.at if last else row.evaluated_at,
            outcome=last.outcome if last else "", reason=last.reason if last else "", find=finder(connection),
            follow=follower(connection),
        )  # fmt: skip
        found.append(with_mute(why, compiled.rule, mutes, above))
    return sorted(found, key=lambda one: (-one.level, one.phase != "unknown", one.rule))


def with_mute(why: RuleWhy, rule: Rule, mutes: Sequence[Mute], above: Sequence[str]) -> RuleWhy:
    """The same reasons with the mute that is over them, where there is one; `above` as in `mute_of`."""
    one = mute_of(mutes, rule, why.level, above)
    if one is None:
        return why
    told = Muted(id=one.id, until=one.ends_at, up_to=one.up_to, owner=one.owner, reason=one.reason)
    return replace(why, muted=told)


def still_stands(rule: Rule, state: State, index: int, evaluated_at: datetime | None, now: datetime) -> bool:
    """Whether a level of a rule that is no longer evaluated goes on: until the rule's own hard limit has passed."""
    ran_out = evaluated_at is None or (now - evaluated_at).total_seconds() >= rule.duration.hard_limit
    return bool(state.level[index] > 0) and not ran_out


def _left_why(
    compiled: Compiled, state: State, index: int, evaluated_at: datetime, now: datetime, connection: Connection
) -> RuleWhy:
    """A rule that is in no file now, or not in force: its last level, which may hold no longer."""
    last = rule_why(
        compiled,
        state,
        index,
        now=now,
        evaluated_at=evaluated_at,
        outcome="error",
        reason=LEFT,
        find=finder(connection),
    )
    return replace(last, phase=Phase.UNKNOWN.key, missing=(LEFT, *last.missing))


def finder(connection: Connection) -> Finder:
    """Looks up what stands behind a reading, with the payload it came in."""

    def find(rule: Rule, name: str, known: str, observed_at: datetime | None) -> Behind | None:
        item = rule.inputs[name]
        if item.source == "field":
            return _find_step(connection, known)
        source, _, native = known.partition("/")
        if item.source in ("warnings", "survey"):
            return _find_told(connection, item.source, native)
        if item.source == "events":
            return _find_event(connection, source, native)
        return _find_station(connection, item.quantity, source, native, observed_at)

    return find


def follower(connection: Connection) -> Follower:
    """Tells the trend of readings that come from a station and can be used."""

    def follow(rule: Rule, reading: Reading) -> Reading:
        behind = reading.behind
        usable = reading.usable and reading.value is not None and reading.observed_at is not None
        if behind is None or behind.kind != "station" or not usable:
            return reading
        assert reading.value is not None and reading.observed_at is not None
        found = station_trend(
            connection, rule, reading.input, behind.source, behind.id, reading.observed_at, reading.value
        )
        return replace(reading, trend=found)

    return follow


def _find_station(
    connection: Connection, quantity: str, source: str, native: str, observed_at: datetime | None
) -> Behind | None:
    place = connection.execute(sa.select(station).where(station.c.source == source, station.c.id == native)).first()
    table = observation.c
    query = sa.select(observation).where(
        table.source == source, table.quantity == quantity, table.station == native, table.value.is_not(None)
    )
    if observed_at is not None:
        query = query.where(table.observed_at <= observed_at + timedelta(milliseconds=1))
    row = connection.execute(query.order_by(table.observed_at.desc()).limit(1)).first()
    if place is None:
        return None
    return Behind(
        kind="station", source=source, id=native, name=place.name, observed_at=row.observed_at if row else None,
        received_at=row.received_at if row else None, payload_id=row.payload_id if row else None,
    )  # fmt: skip


def _find_event(connection: Connection, source: str, native: str) -> Behind | None:
    row = connection.execute(sa.select(event).where(event.c.source == source, event.c.id == native)).first()
    if row is None:
        return None
    return Behind(
        kind="event", source=source, id=native, name=row.title, observed_at=row.occurred_at,
        received_at=row.received_at, payload_id=row.payload_id, url=row.url,
    )  # fmt: skip


def _find_told(connection: Connection, source: str, native: str) -> Behind | None:
    """A warning of another service, or the delivery of a survey."""
    if source == "survey":
        row = connection.execute(sa.select(dataset).where(dataset.c.id == int(native))).first()
        named = "" if row is None else row.title
    else:
        row = connection.execute(sa.select(incoming_warning).where(incoming_warning.c.key == native)).first()
        named = "" if row is None else row.headline or row.event
    if row is None:
        return None
    return Behind(
        kind=source, source=row.source, id=native, name=named, received_at=row.received_at, payload_id=row.payload_id,
        observed_at=row.received_at if source == "survey" else row.sent_at,
    )  # fmt: skip


def _find_step(connection: Connection, known: str) -> Behind | None:
    numbers = [int(part) for part in known.removeprefix("field_step:").split(",") if part.isdigit()]
    rows: Sequence[Any] = connection.execute(
        sa.select(field_step, payload.c.name)
        .outerjoin(payload, payload.c.id == field_step.c.payload_id)
        .where(field_step.c.id.in_(numbers))
        .order_by(field_step.c.valid_at.desc())
    ).all()
    if not rows:
        return None
    row = rows[0]
    return Behind(
        kind="field", source=row.source, id=",".join(str(one.id) for one in rows), name=row.name or "",
        observed_at=row.valid_at, received_at=row.received_at, payload_id=row.payload_id,
    )  # fmt: skip


def to_json(value: Any) -> Any:
    """Plain data: times as text, levels as words, numbers rounded to what a reader needs."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_json(item) for name, item in _shallow(value).items()}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Level):
        return value.key
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(name): to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value


def _shallow(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
