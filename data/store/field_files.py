"""One step as files: a Zarr group that other programs open as CF data, written whole or not at all.

    <variable>, lon, lat, time, time_bnds, forecast_reference_time, crs     the step at full size
    overviews/1, 2, 3...                                                    each with half the rows and columns

The group's metadata are consolidated, so that one file is read to open it. Groups of the first version have arrays
named 0, 1, 2... and no metadata but these; they are read as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import StoreError
from data.grid import segments
from data.model import FieldStep
from data.store import field_cf
from data.store.durable import to_disk

CHUNK = 512
SMALLEST = 256  # no overview of a field that is already this small
FOLDER = "fields"
SYNCS = 8  # at a time: a journal takes them together
RESERVED = {"lon", "lat", "time", "time_bnds", "forecast_reference_time", "crs", "overviews", "bnds"}


def safe_name(name: str) -> str:
    """A quantity as the name of a folder."""
    return re.sub(r"[^a-z0-9_.-]+", "_", name.lower()).lstrip(".")[:100] or "field"


def variable_name(quantity: str) -> str:
    """A quantity as the name of its array."""
    name = safe_name(quantity)
    return f"{name}_value" if name in RESERVED else name


def write_group(target: Path, step: FieldStep, values: NDArray[np.float32]) -> None:
    """Write a step beside its place and rename it there; one that exists is touched, so that `clean` waits."""
    if target.exists():
        os.utime(target)
        return
    with_files(target, _files(step, values))


def with_files(target: Path, files: Mapping[str, bytes]) -> None:
    """A folder with these files, durable, that appears by a rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
    try:
        for name in sorted({os.path.dirname(name) for name in files}):  # noqa: PTH120  keys, not paths
            (partial / name).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(SYNCS) as pool:
            list(pool.map(lambda item: write_file(partial / item[0], item[1]), files.items()))
        publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_file(path: Path, body: bytes) -> None:
    """A file that is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        to_disk(file.fileno())


def publish(partial: Path, target: Path) -> None:
    """Rename a folder whose files are on the disk to its place; somebody else may have been first."""
    sync_folders([*(path for path in partial.rglob("*") if path.is_dir()), partial])
    try:
        partial.rename(target)
    except OSError:
        if not target.exists():
            raise
    sync_folders([target.parent])


def sync_file(path: Path) -> None:
    """Have a file that somebody wrote on the disk."""
    with path.open("rb") as file:
        to_disk(file.fileno())


def remove_folder(path: Path) -> None:
    """Take a folder away at once, then its files: who reads it sees that it has gone, not that parts are missing."""
    with contextlib.suppress(FileNotFoundError):
        gone = Path(tempfile.mkdtemp(dir=path.parent, prefix=".gone-"))
        try:
            path.rename(gone / "folder")
        finally:
            shutil.rmtree(gone, ignore_errors=True)


def sync_folders(folders: Iterable[Path]) -> None:
    """Have the names in these folders on the disk."""
    with ThreadPoolExecutor(SYNCS) as pool:
        list(pool.map(_sync_folder, folders))


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        to_disk(handle)
    finally:
        os.close(handle)


def _files(step: FieldStep, values: NDArray[np.float32]) -> dict[str, bytes]:
    """The files of a group by their names."""
    import zarr

    held: dict[str, Any] = {}
    variable = variable_name(step.quantity)
    attributes = field_cf.group_attributes(step, variable)
    group = zarr.create_group(zarr.storage.MemoryStore(held), zarr_format=3, attributes=attributes)
    categorical = bool(step.attributes.get("categorical"))
    full, *smaller = overviews(values, categorical, seamless=len(segments(step.lon)) == 1)
    write_array(group, variable, full, ("lat", "lon"), field_cf.variable_attributes(step))
    for level, array in enumerate(smaller, 1):
        names = (f"lat_{level}", f"lon_{level}")
        write_array(
            group, f"overviews/{level}", array, names, {"units": step.unit, "_FillValue": field_cf.NOT_A_NUMBER}
        )
    for name, axis, facts in (("lon", step.lon, field_cf.LON), ("lat", step.lat, field_cf.LAT)):
        _write_plain(group, name, np.asarray(axis, np.float64), facts, (name,))
    begin, end = field_cf.bounds(step)
    bounded = {"bounds": "time_bnds"} if step.accumulation_s else {}
    _write_plain(group, "time", np.array(end, np.int64), {**field_cf.TIME, **bounded})
    if bounded:
        _write_plain(group, "time_bnds", np.array([begin, end], np.int64), field_cf.TIME_UNITS, ("bnds",))
    run = np.array(field_cf.seconds(step.run_at), np.int64)
    _write_plain(group, "forecast_reference_time", run, field_cf.RUN_TIME)
    _write_plain(group, "crs", np.array(0, np.int32), field_cf.CRS)
    return _consolidated({name: buffer.to_bytes() for name, buffer in held.items()})


def _consolidated(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same files, the metadata of all arrays in the group's own too, in the form that zarr-python writes."""
    ending = "/zarr.json"
    parts = {name.removesuffix(ending): json.loads(body) for name, body in files.items() if name.endswith(ending)}
    document = json.loads(files["zarr.json"])
    document["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": parts}
    return {**files, "zarr.json": json.dumps(document).encode()}


