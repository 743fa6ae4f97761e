"""Wind tiles over HTTP: kept for ever under the numbers of their steps, refused for what is not one wind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.model import FieldStep
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext
from layers.wind import unpack

Keep = Callable[..., list[int]]


def component(quantity: str, at: datetime, value: float) -> FieldStep:
    """Twenty by twenty half-degree cells of one value, the west half missing."""
    values = np.full((20, 20), value, np.float32)
    values[:, :10] = np.nan
    return FieldStep(
        quantity=quantity, unit="m/s", valid_at=at, run_at=at, accumulation_s=0, lon=np.arange(100.25, 110.0, 0.5),
        lat=np.arange(39.75, 30.0, -0.5), values=values, forecast=False,
    )  # fmt: skip


@pytest.fixture
def keep(store: Store, home: Path, now: datetime) -> Keep:
    def put(*steps: FieldStep) -> list[int]:
        sink, context = FieldSink(), PutContext(source="grid_files", payload_id=None, received_at=now, home=home)
        prepared = sink.prepare(context, list(steps))
        with store.write() as connection:
            sink.put(connection, context, prepared)
        return [row["id"] for row in prepared]

    return put


def test_tile_holds_both_components_and_is_kept(client: Any, keep: Keep, now: datetime) -> None:
    u, v = keep(component("eastward_wind", now, 12.34), component("northward_wind", now, -5.0))
    answer = client.get(f"/t/wind/{u}/{v}/4/12/6.bin")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, max-age=31536000, immutable")
    east, north = unpack(answer.data)
    known = ~np.isnan(east)
    assert known.any() and not known.all()
    assert np.unique(east[known]) == pytest.approx([12.34])
    assert np.unique(north[known]) == pytest.approx([-5.0])
    again = client.get(f"/t/wind/{u}/{v}/4/12/6.bin", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(f"/t/wind/{u}/{v}/4/0/0.bin").status_code == 204


def test_what_is_not_one_wind_is_refused(client: Any, keep: Keep, now: datetime) -> None:
    u, later = keep(component("eastward_wind", now, 1.0), component("northward_wind", now + timedelta(hours=1), 1.0))
    answer = client.get(f"/t/wind/{u}/{later}/4/12/6.bin")
    assert (answer.status_code, answer.json["error"]) == (409, "no_pair")
    assert client.get(f"/t/wind/{later}/{u}/4/12/6.bin").status_code == 409
    assert client.get(f"/t/wind/{u}/1/4/12/6.bin").status_code == 404
    assert client.get(f"/t/wind/{u}/{later}/23/0/0.bin").status_code == 404
    assert client.get(f"/t/wind/{u}/{later}/4/16/0.bin").status_code == 404
