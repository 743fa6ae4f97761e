"""Gauges with stages of their own in the rule's table, and where their readings are heading."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from alerts.command import evaluate_report
from alerts.evaluate import evaluate_all
from alerts.pack import PackRule
from alerts.rule import Rule
from alerts.why import RuleWhy, explain
from data.model import FieldStep
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext
from layers.region_history import bring_up_to_date

HERE = "CN-110101"
MINUTES = timedelta(minutes=1)
STAGE = {"source": "stations", "quantity": "river_stage", "unit": "m"}
LEVELS = {
    "yellow": {"input": "x", "trigger": 2.5, "clear": 2.4},
    "red": {"input": "x", "trigger": 4.0, "clear": 3.9},
}


@pytest.fixture
def why(
    store: Store, home: Path, base_dir: Path, now: datetime, make_rule: Callable[..., Rule]
) -> Callable[..., RuleWhy]:
    def look(levels: dict[str, Any] = LEVELS, **changes: Any) -> RuleWhy:
        rule = make_rule(levels, **{"inputs": {"x": STAGE}, "max_age": "1h", **changes})
        evaluate_all(store, home, base_dir, [PackRule(rule=rule, path=home)], now)
        (found,) = explain(store, base_dir, HERE, now, home=home).rules
        return found

    return look


@pytest.fixture
def rising(now: datetime, add_station: Callable[..., None], add_reading: Callable[..., None]) -> None:
    """From 1.7 m to 2.3 m in three hours, now at 20 cm/h; told in centimetres."""
    add_station("a", 100.5, stages_m={"minor": 2.0})
    for step in range(13):
        add_reading("a", "river_stage", now - 15 * MINUTES * step, 230.0 - 5.0 * step, unit="cm")


@pytest.mark.usefixtures("rising")
def test_trend_and_time_to_the_next_levels(why: Callable[..., RuleWhy]) -> None:
    trend = why().readings[0].trend
    assert trend is not None
    assert (trend.per_hour, trend.error) == (pytest.approx(0.2), pytest.approx(0.0, abs=1e-7))
    assert [(one.level.key, round(one.in_s), one.by) for one in trend.reaches] == [
        ("yellow", 3600, "readings"), ("red", 30600, "readings"),
    ]  # fmt: skip


@pytest.mark.usefixtures("rising")
def test_trend_of_a_gauge_less_its_own_stage_is_in_what_the_rule_compares(why: Callable[..., RuleWhy]) -> None:
    levels = {"orange": {"input": "x", "trigger": 0.5, "clear": 0.4}}
    found = why(levels, inputs={"x": {**STAGE, "minus_site": "stages_m.minor"}}).readings[0]
    assert found.value == pytest.approx(0.3)
    assert found.trend is not None and found.trend.reaches[0].in_s == pytest.approx(3600.0)


def test_two_readings_or_a_sum_have_no_trend(
    now: datetime, why: Callable[..., RuleWhy], add_station: Callable[..., None], add_reading: Callable[..., None]
) -> None:
    add_station("a", 100.5)
    for step in range(2):
        add_reading("a", "river_stage", now - 15 * MINUTES * step, 2.0, unit="m")
    assert why().readings[0].trend is None
    added = {**STAGE, "accumulate": "sum", "window": "1h", "interval": "15min"}
    assert why(inputs={"x": added}).readings[0].trend is None


@pytest.mark.usefixtures("rising")
def test_forecast_of_the_same_quantity_tells_when_it_meets_each_level(
    store: Store, home: Path, base_dir: Path, now: datetime, why: Callable[..., RuleWhy]
) -> None:
    lon, lat = np.arange(98.25, 106.0, 0.5), np.arange(23.75, 18.0, -0.5)
    sink, context = FieldSink(), PutContext(source="model", payload_id=1, received_at=now, home=home)
    steps = [
        FieldStep(
            quantity="river_stage", unit="cm", valid_at=now + timedelta(hours=hours), run_at=now, lon=lon, lat=lat,
            values=np.full((len(lat), len(lon)), value, dtype=np.float32), forecast=True,
        )
        for hours, value in ((1, 240.0), (2, 260.0), (3, 390.0), (4, 410.0))
    ]  # fmt: skip
    prepared = sink.prepare(context, steps)
    with store.write() as connection:
        sink.put(connection, context, prepared)
    bring_up_to_date(store, home, base_dir, now)
    found = why().readings[0]
    assert [(one.level.key, one.in_s, one.by) for one in found.ahead] == [
        ("yellow", 7200.0, "forecast"), ("red", 14400.0, "forecast"),
    ]  # fmt: skip


@pytest.mark.usefixtures("rising")
def test_evaluate_prints_where_a_gauge_is_heading(
    store: Store, home: Path, base_dir: Path, now: datetime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from alerts.command import _told
    from data.settings import Settings

    path = tmp_path / "rules.yaml"
    path.write_text(GAUGES, encoding="utf-8")
    url = store.engine.url.render_as_string(hide_password=False)
    settings = Settings(home=home, base_dir=base_dir, database_url=url)
    text = _told(evaluate_report(store, settings, [path], now, HERE))
    assert "x rising 0.2 m/h" in text and "12 readings" in text
    assert "at this rate red (3.1 m) in 2 h 00 min" in text


GAUGES = """rules:
  - key: county.stage
    version: "1"
    authority: {en: A, zh: 甲}
    citation: {title: T, read_on: 2026-01-01}
    valid_from: 2020-01-01
    hazard: flood
    branch: observed
    title: {en: A, zh: 甲}
    text: {en: A, zh: 甲}
    sites:
      table/a: {stages_m: {minor: -0.4}}
    inputs:
      x: {source: stations, quantity: river_stage, unit: m, minus_site: stages_m.minor}
    levels:
      yellow: {input: x, trigger: 2.5, clear: 2.4}
      red: {input: x, trigger: 3.1, clear: 3.0}
    max_age: 1h
    duration: {default: 1h, hard_limit: 2h}
