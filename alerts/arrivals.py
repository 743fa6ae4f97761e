"""What came since a rule last looked with success, and what of it came late.

What a look could see is remembered by runs, not by payloads: bytes that come again have the number of the payload
that they came in first. On PostgreSQL a run can be seen after one with a higher number, since two that write at once
commit in any order; so the numbers that were missing are remembered as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S
from alerts.field_inputs import looked_at
from alerts.inputs import Gatherer
from alerts.rule import Rule, RuleInput
from alerts.station_inputs import place_in
from data.store.tables import field_step, observation, rule_state, run, station

SETTLED = timedelta(hours=1)  # no run takes so long to write what it brought
MOST_MISSING = 10_000  # numbers looked through for those that are missing
LONGEST = timedelta(hours=24)  # how far back looks are done again
LEAST_EVERY = timedelta(hours=1)

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SeenRuns:
    """The runs that a look could see: those up to `newest`, without those that were `missing` then."""

    newest: int
    missing: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of(told: Mapping[str, Any]) -> SeenRuns:
        return SeenRuns(newest=int(told["newest"]), missing=tuple(told["missing"]))

    def since(self) -> sa.ColumnElement[bool]:
        """Whether a run could not be seen by the look, and brought something."""
        later = sa.or_(run.c.id > self.newest, run.c.id.in_(self.missing))
        return sa.and_(later, run.c.stored > 0, run.c.payload_id.is_not(None))


@dataclass(frozen=True, kw_only=True)
class LateReading:
    """A reading of a station."""

    quantity: str
    source: str
    station: str
    at: float  # [s since 1970 UTC]


@dataclass(frozen=True, kw_only=True)
class LateStep:
    """A step of a field."""

    box: tuple[float, float, float, float]  # west, south, east, north
    at: float  # [s since 1970 UTC]


def runs_seen(connection: Connection, now: datetime) -> SeenRuns:
    """The runs that can be seen in this transaction."""
    table = run.c
    newest = int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.id), 0))).scalar_one())
    if connection.dialect.name == "sqlite":  # one writer at a time: in the order of their numbers
        return SeenRuns(newest=newest)
    old = sa.select(sa.func.coalesce(sa.func.max(table.id), 0)).where(table.finished_at < now - SETTLED)
    low = max(int(connection.execute(old).scalar_one()), newest - MOST_MISSING)
    here = set(connection.execute(sa.select(table.id).where(table.id > low)).scalars())
    return SeenRuns(newest=newest, missing=tuple(number for number in range(low + 1, newest) if number not in here))


def may_come_late(rule: Rule, item: RuleInput) -> bool:
    """Whether looks are done again for what this input brings late.

    Not for forecasts: an old one has been replaced. Not for events and warnings: each counts from its own time for
    the whole window of the rule, whenever it came.
    """
    return item.source == "stations" or (item.source == "field" and rule.branch == "observed")


def watched_late(rule: Rule) -> list[RuleInput]:
    """The inputs of a rule for which looks are done again."""
    return [item for item in rule.inputs.values() if may_come_late(rule, item)]


def span_of(rule: Rule) -> timedelta:
    """How far back a rule's looks are done again: as long as a reading and the clocks it starts may matter."""
    ages = [age_of(rule, item) for item in rule.inputs.values()]
    memory = timedelta(seconds=max(item.memory_s for item in watched_late(rule)))
    clocks = timedelta(seconds=max(max(level.for_, level.hold) for level in rule.levels.values()))
    return min(max(memory + max(ages) + clocks, LEAST_EVERY), LONGEST)


def age_of(rule: Rule, item: RuleInput) -> timedelta:
    return timedelta(seconds=rule.max_age if item.max_age is None else item.max_age)


