"""Samples: the same from the same seed, without choice, and of every stratum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from data.errors import LayerError
from layers.survey.inspect import sample as module
from layers.survey.inspect.delivery import Files
from layers.survey.inspect.sample import Design, draw
from tests.layers.inspect.planted import deliver

COUNT = 2_000


def table() -> pa.Table:
    numbers = np.arange(COUNT)
    return pa.table(
        {"id": [f"r{one}" for one in numbers], "lon": numbers / 1e4, "lat": numbers / 1e4,
         "county": pa.array(np.where(numbers < 300, "110108", "110114"), mask=numbers >= 1990),
         "kind": np.where(numbers % 4 == 0, "school", "house"), "floors": numbers % 7}
    )  # fmt: skip


def files(tmp_path: Path, shuffled: bool = False) -> Files:
    found = table()
    if shuffled:
        found = found.take(np.random.default_rng(1).permutation(COUNT))
    return Files(deliver(found, tmp_path / str(shuffled), parts=3), "county")


def test_a_share_of_each_unit_and_kind_is_drawn(tmp_path: Path) -> None:
    found = draw(files(tmp_path), Design(seed=1, share=0.1, least=5, kind="kind"))
    strata = {(one["unit"], one["kind"]): (one["records"], one["drawn"]) for one in found.strata}
    assert strata == {
        ("110108", "house"): (225, 23), ("110108", "school"): (75, 8), ("110114", "house"): (1267, 127),
        ("110114", "school"): (423, 43), ("", "house"): (8, 5), ("", "school"): (2, 2),
    }  # fmt: skip
    assert len(found.drawn) == len({one.row for one in found.drawn}) == sum(drawn for _, drawn in strata.values())
    one = next(one for one in found.drawn if one.unit == "110114")
    number = int(one.id[1:])
    assert one.lon == number / 1e4
    assert one.facts == {"county": "110114", "kind": one.kind, "floors": number % 7}


def test_the_same_seed_draws_the_same_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    one, two, other = (
        {record.id for record in draw(files(tmp_path, shuffled), Design(seed=seed)).drawn}
        for shuffled, seed in ((False, 7), (True, 7), (False, 8))
    )
    assert one == two
    assert len(one & other) < len(one) / 2


def test_every_record_is_drawn_about_as_often(tmp_path: Path) -> None:
    times = np.zeros(COUNT)
    source = files(tmp_path)
    for seed in range(200):
        for record in draw(source, Design(seed=seed, share=0.1, facts=("floors",))).drawn:
            times[int(record.id[1:])] += 1
    main = times[:1990]  # drawn with 1 in 10: 20 of 200, standard deviation 4.2
    assert main.mean() == pytest.approx(20, rel=0.02)
    assert main.std() == pytest.approx(np.sqrt(200 * 0.1 * 0.9), rel=0.1)


def test_what_cannot_be_drawn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LayerError, match="no column colour"):
        draw(files(tmp_path), Design(seed=1, kind="colour"))
    with pytest.raises(LayerError, match="share"):
        Design(seed=1, share=0)
    monkeypatch.setattr(module, "MOST", 100)
    with pytest.raises(LayerError, match="204 would be drawn"):
        draw(files(tmp_path), Design(seed=1))