"""


def test_table_of_sites_goes_before_what_stations_carry(
    now: datetime, why: Callable[..., RuleWhy], add_station: Callable[..., None], add_reading: Callable[..., None]
) -> None:
    add_station("a", 100.4, stages_m={"minor": 9.0})
    add_station("b", 100.6, stages_m={"minor": 1.5})
    add_station("c", 100.7)
    for key, value in (("a", 5.0), ("b", 1.0), ("c", 9.0)):
        add_reading(key, "river_stage", now, value, unit="m")
    levels = {"orange": {"input": "x", "trigger": 0, "clear": -0.2}}
    sited = {"x": {**STAGE, "minus_site": "stages_m.minor"}}
    assert int(why(levels, inputs=sited).level) == 0
    found = why(levels, inputs=sited, sites={"table/a": {"stages_m": {"minor": 4.5}}})
    assert (int(found.level), found.readings[0].value) == (3, pytest.approx(0.5))
    assert found.readings[0].behind is not None and found.readings[0].behind.id == "a"


@pytest.mark.parametrize(
    ("sites", "says"),
    [
        ({"a": {"minor": 1}}, "source/station"),
        ({"table/a": {"minor": "high"}}, "minor is not a number"),
        ({"table/a": {"stages_m": {"minor": float("nan")}}}, "finite"),
    ],
    ids=str,
)
def test_table_of_sites_with_a_fault_is_refused(
    make_rule: Callable[..., Rule], sites: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        make_rule(LEVELS, inputs={"x": {**STAGE, "minus_site": "stages_m.minor"}}, sites=sites)
    with pytest.raises(ValidationError, match="sites belong"):
        make_rule(LEVELS, inputs={"x": STAGE}, sites={"table/a": {"minor": 1}})


@pytest.mark.parametrize(
    ("course", "level"),
    [
        pytest.param([1.0, 2.0, 3.0, 4.5], 0, id="still-rising"),
        pytest.param([1.0, 2.0, 4.5, 4.4], 4, id="over-the-peak"),
        pytest.param([1.0, 4.5, 4.5, 4.5], 4, id="flat-top"),
        pytest.param([4.5, 4.0, 3.0, 2.6], 0, id="falling-from-the-first"),
        pytest.param([1.0, 2.6, 1.0, 0.9], 2, id="lower-peak"),
    ],
)
def test_peak_is_looked_at_and_what_leads_to_it_is_not(
    now: datetime, why: Callable[..., RuleWhy], add_station: Callable[..., None], add_reading: Callable[..., None],
    course: list[float], level: int,
) -> None:  # fmt: skip
    add_station("a", 100.5)
    for hours, value in enumerate(reversed(course)):
        add_reading("a", "river_stage", now - timedelta(hours=hours), value, unit="m")
    found = why(inputs={"x": {**STAGE, "accumulate": "peak", "window": "6h"}}, min_valid_share=0.5)
    assert (int(found.level), found.phase) == (level, "firing" if level else "normal")
