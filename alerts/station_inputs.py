"""Station inputs of rules: networks read from the store, numbers per region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S
from alerts.rule import RuleInput
from data.errors import RuleError
from data.model import Quality
from data.regions import locate
from data.store.tables import observation, station
from data.units import factor_offset
from layers.stations import (
    Readings,
    RegionNumbers,
    Spatial,
    StationValues,
    Window,
    last_words,
    newest_at,
    over_stations,
    over_window,
)

CHUNK = 400  # names in one query
NO_SITES: Mapping[str, Mapping[str, Any]] = {}


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Every station that ever reported a quantity, and its good readings of late."""

    sources: NDArray[np.str_]  # (s,)
    ids: NDArray[np.str_]
    leaf: NDArray[np.intp]  # (s,) rid, -1 outside every region
    attributes: tuple[Mapping[str, Any], ...]
    readings: Readings
    _windows: dict[Window, StationValues] = field(default_factory=dict, init=False, repr=False)

    def over(self, window: Window) -> StationValues:
        """The number of each station over a window, computed once however many rules ask."""
        if window not in self._windows:
            self._windows[window] = over_window(self.readings, window)
        return self._windows[window]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{source}/{key}" for source, key in zip(self.sources.tolist(), self.ids.tolist(), strict=True))


@lru_cache(maxsize=200_000)
def leaf_at(base_dir: Path, lon: float, lat: float) -> int:
    """The smallest region at a place, -1 outside every region."""
    found = locate(lon, lat, base_dir=base_dir)
    return -1 if found is None else found


def station_numbers(
    network: Network,
    item: RuleInput,
    rids: NDArray[np.int32],
    parent_rid: NDArray[np.int32],
    fresh_after: float,
    since: NDArray[np.float64],
    sites: Mapping[str, Mapping[str, Any]] = NO_SITES,
) -> tuple[RegionNumbers, NDArray[np.float64], Sequence[str]]:
    """The numbers of a rule's regions, what stations said last that fell silent after `since`, and the names that
    `behind` points into. `sites` are a rule's own numbers of stations (source/id), before what they carry."""
    window = window_of(item)
    peaks = item.accumulate == "peak"
    values = over_window(peaks_of(network.readings), window) if peaks else network.over(window)
    if item.frozen_after is not None:
        values = silence_frozen(values, network.readings, item.frozen_after, fresh_after)
    part = np.ones(len(network.ids), dtype=np.bool_)
    if item.feeds:
        part &= np.isin(network.sources, item.feeds)
    if item.minus_site:
        site = numbers_of_sites(network, item.minus_site, sites)
        part &= ~np.isnan(site)
        values = StationValues(
            value=values.value - site, observed_at=values.observed_at, coverage=values.coverage
        )  # fmt: skip
    region = np.where(part, place_in(network.leaf, rids, parent_rid), -1)
    spatial = Spatial(how=item.spatial, percentile=item.percentile, above=item.above)
    numbers = over_stations(values, region, len(rids), spatial, fresh_after=fresh_after)
    silent = last_words(values, region, spatial, fresh_after=fresh_after, since=since)
    return numbers, silent, network.names


def peaks_of(readings: Readings) -> Readings:
    """The same readings with -inf, which is certainly nothing, in the place of those that are no peak.

    A peak is larger than the reading before it and not smaller than the one after it; the first and the newest
    reading of a station are none, since nobody knows what was before or comes after.
    """
    peak = np.zeros(len(readings.at), dtype=np.bool_)
    same = readings.station[1:] == readings.station[:-1]
    rise = np.diff(readings.value)
    peak[1:-1] = same[:-1] & same[1:] & (rise[:-1] > 0) & (rise[1:] <= 0)
    value = np.where(peak, readings.value, -np.inf)
    return Readings(station=readings.station, at=readings.at, value=value, stations=readings.stations)


