"""A printed map of survey records counts each record once, where it lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data.errors import LayerError
from data.permit import Permit
from layers.export.picture_frame import Frame, frame
from layers.export.records import _painted, counted, extent
from layers.survey.sight import Sight
from layers.survey.store import Store

OPEN = Permit(dataset="sites", reader="r", data_class="public", counts=True, records=True, export=True)
FEW = Permit(dataset="sites", reader="r", data_class="restricted", counts=True, least=10)


def window(bounds: tuple[float, float, float, float], *, fine: int = 2) -> Frame:
    found = frame(bounds, 400, 300)
    return Frame(west=found.west, south=found.south, east=found.east, north=found.north,
                 width=found.width * fine, height=found.height * fine)  # fmt: skip


@pytest.mark.parametrize("bounds", [(60, 10, 140, 60), (116, 39, 118, 41), (116.3, 39.8, 116.5, 40)])
def test_every_record_of_the_window_is_counted_once(
    store: Store,
    bounds: tuple[float, float, float, float],
    delivered: Any,
) -> None:
    seen, shown = Sight(store, OPEN, lambda _: ()), window(bounds)
    dots = counted(seen, seen.choose(""), shown)
    assert dots.shape == (shown.height // 2, shown.width // 2)
    lon, lat = (np.array(delivered[name].to_pylist()[3:], float) for name in ("lon", "lat"))
    inside = (lon > shown.west) & (lon < shown.east) & (lat > shown.south) & (lat < shown.north)
    assert abs(int(dots.sum()) - int(inside.sum())) <= 0.02 * inside.sum() + 2  # at the edge, cells are a dot wide
    row, column = np.unravel_index(int(dots.argmax()), dots.shape)
    at = shown.west + (column + 0.5) * 2 * shown.dx, shown.north - (row + 0.5) * 2 * shown.dy
    assert min(np.hypot(at[0] - 116.4, at[1] - 39.9), np.hypot(at[0] - 117.2, at[1] - 39.1)) < 0.5


def test_the_extent_holds_what_is_chosen(store: Store) -> None:
    seen = Sight(store, OPEN, lambda _: ())
    west, south, east, north = extent(seen, seen.choose(""))
    assert (72 < west <= 74) and (134 <= east < 136) and (17 < south <= 19) and (53 < north < 55)
    with pytest.raises(LayerError, match="No record"):
        extent(seen, seen.choose('{"sector": []}'))


def test_who_may_only_count_gets_cells_of_a_kilometre(store: Store) -> None:
    seen = Sight(store, FEW, lambda _: ())
    dots = counted(seen, seen.choose(""), window((116.39, 39.89, 116.41, 39.91)))
    assert len(np.unique(dots)) < 400 and (dots % 10 <= 1).all()
    assert np.count_nonzero(np.diff(dots, axis=1)) < dots.size / 10


def test_one_record_is_a_dot_of_three() -> None:
    dots = np.zeros((40, 60), np.int64)
    dots[20, 30] = 12
    values, shown = _painted(dots)
    assert values.shape == (80, 120) and shown.sum() == 9 * 4 and set(np.unique(values)) == {0.0, 10.0}
