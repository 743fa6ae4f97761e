"""What a record is, in three numbers: two for its identity and one for all that is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import LayerError
from layers.kernels.fingerprint import blend, print_bytes
from layers.kernels.survey import NOWHERE
from layers.survey.amend import DELETED, IDENTITY
from layers.survey.schema import Schema
from layers.survey.source import Reader, Task, read_group

FINGERPRINT = np.dtype([("one", "<u8"), ("two", "<u8"), ("content", "<u8"), ("row", "<u8")])
ABSENT = np.uint64(0x5D1A_B5E4_7C3F_9A21)  # what stands for "no value"
U = np.uint64
Array = NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """The columns that two deliveries both have, how each is read, and those that only one of them has."""

    kinds: Mapping[str, str]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]


def common_columns(old: Sequence[str], new: Sequence[str]) -> Columns:
    """What can be compared; LayerError where a file has no identities.

    A column is compared as whole numbers where all files have such, else as numbers, as bytes or as text.
    """
    sides = [[pq.read_schema(path) for path in paths] for paths in (old, new)]
    every = zip([*old, *new], [*sides[0], *sides[1]], strict=True)
    faults = [f"{path}: no column {IDENTITY}" for path, schema in every if IDENTITY not in schema.names]
    if faults:
        raise LayerError("; ".join(faults))
    names = [set.intersection(*(set(schema.names) for schema in side)) - {IDENTITY, DELETED} for side in sides]
    both = sorted(names[0] & names[1])
    kinds = {name: _kind([schema.field(name).type for side in sides for schema in side]) for name in both}
    return Columns(kinds, tuple(sorted(names[0] - names[1])), tuple(sorted(names[1] - names[0])))


def _kind(types: Sequence[pa.DataType]) -> str:
    whole = (pa.types.is_integer, pa.types.is_boolean)
    if all(any(test(one) for test in whole) for one in types):
        return "whole"
    if all(any(test(one) for test in (*whole, pa.types.is_floating)) for one in types):
        return "number"
    return "bytes" if all(pa.types.is_binary(one) or pa.types.is_large_binary(one) for one in types) else "text"


def fingerprints(paths: Sequence[str], task: Task, schema: Schema, columns: Columns, reader: Reader) -> Array:
    """The usable records of a row group.

    A record without an identity has that of its content: the same one once more is the same record.
    """
    key = reader.keys(task)
    table = read_group(paths[task.file], task.group, [IDENTITY, *columns.kinds])
    taken = np.arange(task.rows) if task.only is None else task.only
    if task.only is not None:
        table = table.take(pa.array(task.only))
    found = np.empty(table.num_rows, FINGERPRINT)
    content = np.zeros(table.num_rows, U)
    for place, (name, kind) in enumerate(columns.kinds.items(), 1):
        blend(content, _printed(table[name], kind, U(0)), U(place))
    absent = table[IDENTITY].is_null().to_numpy() if table[IDENTITY].null_count else np.zeros(len(found), np.bool_)
    for seed, name in enumerate(("one", "two"), 1):
        found[name] = np.where(absent, content, _printed(table[IDENTITY], "text", U(seed)))
    found["content"], found["row"] = content, taken.astype(U) + U(task.number)
    usable: Array = found[key != NOWHERE]
    return usable


def _printed(column: pa.ChunkedArray, kind: str, seed: Any) -> Array:
    """A number for each value of a column."""
    if pa.types.is_dictionary(column.type) and kind == "text":
        coded = column.combine_chunks()
        coded = coded if isinstance(coded, pa.DictionaryArray) else coded.unify_dictionaries().chunk(0)
        words = np.append(_bytes(pc.cast(coded.dictionary, pa.string()), seed), ABSENT)
        printed: Array = words[coded.indices.fill_null(len(words) - 1).to_numpy(False)]
        return printed
    if kind in ("whole", "number"):
        numbers = pc.cast(column, pa.int64() if kind == "whole" else pa.float64(), safe=False)
        plain = numbers.fill_null(0).to_numpy() + (0 if kind == "whole" else 0.0)  # no negative zero
        printed = plain.view(U).copy()
    else:
        printed = _bytes(_flat(pc.cast(column, pa.binary() if kind == "bytes" else pa.string())), seed)
    if column.null_count:
        printed[column.is_null().to_numpy()] = ABSENT
    return printed


def _flat(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)


def _bytes(column: pa.Array, seed: Any) -> Array:
    first, count = column.offset, len(column)
    out = np.empty(count, U)
    if count:
        _, offsets, content = column.buffers()
        places = np.frombuffer(offsets, np.int32)[first : first + count + 1]
        print_bytes(places, np.frombuffer(content, np.uint8) if content else np.empty(0, np.uint8), seed, out)
    return out