def numbers_of_sites(network: Network, path: str, sites: Mapping[str, Mapping[str, Any]]) -> NDArray[np.float64]:
    """(s,) the number at a path of each station: the rule's where it has one, else the station's; NaN for neither."""
    found = np.array([_number_at(known, path) for known in network.attributes], dtype=np.float64)
    if sites:
        own = np.array([_number_at(sites.get(name, {}), path) for name in network.names], dtype=np.float64)
        found = np.where(np.isnan(own), found, own)
    return found


def silence_frozen(
    values: StationValues, readings: Readings, frozen_after_s: float, fresh_after: float
) -> StationValues:
    """Take stations whose reading has stood still for too long for silent since it last moved.

    Parameters
    ----------
    values : StationValues
        Of the stations, by their readings.
    readings : Readings
        As far back as `frozen_after_s` at least.
    frozen_after_s : float
        How long a living instrument may repeat a number [s].
    fresh_after : float
        What is older counts as silent [s since 1970 UTC]; so does a frozen station, however lately it moved.

    Notes
    -----
    A station with one reading, or none before the last `frozen_after_s`, cannot be told from a living one.
    """
    moved = np.ones(len(readings.at), dtype=np.bool_)
    moved[1:] = (readings.station[1:] != readings.station[:-1]) | (readings.value[1:] != readings.value[:-1])
    since = np.full(readings.stations, np.nan)
    since[readings.station[moved]] = readings.at[moved]
    frozen = newest_at(readings) - since >= frozen_after_s
    silent_since = np.minimum(since, np.nextafter(fresh_after, -np.inf))
    return StationValues(
        value=values.value, observed_at=np.where(frozen, silent_since, values.observed_at), coverage=values.coverage
    )  # fmt: skip


