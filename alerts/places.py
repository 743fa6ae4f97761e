"""Which regions a rule is for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.rule import Regions, Rule
from data.errors import RuleError
from data.regions import RegionIndex


def rids_of(rule: Rule, index: RegionIndex) -> NDArray[np.int32]:
    """The regions a rule is for, in rid order.

    Raises
    ------
    RuleError
        For a kind or code that the base data does not have.
    """
    for kind in rule.regions.kinds:
        if kind != "leaf" and not (index.kind == kind).any():
            raise RuleError(f"{rule.key}: the base data has no region of kind {kind}")
    missing = sorted(code for code in rule.regions.within if index.by_code(code) is None)
    if missing:
        raise RuleError(f"{rule.key}: the base data has no region {', '.join(missing)}")
    return np.flatnonzero(region_mask(rule.regions, index)).astype(np.int32)


def region_mask(regions: Regions, index: RegionIndex) -> NDArray[np.bool_]:
    """(n,) the regions of these kinds within the named ones; what the base data does not have is left out."""
    parents = index.parent_rid
    wanted = np.isin(index.kind, regions.kinds)
    if "leaf" in regions.kinds:
        leaf = np.ones(len(index), dtype=np.bool_)
        leaf[parents[parents >= 0]] = False
        wanted |= leaf
    return wanted & below_mask(regions.within, index) if regions.within else wanted


def below_mask(codes: tuple[str, ...], index: RegionIndex) -> NDArray[np.bool_]:
    """(n,) the named regions and all below them."""
    parents = index.parent_rid
    within = np.isin(index.code, codes)
    named, above = within.copy(), parents
    while (above >= 0).any():
        within |= (above >= 0) & named[above]
        above = np.where(above >= 0, parents[above], -1)
    return within
