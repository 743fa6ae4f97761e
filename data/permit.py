"""What somebody may see of a dataset of survey records, as whoever opens it for them is told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from data.actor import Above

UNKNOWN = "unknown"  # the class of a store that the catalogue does not know
PUBLIC = "public"
NO_RECORDS = "Single records of this dataset are not open to this account."
NO_EXPORT = "This account may not take copies of this dataset."
NO_AREA = "A drawn area is counted only for who may see single records."


@dataclass(frozen=True, kw_only=True)
class Permit:
    """Counts, records and export: each holds those before it.

    Parameters
    ----------
    limits : tuple of frozenset of str
        Codes of regions; a record's declared region must lie in one of each set. None at all is everywhere.
    unit : str
        The region whose database it is: a limit that holds it holds every record.
    facets : mapping
        Facet -> the values that may be seen. A facet that is not named is not limited.
    least : int
        Smaller numbers are not told, and others are rounded down to multiples of it; 1 tells all.
    why : str
        Why not more, in a sentence; "" where nothing is held back.
    accuracy_m : float
        How far a mark may move a record.
    """

    dataset: str
    reader: str
    data_class: str
    counts: bool = False
    records: bool = False
    export: bool = False
    limits: tuple[frozenset[str], ...] = ()
    unit: str = ""
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    least: int = 1
    why: str = ""
    grant: int | None = None
    accuracy_m: float = 2.5

    @property
    def classified(self) -> bool:
        """Whether each reading is written down."""
        return self.data_class != PUBLIC

    @property
    def key(self) -> str:
        """By what answers made under different permits are told apart; the same for all who see the same."""
        limits = sorted(sorted(limit) for limit in self.limits)
        seen = (self.counts, self.records, limits, self.unit, sorted(self.facets.items()), self.least)
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]

    def covers(self, region: str, above: Above) -> bool:
        """Whether records that are declared of a region may be seen."""
        return all(
            _lies_in(region, limit, above) or _lies_in(self.unit, limit, above) for limit in self.limits
        )  # fmt: skip


def _lies_in(region: str, limit: frozenset[str], above: Above) -> bool:
    """Whether a code, as our base data or as its country writes it, is one of these or below one."""
    if not region:
        return False
    return not limit.isdisjoint(above(region)) or not limit.isdisjoint(above(f"CN-{region}")) or region in limit
