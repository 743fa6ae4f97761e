"""Fields over HTTP: the list of series, picture and value tiles, a point and its history."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.model import FieldStep
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext
from layers.value_tiles import unpack

Keep = Callable[..., list[int]]
HOUR = timedelta(hours=1)


def rain(at: datetime, *, run_at: datetime | None = None, value: float = 60.0, **changes: Any) -> FieldStep:
    """Twenty by twenty half-degree cells of one value, the north-western one missing."""
    values = np.full((20, 20), value, dtype=np.float32)
    values[0, 0] = np.nan
    facts = {
        "quantity": "precipitation", "unit": "mm", "valid_at": at, "run_at": run_at or at, "accumulation_s": 3600,
        "lon": np.arange(100.25, 110.0, 0.5), "lat": np.arange(39.75, 30.0, -0.5), "values": values,
        "forecast": run_at is not None,
    }  # fmt: skip
    return FieldStep(**{**facts, **changes})


@pytest.fixture
def keep(store: Store, home: Path, now: datetime) -> Keep:
    def put(*steps: FieldStep, source: str = "grid_files") -> list[int]:
        sink, context = FieldSink(), PutContext(source=source, payload_id=None, received_at=now, home=home)
        prepared = sink.prepare(context, list(steps))
        with store.write() as connection:
            sink.put(connection, context, prepared)
        return [row["id"] for row in prepared]

    return put


def test_series_are_listed_with_steps_oldest_first(client: Any, keep: Keep, now: datetime) -> None:
    past = keep(*(rain(now - hours * HOUR, value=hours) for hours in (3, 2, 1)))
    ahead = keep(rain(now + HOUR, run_at=now - HOUR), rain(now + 2 * HOUR, run_at=now - HOUR))
    keep(rain(now, quantity="a_local_one", unit="?", attributes={"title": "Their words"}))
    first, second = client.get("/api/fields.json").json["series"]
    assert (first["quantity"], first["title"], first["unit"]) == ("precipitation", "Precipitation", "mm")
    assert [step["id"] for step in first["steps"]] == [*past, *ahead]
    assert first["latest"] == past[-1]
    assert [step["forecast"] for step in first["steps"]] == [False, False, False, True, True]
    assert first["late_after_s"] == 3 * 3600
    assert first["sampling"] == "nearest"
    assert first["derived"] is False
    assert first["ramp"]["stops"][0]["value"] == 0.1
    assert first["bounds"] == pytest.approx([100, 30, 110, 40])
    assert first["more_before"] == 0
    assert (second["title"], second["status"], second["late_after_s"]) == ("Their words", "experimental", None)


def test_forecast_without_analysis_has_no_latest(client: Any, keep: Keep, now: datetime) -> None:
    keep(rain(now + HOUR, run_at=now - HOUR))
    (series,) = client.get("/api/fields.json").json["series"]
    assert series["latest"] is None
    assert series["runs"][0]["steps"] == 1


def test_run_that_came_half_says_what_is_missing(client: Any, keep: Keep, now: datetime) -> None:
    keep(*(rain(now + hours * HOUR, run_at=now) for hours in (1, 2, 3, 5, 6)))
    (series,) = client.get("/api/fields.json").json["series"]
    (run,) = series["runs"]
    assert [datetime.fromisoformat(at) for at in run["missing"]] == [now + 4 * HOUR]


def test_picture_by_number_and_by_times_is_the_same(client: Any, keep: Keep, now: datetime) -> None:
    (number,) = keep(rain(now))
    by_number = client.get(f"/t/field/{number}/4/12/6.png")
    by_times = client.get(f"/t/field/precipitation/{now:%Y%m%dT%H%MZ}/{now:%Y%m%dT%H%MZ}/4/12/6.png")
    assert by_number.data.startswith(b"\x89PNG")
    assert by_times.data == by_number.data
    assert "immutable" in by_number.headers["Cache-Control"]
    assert "immutable" not in by_times.headers["Cache-Control"]  # a corrected step comes under the same address
    webp = client.get(f"/t/field/precipitation/{now:%Y%m%dT%H%MZ}/{now:%Y%m%dT%H%MZ}/4/12/6.webp")
    assert webp.content_type == "image/webp"
    pictures = [Image.open(io.BytesIO(one.data)).convert("RGBA") for one in (by_number, webp)]
    seen = [np.asarray(one)[np.asarray(one)[:, :, 3] > 0] for one in pictures]
    assert len(seen[0]) > 100
    assert np.array_equal(*seen)
    assert client.get(f"/t/field/{number}/4/0/0.png").status_code == 204


def test_step_in_two_series_asks_which(client: Any, keep: Keep, now: datetime) -> None:
    keep(rain(now))
    keep(rain(now), source="another")
    address = f"/t/field/precipitation/{now:%Y%m%dT%H%MZ}/{now:%Y%m%dT%H%MZ}/4/12/6.png"
    answer = client.get(address)
    assert answer.status_code == 409
    key = next(one["key"] for one in client.get("/api/fields.json").json["series"] if one["source"] == "another")
    assert key in answer.json["message"]
    assert client.get(address, query_string={"series": key}).status_code == 200
    assert client.get(f"/t/field/precipitation/now/{now:%Y%m%dT%H%MZ}/4/12/6.png").status_code == 400


@pytest.mark.parametrize(("accepts", "coding"), [("gzip, zstd", "zstd"), ("gzip", "gzip"), ("identity", "")])
def test_value_tile_in_each_coding(client: Any, keep: Keep, now: datetime, accepts: str, coding: str) -> None:
    from backports import zstd

    (number,) = keep(rain(now, value=61.25))
    answer = client.get(f"/t/value/{number}/5/24/12.bin", headers={"Accept-Encoding": accepts})
    assert answer.headers.get("Content-Encoding", "") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    read = {"zstd": zstd.decompress, "gzip": gzip.decompress, "": bytes}[coding]
    codes, scale = unpack(read(answer.data))
    assert codes.shape == (256, 256)
    known = scale.decode(codes)[codes > 0]
    assert known == pytest.approx(61.25, abs=scale.step)
    assert (codes == 0).any()  # west of the field


def test_tiles_not_changed_are_304_and_empty_ones_204(client: Any, keep: Keep, now: datetime) -> None:
    (number,) = keep(rain(now))
    for address in (f"/t/value/{number}/5/24/12.bin", f"/t/field/{number}/5/24/12.png"):
        first = client.get(address)
        assert "immutable" in first.headers["Cache-Control"]
        again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    assert client.get(f"/t/value/{number}/4/0/0.bin").status_code == 204


def test_point_gives_the_cell_and_says_missing(client: Any, keep: Keep, now: datetime) -> None:
    (number,) = keep(rain(now))
    there = client.get(f"/api/fields/point.json?step={number}&lon=105.1&lat=35.1").json
    assert (there["value"], there["unit"], there["missing"]) == (60.0, "mm", False)
    assert there["cell"] == pytest.approx([105.0, 35.0, 105.5, 35.5])
    gap = client.get(f"/api/fields/point.json?step={number}&lon=100.1&lat=39.9").json
    assert (gap["value"], gap["missing"]) == (None, True)
    assert client.get(f"/api/fields/point.json?step={number}&lon=10&lat=35").status_code == 404
    for wrong in ("step=x&lon=1&lat=2", f"step={number}&lon=nan&lat=2", f"step={number}&lon=1"):
        assert client.get(f"/api/fields/point.json?{wrong}").status_code == 400


def test_history_of_a_point_keeps_gaps(client: Any, keep: Keep, now: datetime) -> None:
    keep(*(rain(now - hours * HOUR, value=hours) for hours in (3, 2, 1)))
    (series,) = client.get("/api/fields.json").json["series"]
    asked = {"series": series["key"], "lon": 105.1, "lat": 35.1}
    found = client.get("/api/fields/history.json", query_string=asked).json
    assert [point["value"] for point in found["points"]] == [3.0, 2.0, 1.0]
    assert found["unit"] == "mm"
    gap = client.get("/api/fields/history.json", query_string={**asked, "lon": 100.1, "lat": 39.9}).json
    assert [point["value"] for point in gap["points"]] == [None, None, None]
    later = {**asked, "since": (now - 2 * HOUR).isoformat()}
    assert len(client.get("/api/fields/history.json", query_string=later).json["points"]) == 1
    assert client.get("/api/fields/history.json?series=x&lon=1&lat=1").status_code == 400
    unknown = {**asked, "series": "a~b~0~c"}
    assert client.get("/api/fields/history.json", query_string=unknown).status_code == 404
