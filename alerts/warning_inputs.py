"""Warnings of other services as inputs of rules: the highest level in force that covers a region."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from alerts.engine import AHEAD_S
from alerts.event_inputs import last_heard
from alerts.places import below_mask
from alerts.rule import RuleInput
from data.regions import RegionIndex, areas_near
from data.store.incoming import InForce, in_force, read_live
from data.store.tables import incoming_warning
from layers.stations import RegionNumbers
from layers.warnings import join_codes

COVERED = 0.1  # of the region, or of the warned area: less of both is a border drawn coarsely
KEPT_AREAS = 5000


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """What feeds of warnings tell now."""

    messages: Sequence[InForce]
    as_of: float  # when they were last heard [s since 1970 UTC]; NaN for never
    watched: bool


def read_warnings(connection: Connection, feeds: Sequence[str], now: datetime) -> Told:
    """The real, public warnings in force, and when their feeds were last heard; all feeds where none are named.

    A warning that says nothing is no fault, so age is judged by the feeds, as it is for events.
    """
    table = incoming_warning.c
    rows = [
        row
        for row in read_live(connection, now)
        if row.sent_at <= now + timedelta(seconds=AHEAD_S) and (not feeds or row.source in feeds)
    ]
    known = tuple(feeds) or tuple(connection.execute(sa.select(table.source).distinct()).scalars())
    as_of, watched = last_heard(connection, known, now)
    return Told(messages=in_force(rows, now), as_of=as_of, watched=watched)


def warning_numbers(
    told: Told, item: RuleInput, index: RegionIndex, rids: NDArray[np.int32], floor: float, *, begun: bool
) -> tuple[RegionNumbers, Sequence[str]]:
    """The highest level of warnings that cover each region, and the names that `behind` points into.

    Parameters
    ----------
    told : Told
    item : RuleInput
        Its `senders`, `about` and `parameter` choose among the warnings.
    index, rids
        The regions.
    floor : float
        A warning whose level is known to lie below matters to no level of the rule.
    begun : bool
        Whether warnings whose onset is still to come are left out.

    Returns
    -------
    numbers : RegionNumbers
        1 for blue to 4 for red; -inf where there is certainly none. A warning without a severity makes its regions'
        share 0, and one that cannot be placed that of all regions: what is known stays a lower bound.
    names : sequence of str
    """
    value = np.full(len(rids), -np.inf)
    share = np.ones(len(rids))
    behind = np.full(len(rids), -1, dtype=np.int32)
    names: list[str] = []
    for one in told.messages:
        level = float(one.row.level)
        if not _wanted(one, item) or (begun and one.begins_later) or 0 <= level < floor:
            continue
        inside = AREAS.of(one.row, index, rids)
        if inside is None or level < 0:
            share[slice(None) if inside is None else inside] = 0.0
        if inside is not None and level >= 0:
            higher = inside & (level > value)
            value[higher], behind[higher] = level, len(names)
            names.append(f"warning/{one.row.key}")
    numbers = RegionNumbers(
        value=value, observed_at=np.full(len(rids), told.as_of), valid_share=share,
        watched=np.full(len(rids), told.watched), behind=behind,
    )  # fmt: skip
    return numbers, names


def _wanted(one: InForce, item: RuleInput) -> bool:
    row = one.row
    if item.senders and row.sender not in item.senders:
        return False
    if item.about and not any(word.casefold() in row.event.casefold() for word in item.about):
        return False
    return not item.parameter or any(_carries(info, item.parameter) for info in row.infos)


def _carries(info: Mapping[str, Any], name: str) -> bool:
    return any(pair[0] == name for pair in info.get("parameter", ()))


class CoveredAreas:
    """Which regions a warning covers; measured once for each shape and kept."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, Path, bytes], NDArray[np.bool_] | None] = OrderedDict()

    def of(self, row: Any, index: RegionIndex, rids: NDArray[np.int32]) -> NDArray[np.bool_] | None:
        """(n,) whether each region is covered; None where the message cannot be placed at all."""
        where = json.dumps([row.geometry, row.geocodes], sort_keys=True)  # an empty message may be filled later
        key = (where, index.base_dir, rids.tobytes())
        if key not in self._found:
            self._found[key] = covered(row, index, rids)
            if len(self._found) > KEPT_AREAS:
                self._found.popitem(last=False)
        return self._found[key]


AREAS = CoveredAreas()  # one per process


def covered(row: Any, index: RegionIndex, rids: NDArray[np.int32]) -> NDArray[np.bool_] | None:
    """Which regions a message covers, by its codes with all below them, and by its shape.

    Notes
    -----
    A shape covers a region when it meets at least a tenth of the region, or at least a tenth of the shape lies in it:
    a house rule, so that a border drawn coarsely warns no neighbour and a small shape warns the large region around
    it. A point covers the region it lies in.
    """
    codes, _ = join_codes([(str(name), str(value)) for name, value in row.geocodes], index)
    if row.geometry is None or _is_nowhere(row.geometry):
        return below_mask(tuple(codes), index)[rids] if codes else None
    inside = below_mask(tuple(codes), index)[rids] if codes else np.zeros(len(rids), dtype=np.bool_)
    return np.asarray(inside | _by_shape(row.geometry, index, rids))


def _is_nowhere(geometry: Mapping[str, Any]) -> bool:
    """Whether a shape has no point at all: it then says as little as none."""
    from shapely.geometry import shape

    return bool(shape(geometry).is_empty)


def _by_shape(geometry: Mapping[str, Any], index: RegionIndex, rids: NDArray[np.int32]) -> NDArray[np.bool_]:
    import shapely
    from shapely.geometry import shape

    area = shapely.make_valid(shape(geometry))
    found = np.zeros(len(index), dtype=np.bool_)
    for kind in np.unique(index.kind[rids]).tolist():
        near, regions = areas_near(index.base_dir, kind, area)
        common = shapely.area(shapely.intersection(regions, area))
        whole = shapely.area(area)
        if whole == 0.0:
            found[near] |= shapely.intersects(regions, area)
        else:
            found[near] |= (common >= COVERED * shapely.area(regions)) | (common >= COVERED * whole)
            found[near] &= common > 0.0
    return found[rids]
