"""Rolling windows: the same as adding up by hand, missing where anything in the window is missing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.regions import KINDS
from data.store.engine import Store, open_store
from data.store.field_series import best_steps, list_series
from data.store.fields import find_steps
from layers.rolling import rolling, rolling_maxima, slots_of
from layers.zonal import load_weights, weights_path
from tests.layers.archive_scene import LAT, LON, SHAPE, field_step, put, write_base

HOUR = timedelta(hours=1)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("how", ["sum", "max", "min"])
@pytest.mark.parametrize(("count", "window"), [(50, 7), (24, 24), (23, 24), (9, 1), (49, 24)])
def test_rolling_equals_numpy(how: Any, count: int, window: int) -> None:
    rng = np.random.default_rng(count)
    values = rng.gamma(2.0, 3.0, (count, 4, 5)).astype(np.float32)
    values[rng.random(values.shape) < 0.02] = np.nan
    found = list(rolling(iter(values.copy()), window, how))
    assert len(found) == max(count - window + 1, 0)
    operation = {"sum": np.sum, "max": np.max, "min": np.min}[how]
    for number, one in enumerate(found):
        np.testing.assert_allclose(one, operation(values[number : number + window], axis=0), rtol=1e-5)


def test_highest_of_regions_piece_by_piece_and_by_an_executor(
    store: Store, home: Path, tmp_path: Path, now: datetime
) -> None:
    base_dir = write_base(tmp_path / "base")
    rng = np.random.default_rng(3)
    hourly = {now + h * HOUR: rng.gamma(1.0, 3.0, SHAPE).astype(np.float32) for h in range(20) if h != 12}
    put(store, home, *(field_step(values, at) for at, values in hourly.items()), received_at=now)
    with store.read() as connection:
        rows = best_steps(connection, list_series(connection)[0].key)
        grid = find_steps(connection)[0].grid
    load_weights(home, base_dir, KINDS, LON, LAT)
    path = weights_path(home, base_dir, KINDS, grid)
    slots = slots_of(rows, HOUR)
    assert [slot.valid_at for slot in slots if not slot.store] == [now + 12 * HOUR]
    found = rolling_maxima(home, slots, path, 3, "sum", piece=4)
    expected = np.full((18, 4), np.nan)
    for number in range(18):
        times = [now + (number + h) * HOUR for h in range(3)]
        if all(at in hourly for at in times):
            total = np.sum([hourly[at] for at in times], axis=0)
            expected[number, :3] = total.max(), total[:, :4].max(), total[:, 4:].max()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with ThreadPoolExecutor(2) as pool:
        np.testing.assert_array_equal(rolling_maxima(home, slots, path, 3, "sum", run=pool.map, piece=4), found)
    assert rolling_maxima(home, slots[:2], path, 3, "sum").shape == (0, 4)
