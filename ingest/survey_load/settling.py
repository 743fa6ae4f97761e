"""The pieces of all files as one delivery: one type for each column, parts of like size, and what the whole is."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.errors import ConfigError
from data.store.durable import sync
from ingest.survey_load.mapping import LoadMapping
from ingest.survey_load.reading import pieces_of, told_of
from ingest.survey_load.shaping import REFUSED

PART_ROWS, GROUP_ROWS = 1 << 20, 1 << 17
FINAL, REFUSED_NAME = "final", "refused.parquet"
MOST_VALUES, CODE_BITS, MOST_NOTES = 1000, 24, 50
GEO = {"version": "1.1.0", "primary_column": "geometry",
       "columns": {"geometry": {"encoding": "WKB", "geometry_types": []}}}  # fmt: skip


@dataclass(frozen=True)
class Settled:
    """A delivery whose files are whole."""

    folder: Path
    rows: int
    refused: int
    digest: str
    record_schema: Mapping[str, Any]
    notes: tuple[str, ...]


def settle(work: Path, files: Sequence[Path], mapping: LoadMapping, before: Mapping[str, Any]) -> Settled:
    """Write the parts of a delivery into `work/final`.

    Parameters
    ----------
    work : Path
    files : sequence of Path
        Folders of the files' pieces, in order.
    mapping : LoadMapping
    before : mapping
        The schema of the dataset's records so far, whose values keep their places; empty where it is to be new.

    Raises
    ------
    ConfigError
        If the facets have more values than there is room for.
    """
    final = work / FINAL
    shutil.rmtree(final, ignore_errors=True)
    final.mkdir()
    pieces = [(folder, piece) for folder in files for piece in pieces_of(folder)]
    told = told_of([piece for _, piece in pieces])
    schema = _schema(
        [(folder / f"{piece['name']}.parquet", piece) for folder, piece in pieces if piece["rows"]], told
    )
    tables = (pq.read_table(folder / f"{piece['name']}.parquet") for folder, piece in pieces if piece["rows"])
    rows = _write_parts(final, schema, (fitted(table, schema) for table in tables)) if schema else 0
    refused = _write_refused(final, [folder / f"{piece['name']}.refused.parquet" for folder, piece in pieces])
    for path in (*final.iterdir(), final):
        sync(path)
    kinds = sorted({kind for _, piece in pieces for kind in piece["kinds"]})
    notes = [f"{text} ({count:,})" for text, count in told.most_common()]
    notes += list(dict.fromkeys(note for _, piece in pieces for note in piece["notes"]))
    more = [f"and {len(notes) - MOST_NOTES} more notes"] if len(notes) > MOST_NOTES else []
    notes = [*notes[:MOST_NOTES], *more, *([f"geometry: {', '.join(kinds)}"] if kinds else [])]
    return Settled(
        folder=final, rows=rows, refused=refused, digest=digest_of(final), notes=tuple(notes),
        record_schema=record_schema([piece for _, piece in pieces], mapping, before),
    )  # fmt: skip


def _schema(pieces: Sequence[tuple[Path, Mapping[str, Any]]], told: Counter[str]) -> pa.Schema | None:
    """One type for each column of all pieces; text where they differ in more than their width."""
    found: dict[str, list[pa.DataType]] = {}
    rows: Counter[tuple[str, pa.DataType]] = Counter()
    written: dict[str, list[int]] = {}
    for path, piece in pieces:
        with pq.ParquetFile(path) as file:
            for one in file.schema_arrow:
                types = found.setdefault(one.name, [])
                if one.name in piece["written"]:
                    sums = zip(written.get(one.name, [0, 0, 0]), piece["written"][one.name], strict=True)
                    written[one.name] = [sum(pair) for pair in sums]
                elif one.type not in types:
                    types.append(one.type)
                rows[one.name, one.type] += file.metadata.num_rows
    fields = []
    for name, types in found.items():
        chosen = common_type([*types, *([_meant(written[name], name, told)] if name in written else [])])
        if pa.types.is_string(chosen) and any(not _is_text(kind) and not pa.types.is_null(kind) for kind in types):
            moved = sum(rows[name, kind] for kind in types if not _is_text(kind))
            told[f"{name}: its type changes, so its values are kept as text"] += moved
        fields.append(pa.field(name, chosen))
    return pa.schema(fields, metadata={b"geo": json.dumps(GEO).encode()}) if fields else None


def _meant(written: Sequence[int], name: str, told: Counter[str]) -> pa.DataType:
    """The type of a column of a table, by how many of its values are written as numbers."""
    given, whole, numbers = written
    if not given:
        return pa.null()
    if whole == given:
        return pa.int64()
    if numbers == given:
        return pa.float64()
    if 2 * numbers > given:
        told[f"{name}: its type changes, so its values are kept as text"] += given - numbers
    return pa.string()


def common_type(types: Sequence[pa.DataType]) -> pa.DataType:
    """The type that holds values of all of these."""
    real = [kind for kind in types if not pa.types.is_null(kind)]
    if not real:
        return pa.string()
    if len(set(real)) == 1:
        return real[0]
    if all(pa.types.is_signed_integer(kind) for kind in real):
        return pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in real):
        return pa.float64()
    return pa.string()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table in the columns of a schema."""
    columns = []
    for one in schema:
        if one.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, one.type))
            continue
        column = table[one.name]
        if pa.types.is_binary(column.type) and not pa.types.is_binary(one.type):
            column = pa.array([None if value is None else value.hex() for value in column.to_pylist()], pa.string())
        columns.append(column if column.type == one.type else pc.cast(column, one.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _write_parts(final: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> int:
    """Parts of at most `PART_ROWS` records; how many records there are."""
    total = 0
    writer: pq.ParquetWriter | None = None
    held: list[pa.Table] = []
    room = PART_ROWS

    def flush(rows: int) -> None:
        """Write `rows` of what is held as one group."""
        nonlocal writer, room, held, total
        whole = pa.concat_tables(held)
        if writer is None:
            writer = pq.ParquetWriter(final / f"part-{total // PART_ROWS:05d}.parquet", schema, compression="zstd")
        writer.write_table(whole.slice(0, rows), row_group_size=GROUP_ROWS)
        held = [whole.slice(rows)] if rows < whole.num_rows else []
        total, room = total + rows, room - rows
        if room == 0:
            writer.close()
            writer, room = None, PART_ROWS

    for table in tables:
        held.append(table)
        while sum(one.num_rows for one in held) >= GROUP_ROWS:
            flush(GROUP_ROWS)
    if held:
        flush(sum(one.num_rows for one in held))
    if writer is not None:
        writer.close()
    return total


def _write_refused(final: Path, paths: Sequence[Path]) -> int:
    total = 0
    with pq.ParquetWriter(final / REFUSED_NAME, REFUSED, compression="zstd") as writer:
        for path in paths:
            table = pq.read_table(path, schema=REFUSED)
            if table.num_rows:
                writer.write_table(table)
                total += table.num_rows
    return total


def digest_of(folder: Path) -> str:
    """Of the content of a delivery: the digests of its parts, in order, and of what was refused."""
    whole = hashlib.sha256()
    for path in (*sorted(folder.glob("part-*.parquet")), folder / REFUSED_NAME):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def record_schema(
    pieces: Sequence[Mapping[str, Any]], mapping: LoadMapping, before: Mapping[str, Any]
) -> dict[str, Any]:
    """The schema of the records, as the store of records writes it; values known before keep their places."""
    found: dict[str, set[str]] = {}
    for piece in pieces:
        for name, values in piece["values"].items():
            found.setdefault(name, set()).update(values)
    known = {one["name"]: one["values"] for one in before.get("facets", ())}
    facets = []
    for facet in mapping.facets:
        first = [*known.get(facet.name, ()), *facet.values.values()]
        values = list(dict.fromkeys([*first, *sorted(found.get(facet.name, ()))]))
        facets.append({"name": facet.name, "values": values})
    regions = list(dict.fromkeys([*before.get("regions", ()), *sorted(found.get("region", ()))]))
    _check_room(facets, len(regions))
    kinds = {kind for piece in pieces for kind in piece["kinds"]}
    return {
        "facets": facets,
        "regions": regions if mapping.region else [],
        "region": "region" if mapping.region else "",
        "columns": [{"name": one.name, "kind": one.kind} for one in mapping.columns],
        "lon": "", "lat": "", "geometry": "geometry",
        "shapes": bool(kinds - {"point"}) or bool(before.get("shapes")),
    }  # fmt: skip


def _check_room(facets: Sequence[Mapping[str, Any]], regions: int) -> None:
    faults = [
        f"{one['name']}: {len(one['values'])} different values are too many for a facet, leave it a plain column"
        for one in facets
        if len(one["values"]) > MOST_VALUES
    ]
    combinations = math.prod(len(one["values"]) + 1 for one in facets)
    if max(1, (combinations - 1).bit_length()) + max(1, regions.bit_length()) > CODE_BITS:
        sizes = ", ".join(f"{one['name']} {len(one['values'])}" for one in facets)
        faults.append(f"too many combinations of facets ({sizes}) and of {regions} regions: leave one out")
    if faults:
        raise ConfigError(faults)
