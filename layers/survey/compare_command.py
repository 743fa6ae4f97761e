"""`survey compare`: what one delivery added, changed and removed against another, or against what a store serves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.errors import ConfigError, LayerError
from data.store.engine import Store
from layers.survey.amend import Part, together
from layers.survey.build import part_of, read_manifest
from layers.survey.compare import Comparison, compare
from layers.survey.schema import Schema
from layers.survey.shelf import KINDS
from layers.survey.versions import compare_versions


def add_arguments(commands: Any) -> None:
    """Add the action to the subparsers of `survey`."""
    ask = commands.add_parser("compare", help="what a delivery added, changed and removed, by identity")
    ask.add_argument("--old", type=Path, nargs="+", help="Parquet files of the earlier delivery")
    ask.add_argument("--store", type=Path, help="or the store whose records are the earlier state")
    ask.add_argument("--new", type=Path, nargs="+", help="Parquet files of the later delivery")
    ask.add_argument("--dataset", metavar="NAME", help="or two deliveries of the catalogue, for its page of changes")
    ask.add_argument("--versions", type=int, nargs=2, metavar="VERSION", help="of --dataset, the earlier one first")
    ask.add_argument("--schema", type=Path, help="YAML, as `survey suggest` writes it; needed with --old")
    ask.add_argument("--out", type=Path, help="a folder for the comparison: one that is there is replaced")
    ask.add_argument("--workers", type=int, default=2)


def main(
    options: argparse.Namespace, read_schema: Callable[[Path], Schema], catalogue: Callable[[], tuple[Store, Path]]
) -> int:
    """Compare, and print counts by kind of change, facet and region; `catalogue` opens the database and the home."""
    if options.dataset:
        found = _compared_versions(options, catalogue)
    else:
        if not options.new or options.out is None:
            raise ConfigError(["a comparison needs --new and --out, or --dataset and --versions"])
        old, schema = _earlier(options, read_schema)
        found = compare(old, part_of(options.new, options.out, schema), schema, options.out, workers=options.workers)
    schema = found.stores["added"].schema
    facts: dict[str, Any] = dict(found.facts)
    for kind in KINDS[:3]:
        tally = found.stores[kind].tally()
        facts[f"{kind}_by"] = {facet.name: tally.by_facet(facet.name) for facet in schema.facets}
        facts[f"{kind}_by"]["region"] = tally.by_region()
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    print(", ".join(f"{kind} {facts[kind]:,}" for kind in (*KINDS[:3], "same")))
    for side in ("old", "new"):
        if facts[f"only_in_{side}"]:
            print(f"columns that only the {side} one has: {', '.join(facts[f'only_in_{side}'])}")
    for kind in KINDS[:3]:
        for name, counts in facts[f"{kind}_by"].items():
            if counts:
                print(
                    f"{kind}, {name}: " + ", ".join(f"{word or '(none)'} {count:,}" for word, count in counts.items())
                )
    return 0


def _compared_versions(options: argparse.Namespace, catalogue: Callable[[], tuple[Store, Path]]) -> Comparison:
    if options.new or options.old or options.store or options.out or not options.versions:
        raise ConfigError(["--dataset goes with --versions alone"])
    store, home = catalogue()
    return compare_versions(store, home, options.dataset, tuple(options.versions), workers=options.workers)


def _earlier(options: argparse.Namespace, read_schema: Callable[[Path], Schema]) -> tuple[Part, Schema]:
    if bool(options.store) == bool(options.old):
        raise ConfigError(["a comparison needs either --old or --store"])
    if options.old:
        if options.schema is None:
            raise ConfigError(["--old needs --schema"])
        schema = read_schema(options.schema)
        return part_of(options.old, options.out, schema), schema
    manifest = read_manifest(options.store)
    if manifest is None:
        raise LayerError(f"{options.store}: no store of survey records")
    schema = Schema.from_json(manifest["schema"])
    return together(options.store, schema, manifest["segments"]), schema
