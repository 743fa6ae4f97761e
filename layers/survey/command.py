"""`survey suggest|build|stats|export|trace-copy`: stores of survey records from the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import shapely
import yaml

from data.clock import utc_now
from data.errors import ConfigError, LayerError
from layers.survey import compare_command
from layers.survey.build import build, compact
from layers.survey.choice import Choice, choose
from layers.survey.marks import command as traces
from layers.survey.marks.book import Book
from layers.survey.marks.copy import write_copy
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
    make.add_argument("sources", type=Path, nargs="*")
    make.add_argument("--store", type=Path, required=True)
    make.add_argument("--schema", type=Path, help="YAML, as `survey suggest` writes it")
    how = make.add_mutually_exclusive_group()
    how.add_argument("--append", action="store_true", help="beside what the store holds; without it, in its place")
    how.add_argument("--amend", action="store_true", help="each record in the place of the one with the same id")
    how.add_argument("--compact", action="store_true", help="make one segment of what the store holds; no sources")
    make.add_argument("--delivery", type=int, help="its number in the catalogue")
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
            ask.add_argument("--reader", default="the operator", help="whose copy it is")
            ask.add_argument("--purpose", required=True, help="what it is needed for, in a sentence")
    traces.add_arguments(commands)
    compare_command.add_arguments(commands)
    for parser in commands.choices.values():
        parser.add_argument("--json", action="store_true")


def main(options: argparse.Namespace, book: Callable[[], Book]) -> int:
    """Carry out one action; `book` opens the one in which copies are entered."""
    match options.action:
        case "suggest":
            written = suggest(options.source).as_json()
            print(json.dumps(written) if options.json else yaml.safe_dump(_plain(written), allow_unicode=True))
        case "build":
            _build(options)
        case "stats":
            store = Store(options.store)
            _show(_tally(store, options), options.json)
        case "trace-copy":
            return traces.main(options, book())
        case _:
            print(json.dumps({"written": _export(Store(options.store), options, book())}))
    return 0


def read_schema(path: Path) -> Schema:
    """A schema from YAML; ConfigError where it is none."""
    try:
        return Schema.from_json(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, KeyError, TypeError, LayerError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _build(options: argparse.Namespace) -> None:
    begun = time.monotonic()
    if options.cluster:
        from distributed import Client

        with Client(options.cluster) as client:  # type: ignore[no-untyped-call]
            entry = _built(options, client.get_executor())
    else:
        entry = _built(options, None)
    seconds = time.monotonic() - begun
    facts = {**entry, "seconds": round(seconds, 2), "records_per_second": round(entry["rows"] / max(seconds, 1e-9))}
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{entry['rows']:,} records in {seconds:.1f} s, {facts['records_per_second']:,} a second")
    for reason, count in entry["refused"].items():
        print(f"refused, {reason}: {count:,}")
    for what, count in entry.get("amended", {}).items():
        print(f"{what.replace('_', ' ')}: {count:,}")
    for column, count in entry["values_that_do_not_fit"].items():
        print(f"kept without a value, {column} does not fit its kind: {count:,}")


def _built(options: argparse.Namespace, executor: Executor | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {"workers": options.workers, "report": _progress, "executor": executor}
    if options.compact:
        if options.sources or options.schema:
            raise ConfigError(["--compact takes neither sources nor a schema"])
        return compact(options.store, **arguments)
    if not options.sources or options.schema is None:
        raise ConfigError(["a build needs sources and --schema"])
    mode: Any = "amend" if options.amend else "append" if options.append else "replace"
    schema = read_schema(options.schema)
    return build(options.sources, options.store, schema, mode=mode, delivery=options.delivery, **arguments)


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


def _export(store: Store, options: argparse.Namespace, book: Book) -> int:
    """Write a marked copy of a choice."""
    area, name = _polygon(options.polygon), options.store.resolve().name
    parts = every_row(store, WORLD if area is None else area, _choice(store.schema, options))
    mark, notice = book.begin(
        book.of_operator(name, options.reader), options.purpose, options.out.suffix[1:], utc_now()
    )
    written = write_copy(options.out, parts, mark, notice)
    book.finish(mark, written)
    return written


def _plain(written: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(written, dict):
        return {key: _plain(value) for key, value in written.items()}
    return [_plain(one) for one in written] if isinstance(written, list | tuple) else written
