"""Checks that need other records: the same identity, the same place, a like one near by, values around.

Distances are straight lines through the sphere (chords), which differ from those along it by less than one in a
million up to 10 km.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layers.geodesy import EARTH_RADIUS_KM
from layers.kernels.inspect import hash_numbers, robust_scores
from layers.survey.inspect.checks import is_place, numbers_of, plain
from layers.survey.inspect.delivery import Batch, Files
from layers.survey.inspect.rules import Rule
from layers.survey.inspect.spill import PART_ROWS, Spill, hash_of, spread_over, strip_edges, strip_of

NEIGHBOURS, FEWEST, BEYOND = 16, 8, 3.5  # 3.5: Iglewicz & Hoaglin (1993), How to detect and handle outliers, ASQC
APART = 1e9  # metres between records that are not to be compared
IDENTITY = np.dtype([("row", "i8"), ("hash", "u8"), ("lon", "f8"), ("lat", "f8")])
CHECKS = ("identity", "same", "near", "outlier")

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Records that a rule found: places in a part, the other record's row (-1 none), how far it is, and words."""

    at: NDArray[np.int64]
    other: NDArray[np.int64]
    metres: Array | None = None
    value: list[str] | None = None

    def kept(self, own: NDArray[np.bool_]) -> Pairs:
        """Those whose record belongs to the part."""
        mine = own[self.at]
        metres = None if self.metres is None else self.metres[mine]
        value = None if self.value is None else [one for one, here in zip(self.value, mine, strict=True) if here]
        return Pairs(self.at[mine], self.other[mine], metres, value)


