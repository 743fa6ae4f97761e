"""Records that stand alone on the map are seen; nothing else of a picture changes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from layers.survey.lone import RIM, enlarged, standing_alone
from layers.survey.tiles import density, shade_of


def grid_of(*cells: tuple[int, int], side: int = 256, count: int = 3) -> np.ndarray:  # type: ignore[type-arg]
    grid = np.zeros((side, side), np.uint32)
    for row, column in cells:
        grid[row, column] = count
    return grid


def test_a_cell_alone_is_a_dot_with_a_rim() -> None:
    pixels = enlarged(shade_of(grid_of((100, 50))))
    own = int(shade_of(3))
    assert (pixels[99:102, 49:52] == own).all() and (pixels == own).sum() == 9
    assert (pixels == RIM).sum() == 12 and pixels[98, 48] == 0


def test_two_beside_each_other_are_enlarged_and_three_are_as_they_are() -> None:
    assert (enlarged(shade_of(grid_of((9, 9), (9, 10)))) > 0).sum() == 12 + 14
    three = shade_of(grid_of((9, 9), (9, 10), (11, 11)))
    assert np.array_equal(enlarged(three), three)


@pytest.mark.parametrize("cell", [(0, 0), (255, 255), (0, 255), (255, 7)])
def test_a_dot_at_the_edge_stays_in_the_tile_and_beside_its_cell(cell: tuple[int, int]) -> None:
    pixels = enlarged(shade_of(grid_of(cell)))
    rows, columns = np.nonzero(pixels == shade_of(3))
    assert len(rows) == 9 and abs(rows.mean() - cell[0]) <= 2 and abs(columns.mean() - cell[1]) <= 2


def test_a_dot_covers_no_other_cell() -> None:
    draw = np.random.default_rng(1)
    grid = np.where(draw.random((256, 256)) < 0.01, draw.integers(1, 9_999, (256, 256)), 0).astype(np.uint32)
    shade = shade_of(grid)
    pixels = enlarged(shade)
    alone = standing_alone(grid > 0)
    assert 0 < alone.sum() < (grid > 0).sum()
    crowded = (grid > 0) & ~alone
    assert np.array_equal(pixels[crowded], shade[crowded])
    alone[:2], alone[-2:], alone[:, :2], alone[:, -2:] = False, False, False, False
    assert not np.isin(pixels[alone], (0, RIM)).any()


@pytest.mark.parametrize(("side", "pixels"), [(128, 9), (64, 16), (32, 64)])
def test_larger_cells_stand_as_they_are_once_they_are_seen(side: int, pixels: int) -> None:
    found = enlarged(shade_of(grid_of((20, 20), side=side)), 256 // side)
    assert found.shape == (256, 256) and (found == shade_of(3)).sum() == pixels


def test_the_rim_is_white_and_no_number_of_records_is() -> None:
    assert shade_of(np.array([1, 65_536, 10**9])).max() < RIM
    picture = np.asarray(Image.open(io.BytesIO(density(grid_of((5, 5))))).convert("RGBA"))
    assert tuple(picture[3, 4]) == (255, 255, 255, 255) and tuple(picture[5, 5])[:3] < (90, 90, 130)
    assert picture[50, 50, 3] == 0
