"""The bytes of the map and how parents come by theirs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.regions import RegionLevels, count_levels, from_bytes, roll_up

PARENTS = np.array([-1, 0, 0, 1, 1, 1, 1, 1, 2], dtype=np.int32)  # country, two provinces, five and one counties


def own(*rows: tuple[int, str]) -> RegionLevels:
    """Regions 3 to 8 in order: level, and u for unknown, w for watched, - for not watched."""
    top = [(0, "-")] * 3
    everything = [*top, *rows]
    return RegionLevels(
        level=np.array([level for level, _ in everything], dtype=np.int8),
        unknown=np.array([mark == "u" for _, mark in everything]),
        watched=np.array([mark != "-" for _, mark in everything]),
    )


@pytest.mark.parametrize(
    ("rows", "province", "country"),
    [
        pytest.param([(0, "-")] * 6, 16, 16, id="not-watched"),
        pytest.param([(0, "w")] * 6, 0, 0, id="all-quiet"),
        pytest.param([(0, "w"), (3, "w"), (1, "w"), (0, "w"), (0, "w"), (4, "w")], 3, 4, id="worst-child"),
        pytest.param([(0, "u"), *[(0, "w")] * 5], 0, 0, id="one-of-five-unknown-is-within-the-limit"),
        pytest.param([(0, "u"), (0, "u"), *[(0, "w")] * 4], 8, 8, id="two-of-five-pass-it"),
        pytest.param([(4, "u"), *[(0, "w")] * 5], 4, 4, id="unknown-child-keeps-its-last-known-level"),
        pytest.param([(0, "u"), *[(0, "-")] * 5], 8, 8, id="only-watched-children-count"),
        pytest.param([(2, "w"), *[(0, "-")] * 5], 2, 2, id="one-watched-child-is-enough"),
    ],
)
def test_roll_up(rows: list[tuple[int, str]], province: int, country: int) -> None:
    packed = roll_up(own(*rows), PARENTS).to_bytes()
    assert (packed[1], packed[0]) == (province, country)


def test_roll_up_keeps_what_rules_say_of_the_parent_itself() -> None:
    levels = own(*[(1, "w")] * 6)
    levels.level[1], levels.unknown[2] = 4, True
    levels.watched[1:3] = True
    packed = roll_up(levels, PARENTS).to_bytes()
    assert packed[:3].tolist() == [4 | 8, 4, 1 | 8]


levels_of_six = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("uw-")), min_size=6, max_size=6)


@given(rows=levels_of_six)
def test_roll_up_never_hides_a_worse_child_nor_shows_green_over_blindness(rows: list[tuple[int, str]]) -> None:
    fixed = [(0 if mark == "-" else level, mark) for level, mark in rows]
    rolled = roll_up(own(*fixed), PARENTS)
    assert rolled.level[0] == max(level for level, _ in fixed)
    seen = [mark for _, mark in fixed if mark != "-"]
    if seen and all(mark == "u" for mark in seen):
        assert rolled.unknown[0]
    assert rolled.watched[0] == bool(seen)


@given(rows=levels_of_six)
def test_bytes_come_back_as_they_were(rows: list[tuple[int, str]]) -> None:
    levels = own(*rows)
    again = from_bytes(levels.to_bytes().tobytes())
    assert np.array_equal(again.level, levels.level)
    assert np.array_equal(again.watched, levels.watched)
    assert np.array_equal(again.unknown, levels.unknown & levels.watched)


def test_count_levels_counts_leaves_only() -> None:
    levels = own((0, "w"), (4, "u"), (2, "w"), (0, "-"), (0, "w"), (0, "u"))
    leaves = np.arange(9) >= 3
    counts = count_levels(levels, leaves, np.array(["a"] * 3 + ["county"] * 5 + ["town"]))
    assert counts["by_level"] == {"unknown": 2, "none": 2, "blue": 0, "yellow": 1, "orange": 0, "red": 0}
    assert (counts["watched"], counts["unknown"], counts["not_watched"]) == (5, 2, 1)
    assert counts["by_kind"]["town"] == {"watched": 1, "unknown": 1}
