"""A table of five regions for the tests of the Plan page: three values, one unknown, one outside the grid."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np

from data.store.field_series import Series, SeriesKey
from layers.layer import RegionValues
from pages._plan_values import Answer, Question

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = SeriesKey("grid", "precipitation", 3600, "abc")


def row(**changes: Any) -> Any:
    """A row of `field_step`."""
    base = {
        "id": 7, "source": "grid", "quantity": "precipitation", "unit": "mm", "accumulation_s": 3600, "grid": "abc",
        "valid_at": AT, "run_at": AT, "received_at": AT, "forecast": False, "missing_share": 0.0, "payload_id": None,
        "attributes": {"title": "Rain"},
    }  # fmt: skip
    return SimpleNamespace(**(base | changes))


def answer(value: Any = (5.0, np.nan, 20.0, 5.0, np.nan), *, statistic: str = "mean", **changes: Any) -> Answer:
    """The last region lies outside the grid, the second has no valid cell."""
    values = np.array(value, np.float64)
    watched = np.array([True, True, True, True, False])
    found = RegionValues(
        quantity="precipitation", unit="mm", rid=np.arange(5, dtype=np.int32), value=values,
        observed_at=np.full(5, AT.timestamp()), valid_share=np.array([1.0, 0.0, 0.8, 1.0, 0.0]), watched=watched,
    )  # fmt: skip
    asked = Question(step=7, kind="us-county", statistic=statistic, **changes)
    return Answer(question=asked, row=row(), values=found)


def series(quantity: str = "precipitation", *, source: str = "grid", length: int = 3600, **changes: Any) -> Series:
    """One series of a few steps."""
    base: dict[str, Any] = {
        "key": SeriesKey(source, quantity, length, "abc"), "unit": "mm", "title": "", "first_at": AT, "last_at": AT,
        "newest_run_at": AT, "count": 3, "forecast": False, "bounds": (-125.0, 24.0, -66.0, 50.0), "received_at": AT,
    }  # fmt: skip
    return Series(**(base | changes))


REGIONS: Any = SimpleNamespace(
    code=np.array(["A", "B", "C", "D", "E"]), name=np.array(["Alpha", "Beta", "Gamma", "Delta", "Epsilon"]),
    name_zh=np.array(["", "", "丙", "", ""]), places_population=np.array([10.0, np.nan, 1000.0, 50.0, 9.0]),
    ancestors=lambda _rid: (), by_code={"A": 0, "B": 1, "C": 2, "CN-110101": 3, "US-01001": 4}.get,
)  # fmt: skip
