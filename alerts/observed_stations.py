"""Gauges as truth: when one of a region's stations really reached a level, and when they could have told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.past_readings import PastReadings, past_readings
from alerts.places import rids_of
from alerts.rule import Rule, RuleInput
from alerts.spans import Floats, at_least, both, joined, later
from alerts.station_inputs import Network, numbers_of_sites, place_in
from alerts.truth import TrueEvent
from data.model import Level
from data.regions import RegionIndex
from layers.stations import Readings

APART_S = 1e10  # more than any time since 1970: keeps stations apart in one sorted row of times
ROUNDED = 6  # digits: sums that are differences of long sums
NAMED = 3  # stations named as the source of one event

Reached = list[tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats, Level]]  # place, station, from, to


def seen_by_stations(
    connection: Connection, index: RegionIndex, rule: Rule, since: datetime, until: datetime
) -> tuple[list[TrueEvent], Mapping[str, Floats]]:
    """When stations reached a rule's levels, and the watched time of each region that has any.

    Notes
    -----
    A reading holds until the next one, at most for the rule's `max_age`. A region is watched while the share of its
    stations that the rule asks for is heard, for sums after a whole window of that. A sum with a gap is a lower
    bound: what it reaches was reached.
    """
    rids = rids_of(rule, index)
    reached: Reached = []
    watched: dict[int, Floats] = {}
    names: tuple[str, ...] = ()
    networks: dict[str, Network] = {}
    for name, item in rule.inputs.items():
        if item.unit not in networks:
            past = past_readings(connection, item.quantity, item.unit, index.base_dir, since=since, until=until)
            networks[item.unit] = _network(past)
        network = networks[item.unit]
        names = network.names
        place = place_in(network.leaf, rids, index.parent_rid)
        value = _values(network, item, rule)
        place = np.where(_speaks(network, item, rule), place, -1)
        ends = _ends(network.readings, rule.max_age if item.max_age is None else item.max_age)
        _add_watched(watched, network.readings, place, ends, item, rule)
        where = place[network.readings.station]
        for key, level in rule.levels.items():
            for leaf in level.leaves():
                if leaf.input != name or leaf.trigger is None:
                    continue
                over = (where >= 0) & (value >= leaf.trigger)
                part = network.readings.where(over)
                reached.append((where[over], part.station, part.at, ends[over], Level.of(key)))
    codes = [str(code) for code in index.code[rids]]
    return _events(rule, reached, codes, names), {codes[place]: spans for place, spans in watched.items()}


def _network(past: PastReadings) -> Network:
    readings = Readings.of(past.station, past.at, past.value, len(past.ids))
    return Network(sources=past.sources, ids=past.ids, leaf=past.leaf, attributes=past.attributes, readings=readings)


def _speaks(network: Network, item: RuleInput, rule: Rule) -> NDArray[np.bool_]:
    """(s,) the stations that an input looks at."""
    found = np.isin(network.sources, item.feeds) if item.feeds else np.ones(len(network.ids), dtype=np.bool_)
    if item.minus_site:
        found &= ~np.isnan(numbers_of_sites(network, item.minus_site, rule.sites))
    return found


def _values(network: Network, item: RuleInput, rule: Rule) -> Floats:
    """(m,) at each reading the number that the rule would have of this station."""
    readings = network.readings
    value = readings.value
    if item.accumulate == "sum":
        row = readings.station * APART_S + readings.at
        first = np.searchsorted(row, row - item.window, side="right")
        total = np.concatenate([[0.0], np.cumsum(value)])
        value = np.round(total[1:] - total[first], ROUNDED)
    if item.minus_site:
        value = np.round(value - numbers_of_sites(network, item.minus_site, rule.sites)[readings.station], ROUNDED)
    return value


def _ends(readings: Readings, max_age_s: float) -> Floats:
    """(m,) until when each reading holds."""
    after = np.full(len(readings.at), np.inf)
    same = readings.station[1:] == readings.station[:-1]
    after[:-1][same] = readings.at[1:][same]
    return np.asarray(np.minimum(after, readings.at + max_age_s))


def _add_watched(
    watched: dict[int, Floats], readings: Readings, place: NDArray[np.intp], ends: Floats, item: RuleInput, rule: Rule
) -> None:
    """The time in which enough of a region's stations were heard.

    Of gauges with other stages any watches their region; of sums the longest window must be whole.
    """
    wanted = rule.min_valid_share if item.min_valid_share is None else item.min_valid_share
    for one, here in _groups(place[readings.station]):
        start, end = _runs(readings.station[here], readings.at[here], ends[here])
        count = len(np.unique(readings.station[here]))
        spans = at_least(start, end, max(1, int(np.ceil(wanted * count))))
        before = watched.get(one)
        if item.accumulate == "sum":
            spans = later(spans, item.window)
            watched[one] = spans if before is None else both(before, spans)
        else:
            whole = spans if before is None else np.concatenate([before, spans])
            watched[one] = joined(whole[:, 0], whole[:, 1])


def _groups(place: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each place from 0 on with the indexes of its entries, in their order."""
    order = np.argsort(place, kind="stable")
    order = order[np.searchsorted(place[order], 0) :]
    if len(order):
        for part in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
            yield int(place[part[0]]), part


def _runs(station: NDArray[np.intp], at: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """The unbroken stretches of each station; its readings are in order, and none holds beyond the next."""
    first = np.ones(len(at), dtype=np.bool_)
    first[1:] = (station[1:] != station[:-1]) | (at[1:] > ends[:-1])
    last = np.append(first[1:], True)
    return at[first], ends[last]


def _events(rule: Rule, reached: Reached, codes: list[str], names: tuple[str, ...]) -> list[TrueEvent]:
    """One event for each stretch in which any station of a region stood at any level."""
    if not reached:
        return []
    place = np.concatenate([part[0] for part in reached])
    station = np.concatenate([part[1] for part in reached])
    start, end = (np.concatenate([part[side] for part in reached]) for side in (2, 3))
    level = np.concatenate([np.full(len(part[0]), int(part[4])) for part in reached])
    found = []
    for one, here in _groups(place):
        for begin, stop in joined(start[here], end[here]).tolist():
            inside = here[(start[here] >= begin) & (start[here] < stop)]
            who = [names[number] for number in np.unique(station[inside]).tolist()]
            more = f" and {len(who) - NAMED} more" if len(who) > NAMED else ""
            found.append(
                TrueEvent(
                    hazard=rule.hazard, region=codes[one], start_at=datetime.fromtimestamp(begin, UTC),
                    end_at=datetime.fromtimestamp(stop, UTC), level=Level(int(level[inside].max())),
                    source=", ".join(who[:NAMED]) + more, origin="instruments",
                )
            )  # fmt: skip
    return found
