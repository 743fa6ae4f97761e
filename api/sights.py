"""Stores of survey records as the present person may see them: the one way in for pages, tiles, counts and OGC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import current_app

from access.keys import read_keys
from access.people import current
from access.sharing.permits import permit, permits
from access.sharing.reads import Kind, TileReads, note_read
from data.actor import Above, codes_above
from data.permit import Permit
from data.regions import load_regions
from data.store.engine import Store

if TYPE_CHECKING:
    from layers.survey.marks.book import Book
    from layers.survey.sight import Sight
    from layers.survey.store import Store as Records

EXTENSION = "tocsin.tile_reads"


@dataclass(frozen=True)
class Sights:
    """What the present person may see of the stores of a home at one time."""

    store: Store
    home: Path
    base_dir: Path
    now: datetime

    def names(self) -> list[str]:
        """Stores of which anything may be seen."""
        from layers.survey.shelf import shelf_of

        with self.store.read() as connection:
            return list(permits(connection, current().actor(), shelf_of(self.home).names(), self.now))

    def permit(self, name: str) -> Permit:
        """What may be seen of a dataset, whether or not a store has been built of it."""
        with self.store.read() as connection:
            return permit(connection, current().actor(), name, self.now)

    def open(self, name: str) -> Sight:
        """A store; LayerError where there is none, NotPermitted where nothing of it may be seen."""
        from layers.survey.shelf import shelf_of

        return self._sight(shelf_of(self.home).open(name), name)

    def compared(self, name: str, versions: tuple[int, int], kind: str) -> Sight:
        """What a delivery added, changed or removed against another, as `open` has the dataset itself."""
        from layers.survey.shelf import shelf_of

        return self._sight(shelf_of(self.home).open_compared(name, versions, kind), name)

    def _sight(self, records: Records, name: str) -> Sight:
        from layers.survey.sight import Sight

        permit = self.permit(name)
        return Sight(records, permit, self.above(), lambda: self.book().of_reader(permit, self.now))

    def book(self) -> Book:
        """The book of copies with the secret of this office."""
        from layers.survey.marks.book import Book

        return Book(self.store, read_keys(self.home).mark.encode())

    def above(self) -> Above:
        """Which regions hold a region."""
        return codes_above(load_regions(self.base_dir))

    def note(self, seen: Sight, kind: Kind, **detail: Any) -> None:
        """Write down that classified data was read."""
        note_read(self.store, seen.permit, kind, self.now, detail)

    def note_tile(self, seen: Sight) -> None:
        """Write down that a tile was read."""
        reads: TileReads = current_app.extensions.setdefault(EXTENSION, TileReads())
        reads.note(self.store, seen.permit, self.now)
