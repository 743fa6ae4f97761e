"""The field archive: one Zarr group per step, written once, with overviews for the map; a row says what it is.

    fields/<quantity>/<grid>/<valid time>_<digest>/   a Zarr group, see `data.store.field_files`

A group appears by a rename, complete or not at all. Groups that no row names are left by a kill between `prepare` and
`put`, or by `trim`; `clean` removes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from data.grid import bounds_of, grid_digest
from data.model import FieldStep
from data.store.changes import note_change
from data.store.engine import Store
from data.store.field_dataset import open_dataset
from data.store.field_files import FOLDER, StepArray, open_step, overviews, remove_folder, safe_name, write_group
from data.store.sink import Counts, PutContext
from data.store.tables import field_step

__all__ = [
    "FOLDER", "FieldSink", "StepArray", "clean", "find_step", "find_steps", "open_dataset", "open_step", "overviews",
    "roll", "step_id", "trim", "values_digest",
]  # fmt: skip
# Climatologies and what is made of them: valid long ago, and not because they are old.
ALWAYS = ("population", "*_annual_max", "*_normal", "*_return_level_*", "*_extreme_*")
CARRIED, CARRIED_FOR = ("fwi_*",), timedelta(days=3)  # codes of yesterday are what today's are computed from
IDENTITY = ("source", "quantity", "run_at", "valid_at", "accumulation_s", "grid")


class FieldSink:
    """Keeps `FieldStep`s."""

    def prepare(self, context: PutContext, records: Sequence[FieldStep]) -> list[dict[str, Any]]:
        """Write the groups; the rows to be put are returned."""
        return [self._prepare(context, step) for step in records]

    def _prepare(self, context: PutContext, step: FieldStep) -> dict[str, Any]:
        values = np.ascontiguousarray(step.values, np.float32)
        west, south, east, north = bounds_of(step.lon, step.lat)
        row = {
            "source": context.source, "quantity": step.quantity, "run_at": step.run_at, "valid_at": step.valid_at,
            "forecast": step.forecast, "accumulation_s": step.accumulation_s, "unit": step.unit,
            "grid": grid_digest(step.lon, step.lat), "digest": values_digest(values), "index": 0, "west": west,
            "south": south, "east": east, "north": north, "missing_share": float(np.isnan(values).mean()),
            "attributes": {**step.attributes, **extremes(values)}, "received_at": context.received_at,
        }  # fmt: skip
        name = group_name(row)
        write_group(context.home / FOLDER / name, step, values)
        return {"id": step_id(row), "store": name, **row}

    def put(self, connection: Connection, context: PutContext, prepared: list[dict[str, Any]]) -> Counts:
        """Insert new steps and replace corrected ones; one change line for each quantity that moved."""
        stored: dict[str, list[datetime]] = {}
        for row in prepared:
            if self._put(connection, {**row, "payload_id": context.payload_id or None}):
                stored.setdefault(row["quantity"], []).append(row["valid_at"])
        for quantity, times in stored.items():
            detail = {"source": context.source, "steps": len(times), "valid_at": max(times).isoformat()}
            note_change(
                connection, "fields", at=context.received_at, kind="field", subject=quantity, detail=detail
            )  # fmt: skip
        count = sum(len(times) for times in stored.values())
        return Counts(stored=count, unchanged=len(prepared) - count)

    def _put(self, connection: Connection, row: Mapping[str, Any]) -> bool:
        same = sa.and_(*(field_step.c[name] == row[name] for name in IDENTITY))
        found = connection.execute(sa.select(field_step.c.id, field_step.c.digest).where(same)).first()
        if found is None:
            connection.execute(field_step.insert().values(**row))
        elif found.digest == row["digest"]:
            return False
        else:
            connection.execute(field_step.delete().where(field_step.c.id == found.id))
            connection.execute(field_step.insert().values(**row))
        return True


def extremes(values: NDArray[np.float32]) -> dict[str, float | None]:
    """The smallest and largest finite value."""
    low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
    if np.isinf([low, high]).any():
        return extremes(np.where(np.isinf(values), np.float32(np.nan), values))
    return {"low": None, "high": None} if np.isnan(low) else {"low": low, "high": high}


def step_id(row: Mapping[str, Any]) -> int:
    """A number made of what a step is and holds: tiles are cached for ever under it, so none is ever given twice.

    48 bits: whole in JavaScript, and one in a million to meet its like among 24,000 steps.
    """
    return int.from_bytes(_fingerprint(row).digest()[:6], "big")


def group_name(row: Mapping[str, Any]) -> str:
    """The folder of a step: equal values of another run or unit are another group, since their metadata differ."""
    stamp = f"{row['valid_at']:%Y%m%dT%H%M%SZ}_{_fingerprint(row, row['unit']).hexdigest()[:20]}"
    return f"{safe_name(row['quantity'])}/{row['grid']}/{stamp}"


def _fingerprint(row: Mapping[str, Any], *more: str) -> Any:
    words = [row[name].isoformat() if isinstance(row[name], datetime) else str(row[name]) for name in IDENTITY]
    return hashlib.sha256("\n".join([*words, row["digest"], *more]).encode())


def values_digest(values: NDArray[np.float32]) -> str:
    """SHA-256 of the values, every NaN the same."""
    fingerprint = hashlib.sha256(str(values.shape).encode())
    for start in range(0, len(values), 512):
        block = values[start : start + 512]
        fingerprint.update(np.where(np.isnan(block), np.float32(np.nan), block).astype("<f4").tobytes())
    return fingerprint.hexdigest()


def find_step(connection: Connection, step_id: int) -> sa.Row[Any] | None:
    """One row of `field_step`."""
    return connection.execute(sa.select(field_step).where(field_step.c.id == step_id)).first()


def find_steps(
    connection: Connection,
    *,
    quantity: str | None = None,
    source: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    where: sa.ColumnElement[bool] | None = None,
    limit: int | None = 2000,
) -> list[sa.Row[Any]]:
    """Rows of `field_step`, newest valid time first and the newest run of it first; `until` is inclusive.

    `where` is what else must hold; without a `limit` all come.
    """
    query = sa.select(field_step) if where is None else sa.select(field_step).where(where)
    for column, value in ((field_step.c.quantity, quantity), (field_step.c.source, source)):
        query = query if value is None else query.where(column == value)
    query = query if since is None else query.where(field_step.c.valid_at > since)
    query = query if until is None else query.where(field_step.c.valid_at <= until)
    order = (field_step.c.valid_at.desc(), field_step.c.run_at.desc(), field_step.c.id.desc())
    return list(connection.execute(query.order_by(*order).limit(limit)))


def trim(store: Store, home: Path, quantity: str, keep: timedelta, now: datetime, *, epoch: int | None = None) -> int:
    """Drop the steps of a quantity that were valid longer ago than `keep`. Returns how many."""
    old = sa.and_(field_step.c.quantity == quantity, field_step.c.valid_at < now - keep)
    with store.write(epoch=epoch) as connection:
        names = [row.store for row in connection.execute(sa.select(field_step.c.store).where(old))]
        if not names:
            return 0
        connection.execute(field_step.delete().where(old))
        note_change(
            connection, "fields", at=now, kind="trimmed", subject=quantity, detail={"steps": len(names)}
        )  # fmt: skip
        kept = _referenced(connection)
    for name in set(names) - kept:
        remove_folder(home / FOLDER / name)
    return len(names)


def roll(
    store: Store,
    home: Path,
    now: datetime,
    *,
    keep: timedelta,
    keep_for: Mapping[str, timedelta | None] | None = None,
    epoch: int | None = None,
) -> int:
    """Trim every quantity to its time and clean up behind; for the engine, now and then. Returns steps dropped."""
    with store.read() as connection:
        quantities = list(connection.execute(sa.select(field_step.c.quantity).distinct()).scalars())
    dropped = 0
    for quantity in sorted(quantities):
        time = kept_for(quantity, keep, keep_for or {})
        dropped += 0 if time is None else trim(store, home, quantity, time, now, epoch=epoch)
    clean(store, home, now)
    return dropped


def kept_for(quantity: str, keep: timedelta, keep_for: Mapping[str, timedelta | None]) -> timedelta | None:
    """How long steps of a quantity are kept; None is always.

    What the office says of the quantity by its name goes first, then what the house says of climatologies and of
    codes that go on from day to day, then the office's patterns (`snow_*`) in their order, then what goes for all.
    """
    if quantity in keep_for:
        return keep_for[quantity]
    if any(fnmatchcase(quantity, pattern) for pattern in ALWAYS):
        return None
    found = next((time for pattern, time in keep_for.items() if fnmatchcase(quantity, pattern)), keep)
    carried = any(fnmatchcase(quantity, pattern) for pattern in CARRIED)
    return max(found, CARRIED_FOR) if carried and found is not None else found


def clean(store: Store, home: Path, now: datetime, *, older_than: timedelta = timedelta(hours=1)) -> int:
    """Remove groups that no row names and that nothing has touched for a while. Returns how many."""
    root, limit, removed = home / FOLDER, (now - older_than).timestamp(), 0
    with store.read() as connection:
        kept = _referenced(connection)
    for group in root.glob("*/*/*"):
        unnamed = group.relative_to(root).as_posix() not in kept
        if unnamed and group.is_dir() and group.stat().st_mtime < limit:
            remove_folder(group)
            removed += 1
    return removed


def _referenced(connection: Connection) -> set[str]:
    return set(connection.execute(sa.select(field_step.c.store)).scalars())
