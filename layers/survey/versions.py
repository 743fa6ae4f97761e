"""Comparisons of the deliveries of a dataset, kept beside its store."""

from __future__ import annotations

import json
import re
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from data.errors import LayerError
from data.store import catalogue
from data.store.engine import Store
from layers.survey.amend import Part
from layers.survey.build import part_of
from layers.survey.compare import FACTS, Comparison, compare
from layers.survey.schema import Schema
from layers.survey.shelf import COMPARED, FOLDER

_NAME = re.compile(r"(\d+)-(\d+)")
Versions = tuple[int, int]


def compare_versions(
    store: Store, home: Path, dataset: str, versions: Versions, *, workers: int = 2, executor: Executor | None = None
) -> Comparison:
    """Compare two deliveries that each hold the whole dataset, the earlier one first.

    Raises
    ------
    LayerError
        If there is no such delivery, or one of them only adds to or amends others.
    """
    if versions[0] >= versions[1]:
        raise LayerError("the earlier version comes first")
    schema = _schema(_delivery(store, home, dataset, versions[1]))
    parts = [version_part(store, home, dataset, one, schema) for one in versions]
    folder = home / FOLDER / dataset / COMPARED / f"{versions[0]}-{versions[1]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return compare(parts[0], parts[1], schema, folder, workers=workers, executor=executor)


def version_part(store: Store, home: Path, dataset: str, version: int, schema: Schema) -> Part:
    """The files of a delivery."""
    folder = _delivery(store, home, dataset, version)
    return part_of(sorted(folder.glob("part-*.parquet")), home / FOLDER / dataset, schema)


def comparisons(home: Path, dataset: str) -> dict[Versions, Comparison]:
    """The comparisons that have been made, the latest versions first."""
    found = {}
    for path in (home / FOLDER / dataset / COMPARED).glob(f"*/{FACTS}"):
        name = _NAME.fullmatch(path.parent.name)
        if name:
            found[int(name[1]), int(name[2])] = Comparison(path.parent)
    return dict(sorted(found.items(), key=lambda item: item[0][::-1], reverse=True))


def _delivery(store: Store, home: Path, dataset: str, version: int) -> Path:
    with store.read() as connection:
        catalogue.read_dataset(connection, dataset)
        deliveries = catalogue.list_deliveries(connection, dataset)
    row: Any = next((one for one in deliveries if one.version == version), None)
    if row is None:
        raise LayerError(f"{dataset} has no version {version}")
    if row.mode != "replace":
        raise LayerError(f"{dataset} {version} only adds to or amends others: compare the store with it")
    return home / str(row.folder)


def _schema(folder: Path) -> Schema:
    return Schema.from_json(json.loads((folder / "delivery.json").read_text(encoding="utf-8"))["record_schema"])
