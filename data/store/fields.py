"""The field archive: one Zarr group per step, written once, with overviews for the map; a row says what it is.

    fields/<quantity>/<grid>/<valid time>_<digest>/   a Zarr group: arrays 0, 1, 2... (0 is full size), lon, lat

A group appears by a rename, complete or not at all. Groups that no row names are left by a kill between `prepare` and
`put`, or by `trim`; `clean` removes them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from data.errors import StoreError
from data.grid import bounds_of, grid_digest, segments
from data.model import FieldStep
from data.store.changes import note_change
from data.store.engine import Store
from data.store.sink import Counts, PutContext
from data.store.tables import field_step

CHUNK = 512
SMALLEST = 256  # no overview of a field that is already this small
FOLDER = "fields"
IDENTITY = ("source", "quantity", "run_at", "valid_at", "accumulation_s", "grid")


class FieldSink:
    """Keeps `FieldStep`s."""

    def prepare(self, context: PutContext, records: Sequence[FieldStep]) -> list[dict[str, Any]]:
        """Write the groups; the rows to be put are returned."""
        return [self._prepare(context, step) for step in records]

    def _prepare(self, context: PutContext, step: FieldStep) -> dict[str, Any]:
        values = np.ascontiguousarray(step.values, np.float32)
        digest = values_digest(values)
        grid = grid_digest(step.lon, step.lat)
        stamp = f"{step.valid_at:%Y%m%dT%H%M%SZ}_{digest[:20]}"
        relative = f"{_safe(step.quantity)}/{grid}/{stamp}"
        _write_group(context.home / FOLDER / relative, step, values)
        west, south, east, north = bounds_of(step.lon, step.lat)
        row = {
            "source": context.source, "quantity": step.quantity, "run_at": step.run_at, "valid_at": step.valid_at,
            "forecast": step.forecast, "accumulation_s": step.accumulation_s, "unit": step.unit, "grid": grid,
            "digest": digest, "store": relative, "index": 0, "west": west, "south": south, "east": east,
            "north": north, "missing_share": float(np.isnan(values).mean()), "attributes": dict(step.attributes),
            "received_at": context.received_at,
        }  # fmt: skip
        return {"id": step_id(row), **row}

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


def step_id(row: Mapping[str, Any]) -> int:
    """A number made of what a step is and holds: tiles are cached for ever under it, so none is ever given twice.

    48 bits: whole in JavaScript, and one in a million to meet its like among 24,000 steps.
    """
    words = [row[name].isoformat() if isinstance(row[name], datetime) else str(row[name]) for name in IDENTITY]
    return int.from_bytes(hashlib.sha256("\n".join([*words, row["digest"]]).encode()).digest()[:6], "big")


def values_digest(values: NDArray[np.float32]) -> str:
    """SHA-256 of the values, every NaN the same."""
    fingerprint = hashlib.sha256(str(values.shape).encode())
    for start in range(0, len(values), 512):
        block = values[start : start + 512]
        fingerprint.update(np.where(np.isnan(block), np.float32(np.nan), block).astype("<f4").tobytes())
    return fingerprint.hexdigest()


def _safe(name: str) -> str:
    """A quantity as a folder name."""
    return re.sub(r"[^a-z0-9_.-]+", "_", name.lower()).lstrip(".")[:100] or "field"


def _write_group(target: Path, step: FieldStep, values: NDArray[np.float32]) -> None:
    """Write a step beside its place and rename it there; one that exists is touched, so that `clean` waits."""
    import zarr

    if target.exists():
        os.utime(target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
    try:
        group = zarr.open_group(partial, mode="w", zarr_format=3)
        categorical = bool(step.attributes.get("categorical"))
        for level, array in enumerate(overviews(values, categorical, seamless=len(segments(step.lon)) == 1)):
            _write_array(group, str(level), array)
        for name, axis in (("lon", step.lon), ("lat", step.lat)):
            group.create_array(name, data=np.asarray(axis, np.float64), chunks=(axis.size,), compressors=None)
        times = {"valid_at": step.valid_at.isoformat(), "run_at": step.run_at.isoformat()}
        group.attrs.update({"Conventions": "CF-1.12", "quantity": step.quantity, "units": step.unit, **times})
        _sync(partial)
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _sync_folder(target.parent)


def _write_array(group: Any, name: str, values: NDArray[np.float32]) -> None:
    """One chunked array in one file: a shard over all chunks, so that a step is a handful of files."""
    from zarr.codecs import BloscCodec

    chunk = tuple(min(CHUNK, length) for length in values.shape)
    shard = tuple(-(-length // size) * size for length, size in zip(values.shape, chunk, strict=True))
    array = group.create_array(
        name,
        shape=values.shape,
        dtype="float32",
        chunks=chunk,
        shards=shard,
        fill_value=np.nan,
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=4),
        dimension_names=("lat", "lon"),
    )
    array[:] = values


def overviews(values: NDArray[np.float32], categorical: bool, *, seamless: bool = True) -> list[NDArray[np.float32]]:
    """The field and its halvings: means of what is there in 2 x 2 cells, or the first of them for classes.

    A cell of an overview is missing only where all four are; a grid with a seam has none, because its neighbours in
    the array are not neighbours on the ground.
    """
    levels = [values]
    while seamless and max(levels[-1].shape) > SMALLEST:
        levels.append(_halve(levels[-1], categorical))
    return levels


def _halve(values: NDArray[np.float32], categorical: bool) -> NDArray[np.float32]:
    if categorical:
        return np.ascontiguousarray(values[::2, ::2])
    height, width = (-(-length // 2) for length in values.shape)
    total, count = np.zeros((height, width), np.float32), np.zeros((height, width), np.uint8)
    for row in (0, 1):
        for column in (0, 1):
            part = values[row::2, column::2]
            valid = ~np.isnan(part)
            area = (slice(0, part.shape[0]), slice(0, part.shape[1]))
            total[area] += np.where(valid, part, np.float32(0))
            count[area] += valid
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count, np.float32)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    for path in (*(item for item in folder.rglob("*") if item.is_dir()), folder):
        _sync_folder(path)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, eq=False)
class StepArray:
    """A stored step, read chunk by chunk as it is asked for."""

    row: Any  # of field_step
    group: Any  # zarr.Group

    @cached_property
    def lon(self) -> NDArray[np.float64]:
        return np.asarray(self.group["lon"][:], np.float64)

    @cached_property
    def lat(self) -> NDArray[np.float64]:
        return np.asarray(self.group["lat"][:], np.float64)

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        """The Zarr arrays, full size first; each next one has half the rows and columns."""
        found: list[Any] = []
        while str(len(found)) in self.group:
            found.append(self.group[str(len(found))])
        return tuple(found)

    @property
    def values(self) -> NDArray[np.float32]:
        """The whole field at full size (ny, nx); read each time it is asked for."""
        return np.asarray(self.levels[0][:], np.float32)

    @property
    def valid_at(self) -> datetime:
        at: datetime = self.row.valid_at
        return at


def open_step(home: Path, row: Any) -> StepArray:
    """The arrays of a row of `field_step`.

    Raises
    ------
    StoreError
        If the group is not there.
    """
    import zarr

    try:
        return StepArray(row, zarr.open_group(home / FOLDER / row.store, mode="r", zarr_format=3))
    except FileNotFoundError:
        raise StoreError(f"field step {row.store} is not in the archive") from None


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
    limit: int = 2000,
) -> list[sa.Row[Any]]:
    """Rows of `field_step`, newest valid time first and the newest run of it first; `until` is inclusive."""
    query = sa.select(field_step)
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
        shutil.rmtree(home / FOLDER / name, ignore_errors=True)
    return len(names)


def roll(store: Store, home: Path, now: datetime, *, keep: timedelta, epoch: int | None = None) -> int:
    """Trim every quantity to `keep` and clean up behind; for the engine, now and then. Returns steps dropped."""
    with store.read() as connection:
        quantities = list(connection.execute(sa.select(field_step.c.quantity).distinct()).scalars())
    dropped = sum(trim(store, home, quantity, keep, now, epoch=epoch) for quantity in sorted(quantities))
    clean(store, home, now)
    return dropped


def clean(store: Store, home: Path, now: datetime, *, older_than: timedelta = timedelta(hours=1)) -> int:
    """Remove groups that no row names and that nothing has touched for a while. Returns how many."""
    root, limit, removed = home / FOLDER, (now - older_than).timestamp(), 0
    with store.read() as connection:
        kept = _referenced(connection)
    for group in root.glob("*/*/*"):
        unnamed = group.relative_to(root).as_posix() not in kept
        if unnamed and group.is_dir() and group.stat().st_mtime < limit:
            shutil.rmtree(group, ignore_errors=True)
            removed += 1
    return removed


def _referenced(connection: Connection) -> set[str]:
    return set(connection.execute(sa.select(field_step.c.store)).scalars())
