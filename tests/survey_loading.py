"""Loading small deliveries in tests: a mapping, an order, and what became of it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.store.catalogue import Dataset, read_delivery
from data.store.engine import Store
from ingest.survey_load.mapping import LoadMapping
from ingest.survey_load.progress import Progress
from ingest.survey_load.sources import read_given
from ingest.survey_load.work import Loaded, Order, load

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SITES = Dataset(
    name="sites", title={"en": "Sites"}, level="county", sector="housing", kind="school", data_class="public"
)


def mapping(**parts: Any) -> LoadMapping:
    """A confirmed mapping."""
    return LoadMapping.model_validate({"confirmed": "a planner", **parts})


def load_files(
    store: Store, home: Path, files: Sequence[Path | str], chosen: LoadMapping | None = None, *,
    new: Dataset | None = SITES, audits: list[Mapping[str, Any]] | None = None, **order: Any,
) -> Loaded:  # fmt: skip
    """Load them as `survey load` does; `new=None` where the dataset is there already."""
    wanted = Order(
        files=read_given([str(path) for path in files]), dataset=order.pop("dataset", "sites"),
        mapping=chosen or mapping(), new=new, **order,
    )  # fmt: skip

    def audit(_connection: Any, **entry: Any) -> None:
        if audits is not None:
            audits.append(entry)

    return load(store, home, wanted, at=AT, by="tests", audit=audit, progress=Progress(io.StringIO(), quiet=True))


def delivered(store: Store, home: Path, loaded: Loaded) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The records of a delivery, and those that were refused."""
    with store.read() as connection:
        folder = home / read_delivery(connection, loaded.number).folder
    parts = [pq.read_table(path) for path in sorted(folder.glob("part-*.parquet"))]
    return pa.concat_tables(parts), pq.read_table(folder / "refused.parquet").to_pylist()