def window_of(item: RuleInput) -> Window:
    """The window of a station input; that of a peak is looked at for its largest."""
    how = "max" if item.accumulate == "peak" else item.accumulate
    if item.over is None:
        return Window(how=how, length_s=item.window, interval_s=item.interval)
    return Window(
        how=how, length_s=item.window, interval_s=item.interval,
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


def read_network(
    connection: Connection, base_dir: Path, quantity: str, unit: str, *, now: datetime, reach: timedelta
) -> Network:
    """The stations of a quantity with their good readings in `unit` since `now` less `reach`.

    Raises
    ------
    RuleError
        If readings come in a unit that cannot be converted.
    """
    until = now + timedelta(seconds=AHEAD_S)
    latest = observation.alias("latest")
    newest = (
        sa.select(sa.func.max(latest.c.observed_at))
        .where(
            latest.c.source == station.c.source,
            latest.c.quantity == quantity,
            latest.c.station == station.c.id,
            latest.c.observed_at <= until,
        )
        .scalar_subquery()
    )
    # Materialized: else SQLite goes through the whole history of the quantity to find each station's last row.
    roster = (
        sa.select(
            station.c.source, station.c.id, station.c.lon, station.c.lat, station.c.attributes, newest.label("newest")
        )
        .cte("roster")
        .prefix_with("MATERIALIZED")
    )
    joined = sa.and_(
        observation.c.source == roster.c.source,
        observation.c.quantity == quantity,
        observation.c.station == roster.c.id,
        observation.c.observed_at == roster.c.newest,
    )
    facts = (roster.c.lon, roster.c.lat, roster.c.attributes, observation.c.quality)
    columns = _columns(connection)
    known = connection.execute(
        sa.select(*columns, *facts)
        .select_from(roster)
        .join(observation, joined)
        .order_by(observation.c.source, observation.c.station)
    ).all()
    number = {(row.source, row.station): position for position, row in enumerate(known)}
    good = Quality.GOOD.value
    last = [row[:5] for row in known if row.quality == good]  # a silent station still has an age
    spoiled = [(row.source, row.station) for row in known if row.quality != good]
    last += _last_good(connection, spoiled, columns, quantity, until)
    recent = connection.execute(
        sa.select(*columns).where(
            observation.c.quantity == quantity,
            observation.c.observed_at >= now - reach,
            observation.c.observed_at <= until,
            observation.c.quality == good,
            observation.c.value.is_not(None),
        )
    ).all()
    return Network(
        sources=np.array([row.source for row in known], dtype=np.str_),
        ids=np.array([row.station for row in known], dtype=np.str_),
        leaf=np.array([leaf_at(base_dir, row.lon, row.lat) for row in known], dtype=np.intp),
        attributes=tuple(row.attributes or {} for row in known),
        readings=_readings([*last, *recent], number, unit, quantity),
    )


def _last_good(
    connection: Connection,
    stations: Sequence[tuple[str, str]],
    columns: tuple[Any, ...],
    quantity: str,
    until: datetime,
) -> list[Any]:
    """The last good reading of stations whose newest one cannot be used, however old it is."""
    found: list[Any] = []
    by_source: dict[str, list[str]] = {}
    for source, name in stations:
        by_source.setdefault(source, []).append(name)
    other, of = observation.alias("other"), observation.c
    newest = sa.select(sa.func.max(other.c.observed_at)).where(
        other.c.source == of.source, other.c.quantity == quantity, other.c.station == of.station,
        other.c.observed_at <= until, other.c.quality == Quality.GOOD.value,
    )  # fmt: skip
    for source, names in by_source.items():
        for start in range(0, len(names), CHUNK):
            chosen = sa.select(*columns).where(
                of.source == source, of.quantity == quantity, of.station.in_(names[start : start + CHUNK]),
                of.observed_at == newest.scalar_subquery(),
            )  # fmt: skip
            found += connection.execute(chosen).all()
    return found


def _columns(connection: Connection) -> tuple[Any, ...]:
    """Rows with the time as text or seconds, which numpy reads a hundred times faster than datetime objects."""
    at = observation.c.observed_at
    sqlite = connection.dialect.name == "sqlite"
    raw: Any = sa.type_coerce(at, sa.String) if sqlite else sa.extract("epoch", at)
    return observation.c.source, observation.c.station, raw.label("at"), observation.c.value, observation.c.unit


def _readings(
    rows: Iterable[Sequence[Any]], number: Mapping[tuple[str, str], int], unit: str, quantity: str
) -> Readings:
    columns = list(zip(*rows, strict=True))
    if not columns:
        empty = np.empty(0)
        return Readings.of(empty.astype(np.intp), empty, empty, len(number))
    sources, ids, times, numbers, spelled = columns
    indexes = np.array([number.get(key, -1) for key in zip(sources, ids, strict=True)], dtype=np.intp)
    if isinstance(times[0], str):
        at = np.array(times, dtype="datetime64[us]").astype(np.int64) / 1e6
    else:
        at = np.array(times, dtype=np.float64)
    value = np.array(numbers, dtype=np.float64)  # None becomes NaN
    value[indexes < 0] = np.nan
    names, units = np.unique(np.array(spelled, dtype=np.str_), return_inverse=True)
    return Readings.of(indexes, at, converted(value, units, names.tolist(), unit, quantity), len(number))


def converted(
    value: NDArray[np.float64], units: NDArray[np.intp], names: Sequence[str], unit: str, quantity: str
) -> NDArray[np.float64]:
    """Values in `unit`; `units` are places in `names`.

    Raises
    ------
    RuleError
        If one of the units in use cannot be converted.
    """
    for place in np.unique(units).tolist():
        if names[place] == unit:
            continue
        try:
            factor, offset = factor_offset(names[place], unit)
        except ValueError as error:
            raise RuleError(f"{quantity} comes in {names[place]!r}, the rule wants {unit!r}: {error}") from error
        value = np.where(units == place, value * factor + offset, value)
    return value


def _number_at(attributes: Mapping[str, Any], path: str) -> float:
    """The number at a dotted path of a station's attributes; NaN where there is none."""
    found: Any = attributes
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else float("nan")
