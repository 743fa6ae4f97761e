"""Whose copy a file is: each copy that was given is tried, and chance is reckoned with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from layers.survey.marks import mark as coordinates
from layers.survey.marks import order
from layers.survey.marks.mark import Floats, Mark

MOST_FALSE = 1e-6  # what a finding may be wrong by, over all copies that were tried


@dataclass(frozen=True)
class Finding:
    """A copy of which a file shows the mark.

    `false_positive` bounds the chance that a file without this mark shows as much of that of any copy tried.
    """

    copy: int
    by: str  # coordinates or order
    hits: int
    tried: int
    false_positive: float


def trace(lon: Floats, lat: Floats, marks: Iterable[Mark], *, most_false: float = MOST_FALSE) -> list[Finding]:
    """The copies that a file comes from, the surest first; none where chance could be it.

    Parameters
    ----------
    lon, lat : array
        Positions as the file has them, in its order [degrees].
    marks : iterable of Mark
        Of all copies that it could be.
    """
    candidates = list(marks)
    tests = 2 * len(candidates)
    pairs = order.pairs_of(lon, lat)
    points = {digits: coordinates.points_of(lon, lat, digits) for digits in {mark.digits for mark in candidates}}
    found = []
    for mark in candidates:
        ways = (
            ("coordinates", mark.hits(points[mark.digits]), coordinates.CHANCE),
            ("order", order.hits(mark, pairs), order.CHANCE),
        )
        for by, (hits, tried), chance in ways:
            found.append(Finding(mark.copy, by, hits, tried, min(1.0, tests * tail(hits, tried, chance))))
    best: dict[int, Finding] = {}
    for one in sorted(found, key=lambda finding: finding.false_positive):
        if one.false_positive <= most_false:
            best.setdefault(one.copy, one)
    return list(best.values())


def tail(hits: int, tried: int, chance: float) -> float:
    """A bound on the chance of at least so many hits in independent trials (Chernoff's, by relative entropy).

    References
    ----------
    Hoeffding, W. (1963), J. Am. Stat. Assoc. 58, 13-30, eq. 2.1.
    """
    if not tried or hits <= chance * tried:
        return 1.0
    share = hits / tried
    missed = 0.0 if share == 1 else (1 - share) * math.log((1 - share) / (1 - chance))
    return math.exp(-tried * (share * math.log(share / chance) + missed))
