"""What a rule is given to look at: the only place where rules meet the store.

One `Gatherer` serves one evaluation of many rules and reads each quantity once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S, Inputs
from alerts.rule import Rule, RuleInput
from data.errors import RuleError
from data.model import Quality
from data.regions import RegionIndex, load_regions, locate
from data.store.engine import Store
from data.store.tables import observation, station
from data.units import factor_offset
from layers.stations import Readings, RegionNumbers, Spatial, StationValues, Window, over_stations, over_window


def rids_of(rule: Rule, index: RegionIndex) -> NDArray[np.int32]:
    """The regions a rule is for, in rid order.

    Raises
    ------
    RuleError
        For a kind or code that the base data does not have.
    """
    parents = index.parent_rid
    wanted = np.zeros(len(index), dtype=np.bool_)
    for kind in rule.regions.kinds:
        if kind == "leaf":
            leaf = np.ones(len(index), dtype=np.bool_)
            leaf[parents[parents >= 0]] = False
            wanted |= leaf
        elif (index.kind == kind).any():
            wanted |= index.kind == kind
        else:
            raise RuleError(f"{rule.key}: the base data has no region of kind {kind}")
    if rule.regions.within:
        within = np.isin(index.code, rule.regions.within)
        missing = set(rule.regions.within) - set(index.code[within].tolist())
        if missing:
            raise RuleError(f"{rule.key}: the base data has no region {', '.join(sorted(missing))}")
        above = parents
        while (above >= 0).any():
            within |= np.where(above >= 0, np.isin(index.code[above], rule.regions.within), False)
            above = np.where(above >= 0, parents[above], -1)
        wanted &= within
    return np.flatnonzero(wanted).astype(np.int32)


@lru_cache(maxsize=200_000)
def _leaf_at(base_dir: Path, lon: float, lat: float) -> int:
    found = locate(lon, lat, base_dir=base_dir)
    return -1 if found is None else found


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Every station that ever reported a quantity, and its good readings of late."""

    sources: NDArray[np.str_]  # (s,)
    ids: NDArray[np.str_]
    leaf: NDArray[np.intp]  # (s,) rid, -1 outside every region
    attributes: tuple[Mapping[str, Any], ...]
    readings: Readings

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{source}/{key}" for source, key in zip(self.sources.tolist(), self.ids.tolist(), strict=True))


@dataclass(eq=False)
class Gatherer:
    """Reads what rules need as of `now`; `rules` are those that will be asked for."""

    store: Store
    home: Path
    base_dir: Path
    now: datetime
    rules: Sequence[Rule] = ()
    _networks: dict[tuple[str, str], Network] = field(default_factory=dict)

    @property
    def index(self) -> RegionIndex:
        return load_regions(self.base_dir)

    @property
    def at(self) -> float:
        return self.now.timestamp()

    def gather(self, rule: Rule) -> Inputs:
        """The inputs of a rule over its regions.

        Raises
        ------
        RuleError
            If the rule asks for what does not exist.
        """
        rids = rids_of(rule, self.index)
        columns: list[RegionNumbers] = []
        names: dict[str, int] = {}
        for item in rule.inputs.values():
            max_age_s = rule.max_age if item.max_age is None else item.max_age
            numbers, behind = self._numbers(rule, item, rids, max_age_s)
            columns.append(_renumber(numbers, behind, names))
        return Inputs(
            value=np.array([column.value for column in columns]),
            observed_at=np.array([column.observed_at for column in columns]),
            share=np.array([column.valid_share for column in columns]),
            watched=np.array([column.watched for column in columns]),
            behind=np.array([column.behind for column in columns], dtype=np.int32),
            names=tuple(names),
        )

    def _numbers(
        self, rule: Rule, item: RuleInput, rids: NDArray[np.int32], max_age_s: float
    ) -> tuple[RegionNumbers, Sequence[str]]:
        if item.source == "stations":
            return self._stations(item, rids, max_age_s)
        raise RuleError(f"{rule.key}: no inputs from {item.source}")

    def _stations(
        self, item: RuleInput, rids: NDArray[np.int32], max_age_s: float
    ) -> tuple[RegionNumbers, Sequence[str]]:
        network = self.network(item.quantity, item.unit)
        values = over_window(network.readings, window_of(item))
        part = np.ones(len(network.ids), dtype=np.bool_)
        if item.feeds:
            part &= np.isin(network.sources, item.feeds)
        if item.minus_site:
            site = np.array([_number_at(known, item.minus_site) for known in network.attributes], dtype=np.float64)
            part &= ~np.isnan(site)
            values = StationValues(
                value=values.value - site, observed_at=values.observed_at, coverage=values.coverage
            )  # fmt: skip
        region = place_in(network.leaf, rids, self.index.parent_rid)
        spatial = Spatial(how=item.spatial, percentile=item.percentile, above=item.above)
        numbers = over_stations(
            values, np.where(part, region, -1), len(rids), spatial, fresh_after=self.at - max_age_s
        )
        return numbers, network.names

    def network(self, quantity: str, unit: str) -> Network:
        """The stations of a quantity with their readings in `unit`, as far back as any rule looks."""
        key = (quantity, unit)
        if key not in self._networks:
            with self.store.read() as connection:
                self._networks[key] = self._read_network(connection, quantity, unit)
        return self._networks[key]

    def _reach(self, quantity: str) -> timedelta:
        reach = 0.0
        for rule in self.rules:
            for item in rule.inputs.values():
                if item.source == "stations" and item.quantity == quantity:
                    age = rule.max_age if item.max_age is None else item.max_age
                    reach = max(reach, item.reach_s + item.interval + age)
        return timedelta(seconds=reach)

    def _read_network(self, connection: Connection, quantity: str, unit: str) -> Network:
        latest = observation.alias("latest")
        newest = (
            sa.select(sa.func.max(latest.c.observed_at))
            .where(
                latest.c.source == station.c.source,
                latest.c.quantity == quantity,
                latest.c.station == station.c.id,
                latest.c.observed_at <= self.now + timedelta(seconds=AHEAD_S),
            )
            .scalar_subquery()
        )
        joined = sa.and_(
            observation.c.source == station.c.source,
            observation.c.quantity == quantity,
            observation.c.station == station.c.id,
            observation.c.observed_at == newest,
        )
        where = (station.c.lon, station.c.lat, station.c.attributes, observation.c.quality)
        known = connection.execute(
            sa.select(*self._columns(), *where)
            .select_from(station)
            .join(observation, joined)
            .order_by(observation.c.source, observation.c.station)
        ).all()
        number = {(row.source, row.station): position for position, row in enumerate(known)}
        last = [row[:5] for row in known if row.quality == Quality.GOOD.value]  # a silent station still has an age
        rows = [*last, *self._rows(connection, quantity, self.now - self._reach(quantity))]
        return Network(
            sources=np.array([row.source for row in known], dtype=np.str_),
            ids=np.array([row.station for row in known], dtype=np.str_),
            leaf=np.array([_leaf_at(self.base_dir, row.lon, row.lat) for row in known], dtype=np.intp),
            attributes=tuple(row.attributes or {} for row in known),
            readings=_readings(rows, number, unit, quantity),
        )

    def _columns(self) -> tuple[Any, ...]:
        """Rows with the time as text or seconds, which numpy reads a hundred times faster than datetime objects."""
        at = observation.c.observed_at
        raw: Any = sa.type_coerce(at, sa.String) if self.store.is_sqlite else sa.extract("epoch", at)
        return observation.c.source, observation.c.station, raw.label("at"), observation.c.value, observation.c.unit

    def _rows(self, connection: Connection, quantity: str, since: datetime) -> Iterable[Sequence[Any]]:
        return connection.execute(
            sa.select(*self._columns()).where(
                observation.c.quantity == quantity,
                observation.c.observed_at >= since,
                observation.c.observed_at <= self.now + timedelta(seconds=AHEAD_S),
                observation.c.quality == Quality.GOOD.value,
                observation.c.value.is_not(None),
            )
        ).all()


