"""Fields on the past: sliding windows, read once, give what the live engine finds step by step; so does a pool."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from alerts.backtest import moments, run_proof, run_rule
from alerts.evaluate import evaluate_all
from alerts.history import History, archive_history, scratch
from alerts.pack import PackRule
from alerts.past_fields import past_fields
from alerts.places import rids_of
from alerts.rule import Rule
from data.model import FieldStep
from data.regions import load_regions
from data.store.engine import Store
from data.store.fields import FieldSink
from data.store.sink import PutContext
from data.store.tables import transition
from tests.conftest import tries

HOUR = timedelta(hours=1)
LON, LAT = 99.875 + 0.25 * np.arange(18), 22.125 - 0.25 * np.arange(10)
STEPS, LOST = tries(28, 20), (11, 12, 20)
LEVELS = {"blue": {"input": "x", "trigger": 12, "clear": 9}, "red": {"input": "x", "trigger": 30, "clear": 22}}
COLD = {"blue": {"input": "x", "trigger": 0.5, "clear": 1.5, "direction": "below"}}


def fields(now: datetime) -> list[tuple[datetime, FieldStep]]:
    """Hourly rain with moving patches and holes, three hours lost; each comes ten minutes after its time."""
    source = np.random.default_rng(3)
    found = []
    for hour in range(STEPS):
        at = now + hour * HOUR
        values = np.round(source.gamma(0.6, 5.0, (len(LAT), len(LON))), 1).astype(np.float32)
        values[:, (np.arange(len(LON)) + hour) % 9 > 4] = 0.0
        if hour % 7 == 3:
            values[2:5, hour % len(LON)] = np.nan
        if hour in LOST:
            continue
        step = FieldStep(
            quantity="precipitation", unit="mm", valid_at=at, run_at=at, lon=LON, lat=LAT, values=values,
            accumulation_s=3600,
        )  # fmt: skip
        found.append((at + timedelta(minutes=10), step))
    return found


def put(store: Store, home: Path, received: datetime, step: FieldStep) -> None:
    context = PutContext(source="radar", payload_id=0, received_at=received, home=home)
    sink = FieldSink()
    prepared = sink.prepare(context, [step])
    with store.write() as connection:
        sink.put(connection, context, prepared)


@pytest.fixture
def rule(make_rule: Callable[..., Rule]) -> Callable[..., Rule]:
    def make(levels: dict[str, Any] = LEVELS, **item: Any) -> Rule:
        given = {"source": "field", "quantity": "precipitation", "unit": "mm", "spatial": "max", **item}
        return make_rule(levels, inputs={"x": given}, max_age="90min", regions={"kinds": ["cn-county"]})

    return make


KINDS = [
    pytest.param({"accumulate": "latest"}, LEVELS, id="latest"),
    pytest.param({"accumulate": "sum", "window": "6h"}, LEVELS, id="sum"),
    pytest.param({"accumulate": "sum", "window": "6h", "spatial": "mean"}, LEVELS, id="mean of sums"),
    pytest.param({"accumulate": "sum", "window": "6h", "unit": "cm", "min_valid_share": 0.9},
                 {"blue": {"input": "x", "trigger": 1.2, "clear": 0.9}}, id="other unit"),
    pytest.param({"accumulate": "max", "window": "4h", "spatial": "percentile", "percentile": 90}, LEVELS, id="max"),
    pytest.param({"accumulate": "min", "window": "2h", "spatial": "min"}, COLD, id="min"),
    pytest.param({"accumulate": "mean", "window": "3h", "spatial": "share_above", "above": 4.0},
                 {"blue": {"input": "x", "trigger": 0.2, "clear": 0.1}}, id="share"),
    pytest.param({"accumulate": "change", "window": "3h"}, LEVELS, id="change goes the general way"),
]  # fmt: skip


@pytest.mark.one_database
@pytest.mark.parametrize(("item", "levels"), KINDS)
def test_fields_give_the_transitions_of_the_live_engine(
    store: Store, home: Path, base_dir: Path, now: datetime, rule: Callable[..., Rule], item: dict[str, Any],
    levels: dict[str, Any],
) -> None:  # fmt: skip
    tried = rule(levels, **item)
    waiting = fields(now)
    with scratch() as (past, folder):
        for received, step in waiting:
            put(past, folder, received, step)
        history = archive_history(past, folder, base_dir)
        since, until = history.span([tried])
        until += 4 * HOUR
        slides = past_fields(history, tried, rids_of(tried, load_regions(base_dir)), load_regions(base_dir))
        assert bool(slides) == (item["accumulate"] != "change")
        run = run_rule(tried, history, since, until, curve=False)
        times = moments(tried, history, since.timestamp(), until.timestamp(), None)
    for at in times.tolist():
        moment = since + timedelta(seconds=at - since.timestamp())
        while waiting and waiting[0][0] <= moment:
            put(store, home, *waiting.pop(0))
        evaluate_all(store, home, base_dir, [PackRule(rule=tried, path=Path("a.yaml"))], moment)
    moved = transition.c
    with store.read() as connection:
        rows = connection.execute(
            sa.select(moved.at, moved.region, moved.to_level).where(moved.to_level != moved.from_level)
        ).all()
    live = sorted((row.at.timestamp(), row.region, row.to_level) for row in rows)
    found = sorted((change.at, run.present.codes[change.region], change.level) for change in run.present.changes)
    assert len(live) >= 3
    assert found == live
    assert np.array_equal(run.present.state.unknown, np.ones(4, np.bool_))  # two hours without a field


@pytest.fixture
def long(base_dir: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """More steps than a piece of work holds, the same few again and again."""
    monkeypatch.setattr("alerts.past_fields.PIECE", 24)
    with scratch() as (store, home):
        given = [step for _, step in fields(now)]
        for hour in range(62):
            step = given[hour % len(given)]
            at = now + hour * HOUR
            moved = FieldStep(
                quantity=step.quantity, unit=step.unit, valid_at=at, run_at=at, lon=LON, lat=LAT, values=step.values,
                accumulation_s=3600,
            )  # fmt: skip
            put(store, home, at, moved)
        yield archive_history(store, home, base_dir)


def test_a_pool_of_processes_gives_equal_numbers(long: History, rule: Callable[..., Rule], base_dir: Path) -> None:
    tried, index = rule(accumulate="sum", window="6h"), load_regions(base_dir)
    rids = rids_of(tried, index)
    here = past_fields(long, tried, rids, index)["x"]
    with ProcessPoolExecutor(2) as pool:
        there = past_fields(long, tried, rids, index, pool)["x"]
        for step in here.steps:
            one, other = here.at(step.received), there.at(step.received)
            assert np.array_equal(one.value, other.value, equal_nan=True)
            assert np.array_equal(one.valid_share, other.valid_share)


def test_dask_gives_an_equal_report(long: History, rule: Callable[..., Rule]) -> None:
    from dask.distributed import Client, LocalCluster

    tried = rule(accumulate="max", window="5h")
    here = run_proof([tried], long, None, curve=False)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, processes=False) as cluster,
        Client(cluster) as client,
        client.get_executor(pure=False) as pool,
    ):
        there = run_proof([tried], long, None, curve=False, pool=pool)
    assert there == here
    assert here["rules"][0]["all"]["warnings"] > 0


def test_a_series_with_late_steps_goes_the_general_way(
    base_dir: Path, now: datetime, rule: Callable[..., Rule]
) -> None:
    tried, index = rule(accumulate="sum", window="6h"), load_regions(base_dir)
    with scratch() as (store, home):
        for number, (received, step) in enumerate(fields(now)[:8]):
            put(store, home, received + (3 * HOUR if number == 4 else timedelta()), step)
        history = archive_history(store, home, base_dir)
        assert past_fields(history, tried, rids_of(tried, index), index) == {}
        assert run_proof([tried], history, None, curve=False)["rules"][0]["all"]["warnings"] > 0