@dataclass(eq=False)
class Neighbours:
    """All rules about other records in one go over the spilled positions."""

    files: Files
    rules: Sequence[Rule]
    folder: Path
    _edges: Array = field(init=False)
    _spill: Spill | None = None
    _ids: Spill | None = None

    def __post_init__(self) -> None:
        placed = [rule for rule in self.rules if rule.check != "identity"]
        parts = max(1, -(-self.files.rows // PART_ROWS))
        if len(placed) < len(self.rules):
            self._ids = Spill(self.folder, "identity", parts, IDENTITY)
            self._id_parts = parts
        if placed:
            self._edges = strip_edges(self.files)
            self._spill = Spill(self.folder, "place", len(self._edges) + 1, self._record(placed))
        self._reach = max((float(rule.given.get("within_m", 0)) for rule in placed), default=0.0)
        self._placed = placed

    @staticmethod
    def _record(rules: Sequence[Rule]) -> np.dtype[Any]:
        own: list[tuple[str, str]] = [("row", "i8"), ("lon", "f8"), ("lat", "f8")]
        for number, rule in enumerate(rules):
            own.append((f"hash{number}", "u8"))
            if rule.check == "outlier":
                own.append((f"value{number}", "f8"))
        return np.dtype(own)

    def take(self, batch: Batch) -> None:
        """Put the records of a batch aside."""
        if self._ids is not None:
            made = np.empty(len(batch), IDENTITY)
            made["row"], made["hash"] = batch.rows, hash_of(batch.table, ("id",))
            made["lon"], made["lat"] = batch.positions
            self._ids.put((made["hash"] % np.uint64(self._id_parts)).astype(np.int64), made)
        if self._spill is None:
            return
        lon, lat = batch.positions
        usable = is_place(lon, lat)
        made = np.empty(int(usable.sum()), self._record(self._placed))
        made["row"], made["lon"], made["lat"] = batch.rows[usable], lon[usable], lat[usable]
        for number, rule in enumerate(self._placed):
            like = rule.given.get("like" if rule.check == "outlier" else "columns", ())
            made[f"hash{number}"] = hash_of(batch.table, tuple(like))[usable]
            if rule.check == "outlier":
                made[f"value{number}"] = numbers_of(plain(batch.table[rule.given["column"]]))[usable]
        place, strip = spread_over(self._edges, made["lon"], made["lat"], self._reach)
        self._spill.put(strip, made[place])

    def found(self) -> Iterator[tuple[Rule, Array, Pairs]]:
        """What each rule found in each part, with the part's records."""
        if self._ids is not None:
            rule = next(one for one in self.rules if one.check == "identity")
            for records in self._ids.parts():
                yield rule, records, repeated(records["hash"], records["row"])
        if self._spill is None:
            return
        for strip, records in enumerate(self._spill.parts()):
            own = strip_of(self._edges, records["lon"]) == strip
            for number, rule in enumerate(self._placed):
                yield rule, records, _LOOK[rule.check](records, number, rule.given).kept(own)


def repeated(hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> Pairs:
    """Records whose hash another one of a lower row has."""
    order = np.lexsort((rows, hashes))
    sorted_hashes = hashes[order]
    new = np.append(True, sorted_hashes[1:] != sorted_hashes[:-1]) if len(order) else np.empty(0, bool)
    first = np.flatnonzero(new)[np.cumsum(new) - 1] if len(order) else np.empty(0, np.int64)
    return Pairs(order[~new], rows[order[first[~new]]])


def same(records: Array, number: int, _given: Mapping[str, Any]) -> Pairs:
    """Records at exactly the place of an earlier one, with the same values in the columns named."""
    return repeated(_placed(records, number), records["row"])


def _placed(records: Array, number: int) -> NDArray[np.uint64]:
    """A hash of each record's place and of what it is to be like."""
    hashes: NDArray[np.uint64] = records[f"hash{number}"].copy()
    for axis in ("lon", "lat"):
        hash_numbers((records[axis] + 0.0).view(np.uint64), hashes)
    return hashes


def near(records: Array, number: int, given: Mapping[str, Any]) -> Pairs:
    """Records whose nearest like one, not at the same place, is within a distance and came before."""
    from scipy.spatial import cKDTree

    within = float(given["within_m"])
    first = np.unique(_placed(records, number), return_index=True)[1]
    unique = _points(records[first], records[f"hash{number}"][first])
    if len(unique) < 2:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    metres, other = cKDTree(unique, balanced_tree=False).query(unique, k=2, distance_upper_bound=within)
    close = np.flatnonzero(np.isfinite(metres[:, 1]))
    twin = np.where(other[close, 0] == close, other[close, 1], other[close, 0])
    at, against = first[close], records["row"][first[twin]]
    later = against < records["row"][at]
    return Pairs(at[later], against[later], metres[close, 1][later])


def outlier(records: Array, number: int, given: Mapping[str, Any]) -> Pairs:
    """Values that stand out from those of the nearest records around."""
    from scipy.spatial import cKDTree

    values = records[f"value{number}"]
    known = np.flatnonzero(np.isfinite(values))
    points = _points(records[known], records[f"hash{number}"][known])
    count = int(given.get("neighbours", NEIGHBOURS))
    if len(known) <= count:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    tree = cKDTree(points, balanced_tree=False)
    around = tree.query(points, k=count + 1, distance_upper_bound=float(given["within_m"]))[1]
    score, middle = np.empty(len(known)), np.empty(len(known))
    fewest, least = int(given.get("fewest", FEWEST)), float(given.get("least_spread", 0.0))
    robust_scores(values[known], around, fewest, least, score, middle)
    wrong = np.flatnonzero(np.abs(score) > float(given.get("beyond", BEYOND)))
    told = [
        f"{given['column']} = {value:.6g}; {middle_:.6g}"
        for value, middle_ in zip(values[known[wrong]], middle[wrong], strict=True)
    ]
    return Pairs(known[wrong], np.full(len(wrong), -1), value=told)


def _points(records: Array, hashes: NDArray[np.uint64]) -> Array:
    """Positions in space [m], with those that are not alike far apart in a fourth direction."""
    lon, lat = np.radians(records["lon"]), np.radians(records["lat"])
    radius = 1000 * EARTH_RADIUS_KM
    kinds = np.unique(hashes, return_inverse=True)[1]
    flat = radius * np.cos(lat)
    return np.column_stack([flat * np.cos(lon), flat * np.sin(lon), radius * np.sin(lat), kinds * APART])


_LOOK: Mapping[str, Callable[[Array, int, Mapping[str, Any]], Pairs]] = {
    "same": same, "near": near, "outlier": outlier,
}  # fmt: skip