def window_of(item: RuleInput) -> Window:
    """The window of a station input."""
    shape = Window(how=item.accumulate, length_s=item.window, interval_s=item.interval)
    if item.over is None:
        return shape
    return Window(
        how=item.accumulate, length_s=item.window, interval_s=item.interval,
        times=item.over.times, every_s=item.over.every, take=item.over.take,
    )  # fmt: skip


def place_in(leaf: NDArray[np.intp], rids: NDArray[np.int32], parent_rid: NDArray[np.int32]) -> NDArray[np.intp]:
    """The position among `rids` of each leaf, or of the nearest region above it that is there; -1 where none is."""
    position = np.full(len(parent_rid) + 1, -1, dtype=np.intp)  # the last entry answers for -1
    position[rids] = np.arange(len(rids))
    above = np.append(parent_rid, -1)
    place, at = position[leaf], leaf
    while ((place < 0) & (at >= 0)).any():
        at = np.where(place < 0, above[at], -1)
        place = np.where(place < 0, position[at], place)
    return place


def _readings(rows: Sequence[Sequence[Any]], number: Mapping[tuple[str, str], int], unit: str, what: str) -> Readings:
    rows = [row for row in rows if (row[0], row[1]) in number]
    indexes = np.array([number[row[0], row[1]] for row in rows], dtype=np.intp)
    if rows and isinstance(rows[0][2], str):
        at = np.array([row[2] for row in rows], dtype="datetime64[us]").astype(np.int64) / 1e6
    else:
        at = np.array([float(row[2]) for row in rows], dtype=np.float64)
    value = np.array([np.nan if row[3] is None else row[3] for row in rows], dtype=np.float64)
    units = np.array([row[4] for row in rows], dtype=np.str_)
    for other in np.unique(units[units != unit]).tolist() if rows else []:
        try:
            factor, offset = factor_offset(other, unit)
        except ValueError as error:
            raise RuleError(f"{what} comes in {other!r}, the rule wants {unit!r}: {error}") from error
        value = np.where(units == other, value * factor + offset, value)
    return Readings.of(indexes, at, value, len(number))


def _number_at(attributes: Mapping[str, Any], path: str) -> float:
    """The number at a dotted path of a station's attributes; NaN where there is none."""
    found: Any = attributes
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else float("nan")


def _renumber(numbers: RegionNumbers, behind: Sequence[str], names: dict[str, int]) -> RegionNumbers:
    """The same numbers with `behind` pointing into the common `names`, which grows by those in use."""
    used = np.unique(numbers.behind[numbers.behind >= 0])
    table = np.full(len(behind) + 1, -1, dtype=np.int32)
    for old in used.tolist():
        table[old] = names.setdefault(behind[old], len(names))
    return RegionNumbers(
        value=numbers.value, observed_at=numbers.observed_at, valid_share=numbers.valid_share,
        watched=numbers.watched, behind=table[numbers.behind],
    )  # fmt: skip


def utc_of(seconds: float) -> datetime:
    """A time from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
