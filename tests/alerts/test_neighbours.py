"""Regions beside each other, and proposals that are about one thing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from alerts.neighbours import FOLDER, Land, neighbours, touching
from data.regions import default_base_dir, load_regions

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
    ("lists", "expected"),
    [
        pytest.param(["110101", "110102"], [0, 0], id="beside"),
        pytest.param(["110101", "110201"], [0, 1], id="apart"),
        pytest.param(["110101", "110201", "110102"], [0, 0, 0], id="joined-by-a-third"),
        pytest.param(["110101", "110101"], [0, 0], id="the-same"),
        pytest.param(["1102", "110202"], [0, 0], id="county-in-the-prefecture"),
        pytest.param(["110101 110202", "110201"], [0, 0], id="one-of-several"),
        pytest.param(["999999", "110101"], [0, 1], id="region-that-is-gone"),
    ],
)
def test_lists_of_regions_that_hang_together(
    home: Path, base_dir: Path, lists: list[str], expected: list[int]
) -> None:
    codes = [[f"CN-{code}" for code in one.split()] for one in lists]
    assert Land(home, load_regions(base_dir)).together(codes) == expected


def test_regions_apart_are_parts_of_their_own(home: Path, base_dir: Path) -> None:
    assert Land(home, load_regions(base_dir)).apart([ROW[3], ROW[0], ROW[1]]) == [[0], [1, 2]]