def compressor() -> Any:
    """Zstandard after a shuffle by bytes: smaller and quicker than by bits for values that were rounded or packed."""
    from zarr.codecs import BloscCodec

    return BloscCodec(cname="zstd", clevel=3, shuffle="shuffle", typesize=4)


def write_array(
    group: Any, name: str, values: NDArray[np.float32], dimensions: tuple[str, ...], attributes: Mapping[str, Any]
) -> None:
    """One chunked array in one file: a shard over all chunks, so that a step is a handful of files."""
    chunk = tuple(min(CHUNK, length) for length in values.shape)
    shard = tuple(-(-length // size) * size for length, size in zip(values.shape, chunk, strict=True))
    array = group.create_array(
        name, shape=values.shape, dtype="float32", chunks=chunk, shards=shard, fill_value=np.nan,
        compressors=compressor(), dimension_names=dimensions, attributes=dict(attributes),
    )  # fmt: skip
    array[:] = values


def _write_plain(
    group: Any, name: str, values: NDArray[Any], attributes: Mapping[str, Any], dimensions: tuple[str, ...] = ()
) -> None:
    """A small array as it is."""
    chunks = values.shape or "auto"
    group.create_array(
        name, data=values, chunks=chunks, compressors=None, dimension_names=dimensions or None,
        attributes=dict(attributes),
    )  # fmt: skip


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


@dataclass(frozen=True, eq=False)
class StepArray:
    """A stored step, read chunk by chunk as it is asked for."""

    row: Any  # of field_step
    group: Any  # zarr.Group
    folder: Path

    @cached_property
    def lon(self) -> NDArray[np.float64]:
        return np.asarray(self.group["lon"][:], np.float64)

    @cached_property
    def lat(self) -> NDArray[np.float64]:
        return np.asarray(self.group["lat"][:], np.float64)

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        """The Zarr arrays, full size first; each next one has half the rows and columns."""
        variable = self.group.attrs.get("variable")
        if variable is None:  # a group of the first version
            return tuple(self._numbered("", 0))
        return (self.group[variable], *self._numbered("overviews/", 1))

    def _numbered(self, folder: str, first: int) -> list[Any]:
        found: list[Any] = []
        while (name := f"{folder}{first + len(found)}") in self.group:
            found.append(self.group[name])
        return found

    @property
    def values(self) -> NDArray[np.float32]:
        """The whole field at full size (ny, nx); read each time it is asked for. StoreError if it goes meanwhile."""
        return whole(self.folder, np.asarray(self.levels[0][:], np.float32))

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

    folder = home / FOLDER / row.store
    try:
        return StepArray(row, zarr.open_group(folder, mode="r", zarr_format=3), folder)
    except FileNotFoundError:
        raise _gone(folder) from None


def open_values(home: Path, row: Any) -> Any:
    """The Zarr array (ny, nx) of a row of `field_step` at full size; StoreError if it is not there."""
    import zarr

    folder = home / FOLDER / row.store
    for name in (variable_name(row.quantity), "0"):
        try:
            return zarr.open_array(folder / name, mode="r", zarr_format=3)
        except FileNotFoundError:
            continue
    raise _gone(folder)


def whole(folder: Path, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values read from a group that is still there: one that is being removed reads as missing values."""
    if not folder.exists():
        raise _gone(folder)
    return values


def _gone(folder: Path) -> StoreError:
    return StoreError(f"field step {'/'.join(folder.parts[-3:])} is not in the archive")
