"""A delivery of a few records, for what people do with it: its units are words that no map knows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from data.store.catalogue import Dataset, Delivery, add_delivery, put_dataset
from data.store.engine import Store
from tests.conftest import NOW
from tests.layers.inspect.planted import deliver

HOSTILE = "=cmd()|x"


def small(store: Store, home: Path, number: int = 1) -> int:
    """Twelve records in two units, with the deliveries' number."""
    rows = range(12)
    table = pa.table({
        "id": [HOSTILE if row == 0 else f"b{row}" for row in rows], "lon": [116.0 + row / 50 for row in rows],
        "lat": [40.0] * 12, "unit": ["110108" if row % 2 else "110114" for row in rows],
        "floors": [2.0 + row for row in rows], "grade": [str(row % 3) for row in rows],
    })  # fmt: skip
    name = f"huts{number}"
    deliver(table, home / "deliveries" / name / "1", parts=1)
    dataset = Dataset(
        name=name, title={"en": "Huts"}, level="county", sector="housing", kind="tsunami", data_class="public",
        unit="CN-110108", record_schema={},
    )  # fmt: skip
    delivery = Delivery(
        dataset=name, mode="replace", folder=f"deliveries/{name}/1", digest=f"{number:064d}", rows=12, refused=0,
        sources=[], unit="CN-110108",
    )  # fmt: skip
    with store.write() as connection:
        put_dataset(connection, dataset, at=NOW, by="county@x")
        return add_delivery(connection, delivery, at=NOW, by="county@x")
