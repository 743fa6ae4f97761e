"""A delivery of the catalogue brought into the store of its dataset, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import Any

from data.errors import LayerError
from data.store import catalogue
from data.store.engine import Store
from layers.survey.build import build, compact, read_manifest
from layers.survey.schema import Schema
from layers.survey.shelf import FOLDER

Report = Callable[[str, int, int], None]


def serve_delivery(
    store: Store, home: Path, number: int, *, at: datetime, by: str, workers: int = 2,
    executor: Executor | None = None, report: Report = lambda phase, done, total: None,
) -> Mapping[str, Any]:  # fmt: skip
    """Build the store of a delivery's dataset with it, and say in the catalogue that it is served.

    What is in the store already is not built again, so that it may be called once more after it was ended half-way.

    Returns
    -------
    mapping
        What the store's manifest says of the delivery's segment.

    Raises
    ------
    LayerError
        If it may not be served yet, was put in the place of by a later one, or cannot be built.
    """
    with store.read() as connection:
        delivery = catalogue.read_delivery(connection, number)
        dataset = catalogue.read_dataset(connection, delivery.dataset)
    if delivery.state == "served":
        return _segment(home / FOLDER / dataset.name, number) or {}
    _check(delivery, dataset)
    folder, target = home / delivery.folder, home / FOLDER / dataset.name
    entry = _segment(target, number)
    if entry is None:
        schema = Schema.from_json(json.loads((folder / "delivery.json").read_text(encoding="utf-8"))["record_schema"])
        parts = sorted(folder.glob("part-*.parquet"))
        working: dict[str, Any] = {"workers": workers, "executor": executor, "report": report}
        _widen(target, schema, delivery.mode, working)
        entry = build(parts, target, schema, mode=delivery.mode, delivery=number, **working)
    with store.write() as connection:
        if delivery.mode == "replace":
            for other in catalogue.list_deliveries(connection, dataset.name):
                if other.state == "served":
                    detail = {"by_version": delivery.version}
                    catalogue.advance(connection, other.id, "replaced", detail, at=at, by=by)
        catalogue.advance(connection, number, "served", {"rows": entry["rows"]}, at=at, by=by)
    return entry


def _check(delivery: Any, dataset: Any) -> None:
    first = bool((dataset.mapping or {}).get("inspect_first"))
    if first and delivery.state != "passed":
        raise LayerError(
            f"{dataset.name} {delivery.version} is served when it has passed inspection: {delivery.state}"
        )
    if delivery.state not in ("loaded", "passed", "replaced"):
        raise LayerError(f"{dataset.name} {delivery.version} is {delivery.state} and cannot be served")


def _widen(target: Path, schema: Schema, mode: str, working: Mapping[str, Any]) -> None:
    """Give a store that is added to the schema of what comes, where that has more values or regions than before."""
    manifest = read_manifest(target)
    if mode == "replace" or manifest is None or Schema.from_json(manifest["schema"]) == schema:
        return
    compact(target, schema=schema, **working)


def _segment(target: Path, number: int) -> Mapping[str, Any] | None:
    """The segment of a store that holds a delivery."""
    manifest = read_manifest(target) or {"segments": []}
    mine = (one for one in manifest["segments"] if not one.get("of"))
    return next((one for one in mine if any(file["delivery"] == number for file in one["files"])), None)
