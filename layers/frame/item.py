"""One thing that is known, and what is asked for: the same form for every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from data.clock import iso
from data.errors import LayerError
from data.regions import RegionIndex, load_regions
from data.store.engine import Store
from layers.frame.key import bin_of, cell_of
from layers.frame.notes import Note
from layers.frame.place import Place

if TYPE_CHECKING:
    from layers.survey.sight import Sight

DIGITS = 20  # of the cell of one thing: about 40 m


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing.

    Parameters
    ----------
    at : datetime or None
        When it was so; None for what stands there at all times, such as a surveyed building.
    until : datetime or None
        When it ended or ends, where it lasts.
    place : (lon, lat) or None
        A point of it [degrees]; None where it is known for the whole place asked for.
    value : float, str or None
        None is unknown, and `quality` says why.
    known_at : datetime
        When we heard of it: what an age is counted from.
    link : str
        Page or address with more.
    """

    kind: str
    id: str
    title: str
    source: str
    at: datetime | None = None
    until: datetime | None = None
    place: tuple[float, float] | None = None
    value: float | str | None = None
    unit: str = ""
    quality: str = ""
    known_at: datetime | None = None
    link: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self, whole: str, now: datetime) -> dict[str, Any]:
        """With its key; `whole` is the cell of the place asked for, for what has no point of its own."""
        cell = whole
        if self.place is not None:
            try:
                cell = cell_of(*self.place, DIGITS)
            except LayerError:
                cell = ""  # nearer to a pole than the map reaches
        age = None if self.known_at is None else round((now - self.known_at).total_seconds())
        return {
            "kind": self.kind, "id": self.id, "title": self.title, "source": self.source, "cell": cell,
            "bin": bin_of(self.at) if self.at is not None else None, "at": _time(self.at), "until": _time(self.until),
            "lon": self.place[0] if self.place else None, "lat": self.place[1] if self.place else None,
            "value": self.value, "unit": self.unit, "quality": self.quality, "known_at": _time(self.known_at),
            "age_s": age, "link": self.link, "facts": dict(self.facts),
        }  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is asked: a place, times from `start` up to `end`, and which page of the answer."""

    store: Store
    connection: Connection
    home: Path
    base_dir: Path
    place: Place
    start: datetime
    end: datetime
    now: datetime
    sights: Sequence[Sight]
    offset: int
    limit: int

    @property
    def index(self) -> RegionIndex:
        return load_regions(self.base_dir)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one kind knows: a page of items, how many there are in all, and what is not known and why.

    `total` is None where it may not be told. `as_of` is when this kind of data was last heard of at all.
    """

    items: Sequence[Item] = ()
    total: int | None = 0
    missing: Sequence[Note] = ()
    as_of: datetime | None = None


def page(items: Sequence[Item], asked: Question) -> Sequence[Item]:
    """The page that is asked for."""
    return items[asked.offset : asked.offset + asked.limit]


def _time(at: datetime | None) -> str | None:
    return None if at is None else iso(at)
