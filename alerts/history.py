"""The past as it came in: what could be seen at each moment, so that rules are tried on no more than that.

A history is the archive of a home, a table of readings, or whatever the house's own ingest has put into a store of
its own. Rows are visible from the time at which they were received; a table without `received_at` is taken to have
come at its observed times, which the report says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from alerts.inputs import utc_of
from alerts.past_readings import PastReadings, PastTable, read_store_readings
from alerts.rule import Rule
from data.errors import RuleError
from data.store.engine import Store, open_store
from data.store.migrate import migrate
from data.store.tables import dataset, event_revision, field_step, incoming_warning, run

Floats = NDArray[np.float64]
Note = str | Mapping[str, str]  # what a report says of a history; in each language where others wrote it
Load = Callable[[Path, Store, Path], Sequence[Note]]  # a path, read into a store and its home


@dataclass(eq=False)
class History:
    """A stretch of the past; `since` and `until` bound what is evaluated."""

    store: Store
    home: Path
    base_dir: Path
    name: str
    kind: str  # archive table loaded
    table: PastTable | None = None
    since: datetime | None = None
    until: datetime | None = None
    notes: tuple[Note, ...] = ()
    rejected: tuple[tuple[int, str], ...] = ()
    _readings: dict[tuple[str, str], PastReadings] = field(default_factory=dict)

    def readings(self, quantity: str, unit: str) -> PastReadings:
        """Every reading of a quantity with the time at which it came.

        Raises
        ------
        RuleError
            If it comes in a unit that cannot be converted.
        """
        key = (quantity, unit)
        if key not in self._readings:
            if self.table is not None:
                self._readings[key] = self.table.readings(quantity, unit, self.base_dir)
            else:
                self._readings[key] = read_store_readings(self.store, quantity, unit, self.base_dir)
        return self._readings[key]

    def arrivals(self, rule: Rule) -> Floats:
        """Times at which something that the rule looks at came in, increasing [s since 1970 UTC]."""
        parts: list[Floats] = []
        for item in rule.inputs.values():
            if item.source == "stations":
                parts.append(self.readings(item.quantity, item.unit).received)
                continue
            with self.store.read() as connection:
                parts.append(_times(connection.execute(_arrivals_of(item.source, item.quantity)).scalars()))
        found = np.unique(np.concatenate(parts)) if parts else np.empty(0)
        return found[~np.isnan(found)]

    def listens(self, rule: Rule) -> bool:
        """Whether a feed that the rule names was heard: without any arrival the history is then a quiet one."""
        feeds = {
            feed for item in rule.inputs.values() if item.source in ("events", "warnings") for feed in item.feeds
        }
        with self.store.read() as connection:
            return connection.execute(sa.select(run.c.id).where(run.c.source.in_(feeds)).limit(1)).first() is not None

    def span(self, rules: Sequence[Rule]) -> tuple[datetime, datetime]:
        """The time that is evaluated: as given, else from the first to the last arrival.

        Raises
        ------
        RuleError
            Where nothing that the rules look at is in the history.
        """
        arrivals = [times for rule in rules if len(times := self.arrivals(rule))]
        if not arrivals and (self.since is None or self.until is None or not any(map(self.listens, rules))):
            wanted = sorted({item.quantity for rule in rules for item in rule.inputs.values()})
            raise RuleError(f"the history has nothing of what the rules look at: {', '.join(wanted)}")
        since = self.since or utc_of(min(float(times[0]) for times in arrivals))
        until = self.until or utc_of(max(float(times[-1]) for times in arrivals))
        if until <= since:
            until = since + timedelta(seconds=1)
        return since, until


def _arrivals_of(source: str, quantity: str) -> Any:
    if source == "field":
        return sa.select(field_step.c.received_at).where(field_step.c.quantity == quantity)
    if source == "events":
        heard = sa.select(run.c.finished_at).where(run.c.source.in_(sa.select(event_revision.c.source).distinct()))
        return sa.union(sa.select(event_revision.c.received_at), heard)
    if source == "survey":
        name, _, key = quantity.partition("/")
        return sa.select(dataset.c.received_at).where(dataset.c.source == name, dataset.c.key == key)
    return sa.select(incoming_warning.c.received_at)


def _times(found: Any) -> Floats:
    return np.array([at.timestamp() for at in found], dtype=np.float64)


def archive_history(
    store: Store, home: Path, base_dir: Path, *, since: datetime | None = None, until: datetime | None = None
) -> History:
    """What a home has received itself."""
    note = "a reading that was corrected later counts from its correction on"
    return History(
        store=store, home=home, base_dir=base_dir, name="archive", kind="archive", since=since, until=until,
        notes=(note,),
    )  # fmt: skip


@contextmanager
def open_history(
    path: Path,
    base_dir: Path,
    *,
    load: Load | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[History]:
    """A history from a path: a home, a table of readings, or something that `load` can read.

    Parameters
    ----------
    path : Path
        A home folder (with `tocsin.db`), a CSV or Parquet table, or a file or folder for `load`.
    load : callable, optional
        Reads a path into a store and a home by the house's own ingest.

    Raises
    ------
    RuleError
        Where it is none of these, or nothing of it can be used.
    """
    if not path.exists():
        raise RuleError(f"there is no history at {path}")
    if (path / "tocsin.db").is_file():
        store = open_store(f"sqlite:///{path / 'tocsin.db'}")
        try:
            yield archive_history(store, path, base_dir, since=since, until=until)
        finally:
            store.close()
        return
    with scratch() as (store, home):
        if path.suffix.lower() in (".csv", ".parquet", ".pq"):
            table = PastTable.read(path)
            yield History(
                store=store, home=home, base_dir=base_dir, name=path.name, kind="table", table=table, since=since,
                until=until, notes=table.notes, rejected=table.rejected,
            )  # fmt: skip
            return
        if load is None:
            raise RuleError(f"{path.name} is neither a home, nor a table (.csv, .parquet)")
        notes = tuple(load(path, store, home))
        yield History(
            store=store, home=home, base_dir=base_dir, name=path.name, kind="loaded", since=since, until=until,
            notes=notes,
        )  # fmt: skip


@contextmanager
def scratch() -> Iterator[tuple[Store, Path]]:
    """A store and a home that nobody keeps."""
    with tempfile.TemporaryDirectory(prefix="tocsin-past-") as folder:
        home = Path(folder)
        store = open_store(f"sqlite:///{home / 'tocsin.db'}")
        sa.event.listen(store.engine, "connect", _careless)
        try:
            migrate(store)
            yield store, home
        finally:
            store.close()


def _careless(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # it ends with the process
