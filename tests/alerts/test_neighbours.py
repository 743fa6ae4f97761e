"""Regions beside each other, and proposals that are about one thing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from alerts.evaluate import evaluate_all
from alerts.neighbours import FOLDER, Offered, group, neighbours, touching
from alerts.pack import PackRule
from alerts.rule import Rule
from data.regions import default_base_dir, load_regions
from data.store.engine import Store
from data.store.tables import proposal

ROW = ("CN-110101", "CN-110102", "CN-110201", "CN-110202")  # from west to east


def test_neighbours_share_a_border_and_are_kept_under_the_name_of_the_base_data(home: Path, base_dir: Path) -> None:
    index = load_regions(base_dir)
    pairs = neighbours(home, base_dir, "cn-county")
    assert [tuple(index.code[pair]) for pair in pairs.tolist()] == list(pairwise(ROW))
    (kept,) = (home / FOLDER).iterdir()
    assert np.array_equal(np.load(kept), pairs)
    assert touching(base_dir, "us-county").shape == (0, 2)


def test_neighbours_of_real_counties() -> None:
    index = load_regions()
    pairs = touching(default_base_dir(), "us-state")
    beside = {frozenset(index.code[pair].tolist()) for pair in pairs.tolist()}
    assert {"US-06", "US-32"} in beside and {"US-06", "US-41"} in beside and {"US-06", "US-04"} in beside
    assert not any("US-15" in pair for pair in beside)  # Hawaii
    missouri = {code for pair in beside if "US-29" in pair for code in pair} - {"US-29"}
    assert len(missouri) == 8  # Missouri has eight neighbours


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        pytest.param([("rain", "110101"), ("rain", "110102")], [1, 1], id="beside"),
        pytest.param([("rain", "110101"), ("rain", "110201")], [1, 2], id="apart"),
        pytest.param([("rain", "110101"), ("wind", "110102")], [1, 2], id="other-hazard"),
        pytest.param([("rain", "110101"), ("rain", "110201"), ("rain", "110102")], [1, 1, 1], id="joined-by-a-third"),
        pytest.param([("rain", "110101"), ("rain", "110101")], [1, 1], id="two-rules-in-one-county"),
        pytest.param([("rain", "1102"), ("rain", "110202")], [1, 1], id="county-in-the-prefecture"),
        pytest.param([("rain", "110101 110202"), ("rain", "110201")], [1, 1], id="one-of-several"),
        pytest.param([("rain", "999999")], [1], id="region-that-is-gone"),
    ],
)
def test_group_of_proposals(home: Path, base_dir: Path, offered: list[tuple[str, str]], expected: list[int]) -> None:
    index = load_regions(base_dir)
    beside: dict[int, list[int]] = {}
    for one, other in neighbours(home, base_dir, "cn-county").tolist():
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    items = [
        Offered(id=number, hazard=hazard, regions=tuple(f"CN-{code}" for code in codes.split()))
        for number, (hazard, codes) in enumerate(offered, start=1)
    ]
    assert list(group(items, index, beside).values()) == expected


def test_proposals_of_two_rules_about_one_hazard_get_one_group(
    store: Store, home: Path, base_dir: Path, now: datetime, make_rule: Callable[..., Rule],
    add_station: Callable[..., None], add_reading: Callable[..., None],
) -> None:  # fmt: skip
    item = {"source": "stations", "quantity": "rain", "unit": "mm"}
    levels = {"red": {"input": "x", "trigger": 50, "clear": 40}}
    rules = [
        PackRule(rule=make_rule(levels, key=f"test.{name}", inputs={"x": {**item, "quantity": name}}), path=home)
        for name in ("rain", "snow")
    ]
    for key, lon, quantity in (("a", 100.5, "rain"), ("b", 101.5, "snow")):
        add_station(key, lon)
        add_reading(key, quantity, now, 60.0)
    evaluate_all(store, home, base_dir, rules, now)
    add_station("c", 103.5)
    add_reading("c", "rain", now + timedelta(minutes=1), 60.0)
    evaluate_all(store, home, base_dir, rules, now + timedelta(minutes=1))
    with store.read() as connection:
        rows = connection.execute(sa.select(proposal).order_by(proposal.c.id)).all()
    assert [(row.regions, row.detail["group"]) for row in rows] == [
        (["CN-110101"], 1), (["CN-110102"], 1), (["CN-110202"], 3),
    ]  # fmt: skip
