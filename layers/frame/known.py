"""The one function of the unified frame: what do we know about this place between these times?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.clock import iso
from data.errors import LayerError
from data.store.engine import Store
from layers.frame.fields import fields
from layers.frame.happened import events
from layers.frame.item import Found, Question
from layers.frame.measured import observations
from layers.frame.place import Place
from layers.frame.surveyed import records
from layers.frame.warned import incoming, own

if TYPE_CHECKING:
    from layers.survey.sight import Sight

# Every kind of thing that is known; a page shows them in this order.
KINDS: Mapping[str, Callable[[Question], Found]] = {
    "own": own,
    "incoming": incoming,
    "events": events,
    "observations": observations,
    "fields": fields,
    "records": records,
}
MOST = 1_000  # items of one kind in one answer


@dataclass(frozen=True)
class Known:
    """What each kind knows of a place between two times, and what nobody can tell."""

    place: Place
    start: datetime
    end: datetime
    now: datetime
    offset: int
    kinds: Mapping[str, Found]

    def as_json(self) -> dict[str, Any]:
        """As the interface gives it."""
        return {
            "place": {"name": self.place.name, "cell": self.place.cell, "bbox": list(self.place.bounds)},
            "from": iso(self.start), "to": iso(self.end), "now": iso(self.now), "offset": self.offset,
            "kinds": {name: self._one(found) for name, found in self.kinds.items()},
        }  # fmt: skip

    def _one(self, found: Found) -> dict[str, Any]:
        behind = self.offset + len(found.items)
        more = bool(found.items) and (found.total is None or behind < found.total)
        return {
            "total": found.total, "as_of": iso(found.as_of) if found.as_of else None,
            "missing": [str(one) for one in found.missing], "next": behind if more else None,
            "items": [item.as_json(self.place.cell, self.now) for item in found.items],
        }  # fmt: skip


def what_is_known(
    store: Store,
    home: Path,
    base_dir: Path,
    place: Place,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    kinds: Sequence[str] = tuple(KINDS),
    sights: Sequence[Sight] = (),
    offset: int = 0,
    limit: int = 100,
) -> Known:
    """Everything that is known of a place between two times.

    Parameters
    ----------
    place : Place
        A cell, a box, a polygon or a region.
    start, end : datetime
        From `start` up to, and without, `end`.
    kinds : sequence of str
        Of `KINDS`.
    sights : sequence of Sight
        Survey records as the reader may see them.
    offset, limit : int
        The page, for each kind by itself.

    Raises
    ------
    LayerError
        For a kind that there is not, times the wrong way round, or a page that there cannot be.
    """
    unknown = [name for name in kinds if name not in KINDS]
    if unknown:
        raise LayerError(f"no such kind: {', '.join(unknown)[:100]}; there are {', '.join(KINDS)}")
    if end <= start:
        raise LayerError("the times are the wrong way round")
    if not (0 <= offset <= 1_000_000_000 and 1 <= limit <= MOST):
        raise LayerError(f"a page has 1 to {MOST} items")
    with store.read() as connection:
        asked = Question(store, connection, home, base_dir, place, start, end, now, sights, offset, limit)
        found = {name: KINDS[name](asked) for name in dict.fromkeys(kinds)}
    return Known(place, start, end, now, offset, found)
