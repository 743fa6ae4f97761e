"""The values of a step straight from the one file that holds them: a third of what the way through Zarr costs.

A step is one shard: chunks compressed by Blosc, one after the other, then where each lies, then a checksum of that
(Zarr 3, `sharding_indexed`). Only the form that `data.store.field_files` writes is read here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from google_crc32c import value as crc32c
from numcodecs import blosc
from numpy.typing import NDArray

from data.errors import StoreError
from data.store.field_files import whole

NOWHERE = 2**64 - 1  # a chunk without any value
CHECKSUM_BYTES = 4


def read_shard(folder: Path) -> NDArray[np.float32] | None:
    """The field at full size (ny, nx); None where its group has another form.

    Raises
    ------
    FileNotFoundError
        If the group is not there.
    StoreError
        If the file is damaged.
    """
    document = json.loads((folder / "zarr.json").read_bytes())
    variable = document.get("attributes", {}).get("variable")
    facts = (document.get("consolidated_metadata") or {}).get("metadata", {}).get(variable)
    chunk = None if facts is None else _chunk_of(facts)
    if chunk is None or variable is None:
        return None
    shape = tuple(facts["shape"])
    values = np.full(shape, np.nan, np.float32)
    try:
        body = (folder / variable / "c" / "0" / "0").read_bytes()
    except FileNotFoundError:  # a step without any value has no file
        return whole(folder, values)
    places = _index(body, -(-shape[0] // chunk[0]), -(-shape[1] // chunk[1]), folder)
    for row, column in np.ndindex(places.shape[:2]):
        begin, length = (int(number) for number in places[row, column])
        part = values[row * chunk[0] : (row + 1) * chunk[0], column * chunk[1] : (column + 1) * chunk[1]]
        if begin != NOWHERE:
            told = _decoded(body[begin : begin + length], chunk, folder)
            part[:] = told[: part.shape[0], : part.shape[1]]
    return values


def _decoded(body: bytes, chunk: tuple[int, int], folder: Path) -> NDArray[np.float32]:
    """The cells of one chunk. Blosc takes what its head tells of sizes for true: plain, and compressed."""
    plain, packed = (int.from_bytes(body[first : first + 4], "little") for first in (4, 12))
    if (plain, packed) != (4 * chunk[0] * chunk[1], len(body)):
        raise StoreError(f"field step {folder.name} is damaged: a chunk has another size")
    try:
        return np.frombuffer(blosc.decompress(body), "<f4").reshape(chunk)
    except (RuntimeError, ValueError) as error:
        raise StoreError(f"field step {folder.name} is damaged: {error}") from error


def _chunk_of(facts: dict[str, Any]) -> tuple[int, int] | None:
    """Rows and columns of a chunk, where the array is one shard of the known form."""
    codecs = facts["codecs"]
    if len(codecs) != 1 or codecs[0]["name"] != "sharding_indexed" or facts["data_type"] != "float32":
        return None
    shard = codecs[0]["configuration"]
    names = [one["name"] for one in shard["codecs"]], [one["name"] for one in shard["index_codecs"]]
    side = tuple(shard["chunk_shape"])
    whole = facts["chunk_grid"]["configuration"]["chunk_shape"]
    small = all(length <= most for length, most in zip(facts["shape"], whole, strict=True))
    known = names == (["bytes", "blosc"], ["bytes", "crc32c"]) and shard.get("index_location", "end") == "end"
    return (int(side[0]), int(side[1])) if known and small and len(side) == 2 else None


def _index(body: bytes, rows: int, columns: int, folder: Path) -> NDArray[np.uint64]:
    """(rows, columns, 2) where each chunk begins, and how long it is [bytes]."""
    size = rows * columns * 16
    told, checksum = body[-size - CHECKSUM_BYTES : -CHECKSUM_BYTES], body[-CHECKSUM_BYTES:]
    if len(told) != size or crc32c(told) != int.from_bytes(checksum, "little"):
        raise StoreError(f"field step {folder.name} is damaged: its index does not fit its checksum")
    return np.frombuffer(told, "<u8").reshape(rows, columns, 2)