def late_arrivals(connection: Connection, rule: Rule, now: datetime) -> list[LateReading | LateStep]:
    """What came since the last success of a rule, and came late."""
    mine = rule_state.c.rule == rule.key
    row = connection.execute(sa.select(rule_state).where(mine, rule_state.c.digest == rule.digest)).first()
    if row is None or row.seen_runs is None or row.evaluated_at is None:
        return []
    since = SeenRuns.of(row.seen_runs).since()
    told = set(connection.execute(sa.select(run.c.source).where(since).distinct()).scalars())
    found: dict[LateReading | LateStep, None] = {}
    for item in watched_late(rule):
        named = sorted(told & set(item.feeds) if item.feeds else told)
        if named:
            payloads = sa.select(run.c.payload_id).where(since, run.c.source.in_(named))
            look = _late_readings if item.source == "stations" else _late_steps
            found |= dict.fromkeys(look(connection, rule, item, named, payloads, row.evaluated_at, now))
    return list(found)


def _late_readings(
    connection: Connection, rule: Rule, item: RuleInput, named: Sequence[str], payloads: Any, looked: datetime,
    now: datetime,
) -> list[LateReading | LateStep]:  # fmt: skip
    table, newer = observation.c, observation.alias("newer")
    stations = sa.select(station.c.source).where(station.c.source.in_(named)).distinct()
    told = connection.execute(stations).scalars().all()
    surpassed = sa.exists().where(
        newer.c.source == table.source, newer.c.quantity == table.quantity, newer.c.station == table.station,
        newer.c.observed_at > table.observed_at, newer.c.observed_at <= now + timedelta(seconds=AHEAD_S),
    )  # fmt: skip
    age = age_of(rule, item)
    query = sa.select(table.source, table.station, table.observed_at).where(
        table.quantity == item.quantity, table.source.in_(told), table.payload_id.in_(payloads),
        table.observed_at > now - span_of(rule) - timedelta(seconds=item.memory_s) - age,
        table.observed_at <= looked, sa.or_(table.observed_at < now - age, surpassed),
    )  # fmt: skip
    return [
        LateReading(quantity=item.quantity, source=source, station=native, at=at.timestamp())
        for source, native, at in (connection.execute(query) if told else ())
    ]


def _late_steps(
    connection: Connection, rule: Rule, item: RuleInput, named: Sequence[str], payloads: Any, looked: datetime,
    now: datetime,
) -> list[LateReading | LateStep]:  # fmt: skip
    table, newer = field_step.c, field_step.alias("newer")
    surpassed = sa.exists().where(
        newer.c.source == table.source, newer.c.quantity == table.quantity, newer.c.grid == table.grid,
        newer.c.accumulation_s == table.accumulation_s, newer.c.forecast == table.forecast,
        newer.c.valid_at > table.valid_at, newer.c.valid_at <= now,
    )  # fmt: skip
    age = age_of(rule, item)
    query = sa.select(table.west, table.south, table.east, table.north, table.valid_at).where(
        table.quantity == item.quantity, table.source.in_(named), table.payload_id.in_(payloads),
        looked_at(item, rule.branch), table.valid_at > now - span_of(rule) - timedelta(seconds=item.memory_s) - age,
        table.valid_at <= looked, sa.or_(table.valid_at < now - age, surpassed),
    )  # fmt: skip
    return [LateStep(box=(*box,), at=at.timestamp()) for *box, at in connection.execute(query)]


def regions_of(
    late: Sequence[LateReading | LateStep], gatherer: Gatherer, rule: Rule, rids: NDArray[np.int32]
) -> Bools:
    """(n,) the regions of a rule that late arrivals belong to."""
    regions = np.zeros(len(rids), dtype=np.bool_)
    west, south, east, north = gatherer.index.bbox[rids].T
    for one in (one for one in late if isinstance(one, LateStep)):
        regions |= (west <= one.box[2]) & (east >= one.box[0]) & (south <= one.box[3]) & (north >= one.box[1])
    for item in (item for item in rule.inputs.values() if item.source == "stations"):
        names = {
            (one.source, one.station)
            for one in late
            if isinstance(one, LateReading) and one.quantity == item.quantity
        }
        if not names:
            continue
        network = gatherer.network(item.quantity, item.unit)
        told = zip(network.sources.tolist(), network.ids.tolist(), strict=True)
        mine = np.array([pair in names for pair in told], dtype=np.bool_)
        place = place_in(network.leaf, rids, gatherer.index.parent_rid)[mine]
        regions[place[place >= 0]] = True
    return regions
