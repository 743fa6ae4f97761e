"""`survey suggest|build|stats|export`: stores of survey records from the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.csv as pc
import pyarrow.parquet as pq
import shapely
import yaml

from data.errors import ConfigError, LayerError
from layers.survey.build import build
from layers.survey.choice import Choice, choose
from layers.survey.polygon import tally_polygon
from layers.survey.rows import every_row
from layers.survey.schema import Schema
from layers.survey.store import Store, Tally
from layers.survey.suggest import suggest

EDGE = 85.0
WORLD = shapely.box(-180, -EDGE, 180, EDGE)


def add_arguments(commands: Any) -> None:
    """Add the actions of `survey` to its subparsers."""
    first = commands.add_parser("suggest", help="a schema for a Parquet file, to be read and confirmed")
    first.add_argument("source", type=Path)
    make = commands.add_parser("build", help="a store from Parquet files")
    make.add_argument("sources", type=Path, nargs="+")
    make.add_argument("--store", type=Path, required=True)
    make.add_argument("--schema", type=Path, required=True, help="YAML, as `survey suggest` writes it")
    make.add_argument("--append", action="store_true", help="beside what the store holds; without it, in its place")
    make.add_argument("--workers", type=int, default=2)
    make.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler that shares the folder")
    for name, text in (("stats", "exact counts"), ("export", "records as Parquet, CSV or GeoJSON")):
        ask = commands.add_parser(name, help=text)
        ask.add_argument("--store", type=Path, required=True)
        ask.add_argument("--polygon", type=Path, help="GeoJSON with one polygon")
        ask.add_argument("--facet", action="append", default=[], metavar="NAME=VALUE,...")
        ask.add_argument("--region", action="append", metavar="CODE")
        if name == "export":
            ask.add_argument("--out", type=Path, required=True)
    for parser in commands.choices.values():
        parser.add_argument("--json", action="store_true")


def main(options: argparse.Namespace) -> int:
    """Carry out one action."""
    match options.action:
        case "suggest":
            written = suggest(options.source).as_json()
            print(json.dumps(written) if options.json else yaml.safe_dump(_plain(written), allow_unicode=True))
        case "build":
            _build(options)
        case "stats":
            store = Store(options.store)
            _show(_tally(store, options), options.json)
        case _:
            print(json.dumps({"written": _export(Store(options.store), options)}))
    return 0


def read_schema(path: Path) -> Schema:
    """A schema from YAML; ConfigError where it is none."""
    try:
        return Schema.from_json(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, KeyError, TypeError, LayerError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _build(options: argparse.Namespace) -> None:
    schema, begun = read_schema(options.schema), time.monotonic()
    mode: Any = "append" if options.append else "replace"
    arguments: dict[str, Any] = {"mode": mode, "workers": options.workers, "report": _progress}
    if options.cluster:
        from distributed import Client

        with Client(options.cluster) as client:  # type: ignore[no-untyped-call]
            entry = build(options.sources, options.store, schema, executor=client.get_executor(), **arguments)
    else:
        entry = build(options.sources, options.store, schema, **arguments)
    seconds = time.monotonic() - begun
    facts = {**entry, "seconds": round(seconds, 2), "records_per_second": round(entry["rows"] / max(seconds, 1e-9))}
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{entry['rows']:,} records in {seconds:.1f} s, {facts['records_per_second']:,} a second")
    for reason, count in entry["refused"].items():
        print(f"refused, {reason}: {count:,}")
    for column, count in entry["values_that_do_not_fit"].items():
        print(f"kept without a value, {column} does not fit its kind: {count:,}")


def _progress(phase: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{phase}: {done} of {total} ", end="" if done < total else "\n", file=sys.stderr, flush=True)


def _tally(store: Store, options: argparse.Namespace) -> Tally:
    choice, polygon = _choice(store.schema, options), _polygon(options.polygon)
    return store.tally(choice) if polygon is None else tally_polygon(store, polygon, choice)


def _choice(schema: Schema, options: argparse.Namespace) -> Choice:
    facets: dict[str, list[str]] = {}
    for written in options.facet:
        name, _, words = written.partition("=")
        facets.setdefault(name, []).extend(words.split(","))
    return choose(schema, facets, options.region)


def _polygon(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return shapely.from_geojson(_geometry(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, IndexError, TypeError, shapely.errors.ShapelyError) as error:
        raise ConfigError([f"{path}: no polygon: {error}"]) from error


def _geometry(document: Mapping[str, Any]) -> str:
    """The geometry of a feature, of a collection's first feature, or itself, as text."""
    inner = document["features"][0] if document.get("type") == "FeatureCollection" else document
    return json.dumps(inner["geometry"] if inner.get("type") == "Feature" else inner)


def _show(tally: Tally, as_json: bool) -> None:
    facets = {facet.name: tally.by_facet(facet.name) for facet in tally.schema.facets}
    facts = {"records": tally.total, "facets": facets, "regions": tally.by_region()}
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{tally.total:,} records")
    for name, counts in facets.items():
        print(f"{name}: " + ", ".join(f"{word or '(none)'} {count:,}" for word, count in counts.items()))


def _export(store: Store, options: argparse.Namespace) -> int:
    """Write the records of a choice, part by part; a file is there whole or not at all."""
    polygon = _polygon(options.polygon)
    parts = every_row(store, WORLD if polygon is None else polygon, _choice(store.schema, options))
    partial, written = options.out.with_name(f".{options.out.name}"), 0
    write = {".parquet": _write_parquet, ".csv": _write_csv, ".geojson": _write_geojson}.get(options.out.suffix)
    if write is None:
        raise ConfigError([f"{options.out.name}: .parquet, .csv or .geojson"])
    written = write(partial, parts)
    partial.replace(options.out)
    return written


def _write_parquet(path: Path, parts: Any) -> int:
    written, writer = 0, None
    for part in parts:
        writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part)
        written += part.num_rows
    if writer is None:
        raise LayerError("no record was chosen")
    writer.close()
    return written


def _write_csv(path: Path, parts: Any) -> int:
    written = 0
    with path.open("wb") as file:
        for part in parts:
            pc.write_csv(part, file, pc.WriteOptions(include_header=written == 0))
            written += part.num_rows
    return written


def _write_geojson(path: Path, parts: Any) -> int:
    written = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for part in parts:
            for record in part.to_pylist():
                place = {"type": "Point", "coordinates": [round(record.pop(axis), 7) for axis in ("lon", "lat")]}
                feature = {"type": "Feature", "geometry": place, "properties": record}
                file.write(("," if written else "") + json.dumps(feature, ensure_ascii=False))
                written += 1
        file.write("]}\n")
    return written


def _plain(written: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(written, dict):
        return {key: _plain(value) for key, value in written.items()}
    return [_plain(one) for one in written] if isinstance(written, list | tuple) else written
